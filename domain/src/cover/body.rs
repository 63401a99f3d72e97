//! What a cover's events hold.

use std::collections::BTreeMap;

use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::assessment::{AccumulatorKey, Accumulators, Waiting};
use crate::id::checked::Sex;
use crate::id::{
    ClaimId, CoverId, MemberId, OrganisationId, PayoutId, PlanCode, RosterId, VersionLabel,
};
use crate::member::MemberClass;
use crate::money::Money;
use crate::term::Term;

/// The member has the right.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Granted {
    /// Its id.
    pub cover: CoverId,
    /// Whose it is.
    pub member: MemberId,
    /// The plan.
    pub plan: PlanCode,
    /// The plan version of the term.
    pub version: VersionLabel,
    /// The roster it came with, if it came with one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub roster: Option<RosterId>,
    /// The unit the member belonged to.
    pub unit: OrganisationId,
    /// The district of that unit, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub district: Option<OrganisationId>,
    /// The class of the member.
    pub class: MemberClass,
    /// Man or woman.
    pub sex: Sex,
    /// The birth date.
    pub born: Date,
    /// Units bought (份数).
    pub units: u32,
    /// The days of the right.
    pub term: Term,
    /// Whether a waiting period applies.
    pub waiting: Waiting,
    /// The cover that this one renews.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renews: Option<CoverId>,
    /// Sums that outlive a cover, from the member's earlier ones.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub carried: Accumulators,
    /// What was contributed for it.
    pub contribution: Money,
    /// The day.
    pub on: Date,
}

/// A claim's benefit was set aside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BenefitReserved {
    /// The claim.
    pub claim: ClaimId,
    /// How much.
    pub amount: Money,
    /// What it adds to the accumulators.
    pub uses: Accumulators,
    /// The ceilings that were checked.
    pub ceilings: BTreeMap<AccumulatorKey, Decimal>,
    /// Whether paying it ends the cover.
    pub ends_cover: bool,
}

/// What was set aside was let go of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BenefitReleased {
    /// The claim.
    pub claim: ClaimId,
    /// How much.
    pub amount: Money,
}

/// What was set aside was paid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BenefitPaid {
    /// The claim.
    pub claim: ClaimId,
    /// Its payout.
    pub payout: PayoutId,
    /// How much.
    pub amount: Money,
    /// The day of the payment.
    pub on: Date,
}

/// A payment was taken back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BenefitReversed {
    /// The claim.
    pub claim: ClaimId,
    /// Its payout.
    pub payout: PayoutId,
    /// How much.
    pub amount: Money,
    /// The day.
    pub on: Date,
}

/// The right ended before its term.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ended {
    /// Why.
    pub reason: EndReason,
    /// The last day of the right.
    pub on: Date,
}

/// Why a right ends before its term does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// Its benefit was paid, and the plan ends with that (给付终止).
    BenefitPaid,
    /// The member died (身故).
    Death,
    /// The member left service (退休离职).
    LeftService,
    /// The unit or the member asked for it (退保).
    Requested,
}
