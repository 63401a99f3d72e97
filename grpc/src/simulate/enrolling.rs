//! A year's enrolment: rosters of the units in the paid plans, and the free plan for everybody.

use huzhu_domain::id::{CoverId, PlanCode, RosterId};
use huzhu_domain::roster::{LINES_MAX, Roster};
use huzhu_store::engine::{GrantCover, OpenRoster, RosterLine, streams};
use jiff::civil::{Date, date};

use super::{FIRST_YEAR, Run, SimulateError, Unit, handler, made, morning, operator, plan_code};

/// The free plan.
pub(super) const FREE: &str = "nuan-huzhu";
/// Paid plans for stays in hospital.
pub(super) const MEDICAL: &str = "hospital-medical";
pub(super) const ALLOWANCE: &str = "hospital-allowance";
/// The two-year plan for women.
pub(super) const DISEASE: &str = "female-disease";

impl Run {
    /// Enrols everybody for a year.
    pub(super) async fn enrol(&self, year: i16) -> Result<(), SimulateError> {
        let rosters = self.setting.units().iter().zip(0_u64..).flat_map(|(unit, number)| {
            [MEDICAL, ALLOWANCE, DISEASE]
                .into_iter()
                .filter(move |plan| self.buys(number, plan, year))
                .map(move |plan| (unit, plan))
        });
        self.each(rosters, |(unit, plan)| self.roster(unit, plan, year)).await?;
        let members = 0..self.plan.members;
        self.each(members, |number| self.grant_free(number, year)).await?;
        Ok(())
    }

    /// Whether the unit of that number buys the plan for a term that begins in `year`.
    pub(super) fn buys(&self, unit: u64, plan: &str, year: i16) -> bool {
        let mut random = self.random(plan, unit);
        match plan {
            MEDICAL => random.chance(800),
            ALLOWANCE => random.chance(600),
            _ => random.chance(500) && year == term_begins(plan, year),
        }
    }

    async fn grant_free(&self, number: u32, year: i16) -> Result<(), SimulateError> {
        let start = made("date", Date::new(year, 1, 1))?;
        let envelope = self.ask(&format!("free {number} {year}"), operator()?, morning(start)?);
        let (plan, member) = (plan_code(FREE)?, self.setting.member(number));
        let answer = self.engine.grant_cover(&envelope, GrantCover { plan, member, start }).await;
        self.count("free covers granted", answer)?;
        Ok(())
    }

    async fn roster(&self, unit: &Unit, plan: &str, year: i16) -> Result<(), SimulateError> {
        let start = made("date", Date::new(year, 1, 1))?;
        let on = date(year.saturating_sub(1), 12, 16);
        let (clerk, at) = (handler(&unit.clerk(), &unit.id)?, morning(on)?);
        let ask =
            |what: &str| self.ask(&format!("{what} {} {plan} {year}", unit.id), clerk.clone(), at);
        let envelope = ask("open");
        let roster = RosterId::of(envelope.command);
        let command =
            OpenRoster { plan: plan_code(plan)?, version: None, unit: unit.id.clone(), start };
        let answer = self.engine.open_roster(&envelope, command).await;
        if self.count("rosters opened", answer)?.is_none() {
            return Ok(());
        }
        for (lines, part) in self.lines(unit, plan).chunks(LINES_MAX).zip(0_u32..) {
            let envelope = ask(&format!("lines {part}"));
            let answer = self.engine.add_roster_lines(&envelope, roster, lines.to_vec()).await;
            self.count("roster lines sent", answer)?;
        }
        let loaded = self.engine.load::<Roster>(streams::roster(roster)).await;
        let loaded = loaded.map_err(|why| SimulateError::Engine { what: "roster".into(), why })?;
        let list = made("roster", loaded.state.list())?;
        let due = made("contribution", list.due())?;
        if due.is_positive() {
            let (envelope, reference) =
                (ask("contribution"), format!("T-{}-{plan}-{year}", unit.id));
            let answer =
                self.engine.record_contribution(&envelope, roster, due, reference, on).await;
            self.count("contributions recorded", answer)?;
        }
        let answer = self.engine.confirm_roster(&ask("confirm"), roster).await;
        if self.count("rosters confirmed", answer)?.is_none() {
            let note = "not enough of the staff take part".to_owned();
            let answer = self.engine.cancel_roster(&ask("cancel"), roster, note).await;
            self.count("rosters cancelled", answer)?;
        }
        Ok(())
    }

    fn lines(&self, unit: &Unit, plan: &str) -> Vec<RosterLine> {
        let members =
            unit.members.clone().filter(|number| plan != DISEASE || self.is_woman(*number));
        let most = match plan {
            ALLOWANCE => 3,
            DISEASE => 4,
            _ => 1,
        };
        members
            .zip(1..)
            .map(|(member, number)| RosterLine {
                number,
                member: self.setting.member(member),
                units: self.random("units", u64::from(member)).between(1, most),
                high_risk: false,
            })
            .collect()
    }

    /// The cover that a member has under a plan in `year`, if the unit bought it.
    pub(super) fn cover(
        &self,
        number: u32,
        plan: &PlanCode,
        year: i16,
    ) -> Result<CoverId, SimulateError> {
        let start = made("date", Date::new(term_begins(plan.as_str(), year), 1, 1))?;
        Ok(CoverId::of(plan, self.setting.member(number), start))
    }
}

/// The year in which a term begins that `year` belongs to.
pub(super) fn term_begins(plan: &str, year: i16) -> i16 {
    let into_term = if plan == DISEASE { year.saturating_sub(FIRST_YEAR) % 2 } else { 0 };
    year.saturating_sub(into_term)
}
