//! A cover (保障): one member's right under one plan version for one term. It owns the accumulators.
//!
//! ```text
//!           Grant            End, Pay (where paying ends it)
//! Ungranted ──────▶ Granted ─────────────────────────────────▶ Ended
//!                   │     ▲  ◀─────────────────────────────────
//!                   ╰─────╯   Reverse (of the payment that ended it)
//!     Reserve, Release, Pay, Reverse
//! ```
//!
//! A claim's last approval reserves its benefit here first, so claims that race meet in this stream.
//!
//! # Invariants
//!
//! 1. (Invariant 3 of the engine) What is carried, reserved and paid under an accumulator never
//!    passes its ceiling.
//! 2. A claim holds one entry: reserved, then paid. What is paid is what was reserved.
//! 3. (Invariant 4 of the engine) A reversal is the exact opposite of its payment.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::assessment::{AccumulatorKey, Accumulators, CoverStanding, Waiting};
use crate::decider::{Decider, Impossible};
use crate::event::{StoredEvent, stored_events};
use crate::id::checked::Sex;
use crate::id::{
    ClaimId, CoverId, MemberId, OrganisationId, PayoutId, PlanCode, RosterId, VersionLabel,
};
use crate::member::MemberClass;
use crate::money::Money;
use crate::term::Term;

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
    /// A benefit is more than nothing.
    #[error("{amount} yuan is no benefit")]
    BenefitNotPositive { amount: Money },
    /// Invariant 2: nothing is set aside for the claim.
    #[error("nothing is reserved for claim {claim}")]
    NothingReserved { claim: ClaimId },
    /// Invariant 2: the claim was paid.
    #[error("claim {claim} was paid by payout {payout}")]
    BenefitAlreadyPaid { claim: ClaimId, payout: PayoutId },
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

/// A right and what was made of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Right {
    /// On which terms.
    pub granted: Arc<Granted>,
    /// Why and when it ended before its term.
    pub ended: Option<Ended>,
    /// What claims hold of it.
    pub entries: BTreeMap<ClaimId, Entry>,
}

/// What one claim holds of a cover.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What was set aside.
    pub reserved: Arc<BenefitReserved>,
    /// The payout, once it was paid.
    pub paid: Option<PayoutId>,
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
            (Self::Ungranted, Event::Granted(granted)) => Ok(Self::Granted(Right {
                granted: Arc::clone(granted),
                ended: None,
                entries: BTreeMap::new(),
            })),
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

impl Right {
    /// What is used under `key`: carried, reserved and paid, without what `claim` itself holds.
    ///
    /// `None` when the sum cannot be kept exactly.
    #[must_use]
    pub fn used_by_others(&self, key: &AccumulatorKey, claim: ClaimId) -> Option<Decimal> {
        let carried = self.granted.carried.get(key).copied().unwrap_or_default();
        self.entries
            .iter()
            .filter(|(holder, _)| **holder != claim)
            .filter_map(|(_, entry)| entry.reserved.uses.get(key))
            .try_fold(carried, |sum, used| sum.checked_add(*used))
    }

    /// The cover as it stands for the assessment of `claim`: without what that claim itself holds.
    #[must_use]
    pub fn standing_for(&self, claim: ClaimId) -> CoverStanding {
        let mut used = self.granted.carried.clone();
        for (_, entry) in self.entries.iter().filter(|(holder, _)| **holder != claim) {
            for (key, more) in &entry.reserved.uses {
                let sum = used.entry(key.clone()).or_default();
                *sum = sum.saturating_add(*more);
            }
        }
        CoverStanding {
            cover: self.granted.cover,
            plan: self.granted.plan.clone(),
            units: self.granted.units,
            term: self.granted.term,
            waiting: self.granted.waiting,
            class: self.granted.class,
            sex: self.granted.sex,
            born: self.granted.born,
            used,
            ended: self.ended.as_ref().map(|ended| ended.on),
        }
    }

