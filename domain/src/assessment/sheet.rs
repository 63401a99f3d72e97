//! The working sheet of one assessment: what was read, what was written down, what is left.

use std::collections::BTreeMap;

use jiff::civil::Date;
use rust_decimal::{Decimal, RoundingStrategy};

use super::{
    AccumulatorKey, Accumulators, CoverStanding, Finding, Input, Rejection, Rounding, Rule,
    Subject, TraceStep, Waiting,
};
use crate::claim::facts::{Facts, Payer};
use crate::money::Money;
use crate::plan::{Benefit, ClaimWindow, DiseaseCode, Length, PlanVersion, Reduced, WindowStart};
use crate::term::days_between;

/// One assessment in progress.
pub(super) struct Sheet<'a> {
    pub(super) terms: &'a PlanVersion,
    pub(super) cover: &'a CoverStanding,
    pub(super) facts: &'a Facts,
    /// Units that count.
    pub(super) units: u32,
    pub(super) drafts: Vec<Draft<'a>>,
    pub(super) trace: Vec<TraceStep>,
    pub(super) findings: Vec<Finding>,
    pub(super) basis: Accumulators,
    /// What this claim adds whether or not anything is paid.
    pub(super) uses: Accumulators,
    /// What the drafts would add if they stay.
    pub(super) pending: Accumulators,
    /// Deductibles that were borne once for the whole claim.
    pub(super) borne: Accumulators,
    /// What is left of other payers' payments to take off.
    pub(super) offsets: BTreeMap<Payer, Decimal>,
    /// Why something that the facts hold was left out as a whole.
    pub(super) misses: Vec<Rejection>,
    /// Whether any benefit found something to judge.
    pub(super) judged: bool,
}

/// A line before the limits.
pub(super) struct Draft<'a> {
    pub(super) benefit: &'a Benefit,
    pub(super) subject: Subject,
    pub(super) amount: Money,
    pub(super) year: i16,
    /// Days that the line pays for, or of the stay that it belongs to.
    pub(super) days: u32,
    pub(super) disease: Option<DiseaseCode>,
    /// What it adds if it is paid, and at most how much of that there may be.
    pub(super) marks: Vec<Mark>,
    /// Where what was paid is counted, for benefits that settle what was not paid yet.
    pub(super) paid_key: Option<AccumulatorKey>,
}

/// An accumulator, what is added to it, and its ceiling if it has one.
pub(super) type Mark = (AccumulatorKey, Decimal, Option<Decimal>);

/// How far into the waiting period something happened.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Unpaid { day: i64 },
    Reduced { day: i64, to: Reduced },
    Full,
}

/// The dates that decide whether an event counts.
#[derive(Clone, Copy)]
pub(super) struct Moment {
    /// The day that must lie in the term.
    pub(super) term: Date,
    /// The day that must lie after the waiting period.
    pub(super) waiting: Date,
    /// The day of the event, for the claim window.
    pub(super) event: Date,
    /// The day of settlement, for the claim window.
    pub(super) settled: Date,
}

impl Moment {
    pub(super) const fn on(day: Date) -> Self {
        Self { term: day, waiting: day, event: day, settled: day }
    }
}

impl<'a> Sheet<'a> {
    pub(super) fn new(terms: &'a PlanVersion, cover: &'a CoverStanding, facts: &'a Facts) -> Self {
        let mut offsets = BTreeMap::new();
        for offset in &facts.offsets {
            let sum: &mut Decimal = offsets.entry(offset.payer).or_default();
            *sum = sum.saturating_add(offset.amount.amount());
        }
        Self {
            terms,
            cover,
            facts,
            units: cover.units.min(terms.enrolment.units.max),
            drafts: Vec::new(),
            trace: Vec::new(),
            findings: Vec::new(),
            basis: Accumulators::new(),
            uses: Accumulators::new(),
            pending: Accumulators::new(),
            borne: Accumulators::new(),
            offsets,
            misses: Vec::new(),
            judged: false,
        }
    }

