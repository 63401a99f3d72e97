//! `huzhu eventstore`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::serve::{LogFormat, log, until_ended};
use super::{Failure, blocking};
use crate::eventstore::{self, Config, Password};

/// Serve a log alone by EventStoreDB's protocol.
#[derive(Debug, Args)]
pub(super) struct EventStore {
    /// The data folder with the log; made if there is none.
    #[arg(long, default_value = "data", env = "HUZHU_DATA")]
    data: PathBuf,
    /// Where calls are taken.
    #[arg(long, default_value = "127.0.0.1:2113", env = "HUZHU_EVENTSTORE_LISTEN")]
    listen: SocketAddr,
    /// A file with a password that every client has to bring, with any user name. Needed wherever
    /// others than this machine can reach the node.
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// How long calls under way may take to end when the node stops, in seconds.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(0..=3_600))]
    drain: u64,
    /// How log lines look. What is logged is set by RUST_LOG.
    #[arg(long, default_value = "text")]
    log_format: LogFormat,
}

pub(super) fn run(asked: EventStore) -> Result<(), Failure> {
    log(asked.log_format);
    let password = asked.password_file.as_deref().map(password).transpose()?;
    let config = Config {
        listen: asked.listen,
        password,
        drain: Duration::from_secs(asked.drain),
        ..Config::new(asked.data)
    };
    let running = eventstore::start(config).map_err(Failure::of)?;
    // One line that scripts can wait for.
    say!("huzhu eventstore serves esdb://{}?tls=false", running.address);
    blocking(until_ended(|| running.has_ended()))??;
    running.stop();
    running.join().map_err(Failure::of)
}

fn password(file: &std::path::Path) -> Result<Password, Failure> {
    let failed = |why: &dyn std::fmt::Display| Failure(format!("{}: {why}", file.display()));
    let text = std::fs::read_to_string(file).map_err(|why| failed(&why))?;
    match text.trim_end_matches(['\r', '\n']) {
        "" => Err(failed(&"the password is empty")),
        password => Ok(Password::new(password)),
    }
}
