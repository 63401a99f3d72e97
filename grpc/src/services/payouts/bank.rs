//! What goes to the bank, and what comes back from it.

use std::sync::Arc;

use bytes::Bytes;
use futures::{Stream, stream};
use huzhu_domain::batch::{self, AnswerLine, Batch, File, Outcome, PAYOUTS_MAX};
use huzhu_domain::envelope::{Actor, beijing_date};
use huzhu_domain::id::{BatchId, OrganisationId};
use huzhu_domain::member::{self, Member, Person};
use huzhu_domain::organisation::{self, Organisation};
use huzhu_domain::payout::ReturnReason;
use huzhu_domain::rejection::Rejection;
use huzhu_domain::step::Duty;
use huzhu_store::engine::{Engine, EngineError, Loaded, streams};
use huzhu_store::port::{Direction, READ_EVENTS_MAX, Revision};
use serde::Deserialize;
use tonic::Status;

use super::super::{Desk, NOTE_MAX, REFERENCE_MAX, all};
use crate::contract::huzhu::command::v1 as command;
use crate::status;
use crate::wire::Check;
use command::bank_answer_line::Outcome as Answered;
use command::record_bank_answer_request::Answer;

/// The largest answer of a bank, in bytes.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;
/// How many lines of a bank file go into one message.
const CHUNK_LINES: usize = 200;

/// One line of the bank's answer file.
#[derive(Debug, Deserialize)]
struct Row {
    payout: String,
    outcome: String,
    #[serde(default)]
    reference: String,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    note: String,
}

/// What the bank says, in either form.
pub(super) fn answer(check: &mut Check, answer: Option<Answer>) -> Option<Vec<AnswerLine>> {
    match answer {
        Some(Answer::Lines(lines)) => check.within("lines", |check| {
            check.each("lines", lines.lines, 1..=PAYOUTS_MAX, answer_line)
        }),
        Some(Answer::Csv(file)) => answer_file(check, &file),
        None => check.fail("answer", "lines or csv must be there"),
    }
}

fn answer_line(check: &mut Check, line: command::BankAnswerLine) -> Option<AnswerLine> {
    let payout = check.parse("payout_id", &line.payout_id);
    let outcome = match line.outcome {
        Some(Answered::Settled(settled)) => check
            .text("settled.reference", settled.reference, 1..=REFERENCE_MAX)
            .map(|reference| Outcome::Settled { reference }),
        Some(Answered::Returned(returned)) => {
            let reason = check.choice("returned.reason", returned.reason);
            let note = check.text("returned.note", returned.note, 0..=NOTE_MAX);
            all!(reason, note).map(|(reason, note)| Outcome::Returned { reason, note })
        }
        None => check.fail("outcome", "must be settled or returned"),
    };
    Some(AnswerLine { payout: payout?, outcome: outcome? })
}

fn answer_file(check: &mut Check, file: &[u8]) -> Option<Vec<AnswerLine>> {
    if file.len() > ANSWER_BYTES_MAX {
        return check.fail("csv", format!("must be at most {ANSWER_BYTES_MAX} bytes"));
    }
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(file);
    // One beyond the limit is enough to see that there are too many.
    let rows = reader.deserialize().take(PAYOUTS_MAX.saturating_add(1)).collect();
    let rows: Vec<Result<Row, csv::Error>> = rows;
    check.each("csv", rows, 1..=PAYOUTS_MAX, |check, row| match row {
        Ok(row) => answer_row(check, row),
        // The error of the reader may repeat what the file holds.
        Err(_) => check.fail("", "is not a line of payout, outcome, reference, reason, note"),
    })
}

fn answer_row(check: &mut Check, row: Row) -> Option<AnswerLine> {
    let payout = check.parse("payout", &row.payout);
    let outcome = match row.outcome.as_str() {
        "settled" => check
            .text("reference", row.reference, 1..=REFERENCE_MAX)
            .map(|reference| Outcome::Settled { reference }),
        "returned" => {
            let reason = match row.reason.as_str() {
                "account_unknown" => Some(ReturnReason::AccountUnknown),
                "name_differs" => Some(ReturnReason::NameDiffers),
                "account_closed" => Some(ReturnReason::AccountClosed),
                "other" => Some(ReturnReason::Other),
                _ => check.fail("reason", "is not a reason to return a payment"),
            };
            let note = check.text("note", row.note, 0..=NOTE_MAX);
            all!(reason, note).map(|(reason, note)| Outcome::Returned { reason, note })
        }
        _ => check.fail("outcome", "must be settled or returned"),
    };
    Some(AnswerLine { payout: payout?, outcome: outcome? })
}

