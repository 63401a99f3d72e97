//! Rosters: a unit enrols its members as a group.

use std::sync::{Arc, Mutex, PoisonError};

use huzhu_domain::eligibility;
use huzhu_domain::enrolment::{self, Enrolment};
use huzhu_domain::id::{MemberId, OrganisationId, PlanCode, RosterId, VersionLabel};
use huzhu_domain::member::{self, Member};
use huzhu_domain::money::Money;
use huzhu_domain::plan::{EnrolmentMode, NoVersion, Plan};
use huzhu_domain::roster::{self, Candidate, LINES_MAX, Line, List, RefusedLine, Roster};
use jiff::civil::Date;

use super::draft::Draft;
use super::flow::{Flow, Stop};
use super::loaded::Loaded;
use super::{Engine, EngineError, Envelope, Receipt, authority, covers, streams};
use crate::port::StreamName;

/// Begins a roster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenRoster {
    /// The plan.
    pub plan: PlanCode,
    /// The version; the latest that is sold on the first day if absent.
    pub version: Option<VersionLabel>,
    /// Who enrols.
    pub unit: OrganisationId,
    /// The first day of the covers.
    pub start: Date,
}

/// One line of a roster as the unit sends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RosterLine {
    /// Its number, from 1.
    pub number: u32,
    /// Who.
    pub member: MemberId,
    /// How many units are asked for.
    pub units: u32,
    /// Whether the work is of high risk.
    pub high_risk: bool,
}

/// What became of lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinesAdded {
    /// What became of the command.
    pub receipt: Receipt,
    /// How many of the lines stand in the roster.
    pub taken: usize,
    /// Those that do not, and why.
    pub refused: Vec<RefusedLine>,
}

impl Flow for OpenRoster {
    fn target(&self, envelope: &Envelope) -> StreamName {
        streams::roster(RosterId::of(envelope.command))
    }

    async fn draft(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        let id = RosterId::of(draft.envelope().command);
        let roster = draft.load_new::<Roster>(streams::roster(id)).await?;
        draft.meet(&roster)?;
        let unit = authority::is_unit(draft, &self.unit).await?;
        authority::for_unit(draft, &self.unit).await?;
        let plan = draft.load::<Plan>(streams::plan(&self.plan)).await?;
        if let Some(label) = &self.version
            && plan.state.version(label).is_none()
        {
            return Err(NoVersion::VersionUnknown { version: label.clone() }.into());
        }
        let none = || NoVersion::NoneHeld { date: self.start };
        let mut sold = plan.state.versions_on(self.start).into_iter();
        let version = match &self.version {
            None => sold.next(),
            Some(label) => sold.find(|terms| terms.version == *label),
        };
        let version = version.ok_or_else(none)?;
        let mode = version.enrolment.mode;
        if mode != EnrolmentMode::Roster {
            return Err(eligibility::Rejection::ModeDiffers { mode }.into());
        }
        let opened = roster::Opened {
            roster: id,
            plan: self.plan.clone(),
            version: version.version.clone(),
            unit: self.unit.clone(),
            term: version.term.from(self.start).ok_or_else(none)?,
            unit_has_union: unit.particulars.has_union,
            rules: Arc::new(version.enrolment.clone()),
            on: draft.envelope().on(),
        };
        let command = roster::Command::Open(Box::new(opened));
        draft.decide_under(&roster, command, Some(&version.version))?;
        Ok(())
    }
}

/// Puts members into a roster.
struct AddLines {
    roster: RosterId,
    lines: Vec<RosterLine>,
    refused: Mutex<Vec<RefusedLine>>,
}

impl Flow for AddLines {
    fn target(&self, _: &Envelope) -> StreamName {
        streams::roster(self.roster)
    }

    async fn draft(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        let roster = draft.load::<Roster>(streams::roster(self.roster)).await?;
        let given = self.lines.len();
        if !(1..=LINES_MAX).contains(&given) {
            return Err(roster::Rejection::LineCount { limit: LINES_MAX, given }.into());
        }
        let (lines, mut refused) = sort_out(draft, roster.state.list()?, &self.lines).await?;
        let met = draft.meet(&roster);
        if let Err(Stop::Repeated(_)) = met {
            // A request takes effect once: what it did not take then, it never will.
            let why = || roster::Rejection::LineNotTaken;
            refused
                .extend(lines.iter().map(|line| RefusedLine { number: line.number, why: why() }));
            refused.sort_by_key(|line| line.number);
        }
        *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = refused;
        met?;
        let list = roster.state.open()?;
        authority::for_unit(draft, &list.opened.unit).await?;
        if !lines.is_empty() {
            draft.decide(&roster, roster::Command::AddMembers(roster::MembersAdded { lines }))?;
        }
        Ok(())
    }
}

