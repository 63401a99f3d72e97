//! What a member has a right to, and what claims hold of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use rust_decimal::Decimal;

use super::BenefitReserved;
use super::{EndReason, Ended, Event, Granted, Rejection};
use crate::assessment::{AccumulatorKey, Accumulators, CoverStanding};
use crate::id::{ClaimId, PayoutId};
use crate::money::Money;

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
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of a benefit that was set aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing yet.
    Reserved,
    /// It was paid.
    Paid(PayoutId),
    /// It was paid and taken back: it uses nothing up any more.
    Reversed(PayoutId),
}

impl Entry {
    /// Whether it uses up what the cover has.
    #[must_use]
    pub const fn counts(&self) -> bool {
        match self.outcome {
            Outcome::Reserved | Outcome::Paid(_) => true,
            Outcome::Reversed(_) => false,
        }
    }
}

impl Right {
    pub(super) const fn new(granted: Arc<Granted>) -> Self {
        Self { granted, ended: None, entries: BTreeMap::new() }
    }

    /// What `claim` holds, which is exactly `amount`.
    pub(super) fn held(&self, claim: ClaimId, amount: Money) -> Result<&Entry, Rejection> {
        let entry = self.entries.get(&claim).ok_or(Rejection::NothingReserved { claim })?;
        let standing = entry.reserved.amount;
        if standing == amount {
            Ok(entry)
        } else {
            Err(Rejection::BenefitDiffers { standing, given: amount })
        }
    }

    /// Whether this claim's payment ends the cover, and that of another claim does too.
    pub(super) fn ended_by_other_than(&self, claim: ClaimId) -> bool {
        let ends = |entry: &Entry| entry.reserved.ends_cover;
        let stands = |entry: &Entry| matches!(entry.outcome, Outcome::Paid(_));
        self.entries.get(&claim).is_some_and(ends)
            && self
                .entries
                .iter()
                .any(|(other, entry)| *other != claim && ends(entry) && stands(entry))
    }

    /// What is used under `key`: carried, reserved and paid, without what `claim` itself holds.
    ///
    /// `None` when the sum cannot be kept exactly.
    #[must_use]
    pub fn used_by_others(&self, key: &AccumulatorKey, claim: ClaimId) -> Option<Decimal> {
        let carried = self.granted.carried.get(key).copied().unwrap_or_default();
        self.used()
            .filter(|(holder, _)| *holder != claim)
            .filter_map(|(_, uses)| uses.get(key))
            .try_fold(carried, |sum, used| sum.checked_add(*used))
    }

    /// What each claim uses up.
    fn used(&self) -> impl Iterator<Item = (ClaimId, &Accumulators)> {
        self.entries
            .iter()
            .filter(|(_, entry)| entry.counts())
            .map(|(claim, entry)| (*claim, &entry.reserved.uses))
    }

    /// The cover as it stands for the assessment of `claim`: without what that claim itself holds.
    #[must_use]
    pub fn standing_for(&self, claim: ClaimId) -> CoverStanding {
        let mut used = self.granted.carried.clone();
        for (_, uses) in self.used().filter(|(holder, _)| *holder != claim) {
            add(&mut used, uses);
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
        for (_, uses) in self.used() {
            add(&mut carried, uses);
        }
        carried.retain(|key, _| key.is_lifetime());
        carried
    }

    pub(super) fn past(mut self, event: &Event) -> Option<Self> {
        match event {
            Event::BenefitReserved(body) => {
                let reserved = Arc::new(body.clone());
                let entry = Entry { reserved, outcome: Outcome::Reserved };
                self.entries.insert(body.claim, entry).is_none().then_some(self)
            }
            Event::BenefitReleased(body) => {
                let entry = self.entries.remove(&body.claim)?;
                (entry.outcome == Outcome::Reserved && entry.reserved.amount == body.amount)
                    .then_some(self)
            }
            Event::BenefitPaid(body) => {
                let paid = Outcome::Paid(body.payout);
                self.turn(body.claim, body.amount, Outcome::Reserved, paid)
            }
            Event::BenefitReversed(body) => {
                if self.entries.get(&body.claim)?.reserved.ends_cover {
                    self.ended = self.ended.filter(|end| end.reason != EndReason::BenefitPaid);
                }
                let (paid, reversed) = (Outcome::Paid(body.payout), Outcome::Reversed(body.payout));
                self.turn(body.claim, body.amount, paid, reversed)
            }
            Event::Ended(body) => self.ended.replace(body.clone()).is_none().then_some(self),
            Event::Granted(_) => None,
        }
    }

    /// Takes the whole of what `claim` holds from one outcome to the next.
    fn turn(mut self, claim: ClaimId, amount: Money, from: Outcome, to: Outcome) -> Option<Self> {
        let entry = self.entries.get_mut(&claim)?;
        let whole = entry.outcome == from && entry.reserved.amount == amount;
        entry.outcome = to;
        whole.then_some(self)
    }
}

/// Adds `more` to `sums`. What was reserved was within range; a sum beyond it is far above any
/// ceiling, and stays so.
fn add(sums: &mut Accumulators, more: &Accumulators) {
    for (key, more) in more {
        let sum = sums.entry(key.clone()).or_default();
        *sum = sum.saturating_add(*more);
    }
}
