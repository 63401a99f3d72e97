//! The worker: a thread that reads the log and keeps the views, as long as the program runs.
//!
//! It takes what is there: one event when the views are live, thousands when they are behind. While
//! events keep coming it lets some gather first, since a transaction costs more than an event; unless
//! somebody waits for them. A database or log that does not answer is asked again, ever more slowly; an event that a view
//! cannot take stops that view alone.

mod progress;
mod work;

use std::sync::Arc;
use std::thread::{self, JoinHandle};

use huzhu_store::background::stand_back;
use huzhu_store::port::{Position, StoreId};
use jiff::Timestamp;
use tokio::sync::{oneshot, watch};
use tokio::time::Instant;

pub use self::progress::{Late, Progress};
use self::work::{Rest, Worker};
use crate::checkpoint::{Checkpoint, ViewsError};
use crate::database::Place;
use crate::edition::Edition;
use crate::feed::Feed;
use crate::keeper::Make;
use crate::views;

/// Where the views are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The log they reflect.
    pub store: StoreId,
    /// How far each of them is.
    pub checkpoints: Vec<Checkpoint>,
    /// Every edition of them: those that serve, that are being built, that are kept.
    pub editions: Vec<Edition>,
    /// Where the log ended when it was last asked.
    pub head: u64,
    /// How many events a second editions are being built from; 0 if none is.
    pub built_per_second: u64,
    /// Whether another process keeps them, and this one waits to take over.
    pub standing_by: bool,
    /// When the log took the oldest event that is not reflected yet, if one is known: the views
    /// are behind since then.
    pub behind_since: Option<Timestamp>,
    /// The views that serve as other code left them.
    pub left: Vec<Left>,
    /// What the database or the log said when it last did not answer, until it does.
    pub trouble: Option<String>,
}

/// A view that serves and that nobody brings further: its edition is of code that the program which
/// keeps the views does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// The view.
    pub view: String,
    /// The offset at which it was left.
    pub at: u64,
    /// Whether an edition is on its way to take its place.
    pub next_is_built: bool,
    /// When the log took the oldest event that it does not reflect, if there is one.
    pub behind_since: Option<Timestamp>,
}

impl Status {
    /// Since when a view that serves is behind the log, if it is and that is known.
    #[must_use]
    pub fn lags_since(&self, view: &Checkpoint) -> Option<Timestamp> {
        let waits = self.left(view).map_or(self.behind_since, |left| left.behind_since);
        view.failure.as_ref().map(|failure| failure.since).or(waits)
    }

    /// Whether a view that serves goes on, or the edition that takes its place will.
    #[must_use]
    pub fn goes_on(&self, view: &Checkpoint) -> bool {
        view.failure.is_none() && self.left(view).is_none_or(|left| left.next_is_built)
    }

    fn left(&self, view: &Checkpoint) -> Option<&Left> {
        self.left.iter().find(|left| left.view == view.projection)
    }
}

/// The clock that says since when a view stands still.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Views that are being kept. Dropping it ends the worker.
pub struct Views {
    progress: Progress,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl Views {
    /// Keeps the views of the log `feed` in `place`.
    ///
    /// # Errors
    ///
    /// [`ViewsError`] when the views there do not fit the log or the program.
    pub async fn start(
        place: Place,
        feed: Box<dyn Feed>,
        clock: Clock,
    ) -> Result<Self, ViewsError> {
        Self::start_with(Arc::new(views::all), place, feed, clock).await
    }

    /// Keeps what `make` makes, as [`Self::start`] does.
    ///
    /// # Errors
    ///
    /// [`ViewsError`].
    pub async fn start_with(
        make: Make,
        place: Place,
        feed: Box<dyn Feed>,
        clock: Clock,
    ) -> Result<Self, ViewsError> {
        Self::start_resting(Rest::default(), make, place, feed, clock).await
    }

    async fn start_resting(
        rest: Rest,
        make: Make,
        place: Place,
        feed: Box<dyn Feed>,
        clock: Clock,
    ) -> Result<Self, ViewsError> {
        let (stop, stopped) = watch::channel(false);
        let (ready, opened) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        let thread = thread::Builder::new().name("views".into()).spawn(move || {
            stand_back();
            match Worker::open(make, place, feed, clock, rest, runtime, stopped) {
                Ok(worker) => {
                    // Who started it may have gone; then the worker ends at once.
                    let _ = ready.send(Ok(worker.progress()));
                    worker.work();
                }
                Err(error) => {
                    let _ = ready.send(Err(error));
                }
            }
        })?;
        let progress = opened
            .await
            .map_err(|_| ViewsError::Files("the worker ended before it began".into()))??;
        Ok(Self { progress, stop, thread: Some(thread) })
    }

    /// Where the views are.
    #[must_use]
    pub fn status(&self) -> Arc<Status> {
        self.progress.status()
    }

    /// Where the views are, for whoever follows them or waits for them.
    #[must_use]
    pub fn progress(&self) -> Progress {
        self.progress.clone()
    }

    /// Waits until every view that goes on reflects `position`.
    ///
    /// # Errors
    ///
    /// [`Late`].
    pub async fn reflect(&self, position: Position, deadline: Instant) -> Result<(), Late> {
        let names: Vec<_> =
            self.status().checkpoints.iter().map(|view| view.projection.clone()).collect();
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        self.progress.reached(&names, position, deadline).await
    }

    /// Ends the worker after the batch in hand.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.stop.send_replace(true);
        if let Some(thread) = self.thread.take() {
            // A worker that panicked has nothing left to end.
            let _ = thread.join();
        }
    }
}

impl Drop for Views {
    fn drop(&mut self) {
        self.end();
    }
}

#[cfg(test)]
mod editions;
#[cfg(test)]
mod tests;
