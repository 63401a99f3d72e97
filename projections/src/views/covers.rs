//! Covers, what is used up of them, and what enrolment and coverage add up to.

mod coverage;
mod tables;

use std::collections::BTreeMap;

use huzhu_domain::assessment::{AccumulatorKey, Accumulators, Measure, Waiting};
use huzhu_domain::cover::{
    BenefitPaid, BenefitReleased, BenefitReserved, BenefitReversed, EndReason, Ended, Event,
    Granted,
};
use huzhu_domain::event::StoredEvent;
use huzhu_domain::id::CoverId;
use huzhu_domain::money::Money;
use huzhu_domain::organisation;

use jiff::civil::Date;
use rust_decimal::{Decimal, RoundingStrategy};

pub use self::coverage::{CoverageChange, CoveredOrganisation, MemberCoverage};
pub use self::tables::*;
use crate::projection::{
    Arrived, Poison, Projection, Stop, down, follows, id_of, known, month, up,
};
use crate::rows::{Buffer, Rows, Source};
use crate::value::Json;
use crate::views::age::{band, year};

/// What coverage has to know of organisations: where they stand, and how many work there.
const ORGANISATION: [&str; 2] = ["OrganisationRegistered", "OrganisationWorkersCounted"];

/// Keeps covers.
#[derive(Default)]
pub struct Covers {
    covers: Rows<Cover>,
    accumulators: Rows<Accumulator>,
    entries: Rows<Entry>,
    statistics: Rows<EnrolmentStatistic>,
    organisations: Rows<CoveredOrganisation>,
    members: Rows<MemberCoverage>,
    coverage: Rows<CoverageChange>,
}

impl Projection for Covers {
    fn name(&self) -> &'static str {
        "covers"
    }

    fn version(&self) -> u32 {
        2
    }

    fn takes(&self, event: &str) -> bool {
        Event::knows(event) || ORGANISATION.contains(&event)
    }

    fn owns(&self, category: &str) -> bool {
        category == "cover"
    }

    fn fold(&mut self, event: &Arrived, source: &mut dyn Source) -> Result<(), Stop> {
        if ORGANISATION.contains(&&*event.name) {
            return self.fold_organisation(event, source);
        }
        let body = Event::decode(&event.name, event.version, &event.data)?;
        if let Event::Granted(granted) = body {
            return self.granted(&granted, event, source);
        }
        let id: CoverId = id_of(&event.stream)?;
        let row = known(self.covers.edit(&(id,), source)?, "the cover")?;
        row.revision = follows(Some(row.revision), event)?;
        match body {
            Event::Granted(_) => Ok(()),
            Event::BenefitReserved(body) => self.reserved(id, body, source),
            Event::BenefitReleased(body) => self.released(id, &body, source),
            Event::BenefitPaid(body) => self.paid(id, &body, source),
            Event::BenefitReversed(body) => self.reversed(id, &body, source),
            Event::Ended(body) => self.ended(id, &body, source),
        }
    }

    fn buffers(&mut self) -> Vec<&mut dyn Buffer> {
        vec![
            &mut self.covers,
            &mut self.accumulators,
            &mut self.entries,
            &mut self.statistics,
            &mut self.organisations,
            &mut self.members,
            &mut self.coverage,
        ]
    }
}

impl Covers {
    fn fold_organisation(&mut self, event: &Arrived, source: &mut dyn Source) -> Result<(), Stop> {
        match organisation::Event::decode(&event.name, event.version, &event.data)? {
            organisation::Event::Registered(body) => self.organisation_registered(body, source),
            organisation::Event::WorkersCounted(body) => {
                self.workers_counted(id_of(&event.stream)?, &body, source)
            }
            organisation::Event::HandlerRegistered(_)
            | organisation::Event::HandlerCertified(_)
            | organisation::Event::HandlerSuspended(_)
            | organisation::Event::HandlerReinstated(_) => Ok(()),
        }
    }

