//! The worker: a thread that reads the log and keeps the views, as long as the program runs.
//!
//! It takes what is there: one event when the views are live, thousands when they are behind. While
//! events keep coming it lets some gather first, since a transaction costs more than an event. A
//! database or log that does not answer is asked again, ever more slowly; an event that a view
//! cannot take stops that view alone.

use std::path::Path;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use huzhu_store::background::stand_back;
use huzhu_store::port::{Position, StoreId};
use jiff::Timestamp;
use tokio::runtime::Runtime;
use tokio::sync::{oneshot, watch};
use tokio::time::Instant;

use crate::checkpoint::{Checkpoint, ViewsError};
use crate::feed::{Budget, Feed};
use crate::files::Claim;
use crate::keeper::{Keeper, tables};
use crate::sqlite::{Database, Mode};
use crate::views;

/// What one transaction takes in at most, so that readers are never long behind.
const LIVE: Budget = Budget { events: 2_000, bytes: 4 * 1024 * 1024 };

/// A batch of more events than one command is likely to make was made by many callers, and more is
/// on its way: then the worker rests for a moment, which no reader notices.
const BUSY_EVENTS: usize = 8;
const REST: Duration = Duration::from_millis(20);

/// The first wait after a failure; it doubles up to [`BACK_OFF_MAX`].
const BACK_OFF: Duration = Duration::from_millis(50);
const BACK_OFF_MAX: Duration = Duration::from_secs(10);

/// Where the views are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The log they reflect.
    pub store: StoreId,
    /// How far each of them is.
    pub checkpoints: Vec<Checkpoint>,
    /// When the log took the oldest event that is not reflected yet, if one is known: the views
    /// are behind since then.
    pub behind_since: Option<Timestamp>,
    /// What the database or the log said when it last did not answer, until it does.
    pub trouble: Option<String>,
}

