//! An enrolment: the terms that one member has held under one plan, one after the other.
//!
//! # Invariants
//!
//! 1. The terms of a member under a plan never overlap. A term whose cover was ended (退保, 退休离职,
//!    身故) is over with it, so that another may begin. One whose benefit was paid keeps its days:
//!    the payment may be taken back.
//! 2. A term renews the one before when it follows without a gap, or within the days of grace.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::decider::{Decider, Impossible};
use crate::event::{StoredEvent, stored_events};
use crate::id::{CoverId, PlanCode, RosterId, VersionLabel};
use crate::term::{Term, days_between};

/// The most terms that a member holds under one plan.
pub const TERMS_MAX: usize = 100;

/// What may be asked of an enrolment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Hold a further term.
    Enrol {
        /// The cover of the term.
        cover: CoverId,
        /// The roster it came with, if it came with one.
        roster: Option<RosterId>,
        /// The plan version of the term.
        version: VersionLabel,
        /// The days of the term.
        term: Term,
        /// How many days after the end of a term the next one still renews it.
        grace_days: u32,
    },
    /// Record that a term is over before its last day, since its cover was ended.
    End(Ended),
}

/// What has happened to an enrolment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A further term is held.
    Made(Made),
    /// A term is over before its last day.
    Ended(Ended),
}

/// A further term is held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Made {
    /// The cover of the term.
    pub cover: CoverId,
    /// The roster it came with, if it came with one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub roster: Option<RosterId>,
    /// The plan version of the term.
    pub version: VersionLabel,
    /// The days of the term.
    pub term: Term,
    /// The cover that this one renews (续保).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renews: Option<CoverId>,
}

/// A term is over before its last day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ended {
    /// The cover of the term.
    pub cover: CoverId,
    /// The last day of the term from now on.
    pub on: Date,
}

stored_events!(Event {
    Made => "EnrolmentMade" @ 1,
    Ended => "EnrolmentEnded" @ 1,
});

/// Why a command was refused; nothing was recorded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize)]
#[serde(tag = "reason", rename_all = "SCREAMING_SNAKE_CASE", rename_all_fields = "snake_case")]
pub enum Rejection {
    /// Invariant 1: a term that overlaps is held.
    #[error("cover {cover} holds from {term}")]
    AlreadyEnrolled { cover: CoverId, term: Term },
    /// The member holds a plan that does not go with this one.
    #[error("cover {cover} of plan {plan} holds from {term}, and the two plans exclude each other")]
    OtherPlanHeld { plan: PlanCode, cover: CoverId, term: Term },
    /// There are as many terms as there may be.
    #[error("at most {limit} terms are held under one plan")]
    TooManyTerms { limit: usize },
}

/// The terms held, in order of enrolment, each as long as it lasts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Enrolment {
    terms: Vec<Made>,
}

impl Enrolment {
    /// The terms held, in order of enrolment, each as long as it lasts.
    #[must_use]
    pub fn terms(&self) -> &[Made] {
        &self.terms
    }
}

impl Decider for Enrolment {
    type Command = Command;
    type Event = Event;
    type Rejection = Rejection;

    fn decide(&self, command: Command) -> Result<Vec<Event>, Rejection> {
        let (cover, roster, version, term, grace_days) = match command {
            Command::Enrol { cover, roster, version, term, grace_days } => {
                (cover, roster, version, term, grace_days)
            }
            Command::End(ended) => return Ok(self.end(ended)),
        };
        if self.terms.iter().any(|held| held.cover == cover && held.term == term) {
            return Ok(Vec::new());
        }
        if let Some(held) = self.terms.iter().find(|held| held.term.overlaps(term)) {
            return Err(Rejection::AlreadyEnrolled { cover: held.cover, term: held.term });
        }
        if self.terms.len() >= TERMS_MAX {
            return Err(Rejection::TooManyTerms { limit: TERMS_MAX });
        }
        // The day after the end counts as day 1, so adjoining terms renew even without grace.
        let within = i64::from(grace_days).max(1);
        let renews = self
            .terms
            .iter()
            .filter(|held| (1..=within).contains(&days_between(held.term.end(), term.start())))
            .max_by_key(|held| held.term.end())
            .map(|held| held.cover);
        Ok(vec![Event::Made(Made { cover, roster, version, term, renews })])
    }

