//! Claims: filed, decided, supplemented, withdrawn.

use std::sync::Arc;

use huzhu_domain::claim::facts::DIAGNOSES_MAX;
use huzhu_domain::claim::{WANTED_MAX, Wanted};
use huzhu_domain::id::{BenefitCode, CaseId, ClaimId};
use huzhu_store::engine::{
    FileClaim, PassStep, RefuseClaim, ReturnClaim, SupplementClaim, WithdrawClaim,
};
use tonic::{Request, Response, Status};

use super::{Desk, NOTE_MAX, all, receipt};
use crate::contract::huzhu::command::v1 as command;
use crate::contract::huzhu::r#type::v1 as wire;
use crate::status;
use crate::wire::{self as boundary, Check};
use command::claim_service_server::ClaimService;

/// More benefits than any plan has.
const BENEFITS_MAX: usize = 50;

#[tonic::async_trait]
impl ClaimService for Desk {
    async fn file_claim(
        &self,
        request: Request<command::FileClaimRequest>,
    ) -> Result<Response<command::FileClaimResponse>, Status> {
        let (request, mut check, envelope) = self.open(request)?;
        let cover = check.parse("cover_id", &request.cover_id);
        let case = check.parse_or_none("case_id", &request.case_id);
        let asks = benefits(&mut check, request.benefits);
        let facts = check.facts(request.facts);
        let fields = all!(envelope, cover, case, asks, facts);
        let (envelope, cover, case, asks, facts) = check.finish(fields)?;
        let claim_id = ClaimId::of(envelope.command).to_string();
        let case_id = case.unwrap_or_else(|| CaseId::of(envelope.command)).to_string();
        let claim = FileClaim { cover, case, asks, facts: Arc::new(facts) };
        let receipt = receipt(self.0.engine.file_claim(&envelope, claim).await)?;
        Ok(Response::new(command::FileClaimResponse { receipt, claim_id, case_id }))
    }

    async fn pass_step(
        &self,
        request: Request<command::PassStepRequest>,
    ) -> Result<Response<command::PassStepResponse>, Status> {
        let (request, mut check, envelope) = self.open(request)?;
        let claim = check.parse("claim_id", &request.claim_id);
        let step = check.choice_or_none("step", request.step);
        let expected_amount = check.amount_or_none("expected_amount", request.expected_amount);
        let codes = request.confirmed_diagnoses;
        let confirmed =
            check.each("confirmed_diagnoses", codes, 0..=DIAGNOSES_MAX, |check, code| {
                check.parse("", &code)
            });
        let note = check.text("note", request.note, 0..=NOTE_MAX);
        let fields = all!(envelope, claim, step, expected_amount, confirmed, note);
        let (envelope, claim, step, expected_amount, confirmed, note) = check.finish(fields)?;
        let pass = PassStep { claim, step, expected_amount, confirmed, note };
        let receipt = receipt(self.0.engine.pass_step(&envelope, pass).await)?;
        Ok(Response::new(command::PassStepResponse { receipt }))
    }

    async fn return_claim(
        &self,
        request: Request<command::ReturnClaimRequest>,
    ) -> Result<Response<command::ReturnClaimResponse>, Status> {
        let (request, mut check, envelope) = self.open(request)?;
        let claim = check.parse("claim_id", &request.claim_id);
        let step = check.choice_or_none("step", request.step);
        let wanted = check.each("wanted", request.wanted, 1..=WANTED_MAX, wanted);
        let note = check.text("note", request.note, 0..=NOTE_MAX);
        let fields = all!(envelope, claim, step, wanted, note);
        let (envelope, claim, step, wanted, note) = check.finish(fields)?;
        let back = ReturnClaim { claim, step, wanted, note };
        let receipt = receipt(self.0.engine.return_claim(&envelope, back).await)?;
        Ok(Response::new(command::ReturnClaimResponse { receipt }))
    }

    async fn refuse_claim(
        &self,
        request: Request<command::RefuseClaimRequest>,
    ) -> Result<Response<command::RefuseClaimResponse>, Status> {
        let (request, mut check, envelope) = self.open(request)?;
        let claim = check.parse("claim_id", &request.claim_id);
        let step = check.choice_or_none("step", request.step);
        let reason = check.choice("reason", request.reason);
        let note = check.text("note", request.note, 0..=NOTE_MAX);
        let fields = all!(envelope, claim, step, reason, note);
        let (envelope, claim, step, reason, note) = check.finish(fields)?;
        let refusal = RefuseClaim { claim, step, reason, note };
        let receipt = receipt(self.0.engine.refuse_claim(&envelope, refusal).await)?;
        Ok(Response::new(command::RefuseClaimResponse { receipt }))
    }

    async fn supplement_claim(
        &self,
        request: Request<command::SupplementClaimRequest>,
    ) -> Result<Response<command::SupplementClaimResponse>, Status> {
        let (request, mut check, envelope) = self.open(request)?;
        let claim = check.parse("claim_id", &request.claim_id);
        let facts = check.facts(request.facts);
        let (envelope, claim, facts) = check.finish(all!(envelope, claim, facts))?;
        let supplement = SupplementClaim { claim, facts: Arc::new(facts) };
        let receipt = receipt(self.0.engine.supplement_claim(&envelope, supplement).await)?;
        Ok(Response::new(command::SupplementClaimResponse { receipt }))
    }

    async fn withdraw_claim(
        &self,
        request: Request<command::WithdrawClaimRequest>,
    ) -> Result<Response<command::WithdrawClaimResponse>, Status> {
        let (request, mut check, envelope) = self.open(request)?;
        let claim = check.parse("claim_id", &request.claim_id);
        let note = check.text("note", request.note, 0..=NOTE_MAX);
        let (envelope, claim, note) = check.finish(all!(envelope, claim, note))?;
        let withdrawal = WithdrawClaim { claim, note };
        let receipt = receipt(self.0.engine.withdraw_claim(&envelope, withdrawal).await)?;
        Ok(Response::new(command::WithdrawClaimResponse { receipt }))
    }

    async fn preview_assessment(
        &self,
        request: Request<command::PreviewAssessmentRequest>,
    ) -> Result<Response<command::PreviewAssessmentResponse>, Status> {
        let request = request.into_inner();
        let mut check = Check::default();
        let cover = check.parse("cover_id", &request.cover_id);
        let asks = benefits(&mut check, request.benefits);
        let facts = check.facts(request.facts);
        let (cover, asks, facts) = check.finish(all!(cover, asks, facts))?;
        let previewed = self.0.engine.preview_assessment(cover, &asks, &facts).await;
        let assessment = Some(boundary::assessment(&previewed.map_err(status::engine)?));
        Ok(Response::new(command::PreviewAssessmentResponse { assessment }))
    }
}

fn benefits(check: &mut Check, benefits: Vec<String>) -> Option<Vec<BenefitCode>> {
    check.each("benefits", benefits, 0..=BENEFITS_MAX, |check, benefit| check.parse("", &benefit))
}

fn wanted(check: &mut Check, wanted: wire::Wanted) -> Option<Wanted> {
    let document = check.choice_or_none("document", wanted.document);
    let text = check.text("text", wanted.text, 1..=NOTE_MAX);
    Some(Wanted { document: document?, text: text? })
}
