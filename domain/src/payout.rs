//! A payout (给付): the one payment of an approved claim.
//!
//! ```text
//!           Create       Batch            Settle            Reverse
//! Uncreated ──────▶ Due ───────▶ Batched ─────────▶ Settled ────────▶ Reversed
//!                    ▲              │ Return
//!                    │   Correct    ▼
//!                    ╰────────── Returned
//! ```
//!
//! # Invariants
//!
//! 1. (Invariant 4 of the engine) It is settled at most once, with exactly the approved benefit.
//! 2. It stands in one bank file at a time.
//! 3. (Invariant 4 of the engine) A reversal is the exact opposite of the settlement.

use std::sync::Arc;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::decider::{Decider, Impossible};
use crate::event::{StoredEvent, stored_events};
use crate::id::{
    BatchId, ClaimId, CoverId, MemberId, OrganisationId, PayoutId, PlanCode, Subject, VersionLabel,
};
use crate::money::Money;

/// What may be asked of a payout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Owe the member the benefit.
    Create(Arc<Created>),
    /// Put it into a bank file.
    Batch(Batched),
    /// Record that the bank paid.
    Settle {
        /// The batch that the bank answered.
        batch: BatchId,
        /// The bank's reference.
        reference: String,
        /// The day of the payment.
        on: Date,
    },
    /// Record that the bank sent it back.
    Return(Returned),
    /// Say that what was wrong is right now, so that it is paid again.
    Correct(Corrected),
    /// Take the money back (追回).
    Reverse {
        /// Why.
        note: String,
        /// Who.
        by: Subject,
        /// The day.
        on: Date,
    },
}

/// What has happened to a payout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The benefit is owed.
    Created(Arc<Created>),
    /// It stands in a bank file.
    Batched(Batched),
    /// The bank paid.
    Settled(Settled),
    /// The bank sent it back.
    Returned(Returned),
    /// What was wrong is right now.
    Corrected(Corrected),
    /// The money was taken back.
    Reversed(Reversed),
}

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

stored_events!(Event {
    Created => "PayoutCreated" @ 1,
    Batched => "PayoutBatched" @ 1,
    Settled => "PayoutSettled" @ 1,
    Returned => "PayoutReturned" @ 1,
    Corrected => "PayoutCorrected" @ 1,
    Reversed => "PayoutReversed" @ 1,
});