    fn evolve(mut self, event: &Event) -> Result<Self, Impossible> {
        let impossible = || Impossible { event: event.name(), state: "Enrolled" };
        match event {
            Event::Made(made) => {
                if self.terms.iter().any(|held| held.term.overlaps(made.term)) {
                    return Err(impossible());
                }
                self.terms.push(made.clone());
            }
            Event::Ended(Ended { cover, on }) => {
                let mut held = self.terms.iter_mut().filter(|held| held.cover == *cover);
                let held = held.find(|held| held.term.holds(*on)).ok_or_else(impossible)?;
                held.term = Term::new(held.term.start(), *on).map_err(|_| impossible())?;
            }
        }
        Ok(self)
    }
}

impl Enrolment {
    /// A term that is not held, or is over by then, has nothing left to end.
    fn end(&self, ended: Ended) -> Vec<Event> {
        let lasts = |held: &Made| held.term.holds(ended.on) && held.term.end() > ended.on;
        let ends = self.terms.iter().any(|held| held.cover == ended.cover && lasts(held));
        ends.then_some(Event::Ended(ended)).into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::decider::replay;
    use crate::testing::{carry_out, given};

    proptest! {
        #[test]
        fn terms_never_overlap_and_renew_only_what_ended_before(
            wanted in prop::collection::vec((1..6_u128, 0..1_200_i32, 0..400_i32), 0..24),
        ) {
            let first: Date = "2012-01-01".parse().unwrap();
            let day = |days: i32| first.saturating_add(jiff::Span::new().days(days));
            let (state, _) = carry_out::<Enrolment>(wanted.into_iter().map(|(number, from, days)| {
                let term = Term::new(day(from), day(from.saturating_add(days))).unwrap();
                Command::Enrol {
                    cover: cover(number),
                    roster: None,
                    version: "V6".parse().unwrap(),
                    term,
                    grace_days: 15,
                }
            }));
            for (at, held) in state.terms().iter().enumerate() {
                let before = &state.terms()[..at];
                prop_assert!(!before.iter().any(|other| other.term.overlaps(held.term)));
                if let Some(renewed) = held.renews {
                    let gap = before
                        .iter()
                        .filter(|other| other.cover == renewed)
                        .map(|other| days_between(other.term.end(), held.term.start()));
                    prop_assert!(gap.into_iter().any(|gap| (1..=15).contains(&gap)));
                }
            }
        }
    }

    #[test]
    fn a_member_holds_a_bounded_number_of_terms() {
        let first: Date = "1950-01-01".parse().unwrap();
        let held =
            (0..100_u128).zip(first.series(jiff::Span::new().years(1))).map(|(number, day)| {
                Event::Made(Made {
                    cover: cover(number),
                    roster: None,
                    version: "V6".parse().unwrap(),
                    term: Term::new(day, day).unwrap(),
                    renews: None,
                })
            });
        given::<Enrolment>(held)
            .when(enrol(101, "2060-01-01", "2060-12-31"))
            .then_rejected(Rejection::TooManyTerms { limit: TERMS_MAX });
    }

    #[test]
    fn of_two_terms_within_the_days_of_grace_the_later_is_renewed() {
        let history =
            [made(1, "2014-12-20", "2014-12-22", None), made(2, "2014-12-29", "2014-12-31", None)];
        given::<Enrolment>(history).when(enrol(3, "2015-01-01", "2015-12-31")).then([made(
            3,
            "2015-01-01",
            "2015-12-31",
            Some(2),
        )]);
    }

    #[test]
    fn an_adjoining_term_renews_even_without_grace() {
        let enrol = enrol_within(2, "2015-01-01", "2015-12-31", 0);
        given::<Enrolment>([made(1, "2014-01-01", "2014-12-31", None)]).when(enrol).then([made(
            2,
            "2015-01-01",
            "2015-12-31",
            Some(1),
        )]);
    }

    #[test]
    fn a_term_that_was_ended_makes_room_for_another() {
        let history = || vec![made(1, "2014-01-01", "2014-12-31", None), ended(1, "2014-03-31")];
        given::<Enrolment>([history().remove(0)])
            .when(end(1, "2014-03-31"))
            .then([history().remove(1)]);
        given::<Enrolment>(history()).when(enrol(2, "2014-07-01", "2015-06-30")).then([made(
            2,
            "2014-07-01",
            "2015-06-30",
            None,
        )]);
        given::<Enrolment>(history()).when(enrol(2, "2014-03-31", "2015-03-30")).then_rejected(
            Rejection::AlreadyEnrolled { cover: cover(1), term: term("2014-01-01", "2014-03-31") },
        );
    }

    #[test]
    fn what_follows_long_after_an_end_renews_nothing() {
        let history = || [made(1, "2014-01-01", "2014-12-31", None), ended(1, "2014-03-31")];
        given::<Enrolment>(history()).when(enrol(2, "2015-01-01", "2015-12-31")).then([made(
            2,
            "2015-01-01",
            "2015-12-31",
            None,
        )]);
        given::<Enrolment>(history()).when(enrol(2, "2014-04-15", "2015-04-14")).then([made(
            2,
            "2014-04-15",
            "2015-04-14",
            Some(1),
        )]);
    }

    #[test]
    fn a_term_is_ended_once_and_only_before_its_last_day() {
        let history = || vec![made(1, "2014-01-01", "2014-12-31", None), ended(1, "2014-03-31")];
        given::<Enrolment>(history()).when(end(1, "2014-03-31")).then_nothing();
        given::<Enrolment>([history().remove(0)]).when(end(1, "2014-12-31")).then_nothing();
        given::<Enrolment>([history().remove(0)]).when(end(2, "2014-03-31")).then_nothing();
    }

    #[test]
    fn a_first_term_renews_nothing() {
        given::<Enrolment>([]).when(enrol(1, "2014-01-01", "2014-12-31")).then([made(
            1,
            "2014-01-01",
            "2014-12-31",
            None,
        )]);
    }

    #[test]
    fn the_same_cover_is_enrolled_once() {
        given::<Enrolment>([made(1, "2014-01-01", "2014-12-31", None)])
            .when(enrol(1, "2014-01-01", "2014-12-31"))
            .then_nothing();
    }

    #[test]
    fn an_overlapping_term_is_refused() {
        given::<Enrolment>([made(1, "2014-01-01", "2014-12-31", None)])
            .when(enrol(2, "2014-12-31", "2015-12-30"))
            .then_rejected(Rejection::AlreadyEnrolled {
                cover: cover(1),
                term: term("2014-01-01", "2014-12-31"),
            });
    }

    #[test]
    fn a_term_within_the_days_of_grace_renews() {
        let first = || made(1, "2014-01-01", "2014-12-31", None);
        given::<Enrolment>([first()]).when(enrol(2, "2015-01-15", "2016-01-14")).then([made(
            2,
            "2015-01-15",
            "2016-01-14",
            Some(1),
        )]);
        given::<Enrolment>([first()]).when(enrol(2, "2015-01-16", "2016-01-15")).then([made(
            2,
            "2015-01-16",
            "2016-01-15",
            None,
        )]);
    }

    #[test]
    fn overlapping_terms_in_the_log_are_corrupt() {
        let history =
            [made(1, "2014-01-01", "2014-12-31", None), made(2, "2014-06-01", "2015-05-31", None)];
        assert!(replay::<Enrolment, _>(&history).is_err());
    }

    fn enrol(number: u128, start: &str, end: &str) -> Command {
        enrol_within(number, start, end, 15)
    }

    fn enrol_within(number: u128, start: &str, end: &str, grace_days: u32) -> Command {
        Command::Enrol {
            cover: cover(number),
            roster: None,
            version: "V6".parse().unwrap(),
            term: term(start, end),
            grace_days,
        }
    }

    fn made(number: u128, start: &str, end: &str, renews: Option<u128>) -> Event {
        Event::Made(Made {
            cover: cover(number),
            roster: None,
            version: "V6".parse().unwrap(),
            term: term(start, end),
            renews: renews.map(cover),
        })
    }

    fn end(number: u128, on: &str) -> Command {
        Command::End(Ended { cover: cover(number), on: on.parse().unwrap() })
    }

    fn ended(number: u128, on: &str) -> Event {
        Event::Ended(Ended { cover: cover(number), on: on.parse().unwrap() })
    }

    fn cover(number: u128) -> CoverId {
        CoverId::new(Uuid::from_u128(number))
    }

    fn term(start: &str, end: &str) -> Term {
        Term::new(start.parse().unwrap(), end.parse().unwrap()).unwrap()
    }
}
