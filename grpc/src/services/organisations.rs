//! Organisations and their handlers.

use huzhu_domain::organisation::Name;
use huzhu_domain::step::Duty;
use huzhu_store::engine::{RegisterHandler, RegisterOrganisation};
use tonic::{Request, Response, Status};

use super::{Desk, NOTE_MAX, REFERENCE_MAX, all, receipt};
use crate::contract::huzhu::command::v1 as command;
use command::organisation_service_server::OrganisationService;

/// The longest name, in Chinese and in English.
const NAME_MAX: (usize, usize) = (100, 200);
/// More workers than any organisation has: a slip of the hand.
const WORKERS_MAX: u32 = 10_000_000;
/// As many duties as there are.
const DUTIES_MAX: usize = 7;

#[tonic::async_trait]
impl OrganisationService for Desk {
    async fn register_organisation(
        &self,
        request: Request<command::RegisterOrganisationRequest>,
    ) -> Result<Response<command::RegisterOrganisationResponse>, Status> {
        let (request, mut check, envelope) = self.open(request)?;
        let id = check.parse("organisation_id", &request.organisation_id);
        let level = check.choice("level", request.level);
        let name = check.message("name", request.name, |check, name| {
            let zh = check.text("zh", name.zh, 1..=NAME_MAX.0);
            let en = check.text("en", name.en, 0..=NAME_MAX.1);
            Some(Name { zh: zh?, en: en.map(|en| (!en.is_empty()).then_some(en))? })
        });
        let parent = check.parse_or_none("parent_id", &request.parent_id);
        let credit_code = check.parse_or_none("credit_code", &request.credit_code);
        let workers = check.number("workers", request.workers, WORKERS_MAX);
        let fields = all!(envelope, id, level, name, parent, credit_code, workers);
        let (envelope, id, level, name, parent, credit_code, workers) = check.finish(fields)?;
        let has_union = request.has_union;
        let organisation =
            RegisterOrganisation { id, level, name, parent, credit_code, has_union, workers };
        let receipt = receipt(self.0.engine.register_organisation(&envelope, organisation).await)?;
        Ok(Response::new(command::RegisterOrganisationResponse { receipt }))
    }

    async fn count_workers(
        &self,
        request: Request<command::CountWorkersRequest>,
    ) -> Result<Response<command::CountWorkersResponse>, Status> {
        let (request, mut check, envelope) = self.open(request)?;
        let id = check.parse("organisation_id", &request.organisation_id);
        let workers = check.number("workers", request.workers, WORKERS_MAX);
        let (envelope, id, workers) = check.finish(all!(envelope, id, workers))?;
        let receipt = receipt(self.0.engine.count_workers(&envelope, &id, workers).await)?;
        Ok(Response::new(command::CountWorkersResponse { receipt }))
    }

    async fn register_handler(
        &self,
        request: Request<command::RegisterHandlerRequest>,
    ) -> Result<Response<command::RegisterHandlerResponse>, Status> {
        let (request, mut check, envelope) = self.open(request)?;
        let organisation = check.parse("organisation_id", &request.organisation_id);
        let handler = check.parse("handler", &request.handler);
        let member = check.parse_or_none("member_id", &request.member_id);
        let duties = check.each("duties", request.duties, 1..=DUTIES_MAX, |check, duty| {
            check.choice::<Duty>("", duty)
        });
        let fields = all!(envelope, organisation, handler, member, duties);
        let (envelope, organisation, handler, member, duties) = check.finish(fields)?;
        let duties = duties.into_iter().collect();
        let registered = RegisterHandler { organisation, handler, member, duties };
        let receipt = receipt(self.0.engine.register_handler(&envelope, registered).await)?;
        Ok(Response::new(command::RegisterHandlerResponse { receipt }))
    }

    async fn certify_handler(
        &self,
        request: Request<command::CertifyHandlerRequest>,
    ) -> Result<Response<command::CertifyHandlerResponse>, Status> {
        let (request, mut check, envelope) = self.open(request)?;
        let id = check.parse("organisation_id", &request.organisation_id);
        let handler = check.parse("handler", &request.handler);
        let certificate = check.text("certificate", request.certificate, 1..=REFERENCE_MAX);
        let period = check.term("period", request.period);
        let fields = all!(envelope, id, handler, certificate, period);
        let (envelope, id, handler, certificate, period) = check.finish(fields)?;
        let engine = &self.0.engine;
        let receipt =
            receipt(engine.certify_handler(&envelope, &id, handler, certificate, period).await)?;
        Ok(Response::new(command::CertifyHandlerResponse { receipt }))
    }

    async fn suspend_handler(
        &self,
        request: Request<command::SuspendHandlerRequest>,
    ) -> Result<Response<command::SuspendHandlerResponse>, Status> {
        let (request, mut check, envelope) = self.open(request)?;
        let id = check.parse("organisation_id", &request.organisation_id);
        let handler = check.parse("handler", &request.handler);
        let note = check.text("note", request.note, 0..=NOTE_MAX);
        let (envelope, id, handler, note) = check.finish(all!(envelope, id, handler, note))?;
        let receipt = receipt(self.0.engine.suspend_handler(&envelope, &id, handler, note).await)?;
        Ok(Response::new(command::SuspendHandlerResponse { receipt }))
    }

    async fn reinstate_handler(
        &self,
        request: Request<command::ReinstateHandlerRequest>,
    ) -> Result<Response<command::ReinstateHandlerResponse>, Status> {
        let (request, mut check, envelope) = self.open(request)?;
        let id = check.parse("organisation_id", &request.organisation_id);
        let handler = check.parse("handler", &request.handler);
        let (envelope, id, handler) = check.finish(all!(envelope, id, handler))?;
        let receipt = receipt(self.0.engine.reinstate_handler(&envelope, &id, handler).await)?;
        Ok(Response::new(command::ReinstateHandlerResponse { receipt }))
    }
}
