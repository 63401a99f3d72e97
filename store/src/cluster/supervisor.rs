//! Calls that outlive the connection they began on.
//!
//! A connection that is lost, silent or of unknown state is given up for ever: the library cannot
//! heal it. The next call begins with a new one, at another node. Every call has a time limit; who
//! asks is told that the log does not answer when the patience of a whole call is over, or when the
//! store was told to end.

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::link::{Dial, Link, LinkError};

/// How long a call may take, whatever happens on the way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// One try of it.
    pub(super) attempt: Duration,
    /// All of its tries together: longer than a cluster takes to choose a new leader.
    pub(super) whole: Duration,
    /// The first wait after a failure; it doubles up to [`PAUSE_MAX`].
    pub(super) pause: Duration,
}

const PAUSE_MAX: Duration = Duration::from_millis(500);

impl Patience {
    /// For a call that is small or has a large part of its answer after each limit of its own.
    pub(super) const fn new(attempt: Duration, whole: Duration) -> Self {
        Self { attempt, whole, pause: Duration::from_millis(10) }
    }

    fn divided(self, by: u32) -> Self {
        let less = |limit: Duration| limit.checked_div(by).unwrap_or(limit);
        Self { attempt: less(self.attempt), whole: less(self.whole), ..self }
    }
}

pub(super) struct Supervisor {
    dial: Box<dyn Dial>,
    /// How many times less patient than usual.
    haste: u32,
    state: Mutex<State>,
    /// When every call is over, once somebody said so.
    ends: watch::Sender<Option<Instant>>,
}

struct State {
    link: Option<Arc<dyn Link>>,
    turn: usize,
}

impl Supervisor {
    pub(super) fn new(dial: Box<dyn Dial>) -> Self {
        let state = Mutex::new(State { link: None, turn: 0 });
        Self { dial, haste: 1, state, ends: watch::Sender::new(None) }
    }

    /// For tests that wait for the patience to end.
    #[cfg(test)]
    pub(super) fn hasty(self, haste: u32) -> Self {
        Self { haste, ..self }
    }

    /// Ends every call, those under way and those to come, when `grace` is over.
    pub(super) fn end_within(&self, grace: Duration) {
        let at = Instant::now().checked_add(grace);
        self.ends.send_if_modified(|ends| std::mem::replace(ends, ends.or(at)).is_none());
    }

    async fn ended(&self) {
        let mut ends = self.ends.subscribe();
        let at = ends.wait_for(Option::is_some).await.ok().and_then(|at| *at);
        match at {
            Some(at) => sleep_until(at).await,
            // The sender is part of the supervisor, so this does not happen.
            None => std::future::pending().await,
        }
    }

    /// Tries `call` on one connection after the other until it is answered or refused.
    pub(super) async fn call<T, F>(
        &self,
        patience: Patience,
        call: impl Fn(Arc<dyn Link>) -> F,
    ) -> Result<T, LinkError>
    where
        F: Future<Output = Result<T, LinkError>>,
    {
        tokio::select! {
            biased;
            answer = self.tried(patience, call) => answer,
            () = self.ended() => {
                tracing::warn!("the cluster does not answer, and is not waited for any longer");
                Err(LinkError::Lost("the cluster does not answer, and is not waited for".to_owned()))
            }
        }
    }

    async fn tried<T, F>(
        &self,
        patience: Patience,
        call: impl Fn(Arc<dyn Link>) -> F,
    ) -> Result<T, LinkError>
    where
        F: Future<Output = Result<T, LinkError>>,
    {
        let patience = patience.divided(self.haste);
        let begun = Instant::now();
        let mut pause = patience.pause;
        loop {
            let link = self.link()?;
            let left = patience.whole.saturating_sub(begun.elapsed());
            let tried = timeout(left.min(patience.attempt), call(Arc::clone(&link))).await;
            let silent = |_| LinkError::Lost("the cluster does not answer in time".to_owned());
            let why = match tried.map_err(silent) {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(why)) | Err(why) => why,
            };
            match why {
                LinkError::Lost(_) => self.give_up(&link),
                LinkError::NotLeader | LinkError::CutOff => {}
                LinkError::Conflict
                | LinkError::Denied
                | LinkError::Deleted
                | LinkError::Refused(_) => return Err(why),
            }
            if begun.elapsed().saturating_add(pause) >= patience.whole {
                return Err(why);
            }
            tracing::debug!(%why, "a call to the cluster is tried again");
            if why != LinkError::CutOff {
                sleep(pause).await;
                pause = pause.saturating_mul(2).min(PAUSE_MAX);
            }
        }
    }

    /// The connection in use, or a new one. The library connects at the first call.
    pub(super) fn link(&self) -> Result<Arc<dyn Link>, LinkError> {
        let mut state = self.state();
        if let Some(link) = &state.link {
            return Ok(Arc::clone(link));
        }
        let link = self.dial.dial(state.turn)?;
        state.turn = state.turn.wrapping_add(1);
        state.link = Some(Arc::clone(&link));
        Ok(link)
    }

    /// Nobody begins anything on `link` any more. Others may have given it up before.
    pub(super) fn give_up(&self, link: &Arc<dyn Link>) {
        self.state().link.take_if(|current| Arc::ptr_eq(current, link));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
