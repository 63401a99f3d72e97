//! How the keeper's thread, which has no runtime, learns that the log has grown.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::held;

/// The end of the log as far as it is committed, and a way to wait for more.
#[derive(Debug, Default)]
pub(super) struct Commits {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    head: u64,
    /// Who waits is woken by an event beyond this one.
    awaited: u64,
    hurried: bool,
    closed: bool,
}

impl Commits {
    pub(super) fn starting_at(head: u64) -> Self {
        let state = State { head, ..State::default() };
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        held(&self.state)
    }

    /// The offset of the last event that was committed.
    pub(super) fn head(&self) -> u64 {
        self.state().head
    }

    /// Waits until an event stands beyond `offset`, at most for `timeout`, or until hurried.
    pub(super) fn wait_beyond(&self, offset: u64, timeout: Duration) {
        let waits = |state: &mut State| state.head <= offset && !state.closed && !state.hurried;
        let mut state = self.state();
        state.awaited = offset;
        let (mut state, _) = self
            .changed
            .wait_timeout_while(state, timeout, waits)
            .unwrap_or_else(PoisonError::into_inner);
        state.hurried = false;
    }

    /// Takes note of a commit. Most are too small to wake the keeper, which costs both threads.
    pub(super) fn grow(&self, head: u64) {
        let mut state = self.state();
        state.head = head;
        if head > state.awaited {
            self.changed.notify_all();
        }
    }

    /// Ends the wait of the next one who waits, or of one who does.
    pub(super) fn hurry(&self) {
        self.state().hurried = true;
        self.changed.notify_all();
    }

    pub(super) fn close(&self) {
        self.state().closed = true;
        self.changed.notify_all();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.state().closed
    }
}
