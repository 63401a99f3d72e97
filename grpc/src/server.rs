//! The service as a running thing: opened, serving, drained.
//!
//! It runs on a thread of its own with a current-thread runtime. One thread takes calls, decides
//! and commits; handing each command to another thread would cost more than the disk does. Reads
//! of views leave the thread.

mod log;
mod monitoring;
mod processes;

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use huzhu_projections::checkpoint::ViewsError;
use huzhu_projections::database::Place;
use huzhu_projections::query::Queries;
use huzhu_projections::worker::Views;
use huzhu_store::engine::{Engine, Limits};
use tokio::sync::watch as channel;
use tonic::service::Routes;
use tonic::transport::Server as Transport;
use tonic::transport::server::TcpIncoming;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;
use tower::util::MapRequestLayer;

use self::log::Log;
pub use self::log::LogPlace;
use crate::auth::Verifier;
use crate::auth::keys::{ResidentHasher, TokenKey};
use crate::auth::table;
use crate::clock::Clock;
use crate::contract;
use crate::eventstore::{self, Desk, Persons};
use crate::gate::{Bounds, Gate};
use crate::metrics::Metrics;
use crate::services::{self, Context};
use crate::watch::{self, Newsroom};

/// How many questions to the views are answered at a time: more would only take turns.
const READERS: usize = 2;

/// How the service is run.
#[derive(Clone)]
pub struct Config {
    /// The data folder; made if there is none.
    pub data: PathBuf,
    /// Where the views are kept: a `postgres://` URL, or else in the data folder.
    pub views: Option<String>,
    /// Where the log is.
    pub log: LogPlace,
    /// Where calls are taken. Loopback unless somebody says otherwise.
    pub listen: SocketAddr,
    /// Where Prometheus reads.
    pub metrics: SocketAddr,
    /// How many calls may be under way; more are refused, never queued.
    pub in_flight_max: usize,
    /// The largest message that is taken, in bytes.
    pub message_bytes_max: usize,
    /// How long a call may take that says nothing itself.
    pub deadline: Duration,
    /// The same for a call that streams.
    pub stream_deadline: Duration,
    /// How long a watcher goes without a word where nothing changes.
    pub heartbeat: Duration,
    /// How many days back a command may count; any number if absent.
    pub backdate_days_max: Option<u32>,
    /// How long calls under way may take to end when the service stops.
    pub drain: Duration,
    /// Whether whoever reaches the service may read the log by EventStoreDB's protocol. Only on a
    /// loopback address.
    pub open_log: bool,
    /// Says how late it is.
    pub clock: Clock,
    /// What SQL statements may take.
    #[cfg(feature = "flight")]
    pub sql: crate::flight::Limits,
}

impl Config {
    /// The defaults, on free loopback ports.
    #[must_use]
    pub fn new(data: PathBuf) -> Self {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        Self {
            data,
            views: None,
            log: LogPlace::default(),
            listen: any,
            metrics: any,
            in_flight_max: 1_024,
            message_bytes_max: 4 * 1024 * 1024,
            deadline: Duration::from_secs(30),
            stream_deadline: Duration::from_secs(600),
            heartbeat: Duration::from_secs(10),
            backdate_days_max: Some(31),
            drain: Duration::from_secs(20),
            open_log: false,
            clock: Clock::system(),
            #[cfg(feature = "flight")]
            sql: crate::flight::Limits::default(),
        }
    }
}

/// Why the service does not start, or ended by itself.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// An address is taken, or not one of this machine.
    #[error("cannot listen on {address}: {why}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        why: std::io::Error,
    },
    /// Others than this machine could come in, and nothing would be asked of them.
    #[error(
        "{address} can be reached from other machines: there, callers have to prove themselves"
    )]
    Open {
        /// The address.
        address: SocketAddr,
    },
    /// A secret of the data folder cannot be had.
    #[error(transparent)]
    Key(#[from] crate::auth::keys::KeyError),
    /// The log cannot be opened, or a commit failed.
    #[error("{0}")]
    Log(String),
    /// The views do not fit the log or the program.
    #[error("the views: {0}")]
    Views(String),
    /// The system gives no thread or runtime, or the transport failed.
    #[error("{0}")]
    System(String),
}

