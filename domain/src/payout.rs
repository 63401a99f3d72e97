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
//! 2. It stands in one bank file at a time, and in the same one never again.
//! 3. (Invariant 4 of the engine) A reversal is the exact opposite of the settlement.
//! 4. Days never go backwards.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::civil::Date;
use serde::Serialize;

use crate::decider::{Decider, Impossible};
use crate::event::{StoredEvent, stored_events};
use crate::id::{BatchId, PayoutId, Subject};
use crate::money::Money;

mod body;

pub use body::*;

/// The most times that a bank sends one payout back.
pub const RETURNS_MAX: usize = 50;
/// The most characters of a bank's reference.
pub const REFERENCE_MAX: usize = 64;
/// The most characters of a note.
pub const NOTE_MAX: usize = 2_000;

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
    /// Invariant 2: the bank sent it back from this very file.
    #[error("the payout was returned from batch {batch}")]
    PayoutLeftBatch { batch: BatchId },
    /// Invariant 2: it does not stand in this bank file.
    #[error("the payout is {state} and not part of batch {batch}")]
    PayoutNotInBatch { state: &'static str, batch: BatchId },
    /// Only a returned payout is corrected.
    #[error("the payout is {state}, not returned")]
    PayoutNotReturned { state: &'static str },
    /// Only a settled payout is reversed.
    #[error("the payout is {state}, not settled")]
    PayoutNotSettled { state: &'static str },
    /// Invariant 4: the day lies before the last one.
    #[error("{given} lies before {last}")]
    PayoutDateBefore { last: Date, given: Date },
    /// The bank sent it back as often as it may.
    #[error("a payout is returned at most {limit} times")]
    PayoutReturnedTooOften { limit: usize },
    /// A reference says something, and not too much.
    #[error("a reference has 1 to {limit} characters, not {given}")]
    ReferenceLength { limit: usize, given: usize },
    /// A note is longer than it may be.
    #[error("a note has at most {limit} characters, not {given}")]
    PayoutNoteTooLong { limit: usize, given: usize },
}

/// Where a payout stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Payout {
    /// Nothing yet.
    #[default]
    Uncreated,
    /// It waits to be paid.
    Due(Owed),
    /// It stands in a bank file.
    Batched(Owed, Batched),
    /// The bank sent it back.
    Returned(Owed, Returned),
    /// The bank paid.
    Settled(Owed, Settled),
    /// The money was taken back.
    Reversed(Owed, Settled, Reversed),
}

/// What is owed, and what came of it so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owed {
    created: Arc<Created>,
    returns: BTreeMap<BatchId, Returned>,
    // The last day on which it came to wait.
    since: Date,
}

impl Owed {
    fn new(created: &Arc<Created>) -> Self {
        Self { created: Arc::clone(created), returns: BTreeMap::new(), since: created.on }
    }

    fn returned(mut self, returned: &Returned) -> Payout {
        self.returns.insert(returned.batch, returned.clone());
        Payout::Returned(self, returned.clone())
    }

