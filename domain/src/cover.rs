//! A cover (保障): one member's right under one plan version for one term. It owns the accumulators.
//!
//! ```text
//!           Grant            End, Pay (where paying ends it)
//! Ungranted ──────▶ Granted ─────────────────────────────────▶ Ended
//!                   │     ▲  ◀─────────────────────────────────
//!                   ╰─────╯   Reverse (of the last payment that ends it)
//!     Reserve, Release, Pay, Reverse
//! ```
//!
//! A claim's last approval reserves its benefit here first, so claims that race meet in this stream.
//!
//! # Invariants
//!
//! 1. (Invariant 3 of the engine) What is carried, reserved and paid under an accumulator never
//!    passes its ceiling.
//! 2. A claim holds one entry: reserved, then paid, once for ever. What is paid is what was reserved.
//! 3. (Invariant 4 of the engine) A reversal is the exact opposite of its payment.

use std::sync::Arc;

use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::Serialize;

use crate::assessment::AccumulatorKey;
use crate::decider::{Decider, Impossible};
use crate::event::{StoredEvent, stored_events};
use crate::id::{ClaimId, CoverId, PayoutId};
use crate::money::Money;
use crate::term::Term;

mod body;
mod right;

pub use body::*;
pub use right::{Entry, Outcome, Right};

/// The most claims that one cover has entries of.
pub const ENTRIES_MAX: usize = 1_000;

/// What may be asked of a cover.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Give the member the right.
    Grant(Arc<Granted>),
    /// Set a claim's benefit aside, in place of what was set aside for it before.
    Reserve(BenefitReserved),
    /// Let go of what was set aside for a claim.
    Release {
        /// The claim that is not paid.
        claim: ClaimId,
    },
    /// Turn what was set aside into a payment.
    Pay {
        /// The claim.
        claim: ClaimId,
        /// Its payout.
        payout: PayoutId,
        /// What was paid.
        amount: Money,
        /// The day of the payment.
        on: Date,
    },
    /// Take a payment back.
    Reverse {
        /// The claim.
        claim: ClaimId,
        /// Its payout.
        payout: PayoutId,
        /// What was paid.
        amount: Money,
        /// The day.
        on: Date,
    },
    /// End the right before its term does.
    End(Ended),
}

/// What has happened to a cover.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The member has the right.
    Granted(Arc<Granted>),
    /// A claim's benefit was set aside.
    BenefitReserved(BenefitReserved),
    /// What was set aside was let go of.
    BenefitReleased(BenefitReleased),
    /// What was set aside was paid.
    BenefitPaid(BenefitPaid),
    /// A payment was taken back.
    BenefitReversed(BenefitReversed),
    /// The right ended before its term.
    Ended(Ended),
}

stored_events!(Event {
    Granted => "CoverGranted" @ 1,
    BenefitReserved => "CoverBenefitReserved" @ 1,
    BenefitReleased => "CoverBenefitReleased" @ 1,
    BenefitPaid => "CoverBenefitPaid" @ 1,
    BenefitReversed => "CoverBenefitReversed" @ 1,
    Ended => "CoverEnded" @ 1,
});