/// The clock that says since when a view stands still.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Views that are being kept. Dropping it ends the worker.
pub struct Views {
    status: watch::Receiver<Arc<Status>>,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl Views {
    /// Keeps the views of the log `feed` in `folder`.
    ///
    /// # Errors
    ///
    /// [`ViewsError`] when the views there do not fit the log or the program.
    pub async fn start(
        folder: &Path,
        feed: Box<dyn Feed>,
        clock: Clock,
    ) -> Result<Self, ViewsError> {
        let claim = Claim::on(folder)?;
        let (stop, stopped) = watch::channel(false);
        let (ready, opened) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        let thread = thread::Builder::new().name("views".into()).spawn(move || {
            stand_back();
            match runtime.block_on(Worker::open(claim, feed, clock, stopped)) {
                Ok(worker) => {
                    // Who started it may have gone; then the worker ends at once.
                    let _ = ready.send(Ok(worker.told.subscribe()));
                    worker.work(&runtime);
                }
                Err(error) => {
                    let _ = ready.send(Err(error));
                }
            }
        })?;
        let status = opened
            .await
            .map_err(|_| ViewsError::Files("the worker ended before it began".into()))??;
        Ok(Self { status, stop, thread: Some(thread) })
    }

    /// Where the views are.
    #[must_use]
    pub fn status(&self) -> Arc<Status> {
        Arc::clone(&self.status.borrow())
    }

    /// Where the views are, as it changes.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Arc<Status>> {
        self.status.clone()
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
        reached(&mut self.watch(), &names, position, deadline).await
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

/// Why views do not reflect a position yet.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Late {
    /// They did not get there in time.
    #[error("the view {view} is at {at}, not yet at {wanted}")]
    Behind {
        /// Which view.
        view: String,
        /// Where it is.
        at: u64,
        /// Where it should be.
        wanted: u64,
    },
    /// The view stands still before it.
    #[error("the view {view} stands still at {at}, before {wanted}")]
    Stopped {
        /// Which view.
        view: String,
        /// Where it is.
        at: u64,
        /// Where it should be.
        wanted: u64,
    },
    /// The position is of another log.
    #[error(transparent)]
    OtherStore(#[from] huzhu_store::port::OtherStore),
    /// Nobody keeps the views any more.
    #[error("the views are not kept any more")]
    Ended,
}

/// Waits until the views `names` reflect `position`.
///
/// # Errors
///
/// [`Late`].
pub async fn reached(
    status: &mut watch::Receiver<Arc<Status>>,
    names: &[&str],
    position: Position,
    deadline: Instant,
) -> Result<(), Late> {
    let store = status.borrow().store;
    let wanted = position.within(store)?;
    let mut behind = None;
    let there = async {
        loop {
            let verdict = verdict(&status.borrow_and_update(), names, wanted);
            match verdict {
                Ok(()) => return Ok(()),
                Err(late @ Late::Behind { .. }) => behind = Some(late),
                Err(late) => return Err(late),
            }
            status.changed().await.map_err(|_| Late::Ended)?;
        }
    };
    match tokio::time::timeout_at(deadline, there).await {
        Ok(answer) => answer,
        Err(_) => Err(behind.unwrap_or(Late::Ended)),
    }
}

fn verdict(status: &Status, names: &[&str], wanted: u64) -> Result<(), Late> {
    let wants = |view: &&Checkpoint| names.contains(&view.projection.as_str());
    for view in status.checkpoints.iter().filter(wants) {
        let (name, at) = (view.projection.clone(), view.offset);
        if at < wanted {
            return Err(match view.failure {
                Some(_) => Late::Stopped { view: name, at, wanted },
                None => Late::Behind { view: name, at, wanted },
            });
        }
    }
    Ok(())
}

struct Worker {
    keeper: Keeper,
    feed: Box<dyn Feed>,
    clock: Clock,
    told: watch::Sender<Arc<Status>>,
    stopped: watch::Receiver<bool>,
    _claim: Claim,
}

impl Worker {
    async fn open(
        claim: Claim,
        mut feed: Box<dyn Feed>,
        clock: Clock,
        stopped: watch::Receiver<bool>,
    ) -> Result<Self, ViewsError> {
        let mut projections = views::all();
        let database = Database::open(&claim.file(), Mode::Live, &tables(&mut projections))?;
        let (store, head) = (feed.store(), feed.head().await?);
        let keeper = Keeper::open(database, projections, store, head)?;
        let checkpoints = keeper.checkpoints();
        let status = Status { store, checkpoints, behind_since: None, trouble: None };
        let told = watch::Sender::new(Arc::new(status));
        Ok(Self { keeper, feed, clock, told, stopped, _claim: claim })
    }

    fn work(mut self, runtime: &Runtime) {
        let mut stopped = self.stopped.clone();
        runtime.block_on(async {
            let mut wait = BACK_OFF;
            loop {
                let step = tokio::select! {
                    biased;
                    // Also when nobody is left who could ask to stop.
                    _ = stopped.wait_for(|stopped| *stopped) => return,
                    step = self.step() => step,
                };
                match step {
                    Ok(()) => wait = BACK_OFF,
                    Err(trouble) => {
                        tracing::warn!(%trouble, "the views wait");
                        self.tell(None, Some(trouble.to_string()));
                        tokio::select! {
                            _ = stopped.wait_for(|stopped| *stopped) => return,
                            () = tokio::time::sleep(wait) => {}
                        }
                        wait = wait.saturating_mul(2).min(BACK_OFF_MAX);
                    }
                }
            }
        });
    }

    /// Takes in what is there, or waits for something.
    async fn step(&mut self) -> Result<(), ViewsError> {
        let Some(offset) = self.keeper.wants_after() else {
            // Every view stands still; only a new program can go on.
            return std::future::pending().await;
        };
        let events = self.feed.after(offset, LIVE).await?;
        let Some(first) = events.first() else {
            self.tell(None, None);
            return Ok(self.feed.grown(offset).await?);
        };
        self.tell(Some(first.recorded_at), None);
        let stopped_before = self.standing_still();
        self.keeper.take(&events, (self.clock)())?;
        let caught_up = events.len() < LIVE.events;
        self.tell(Some(first.recorded_at).filter(|_| !caught_up), None);
        if self.standing_still() > stopped_before {
            self.report();
        }
        if caught_up && events.len() > BUSY_EVENTS {
            tokio::time::sleep(REST).await;
        }
        Ok(())
    }

    fn standing_still(&self) -> usize {
        self.keeper.checkpoints().iter().filter(|view| view.failure.is_some()).count()
    }

    fn report(&self) {
        for view in self.keeper.checkpoints() {
            if let Some(failure) = view.failure {
                tracing::error!(
                    view = view.projection,
                    offset = failure.offset,
                    stream = failure.stream,
                    revision = failure.revision,
                    event = failure.event,
                    why = failure.why,
                    "a view stands still"
                );
            }
        }
    }

    fn tell(&self, behind_since: Option<Timestamp>, trouble: Option<String>) {
        self.told.send_replace(Arc::new(Status {
            store: self.feed.store(),
            checkpoints: self.keeper.checkpoints(),
            behind_since,
            trouble,
        }));
    }
}

#[cfg(test)]
mod tests;