    /// What earlier claims and this one, so far, have of `key`.
    pub(super) fn read(&mut self, key: &AccumulatorKey) -> Decimal {
        let earlier = self.read_earlier(key);
        let of = |sums: &Accumulators| sums.get(key).copied().unwrap_or_default();
        earlier.saturating_add(of(&self.uses)).saturating_add(of(&self.pending))
    }

    /// What earlier claims have of `key`.
    pub(super) fn read_earlier(&mut self, key: &AccumulatorKey) -> Decimal {
        let earlier = self.cover.used.get(key).copied().unwrap_or_default().normalize();
        self.basis.insert(key.clone(), earlier);
        earlier
    }

    /// Adds to what this claim uses, whether or not anything is paid.
    pub(super) fn add(&mut self, key: AccumulatorKey, amount: Decimal) {
        add(&mut self.uses, key, amount);
    }

    pub(super) fn draft(&mut self, draft: Draft<'a>) {
        // What pays nothing uses nothing up, and takes nothing from what comes after it.
        let marks = draft.marks.iter().filter(|_| draft.amount.is_positive());
        for (key, amount, _) in marks {
            add(&mut self.pending, key.clone(), *amount);
        }
        self.drafts.push(draft);
    }

    pub(super) fn note(
        &mut self,
        rule: Rule,
        benefit: Option<&Benefit>,
        text: impl Into<String>,
        inputs: &[(&str, String)],
        result: impl Into<String>,
    ) {
        self.note_rounded(rule, benefit, text, inputs, result, None);
    }

    pub(super) fn note_rounded(
        &mut self,
        rule: Rule,
        benefit: Option<&Benefit>,
        text: impl Into<String>,
        inputs: &[(&str, String)],
        result: impl Into<String>,
        rounding: Option<Rounding>,
    ) {
        let inputs = inputs
            .iter()
            .map(|(name, value)| Input { name: (*name).to_owned(), value: value.clone() })
            .collect();
        self.trace.push(TraceStep {
            rule,
            benefit: benefit.map(|benefit| benefit.code.clone()),
            text: text.into(),
            inputs,
            result: result.into(),
            rounding,
        });
    }

    /// Brings an amount to whole fen, and says how if that changed it.
    pub(super) fn to_fen(&self, amount: Decimal) -> Result<(Money, Option<Rounding>), Rejection> {
        let money = Money::rounded(amount, self.terms.rounding.strategy())?;
        let changed = money.amount() != amount;
        Ok((money, changed.then_some(self.terms.rounding)))
    }

    /// Once for each unit bought, if the benefit is paid per unit.
    pub(super) fn times_units(&self, benefit: &Benefit, amount: Decimal) -> Decimal {
        if benefit.per_unit { amount.saturating_mul(Decimal::from(self.units)) } else { amount }
    }

    /// Whether something counts, and how far into the waiting period it happened. What does not
    /// count is written down with the reason.
    pub(super) fn admit(&mut self, benefit: &Benefit, what: &str, moment: Moment) -> Option<Phase> {
        let term = self.cover.term;
        let miss = if !term.holds(moment.term) {
            Some(Rejection::OutsideTerm { date: moment.term, term })
        } else if let Some(ended) = self.cover.ended.filter(|ended| moment.term > *ended) {
            Some(Rejection::CoverEnded { date: moment.term, ended })
        } else {
            self.past_window(benefit, moment)
        };
        if let Some(miss) = miss {
            self.note(
                Rule::Exclusion,
                Some(benefit),
                format!("{what} does not count: {miss}."),
                &[],
                "0.00",
            );
            self.misses.push(miss);
            return None;
        }
        self.judged = true;
        Some(self.phase(benefit, moment.waiting))
    }

