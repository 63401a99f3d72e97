//! Coverage (覆盖率): of the workers of an organisation, how many have a cover in force, by month.
//!
//! A member counts once however many covers they have, and in an organisation once however many of
//! its units they came through. A month is counted by its last day.

use std::collections::BTreeMap;

use huzhu_domain::id::{MemberId, OrganisationId};
use huzhu_domain::organisation::{Registered, WorkersCounted};
use huzhu_domain::step::Level;
use jiff::civil::Date;

use super::{Cover, Covers, over};
use crate::projection::{Poison, Stop, known, month};
use crate::record::record;
use crate::rows::Source;
use crate::value::Json;
use crate::views::age::year;

/// By unit and month, how many covers begin less how many are over: their sum up to a month is how
/// many are in force when it ends.
type Changes = BTreeMap<OrganisationId, BTreeMap<u32, i64>>;

record! {
    /// When a member's covers begin and are over: what coverage is counted from.
    MemberCoverage = "member_coverage";
    key {
        /// The member.
        member: MemberId,
    }
    columns {
        /// By unit and month (counted from January of year 0): covers that begin less covers that
        /// are over.
        changes: Json<Changes>,
    }
}

record! {
    /// An organisation, as coverage counts its workers and those of the units below it.
    CoveredOrganisation = "coverage_organisations";
    key {
        /// The organisation.
        organisation: OrganisationId,
    }
    columns {
        /// The next organisation up.
        parent: Option<OrganisationId>,
        /// unit, township, district or office: only the workers of units are counted.
        level: Level,
        /// Its workers by the last count.
        workers: u32,
    }
}

record! {
    /// How coverage (覆盖率) changes in a month, in an organisation with everything below it. What
    /// stands when a month ends is the sum up to it: see organisation_growth.
    CoverageChange = "coverage_changes";
    key {
        /// The organisation.
        organisation: OrganisationId,
        /// The calendar month, such as 2014-07; one to come tells of covers that will be over.
        month: String,
    }
    columns {
        /// How many more members have a cover in force when the month ends, or fewer (净增会员).
        members: i64,
        /// How many more workers there are by the counts of the month, or fewer.
        workers: i64,
    }
}

/// A month as a number, so that months compare and copy cheaply.
fn number(on: Date) -> u32 {
    year(on)
        .saturating_mul(12)
        .saturating_add(u32::from(on.month().unsigned_abs()))
        .saturating_sub(1)
}

fn named(number: u32) -> String {
    let (year, month) = (number / 12, (number % 12).saturating_add(1));
    format!("{year:04}-{month:02}")
}

/// The months in which nothing in force becomes something, and the other way round.
fn turns(changes: &Changes, within: impl Fn(&OrganisationId) -> bool) -> BTreeMap<u32, i64> {
    let mut sums: BTreeMap<u32, i64> = BTreeMap::new();
    for (_, months) in changes.iter().filter(|(unit, _)| within(unit)) {
        for (month, change) in months {
            let sum = sums.entry(*month).or_default();
            *sum = sum.saturating_add(*change);
        }
    }
    let mut covers = 0_i64;
    let mut turns = BTreeMap::new();
    for (month, change) in sums {
        let before = covers > 0;
        covers = covers.saturating_add(change);
        let turn = i64::from(covers > 0).saturating_sub(i64::from(before));
        if turn != 0 {
            turns.insert(month, turn);
        }
    }
    turns
}

impl Covers {
    pub(super) fn organisation_registered(
        &mut self,
        body: Registered,
        source: &mut dyn Source,
    ) -> Result<(), Stop> {
        let counted = WorkersCounted { workers: body.workers, on: body.on };
        self.organisations.create(CoveredOrganisation {
            organisation: body.id.clone(),
            parent: body.parent.map(|parent| parent.id),
            level: body.level,
            workers: 0,
        })?;
        self.workers_counted(body.id, &counted, source)
    }

    pub(super) fn workers_counted(
        &mut self,
        organisation: OrganisationId,
        body: &WorkersCounted,
        source: &mut dyn Source,
    ) -> Result<(), Stop> {
        let row = self.organisations.edit(&(organisation.clone(),), source)?;
        let row = known(row, "the organisation")?;
        let before = std::mem::replace(&mut row.workers, body.workers);
        if row.level != Level::Unit || before == body.workers {
            return Ok(());
        }
        let change = i64::from(body.workers).saturating_sub(i64::from(before));
        for above in self.chain(organisation, source)? {
            let row = self.coverage(above, month(body.on), source)?;
            add(&mut row.workers, change, "the workers of an organisation")?;
        }
        Ok(())
    }

