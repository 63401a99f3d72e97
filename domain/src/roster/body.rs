//! What the events of a roster say.

use std::sync::Arc;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::id::{MemberId, OrganisationId, PlanCode, RosterId, VersionLabel};
use crate::money::Money;
use crate::plan::{Enrolment, Tier};
use crate::term::Term;

/// It was begun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Opened {
    /// Its id.
    pub roster: RosterId,
    /// The plan.
    pub plan: PlanCode,
    /// The plan version of the term.
    pub version: VersionLabel,
    /// Who enrols.
    pub unit: OrganisationId,
    /// The days of the covers.
    pub term: Term,
    /// Whether the unit has a union that pays dues.
    pub unit_has_union: bool,
    /// What the plan version asks of the group and of each member.
    pub rules: Arc<Enrolment>,
    /// The day.
    pub on: Date,
}

/// Members were put into it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MembersAdded {
    /// At least one line, at most [`LINES_MAX`].
    pub lines: Vec<Line>,
}

/// One member of a roster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// The number of the line as the unit sent it, from 1.
    pub number: u32,
    /// Who.
    pub member: MemberId,
    /// How many units count (份).
    pub units: u32,
    /// Which price of the plan applies.
    #[serde(default, skip_serializing_if = "is_ordinary")]
    pub tier: Tier,
    /// What is due for the term.
    pub contribution: Money,
}

/// A member was taken out of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemberRemoved {
    /// Who.
    pub member: MemberId,
}

fn is_ordinary(tier: &Tier) -> bool {
    *tier == Tier::Ordinary
}

/// The unit paid contributions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContributionRecorded {
    /// How much.
    pub amount: Money,
    /// The bank's reference: the same reference is recorded once.
    pub reference: String,
    /// The day of the payment.
    pub on: Date,
}

/// It was closed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Confirmed {
    /// How many members it holds.
    pub members: u32,
    /// The contributions due, all paid.
    pub contribution: Money,
    /// How many workers the unit has.
    pub workers: u32,
    /// The day.
    pub on: Date,
}

/// It was given up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cancelled {
    /// Why.
    pub note: String,
    /// The day.
    pub on: Date,
}

/// Every member has a cover, or was passed over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Granted {
    /// How many covers were granted.
    pub covers: u32,
    /// Members who got none, because another term of theirs came first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub passed_over: Vec<MemberId>,
}
