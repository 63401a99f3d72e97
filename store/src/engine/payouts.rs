//! Payouts and the bank files that carry them.

use std::sync::Arc;

use futures::StreamExt;
use futures::stream;
use huzhu_domain::batch::{self, AnswerLine, Answered, Batch, Opened, Outcome};
use huzhu_domain::claim::{self, Claim, Paid, PaymentReversed};
use huzhu_domain::cover::{self, Cover};
use huzhu_domain::id::{BatchId, ClaimId, PayoutId};
use huzhu_domain::member::Member;
use huzhu_domain::payout::{self, Batched, Corrected, Payout, Returned};
use jiff::civil::Date;

use super::draft::Draft;
use super::flow::{Flow, Stop};
use super::loaded::Loaded;
use super::steps::owed;
use super::{Engine, EngineError, Envelope, Receipt, authority, streams};
use crate::port::StreamName;

/// How many payouts of a bank's answer are worked on at once: enough to share commits.
const ANSWERS_AT_ONCE: usize = 64;

/// Owes the payout of an approved claim, if that was not done with the approval.
pub(super) struct Owe {
    pub(super) claim: ClaimId,
}

impl Flow for Owe {
    fn target(&self, _: &Envelope) -> StreamName {
        streams::payout(PayoutId::of(self.claim))
    }

    async fn draft(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        let payout = draft.load::<Payout>(self.target(draft.envelope())).await?;
        let claim = draft.load::<Claim>(streams::claim(self.claim)).await?;
        let Claim::Approved(review, approved) = &claim.state else {
            return Ok(());
        };
        if payout.state == Payout::Uncreated {
            let version = approved.assessment.version.clone();
            let created = Arc::new(owed(review.filed(), version, approved.amount, approved.on));
            draft.decide(&payout, payout::Command::Create(created))?;
        }
        Ok(())
    }
}

/// Begins a batch.
struct OpenBatch {
    payouts: Vec<PayoutId>,
}

impl Flow for OpenBatch {
    fn target(&self, envelope: &Envelope) -> StreamName {
        streams::batch(BatchId::of(envelope.command))
    }

    async fn draft(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        let id = BatchId::of(draft.envelope().command);
        let batch = draft.load_new::<Batch>(streams::batch(id)).await?;
        draft.meet(&batch)?;
        authority::for_finance(draft).await?;
        let (by, on) = (draft.envelope().actor.subject.clone(), draft.envelope().on());
        let opened = Opened { batch: id, payouts: self.payouts.clone(), by, on };
        draft.decide(&batch, batch::Command::Open(Arc::new(opened)))?;
        Ok(())
    }
}

/// Gathers the payouts of an open batch and closes its file, all in one list of appends: the batch
/// comes last, so that a sealed file holds only payouts that stand in it.
pub(super) struct Gather {
    pub(super) batch: BatchId,
}

impl Flow for Gather {
    fn target(&self, _: &Envelope) -> StreamName {
        streams::batch(self.batch)
    }

    async fn draft(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        let batch = draft.load::<Batch>(streams::batch(self.batch)).await?;
        draft.meet(&batch)?;
        let Batch::Open(opened) = &batch.state else {
            return Ok(());
        };
        let (mut lines, mut skipped) = (Vec::new(), Vec::new());
        for id in opened.payouts.iter().copied() {
            let payout = draft.load::<Payout>(streams::payout(id)).await?;
            let number = u32::try_from(lines.len()).unwrap_or(u32::MAX).saturating_add(1);
            match line(draft, &payout, number, opened).await? {
                Some(line) => lines.push(line),
                None => skipped.push(id),
            }
        }
        draft.decide(&batch, batch::Command::Seal { lines, skipped })?;
        Ok(())
    }
}

/// Puts a payout into the batch, if it is due and the member has a card.
async fn line(
    draft: &mut Draft<'_>,
    payout: &Loaded<Payout>,
    number: u32,
    opened: &Opened,
) -> Result<Option<batch::Line>, Stop> {
    let (batch, on) = (opened.batch, opened.on);
    let command = payout::Command::Batch(Batched { batch, on });
    let Ok(created) = payout.state.created() else {
        return Ok(None);
    };
    let member = draft.load::<Member>(streams::member(created.member)).await?;
    let has_card = member.state.registered()?.person.card.is_some();
    if !has_card || draft.check(payout, command.clone()).is_err() {
        return Ok(None);
    }
    draft.decide(payout, command)?;
    Ok(Some(batch::Line {
        number,
        payout: created.payout,
        member: created.member,
        member_revision: member.revision.map_or(0, |revision| revision.0),
        amount: created.amount,
    }))
}

