//! One caller of the service: a connection and a token. For the demo, the simulation and tests;
//! it speaks the public contract and nothing else.

use std::sync::Arc;

use huzhu_domain::envelope::{Actor, Role};
use huzhu_domain::id::{OrganisationId, Subject};
use huzhu_domain::money::Money;
use jiff::Timestamp;
use jiff::civil::Date;
use rust_decimal::prelude::ToPrimitive;
use tonic::Request;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::{Channel, Endpoint};
use uuid::Uuid;

use crate::auth::keys::TokenKey;
use crate::auth::{IssueError, Issuer};
use crate::contract::google;
use crate::contract::huzhu::audit::v1::audit_service_client::AuditServiceClient;
use crate::contract::huzhu::command::v1::claim_service_client::ClaimServiceClient;
use crate::contract::huzhu::command::v1::cover_service_client::CoverServiceClient;
use crate::contract::huzhu::command::v1::member_service_client::MemberServiceClient;
use crate::contract::huzhu::command::v1::organisation_service_client::OrganisationServiceClient;
use crate::contract::huzhu::command::v1::payout_service_client::PayoutServiceClient;
use crate::contract::huzhu::command::v1::plan_service_client::PlanServiceClient;
use crate::contract::huzhu::command::v1::roster_service_client::RosterServiceClient;
use crate::contract::huzhu::query::v1::figure_service_client::FigureServiceClient;
use crate::contract::huzhu::query::v1::query_service_client::QueryServiceClient;

/// Answers of this size are taken: a page of views, a chunk of a bank file.
const ANSWER_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Why there is no desk.
#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    /// Nobody answers there.
    #[error("cannot connect: {0}")]
    Connect(#[from] tonic::transport::Error),
    /// The actor gets no token.
    #[error(transparent)]
    Token(#[from] IssueError),
    /// The actor's name is not one.
    #[error("not an id: {0}")]
    Name(String),
}

/// Where desks come from: one connection, and the key that signs tokens.
#[derive(Clone)]
pub struct Desks {
    channel: Channel,
    issuer: Arc<Issuer>,
}

impl Desks {
    /// Connects to the service at `address`, such as `http://127.0.0.1:50051`.
    ///
    /// # Errors
    ///
    /// [`DeskError`].
    pub async fn connect(address: String, key: &TokenKey) -> Result<Self, DeskError> {
        let channel = Endpoint::from_shared(address)?.tcp_nodelay(true).connect().await?;
        Ok(Self { channel, issuer: Arc::new(Issuer::new(key)?) })
    }

    /// The desk of a handler of `organisation`.
    ///
    /// # Errors
    ///
    /// [`DeskError`].
    pub fn handler(&self, subject: &str, organisation: &str) -> Result<Desk, DeskError> {
        self.desk(Role::Handler, subject, Some(organisation))
    }

    /// The desk of somebody with another role.
    ///
    /// # Errors
    ///
    /// [`DeskError`].
    pub fn of(&self, role: Role, subject: &str) -> Result<Desk, DeskError> {
        self.desk(role, subject, None)
    }

    fn desk(
        &self,
        role: Role,
        subject: &str,
        organisation: Option<&str>,
    ) -> Result<Desk, DeskError> {
        let named = |text: &str| DeskError::Name(text.to_owned());
        let organisation = organisation
            .map(|id| id.parse::<OrganisationId>().map_err(|_| named(id)))
            .transpose()?;
        let name: Subject = subject.parse().map_err(|_| named(subject))?;
        let actor = Actor { subject: name, role, organisation };
        let token = self.issuer.issue(&actor, crate::clock::Clock::system().now(), 1)?;
        let token = format!("Bearer {token}").parse().map_err(|_| named(subject))?;
        Ok(Desk { channel: self.channel.clone(), token })
    }
}

/// One caller of the service.
#[derive(Clone)]
pub struct Desk {
    channel: Channel,
    token: MetadataValue<Ascii>,
}

macro_rules! clients {
    ($($(#[$doc:meta])* $name:ident: $client:ident;)+) => {$(
        $(#[$doc])*
        #[must_use]
        pub fn $name(&self) -> $client<Channel> {
            $client::new(self.channel.clone()).max_decoding_message_size(ANSWER_BYTES_MAX)
        }
    )+};
}

impl Desk {
    /// The desk of whoever the token stands for.
    ///
    /// # Errors
    ///
    /// [`DeskError`].
    pub async fn with_token(address: String, token: &str) -> Result<Self, DeskError> {
        let channel = Endpoint::from_shared(address)?.tcp_nodelay(true).connect().await?;
        let token = format!("Bearer {token}")
            .parse()
            .map_err(|_| DeskError::Name("the token".to_owned()))?;
        Ok(Self { channel, token })
    }

    clients! {
        /// Plans and approval policies.
        plans: PlanServiceClient;
        /// Organisations and handlers.
        organisations: OrganisationServiceClient;
        /// Members.
        members: MemberServiceClient;
        /// Rosters.
        rosters: RosterServiceClient;
        /// Covers.
        covers: CoverServiceClient;
        /// Claims.
        claims: ClaimServiceClient;
        /// Payouts and bank files.
        payouts: PayoutServiceClient;
        /// Views.
        queries: QueryServiceClient;
        /// Figures.
        figures: FigureServiceClient;
        /// Histories.
        audit: AuditServiceClient;
    }

    /// A request with this caller's token.
    #[must_use]
    pub fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.metadata_mut().insert("authorization", self.token.clone());
        request
    }
}

/// An amount as the wire has it.
#[must_use]
pub fn money(amount: Money) -> google::r#type::Money {
    let units = amount.amount().trunc();
    let rest = amount.amount().fract().checked_mul(1_000_000_000.into()).unwrap_or_default();
    google::r#type::Money {
        currency_code: "CNY".to_owned(),
        units: units.to_i64().unwrap_or_default(),
        nanos: rest.to_i32().unwrap_or_default(),
    }
}

/// An amount of the wire, as people write it.
#[must_use]
pub fn yuan(amount: Option<&google::r#type::Money>) -> Money {
    amount
        .and_then(|amount| {
            let fen = amount.units.checked_mul(100)?;
            Money::from_fen(fen.checked_add(i64::from(amount.nanos.checked_div(10_000_000)?))?).ok()
        })
        .unwrap_or_default()
}

/// A date as the wire has it.
#[must_use]
pub fn date(date: Date) -> google::r#type::Date {
    google::r#type::Date {
        year: i32::from(date.year()),
        month: i32::from(date.month()),
        day: i32::from(date.day()),
    }
}

/// An instant as the wire has it.
#[must_use]
pub fn time(at: Timestamp) -> prost_types::Timestamp {
    prost_types::Timestamp { seconds: at.as_second(), nanos: at.subsec_nanosecond() }
}

/// A new id for a request.
#[must_use]
pub fn request_id() -> String {
    Uuid::new_v4().to_string()
}
