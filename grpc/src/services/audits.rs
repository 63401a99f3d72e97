//! Audit: histories from the log alone, and sums done again.

use futures::StreamExt;
use futures::stream::{self, BoxStream};
use huzhu_domain::claim;
use huzhu_domain::envelope::Actor;
use huzhu_domain::history;
use huzhu_domain::id::{ClaimId, OrganisationId, Subject};
use huzhu_domain::organisation::Organisation;
use huzhu_domain::step::Step;
use huzhu_store::engine::replay::Replayed;
use huzhu_store::engine::{Engine, streams};
use huzhu_store::port::StreamName;
use jiff::civil::Date;
use serde_json::Value;
use tonic::{Request, Response, Status};

use super::Desk;
use crate::contract::huzhu::audit::v1 as audit;
use crate::contract::huzhu::r#type::v1 as wire;
use crate::status;
use crate::wire::spoken::Spoken;
use crate::wire::value::moment;
use crate::wire::{self as boundary, Check};
use audit::audit_service_server::AuditService;

/// The sub-object of member events that holds personal data.
const PERSON: &str = "person";

#[tonic::async_trait]
impl AuditService for Desk {
    type ReplayClaimStream = BoxStream<'static, Result<audit::ReplayClaimResponse, Status>>;

    async fn replay_claim(
        &self,
        request: Request<audit::ReplayClaimRequest>,
    ) -> Result<Response<Self::ReplayClaimStream>, Status> {
        let mut check = Check::default();
        let claim = check.parse::<ClaimId>("claim_id", &request.get_ref().claim_id);
        let claim = check.finish(claim)?;
        let events = history_of(&self.0.engine, streams::claim(claim), "claim").await?;
        let events = events.map(|event| Ok(audit::ReplayClaimResponse { event: Some(event?) }));
        Ok(Response::new(events.boxed()))
    }

    type ReplayStreamStream = BoxStream<'static, Result<audit::ReplayStreamResponse, Status>>;

    async fn replay_stream(
        &self,
        request: Request<audit::ReplayStreamRequest>,
    ) -> Result<Response<Self::ReplayStreamStream>, Status> {
        let mut check = Check::default();
        let stream = check.parse::<StreamName>("stream", &request.get_ref().stream);
        let stream = check.finish(stream)?;
        let events = history_of(&self.0.engine, stream, "stream").await?;
        let events = events.map(|event| Ok(audit::ReplayStreamResponse { event: Some(event?) }));
        Ok(Response::new(events.boxed()))
    }

    async fn explain_assessment(
        &self,
        request: Request<audit::ExplainAssessmentRequest>,
    ) -> Result<Response<audit::ExplainAssessmentResponse>, Status> {
        let mut check = Check::default();
        let request = request.into_inner();
        let claim = check.parse::<ClaimId>("claim_id", &request.claim_id);
        let claim = check.finish(claim)?;
        let explained = self.0.engine.explain_assessments(claim).await.map_err(status::engine)?;
        let wanted = explained.into_iter().rfind(|explained| {
            request.revision.is_none_or(|revision| explained.revision.0 == revision)
        });
        let explained = wanted.ok_or_else(|| status::absent("assessment"))?;
        Ok(Response::new(audit::ExplainAssessmentResponse {
            recorded: Some(boundary::assessment(&explained.stored)),
            computed: explained.recomputed.ok().as_ref().map(boundary::assessment),
            same: explained.agrees,
            revision: explained.revision.0,
            cover_revision: explained.cover_revision,
        }))
    }
}

type Events = BoxStream<'static, Result<audit::HistoryEvent, Status>>;

/// Every event of a stream; a history that does not hold is refused before any of it is told.
async fn history_of(engine: &Engine, stream: StreamName, what: &str) -> Result<Events, Status> {
    let replayed = engine.replay(&stream).await.map_err(status::engine)?;
    if replayed.is_empty() {
        return Err(status::absent(what));
    }
    let engine = engine.clone();
    let told = stream::iter(replayed).then(move |replayed| {
        let engine = engine.clone();
        async move { told(&engine, replayed).await }
    });
    Ok(told.boxed())
}

