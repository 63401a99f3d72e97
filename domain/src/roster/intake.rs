//! Which members a roster takes in: one line at a time, so that one bad line spares the others.

use std::collections::BTreeMap;

use super::{Event, LINES_MAX, Line, List, MEMBERS_MAX, MembersAdded, Rejection};
use crate::eligibility;
use crate::id::MemberId;
use crate::member::Profile;

/// A member whom the unit wants to enrol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate<'a> {
    /// The number of the line as the unit sent it, from 1.
    pub number: u32,
    /// Who.
    pub member: &'a Profile,
    /// How many units are asked for (份).
    pub units: u32,
    /// Whether the work is of high risk (高危行业), which some plans price apart.
    pub high_risk: bool,
}

/// A line that the roster does not take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedLine {
    /// The number of the line as the unit sent it, from 1.
    pub number: u32,
    /// Why.
    pub why: Rejection,
}

impl List {
    /// Sorts `candidates` into the lines that [`super::Command::AddMembers`] takes together, and
    /// those that the plan or this roster refuses.
    #[must_use]
    pub fn sort_out<'a>(
        &self,
        candidates: impl IntoIterator<Item = Candidate<'a>>,
    ) -> (Vec<Line>, Vec<RefusedLine>) {
        let mut intake = Intake::of(self);
        let (mut taken, mut refused) = (Vec::new(), Vec::new());
        for candidate in candidates {
            let line = self.line(candidate);
            match line.and_then(|line| intake.take(&line).map(|()| line)) {
                Ok(line) => taken.push(line),
                Err(why) => refused.push(RefusedLine { number: candidate.number, why }),
            }
        }
        (taken, refused)
    }

    /// The line of `candidate`, if the plan takes the member in this unit.
    fn line(&self, candidate: Candidate<'_>) -> Result<Line, Rejection> {
        let Candidate { number, member, units: asked, high_risk } = candidate;
        let (terms, opened) = (&self.opened.rules, &self.opened);
        if member.unit != opened.unit {
            return Err(Rejection::MemberOfOtherUnit { unit: member.unit.clone() });
        }
        eligibility::check(terms, member, opened.unit_has_union, opened.term.start())?;
        let not_sold = || Rejection::UnitsNotSold { units: asked, units_max: terms.units.max };
        let units = terms.units.valid(asked).ok_or_else(not_sold)?;
        let tier = terms.tier(high_risk, opened.unit_has_union);
        let contribution = terms.contribution(tier, units)?.ok_or_else(not_sold)?;
        Ok(Line { number, member: member.member, units, tier, contribution })
    }
}

/// The lines taken so far, on top of those that stand in the roster.
struct Intake<'a> {
    list: &'a List,
    taken: BTreeMap<MemberId, u32>,
    /// The units of the first member, which the others must have where the plan says so.
    units: Option<u32>,
}

impl<'a> Intake<'a> {
    fn of(list: &'a List) -> Self {
        let units = list.members.values().next().map(|line| line.units);
        Self { list, taken: BTreeMap::new(), units }
    }

    fn take(&mut self, line: &Line) -> Result<(), Rejection> {
        let standing = self.list.members.get(&line.member).map(|line| line.number);
        if let Some(before) = standing.or_else(|| self.taken.get(&line.member).copied()) {
            return Err(Rejection::MemberTwice { member: line.member, line: before });
        }
        if self.list.opened.rules.units.same_for_group
            && let Some(others) = self.units.filter(|others| *others != line.units)
        {
            return Err(Rejection::UnitsDiffer { others, given: line.units });
        }
        if self.list.members.len().saturating_add(self.taken.len()) >= MEMBERS_MAX {
            return Err(Rejection::RosterFull { limit: MEMBERS_MAX });
        }
        self.units = self.units.or(Some(line.units));
        self.taken.insert(line.member, line.number);
        Ok(())
    }
}

pub(super) fn add_members(list: &List, added: MembersAdded) -> Result<Vec<Event>, Rejection> {
    if !(1..=LINES_MAX).contains(&added.lines.len()) {
        return Err(Rejection::LineCount { limit: LINES_MAX, given: added.lines.len() });
    }
    let mut intake = Intake::of(list);
    added.lines.iter().try_for_each(|line| intake.take(line))?;
    Ok(vec![Event::MembersAdded(added)])
}
