//! Given, when, then: one sentence per test, checked at its last word.

#![expect(clippy::panic, reason = "a broken scenario is a failed test")]

pub mod golden;

use std::fmt::Debug;

use crate::decider::{Decider, replay};

/// A history that has been replayed.
#[must_use = "a scenario without `when` tests nothing"]
pub struct Given<D>(D);

/// An answer that has not been checked yet.
#[must_use = "a scenario without `then` tests nothing"]
pub struct When<D: Decider> {
    state: D,
    answer: Result<Vec<D::Event>, D::Rejection>,
}

/// Replays `history`; an impossible history fails the test here.
#[track_caller]
pub fn given<D: Decider>(history: impl IntoIterator<Item = D::Event>) -> Given<D> {
    let history: Vec<_> = history.into_iter().collect();
    Given(replay(&history).unwrap_or_else(|impossible| panic!("given: {impossible}")))
}

impl<D: Decider> Given<D> {
    /// Puts `command` to the state.
    pub fn when(self, command: D::Command) -> When<D> {
        When { answer: self.0.decide(command), state: self.0 }
    }
}

impl<D> When<D>
where
    D: Decider,
    D::Event: Debug + PartialEq,
    D::Rejection: Debug + PartialEq,
{
    /// Expects exactly `expected`, in order, and that the state accepts them.
    #[track_caller]
    pub fn then(self, expected: impl IntoIterator<Item = D::Event>) {
        let expected: Vec<_> = expected.into_iter().collect();
        assert_eq!(self.answer, Ok(expected));
        let after = self.answer.into_iter().flatten().try_fold(self.state, |s, e| s.evolve(&e));
        assert!(after.is_ok(), "decide emitted what evolve refuses: {:?}", after.err());
    }

    /// Expects the command to have taken effect before.
    #[track_caller]
    pub fn then_nothing(self) {
        self.then([]);
    }

    /// Expects the command to be refused for exactly this reason.
    #[track_caller]
    pub fn then_rejected(self, expected: D::Rejection) {
        assert_eq!(self.answer, Err(expected));
    }
}

/// Puts each of `commands` to the state, whether it is refused or not.
///
/// Whatever was decided is accepted by the state, and the replayed events give the same state; both
/// fail the test otherwise.
#[track_caller]
pub fn carry_out<D>(commands: impl IntoIterator<Item = D::Command>) -> (D, Vec<D::Event>)
where
    D: Decider + Clone + Debug + PartialEq,
{
    let (mut state, mut events) = (D::default(), Vec::new());
    for command in commands {
        for event in state.decide(command).into_iter().flatten() {
            state = state.evolve(&event).unwrap_or_else(|refused| panic!("live: {refused}"));
            events.push(event);
        }
    }
    let replayed: D = replay(&events).unwrap_or_else(|impossible| panic!("replay: {impossible}"));
    assert_eq!(replayed, state);
    (state, events)
}