/// Why a command was refused; nothing was recorded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize)]
#[serde(tag = "reason", rename_all = "SCREAMING_SNAKE_CASE", rename_all_fields = "snake_case")]
pub enum Rejection {
    /// Nobody granted it.
    #[error("the cover was not granted")]
    CoverNotGranted,
    /// It was granted before, on other terms.
    #[error("cover {cover} was granted before")]
    CoverAlreadyGranted { cover: CoverId },
    /// It ended before.
    #[error("the cover ended on {since}")]
    CoverAlreadyEnded { since: Date },
    /// The day lies outside the term.
    #[error("{given} is no day of the term {term}")]
    EndOutsideTerm { given: Date, term: Term },
    /// Invariant 1: an accumulator would pass its ceiling.
    #[error("{accumulator}: {used} of {ceiling} are used, {asked} more are asked for")]
    CeilingExceeded { accumulator: AccumulatorKey, ceiling: Decimal, used: Decimal, asked: Decimal },
    /// A benefit is more than nothing, unless it uses something up all the same.
    #[error("{amount} yuan is no benefit")]
    BenefitNotPositive { amount: Money },
    /// Invariant 2: nothing is set aside for the claim.
    #[error("nothing is reserved for claim {claim}")]
    NothingReserved { claim: ClaimId },
    /// Invariant 2: the claim was paid.
    #[error("claim {claim} was paid by payout {payout}")]
    BenefitAlreadyPaid { claim: ClaimId, payout: PayoutId },
    /// Invariant 3: there is no payment to take back.
    #[error("claim {claim} was not paid")]
    BenefitNotPaid { claim: ClaimId },
    /// Invariants 2 and 3: another amount than the one that stands.
    #[error("{given} yuan do not match the {standing} that stand for the claim")]
    BenefitDiffers { standing: Money, given: Money },
    /// There are as many entries as there may be.
    #[error("a cover has entries of at most {limit} claims")]
    TooManyEntries { limit: usize },
    /// A sum cannot be kept exactly.
    #[error("{accumulator} is beyond what can be counted")]
    AccumulatorOutOfRange { accumulator: AccumulatorKey },
}

/// What is known of a cover.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Cover {
    /// Nothing yet.
    #[default]
    Ungranted,
    /// The member has, or had, the right.
    Granted(Right),
}

impl Decider for Cover {
    type Command = Command;
    type Event = Event;
    type Rejection = Rejection;

    fn decide(&self, command: Command) -> Result<Vec<Event>, Rejection> {
        match command {
            Command::Grant(granted) => match self {
                Self::Ungranted => Ok(vec![Event::Granted(granted)]),
                Self::Granted(right) if right.granted == granted => Ok(Vec::new()),
                Self::Granted(_) => Err(Rejection::CoverAlreadyGranted { cover: granted.cover }),
            },
            Command::Reserve(reserved) => reserve(self.granted()?, reserved),
            Command::Release { claim } => release(self.granted()?, claim),
            Command::Pay { claim, payout, amount, on } => {
                pay(self.granted()?, BenefitPaid { claim, payout, amount, on })
            }
            Command::Reverse { claim, payout, amount, on } => {
                reverse(self.granted()?, BenefitReversed { claim, payout, amount, on })
            }
            Command::End(ended) => end(self.granted()?, ended),
        }
    }

    fn evolve(self, event: &Event) -> Result<Self, Impossible> {
        let impossible = |state| Impossible { event: event.name(), state };
        match (self, event) {
            (Self::Ungranted, Event::Granted(granted)) => {
                Ok(Self::Granted(Right::new(Arc::clone(granted))))
            }
            (Self::Granted(right), event) => {
                right.past(event).map(Self::Granted).ok_or_else(|| impossible("Granted"))
            }
            (
                Self::Ungranted,
                Event::BenefitReserved(_)
                | Event::BenefitReleased(_)
                | Event::BenefitPaid(_)
                | Event::BenefitReversed(_)
                | Event::Ended(_),
            ) => Err(impossible("Ungranted")),
        }
    }
}

impl Cover {
    /// The right.
    ///
    /// # Errors
    ///
    /// [`Rejection::CoverNotGranted`].
    pub const fn granted(&self) -> Result<&Right, Rejection> {
        match self {
            Self::Ungranted => Err(Rejection::CoverNotGranted),
            Self::Granted(right) => Ok(right),
        }
    }
}

