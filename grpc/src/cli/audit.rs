//! `huzhu audit`: histories, as a timeline for people or as JSON for machines.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use huzhu_domain::envelope::Role;
use serde_json::{Value, json};

use super::Failure;
use crate::auth::keys::TokenKey;
use crate::client::{Desk, Desks, yuan};
use crate::contract::huzhu::audit::v1 as audit;
use crate::contract::huzhu::r#type::v1 as wire;

/// Whose name stands behind a token that the key of the data folder signs.
const SUBJECT: &str = "huzhu-audit";

/// Replay histories as an auditor.
#[derive(Debug, Subcommand)]
pub(super) enum Audit {
    /// Every event of a claim: who, when, under which authority, and the state after it.
    Replay {
        /// The claim, or any stream such as `cover-7f1c0a9e-…`.
        claim: String,
        /// One JSON object a line.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        server: Server,
    },
    /// Compute a claim's assessment again from the log, and compare.
    Explain {
        /// The claim.
        claim: String,
        #[command(flatten)]
        server: Server,
    },
}

/// The service that is asked.
#[derive(Debug, Args)]
pub(super) struct Server {
    /// Where it takes calls.
    #[arg(long, default_value = "http://127.0.0.1:50051", env = "HUZHU_SERVER")]
    server: String,
    /// A token; without one, the key of the data folder signs one.
    #[arg(long, env = "HUZHU_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// The data folder with the key.
    #[arg(long, default_value = "data", env = "HUZHU_DATA")]
    data: PathBuf,
}

impl Server {
    /// The desk of the token, or else of an account of this role and name.
    pub(super) async fn desk(&self, role: Role, subject: &str) -> Result<Desk, Failure> {
        let failed = |why: crate::client::DeskError| Failure(format!("{}: {why}", self.server));
        if let Some(token) = &self.token {
            return Desk::with_token(self.server.clone(), token).await.map_err(failed);
        }
        let key = TokenKey::open(&self.data).map_err(Failure::of)?;
        let desks = Desks::connect(self.server.clone(), &key).await.map_err(failed)?;
        desks.of(role, subject).map_err(failed)
    }
}

pub(super) async fn run(asked: Audit) -> Result<(), Failure> {
    match asked {
        Audit::Replay { claim, json, server } => {
            let desk = server.desk(Role::Auditor, SUBJECT).await?;
            replay(&desk, &claim, json).await
        }
        Audit::Explain { claim, server } => {
            explain(&server.desk(Role::Auditor, SUBJECT).await?, claim).await
        }
    }
}

async fn replay(desk: &Desk, claim: &str, json: bool) -> Result<(), Failure> {
    // A claim's id has no prefix; the name of a stream does.
    let stream = if claim.len() == 36 { format!("claim-{claim}") } else { claim.to_owned() };
    let request = audit::ReplayStreamRequest { stream };
    let events = desk.audit().replay_stream(desk.request(request)).await;
    let mut events = events.map_err(refused)?.into_inner();
    let mut any = false;
    while let Some(answer) = events.message().await.map_err(refused)? {
        let event = answer.event.unwrap_or_default();
        any = true;
        if json {
            say!("{}", machine(&event));
        } else {
            person(&event);
        }
    }
    if any { Ok(()) } else { Err(Failure(format!("{claim} has no history"))) }
}

/// One event as a paragraph of a timeline.
fn person(event: &audit::HistoryEvent) {
    let at = event.business_time.map_or_else(String::new, moment);
    say!("{:>4}  {at}  {}", event.revision, event.name);
    let actor = event.actor.clone().unwrap_or_default();
    let of = match actor.organisation_id.as_str() {
        "" => String::new(),
        organisation => format!(" of {organisation}"),
    };
    say!("      by {}{of} ({})", actor.subject, role(&actor));
    if let Some(authority) = event.authority.as_ref().filter(|authority| !authority.duty.is_empty())
    {
        say!(
            "      under duty {} for {}, certificate {}",
            authority.duty,
            authority.organisation_id,
            authority.certificate
        );
    }
    if let Some(recorded) = event.recorded_time {
        say!("      recorded {} at {}", moment(recorded), event.position);
    }
    say!("      → {}", event.summary);
}

fn machine(event: &audit::HistoryEvent) -> Value {
    let actor = event.actor.clone().unwrap_or_default();
    let authority = event.authority.clone().unwrap_or_default();
    json!({
        "stream": event.stream,
        "revision": event.revision,
        "position": event.position,
        "event_id": event.event_id,
        "name": event.name,
        "version": event.version,
        "body": serde_json::from_str::<Value>(&event.body_json).unwrap_or_default(),
        "actor": {
            "subject": actor.subject,
            "role": role(&actor),
            "organisation": actor.organisation_id,
        },
        "authority": {
            "step": authority.step,
            "duty": authority.duty,
            "organisation": authority.organisation_id,
            "certificate": authority.certificate,
        },
        "request_id": event.request_id,
        "correlation_id": event.correlation_id,
        "causation_id": event.causation_id,
        "business_time": event.business_time.map(moment),
        "recorded_time": event.recorded_time.map(moment),
        "plan_version": event.plan_version,
        "state_after": event.state_after,
        "summary": event.summary,
    })
}

async fn explain(desk: &Desk, claim_id: String) -> Result<(), Failure> {
    let request = audit::ExplainAssessmentRequest { claim_id, revision: None };
    let answer = desk.audit().explain_assessment(desk.request(request)).await.map_err(refused)?;
    let answer = answer.into_inner();
    let recorded = answer.recorded.unwrap_or_default();
    say!("{} {}, recorded at revision {}", recorded.plan, recorded.version, answer.revision);
    for (step, number) in recorded.trace.iter().zip(1_u32..) {
        say!("{number:>4}. {}", step.text);
    }
    say!("total {} yuan", yuan(recorded.total.as_ref()));
    if answer.same {
        say!("computed again from the log: the same, byte for byte");
        return Ok(());
    }
    let computed = answer.computed.unwrap_or_default();
    Err(Failure(format!("computed again it is {} yuan", yuan(computed.total.as_ref()))))
}

fn role(actor: &wire::Actor) -> String {
    actor.role().as_str_name().trim_start_matches("ROLE_").to_lowercase()
}

fn moment(at: prost_types::Timestamp) -> String {
    jiff::Timestamp::new(at.seconds, at.nanos).map_or_else(|_| String::new(), |at| at.to_string())
}

fn refused(status: tonic::Status) -> Failure {
    Failure(format!("{:?}: {}", status.code(), status.message()))
}
