//! Views from the log alone: built in a file beside, then put in the place of those that are there.
//!
//! Memory stays within bounds whatever the length of the log: a batch is bounded in events and
//! bytes, and rows leave memory when others come in.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::checkpoint::ViewsError;
use crate::feed::{Budget, Feed};
use crate::files::Claim;
use crate::keeper::Keeper;
use crate::sqlite::{Mode, Sqlite};
use crate::views;

/// What one transaction takes in at most.
const BUILD: Budget = Budget { events: 20_000, bytes: 24 * 1024 * 1024 };

/// How a rebuild went, or goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// The offset of the last event that was taken in.
    pub offset: u64,
    /// The offset at which it ends.
    pub until: u64,
    /// How many events were taken in.
    pub events: u64,
    /// How long it took so far.
    pub took: Duration,
}

impl Progress {
    /// How many events were taken in a second.
    #[must_use]
    pub fn events_per_second(&self) -> u64 {
        let millis = u64::try_from(self.took.as_millis()).unwrap_or(u64::MAX).max(1);
        self.events.saturating_mul(1_000).checked_div(millis).unwrap_or(0)
    }
}

/// Builds the views of `folder` anew from the log `feed`, up to `until` or else to its end, and
/// puts them in the place of the old ones. `tell` hears of the progress. Blocks: not to be called
/// from a task.
///
/// # Errors
///
/// [`ViewsError`]; the old views stay as they were.
pub fn rebuild(
    folder: &Path,
    feed: &mut dyn Feed,
    until: Option<u64>,
    now: Timestamp,
    tell: impl FnMut(&Progress),
) -> Result<Progress, ViewsError> {
    let claim = Claim::on(folder)?;
    let scaffold = claim.scaffold()?;
    let built = build(&scaffold, feed, until, now, tell);
    if built.is_ok() {
        claim.replace(&scaffold)?;
    } else {
        // What was not finished is worth nothing, and is removed before the next try anyway.
        let _ = fs::remove_file(&scaffold);
    }
    built
}

/// Builds views at `path`, where there is no file. Blocks: not to be called from a task.
///
/// # Errors
///
/// [`ViewsError`].
pub fn build(
    path: &Path,
    feed: &mut dyn Feed,
    until: Option<u64>,
    now: Timestamp,
    mut tell: impl FnMut(&Progress),
) -> Result<Progress, ViewsError> {
    let began = Instant::now();
    let database = Box::new(Sqlite::open(path, Mode::Build)?);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let head = runtime.block_on(feed.head())?;
    let until = until.map_or(head, |until| until.min(head));
    let mut keeper = Keeper::anew(database, Arc::new(views::all), feed.store())?;
    let mut progress = Progress { until, ..Progress::default() };
    while progress.offset < until {
        let left = usize::try_from(until.saturating_sub(progress.offset)).unwrap_or(usize::MAX);
        let budget = Budget { events: BUILD.events.min(left), ..BUILD };
        let mut events = runtime.block_on(feed.after(progress.offset, budget))?;
        // Where offsets are not dense, the budget alone may go beyond the end.
        events.retain(|event| event.offset <= until);
        let Some(last) = events.last().map(|event| event.offset) else { break };
        keeper.take(progress.offset, &events, now)?;
        for view in keeper.checkpoints() {
            if let Some(failure) = view.failure {
                let (projection, failure) = (view.projection, Box::new(failure));
                return Err(ViewsError::Stopped { projection, failure });
            }
        }
        progress.offset = last;
        progress.events =
            progress.events.saturating_add(u64::try_from(events.len()).unwrap_or(u64::MAX));
        progress.took = began.elapsed();
        tell(&progress);
    }
    keeper.finish()?;
    progress.took = began.elapsed();
    tell(&progress);
    Ok(progress)
}

#[cfg(test)]
mod tests;