    fn corrected(self, corrected: &Corrected) -> Payout {
        Payout::Due(Self { since: corrected.on, ..self })
    }
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
            (Self::Uncreated, Event::Created(created)) => Ok(Self::Due(Owed::new(created))),
            (Self::Due(owed), Event::Batched(batched))
                if !owed.returns.contains_key(&batched.batch) =>
            {
                Ok(Self::Batched(owed, batched.clone()))
            }
            (Self::Batched(owed, batched), Event::Settled(settled))
                if batched.batch == settled.batch && owed.created.amount == settled.amount =>
            {
                Ok(Self::Settled(owed, settled.clone()))
            }
            (Self::Batched(owed, batched), Event::Returned(returned))
                if batched.batch == returned.batch =>
            {
                Ok(owed.returned(returned))
            }
            (Self::Returned(owed, _), Event::Corrected(corrected)) => Ok(owed.corrected(corrected)),
            (Self::Settled(owed, settled), Event::Reversed(reversed))
                if settled.amount == reversed.amount =>
            {
                Ok(Self::Reversed(owed, settled, reversed.clone()))
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
    pub fn created(&self) -> Result<&Arc<Created>, Rejection> {
        self.owed().map(|owed| &owed.created)
    }

    const fn owed(&self) -> Result<&Owed, Rejection> {
        match self {
            Self::Uncreated => Err(Rejection::PayoutNotCreated),
            Self::Due(owed)
            | Self::Batched(owed, _)
            | Self::Returned(owed, _)
            | Self::Settled(owed, _)
            | Self::Reversed(owed, _, _) => Ok(owed),
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
        let owed = self.owed()?;
        if let Self::Batched(_, before) = self
            && before.batch == batched.batch
        {
            return Ok(Vec::new());
        }
        if owed.returns.contains_key(&batched.batch) {
            return Err(Rejection::PayoutLeftBatch { batch: batched.batch });
        }
        let Self::Due(_) = self else {
            return Err(Rejection::PayoutNotDue { state: self.name() });
        };
        follows(owed.since, batched.on)?;
        Ok(vec![Event::Batched(batched)])
    }

    fn settle(&self, batch: BatchId, reference: String, on: Date) -> Result<Vec<Event>, Rejection> {
        let amount = self.created()?.amount;
        // Settled before, even if it was taken back since.
        if let Self::Settled(_, before) | Self::Reversed(_, before, _) = self
            && before.batch == batch
            && before.reference == reference
        {
            return Ok(Vec::new());
        }
        self.in_batch(batch, on)?;
        reference_holds(&reference)?;
        Ok(vec![Event::Settled(Settled { batch, reference, amount, on })])
    }

    fn give_back(&self, returned: Returned) -> Result<Vec<Event>, Rejection> {
        // Returned before, even if it was put right and paid since.
        if self.owed()?.returns.get(&returned.batch) == Some(&returned) {
            return Ok(Vec::new());
        }
        self.in_batch(returned.batch, returned.on)?;
        note_holds(&returned.note)?;
        Ok(vec![Event::Returned(returned)])
    }

    fn correct(&self, corrected: Corrected) -> Result<Vec<Event>, Rejection> {
        let owed = self.owed()?;
        let Self::Returned(_, returned) = self else {
            return Err(Rejection::PayoutNotReturned { state: self.name() });
        };
        if owed.returns.len() >= RETURNS_MAX {
            return Err(Rejection::PayoutReturnedTooOften { limit: RETURNS_MAX });
        }
        follows(returned.on, corrected.on)?;
        note_holds(&corrected.note)?;
        Ok(vec![Event::Corrected(corrected)])
    }

    fn reverse(&self, note: String, by: Subject, on: Date) -> Result<Vec<Event>, Rejection> {
        self.owed()?;
        if let Self::Reversed(..) = self {
            return Ok(Vec::new());
        }
        let Self::Settled(_, settled) = self else {
            return Err(Rejection::PayoutNotSettled { state: self.name() });
        };
        follows(settled.on, on)?;
        note_holds(&note)?;
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

/// Invariant 4.
fn follows(last: Date, given: Date) -> Result<(), Rejection> {
    if given < last { Err(Rejection::PayoutDateBefore { last, given }) } else { Ok(()) }
}

fn reference_holds(reference: &str) -> Result<(), Rejection> {
    let (limit, given) = (REFERENCE_MAX, reference.chars().count());
    if (1..=limit).contains(&given) {
        Ok(())
    } else {
        Err(Rejection::ReferenceLength { limit, given })
    }
}

fn note_holds(note: &str) -> Result<(), Rejection> {
    let (limit, given) = (NOTE_MAX, note.chars().count());
    if given > limit { Err(Rejection::PayoutNoteTooLong { limit, given }) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
