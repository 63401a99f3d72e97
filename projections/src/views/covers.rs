//! Covers, what is used up of them, and what enrolment adds up to.

use std::collections::BTreeMap;

use huzhu_domain::assessment::{AccumulatorKey, Accumulators, Waiting};
use huzhu_domain::cover::{
    BenefitPaid, BenefitReleased, BenefitReserved, BenefitReversed, EndReason, Ended, Event,
    Granted,
};
use huzhu_domain::event::StoredEvent;
use huzhu_domain::id::checked::Sex;
use huzhu_domain::id::{
    ClaimId, CoverId, MemberId, OrganisationId, PayoutId, PlanCode, RosterId, VersionLabel,
};
use huzhu_domain::member::MemberClass;
use huzhu_domain::money::Money;

use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::projection::{
    Arrived, Poison, Projection, Stop, down, follows, id_of, known, month, up,
};
use crate::record::record;
use crate::rows::{Buffer, Rows, Source};
use crate::value::{Column, Json, Kind, Value, words};

/// What became of a benefit that was set aside for a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryState {
    /// Nothing yet.
    Reserved,
    /// It was paid.
    Paid,
    /// It was paid and taken back.
    Reversed,
}

words!(EntryState);

record! {
    /// A cover (保障): one member's right under one plan version for one term.
    Cover = "covers";
    key {
        /// Its id.
        cover: CoverId,
    }
    columns {
        /// Whose it is.
        member: MemberId,
        /// The plan.
        plan: PlanCode,
        /// The plan version of the term.
        version: VersionLabel,
        /// The roster it came with, if it came with one.
        roster: Option<RosterId>,
        /// The unit the member belonged to when it was granted.
        unit: OrganisationId,
        /// The district of that unit.
        district: Option<OrganisationId>,
        /// The class of the member when it was granted.
        class: MemberClass,
        /// female or male.
        sex: Sex,
        /// The member's birth date.
        born: Date,
        /// Units bought (份数).
        units: u32,
        /// The first day of the right.
        term_start: Date,
        /// The last day of the term.
        term_end: Date,
        /// The last day of the right: that of the term, or the day it ended before.
        last_day: Date,
        /// Why it ended before its term, if it did.
        end_reason: Option<EndReason>,
        /// The first day of the waiting period, if one applies.
        waits_from: Option<Date>,
        /// The cover that it renews (续保).
        renews: Option<CoverId>,
        /// What was contributed for it.
        contribution_fen: Money,
        /// What is set aside for claims and not paid yet.
        reserved_fen: Money,
        /// What was paid and not taken back.
        paid_fen: Money,
        /// When it was granted.
        granted_on: Date,
        /// The revision of its stream that the row reflects.
        revision: u64,
    }
    index { "member, term_start", "unit, plan, last_day", "roster", "plan, term_start" }
}

record! {
    /// What a cover has used up of one ceiling, or counts without one.
    Accumulator = "cover_accumulators";
    key {
        /// The cover.
        cover: CoverId,
        /// What is counted and over which span, such as amount.total.year.2014.
        accumulator: AccumulatorKey,
    }
    columns {
        /// The ceiling, as the last reservation found it.
        ceiling: Option<Decimal>,
        /// Carried from the member's earlier covers.
        carried: Decimal,
        /// Set aside for claims and not paid yet.
        reserved: Decimal,
        /// Paid and not taken back.
        paid: Decimal,
    }
}

record! {
    /// What one claim holds of a cover.
    Entry = "cover_entries";
    key {
        /// The cover.
        cover: CoverId,
        /// The claim.
        claim: ClaimId,
    }
    columns {
        /// reserved, paid or reversed.
        state: EntryState,
        /// How much.
        amount_fen: Money,
        /// What it adds to the accumulators.
        uses: Json<Accumulators>,
        /// The payout, once it was paid.
        payout: Option<PayoutId>,
        /// Whether paying it ends the cover.
        ends_cover: bool,
    }
    index { "claim" }
}

record! {
    /// Enrolment under a plan version, by district and month.
    EnrolmentStatistic = "enrolment_statistics";
    key {
        /// The plan.
        plan: PlanCode,
        /// The plan version of the term.
        version: VersionLabel,
        /// The district; empty for units of none.
        district: String,
        /// The calendar month, such as 2014-07.
        month: String,
    }
    columns {
        /// Covers granted in the month.
        covers: u32,
        /// What was contributed for them.
        contributions_fen: Money,
        /// Covers whose first day lies in the month.
        starting: u32,
        /// Covers that are over since a day of the month: their last day was the day before.
        ending: u32,
    }
    index { "plan, district, month" }
}

/// Keeps covers.
#[derive(Default)]
pub struct Covers {
    covers: Rows<Cover>,
    accumulators: Rows<Accumulator>,
    entries: Rows<Entry>,
    statistics: Rows<EnrolmentStatistic>,
}

impl Projection for Covers {
    fn name(&self) -> &'static str {
        "covers"
    }

    fn version(&self) -> u32 {
        1
    }

    fn takes(&self, event: &str) -> bool {
        Event::knows(event)
    }

    fn owns(&self, category: &str) -> bool {
        category == "cover"
    }

    fn fold(&mut self, event: &Arrived, source: &mut dyn Source) -> Result<(), Stop> {
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
        vec![&mut self.covers, &mut self.accumulators, &mut self.entries, &mut self.statistics]
    }
}

impl Covers {
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
            born: body.born,
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
            self.accumulators.create(Accumulator {
                cover: body.cover,
                accumulator: accumulator.clone(),
                ceiling: None,
                carried: *carried,
                reserved: Decimal::ZERO,
                paid: Decimal::ZERO,
            })?;
        }
        let granted = self.statistic(&row, body.on, source)?;
        up(&mut granted.covers, "covers of a month")?;
        granted.contributions_fen = granted.contributions_fen.plus(body.contribution)?;
        up(&mut self.statistic(&row, row.term_start, source)?.starting, "covers of a month")?;
        up(&mut self.statistic(&row, over(row.last_day), source)?.ending, "covers of a month")?;
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
        Ok(())
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
        change: impl Fn(&mut Accumulator, Decimal) -> Option<()>,
    ) -> Result<(), Stop> {
        for (accumulator, used) in uses {
            let key = (cover, accumulator.clone());
            let row = self.accumulators.edit_or(&key, source, || Accumulator {
                cover,
                accumulator: accumulator.clone(),
                ceiling: None,
                carried: Decimal::ZERO,
                reserved: Decimal::ZERO,
                paid: Decimal::ZERO,
            })?;
            if let Some(ceiling) = ceilings.get(accumulator) {
                row.ceiling = Some(*ceiling);
            }
            change(row, *used).ok_or(Poison::Count { what: "what is used of a ceiling" })?;
        }
        Ok(())
    }
}

/// The first day without a right that ends with `last_day`.
fn over(last_day: Date) -> Date {
    last_day.tomorrow().unwrap_or(last_day)
}
