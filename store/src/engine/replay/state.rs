//! An aggregate's state as an auditor reads it: its name and the figures that matter. Without
//! personal data.

use huzhu_domain::approval_policy::ApprovalPolicy;
use huzhu_domain::batch::Batch;
use huzhu_domain::claim::{Claim, Review};
use huzhu_domain::cover::{Cover, Outcome};
use huzhu_domain::enrolment::Enrolment;
use huzhu_domain::member::Member;
use huzhu_domain::money::Money;
use huzhu_domain::organisation::Organisation;
use huzhu_domain::payout::Payout;
use huzhu_domain::plan::Plan;
use huzhu_domain::reservation::Reservation;
use huzhu_domain::roster::Roster;
use serde::Serialize;

/// Where an aggregate stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct State {
    /// The name of the state.
    pub name: &'static str,
    /// Its figures, by name, in the order in which they are read.
    pub figures: Vec<(&'static str, String)>,
}

/// An aggregate that can be shown to an auditor.
pub(super) trait Shown {
    fn shown(&self) -> State;
}

const fn state(name: &'static str, figures: Vec<(&'static str, String)>) -> State {
    State { name, figures }
}

impl Shown for Plan {
    fn shown(&self) -> State {
        let versions = self.versions().iter().map(|terms| ("version", terms.version.to_string()));
        state(self.name(), versions.collect())
    }
}

impl Shown for ApprovalPolicy {
    fn shown(&self) -> State {
        state("published", Vec::new())
    }
}

impl Shown for Organisation {
    fn shown(&self) -> State {
        let Ok(register) = self.registered() else {
            return state("unregistered", Vec::new());
        };
        let figures = vec![
            ("workers", register.workers.to_string()),
            ("handlers", register.handlers.len().to_string()),
        ];
        state("registered", figures)
    }
}

impl Shown for Member {
    fn shown(&self) -> State {
        let Ok(profile) = self.registered() else {
            return state("unregistered", Vec::new());
        };
        let unit = vec![("unit", profile.unit.to_string())];
        match (profile.died, profile.retired) {
            (Some(_), _) => state("died", unit),
            (None, Some(_)) => state("retired", unit),
            (None, None) => state("in_service", unit),
        }
    }
}

impl Shown for Reservation {
    fn shown(&self) -> State {
        match self.holder() {
            None => state("free", Vec::new()),
            Some(holder) => state("held", vec![("holder", holder.to_owned())]),
        }
    }
}

impl Shown for Enrolment {
    fn shown(&self) -> State {
        let terms = self.terms().iter().map(|held| ("term", held.term.to_string()));
        state("enrolled", terms.collect())
    }
}

impl Shown for Roster {
    fn shown(&self) -> State {
        let Ok(list) = self.list() else {
            return state(self.name(), Vec::new());
        };
        let mut figures = vec![("members", list.members.len().to_string())];
        figures.extend(list.due().ok().map(|due| ("contribution_due", due.to_string())));
        figures.extend(list.recorded().ok().map(|paid| ("contribution_paid", paid.to_string())));
        state(self.name(), figures)
    }
}

impl Shown for Cover {
    fn shown(&self) -> State {
        let Ok(right) = self.granted() else {
            return state("ungranted", Vec::new());
        };
        let sum = |wanted: fn(Outcome) -> bool| {
            let entries = right.entries.values().filter(|entry| wanted(entry.outcome));
            Money::sum(entries.map(|entry| entry.reserved.amount)).unwrap_or_default()
        };
        let reserved = sum(|outcome| outcome == Outcome::Reserved);
        let paid = sum(|outcome| matches!(outcome, Outcome::Paid(_)));
        let figures = vec![("reserved", reserved.to_string()), ("paid", paid.to_string())];
        state(if right.ended.is_some() { "ended" } else { "granted" }, figures)
    }
}

impl Shown for Claim {
    fn shown(&self) -> State {
        let figures = self.review().map(|review| claimed(self, review));
        state(self.name(), figures.unwrap_or_default())
    }
}

fn claimed(claim: &Claim, review: &Review) -> Vec<(&'static str, String)> {
    let mut figures = vec![("assessed", review.assessed().assessment.total.to_string())];
    if claim.in_review().is_ok() {
        figures.extend(review.next().map(|step| ("next_step", step.name().to_owned())));
        figures.extend(review.queue().map(|queue| ("waits_for", queue.to_string())));
    }
    if let Claim::Approved(_, approved)
    | Claim::Closed(_, approved)
    | Claim::Paid(_, approved, _)
    | Claim::Reversed(_, approved, _) = claim
    {
        figures.push(("approved", approved.amount.to_string()));
    }
    figures
}

impl Shown for Payout {
    fn shown(&self) -> State {
        let amount = self.created().map(|created| vec![("amount", created.amount.to_string())]);
        state(self.name(), amount.unwrap_or_default())
    }
}

impl Shown for Batch {
    fn shown(&self) -> State {
        let Ok(file) = self.file() else {
            return state(self.name(), Vec::new());
        };
        let figures = vec![
            ("payouts", file.sealed.lines.len().to_string()),
            ("total", file.sealed.total.to_string()),
            ("answered", file.answers.len().to_string()),
        ];
        state(self.name(), figures)
    }
}