impl Desk {
    /// The closed file of a batch, for somebody of the office's finance.
    pub(super) async fn bank_file(&self, actor: &Actor, batch: BatchId) -> Result<File, Status> {
        let refused = |rejection: Rejection| status::rejected(&rejection);
        let engine = &self.0.engine;
        let none = organisation::Rejection::OrganisationNotRegistered;
        let office: &OrganisationId =
            actor.organisation.as_ref().ok_or_else(|| refused(none.into()))?;
        let office = engine.load::<Organisation>(streams::organisation(office)).await;
        let on = beijing_date(self.0.clock.now());
        office
            .map_err(status::engine)?
            .state
            .authorise(&actor.subject, Duty::Finance, on)
            .map_err(|why| refused(why.into()))?;
        let loaded = engine.load::<Batch>(streams::batch(batch)).await.map_err(status::engine)?;
        if loaded.revision.is_none() {
            return Err(refused(batch::Rejection::BatchNotOpened.into()));
        }
        loaded.state.file().cloned().map_err(|why| refused(why.into()))
    }
}

/// The bank file in pieces, the header first.
pub(super) fn chunks(
    engine: Engine,
    file: Arc<File>,
) -> impl Stream<Item = Result<command::ExportBankFileResponse, Status>> + Send {
    let begin = (engine, file, 0_usize, true);
    stream::try_unfold(begin, |(engine, file, done, header)| async move {
        let lines = file.sealed.lines.iter().skip(done).take(CHUNK_LINES);
        let mut rows = Vec::with_capacity(CHUNK_LINES);
        for line in lines {
            let person = person_at(&engine, line).await?;
            let card = person.card.as_ref().map_or("", |card| card.reveal()).to_owned();
            let (number, payout) = (line.number.to_string(), line.payout.to_string());
            rows.push([number, payout, card, person.name, line.amount.to_string()]);
        }
        if rows.is_empty() && !header {
            return Ok(None);
        }
        let done = done.saturating_add(rows.len());
        let chunk = csv_of(&rows, header).map_err(|_| status::down())?;
        Ok(Some((command::ExportBankFileResponse { chunk }, (engine, file, done, false))))
    })
}

/// Who is paid, as the member's stream had it when the file was closed.
async fn person_at(engine: &Engine, line: &batch::Line) -> Result<Person, Status> {
    let stream = streams::member(line.member);
    let store = engine.store();
    let read = store.read_stream(&stream, None, Direction::Forwards, READ_EVENTS_MAX).await;
    let events = read.map_err(|why| {
        tracing::error!(%why, "the log does not answer");
        status::down()
    })?;
    let mut person = None;
    let mut member = Loaded::<Member>::empty(stream.clone());
    for recorded in events.iter().filter(|event| event.revision.0 <= line.member_revision) {
        let (next, event, _) = member.past(recorded).map_err(status::engine)?;
        member = next;
        match event {
            member::Event::Registered(body) => person = Some(body.person),
            member::Event::PersonCorrected(body) => person = Some(body.person),
            member::Event::Classified(_)
            | member::Event::Transferred(_)
            | member::Event::Retired(_)
            | member::Event::Died(_) => {}
        }
    }
    person.ok_or_else(|| {
        let (revision, why) = (Revision(line.member_revision), "a batch pays nobody".to_owned());
        status::engine(EngineError::Corrupt { stream, revision, why })
    })
}

fn csv_of(rows: &[[String; 5]], header: bool) -> Result<Bytes, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    if header {
        writer.write_record(["number", "payout", "card", "name", "amount"])?;
    }
    for row in rows {
        writer.write_record(row)?;
    }
    let written = writer.into_inner().map_err(|why| csv::Error::from(why.into_error()))?;
    Ok(Bytes::from(written))
}
