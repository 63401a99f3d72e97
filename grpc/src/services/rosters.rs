//! Rosters: a unit enrols its members as a group.

use std::collections::BTreeMap;
use std::sync::Arc;

use huzhu_domain::envelope::Actor;
use huzhu_domain::id::RosterId;
use huzhu_domain::rejection::Rejection;
use huzhu_domain::roster::{self, LINES_MAX, MEMBERS_MAX};
use huzhu_store::engine::{Engine, Envelope, LinesAdded, OpenRoster, RosterLine, digest};
use tonic::{Request, Response, Status, Streaming};

use super::{Desk, NOTE_MAX, REFERENCE_MAX, actor, all, receipt};
use crate::contract::huzhu::command::v1 as command;
use crate::status;
use crate::wire::command as boundary;
use crate::wire::{Check, Malformed, Violation};
use command::add_roster_members_request::Part;
use command::roster_service_server::RosterService;

/// The most lines in one message of a stream.
const MESSAGE_LINES_MAX: usize = 5_000;
/// How many refused lines an answer holds in full. Clients take answers of 4 MiB unless told
/// otherwise, and a line takes some hundred bytes.
const REFUSED_IN_FULL_MAX: usize = 10_000;
/// How many lines without the form of a line an error names: it travels in a header.
const MALFORMED_TOLD_MAX: usize = 20;
/// More units than any plan sells.
const UNITS_MAX: u32 = 10_000;

#[tonic::async_trait]
impl RosterService for Desk {
    async fn open_roster(
        &self,
        request: Request<command::OpenRosterRequest>,
    ) -> Result<Response<command::OpenRosterResponse>, Status> {
        let (request, mut check, envelope) = self.open(request)?;
        let plan = check.parse("plan", &request.plan);
        let version = check.parse_or_none("version", &request.version);
        let unit = check.parse("unit_id", &request.unit_id);
        let start = check.date("start", request.start);
        let fields = all!(envelope, plan, version, unit, start);
        let (envelope, plan, version, unit, start) = check.finish(fields)?;
        let roster_id = RosterId::of(envelope.command).to_string();
        let roster = OpenRoster { plan, version, unit, start };
        let receipt = receipt(self.0.engine.open_roster(&envelope, roster).await)?;
        Ok(Response::new(command::OpenRosterResponse { receipt, roster_id }))
    }

    async fn add_roster_members(
        &self,
        request: Request<Streaming<command::AddRosterMembersRequest>>,
    ) -> Result<Response<command::AddRosterMembersResponse>, Status> {
        let actor = actor(&request)?;
        let mut stream = request.into_inner();
        let first = stream.message().await?.and_then(|message| message.part);
        let Some(Part::Header(header)) = first else {
            return Err(Malformed::field("header", "must be the first message").into());
        };
        let mut intake = self.intake(header, &actor)?;
        while let Some(message) = stream.message().await? {
            match message.part {
                Some(Part::Lines(lines)) => intake.take(lines).await?,
                Some(Part::Header(_)) => {
                    return Err(Malformed::field("header", "must stand first only").into());
                }
                None => return Err(Malformed::field("lines", "must be there").into()),
            }
        }
        intake.finish().await.map(Response::new)
    }

    async fn remove_roster_member(
        &self,
        request: Request<command::RemoveRosterMemberRequest>,
    ) -> Result<Response<command::RemoveRosterMemberResponse>, Status> {
        let (request, mut check, envelope) = self.open(request)?;
        let roster = check.parse("roster_id", &request.roster_id);
        let member = check.parse("member_id", &request.member_id);
        let (envelope, roster, member) = check.finish(all!(envelope, roster, member))?;
        let receipt = receipt(self.0.engine.remove_roster_member(&envelope, roster, member).await)?;
        Ok(Response::new(command::RemoveRosterMemberResponse { receipt }))
    }

