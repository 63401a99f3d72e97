//! What follows from events, driven again after a crash, and where that has come to.
//!
//! In a data folder of one's own the checkpoint is a file that may be lost or old: driving again
//! what was done finds nothing to do. On a log that several services share, the checkpoint stands
//! in the log, and one of them at a time is at it: see [`shared`].

#[cfg(feature = "cluster")]
mod shared;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use huzhu_store::engine::Engine;
use huzhu_store::port::Position;

use super::log::Log;

/// How old an event is before somebody else than its caller drives what follows from it.
const PAUSE: Duration = Duration::from_secs(1);
/// The first wait after a failure; it doubles up to [`BACK_OFF_MAX`].
const BACK_OFF: Duration = Duration::from_millis(200);
const BACK_OFF_MAX: Duration = Duration::from_secs(30);

const FILE: &str = "processes.checkpoint";

/// Drives what follows from events, for ever.
pub(super) async fn run(engine: Engine, log: Log, folder: PathBuf) {
    match log {
        Log::Folder(_) => follow(engine, folder).await,
        #[cfg(feature = "cluster")]
        Log::Cluster(store) => {
            tokio::join!(shared::observe(engine.clone()), shared::take_turns(engine, store));
        }
    }
}

async fn follow(engine: Engine, folder: PathBuf) {
    let file = folder.join(FILE);
    let mut after = read(&file).filter(|after| after.store == engine.store().id());
    let mut wait = BACK_OFF;
    loop {
        let from = after;
        let keep = |position| {
            if let Err(why) = write(&file, position) {
                tracing::warn!(%why, "the checkpoint of the processes is not kept");
            }
        };
        let Err(stopped) = engine.follow_on(after, PAUSE, keep).await;
        tracing::error!(why = %stopped.why, "processes wait");
        after = stopped.after;
        wait = if after == from { wait.saturating_mul(2).min(BACK_OFF_MAX) } else { BACK_OFF };
        tokio::time::sleep(wait).await;
    }
}

fn read(file: &Path) -> Option<Position> {
    fs::read_to_string(file).ok()?.trim().parse().ok()
}

/// Whole or not at all; not flushed, since an older one is as good.
fn write(file: &Path, position: Position) -> io::Result<()> {
    let draft = file.with_extension("new");
    fs::write(&draft, position.to_string())?;
    fs::rename(&draft, file)
}
