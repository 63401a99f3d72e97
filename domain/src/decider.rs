//! The shape every aggregate has: decide, then evolve.

/// A state machine that turns commands into events and events into state.
///
/// The implementor is the state; [`Default`] is the state before any event.
pub trait Decider: Default {
    /// A request, in the imperative: `DecideStep`.
    type Command;
    /// A fact, in the past tense: `StepPassed`.
    type Event;
    /// Why a command was refused; nothing was recorded.
    type Rejection: std::error::Error;

    /// Answers `command` with the events that follow from it.
    ///
    /// An empty answer means that the command has already taken effect.
    ///
    /// # Errors
    ///
    /// A [`Self::Rejection`] when the rules of the domain refuse the command.
    fn decide(&self, command: Self::Command) -> Result<Vec<Self::Event>, Self::Rejection>;

    /// Moves the state past `event`. Holds no rules: the event already happened.
    ///
    /// # Errors
    ///
    /// [`Impossible`] when no decision could have produced `event` here, which
    /// means that the history is corrupt.
    fn evolve(self, event: &Self::Event) -> Result<Self, Impossible>;
}

/// An event that cannot follow the history before it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("corrupt history: {event} cannot follow {state}")]
pub struct Impossible {
    /// The stored name of the offending event.
    pub event: &'static str,
    /// The name of the state it was applied to.
    pub state: &'static str,
}

/// Replays `history` from the initial state.
///
/// # Errors
///
/// [`Impossible`] at the first event that cannot follow those before it.
pub fn replay<'a, D, I>(history: I) -> Result<D, Impossible>
where
    D: Decider,
    D::Event: 'a,
    I: IntoIterator<Item = &'a D::Event>,
{
    history.into_iter().try_fold(D::default(), D::evolve)
}
