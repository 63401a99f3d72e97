//! Payouts, and the bank files that carried them.

use std::sync::Arc;

use huzhu_domain::batch::{self, Answered, Opened, Outcome, Sealed};
use huzhu_domain::event::StoredEvent;
use huzhu_domain::id::{
    BatchId, ClaimId, CoverId, MemberId, OrganisationId, PayoutId, PlanCode, Subject, VersionLabel,
};
use huzhu_domain::money::Money;
use huzhu_domain::payout::{self, Created, ReturnReason, Returned, Settled};

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::projection::{Arrived, Poison, Projection, Stop, follows, id_of, known, up};
use crate::record::record;
use crate::rows::{Buffer, Rows, Source};
use crate::value::{Column, Kind, Value, words};

/// Where a payout stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PayoutState {
    /// It waits to be paid.
    Due,
    /// It stands in a bank file.
    Batched,
    /// The bank sent it back.
    Returned,
    /// The bank paid.
    Settled,
    /// The money was taken back.
    Reversed,
}

/// Where a batch stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BatchState {
    /// Its payouts are being gathered.
    Open,
    /// Its file is closed.
    Sealed,
    /// The bank has answered for all of it.
    Answered,
}

/// What the bank said of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LineState {
    /// Nothing yet.
    Pending,
    /// It paid.
    Settled,
    /// It sent the money back.
    Returned,
}

words!(PayoutState, BatchState, LineState);

record! {
    /// A payout (给付): the one payment of an approved claim.
    Payout = "payouts";
    key {
        /// Its id.
        payout: PayoutId,
    }
    columns {
        /// The claim.
        claim: ClaimId,
        /// The cover it is paid from.
        cover: CoverId,
        /// Who is paid.
        member: MemberId,
        /// The plan.
        plan: PlanCode,
        /// The plan version.
        version: VersionLabel,
        /// The unit of the claim.
        unit: OrganisationId,
        /// The district of the claim.
        district: Option<OrganisationId>,
        /// due, batched, returned, settled or reversed.
        state: PayoutState,
        /// The approved benefit.
        amount_fen: Money,
        /// The batch it stands in, or stood in last.
        batch: Option<BatchId>,
        /// The bank's reference of the payment.
        reference: Option<String>,
        /// How often the bank sent it back.
        returns: u32,
        /// Why the bank sent it back last, as a code.
        return_reason: Option<ReturnReason>,
        /// Why the bank sent it back last, in its words.
        return_note: Option<String>,
        /// The day of the approval.
        approved_on: Date,
        /// The day of the payment.
        settled_on: Option<Date>,
        /// The day on which the money was taken back.
        reversed_on: Option<Date>,
        /// The revision of its stream that the row reflects.
        revision: u64,
    }
    index { "claim", "member, approved_on", "state, approved_on", "unit, approved_on", "batch" }
}

record! {
    /// A batch (批次): payouts grouped into one bank file.
    Batch = "batches";
    key {
        /// Its id.
        batch: BatchId,
    }
    columns {
        /// open, sealed or answered.
        state: BatchState,
        /// How many payouts it was to hold.
        asked: u32,
        /// How many of them were not due.
        skipped: u32,
        /// How many lines its file has.
        lines: u32,
        /// The sum of its lines.
        total_fen: Money,
        /// How many lines the bank paid.
        settled: u32,
        /// The sum of those.
        settled_fen: Money,
        /// How many lines the bank sent back.
        returned: u32,
        /// The sum of those.
        returned_fen: Money,
        /// Who opened it.
        opened_by: Subject,
        /// The day.
        opened_on: Date,
        /// The day of the bank's last answer.
        answered_on: Option<Date>,
        /// The revision of its stream that the row reflects.
        revision: u64,
    }
    index { "opened_on" }
}

record! {
    /// One payment of a bank file.
    BatchLine = "batch_lines";
    key {
        /// The batch.
        batch: BatchId,
        /// The payout.
        payout: PayoutId,
    }
    columns {
        /// Its number in the file, from 1.
        number: u32,
        /// Who is paid.
        member: MemberId,
        /// Where the member's stream stood: the card is the one on record there.
        member_revision: u64,
        /// How much.
        amount_fen: Money,
        /// pending, settled or returned.
        state: LineState,
        /// The bank's reference.
        reference: Option<String>,
        /// Why the bank sent it back, as a code.
        reason: Option<ReturnReason>,
        /// Why the bank sent it back, in its words.
        note: Option<String>,
    }
}

/// Keeps payouts and batches.
#[derive(Default)]
pub struct Payouts {
    payouts: Rows<Payout>,
    batches: Rows<Batch>,
    lines: Rows<BatchLine>,
}

impl Projection for Payouts {
    fn name(&self) -> &'static str {
        "payouts"
    }

    fn version(&self) -> u32 {
        1
    }

    fn takes(&self, event: &str) -> bool {
        payout::Event::knows(event) || batch::Event::knows(event)
    }

    fn owns(&self, category: &str) -> bool {
        category == "payout" || category == "batch"
    }

    fn fold(&mut self, event: &Arrived, source: &mut dyn Source) -> Result<(), Stop> {
        if batch::Event::knows(&event.name) {
            self.fold_batch(event, source)
        } else {
            self.fold_payout(event, source)
        }
    }

    fn buffers(&mut self) -> Vec<&mut dyn Buffer> {
        vec![&mut self.payouts, &mut self.batches, &mut self.lines]
    }
}