    async fn record_contribution(
        &self,
        request: Request<command::RecordContributionRequest>,
    ) -> Result<Response<command::RecordContributionResponse>, Status> {
        let (request, mut check, envelope) = self.open(request)?;
        let roster = check.parse("roster_id", &request.roster_id);
        let amount = check.amount("amount", request.amount);
        let reference = check.text("reference", request.reference, 1..=REFERENCE_MAX);
        let on = check.date_or_none("on", request.on);
        let fields = all!(envelope, roster, amount, reference, on);
        let (envelope, roster, amount, reference, on) = check.finish(fields)?;
        let on = on.unwrap_or_else(|| envelope.on());
        let engine = &self.0.engine;
        let receipt =
            receipt(engine.record_contribution(&envelope, roster, amount, reference, on).await)?;
        Ok(Response::new(command::RecordContributionResponse { receipt }))
    }

    async fn confirm_roster(
        &self,
        request: Request<command::ConfirmRosterRequest>,
    ) -> Result<Response<command::ConfirmRosterResponse>, Status> {
        let (request, mut check, envelope) = self.open(request)?;
        let roster = check.parse("roster_id", &request.roster_id);
        let (envelope, roster) = check.finish(all!(envelope, roster))?;
        let receipt = receipt(self.0.engine.confirm_roster(&envelope, roster).await)?;
        Ok(Response::new(command::ConfirmRosterResponse { receipt }))
    }

    async fn cancel_roster(
        &self,
        request: Request<command::CancelRosterRequest>,
    ) -> Result<Response<command::CancelRosterResponse>, Status> {
        let (request, mut check, envelope) = self.open(request)?;
        let roster = check.parse("roster_id", &request.roster_id);
        let note = check.text("note", request.note, 0..=NOTE_MAX);
        let (envelope, roster, note) = check.finish(all!(envelope, roster, note))?;
        let receipt = receipt(self.0.engine.cancel_roster(&envelope, roster, note).await)?;
        Ok(Response::new(command::CancelRosterResponse { receipt }))
    }
}

impl Desk {
    fn intake(
        &self,
        mut header: command::RosterHeader,
        actor: &Arc<Actor>,
    ) -> Result<Intake, Status> {
        let mut check = Check::default();
        let fields = check.within("header", |check| {
            let envelope = self.envelope(check, &mut header, actor);
            let roster = check.parse("roster_id", &header.roster_id);
            all!(envelope, roster)
        });
        let (envelope, roster) = check.finish(fields)?;
        Ok(Intake {
            engine: self.0.engine.clone(),
            envelope,
            roster,
            waiting: Vec::new(),
            last: 0,
            number: 0,
            taken: 0,
            parts: 0,
            receipt: None,
            refused: Vec::new(),
        })
    }
}

/// The lines of one stream on their way into the roster, [`LINES_MAX`] at a time however the
/// messages cut them: a stream that is sent again makes the same commands.
struct Intake {
    engine: Engine,
    envelope: Envelope,
    roster: RosterId,
    waiting: Vec<RosterLine>,
    last: u32,
    number: usize,
    taken: usize,
    parts: usize,
    receipt: Option<huzhu_store::engine::Receipt>,
    refused: Vec<command::RefusedLine>,
}

impl Intake {
    async fn take(&mut self, lines: command::RosterLines) -> Result<(), Status> {
        let mut check = Check::default();
        let numbers = check.within("lines", |check| {
            check.each("lines", lines.lines, 1..=MESSAGE_LINES_MAX, |check, line| {
                if line.number <= self.last {
                    return check.fail("number", "must be above that of the line before");
                }
                self.last = line.number;
                Some(line)
            })
        });
        let lines = check.finish(numbers)?;
        self.number = self.number.saturating_add(lines.len());
        if self.number > MEMBERS_MAX {
            let why = format!("must be at most {MEMBERS_MAX} in one stream");
            return Err(Malformed::field("lines", &why).into());
        }
        for line in lines {
            match read(&line) {
                Ok(line) => self.waiting.push(line),
                Err(malformed) => self.refused.push(refused_form(line.number, &malformed)),
            }
            if self.waiting.len() >= LINES_MAX {
                self.flush().await?;
            }
        }
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), Status> {
        let lines = std::mem::take(&mut self.waiting);
        if lines.is_empty() {
            return Ok(());
        }
        let envelope = self.part(&lines);
        self.parts = self.parts.saturating_add(1);
        let added = self.engine.add_roster_lines(&envelope, self.roster, lines).await;
        let LinesAdded { receipt, taken, refused } = added.map_err(status::engine)?;
        self.taken = self.taken.saturating_add(taken);
        self.refused.extend(refused.into_iter().map(refused_line));
        match &mut self.receipt {
            Some(so_far) => {
                so_far.events.extend(receipt.events);
                so_far.repeated &= receipt.repeated;
                so_far.revision = receipt.revision.max(so_far.revision);
                so_far.position = receipt.position;
            }
            none => *none = Some(receipt),
        }
        // Fifty thousand lines share the thread with everybody else.
        tokio::task::yield_now().await;
        Ok(())
    }

