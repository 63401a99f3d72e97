//! The demo: the whole main job through the public API, on the cases of the article that the
//! project comes from.
//!
//! It starts the real service in process on a free loopback port and drives it as clients would:
//! publishes the catalogue, builds the organisation, enrols, files, decides, pays, queries, replays.

mod cases;
mod show;
mod world;

use std::path::PathBuf;
use std::time::Duration;

use crate::client::{DeskError, Desks};
use crate::server::{self, Config, LogPlace, Running, ServeError};

/// Why the demo did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The service did not start, or ended.
    #[error("the service: {0}")]
    Serve(#[from] ServeError),
    /// Nobody answered.
    #[error(transparent)]
    Desk(#[from] DeskError),
    /// A call was refused that should not have been.
    #[error("{what}: {code:?}: {message}")]
    Call {
        /// What was asked.
        what: String,
        /// The status code.
        code: tonic::Code,
        /// What the service says.
        message: String,
    },
    /// An amount came out other than the article says.
    #[error("{what}: {actual} yuan came out, not {expected}")]
    Amount {
        /// Whose.
        what: String,
        /// What the article says.
        expected: String,
        /// What came out.
        actual: String,
    },
    /// Something of this machine is in the way.
    #[error("{0}")]
    System(String),
}

/// Runs the demo on the log at `log`; keeps its data in `keep` if that is given.
///
/// # Errors
///
/// [`DemoError`].
pub fn run(keep: Option<PathBuf>, log: LogPlace) -> Result<(), DemoError> {
    let system = |why: std::io::Error| DemoError::System(why.to_string());
    let temporary = tempfile::tempdir().map_err(system)?;
    let data = keep.clone().unwrap_or_else(|| temporary.path().to_owned());
    // The cases are of 2014: commands count when they happened, not today.
    // A slow cluster takes its time to grant a thousand covers, one after the other.
    let deadline = Duration::from_secs(600);
    let config = Config { backdate_days_max: None, log, deadline, ..Config::new(data) };
    let service = server::start(config)?;
    show::title("Huzhu 互助: from enrolment to money on the card");
    show::progress(&format!("the service listens on {}", service.address));

    // The callers' runtime ends before the service does, and with it their connections.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(system)?.block_on(play(&service))?;
    service.stop();
    service.join()?;
    match keep {
        Some(folder) => show::progress(&format!(
            "the data stays in {0}: go on with `huzhu serve --data {0}`",
            folder.display()
        )),
        None => show::progress("the data was temporary; `demo --keep DIR` keeps it"),
    }
    Ok(())
}

async fn play(service: &Running) -> Result<(), DemoError> {
    let desks = Desks::connect(format!("http://{}", service.address), &service.key).await?;
    let world = world::World::new(desks);
    let played = cases::play(&world).await?;
    show::everything(&world, &played).await
}