/// Sorts lines into those that the roster takes and those that it refuses. A line that stands in
/// the roster under its own number was taken before, and is neither.
async fn sort_out(
    draft: &Draft<'_>,
    list: &List,
    lines: &[RosterLine],
) -> Result<(Vec<Line>, Vec<RefusedLine>), Stop> {
    let opened = &list.opened;
    let plan = draft.load::<Plan>(streams::plan(&opened.plan)).await?;
    let version = plan.state.version(&opened.version);
    let mut refused = Vec::new();
    let mut members: Vec<(RosterLine, Arc<Loaded<Member>>)> = Vec::with_capacity(lines.len());
    for line in lines {
        let number = line.number;
        if list.members.get(&line.member).is_some_and(|standing| standing.number == number) {
            continue;
        }
        let member = draft.load::<Member>(streams::member(line.member)).await?;
        let stream = streams::enrolment(&opened.plan, line.member);
        let held = draft.load::<Enrolment>(stream).await?;
        let overlapping = held.state.terms().iter().find(|held| held.term.overlaps(opened.term));
        let mut in_the_way = overlapping.map(|held| enrolment::Rejection::AlreadyEnrolled {
            cover: held.cover,
            term: held.term,
        });
        if let Some(version) = version {
            let others = covers::goes_with_others(draft, version, line.member, opened.term).await?;
            in_the_way = in_the_way.or_else(|| others.err());
        }
        match in_the_way {
            Some(why) => refused.push(RefusedLine { number, why: why.into() }),
            None => members.push((*line, member)),
        }
    }
    let mut candidates = Vec::with_capacity(members.len());
    for (RosterLine { number, units, high_risk, .. }, member) in &members {
        let (number, units, high_risk) = (*number, *units, *high_risk);
        match member.state.registered() {
            Ok(member) => candidates.push(Candidate { number, member, units, high_risk }),
            Err(why) => refused.push(RefusedLine { number, why: unknown(why) }),
        }
    }
    let (taken, more) = list.sort_out(candidates);
    refused.extend(more);
    refused.sort_by_key(|line| line.number);
    Ok((taken, refused))
}

fn unknown(why: member::Rejection) -> roster::Rejection {
    eligibility::Rejection::Member(why).into()
}

/// A change of a roster that concerns it alone.
struct Change {
    roster: RosterId,
    command: roster::Command,
}

impl Flow for Change {
    fn target(&self, _: &Envelope) -> StreamName {
        streams::roster(self.roster)
    }

    async fn draft(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        let roster = draft.load::<Roster>(streams::roster(self.roster)).await?;
        draft.meet(&roster)?;
        authority::for_unit(draft, &roster.state.list()?.opened.unit).await?;
        draft.decide(&roster, self.command.clone())?;
        Ok(())
    }
}

/// Closes a roster.
struct Confirm {
    roster: RosterId,
}

impl Flow for Confirm {
    fn target(&self, _: &Envelope) -> StreamName {
        streams::roster(self.roster)
    }

    async fn draft(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        let roster = draft.load::<Roster>(streams::roster(self.roster)).await?;
        draft.meet(&roster)?;
        let opened = &roster.state.list()?.opened;
        authority::for_unit(draft, &opened.unit).await?;
        let workers = authority::is_unit(draft, &opened.unit).await?.workers;
        let command = roster::Command::Confirm { workers, on: draft.envelope().on() };
        draft.decide_under(&roster, command, Some(&opened.version))?;
        Ok(())
    }
}

impl Engine {
    /// Begins a roster. Its id is [`RosterId::of`] the command.
    ///
    /// # Errors
    ///
    /// [`EngineError`].
    pub async fn open_roster(
        &self,
        envelope: &Envelope,
        command: OpenRoster,
    ) -> Result<Receipt, EngineError> {
        self.run(envelope, &command).await
    }

    /// Puts up to [`LINES_MAX`] members into a roster: the good lines are taken, the bad ones told.
    ///
    /// # Errors
    ///
    /// [`EngineError`].
    pub async fn add_roster_lines(
        &self,
        envelope: &Envelope,
        roster: RosterId,
        lines: Vec<RosterLine>,
    ) -> Result<LinesAdded, EngineError> {
        let given = lines.len();
        let flow = AddLines { roster, lines, refused: Mutex::default() };
        let receipt = self.run(envelope, &flow).await?;
        let refused = flow.refused.into_inner().unwrap_or_else(PoisonError::into_inner);
        Ok(LinesAdded { receipt, taken: given.saturating_sub(refused.len()), refused })
    }

    /// Takes a member out of a roster.
    ///
    /// # Errors
    ///
    /// [`EngineError`].
    pub async fn remove_roster_member(
        &self,
        envelope: &Envelope,
        roster: RosterId,
        member: MemberId,
    ) -> Result<Receipt, EngineError> {
        let command = roster::Command::RemoveMember(roster::MemberRemoved { member });
        self.run(envelope, &Change { roster, command }).await
    }

    /// Records contributions that a unit paid on `on`.
    ///
    /// # Errors
    ///
    /// [`EngineError`].
    pub async fn record_contribution(
        &self,
        envelope: &Envelope,
        roster: RosterId,
        amount: Money,
        reference: String,
        on: Date,
    ) -> Result<Receipt, EngineError> {
        let recorded = roster::ContributionRecorded { amount, reference, on };
        let command = roster::Command::RecordContribution(recorded);
        self.run(envelope, &Change { roster, command }).await
    }

    /// Gives a roster up.
    ///
    /// # Errors
    ///
    /// [`EngineError`].
    pub async fn cancel_roster(
        &self,
        envelope: &Envelope,
        roster: RosterId,
        note: String,
    ) -> Result<Receipt, EngineError> {
        let cancelled = roster::Cancelled { note, on: envelope.on() };
        let command = roster::Command::Cancel(cancelled);
        self.run(envelope, &Change { roster, command }).await
    }

    /// Closes a roster and grants its covers. The granting goes on if the caller goes away.
    ///
    /// # Errors
    ///
    /// [`EngineError`].
    pub async fn confirm_roster(
        &self,
        envelope: &Envelope,
        roster: RosterId,
    ) -> Result<Receipt, EngineError> {
        let receipt = self.run(envelope, &Confirm { roster }).await?;
        let (engine, process) = (self.clone(), envelope.clone());
        let granting = tokio::spawn(async move { engine.grant_roster(&process, roster).await });
        granting.await.map_err(|why| EngineError::Down { why: why.to_string() })??;
        // What the caller waits for in a view are the covers, not the confirmation.
        let granted = self.load::<Roster>(streams::roster(roster)).await?;
        Ok(Receipt { position: granted.position.unwrap_or(receipt.position), ..receipt })
    }
}