/// A service that runs.
pub struct Running {
    /// Where it takes calls.
    pub address: SocketAddr,
    /// Where Prometheus reads.
    pub metrics: SocketAddr,
    /// The key that signs tokens for it.
    pub key: Arc<TokenKey>,
    stop: channel::Sender<bool>,
    thread: Option<JoinHandle<Result<(), ServeError>>>,
}

/// Opens the data folder and serves it, until [`Running::stop`].
///
/// # Errors
///
/// [`ServeError`] when it cannot start.
pub fn start(config: Config) -> Result<Running, ServeError> {
    if config.open_log && !config.listen.ip().is_loopback() {
        return Err(ServeError::Open { address: config.listen });
    }
    let key = Arc::new(TokenKey::open(&config.data)?);
    let (listener, address) = bind(config.listen)?;
    let (metrics_listener, metrics) = bind(config.metrics)?;
    let (stop, stopped) = channel::channel(false);
    let (ready, started) = mpsc::channel();
    let token_key = Arc::clone(&key);
    let thread = std::thread::Builder::new()
        .name("huzhu-serve".to_owned())
        .spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                // A command is long work for a runtime: commits that ended, and sockets, are looked
                // at after a few, not after dozens.
                .global_queue_interval(4)
                .event_interval(16)
                .enable_all()
                .build()
                .map_err(|why| ServeError::System(why.to_string()))?;
            runtime.block_on(async move {
                let serving = Serving::open(config, &token_key).await?;
                // Whoever started it may be gone already; then it stops at once.
                let _ = ready.send(());
                serving.run(listener, metrics_listener, stopped).await
            })
        })
        .map_err(|why| ServeError::System(why.to_string()))?;
    let running = Running { address, metrics, key, stop, thread: Some(thread) };
    match started.recv() {
        Ok(()) => Ok(running),
        Err(_ended) => match running.join() {
            Err(why) => Err(why),
            Ok(()) => Err(ServeError::System("the service ended at once".to_owned())),
        },
    }
}

pub(crate) fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), ServeError> {
    let failed = |why| ServeError::Listen { address, why };
    let listener = TcpListener::bind(address).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}

impl Running {
    /// Tells the service to stop: calls under way end, new ones are refused.
    pub fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// Waits until the service has ended.
    ///
    /// # Errors
    ///
    /// [`ServeError`] when it ended by itself.
    pub fn join(mut self) -> Result<(), ServeError> {
        let ended = self.thread.take().map(JoinHandle::join);
        match ended {
            Some(Ok(ended)) => ended,
            Some(Err(_panicked)) => Err(ServeError::System("the service panicked".to_owned())),
            None => Ok(()),
        }
    }

    /// Whether the service has ended.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// An opened data folder, about to be served.
struct Serving {
    config: Config,
    log: Log,
    views: Views,
    context: Context,
    newsroom: Newsroom,
    verifier: Arc<Verifier>,
    metrics: Metrics,
}

impl Serving {
    async fn open(config: Config, key: &TokenKey) -> Result<Self, ServeError> {
        let log = Log::open(config.log.clone(), &config.data, config.clock.clone()).await?;
        if !ResidentHasher::is_in(&config.data) && log.knows_residents()? {
            return Err(ResidentHasher::missing().into());
        }
        let residents = ResidentHasher::open(&config.data)?;
        #[cfg(feature = "cluster")]
        log.agree_on(&residents).await?;
        let engine = Engine::open(log.port(), Limits::default())
            .await
            .map_err(|why| ServeError::Log(why.to_string()))?;
        let clock = config.clock.clone();
        let unfit = |why: ViewsError| ServeError::Views(why.to_string());
        let place = Place::of(&config.data, config.views.as_deref()).map_err(unfit)?;
        let clock: huzhu_projections::worker::Clock = Arc::new(move || clock.now());
        let views = Views::start(place.clone(), log.feed()?, clock).await.map_err(unfit)?;
        let queries = Queries::new(place, views.progress(), READERS);
        let (newsroom, watches) = watch::open(log.port(), queries.clone(), config.heartbeat);
        let context = Context {
            engine,
            clock: config.clock.clone(),
            backdate_days_max: config.backdate_days_max,
            message_bytes_max: config.message_bytes_max,
            queries,
            watches,
            residents: Arc::new(residents),
        };
        let verifier = Arc::new(Verifier::new(key));
        let metrics = Metrics::default();
        Ok(Self { config, log, views, context, newsroom, verifier, metrics })
    }