impl Payouts {
    fn fold_payout(&mut self, event: &Arrived, source: &mut dyn Source) -> Result<(), Stop> {
        let body = payout::Event::decode(&event.name, event.version, &event.data)?;
        if let payout::Event::Created(created) = body {
            return self.created(&created, event);
        }
        let id: PayoutId = id_of(&event.stream)?;
        let row = known(self.payouts.edit(&(id,), source)?, "the payout")?;
        row.revision = follows(Some(row.revision), event)?;
        match body {
            payout::Event::Created(_) => {}
            payout::Event::Batched(body) => {
                row.state = PayoutState::Batched;
                row.batch = Some(body.batch);
            }
            payout::Event::Settled(body) => settled(row, body),
            payout::Event::Returned(body) => returned(row, body)?,
            payout::Event::Corrected(_) => row.state = PayoutState::Due,
            payout::Event::Reversed(body) => {
                row.state = PayoutState::Reversed;
                row.reversed_on = Some(body.on);
            }
        }
        Ok(())
    }

    fn created(&mut self, body: &Created, event: &Arrived) -> Result<(), Stop> {
        self.payouts.create(Payout {
            payout: body.payout,
            claim: body.claim,
            cover: body.cover,
            member: body.member,
            plan: body.plan.clone(),
            version: body.version.clone(),
            unit: body.unit.clone(),
            district: body.district.clone(),
            state: PayoutState::Due,
            amount_fen: body.amount,
            batch: None,
            reference: None,
            returns: 0,
            return_reason: None,
            return_note: None,
            approved_on: body.on,
            settled_on: None,
            reversed_on: None,
            revision: follows(None, event)?,
        })?;
        Ok(())
    }

    fn fold_batch(&mut self, event: &Arrived, source: &mut dyn Source) -> Result<(), Stop> {
        let body = batch::Event::decode(&event.name, event.version, &event.data)?;
        if let batch::Event::Opened(opened) = body {
            return self.opened(&opened, event);
        }
        let id: BatchId = id_of(&event.stream)?;
        let row = known(self.batches.edit(&(id,), source)?, "the batch")?;
        row.revision = follows(Some(row.revision), event)?;
        match body {
            batch::Event::Opened(_) => Ok(()),
            batch::Event::Sealed(body) => sealed(row, &mut self.lines, body),
            batch::Event::Answered(body) => answered(row, &mut self.lines, &body, source),
        }
    }

    fn opened(&mut self, body: &Opened, event: &Arrived) -> Result<(), Stop> {
        self.batches.create(Batch {
            batch: body.batch,
            state: BatchState::Open,
            asked: count_of(body.payouts.len())?,
            skipped: 0,
            lines: 0,
            total_fen: Money::ZERO,
            settled: 0,
            settled_fen: Money::ZERO,
            returned: 0,
            returned_fen: Money::ZERO,
            opened_by: body.by.clone(),
            opened_on: body.on,
            answered_on: None,
            revision: follows(None, event)?,
        })?;
        Ok(())
    }
}

fn settled(row: &mut Payout, body: Settled) {
    row.state = PayoutState::Settled;
    row.batch = Some(body.batch);
    row.reference = Some(body.reference);
    row.settled_on = Some(body.on);
}

fn returned(row: &mut Payout, body: Returned) -> Result<(), Stop> {
    row.state = PayoutState::Returned;
    row.return_reason = Some(body.reason);
    row.return_note = Some(body.note).filter(|note| !note.is_empty());
    up(&mut row.returns, "the returns of a payout")?;
    Ok(())
}

fn sealed(row: &mut Batch, lines: &mut Rows<BatchLine>, body: Arc<Sealed>) -> Result<(), Stop> {
    row.lines = count_of(body.lines.len())?;
    row.skipped = count_of(body.skipped.len())?;
    row.total_fen = body.total;
    // A file without a line waits for no answer.
    row.state = if body.lines.is_empty() { BatchState::Answered } else { BatchState::Sealed };
    for line in &body.lines {
        lines.create(BatchLine {
            batch: row.batch,
            payout: line.payout,
            number: line.number,
            member: line.member,
            member_revision: line.member_revision,
            amount_fen: line.amount,
            state: LineState::Pending,
            reference: None,
            reason: None,
            note: None,
        })?;
    }
    Ok(())
}

fn answered(
    row: &mut Batch,
    lines: &mut Rows<BatchLine>,
    body: &Answered,
    source: &mut dyn Source,
) -> Result<(), Stop> {
    row.answered_on = Some(body.on);
    for answer in &body.lines {
        let line = lines.edit(&(row.batch, answer.payout), source)?;
        let line = known(line, "the line of the bank file")?;
        match &answer.outcome {
            Outcome::Settled { reference } => {
                line.state = LineState::Settled;
                line.reference = Some(reference.clone());
                up(&mut row.settled, "the lines of a batch")?;
                row.settled_fen = row.settled_fen.plus(line.amount_fen)?;
            }
            Outcome::Returned { reason, note } => {
                line.state = LineState::Returned;
                line.reason = Some(*reason);
                line.note = Some(note.clone()).filter(|note| !note.is_empty());
                up(&mut row.returned, "the lines of a batch")?;
                row.returned_fen = row.returned_fen.plus(line.amount_fen)?;
            }
        }
    }
    if row.settled.saturating_add(row.returned) == row.lines {
        row.state = BatchState::Answered;
    }
    Ok(())
}

fn count_of(length: usize) -> Result<u32, Poison> {
    u32::try_from(length).map_err(|_| Poison::Count { what: "the payouts of a batch" })
}
