//! The services of the contract, each a thin layer: wire in, engine or view, wire out.

mod audits;
mod claims;
mod covers;
mod members;
mod organisations;
mod payouts;
mod plans;
mod queries;
mod rosters;

use std::sync::Arc;

use huzhu_domain::envelope::Actor;
use huzhu_projections::query::Queries;
use huzhu_store::engine::{Engine, EngineError, Envelope, Receipt};
use tonic::codec::CompressionEncoding;
use tonic::service::Routes;
use tonic::{Request, Status};

pub(crate) use self::audits::impersonal;
use crate::auth::TokenError;
use crate::auth::keys::ResidentHasher;
use crate::clock::Clock;
use crate::contract::huzhu::audit::v1 as audit;
use crate::contract::huzhu::command::v1 as command;
use crate::contract::huzhu::query::v1 as query;
use crate::contract::huzhu::r#type::v1 as wire;
use crate::status;
use crate::watch::Watches;
use crate::wire::Check;
use crate::wire::command::Command;

#[cfg(feature = "flight")]
pub(crate) use self::queries::unanswered;

/// The longest remark.
const NOTE_MAX: usize = 500;
/// The longest number of a certificate, reference of a bank and the like.
const REFERENCE_MAX: usize = 60;

/// What every service works with. Cheap to clone.
#[derive(Clone)]
pub struct Context {
    /// Takes commands and replays histories.
    pub engine: Engine,
    /// Says how late it is.
    pub clock: Clock,
    /// How many days back a command may count; any number if absent.
    pub backdate_days_max: Option<u32>,
    /// Hashes resident ids.
    pub residents: Arc<ResidentHasher>,
    /// Reads the views.
    pub queries: Queries,
    /// Tells what changes.
    pub watches: Watches,
    /// The largest message that is taken, in bytes.
    pub message_bytes_max: usize,
}

/// Where calls are answered: one value stands for every service.
#[derive(Clone)]
struct Desk(Context);

/// All services over `context`.
#[must_use]
pub fn routes(context: &Context) -> Routes {
    let mut routes = Routes::default();
    macro_rules! serve {
        ($($server:path $(, $send:ident)?;)+) => {$({
            use $server as Server;
            let server = Server::new(Desk(context.clone()))
                .max_decoding_message_size(context.message_bytes_max)
                .accept_compressed(CompressionEncoding::Gzip);
            $(let server = server.$send(CompressionEncoding::Gzip);)?
            routes = routes.add_service(server);
        })+};
    }
    // Receipts are too small to be worth compressing; pages and histories are not.
    serve! {
        command::plan_service_server::PlanServiceServer;
        command::organisation_service_server::OrganisationServiceServer;
        command::member_service_server::MemberServiceServer;
        command::roster_service_server::RosterServiceServer;
        command::cover_service_server::CoverServiceServer;
        command::claim_service_server::ClaimServiceServer;
        command::payout_service_server::PayoutServiceServer;
        query::query_service_server::QueryServiceServer, send_compressed;
        query::figure_service_server::FigureServiceServer, send_compressed;
        audit::audit_service_server::AuditServiceServer, send_compressed;
    }
    routes
}

/// A tuple of fields, if each of them holds.
macro_rules! all {
    ($($field:ident),+ $(,)?) => {
        (|| Some(($($field?,)+)))()
    };
}
use all;

/// Who makes a call: the gate has put the actor beside it.
pub(crate) fn actor<M>(request: &Request<M>) -> Result<Arc<Actor>, Status> {
    let actor = request.extensions().get::<Arc<Actor>>();
    actor.cloned().ok_or_else(|| status::unauthenticated(TokenError::Missing))
}

impl Desk {
    /// Opens a command: its message, and what every command brings, about to be checked.
    fn open<C: Command>(
        &self,
        request: Request<C>,
    ) -> Result<(C, Check, Option<Envelope>), Status> {
        let actor = actor(&request)?;
        let mut message = request.into_inner();
        let mut check = Check::default();
        let envelope = self.envelope(&mut check, &mut message, &actor);
        Ok((message, check, envelope))
    }

    fn envelope<C: Command>(
        &self,
        check: &mut Check,
        message: &mut C,
        actor: &Actor,
    ) -> Option<Envelope> {
        check.envelope(message, actor, self.0.clock.now(), self.0.backdate_days_max)
    }
}

/// The receipt of a command that took effect.
fn receipt(answer: Result<Receipt, EngineError>) -> Result<Option<wire::Receipt>, Status> {
    let answer = answer.map_err(status::engine)?;
    Ok(Some(crate::wire::command::receipt(&answer)))
}