/// Records what the bank answered.
struct Answer {
    batch: BatchId,
    answered: Arc<Answered>,
}

impl Flow for Answer {
    fn target(&self, _: &Envelope) -> StreamName {
        streams::batch(self.batch)
    }

    async fn draft(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        let batch = draft.load::<Batch>(streams::batch(self.batch)).await?;
        draft.meet(&batch)?;
        authority::for_finance(draft).await?;
        draft.decide(&batch, batch::Command::Answer(Arc::clone(&self.answered)))?;
        Ok(())
    }
}

/// Carries the bank's answer for one payment to the payout, the cover and the claim.
struct Carry {
    batch: BatchId,
    line: AnswerLine,
    on: Date,
}

impl Flow for Carry {
    fn target(&self, _: &Envelope) -> StreamName {
        streams::payout(self.line.payout)
    }

    async fn draft(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        let payout = draft.load::<Payout>(streams::payout(self.line.payout)).await?;
        let (batch, on) = (self.batch, self.on);
        match &self.line.outcome {
            Outcome::Returned { reason, note } => {
                // What was returned and put right again has left this answer behind.
                let answered = matches!(&payout.state, Payout::Batched(_, it) if it.batch == batch);
                if answered {
                    let (reason, note) = (*reason, note.clone());
                    let returned = Returned { batch, reason, note, on };
                    draft.decide(&payout, payout::Command::Return(returned))?;
                }
            }
            Outcome::Settled { reference } => {
                let settle = payout::Command::Settle { batch, reference: reference.clone(), on };
                if !matches!(payout.state, Payout::Reversed(..)) {
                    draft.decide(&payout, settle)?;
                }
                pay(draft, &payout, on).await?;
            }
        }
        Ok(())
    }
}

/// Records on cover and claim that the payout was settled, as far as that was not done.
async fn pay(draft: &mut Draft<'_>, payout: &Loaded<Payout>, on: Date) -> Result<(), Stop> {
    let created = Arc::clone(payout.state.created()?);
    let (claim, payout, amount) = (created.claim, created.payout, created.amount);
    let loaded = draft.load::<Claim>(streams::claim(claim)).await?;
    if !matches!(loaded.state, Claim::Approved(..)) {
        // The claim comes last: what it says is true of the cover.
        return Ok(());
    }
    let cover = draft.load::<Cover>(streams::cover(created.cover)).await?;
    draft.decide(&cover, cover::Command::Pay { claim, payout, amount, on })?;
    draft.decide(&loaded, claim::Command::RecordPayment(Paid { payout, amount, on }))?;
    Ok(())
}

/// Carries a settlement to the cover and the claim, after a crash came in between.
pub(super) struct CarrySettlement {
    pub(super) payout: PayoutId,
}

impl Flow for CarrySettlement {
    fn target(&self, _: &Envelope) -> StreamName {
        streams::payout(self.payout)
    }

    async fn draft(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        let payout = draft.load::<Payout>(streams::payout(self.payout)).await?;
        if let Payout::Settled(_, settled) = &payout.state {
            pay(draft, &payout, settled.on).await?;
        }
        Ok(())
    }
}

/// Says that what was wrong with a payout is right now.
struct Correct {
    payout: PayoutId,
    note: String,
}

impl Flow for Correct {
    fn target(&self, _: &Envelope) -> StreamName {
        streams::payout(self.payout)
    }

    async fn draft(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        let payout = draft.load::<Payout>(streams::payout(self.payout)).await?;
        draft.meet(&payout)?;
        authority::for_finance(draft).await?;
        let (by, on) = (draft.envelope().actor.subject.clone(), draft.envelope().on());
        let corrected = Corrected { note: self.note.clone(), by, on };
        draft.decide(&payout, payout::Command::Correct(corrected))?;
        Ok(())
    }
}

/// Takes the money of a payout back.
struct Reverse {
    payout: PayoutId,
    note: String,
}

impl Flow for Reverse {
    fn target(&self, _: &Envelope) -> StreamName {
        streams::payout(self.payout)
    }

    async fn draft(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        let payout = draft.load::<Payout>(streams::payout(self.payout)).await?;
        draft.meet(&payout)?;
        authority::for_finance(draft).await?;
        let (by, on) = (draft.envelope().actor.subject.clone(), draft.envelope().on());
        let note = self.note.clone();
        if draft.decide(&payout, payout::Command::Reverse { note, by, on })? {
            take_back(draft, &payout, on).await?;
        }
        Ok(())
    }
}

/// Carries a reversal to the cover and the claim, after a crash came in between.
pub(super) struct CarryReversal {
    pub(super) payout: PayoutId,
}

impl Flow for CarryReversal {
    fn target(&self, _: &Envelope) -> StreamName {
        streams::payout(self.payout)
    }

