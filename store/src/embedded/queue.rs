//! The appends that wait for the next commit. Bounded: who does not fit is told at once.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;

use crate::port::{Append, AppendError, Appended, StoreError};

/// What a list of appends is answered with.
pub(super) type Answer = Result<Vec<Appended>, AppendError>;

/// An answer on its way to its caller.
pub(super) type Answered = (oneshot::Sender<Answer>, Answer);

/// A commit on another thread.
pub(super) type Begun = JoinHandle<Vec<Answered>>;

/// So many lists are worth a commit of their own: to gather more would only let the disk rest.
const ENOUGH: usize = 16;

/// A list of appends whose caller waits.
pub(super) struct Waiting {
    pub(super) appends: Vec<Append>,
    pub(super) events: usize,
    pub(super) bytes: usize,
    pub(super) answer: oneshot::Sender<Answer>,
}

/// How much may wait, and how much is committed at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limits {
    /// How many lists of appends may wait.
    pub(super) waiting_lists_max: usize,
    /// How many bytes they may hold.
    pub(super) waiting_bytes_max: usize,
    /// About how many events one commit takes.
    pub(super) commit_events_max: usize,
    /// About how many bytes one commit takes.
    pub(super) commit_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            waiting_lists_max: 8_192,
            waiting_bytes_max: 256 * 1024 * 1024,
            commit_events_max: 10_000,
            commit_bytes_max: 16 * 1024 * 1024,
        }
    }
}

pub(super) struct Queue {
    state: Mutex<State>,
    idle: Notify,
    limits: Limits,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Waiting>,
    bytes: usize,
    committing: bool,
    /// Whether the committer lets callers go first; then who makes it enough begins the commit.
    gathering: bool,
    begun: Option<Begun>,
    closed: Option<StoreError>,
}

/// What the committer has to do next.
pub(super) enum Next {
    /// A caller has begun a commit: see it to its end.
    Begun(Begun),
    /// Commit these.
    Commit(Vec<Waiting>),
    /// Nothing waits, and the committer has ended.
    Nothing,
}

impl State {
    /// What one commit takes; empty when nothing waits.
    fn take(&mut self, limits: Limits) -> Vec<Waiting> {
        let (mut events, mut bytes) = (0_usize, 0_usize);
        let mut taken = Vec::new();
        while let Some(next) = self.waiting.front() {
            events = events.saturating_add(next.events);
            bytes = bytes.saturating_add(next.bytes);
            let full = events > limits.commit_events_max || bytes > limits.commit_bytes_max;
            if full && !taken.is_empty() {
                break;
            }
            taken.extend(self.waiting.pop_front());
        }
        let freed = taken.iter().fold(0_usize, |sum, one| sum.saturating_add(one.bytes));
        self.bytes = self.bytes.saturating_sub(freed);
        taken
    }
}