fn reserve(right: &Right, reserved: BenefitReserved) -> Result<Vec<Event>, Rejection> {
    let mut events = Vec::new();
    match right.entries.get(&reserved.claim) {
        Some(Entry { outcome: Outcome::Paid(payout) | Outcome::Reversed(payout), .. }) => {
            let (claim, payout) = (reserved.claim, *payout);
            return Err(Rejection::BenefitAlreadyPaid { claim, payout });
        }
        Some(entry) if *entry.reserved == reserved => return Ok(Vec::new()),
        Some(entry) => events.push(Event::BenefitReleased(BenefitReleased {
            claim: reserved.claim,
            amount: entry.reserved.amount,
        })),
        None if right.entries.len() >= ENTRIES_MAX => {
            return Err(Rejection::TooManyEntries { limit: ENTRIES_MAX });
        }
        None => {}
    }
    let counts = reserved.amount.is_zero() && !reserved.uses.is_empty();
    if !(reserved.amount.is_positive() || counts) {
        return Err(Rejection::BenefitNotPositive { amount: reserved.amount });
    }
    for (accumulator, asked) in &reserved.uses {
        let out_of_range = || Rejection::AccumulatorOutOfRange { accumulator: accumulator.clone() };
        let used = right.used_by_others(accumulator, reserved.claim).ok_or_else(out_of_range)?;
        let after = used.checked_add(*asked).ok_or_else(out_of_range)?;
        if let Some(ceiling) = reserved.ceilings.get(accumulator).filter(|most| after > **most) {
            return Err(Rejection::CeilingExceeded {
                accumulator: accumulator.clone(),
                ceiling: *ceiling,
                used,
                asked: *asked,
            });
        }
    }
    events.push(Event::BenefitReserved(reserved));
    Ok(events)
}

fn release(right: &Right, claim: ClaimId) -> Result<Vec<Event>, Rejection> {
    let Some(entry) = right.entries.get(&claim) else {
        return Ok(Vec::new());
    };
    match entry.outcome {
        Outcome::Reserved => Ok(vec![Event::BenefitReleased(BenefitReleased {
            claim,
            amount: entry.reserved.amount,
        })]),
        Outcome::Paid(payout) | Outcome::Reversed(payout) => {
            Err(Rejection::BenefitAlreadyPaid { claim, payout })
        }
    }
}

fn pay(right: &Right, paid: BenefitPaid) -> Result<Vec<Event>, Rejection> {
    let claim = paid.claim;
    let entry = right.held(claim, paid.amount)?;
    match entry.outcome {
        Outcome::Reserved => {
            // Money may come after the term; the right does not last any longer for that.
            let on = paid.on.min(right.granted.term.end());
            let ended = Ended { reason: EndReason::BenefitPaid, on };
            let ends = entry.reserved.ends_cover && right.ended.is_none();
            let mut events = vec![Event::BenefitPaid(paid)];
            events.extend(ends.then_some(Event::Ended(ended)));
            Ok(events)
        }
        // Paid before, even if it was taken back since.
        Outcome::Paid(before) | Outcome::Reversed(before) if before == paid.payout => {
            Ok(Vec::new())
        }
        Outcome::Paid(payout) | Outcome::Reversed(payout) => {
            Err(Rejection::BenefitAlreadyPaid { claim, payout })
        }
    }
}

fn reverse(right: &Right, reversed: BenefitReversed) -> Result<Vec<Event>, Rejection> {
    let claim = reversed.claim;
    match right.held(claim, reversed.amount)?.outcome {
        Outcome::Reserved => Err(Rejection::BenefitNotPaid { claim }),
        Outcome::Paid(payout) if payout == reversed.payout => {
            // The reversal undoes the end; another payment that ends the cover brings it back.
            let end = right.ended.clone().filter(|end| end.reason == EndReason::BenefitPaid);
            let ended = end.filter(|_| right.ended_by_other_than(claim)).map(Event::Ended);
            Ok([Event::BenefitReversed(reversed)].into_iter().chain(ended).collect())
        }
        Outcome::Reversed(payout) if payout == reversed.payout => Ok(Vec::new()),
        Outcome::Paid(payout) | Outcome::Reversed(payout) => {
            Err(Rejection::BenefitAlreadyPaid { claim, payout })
        }
    }
}

fn end(right: &Right, ended: Ended) -> Result<Vec<Event>, Rejection> {
    match &right.ended {
        Some(standing) if *standing == ended => Ok(Vec::new()),
        Some(standing) => Err(Rejection::CoverAlreadyEnded { since: standing.on }),
        None if !right.granted.term.holds(ended.on) => {
            Err(Rejection::EndOutsideTerm { given: ended.on, term: right.granted.term })
        }
        None => Ok(vec![Event::Ended(ended)]),
    }
}

#[cfg(test)]
mod tests;