    /// The sums that outlive this cover, for the member's next one.
    #[must_use]
    pub fn lifetime(&self) -> Accumulators {
        let mut carried = self.granted.carried.clone();
        for (key, more) in self.entries.values().flat_map(|entry| &entry.reserved.uses) {
            let sum = carried.entry(key.clone()).or_default();
            *sum = sum.saturating_add(*more);
        }
        carried.retain(|key, _| key.is_lifetime());
        carried
    }

    fn past(mut self, event: &Event) -> Option<Self> {
        match event {
            Event::BenefitReserved(body) => {
                let entry = Entry { reserved: Arc::new(body.clone()), paid: None };
                self.entries.insert(body.claim, entry).is_none().then_some(self)
            }
            Event::BenefitReleased(body) => {
                let entry = self.entries.remove(&body.claim)?;
                (entry.paid.is_none() && entry.reserved.amount == body.amount).then_some(self)
            }
            Event::BenefitPaid(body) => {
                let entry = self.entries.get_mut(&body.claim)?;
                let whole = entry.reserved.amount == body.amount;
                (entry.paid.replace(body.payout).is_none() && whole).then_some(self)
            }
            Event::BenefitReversed(body) => {
                let entry = self.entries.remove(&body.claim)?;
                let whole = entry.reserved.amount == body.amount;
                if entry.reserved.ends_cover {
                    self.ended = self.ended.filter(|end| end.reason != EndReason::BenefitPaid);
                }
                (entry.paid == Some(body.payout) && whole).then_some(self)
            }
            Event::Ended(body) => self.ended.replace(body.clone()).is_none().then_some(self),
            Event::Granted(_) => None,
        }
    }
}

fn reserve(right: &Right, reserved: BenefitReserved) -> Result<Vec<Event>, Rejection> {
    let mut events = Vec::new();
    match right.entries.get(&reserved.claim) {
        Some(Entry { paid: Some(payout), .. }) => {
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
    if !reserved.amount.is_positive() {
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
    match right.entries.get(&claim) {
        None => Ok(Vec::new()),
        Some(Entry { paid: Some(payout), .. }) => {
            Err(Rejection::BenefitAlreadyPaid { claim, payout: *payout })
        }
        Some(entry) => Ok(vec![Event::BenefitReleased(BenefitReleased {
            claim,
            amount: entry.reserved.amount,
        })]),
    }
}

fn pay(right: &Right, paid: BenefitPaid) -> Result<Vec<Event>, Rejection> {
    let claim = paid.claim;
    let entry = right.entries.get(&claim).ok_or(Rejection::NothingReserved { claim })?;
    let standing = entry.reserved.amount;
    match entry.paid {
        Some(payout) if payout == paid.payout && standing == paid.amount => return Ok(Vec::new()),
        Some(payout) => return Err(Rejection::BenefitAlreadyPaid { claim, payout }),
        None if standing != paid.amount => {
            return Err(Rejection::BenefitDiffers { standing, given: paid.amount });
        }
        None => {}
    }
    let ended = Ended { reason: EndReason::BenefitPaid, on: paid.on };
    let ends = entry.reserved.ends_cover && right.ended.is_none();
    let mut events = vec![Event::BenefitPaid(paid)];
    events.extend(ends.then_some(Event::Ended(ended)));
    Ok(events)
}

fn reverse(right: &Right, reversed: BenefitReversed) -> Result<Vec<Event>, Rejection> {
    let claim = reversed.claim;
    let Some(entry) = right.entries.get(&claim) else {
        // Reversed before: the entry went with the payment.
        return Ok(Vec::new());
    };
    let standing = entry.reserved.amount;
    match entry.paid {
        Some(payout) if payout == reversed.payout && standing == reversed.amount => {
            Ok(vec![Event::BenefitReversed(reversed)])
        }
        Some(payout) if payout == reversed.payout => {
            Err(Rejection::BenefitDiffers { standing, given: reversed.amount })
        }
        Some(payout) => Err(Rejection::BenefitAlreadyPaid { claim, payout }),
        None => Err(Rejection::NothingReserved { claim }),
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