    /// The command of one part: the first part is the stream's own, which knows what the caller
    /// believes; the id of each later one derives from it.
    fn part(&self, lines: &[RosterLine]) -> Envelope {
        let mut envelope = match self.parts {
            0 => self.envelope.clone(),
            later => self.envelope.then(&format!("lines-{later}")),
        };
        let content = format!("{} {lines:?}", self.envelope.content);
        envelope.content = digest(content.as_bytes());
        envelope
    }

    async fn finish(mut self) -> Result<command::AddRosterMembersResponse, Status> {
        self.flush().await?;
        let Some(mut receipt) = self.receipt else {
            if self.refused.is_empty() {
                return Err(Malformed::field("lines", "must be there").into());
            }
            return Err(without_form(&self.refused).into());
        };
        receipt.command = self.envelope.command;
        self.refused.sort_by_key(|line| line.number);
        let beyond = self.refused.split_off(self.refused.len().min(REFUSED_IN_FULL_MAX));
        Ok(command::AddRosterMembersResponse {
            receipt: Some(boundary::receipt(&receipt)),
            taken: u32::try_from(self.taken).unwrap_or(u32::MAX),
            refused: self.refused,
            refused_beyond: by_reason(beyond),
        })
    }
}

/// None of the lines could be read, so that there is no command to answer.
fn without_form(refused: &[command::RefusedLine]) -> Malformed {
    let line = |line: &command::RefusedLine| Violation {
        field: format!("lines.lines[number={}]", line.number),
        why: line.message.clone(),
    };
    let mut violations: Vec<_> = refused.iter().take(MALFORMED_TOLD_MAX).map(line).collect();
    let more = refused.len().saturating_sub(violations.len());
    if more > 0 {
        let why = format!("{more} more do not have the form of a line either");
        violations.push(Violation { field: "lines.lines".to_owned(), why });
    }
    Malformed { violations }
}

fn by_reason(refused: Vec<command::RefusedLine>) -> Vec<command::RefusedLines> {
    let mut numbers = BTreeMap::<String, Vec<u32>>::new();
    for line in refused {
        numbers.entry(line.reason).or_default().push(line.number);
    }
    let lines = |(reason, numbers)| command::RefusedLines { reason, numbers };
    numbers.into_iter().map(lines).collect()
}

fn read(line: &command::RosterLine) -> Result<RosterLine, Malformed> {
    let mut check = Check::default();
    let member = check.parse("member_id", &line.member_id);
    let units = match line.units {
        0 => check.fail("units", "must be at least 1"),
        units => check.number("units", units, UNITS_MAX),
    };
    let (number, high_risk) = (line.number, line.high_risk);
    let (member, units) = check.finish(all!(member, units))?;
    Ok(RosterLine { number, member, units, high_risk })
}

fn refused_form(number: u32, malformed: &Malformed) -> command::RefusedLine {
    let fields = malformed.violations.iter();
    let message: Vec<_> = fields.map(|wrong| format!("{}: {}", wrong.field, wrong.why)).collect();
    command::RefusedLine {
        number,
        reason: "MALFORMED".to_owned(),
        message: message.join("; "),
        figures: [].into(),
    }
}

fn refused_line(line: roster::RefusedLine) -> command::RefusedLine {
    let why = Rejection::from(line.why);
    command::RefusedLine {
        number: line.number,
        reason: why.reason(),
        message: why.to_string(),
        figures: why.figures().into_iter().collect(),
    }
}