    fn past_window(&self, benefit: &Benefit, moment: Moment) -> Option<Rejection> {
        let last_day = match benefit.claim_window? {
            ClaimWindow::By { month, day } => {
                Date::new(moment.term.year().saturating_add(1), month, day).ok()?
            }
            ClaimWindow::Within { since, length } => {
                let start = match since {
                    WindowStart::Incident => self.facts.incident.date,
                    WindowStart::Event => moment.event,
                    WindowStart::Settlement => moment.settled,
                };
                let span = match length {
                    Length::Days(days) => jiff::Span::new().try_days(days),
                    Length::Months(months) => jiff::Span::new().try_months(months),
                    Length::Years(years) => jiff::Span::new().try_years(years),
                };
                start.checked_add(span.ok()?).ok()?
            }
        };
        let applied_on = self.facts.applied_on;
        (applied_on > last_day).then(|| Rejection::WindowPassed {
            benefit: benefit.code.clone(),
            applied_on,
            last_day,
        })
    }

    fn phase(&self, benefit: &Benefit, day: Date) -> Phase {
        let (Some(terms), Waiting::From(from)) = (&self.terms.waiting, self.cover.waiting) else {
            return Phase::Full;
        };
        let accident = terms.waived_for_accident && self.facts.incident.kind.is_accident();
        if benefit.waiting_exempt || accident {
            return Phase::Full;
        }
        let day = days_between(from, day).saturating_add(1);
        let unpaid = i64::from(terms.unpaid_days);
        let reduced = unpaid.saturating_add(i64::from(terms.reduced_days));
        match benefit.reduced {
            _ if day <= unpaid => Phase::Unpaid { day },
            Some(to) if day <= reduced => Phase::Reduced { day, to },
            Some(_) | None => Phase::Full,
        }
    }

    /// What is paid of `full` in this phase.
    pub(super) fn left_by_waiting(
        &self,
        benefit: &Benefit,
        phase: Phase,
        full: Decimal,
    ) -> Decimal {
        match phase {
            Phase::Full => full,
            Phase::Unpaid { .. } => Decimal::ZERO,
            Phase::Reduced { to: Reduced::Amount(amount), .. } => {
                self.times_units(benefit, amount.amount()).min(full)
            }
            Phase::Reduced { to: Reduced::Share(share), .. } => full.saturating_mul(share.rate()),
        }
    }

    /// What is paid of `full` in this phase, written down unless it is all of it.
    pub(super) fn after_waiting(
        &mut self,
        benefit: &Benefit,
        what: &str,
        phase: Phase,
        full: Decimal,
    ) -> Decimal {
        let (day, why) = match phase {
            Phase::Full => return full,
            Phase::Unpaid { day } => (day, "nothing is paid yet".to_owned()),
            Phase::Reduced { day, to: Reduced::Amount(amount) } => {
                (day, format!("a reduced amount of {amount} is paid"))
            }
            Phase::Reduced { day, to: Reduced::Share(share) } => {
                (day, format!("{share} of the benefit is paid"))
            }
        };
        let paid = self.left_by_waiting(benefit, phase, full);
        self.note(
            Rule::Waiting,
            Some(benefit),
            format!("{what} falls on day {day} of the waiting period, when {why}."),
            &[("day", day.to_string()), ("full", yuan(full))],
            yuan(paid),
        );
        paid
    }
}

pub(super) fn add(sums: &mut Accumulators, key: AccumulatorKey, amount: Decimal) {
    if amount.is_zero() {
        return;
    }
    let sum = sums.entry(key).or_default();
    *sum = sum.saturating_add(amount).normalize();
}

/// An accumulator's name, of parts that are each within its alphabet.
pub(super) fn key(parts: &[&str]) -> AccumulatorKey {
    AccumulatorKey::joined(parts)
}

/// An amount as people write it.
pub(super) fn yuan(amount: Decimal) -> String {
    // Most amounts have two places already, and zeros are dear to look for.
    let mut shown =
        if amount.scale() == 2 && !amount.is_zero() { amount } else { amount.normalize() };
    if shown.scale() < 2 {
        shown.rescale(2);
    }
    shown.to_string()
}

impl Rounding {
    pub(super) const fn strategy(self) -> RoundingStrategy {
        match self {
            Self::HalfUp => RoundingStrategy::MidpointAwayFromZero,
            Self::Down => RoundingStrategy::ToZero,
            Self::Up => RoundingStrategy::AwayFromZero,
        }
    }
}