    async fn draft(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        let payout = draft.load::<Payout>(streams::payout(self.payout)).await?;
        if let Payout::Reversed(_, _, reversed) = &payout.state {
            take_back(draft, &payout, reversed.on).await?;
        }
        Ok(())
    }
}

/// Invariant 4: the cover and the claim give back exactly what was paid.
async fn take_back(draft: &mut Draft<'_>, payout: &Loaded<Payout>, on: Date) -> Result<(), Stop> {
    let created = Arc::clone(payout.state.created()?);
    let (claim, payout, amount) = (created.claim, created.payout, created.amount);
    let loaded = draft.load::<Claim>(streams::claim(claim)).await?;
    let cover = draft.load::<Cover>(streams::cover(created.cover)).await?;
    draft.decide(&cover, cover::Command::Reverse { claim, payout, amount, on })?;
    let reversed = PaymentReversed { payout, amount, on };
    draft.decide(&loaded, claim::Command::RecordReversal(reversed))?;
    Ok(())
}

impl Engine {
    /// Groups due payouts into one bank file. The batch's id is [`BatchId::of`] the command;
    /// payouts that are not due, or whose member has no card, are told in its seal.
    ///
    /// # Errors
    ///
    /// [`EngineError`].
    pub async fn create_batch(
        &self,
        envelope: &Envelope,
        payouts: Vec<PayoutId>,
    ) -> Result<Receipt, EngineError> {
        let opened = self.run(envelope, &OpenBatch { payouts }).await?;
        let batch = BatchId::of(envelope.command);
        let gathered = self.run(&envelope.then("gather"), &Gather { batch }).await?;
        Ok(Receipt {
            revision: gathered.revision,
            position: gathered.position,
            events: opened.events.iter().chain(&gathered.events).copied().collect(),
            ..opened
        })
    }

    /// Records what the bank answered, and carries it to payouts, covers and claims.
    ///
    /// # Errors
    ///
    /// [`EngineError`].
    pub async fn record_bank_answer(
        &self,
        envelope: &Envelope,
        batch: BatchId,
        lines: Vec<AnswerLine>,
        on: Date,
    ) -> Result<Receipt, EngineError> {
        let answered = Arc::new(Answered { lines, on });
        let flow = Answer { batch, answered: Arc::clone(&answered) };
        let receipt = self.run(envelope, &flow).await?;
        let (engine, process) = (self.clone(), envelope.clone());
        let carrying =
            tokio::spawn(async move { engine.carry_answer(&process, batch, &answered).await });
        carrying.await.map_err(|why| EngineError::Down { why: why.to_string() })??;
        // What the caller waits for in a view is that payouts and claims are settled.
        let head = self.store.head().await.map_err(EngineError::of_store)?;
        Ok(Receipt { position: head.unwrap_or(receipt.position), ..receipt })
    }

    /// Says that what was wrong with a returned payout is right now, so that it is paid again.
    ///
    /// # Errors
    ///
    /// [`EngineError`].
    pub async fn correct_payout(
        &self,
        envelope: &Envelope,
        payout: PayoutId,
        note: String,
    ) -> Result<Receipt, EngineError> {
        self.run(envelope, &Correct { payout, note }).await
    }

    /// Takes the money of a payout back.
    ///
    /// # Errors
    ///
    /// [`EngineError`].
    pub async fn reverse_payout(
        &self,
        envelope: &Envelope,
        payout: PayoutId,
        note: String,
    ) -> Result<Receipt, EngineError> {
        // What was paid is on record everywhere before it is taken back.
        self.run(&envelope.then("settled"), &CarrySettlement { payout }).await?;
        let receipt = self.run(envelope, &Reverse { payout, note }).await?;
        if receipt.repeated {
            self.run(&envelope.then("carry"), &CarryReversal { payout }).await?;
        }
        Ok(receipt)
    }

    /// Carries what the bank answered to each payout, as far as that was not done.
    pub(super) async fn carry_answer(
        &self,
        envelope: &Envelope,
        batch: BatchId,
        answered: &Answered,
    ) -> Result<(), EngineError> {
        let carried = answered.lines.clone().into_iter().map(|line| {
            let (engine, envelope) =
                (self.clone(), envelope.then(&format!("carry-{}", line.payout)));
            let carry = Carry { batch, line, on: answered.on };
            async move { engine.run(&envelope, &carry).await }
        });
        let mut carried = stream::iter(carried).buffer_unordered(ANSWERS_AT_ONCE);
        let mut answer = Ok(());
        while let Some(one) = carried.next().await {
            answer = answer.and_then(|()| one.map(|_| ()));
        }
        answer
    }
}