    async fn run(
        self,
        listener: TcpListener,
        metrics_listener: TcpListener,
        mut stopped: channel::Receiver<bool>,
    ) -> Result<(), ServeError> {
        let Self { config, log, views, context, newsroom, verifier, metrics } = self;
        let system = |why: &dyn std::fmt::Display| ServeError::System(why.to_string());
        let listener = tokio::net::TcpListener::from_std(listener).map_err(|why| system(&why))?;
        let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
        // Ends when it is dropped.
        let mut beside = tokio::task::JoinSet::new();
        beside.spawn(monitoring::serve(
            metrics_listener,
            metrics.clone(),
            log.clone(),
            views.progress().watch(),
            config.clock.clone(),
            stopped.clone(),
        ));
        beside.spawn(processes::run(context.engine.clone(), log.clone(), config.data.clone()));
        beside.spawn(newsroom.run(stopped.clone()));

        let (health, health_service) = tonic_health::server::health_reporter();
        show_served(&health, ServingStatus::Serving).await;
        beside.spawn(monitoring::show_views(health.clone(), views.progress().watch()));
        let bounds = Bounds {
            in_flight_max: config.in_flight_max,
            deadline: config.deadline,
            stream_deadline: config.stream_deadline,
            open_log: config.open_log,
        };
        let (clock, ends) = (config.clock.clone(), stopped.clone());
        let routes = Desk::reading(log.port(), clock, Persons::Withheld, ends)
            .add_to(services::routes(&context));
        #[cfg(feature = "flight")]
        let routes = crate::flight::add_to(routes, &context, &config, &verifier, &metrics)?;
        let gate = Gate::new(verifier, config.clock.clone(), metrics, bounds);
        let routes = reflected(routes.add_service(health_service))?;
        let server = Transport::builder()
            .http2_keepalive_interval(Some(Duration::from_secs(30)))
            .http2_keepalive_timeout(Some(Duration::from_secs(20)))
            .tcp_nodelay(true)
            .layer(MapRequestLayer::new(eventstore::reached))
            .layer(gate)
            .add_routes(routes);

        let mut drained = stopped.clone();
        let draining = async {
            // A sender that is gone says the same.
            let _ = stopped.wait_for(|stopped| *stopped).await;
            tracing::info!("stopping: calls under way may end");
            #[cfg(feature = "cluster")]
            log.hurry(config.drain);
            show_served(&health, ServingStatus::NotServing).await;
        };
        let overdue = async {
            let _ = drained.wait_for(|stopped| *stopped).await;
            tokio::time::sleep(config.drain).await;
        };
        let ended = tokio::select! {
            ended = server.serve_with_incoming_shutdown(incoming, draining) => {
                ended.map_err(|why| system(&why))
            }
            why = log.failed() => Err(ServeError::Log(why)),
            () = overdue => {
                tracing::warn!("calls under way did not end in time");
                Ok(())
            }
        };
        drop(beside);
        drop(context);
        views.stop();
        log.close().await;
        tracing::info!("stopped");
        ended
    }
}

/// Says of every service whether it takes calls.
async fn show_served(health: &HealthReporter, status: ServingStatus) {
    for (service, _) in table::served() {
        health.set_service_status(*service, status).await;
    }
}

/// `routes` with reflection, so that clients without the protos can find their way.
fn reflected(routes: Routes) -> Result<Routes, ServeError> {
    Ok(routes
        .add_service(reflection(tonic_reflection::server::Builder::build_v1)?)
        .add_service(reflection(tonic_reflection::server::Builder::build_v1alpha)?))
}

fn reflection<S>(
    build: impl FnOnce(
        tonic_reflection::server::Builder<'static>,
    ) -> Result<S, tonic_reflection::server::Error>,
) -> Result<S, ServeError> {
    let builder = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(contract::DESCRIPTORS)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET);
    build(builder).map_err(|why| ServeError::System(why.to_string()))
}

#[cfg(test)]
mod tests;
