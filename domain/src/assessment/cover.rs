//! What an assessment has to know of the cover.

use jiff::civil::Date;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Accumulators;
use crate::id::checked::Sex;
use crate::id::{CoverId, PlanCode};
use crate::member::MemberClass;
use crate::term::Term;

/// A cover as it stands when a claim is assessed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CoverStanding {
    /// Which cover.
    pub cover: CoverId,
    /// Its plan.
    pub plan: PlanCode,
    /// Units bought (份数).
    pub units: u32,
    /// Its term.
    pub term: Term,
    /// Whether the waiting period applies, and from when it runs.
    pub waiting: Waiting,
    /// The class of the member.
    pub class: MemberClass,
    /// The sex of the member.
    pub sex: Sex,
    /// The birth date of the member.
    #[schemars(with = "String")]
    pub born: Date,
    /// Reserved and paid by other claims, and carried from earlier covers.
    #[serde(default)]
    #[schemars(with = "std::collections::BTreeMap<String, String>")]
    pub used: Accumulators,
    /// The last day of a cover that ended before its term did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub ended: Option<Date>,
}

/// Whether the waiting period (免责期, 减责期) applies to a cover.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Waiting {
    /// The cover renews another in time, or its plan has no waiting period.
    Waived,
    /// The first day of the waiting period.
    From(#[schemars(with = "String")] Date),
}