impl Queue {
    pub(super) fn new(limits: Limits) -> Self {
        Self { state: Mutex::default(), idle: Notify::new(), limits }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets `waiting` wait. Answers whether the caller has to start a committer. Where enough wait
    /// now, `begin` commits them.
    pub(super) fn push(
        &self,
        waiting: Waiting,
        begin: impl FnOnce(Vec<Waiting>) -> Begun,
    ) -> Result<bool, AppendError> {
        let mut state = self.state();
        if let Some(why) = &state.closed {
            return Err(why.clone().into());
        }
        let bytes = state.bytes.saturating_add(waiting.bytes);
        if state.waiting.len() >= self.limits.waiting_lists_max
            || (bytes > self.limits.waiting_bytes_max && !state.waiting.is_empty())
        {
            return Err(AppendError::Overloaded);
        }
        state.bytes = bytes;
        state.waiting.push_back(waiting);
        let first = !std::mem::replace(&mut state.committing, true);
        state.gathering |= first;
        if state.gathering && state.waiting.len() >= ENOUGH {
            state.gathering = false;
            let lists = state.take(self.limits);
            state.begun = Some(begin(lists));
        }
        Ok(first)
    }

    /// Lets callers go first from now on, unless enough of them wait.
    pub(super) fn gather(&self) -> bool {
        let mut state = self.state();
        state.gathering = state.begun.is_none() && state.waiting.len() < ENOUGH;
        state.gathering
    }

    pub(super) fn len(&self) -> usize {
        self.state().waiting.len()
    }

    /// What the committer has to do next.
    pub(super) fn next(&self) -> Next {
        let mut state = self.state();
        state.gathering = false;
        if let Some(begun) = state.begun.take() {
            return Next::Begun(begun);
        }
        let taken = state.take(self.limits);
        if !taken.is_empty() {
            return Next::Commit(taken);
        }
        state.committing = false;
        drop(state);
        self.idle.notify_waiters();
        Next::Nothing
    }

    /// Takes no more, for the reason `why`; what waits is still committed.
    pub(super) fn close(&self, why: StoreError) {
        self.state().closed.get_or_insert(why);
    }

    /// Drops what waits: the committer is gone, and the callers are told so.
    pub(super) fn abandon(&self) {
        let mut state = self.state();
        let dropped = std::mem::take(&mut state.waiting);
        state.bytes = 0;
        state.committing = false;
        state.gathering = false;
        state.begun = None;
        drop(state);
        drop(dropped);
        self.idle.notify_waiters();
    }

    /// Waits until nothing waits any more.
    pub(super) async fn idle(&self) {
        loop {
            let idle = self.idle.notified();
            if !self.state().committing {
                return;
            }
            idle.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(queue: &Queue, events: usize, bytes: usize) -> Result<bool, AppendError> {
        let waiting = Waiting { appends: Vec::new(), events, bytes, answer: oneshot::channel().0 };
        queue.push(waiting, |lists| tokio::task::spawn_blocking(move || answered(lists)))
    }

    fn answered(lists: Vec<Waiting>) -> Vec<Answered> {
        lists.into_iter().map(|list| (list.answer, Ok(Vec::new()))).collect()
    }

    fn taken(queue: &Queue) -> usize {
        match queue.next() {
            Next::Commit(lists) => lists.len(),
            Next::Begun(_) | Next::Nothing => 0,
        }
    }

    fn queue() -> Queue {
        Queue::new(Limits {
            waiting_lists_max: 4,
            waiting_bytes_max: 100,
            commit_events_max: 10,
            commit_bytes_max: 50,
        })
    }

    #[test]
    fn a_commit_takes_what_fits_and_at_least_one_list() {
        let queue = queue();
        for (events, bytes) in [(11, 1), (5, 10), (5, 10), (1, 60)] {
            push(&queue, events, bytes).unwrap();
        }
        let sizes: Vec<_> = std::iter::repeat_with(|| taken(&queue)).take(4).collect();
        assert_eq!(sizes, [1, 2, 1, 0]);
    }

    #[test]
    fn bytes_that_wait_are_bounded_and_freed_when_taken() {
        let queue = queue();
        push(&queue, 1, 90).unwrap();
        assert_eq!(push(&queue, 1, 20), Err(AppendError::Overloaded));
        taken(&queue);
        push(&queue, 1, 20).unwrap();
    }

    #[test]
    fn one_list_may_be_larger_than_what_may_wait() {
        assert_eq!(push(&queue(), 1, 1_000), Ok(true));
    }

    #[test]
    fn one_committer_is_started_until_nothing_waits() {
        let queue = queue();
        assert_eq!(push(&queue, 1, 1), Ok(true));
        assert_eq!(push(&queue, 1, 1), Ok(false));
        assert_eq!((taken(&queue), taken(&queue)), (2, 0));
        assert_eq!(push(&queue, 1, 1), Ok(true));
    }

    #[tokio::test]
    async fn who_makes_it_enough_begins_the_commit_and_the_next_ones_wait() {
        let queue = Queue::new(Limits::default());
        for _ in 0..=ENOUGH {
            push(&queue, 1, 1).unwrap();
        }
        let Next::Begun(begun) = queue.next() else { panic!("no commit was begun") };
        assert_eq!(begun.await.unwrap().len(), ENOUGH);
        assert_eq!((taken(&queue), taken(&queue)), (1, 0));
    }
}
