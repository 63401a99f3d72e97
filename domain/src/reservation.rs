//! A reservation: a stream whose name is a rule of uniqueness, and who holds it.
//!
//! `stay-{plan}-{serial}` lets one claim ask for a hospital stay or receipt under a plan,
//! `resident-{key}` lets one member stand for a person, `handler-{subject}` lets one organisation
//! have a handler.
//!
//! # Invariants
//!
//! 1. One holder at a time; another comes in only over the one before, named.

use serde::{Deserialize, Serialize};

use crate::decider::{Decider, Impossible};
use crate::event::{StoredEvent, stored_events};

/// What may be asked of a reservation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Hold it from now on.
    Reserve {
        /// Who is to hold it: the id of a claim, a member, an organisation.
        holder: String,
        /// The holder before, who is known to have let go.
        over: Option<String>,
    },
}

/// What has happened to a reservation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// It has a holder.
    Made(Made),
}

/// It has a holder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Made {
    /// Who holds it from now on.
    pub holder: String,
    /// Who held it before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over: Option<String>,
}

stored_events!(Event { Made => "ReservationMade" @ 1 });

/// Why a command was refused; nothing was recorded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize)]
#[serde(tag = "reason", rename_all = "SCREAMING_SNAKE_CASE", rename_all_fields = "snake_case")]
pub enum Rejection {
    /// Invariant 1: somebody else holds it.
    #[error("held by {holder}")]
    HeldBy {
        /// Who holds it.
        holder: String,
    },
}

/// Who holds the reservation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reservation {
    holder: Option<String>,
}

impl Reservation {
    /// Who holds it, if anybody does.
    #[must_use]
    pub fn holder(&self) -> Option<&str> {
        self.holder.as_deref()
    }
}

impl Decider for Reservation {
    type Command = Command;
    type Event = Event;
    type Rejection = Rejection;

    fn decide(&self, command: Command) -> Result<Vec<Event>, Rejection> {
        let Command::Reserve { holder, over } = command;
        match &self.holder {
            Some(held) if *held == holder => Ok(Vec::new()),
            Some(held) if over.as_ref() != Some(held) => {
                Err(Rejection::HeldBy { holder: held.clone() })
            }
            Some(_) => Ok(vec![Event::Made(Made { holder, over })]),
            None => Ok(vec![Event::Made(Made { holder, over: None })]),
        }
    }

    fn evolve(self, event: &Event) -> Result<Self, Impossible> {
        let Event::Made(made) = event;
        if self.holder == made.over {
            Ok(Self { holder: Some(made.holder.clone()) })
        } else {
            Err(Impossible { event: event.name(), state: "Held" })
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::decider::replay;
    use crate::testing::{carry_out, given};

    proptest! {
        #[test]
        fn it_passes_on_only_from_the_holder_who_was_named(
            wanted in prop::collection::vec(("[a-d]", prop::option::of("[a-d]")), 0..24),
        ) {
            let (_, events) = carry_out::<Reservation>(
                wanted.iter().map(|(holder, over)| reserve(holder, over.as_deref())),
            );
            let mut holder = None;
            for Event::Made(made) in events {
                prop_assert_eq!(&made.over, &holder);
                holder = Some(made.holder);
            }
        }
    }

    fn reserve(holder: &str, over: Option<&str>) -> Command {
        Command::Reserve { holder: holder.into(), over: over.map(Into::into) }
    }

    fn made(holder: &str, over: Option<&str>) -> Event {
        Event::Made(Made { holder: holder.into(), over: over.map(Into::into) })
    }

    #[test]
    fn what_nobody_holds_is_reserved() {
        given::<Reservation>([]).when(reserve("a", None)).then([made("a", None)]);
    }

    #[test]
    fn what_somebody_holds_is_refused_to_another() {
        given::<Reservation>([made("a", None)])
            .when(reserve("b", None))
            .then_rejected(Rejection::HeldBy { holder: "a".into() });
    }

    #[test]
    fn the_holder_may_ask_again() {
        given::<Reservation>([made("a", None)]).when(reserve("a", None)).then_nothing();
    }

    #[test]
    fn another_comes_in_over_a_holder_who_let_go() {
        given::<Reservation>([made("a", None)])
            .when(reserve("b", Some("a")))
            .then([made("b", Some("a"))]);
    }

    #[test]
    fn naming_the_wrong_holder_before_is_refused() {
        given::<Reservation>([made("a", None), made("b", Some("a"))])
            .when(reserve("c", Some("a")))
            .then_rejected(Rejection::HeldBy { holder: "b".into() });
    }

    #[test]
    fn two_holders_without_a_handover_are_corrupt() {
        assert!(replay::<Reservation, _>(&[made("a", None), made("b", None)]).is_err());
    }
}
