//! A plan (保障计划): its versions, each a set of terms that an operator published as data.
//!
//! ```text
//!              Publish
//! Unpublished ────────▶ Published ──╮
//!                          ▲        │ Publish
//!                          ╰────────╯
//! ```
//!
//! # Invariants
//!
//! 1. A label stands for one set of terms for ever: what a cover was sold under cannot change.
//! 2. Terms that contradict themselves are never published.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::decider::{Decider, Impossible};
use crate::event::stored_events;
use crate::id::{PlanCode, VersionLabel};

mod benefit;
mod catalogue;
mod check;
mod disease;
mod enrolment;
mod reimbursement;
mod select;
mod share;
mod standing;
mod terms;

pub use benefit::{
    AfterPayment, Benefit, Cause, ClaimWindow, DailyAllowance, DayAmount, DayCount, Fixed,
    FixedEvent, GradeRow, GradeTable, Length, LengthRow, LossShare, LumpRow, LumpSum, Once,
    OnceSpan, Pays, Reduced, WhichStays, WindowStart,
};
pub use catalogue::{catalogue, schema};
pub use check::PlanError;
pub use disease::{Disease, DiseaseCode, IcdGroup};
pub use enrolment::{
    AboveMax, Ages, Contribution, Enrolment, EnrolmentMode, Participation, Requirement, Tier, Units,
};
pub use reimbursement::{
    Applies, Column, Deductible, DeductibleRow, DeductibleSpan, Expense, OrdinalSpan, RateRow,
    Reimbursement, Scale, Settle, StayDay, StayRules,
};
pub use select::NoVersion;
pub use share::{NotAShare, Share};
pub use standing::{Figure, Source, Standing};
pub use terms::{
    Ceiling, CeilingCode, CeilingSpan, Effective, Exclusions, Limit, Name, OneOf, OneOfSpan,
    PlanVersion, Selection, TermLength, WaitingTerms,
};

/// The most versions of one plan.
pub const VERSIONS_MAX: usize = 200;

/// What may be asked of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Make a version known; safe to repeat with the same terms.
    Publish {
        /// Its terms.
        terms: Arc<PlanVersion>,
    },
}

/// What has happened to a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A version became known.
    VersionPublished(VersionPublished),
}

stored_events!(Event {
    VersionPublished => "PlanVersionPublished" @ 1,
});

/// A version became known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VersionPublished {
    /// Its terms.
    pub terms: Arc<PlanVersion>,
}

/// Why a command was refused; nothing was recorded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize)]
#[serde(tag = "reason", rename_all = "SCREAMING_SNAKE_CASE", rename_all_fields = "snake_case")]
pub enum Rejection {
    /// The terms are of another plan.
    #[error("the terms are of plan {given}, not of {plan}")]
    OtherPlan { plan: PlanCode, given: PlanCode },
    /// Invariant 1: the label stands for other terms.
    #[error("version {version} was published with other terms")]
    VersionDiffers { version: VersionLabel },
    /// Invariant 2: the terms contradict themselves.
    #[error("{path}: {why}")]
    TermsContradictory { path: String, why: String },
    /// The plan has as many versions as a plan may have.
    #[error("a plan has at most {versions_max} versions")]
    TooManyVersions { versions_max: usize },
}

/// A plan with its versions, in the order they were published.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    versions: Vec<Arc<PlanVersion>>,
}

impl Decider for Plan {
    type Command = Command;
    type Event = Event;
    type Rejection = Rejection;

    fn decide(&self, command: Command) -> Result<Vec<Event>, Rejection> {
        match command {
            Command::Publish { terms } => self.publish(terms),
        }
    }

    fn evolve(mut self, event: &Event) -> Result<Self, Impossible> {
        let Event::VersionPublished(VersionPublished { terms }) = event;
        let other_plan = self.code().is_some_and(|code| *code != terms.plan);
        if other_plan || self.version(&terms.version).is_some() {
            return Err(Impossible { event: "PlanVersionPublished", state: self.name() });
        }
        self.versions.push(Arc::clone(terms));
        Ok(self)
    }
}

impl Plan {
    /// The name of the state, as logs and views show it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        if self.versions.is_empty() { "Unpublished" } else { "Published" }
    }

    /// The plan's code, once a version is known.
    #[must_use]
    pub fn code(&self) -> Option<&PlanCode> {
        self.versions.first().map(|terms| &terms.plan)
    }

    /// The versions, in the order they were published.
    #[must_use]
    pub fn versions(&self) -> &[Arc<PlanVersion>] {
        &self.versions
    }

    /// The version of this label.
    #[must_use]
    pub fn version(&self, label: &VersionLabel) -> Option<&Arc<PlanVersion>> {
        self.versions.iter().find(|terms| terms.version == *label)
    }

    fn publish(&self, terms: Arc<PlanVersion>) -> Result<Vec<Event>, Rejection> {
        if let Some(published) = self.version(&terms.version)
            && published.plan == terms.plan
        {
            if *published == terms {
                return Ok(Vec::new());
            }
            return Err(Rejection::VersionDiffers { version: terms.version.clone() });
        }
        if let Some(plan) = self.code().filter(|plan| **plan != terms.plan) {
            return Err(Rejection::OtherPlan { plan: plan.clone(), given: terms.plan.clone() });
        }
        if let Some(PlanError { path, why }) = terms.check().into_iter().next() {
            return Err(Rejection::TermsContradictory { path, why });
        }
        if self.versions.len() >= VERSIONS_MAX {
            return Err(Rejection::TooManyVersions { versions_max: VERSIONS_MAX });
        }
        Ok(vec![Event::VersionPublished(VersionPublished { terms })])
    }
}

#[cfg(test)]
mod tests;
