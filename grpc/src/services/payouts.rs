//! Payouts: batched, answered by the bank, corrected, reversed.

mod bank;

use std::sync::Arc;

use futures::StreamExt;
use futures::stream::BoxStream;
use huzhu_domain::batch::PAYOUTS_MAX;
use huzhu_domain::id::BatchId;
use tonic::{Request, Response, Status};

use super::{Desk, NOTE_MAX, actor, all, receipt};
use crate::contract::huzhu::command::v1 as command;
use crate::wire::Check;
use command::payout_service_server::PayoutService;

#[tonic::async_trait]
impl PayoutService for Desk {
    async fn create_batch(
        &self,
        request: Request<command::CreateBatchRequest>,
    ) -> Result<Response<command::CreateBatchResponse>, Status> {
        let (request, mut check, envelope) = self.open(request)?;
        let payouts = check.each("payout_ids", request.payout_ids, 1..=PAYOUTS_MAX, |check, id| {
            check.parse("", &id)
        });
        let (envelope, payouts) = check.finish(all!(envelope, payouts))?;
        let batch_id = BatchId::of(envelope.command).to_string();
        let receipt = receipt(self.0.engine.create_batch(&envelope, payouts).await)?;
        Ok(Response::new(command::CreateBatchResponse { receipt, batch_id }))
    }

    async fn record_bank_answer(
        &self,
        request: Request<command::RecordBankAnswerRequest>,
    ) -> Result<Response<command::RecordBankAnswerResponse>, Status> {
        let (request, mut check, envelope) = self.open(request)?;
        let batch = check.parse("batch_id", &request.batch_id);
        let on = check.date_or_none("on", request.on);
        let lines = bank::answer(&mut check, request.answer);
        let (envelope, batch, on, lines) = check.finish(all!(envelope, batch, on, lines))?;
        let on = on.unwrap_or_else(|| envelope.on());
        let answered = self.0.engine.record_bank_answer(&envelope, batch, lines, on).await;
        let receipt = receipt(answered)?;
        Ok(Response::new(command::RecordBankAnswerResponse { receipt }))
    }

    async fn correct_payout(
        &self,
        request: Request<command::CorrectPayoutRequest>,
    ) -> Result<Response<command::CorrectPayoutResponse>, Status> {
        let (request, mut check, envelope) = self.open(request)?;
        let payout = check.parse("payout_id", &request.payout_id);
        let note = check.text("note", request.note, 0..=NOTE_MAX);
        let (envelope, payout, note) = check.finish(all!(envelope, payout, note))?;
        let receipt = receipt(self.0.engine.correct_payout(&envelope, payout, note).await)?;
        Ok(Response::new(command::CorrectPayoutResponse { receipt }))
    }

    async fn reverse_payout(
        &self,
        request: Request<command::ReversePayoutRequest>,
    ) -> Result<Response<command::ReversePayoutResponse>, Status> {
        let (request, mut check, envelope) = self.open(request)?;
        let payout = check.parse("payout_id", &request.payout_id);
        let note = check.text("note", request.note, 1..=NOTE_MAX);
        let (envelope, payout, note) = check.finish(all!(envelope, payout, note))?;
        let receipt = receipt(self.0.engine.reverse_payout(&envelope, payout, note).await)?;
        Ok(Response::new(command::ReversePayoutResponse { receipt }))
    }

    type ExportBankFileStream = BoxStream<'static, Result<command::ExportBankFileResponse, Status>>;

    async fn export_bank_file(
        &self,
        request: Request<command::ExportBankFileRequest>,
    ) -> Result<Response<Self::ExportBankFileStream>, Status> {
        let actor = actor(&request)?;
        let mut check = Check::default();
        let batch = check.parse("batch_id", &request.get_ref().batch_id);
        let batch = check.finish(batch)?;
        let file = self.bank_file(&actor, batch).await?;
        let chunks = bank::chunks(self.0.engine.clone(), Arc::new(file));
        Ok(Response::new(chunks.boxed()))
    }
}
