//! The real service, in this process, over a data folder of its own.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use huzhu_domain::envelope::{Actor, Role};
use huzhu_grpc::auth::Issuer;
use huzhu_grpc::auth::keys::TokenKey;
use huzhu_grpc::server::{self, Config, Running};
use tempfile::TempDir;
use tonic::transport::{Channel, Endpoint};

use crate::caller::Caller;

/// A service that runs, and the keys to it.
pub struct Service {
    running: Option<Running>,
    address: String,
    metrics: String,
    folder: PathBuf,
    issuer: Issuer,
    channel: Channel,
    /// Another service on the same log; callers and connections go to either in turn.
    peer: Option<Box<Service>>,
    turn: AtomicBool,
    // Taken away last.
    _own: Option<TempDir>,
}

impl Service {
    /// A service over an empty folder. Commands may be dated back as far as they like.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with(|_| {})
    }

    /// The same, run differently.
    #[must_use]
    pub fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), change)
    }

    fn start_in(own: TempDir, change: impl FnOnce(&mut Config)) -> Self {
        let running = open(own.path(), change);
        let (address, metrics) = (running.address.to_string(), running.metrics.to_string());
        let mut service = Self::at(&address, &metrics, own.path());
        service.running = Some(running);
        service._own = Some(own);
        service
    }

    /// Two services on the log of a node, each with a folder of its own. Who calls meets now the
    /// one, now the other.
    #[cfg(feature = "cluster")]
    #[must_use]
    pub fn two_on(node: &crate::node::Node) -> Self {
        let on = |config: &mut Config| config.log = node.place();
        let mut first = Self::start_with(on);
        let folder = tempfile::tempdir().unwrap();
        for key in ["token.key", "resident.key"] {
            std::fs::copy(first.folder().join(key), folder.path().join(key)).unwrap();
        }
        first.peer = Some(Box::new(Self::start_in(folder, on)));
        first
    }

    /// A service that somebody else started.
    #[must_use]
    pub fn at(address: &str, metrics: &str, folder: &Path) -> Self {
        Self {
            running: None,
            address: address.to_owned(),
            metrics: metrics.to_owned(),
            folder: folder.to_owned(),
            issuer: Issuer::new(&TokenKey::open(folder).unwrap()).unwrap(),
            channel: connect(address),
            peer: None,
            turn: AtomicBool::new(false),
            _own: None,
        }
    }

    /// Stops the service as an operator would, and starts it again over what it left.
    pub fn restart(&mut self) {
        self.stop();
        let running = open(&self.folder, |_| {});
        self.address = running.address.to_string();
        self.metrics = running.metrics.to_string();
        self.channel = connect(&self.address);
        self.running = Some(running);
    }

    /// Stops the service.
    pub fn stop(&mut self) {
        let running = self.running.take().unwrap();
        running.stop();
        running.join().unwrap();
    }

    /// Where it takes calls.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Its data folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// A token as `huzhu token` makes it.
    #[must_use]
    pub fn token(&self, role: Role, subject: &str, organisation: Option<&str>) -> String {
        token(&self.issuer, role, subject, organisation)
    }

    /// A token signed with another key.
    #[must_use]
    pub fn forged_token(&self, role: Role, subject: &str) -> String {
        let issuer = Issuer::new(&TokenKey::fresh().unwrap()).unwrap();
        token(&issuer, role, subject, None)
    }

    /// Someone with a token.
    #[must_use]
    pub fn caller(&self, role: Role, subject: &str, organisation: Option<&str>) -> Caller {
        let met = self.next();
        Caller::new(met.channel.clone(), Some(&self.token(role, subject, organisation)))
    }

    /// Someone with a token of their own making, or none.
    #[must_use]
    pub fn stranger(&self, token: Option<&str>) -> Caller {
        Caller::new(self.channel.clone(), token)
    }

    /// A connection of its own.
    #[must_use]
    pub fn connect(&self) -> Channel {
        connect(&self.next().address)
    }

    /// This service and its peer in turn.
    fn next(&self) -> &Self {
        let others = self.turn.fetch_xor(true, Ordering::Relaxed);
        self.peer.as_deref().filter(|_| others).unwrap_or(self)
    }

    /// What Prometheus reads.
    pub async fn metrics(&self) -> String {
        scrape(&self.metrics).await
    }

    /// How many events the log holds.
    #[must_use]
    pub fn log_length(&self) -> u64 {
        log_length(&self.folder)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            running.stop();
        }
    }
}

fn open(folder: &Path, change: impl FnOnce(&mut Config)) -> Running {
    let mut config = Config::new(folder.to_owned());
    config.backdate_days_max = None;
    config.drain = Duration::from_secs(5);
    change(&mut config);
    server::start(config).unwrap()
}

fn token(issuer: &Issuer, role: Role, subject: &str, organisation: Option<&str>) -> String {
    let actor = Actor {
        subject: subject.parse().unwrap(),
        role,
        organisation: organisation.map(|id| id.parse().unwrap()),
    };
    issuer.issue(&actor, jiff::Timestamp::now(), 1).unwrap()
}

/// A connection that is made at the first call, and again when it broke.
#[must_use]
pub fn connect(address: &str) -> Channel {
    Endpoint::from_shared(format!("http://{address}"))
        .unwrap()
        .connect_timeout(Duration::from_secs(5))
        .tcp_nodelay(true)
        .connect_lazy()
}

/// What stands at `/metrics`.
pub async fn scrape(address: &str) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = format!("GET /metrics HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    answer
}

/// How many events the log in a data folder holds, as SQLite has it.
#[must_use]
pub fn log_length(folder: &Path) -> u64 {
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
    let log = rusqlite::Connection::open_with_flags(folder.join("log.db"), flags).unwrap();
    let count: i64 = log.query_row("SELECT count(*) FROM events", [], |row| row.get(0)).unwrap();
    u64::try_from(count).unwrap()
}
