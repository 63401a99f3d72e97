//! A month's payments: batches, what the bank answers, and what is put right.

use huzhu_domain::batch::{AnswerLine, Outcome};
use huzhu_domain::envelope::Actor;
use huzhu_domain::id::{BatchId, PayoutId};
use huzhu_domain::payout::ReturnReason;
use jiff::civil::Date;

use super::{Run, SimulateError, days_after, handler, month, morning};

/// How many payouts go into one bank file.
const BATCH: usize = 1_000;

impl Run {
    /// Pays what is due from the claims of a month, in the month after it.
    pub(super) async fn pay(&self, number: u32, due: Vec<PayoutId>) -> Result<(), SimulateError> {
        let next = month(number.saturating_add(1))?;
        let mut returned = Vec::new();
        for (payouts, part) in due.chunks(BATCH).zip(0_u32..) {
            let name = format!("{number} {part}");
            returned.extend(self.batch(&name, payouts, days_after(next, 23)?, true).await?);
        }
        for payout in &returned {
            let name = format!("correct {payout}");
            let envelope = self.ask(&name, self.finance()?, morning(days_after(next, 25)?)?);
            let note = "the member gave another card".to_owned();
            let answer = self.engine.correct_payout(&envelope, *payout, note).await;
            self.count("payouts corrected", answer)?;
        }
        if !returned.is_empty() {
            let name = format!("{number} again");
            self.batch(&name, &returned, days_after(next, 26)?, false).await?;
        }
        for (payout, place) in due.iter().zip(0_u64..) {
            if self.random("reversal", u64::from(number) << 32 | place).chance(2) {
                let name = format!("reverse {payout}");
                let envelope = self.ask(&name, self.finance()?, morning(days_after(next, 27)?)?);
                let note = "paid in error".to_owned();
                let answer = self.engine.reverse_payout(&envelope, *payout, note).await;
                self.count("payouts reversed", answer)?;
            }
        }
        Ok(())
    }

    /// Sends a bank file, and takes in the bank's answer; tells which payments came back.
    async fn batch(
        &self,
        name: &str,
        payouts: &[PayoutId],
        on: Date,
        some_return: bool,
    ) -> Result<Vec<PayoutId>, SimulateError> {
        let envelope = self.ask(&format!("batch {name}"), self.finance()?, morning(on)?);
        let answer = self.engine.create_batch(&envelope, payouts.to_vec()).await;
        if self.count("batches sent", answer)?.is_none() {
            return Ok(Vec::new());
        }
        let batch = BatchId::of(envelope.command);
        let mut returned = Vec::new();
        let mut lines = Vec::with_capacity(payouts.len());
        for (payout, place) in payouts.iter().zip(0_u64..) {
            let outcome = if some_return && self.random(name, place).chance(20) {
                returned.push(*payout);
                Outcome::Returned { reason: ReturnReason::AccountClosed, note: String::new() }
            } else {
                Outcome::Settled { reference: format!("B{}-{place}", name.replace(' ', "-")) }
            };
            lines.push(AnswerLine { payout: *payout, outcome });
        }
        let answered = days_after(on, 1)?;
        let envelope = self.ask(&format!("answer {name}"), self.finance()?, morning(answered)?);
        let answer = self.engine.record_bank_answer(&envelope, batch, lines, answered).await;
        self.count("bank answers taken", answer)?;
        Ok(returned)
    }

    fn finance(&self) -> Result<Actor, SimulateError> {
        handler("office.finance-1", &self.setting.office)
    }
}