    fn granted(
        &mut self,
        body: &Granted,
        event: &Arrived,
        source: &mut dyn Source,
    ) -> Result<(), Stop> {
        let row = Cover {
            cover: body.cover,
            member: body.member,
            plan: body.plan.clone(),
            version: body.version.clone(),
            roster: body.roster,
            unit: body.unit.clone(),
            district: body.district.clone(),
            class: body.class,
            sex: body.sex,
            age_band: band(year(body.born), body.term.start())?,
            units: body.units,
            term_start: body.term.start(),
            term_end: body.term.end(),
            last_day: body.term.end(),
            end_reason: None,
            waits_from: match body.waiting {
                Waiting::Waived => None,
                Waiting::From(day) => Some(day),
            },
            renews: body.renews,
            contribution_fen: body.contribution,
            reserved_fen: Money::ZERO,
            paid_fen: Money::ZERO,
            granted_on: body.on,
            revision: follows(None, event)?,
        };
        for (accumulator, carried) in &body.carried {
            let carried = counted(accumulator.measure(), *carried)?;
            let row = Accumulator::none(body.cover, accumulator.clone());
            self.accumulators.create(Accumulator { carried, ..row })?;
        }
        let granted = self.statistic(&row, body.on, source)?;
        up(&mut granted.covers, "covers of a month")?;
        granted.contributions_fen = granted.contributions_fen.plus(body.contribution)?;
        up(&mut self.statistic(&row, row.term_start, source)?.starting, "covers of a month")?;
        up(&mut self.statistic(&row, over(row.last_day), source)?.ending, "covers of a month")?;
        self.came_into_force(&row, source)?;
        self.covers.create(row)?;
        Ok(())
    }

    fn reserved(
        &mut self,
        id: CoverId,
        body: BenefitReserved,
        source: &mut dyn Source,
    ) -> Result<(), Stop> {
        let row = known(self.covers.edit(&(id,), source)?, "the cover")?;
        row.reserved_fen = row.reserved_fen.plus(body.amount)?;
        self.count(id, &body.uses, &body.ceilings, source, |sums, used| {
            sums.reserved = sums.reserved.checked_add(used)?;
            Some(())
        })?;
        self.entries.create(Entry {
            cover: id,
            claim: body.claim,
            state: EntryState::Reserved,
            amount_fen: body.amount,
            uses: Json(body.uses),
            payout: None,
            ends_cover: body.ends_cover,
        })?;
        Ok(())
    }

    fn released(
        &mut self,
        id: CoverId,
        body: &BenefitReleased,
        source: &mut dyn Source,
    ) -> Result<(), Stop> {
        let entry = self.entries.remove(&(id, body.claim), source)?;
        let entry = known(entry, "what the claim holds")?;
        let row = known(self.covers.edit(&(id,), source)?, "the cover")?;
        row.reserved_fen = row.reserved_fen.minus(body.amount)?;
        self.count(id, &entry.uses.0, &BTreeMap::new(), source, |sums, used| {
            sums.reserved = sums.reserved.checked_sub(used)?;
            Some(())
        })
    }

    fn paid(
        &mut self,
        id: CoverId,
        body: &BenefitPaid,
        source: &mut dyn Source,
    ) -> Result<(), Stop> {
        let entry = self.entries.edit(&(id, body.claim), source)?;
        let entry = known(entry, "what the claim holds")?;
        entry.state = EntryState::Paid;
        entry.payout = Some(body.payout);
        let uses = entry.uses.0.clone();
        let row = known(self.covers.edit(&(id,), source)?, "the cover")?;
        row.reserved_fen = row.reserved_fen.minus(body.amount)?;
        row.paid_fen = row.paid_fen.plus(body.amount)?;
        self.count(id, &uses, &BTreeMap::new(), source, |sums, used| {
            sums.reserved = sums.reserved.checked_sub(used)?;
            sums.paid = sums.paid.checked_add(used)?;
            Some(())
        })
    }

    fn reversed(
        &mut self,
        id: CoverId,
        body: &BenefitReversed,
        source: &mut dyn Source,
    ) -> Result<(), Stop> {
        let entry = self.entries.edit(&(id, body.claim), source)?;
        let entry = known(entry, "what the claim holds")?;
        entry.state = EntryState::Reversed;
        let (uses, ended_cover) = (entry.uses.0.clone(), entry.ends_cover);
        let row = known(self.covers.edit(&(id,), source)?, "the cover")?;
        row.paid_fen = row.paid_fen.minus(body.amount)?;
        if ended_cover && row.end_reason == Some(EndReason::BenefitPaid) {
            row.end_reason = None;
            let goes_on_to = row.term_end;
            self.ends_on(id, goes_on_to, source)?;
        }
        self.count(id, &uses, &BTreeMap::new(), source, |sums, used| {
            sums.paid = sums.paid.checked_sub(used)?;
            Some(())
        })
    }

