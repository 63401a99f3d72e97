//! `huzhu serve`.

use std::io::IsTerminal;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use super::place::At;
use super::{Failure, blocking};
use crate::clock::Clock;
use crate::server::{self, Config};

/// Serve the engine over gRPC.
#[derive(Debug, Args)]
pub(super) struct Serve {
    /// The data folder; made if there is none.
    #[arg(long, default_value = "data", env = "HUZHU_DATA")]
    data: PathBuf,
    /// Keep the views in this PostgreSQL database, such as postgres://huzhu@127.0.0.1/huzhu, rather
    /// than in the data folder.
    #[arg(long, value_name = "URL", env = "HUZHU_VIEWS", hide_env_values = true)]
    views: Option<String>,
    #[command(flatten)]
    at: At,
    /// Where calls are taken.
    #[arg(long, default_value = "127.0.0.1:50051", env = "HUZHU_LISTEN")]
    listen: SocketAddr,
    /// Where Prometheus reads.
    #[arg(long, default_value = "127.0.0.1:9464", env = "HUZHU_METRICS")]
    metrics: SocketAddr,
    /// How many calls may be under way; more are refused.
    #[arg(long, default_value_t = 1_024, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    in_flight_max: u32,
    /// How long a call may take that sets no deadline itself, in seconds.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    deadline: u64,
    /// How many days back a command may count; any number if this says `any`.
    #[arg(long, default_value = "31", value_parser = days)]
    backdate_days: Backdate,
    /// How long calls under way may take to end when the service stops, in seconds.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(0..=3_600))]
    drain: u64,
    /// Let whoever reaches the service read the log by EventStoreDB's protocol without a token:
    /// its Python and Node clients show none without TLS. Refused unless --listen is loopback.
    #[arg(long)]
    open_log: bool,
    /// How long a SQL statement may run, reading its answer included, in seconds.
    #[cfg(feature = "flight")]
    #[arg(long, default_value_t = 120, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    sql_seconds: u64,
    /// How many rows the answer to a SQL statement may have.
    #[cfg(feature = "flight")]
    #[arg(long, default_value_t = 10_000_000, value_parser = clap::value_parser!(u64).range(1..))]
    sql_rows: u64,
    /// What all SQL statements may hold in memory to sort, group and join, in MiB.
    #[cfg(feature = "flight")]
    #[arg(long, default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=1_048_576))]
    sql_memory: u32,
    /// How many SQL statements run at a time; others wait within their time.
    #[cfg(feature = "flight")]
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    sql_statements: u32,
    /// How log lines look. What is logged is set by RUST_LOG.
    #[arg(long, default_value = "text")]
    log_format: LogFormat,
}

#[derive(Clone, Copy, Debug)]
struct Backdate(Option<u32>);

fn days(text: &str) -> Result<Backdate, String> {
    if text == "any" {
        return Ok(Backdate(None));
    }
    text.parse().map(|days| Backdate(Some(days))).map_err(|_| "a number of days, or any".into())
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum LogFormat {
    /// For people.
    Text,
    /// For machines, one object a line.
    Json,
}

pub(super) fn run(serve: Serve) -> Result<(), Failure> {
    log(serve.log_format);
    let config = Config {
        data: serve.data,
        views: serve.views,
        log: serve.at.place()?,
        listen: serve.listen,
        metrics: serve.metrics,
        in_flight_max: usize::try_from(serve.in_flight_max).unwrap_or(usize::MAX),
        deadline: Duration::from_secs(serve.deadline),
        backdate_days_max: serve.backdate_days.0,
        drain: Duration::from_secs(serve.drain),
        open_log: serve.open_log,
        clock: Clock::system(),
        #[cfg(feature = "flight")]
        sql: crate::flight::Limits {
            time: Duration::from_secs(serve.sql_seconds),
            rows: serve.sql_rows,
            memory: bytes(serve.sql_memory),
            statements: usize::try_from(serve.sql_statements).unwrap_or(usize::MAX),
            ..crate::flight::Limits::default()
        },
        ..Config::new(PathBuf::new())
    };
    let running = server::start(config).map_err(Failure::of)?;
    // One line that scripts can wait for.
    say!("huzhu serves on {}; metrics on http://{}/metrics", running.address, running.metrics);
    blocking(until_ended(|| running.has_ended()))??;
    running.stop();
    running.join().map_err(Failure::of)
}

/// So many MiB.
#[cfg(feature = "flight")]
fn bytes(mebibytes: u32) -> usize {
    usize::try_from(mebibytes).unwrap_or(usize::MAX).saturating_mul(1_024 * 1_024)
}

/// Waits for a signal, or until `ended` says that there is nothing to wait for.
pub(super) async fn until_ended(ended: impl Fn() -> bool) -> Result<(), Failure> {
    let mut terminated = signal(SignalKind::terminate()).map_err(Failure::of)?;
    let mut interrupted = signal(SignalKind::interrupt()).map_err(Failure::of)?;
    let mut look = tokio::time::interval(Duration::from_millis(200));
    loop {
        tokio::select! {
            _ = terminated.recv() => return Ok(()),
            _ = interrupted.recv() => return Ok(()),
            _ = look.tick() => if ended() { return Ok(()) },
        }
    }
}

/// The client library complains of what the store heals by itself.
const FILTER: &str = "info,eventstore=off";

pub(super) fn log(format: LogFormat) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(FILTER));
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    match format {
        LogFormat::Text => lines.init(),
        LogFormat::Json => lines.json().init(),
    }
}
