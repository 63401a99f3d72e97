//! What a payout's events hold.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::id::{
    BatchId, ClaimId, CoverId, MemberId, OrganisationId, PayoutId, PlanCode, Subject, VersionLabel,
};
use crate::money::Money;

/// The benefit is owed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Created {
    /// Its id.
    pub payout: PayoutId,
    /// The claim that was approved.
    pub claim: ClaimId,
    /// The cover it is paid from.
    pub cover: CoverId,
    /// Who is paid.
    pub member: MemberId,
    /// The plan.
    pub plan: PlanCode,
    /// The plan version.
    pub version: VersionLabel,
    /// The unit of the claim.
    pub unit: OrganisationId,
    /// The district of the claim, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub district: Option<OrganisationId>,
    /// The approved benefit.
    pub amount: Money,
    /// The day of the approval.
    pub on: Date,
}

/// It stands in a bank file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Batched {
    /// The batch.
    pub batch: BatchId,
    /// The day.
    pub on: Date,
}

/// The bank paid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settled {
    /// The batch.
    pub batch: BatchId,
    /// The bank's reference.
    pub reference: String,
    /// How much.
    pub amount: Money,
    /// The day of the payment.
    pub on: Date,
}

/// The bank sent it back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Returned {
    /// The batch.
    pub batch: BatchId,
    /// Why, as a code.
    pub reason: ReturnReason,
    /// Why, in the bank's words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// The day.
    pub on: Date,
}

/// Why a bank sends a payment back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReturnReason {
    /// There is no such account (账号不存在).
    AccountUnknown,
    /// The name does not match the account (户名不符).
    NameDiffers,
    /// The account is closed or frozen (账户已销户或冻结).
    AccountClosed,
    /// Something else, said in the note.
    Other,
}

/// What was wrong is right now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Corrected {
    /// What was put right.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// Who.
    pub by: Subject,
    /// The day.
    pub on: Date,
}

/// The money was taken back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reversed {
    /// How much.
    pub amount: Money,
    /// Why.
    pub note: String,
    /// Who.
    pub by: Subject,
    /// The day.
    pub on: Date,
}
