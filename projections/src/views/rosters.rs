//! Rosters, their lines and the contributions paid for them.

use huzhu_domain::event::StoredEvent;
use huzhu_domain::id::{MemberId, OrganisationId, PlanCode, RosterId, VersionLabel};
use huzhu_domain::money::Money;
use huzhu_domain::plan::Tier;
use huzhu_domain::roster::{
    Confirmed, ContributionRecorded, Event, Granted, MemberRemoved, MembersAdded, Opened,
};

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::projection::{Arrived, Poison, Projection, Stop, down, follows, id_of, known, up};
use crate::record::record;
use crate::rows::{Buffer, Rows, Source};
use crate::value::{Column, Kind, Value, words};

/// Where a roster stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RosterState {
    /// Members and contributions come in.
    Open,
    /// Closed; covers are being granted.
    Confirmed,
    /// Every member has a cover or was passed over.
    Granted,
    /// Given up.
    Cancelled,
}

words!(RosterState);

record! {
    /// A roster (投保清单): a unit enrols its members in a plan for a term.
    Roster = "rosters";
    key {
        /// Its id.
        roster: RosterId,
    }
    columns {
        /// The plan.
        plan: PlanCode,
        /// The plan version of the term.
        version: VersionLabel,
        /// Who enrols.
        unit: OrganisationId,
        /// The first day of the covers.
        term_start: Date,
        /// The last day of the covers.
        term_end: Date,
        /// open, confirmed, granted or cancelled.
        state: RosterState,
        /// How many members stand in it.
        members: u32,
        /// The contributions due for them.
        due_fen: Money,
        /// The contributions that were recorded.
        recorded_fen: Money,
        /// How many workers the unit had when it was confirmed.
        workers: Option<u32>,
        /// How many covers were granted, once all were.
        covers: Option<u32>,
        /// How many members were passed over, because another term of theirs came first.
        passed_over: u32,
        /// When it was opened.
        opened_on: Date,
        /// When it was confirmed.
        confirmed_on: Option<Date>,
        /// The revision of its stream that the row reflects.
        revision: u64,
    }
    index { "unit, opened_on", "plan, opened_on" }
}

record! {
    /// A member in a roster.
    RosterMember = "roster_members";
    key {
        /// The roster.
        roster: RosterId,
        /// The member.
        member: MemberId,
    }
    columns {
        /// The number of the line as the unit sent it.
        number: u32,
        /// How many units count (份).
        units: u32,
        /// Which price of the plan applies.
        tier: Tier,
        /// What is due for the term.
        contribution_fen: Money,
    }
    index { "member" }
}

record! {
    /// A payment of contributions for a roster.
    Contribution = "roster_contributions";
    key {
        /// The roster.
        roster: RosterId,
        /// The bank's reference.
        reference: String,
    }
    columns {
        /// How much.
        amount_fen: Money,
        /// The day of the payment.
        paid_on: Date,
    }
}

/// Keeps rosters.
#[derive(Default)]
pub struct Rosters {
    rosters: Rows<Roster>,
    members: Rows<RosterMember>,
    contributions: Rows<Contribution>,
}

impl Projection for Rosters {
    fn name(&self) -> &'static str {
        "rosters"
    }

    fn version(&self) -> u32 {
        1
    }

    fn takes(&self, event: &str) -> bool {
        Event::knows(event)
    }

    fn owns(&self, category: &str) -> bool {
        category == "roster"
    }

    fn fold(&mut self, event: &Arrived, source: &mut dyn Source) -> Result<(), Stop> {
        let body = Event::decode(&event.name, event.version, &event.data)?;
        if let Event::Opened(opened) = body {
            return self.opened(*opened, event);
        }
        let id: RosterId = id_of(&event.stream)?;
        let row = known(self.rosters.edit(&(id,), source)?, "the roster")?;
        row.revision = follows(Some(row.revision), event)?;
        match body {
            Event::Opened(_) => Ok(()),
            Event::MembersAdded(body) => members_added(row, &mut self.members, body),
            Event::MemberRemoved(body) => self.member_removed(id, &body, source),
            Event::ContributionRecorded(body) => {
                contribution_recorded(row, &mut self.contributions, body)
            }
            Event::Confirmed(body) => {
                confirmed(row, &body);
                Ok(())
            }
            Event::Cancelled(_) => {
                row.state = RosterState::Cancelled;
                Ok(())
            }
            Event::Granted(body) => granted(row, &body),
        }
    }

    fn buffers(&mut self) -> Vec<&mut dyn Buffer> {
        vec![&mut self.rosters, &mut self.members, &mut self.contributions]
    }
}

impl Rosters {
    fn opened(&mut self, body: Opened, event: &Arrived) -> Result<(), Stop> {
        self.rosters.create(Roster {
            roster: body.roster,
            plan: body.plan,
            version: body.version,
            unit: body.unit,
            term_start: body.term.start(),
            term_end: body.term.end(),
            state: RosterState::Open,
            members: 0,
            due_fen: Money::ZERO,
            recorded_fen: Money::ZERO,
            workers: None,
            covers: None,
            passed_over: 0,
            opened_on: body.on,
            confirmed_on: None,
            revision: follows(None, event)?,
        })?;
        Ok(())
    }

    fn member_removed(
        &mut self,
        id: RosterId,
        body: &MemberRemoved,
        source: &mut dyn Source,
    ) -> Result<(), Stop> {
        let line = self.members.remove(&(id, body.member), source)?;
        let line = known(line, "the member in the roster")?;
        let row = known(self.rosters.edit(&(id,), source)?, "the roster")?;
        row.due_fen = row.due_fen.minus(line.contribution_fen)?;
        down(&mut row.members, "the members of a roster")?;
        Ok(())
    }
}

fn members_added(
    row: &mut Roster,
    members: &mut Rows<RosterMember>,
    body: MembersAdded,
) -> Result<(), Stop> {
    for line in body.lines {
        row.due_fen = row.due_fen.plus(line.contribution)?;
        up(&mut row.members, "the members of a roster")?;
        members.create(RosterMember {
            roster: row.roster,
            member: line.member,
            number: line.number,
            units: line.units,
            tier: line.tier,
            contribution_fen: line.contribution,
        })?;
    }
    Ok(())
}

fn contribution_recorded(
    row: &mut Roster,
    contributions: &mut Rows<Contribution>,
    body: ContributionRecorded,
) -> Result<(), Stop> {
    row.recorded_fen = row.recorded_fen.plus(body.amount)?;
    contributions.create(Contribution {
        roster: row.roster,
        reference: body.reference,
        amount_fen: body.amount,
        paid_on: body.on,
    })?;
    Ok(())
}

fn confirmed(row: &mut Roster, body: &Confirmed) {
    row.state = RosterState::Confirmed;
    row.workers = Some(body.workers);
    row.confirmed_on = Some(body.on);
}

fn granted(row: &mut Roster, body: &Granted) -> Result<(), Stop> {
    row.state = RosterState::Granted;
    row.covers = Some(body.covers);
    let passed_over = u32::try_from(body.passed_over.len());
    row.passed_over = passed_over.map_err(|_| Poison::Count { what: "the members passed over" })?;
    Ok(())
}
