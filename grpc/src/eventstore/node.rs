//! A log served alone: one node that takes appends, for whoever shares it by `esdb://`.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use futures::TryStreamExt;
use huzhu_store::embedded::EmbeddedStore;
use tokio::sync::watch;
use tonic::service::Routes;
use tonic::transport::Server as Transport;
use tonic::transport::server::TcpIncoming;
use tower::util::MapRequestLayer;

use super::prompt::Prompt;
use super::{Desk, Password, Persons, reached};
use crate::clock::Clock;
use crate::server::{ServeError, bind};

/// How many calls one connection may have open: more than are taken altogether.
const CONNECTION_CALLS_MAX: u32 = 2_048;

/// How a node is run.
#[derive(Clone)]
pub struct Config {
    /// The data folder; made if there is none.
    pub data: PathBuf,
    /// Where calls are taken. Loopback unless somebody says otherwise.
    pub listen: SocketAddr,
    /// What every client has to know, if anything.
    pub password: Option<Password>,
    /// How long calls under way may take to end when the node stops.
    pub drain: Duration,
    /// Says how late it is.
    pub clock: Clock,
}

impl Config {
    /// The defaults, on a free loopback port.
    #[must_use]
    pub fn new(data: PathBuf) -> Self {
        Self {
            data,
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            password: None,
            drain: Duration::from_secs(20),
            clock: Clock::system(),
        }
    }
}

/// A node that runs.
pub struct Running {
    /// Where it takes calls.
    pub address: SocketAddr,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<Result<(), ServeError>>>,
}

/// Opens the log of a data folder and serves it, until [`Running::stop`].
///
/// # Errors
///
/// [`ServeError`] when it cannot start.
pub fn start(config: Config) -> Result<Running, ServeError> {
    if config.password.is_none() && !config.listen.ip().is_loopback() {
        return Err(ServeError::Open { address: config.listen });
    }
    let (listener, address) = bind(config.listen)?;
    let (stop, stopped) = watch::channel(false);
    let (ready, started) = mpsc::channel();
    let system = |why: std::io::Error| ServeError::System(why.to_string());
    let thread = std::thread::Builder::new()
        .name("huzhu-eventstore".to_owned())
        .spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.map_err(system)?.block_on(async move {
                let clock = config.clock.clone();
                let store = EmbeddedStore::open(&config.data, move || clock.now())
                    .map_err(|why| ServeError::Log(why.to_string()))?;
                // Whoever started it may be gone already; then it stops at once.
                let _ = ready.send(());
                serve(config, store, listener, stopped).await
            })
        })
        .map_err(system)?;
    let running = Running { address, stop, thread: Some(thread) };
    match started.recv() {
        Ok(()) => Ok(running),
        Err(_ended) => match running.join() {
            Err(why) => Err(why),
            Ok(()) => Err(ServeError::System("the node ended at once".to_owned())),
        },
    }
}

async fn serve(
    config: Config,
    store: EmbeddedStore,
    listener: TcpListener,
    mut stopped: watch::Receiver<bool>,
) -> Result<(), ServeError> {
    let system = |why: &dyn std::fmt::Display| ServeError::System(why.to_string());
    let listener = tokio::net::TcpListener::from_std(listener).map_err(|why| system(&why))?;
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true)).map_ok(Prompt);
    let Config { password, drain, clock, .. } = config;
    let port = Arc::new(store.clone());
    let desk =
        Desk::reading(port, clock, Persons::Told, stopped.clone()).behind(password).and_appending();
    let server = Transport::builder()
        .http2_keepalive_interval(Some(Duration::from_secs(30)))
        .http2_keepalive_timeout(Some(Duration::from_secs(20)))
        // Who opens too many calls is told so, and does not wait for a place without a word.
        .max_concurrent_streams(CONNECTION_CALLS_MAX)
        .layer(MapRequestLayer::new(reached))
        .add_routes(desk.add_to(Routes::default()));
    drop(desk);

    let mut drained = stopped.clone();
    let draining = async {
        // A sender that is gone says the same.
        let _ = stopped.wait_for(|stopped| *stopped).await;
        tracing::info!("stopping: calls under way may end");
    };
    let overdue = async {
        let _ = drained.wait_for(|stopped| *stopped).await;
        tokio::time::sleep(drain).await;
    };
    let ended = tokio::select! {
        ended = server.serve_with_incoming_shutdown(incoming, draining) => {
            ended.map_err(|why| system(&why))
        }
        why = store.failed() => Err(ServeError::Log(why)),
        () = overdue => {
            tracing::warn!("calls under way did not end in time");
            Ok(())
        }
    };
    store.close().await;
    tracing::info!("stopped");
    ended
}

impl Running {
    /// Tells the node to stop: appends under way end, subscriptions end as unavailable.
    pub fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// Waits until the node has ended.
    ///
    /// # Errors
    ///
    /// [`ServeError`] when it ended by itself.
    pub fn join(mut self) -> Result<(), ServeError> {
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(ended)) => ended,
            Some(Err(_panicked)) => Err(ServeError::System("the node panicked".to_owned())),
            None => Ok(()),
        }
    }

    /// Whether the node has ended.
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