    fn ended(&mut self, id: CoverId, body: &Ended, source: &mut dyn Source) -> Result<(), Stop> {
        let row = known(self.covers.edit(&(id,), source)?, "the cover")?;
        row.end_reason = Some(body.reason);
        self.ends_on(id, body.on, source)
    }

    /// Moves the last day of a cover, and its place in the statistics with it.
    fn ends_on(
        &mut self,
        id: CoverId,
        last_day: Date,
        source: &mut dyn Source,
    ) -> Result<(), Stop> {
        let row = known(self.covers.edit(&(id,), source)?, "the cover")?;
        let before = std::mem::replace(&mut row.last_day, last_day);
        let row = row.clone();
        down(&mut self.statistic(&row, over(before), source)?.ending, "covers of a month")?;
        up(&mut self.statistic(&row, over(last_day), source)?.ending, "covers of a month")?;
        self.lasts_until(&row, before, source)
    }

    fn statistic(
        &mut self,
        cover: &Cover,
        on: Date,
        source: &mut dyn Source,
    ) -> Result<&mut EnrolmentStatistic, Stop> {
        let district = cover.district.as_ref().map_or_else(String::new, ToString::to_string);
        let key = (cover.plan.clone(), cover.version.clone(), district, month(on));
        Ok(self.statistics.edit_or(&key, source, || {
            let (plan, version, district, month) = key.clone();
            EnrolmentStatistic {
                plan,
                version,
                district,
                month,
                covers: 0,
                contributions_fen: Money::ZERO,
                starting: 0,
                ending: 0,
            }
        })?)
    }

    fn count(
        &mut self,
        cover: CoverId,
        uses: &Accumulators,
        ceilings: &BTreeMap<AccumulatorKey, Decimal>,
        source: &mut dyn Source,
        change: impl Fn(&mut Accumulator, i64) -> Option<()>,
    ) -> Result<(), Stop> {
        for (accumulator, used) in uses {
            let key = (cover, accumulator.clone());
            let none = || Accumulator::none(cover, accumulator.clone());
            let row = self.accumulators.edit_or(&key, source, none)?;
            if let Some(ceiling) = ceilings.get(accumulator) {
                row.ceiling = Some(counted(row.measure, *ceiling)?);
            }
            let used = counted(row.measure, *used)?;
            change(row, used).and_then(|()| row.leave()).ok_or(UNCOUNTED)?;
        }
        Ok(())
    }
}

/// The first day without a right that ends with `last_day`.
fn over(last_day: Date) -> Date {
    last_day.tomorrow().unwrap_or(last_day)
}

const UNCOUNTED: Poison = Poison::Count { what: "what is used of a ceiling" };

/// A figure of an accumulator as a whole number: fen, days, or how many.
fn counted(measure: Measure, figure: Decimal) -> Result<i64, Poison> {
    match measure {
        // What a ceiling limits is whole fen; only bases of a share may lie between two.
        Measure::Fen => {
            let whole = figure.round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero);
            Ok(Money::exact(whole)?.fen())
        }
        Measure::Days | Measure::Number => i64::try_from(figure).map_err(|_| UNCOUNTED),
    }
}

impl Accumulator {
    fn none(cover: CoverId, accumulator: AccumulatorKey) -> Self {
        let measure = accumulator.measure();
        let (carried, reserved, paid) = (0, 0, 0);
        Self {
            cover,
            accumulator,
            measure,
            ceiling: None,
            carried,
            reserved,
            paid,
            remaining: None,
        }
    }

    /// Says what is left of the ceiling; `None` if that is beyond counting.
    fn leave(&mut self) -> Option<()> {
        let used = self.carried.checked_add(self.reserved)?.checked_add(self.paid)?;
        self.remaining = match self.ceiling {
            Some(ceiling) => Some(ceiling.checked_sub(used)?),
            None => None,
        };
        Some(())
    }
}

#[cfg(test)]
mod tests;
