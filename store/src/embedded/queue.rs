//! The appends that wait for the next commit. Bounded: who does not fit is told at once.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, oneshot};

use super::batch::Placed;
use crate::port::{Append, AppendError, Appended, StoreError};

/// What a list of appends is answered with.
pub(super) type Answer = Result<Vec<Appended>, AppendError>;

/// An answer on its way to its caller.
pub(super) type Answered = (oneshot::Sender<Answer>, Answer);

/// What a commit leaves: answers, and the events it wrote. Whoever made them frees them: memory that
/// goes back from another thread is dear to both.
#[derive(Default)]
pub(super) struct Committed {
    pub(super) answers: Vec<Answered>,
    pub(super) written: Vec<Placed>,
}

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
    changed: Notify,
    idle: Notify,
    limits: Limits,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Waiting>,
    bytes: usize,
    /// Whether a committer lives, who answers the callers.
    committing: bool,
    /// Whether a commit is under way.
    busy: bool,
    /// What was committed elsewhere and is still to be answered.
    done: Vec<Committed>,
    closed: Option<StoreError>,
}

/// What the caller has to do who made a list wait.
pub(super) struct Pushed {
    /// Start a committer.
    pub(super) first: bool,
    /// Commit these: enough wait, and nobody is at it.
    pub(super) enough: Option<Vec<Waiting>>,
}

/// What the committer has to do next.
pub(super) enum Next {
    /// Answer these callers.
    Answer(Vec<Committed>),
    /// Commit these.
    Commit(Vec<Waiting>),
    /// A commit is under way: wait until something has changed.
    Wait,
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

    /// The same, for a commit that begins now, if enough wait.
    fn take_enough(&mut self, limits: Limits) -> Option<Vec<Waiting>> {
        let enough = self.waiting.len() >= ENOUGH;
        self.busy |= enough;
        enough.then(|| self.take(limits))
    }
}

impl Queue {
    pub(super) fn new(limits: Limits) -> Self {
        Self { state: Mutex::default(), changed: Notify::new(), idle: Notify::new(), limits }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets `waiting` wait.
    pub(super) fn push(&self, waiting: Waiting) -> Result<Pushed, AppendError> {
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
        let enough = if state.busy { None } else { state.take_enough(self.limits) };
        Ok(Pushed { first, enough })
    }

    /// Whether callers should go first before what waits is committed.
    pub(super) fn gathers(&self) -> bool {
        let state = self.state();
        !state.busy && state.done.is_empty() && state.waiting.len() < ENOUGH
    }

    pub(super) fn len(&self) -> usize {
        self.state().waiting.len()
    }

    /// What the committer has to do next.
    pub(super) fn next(&self) -> Next {
        let mut state = self.state();
        if !state.done.is_empty() {
            return Next::Answer(std::mem::take(&mut state.done));
        }
        if state.busy {
            return Next::Wait;
        }
        let taken = state.take(self.limits);
        if !taken.is_empty() {
            state.busy = true;
            return Next::Commit(taken);
        }
        state.committing = false;
        drop(state);
        self.idle.notify_waiters();
        Next::Nothing
    }

    /// Waits until the committer has something to do again.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Hands what was committed elsewhere to the committer, who answers.
    pub(super) fn done(&self, committed: Committed) {
        let mut state = self.state();
        // Without a committer nobody waits for an answer any more.
        if state.committing {
            state.done.push(committed);
        }
        drop(state);
        self.changed.notify_one();
    }

    /// What whoever has just committed should go on with, if enough wait; else the commit is over.
    pub(super) fn more(&self) -> Option<Vec<Waiting>> {
        let mut state = self.state();
        let more = state.take_enough(self.limits);
        state.busy = more.is_some();
        drop(state);
        self.changed.notify_one();
        more
    }

    /// The commit is over.
    pub(super) fn rest(&self) {
        self.state().busy = false;
        self.changed.notify_one();
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
        state.busy = false;
        let unanswered = std::mem::take(&mut state.done);
        drop(state);
        drop((dropped, unanswered));
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

    fn push(queue: &Queue, events: usize, bytes: usize) -> Result<Pushed, AppendError> {
        let (appends, answer) = (Vec::new(), oneshot::channel().0);
        queue.push(Waiting { appends, events, bytes, answer })
    }

    /// How many lists the next commit takes, which then is over.
    fn taken(queue: &Queue) -> usize {
        let Next::Commit(lists) = queue.next() else { return 0 };
        queue.rest();
        lists.len()
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
        assert_eq!(push(&queue, 1, 20).err(), Some(AppendError::Overloaded));
        taken(&queue);
        push(&queue, 1, 20).unwrap();
    }

    #[test]
    fn one_list_may_be_larger_than_what_may_wait() {
        assert!(push(&queue(), 1, 1_000).is_ok());
    }

    #[test]
    fn one_committer_is_started_until_nothing_waits() {
        let queue = queue();
        assert!(push(&queue, 1, 1).unwrap().first);
        assert!(!push(&queue, 1, 1).unwrap().first);
        assert_eq!((taken(&queue), taken(&queue)), (2, 0));
        assert!(push(&queue, 1, 1).unwrap().first);
    }

    /// How many lists are begun with when so many are pushed one after the other.
    fn begun(queue: &Queue, lists: usize) -> Vec<usize> {
        let pushed = std::iter::repeat_with(|| push(queue, 1, 1).unwrap()).take(lists);
        pushed.filter_map(|pushed| pushed.enough).map(|lists| lists.len()).collect()
    }

    #[test]
    fn who_makes_it_enough_begins_the_commit_and_whoever_commits_goes_on_while_enough_wait() {
        let queue = Queue::new(Limits::default());
        assert_eq!(begun(&queue, 2 * ENOUGH + 1), [ENOUGH]);
        assert!(matches!(queue.next(), Next::Wait));

        queue.done(Committed::default());
        assert_eq!(queue.more().unwrap().len(), ENOUGH + 1);
        queue.done(Committed::default());
        assert!(queue.more().is_none());

        assert!(matches!(queue.next(), Next::Answer(commits) if commits.len() == 2));
        assert!(matches!(queue.next(), Next::Nothing));
    }

    #[test]
    fn what_comes_during_a_commit_and_is_not_enough_is_left_to_the_committer() {
        let queue = Queue::new(Limits::default());
        assert_eq!(begun(&queue, ENOUGH + 2), [ENOUGH]);
        assert!(queue.more().is_none());
        assert_eq!((taken(&queue), taken(&queue)), (2, 0));
    }

    #[test]
    fn a_commit_that_never_came_to_its_end_holds_up_nobody() {
        let queue = Queue::new(Limits::default());
        assert_eq!(begun(&queue, ENOUGH), [ENOUGH]);
        queue.rest();
        assert_eq!(begun(&queue, ENOUGH), [ENOUGH]);
        queue.abandon();
        assert!(push(&queue, 1, 1).unwrap().first);
    }
}