    /// Counts a cover that is in force from its first day until after its last.
    pub(super) fn came_into_force(
        &mut self,
        cover: &Cover,
        source: &mut dyn Source,
    ) -> Result<(), Stop> {
        let changes = [(number(cover.term_start), 1), (number(over(cover.last_day)), -1)];
        self.covered(cover.member, &cover.unit, changes, source)
    }

    /// Counts that a cover is in force until another day than was counted `before`.
    pub(super) fn lasts_until(
        &mut self,
        cover: &Cover,
        before: Date,
        source: &mut dyn Source,
    ) -> Result<(), Stop> {
        let changes = [(number(over(before)), 1), (number(over(cover.last_day)), -1)];
        self.covered(cover.member, &cover.unit, changes, source)
    }

    fn covered(
        &mut self,
        member: MemberId,
        unit: &OrganisationId,
        changes: [(u32, i64); 2],
        source: &mut dyn Source,
    ) -> Result<(), Stop> {
        let chain = self.chain(unit.clone(), source)?;
        let none = || MemberCoverage { member, changes: Json(Changes::new()) };
        let row = self.members.edit_or(&(member,), source, none)?;
        let before = row.changes.0.clone();
        let months = row.changes.0.entry(unit.clone()).or_default();
        for (month, change) in changes {
            let sum = months.entry(month).or_default();
            *sum = sum.saturating_add(change);
        }
        // A renewal that follows without a gap leaves nothing at the seam.
        months.retain(|_, change| *change != 0);
        row.changes.0.retain(|_, months| !months.is_empty());
        let after = row.changes.0.clone();

        let units: Vec<_> = after.keys().chain(before.keys()).collect();
        if units.iter().all(|other| *other == unit) {
            let moved = moved(&turns(&before, |_| true), &turns(&after, |_| true));
            return chain.into_iter().try_for_each(|above| self.turned(&above, &moved, source));
        }
        let mut chains = BTreeMap::new();
        for other in units {
            chains.insert(other.clone(), self.chain(other.clone(), source)?);
        }
        for above in chain {
            let below = |other: &OrganisationId| {
                chains.get(other).is_some_and(|chain: &Vec<_>| chain.contains(&above))
            };
            let moved = moved(&turns(&before, below), &turns(&after, below));
            self.turned(&above, &moved, source)?;
        }
        Ok(())
    }

    fn turned(
        &mut self,
        organisation: &OrganisationId,
        moved: &BTreeMap<u32, i64>,
        source: &mut dyn Source,
    ) -> Result<(), Stop> {
        for (month, change) in moved.iter().filter(|(_, change)| **change != 0) {
            let row = self.coverage(organisation.clone(), named(*month), source)?;
            add(&mut row.members, *change, "the members of an organisation")?;
        }
        Ok(())
    }

    fn coverage(
        &mut self,
        organisation: OrganisationId,
        month: String,
        source: &mut dyn Source,
    ) -> Result<&mut CoverageChange, Stop> {
        let key = (organisation, month);
        Ok(self.coverage.edit_or(&key, source, || {
            let (organisation, month) = key.clone();
            CoverageChange { organisation, month, members: 0, workers: 0 }
        })?)
    }

    /// An organisation and everything above it.
    fn chain(
        &mut self,
        organisation: OrganisationId,
        source: &mut dyn Source,
    ) -> Result<Vec<OrganisationId>, Stop> {
        let mut chain = Vec::with_capacity(4);
        let mut next = Some(organisation);
        while let Some(organisation) = next {
            let row = self.organisations.get(&(organisation.clone(),), source)?;
            next = known(row, "the organisation")?.parent.clone();
            chain.push(organisation);
        }
        Ok(chain)
    }
}

fn moved(before: &BTreeMap<u32, i64>, after: &BTreeMap<u32, i64>) -> BTreeMap<u32, i64> {
    let mut moved = after.clone();
    for (month, turn) in before {
        let change = moved.entry(*month).or_default();
        *change = change.saturating_sub(*turn);
    }
    moved
}

fn add(sum: &mut i64, change: i64, what: &'static str) -> Result<(), Poison> {
    *sum = sum.checked_add(change).ok_or(Poison::Count { what })?;
    Ok(())
}
