//! How far the views are, for whoever follows them or waits for them.

use std::sync::Arc;

use huzhu_store::port::{OtherStore, Position};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use super::Status;
use crate::checkpoint::Checkpoint;

/// How far the views are. By it the worker is told that somebody waits, and goes on at once.
#[derive(Clone, Debug)]
pub struct Progress {
    status: watch::Receiver<Arc<Status>>,
    wanted: Arc<Notify>,
}

impl Progress {
    /// Of views that nobody keeps.
    #[must_use]
    pub fn of(status: Status) -> Self {
        Self::new(watch::Sender::new(Arc::new(status)).subscribe(), Arc::default())
    }

    pub(super) const fn new(status: watch::Receiver<Arc<Status>>, wanted: Arc<Notify>) -> Self {
        Self { status, wanted }
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

    /// Waits until the views `names` reflect `position`.
    ///
    /// # Errors
    ///
    /// [`Late`].
    pub async fn reached(
        &self,
        names: &[&str],
        position: Position,
        deadline: Instant,
    ) -> Result<(), Late> {
        let mut status = self.watch();
        let wanted = position.within(status.borrow().store)?;
        let mut behind = None;
        let there = async {
            loop {
                let verdict = verdict(&status.borrow_and_update(), names, wanted);
                match verdict {
                    Ok(()) => return Ok(()),
                    Err(late @ Late::Behind { .. }) => {
                        if behind.replace(late).is_none() {
                            self.wanted.notify_one();
                        }
                    }
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
    OtherStore(#[from] OtherStore),
    /// Nobody keeps the views any more.
    #[error("the views are not kept any more")]
    Ended,
}

fn verdict(status: &Status, names: &[&str], wanted: u64) -> Result<(), Late> {
    let wants = |view: &&Checkpoint| names.contains(&view.projection.as_str());
    for view in status.checkpoints.iter().filter(wants) {
        let (name, at) = (view.projection.clone(), view.offset);
        if at < wanted {
            return Err(if status.goes_on(view) {
                Late::Behind { view: name, at, wanted }
            } else {
                Late::Stopped { view: name, at, wanted }
            });
        }
    }
    Ok(())
}