/// One event as the contract has it.
async fn told(engine: &Engine, replayed: Replayed) -> Result<audit::HistoryEvent, Status> {
    let authority = match decision(&replayed.event) {
        Some(decision) => Some(authority(engine, decision).await?),
        None => None,
    };
    let Replayed { recorded, metadata, state, .. } = replayed;
    let figures: Vec<_> =
        state.figures.iter().map(|(name, figure)| format!("{name} {figure}")).collect();
    let summary = if figures.is_empty() {
        state.name.to_owned()
    } else {
        format!("{}: {}", state.name, figures.join(", "))
    };
    Ok(audit::HistoryEvent {
        stream: recorded.stream.to_string(),
        revision: recorded.revision.0,
        position: recorded.position.to_string(),
        event_id: recorded.id.to_string(),
        name: recorded.name.to_string(),
        version: recorded.version,
        body_json: impersonal(&recorded.data)?,
        actor: Some(actor(&metadata.actor)),
        authority,
        request_id: metadata.command.to_string(),
        correlation_id: metadata.correlation.to_string(),
        causation_id: metadata.causation.map(|id| id.to_string()).unwrap_or_default(),
        business_time: Some(moment(metadata.at)),
        recorded_time: Some(moment(recorded.recorded_at)),
        plan_version: metadata.plan_version.map(|label| label.to_string()).unwrap_or_default(),
        state_after: state.name.to_owned(),
        summary,
    })
}

fn actor(actor: &Actor) -> wire::Actor {
    wire::Actor {
        subject: actor.subject.to_string(),
        role: actor.role.said(),
        organisation_id: actor.organisation.as_ref().map(ToString::to_string).unwrap_or_default(),
    }
}

/// A body without the person in it.
pub(crate) fn impersonal(body: &[u8]) -> Result<String, Status> {
    let mut body: Value = serde_json::from_slice(body).map_err(|_| status::corrupt())?;
    if let Some(person) = body.get_mut(PERSON) {
        *person = Value::String("withheld".to_owned());
    }
    Ok(body.to_string())
}

/// Somebody's decision on a claim.
struct Decision<'e> {
    step: Step,
    by: &'e Subject,
    organisation: &'e OrganisationId,
    on: Date,
}

fn decision(event: &history::Event) -> Option<Decision<'_>> {
    let history::Event::Claim(event) = event else {
        return None;
    };
    let (step, by, organisation, on) = match event {
        claim::Event::StepPassed(body) => (body.step, &body.by, &body.organisation, body.on),
        claim::Event::Returned(body) => (body.step, &body.by, &body.organisation, body.on),
        claim::Event::Refused(body) => (body.step, &body.by, &body.organisation, body.on),
        claim::Event::Approved(body) => (body.step, &body.by, &body.organisation, body.on),
        claim::Event::Filed(_)
        | claim::Event::Assessed(_)
        | claim::Event::Supplemented(_)
        | claim::Event::Withdrawn(_)
        | claim::Event::FilingLapsed(_)
        | claim::Event::Paid(_)
        | claim::Event::PaymentReversed(_) => return None,
    };
    Some(Decision { step, by, organisation, on })
}

/// Under which authority a decision was made, as the organisation's own history has it.
async fn authority(engine: &Engine, decision: Decision<'_>) -> Result<audit::Authority, Status> {
    let Decision { step, by, organisation, on } = decision;
    let loaded = engine.load::<Organisation>(streams::organisation(organisation)).await;
    let loaded = loaded.map_err(status::engine)?;
    let handler = loaded.state.registered().ok().and_then(|register| register.handlers.get(by));
    let certificate = handler.and_then(|handler| {
        handler.certificates.iter().find(|(_, period)| period.holds(on)).map(|(number, _)| number)
    });
    Ok(audit::Authority {
        step: step.name().to_owned(),
        duty: word(step),
        organisation_id: organisation.to_string(),
        certificate: certificate.cloned().unwrap_or_default(),
    })
}

fn word(step: Step) -> String {
    match serde_json::to_value(step.duty()) {
        Ok(Value::String(word)) => word,
        Ok(_) | Err(_) => String::new(),
    }
}
