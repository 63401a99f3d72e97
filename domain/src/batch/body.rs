//! What a batch's events hold.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::id::{BatchId, MemberId, PayoutId, Subject};
use crate::money::Money;
use crate::payout::ReturnReason;

/// It was begun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Opened {
    /// Its id.
    pub batch: BatchId,
    /// The payouts it should hold.
    pub payouts: Vec<PayoutId>,
    /// Who.
    pub by: Subject,
    /// The day.
    pub on: Date,
}

/// It was closed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sealed {
    /// What goes into the bank file.
    pub lines: Vec<Line>,
    /// The sum of the lines.
    pub total: Money,
    /// Payouts that were not due when they were asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skipped: Vec<PayoutId>,
}

/// One payment of a bank file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// Its number in the file, from 1.
    pub number: u32,
    /// The payout.
    pub payout: PayoutId,
    /// Who is paid.
    pub member: MemberId,
    /// Where the member's stream stood: the card is the one on record there.
    pub member_revision: u64,
    /// How much.
    pub amount: Money,
}

/// The bank answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answered {
    /// What it says of each payment.
    pub lines: Vec<AnswerLine>,
    /// The day.
    pub on: Date,
}

/// What the bank says of one payment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnswerLine {
    /// The payout.
    pub payout: PayoutId,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of a payment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Outcome {
    /// The bank paid.
    Settled {
        /// Its reference.
        reference: String,
    },
    /// The bank sent it back.
    Returned {
        /// Why, as a code.
        reason: ReturnReason,
        /// Why, in its words.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        note: String,
    },
}