/// Why a command was refused; nothing was recorded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize)]
#[serde(tag = "reason", rename_all = "SCREAMING_SNAKE_CASE", rename_all_fields = "snake_case")]
pub enum Rejection {
    /// Nothing is owed.
    #[error("the payout does not exist")]
    PayoutNotCreated,
    /// Invariant 1: it is owed on other terms.
    #[error("payout {payout} already exists")]
    PayoutAlreadyCreated { payout: PayoutId },
    /// Invariant 1: an amount that cannot be paid.
    #[error("{amount} yuan cannot be paid out")]
    PayoutNotPositive { amount: Money },
    /// Invariant 2: it is not waiting to be paid.
    #[error("the payout is {state}, not due")]
    PayoutNotDue { state: &'static str },
    /// Invariant 2: it does not stand in this bank file.
    #[error("the payout is {state} and not part of batch {batch}")]
    PayoutNotInBatch { state: &'static str, batch: BatchId },
    /// Only a returned payout is corrected.
    #[error("the payout is {state}, not returned")]
    PayoutNotReturned { state: &'static str },
    /// Only a settled payout is reversed.
    #[error("the payout is {state}, not settled")]
    PayoutNotSettled { state: &'static str },
    /// A day lies before the one it has to follow.
    #[error("{given} lies before {last}")]
    PayoutDateBefore { last: Date, given: Date },
}

/// Where a payout stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Payout {
    /// Nothing yet.
    #[default]
    Uncreated,
    /// It waits to be paid.
    Due(Arc<Created>),
    /// It stands in a bank file.
    Batched(Arc<Created>, Batched),
    /// The bank sent it back.
    Returned(Arc<Created>, Returned),
    /// The bank paid.
    Settled(Arc<Created>, Settled),
    /// The money was taken back.
    Reversed(Arc<Created>, Settled, Reversed),
}

impl Decider for Payout {
    type Command = Command;
    type Event = Event;
    type Rejection = Rejection;

    fn decide(&self, command: Command) -> Result<Vec<Event>, Rejection> {
        match command {
            Command::Create(created) => self.create(created),
            Command::Batch(batched) => self.batch(batched),
            Command::Settle { batch, reference, on } => self.settle(batch, reference, on),
            Command::Return(returned) => self.give_back(returned),
            Command::Correct(corrected) => self.correct(corrected),
            Command::Reverse { note, by, on } => self.reverse(note, by, on),
        }
    }

    fn evolve(self, event: &Event) -> Result<Self, Impossible> {
        let state = self.name();
        match (self, event) {
            (Self::Uncreated, Event::Created(created)) => Ok(Self::Due(Arc::clone(created))),
            (Self::Due(created), Event::Batched(batched)) => {
                Ok(Self::Batched(created, batched.clone()))
            }
            (Self::Batched(created, batched), Event::Settled(settled))
                if batched.batch == settled.batch && created.amount == settled.amount =>
            {
                Ok(Self::Settled(created, settled.clone()))
            }
            (Self::Batched(created, batched), Event::Returned(returned))
                if batched.batch == returned.batch =>
            {
                Ok(Self::Returned(created, returned.clone()))
            }
            (Self::Returned(created, _), Event::Corrected(_)) => Ok(Self::Due(created)),
            (Self::Settled(created, settled), Event::Reversed(reversed))
                if settled.amount == reversed.amount =>
            {
                Ok(Self::Reversed(created, settled, reversed.clone()))
            }
            (
                _,
                Event::Created(_)
                | Event::Batched(_)
                | Event::Settled(_)
                | Event::Returned(_)
                | Event::Corrected(_)
                | Event::Reversed(_),
            ) => Err(Impossible { event: event.name(), state }),
        }
    }
}

impl Payout {
    /// The name of the state, as views show it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Uncreated => "uncreated",
            Self::Due(_) => "due",
            Self::Batched(..) => "batched",
            Self::Returned(..) => "returned",
            Self::Settled(..) => "settled",
            Self::Reversed(..) => "reversed",
        }
    }

    /// What is owed to whom.
    ///
    /// # Errors
    ///
    /// [`Rejection::PayoutNotCreated`].
    pub const fn created(&self) -> Result<&Arc<Created>, Rejection> {
        match self {
            Self::Uncreated => Err(Rejection::PayoutNotCreated),
            Self::Due(created)
            | Self::Batched(created, _)
            | Self::Returned(created, _)
            | Self::Settled(created, _)
            | Self::Reversed(created, _, _) => Ok(created),
        }
    }

    fn create(&self, created: Arc<Created>) -> Result<Vec<Event>, Rejection> {
        match self.created() {
            Ok(before) if *before == created => Ok(Vec::new()),
            Ok(_) => Err(Rejection::PayoutAlreadyCreated { payout: created.payout }),
            Err(_) if created.amount.is_positive() => Ok(vec![Event::Created(created)]),
            Err(_) => Err(Rejection::PayoutNotPositive { amount: created.amount }),
        }
    }

    fn batch(&self, batched: Batched) -> Result<Vec<Event>, Rejection> {
        let created = self.created()?;
        if let Self::Batched(_, before) = self
            && before.batch == batched.batch
        {
            return Ok(Vec::new());
        }
        let Self::Due(_) = self else {
            return Err(Rejection::PayoutNotDue { state: self.name() });
        };
        follows(created.on, batched.on)?;
        Ok(vec![Event::Batched(batched)])
    }

    fn settle(&self, batch: BatchId, reference: String, on: Date) -> Result<Vec<Event>, Rejection> {
        let created = self.created()?;
        if let Self::Settled(_, before) = self
            && before.batch == batch
            && before.reference == reference
        {
            return Ok(Vec::new());
        }
        let amount = created.amount;
        self.in_batch(batch, on)?;
        Ok(vec![Event::Settled(Settled { batch, reference, amount, on })])
    }

    fn give_back(&self, returned: Returned) -> Result<Vec<Event>, Rejection> {
        self.created()?;
        if let Self::Returned(_, before) = self
            && *before == returned
        {
            return Ok(Vec::new());
        }
        self.in_batch(returned.batch, returned.on)?;
        Ok(vec![Event::Returned(returned)])
    }

    fn correct(&self, corrected: Corrected) -> Result<Vec<Event>, Rejection> {
        self.created()?;
        let Self::Returned(_, returned) = self else {
            return Err(Rejection::PayoutNotReturned { state: self.name() });
        };
        follows(returned.on, corrected.on)?;
        Ok(vec![Event::Corrected(corrected)])
    }

    fn reverse(&self, note: String, by: Subject, on: Date) -> Result<Vec<Event>, Rejection> {
        self.created()?;
        if let Self::Reversed(..) = self {
            return Ok(Vec::new());
        }
        let Self::Settled(_, settled) = self else {
            return Err(Rejection::PayoutNotSettled { state: self.name() });
        };
        follows(settled.on, on)?;
        Ok(vec![Event::Reversed(Reversed { amount: settled.amount, note, by, on })])
    }

    /// Invariant 2: only the batch that it stands in answers for it.
    fn in_batch(&self, batch: BatchId, on: Date) -> Result<(), Rejection> {
        match self {
            Self::Batched(_, batched) if batched.batch == batch => follows(batched.on, on),
            Self::Uncreated
            | Self::Due(_)
            | Self::Batched(..)
            | Self::Returned(..)
            | Self::Settled(..)
            | Self::Reversed(..) => Err(Rejection::PayoutNotInBatch { state: self.name(), batch }),
        }
    }
}

fn follows(last: Date, given: Date) -> Result<(), Rejection> {
    if given < last { Err(Rejection::PayoutDateBefore { last, given }) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
