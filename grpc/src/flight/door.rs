//! The Arrow Flight service: what it is asked, and who answers.

use std::pin::Pin;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::Schema;
use arrow::error::ArrowError;
use arrow_flight::encode::FlightDataEncoderBuilder;
use arrow_flight::error::FlightError;
use arrow_flight::flight_descriptor::DescriptorType;
use arrow_flight::flight_service_server::{FlightService, FlightServiceServer};
use arrow_flight::sql::{Any, Command, ProstMessageExt, TicketStatementQuery};
use arrow_flight::{
    Action, ActionType, Criteria, Empty, FlightData, FlightDescriptor, FlightEndpoint, FlightInfo,
    HandshakeRequest, HandshakeResponse, PollInfo, PutResult, SchemaAsIpc, SchemaResult, Ticket,
};
use futures::{Stream, StreamExt, TryStreamExt, stream};
use huzhu_domain::envelope::Actor;
use prost::Message;
use tokio::time::Instant;
use tonic::metadata::{AsciiMetadataValue, MetadataMap};
use tonic::{Request, Response, Status, Streaming};

use super::handle::{Bound, Ticket as Statement};
use super::run::{Asked, Begun};
use super::{Analysis, SqlError, actions, listing, login};
use crate::auth::Verifier;
use crate::clock::Clock;
use crate::gate::patience;
use crate::services::actor;
use crate::status;
use crate::wire::Malformed;

/// The header that says what position an answer has to reflect.
const AT_LEAST: &str = "huzhu-at-least";
/// The headers that say what an answer reflects.
const POSITION: &str = "huzhu-position";
const RECORDED_AT: &str = "huzhu-recorded-at";

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// Where tools that speak Arrow Flight SQL come in.
pub struct Door {
    analysis: Arc<Analysis>,
    verifier: Arc<Verifier>,
    clock: Clock,
}

impl Door {
    /// Lets in those whose token `verifier` accepts, and has `analysis` answer.
    #[must_use]
    pub const fn new(analysis: Arc<Analysis>, verifier: Arc<Verifier>, clock: Clock) -> Self {
        Self { analysis, verifier, clock }
    }

    /// The service, taking messages of at most so many bytes.
    #[must_use]
    pub fn serve(self, message_bytes_max: usize) -> FlightServiceServer<Self> {
        FlightServiceServer::new(self).max_decoding_message_size(message_bytes_max)
    }

    /// The columns of what `command` gives, and the ticket for it.
    async fn offer(
        &self,
        command: Command,
        actor: Arc<Actor>,
    ) -> Result<(Arc<Schema>, Ticket), SqlError> {
        let bound = match command {
            Command::CommandStatementQuery(asked) => Bound::new(asked.query),
            Command::CommandPreparedStatementQuery(asked) => {
                Bound::read(&asked.prepared_statement_handle)?
            }
            command => {
                let batch = listing::listing(&self.analysis, &actor, &command);
                let batch = batch.unwrap_or(Err(SqlError::Handle("command")))?;
                return Ok((batch.schema(), ticket(&command.into_any())));
            }
        };
        let schema = self.analysis.schema(bound.clone(), actor).await?;
        let statement = TicketStatementQuery { statement_handle: Statement::new(bound).write() };
        Ok((schema, ticket(&statement.as_any())))
    }

    async fn statement(
        &self,
        ticket: Statement,
        actor: Arc<Actor>,
        metadata: &MetadataMap,
    ) -> Result<Response<Answers<FlightData>>, Status> {
        let at_least = match metadata.get(AT_LEAST).map(|value| value.to_str()) {
            None => None,
            Some(Ok(text)) => Some(text.parse().map_err(|_| not_a_position())?),
            Some(Err(_)) => return Err(not_a_position()),
        };
        let until = patience(metadata.as_ref()).and_then(|left| Instant::now().checked_add(left));
        let asked = Asked { ticket, actor, at_least, until };
        let begun = Arc::clone(&self.analysis).run(asked).await.map_err(status::sql)?;
        let Begun { freshness, messages } = begun;
        let mut response: Response<Answers<FlightData>> = Response::new(messages);
        let told = [
            (POSITION, freshness.position.map(|position| position.to_string())),
            (RECORDED_AT, freshness.recorded_at.map(|time| time.to_string())),
        ];
        for (name, value) in told {
            if let Some(Ok(value)) = value.map(AsciiMetadataValue::try_from) {
                response.metadata_mut().insert(name, value);
            }
        }
        Ok(response)
    }
}

fn not_a_position() -> Status {
    Malformed::field(AT_LEAST, "is not a position").into()
}

fn ticket(message: &Any) -> Ticket {
    Ticket::new(message.encode_to_vec())
}

/// The command that a descriptor or ticket holds.
pub(super) fn command(bytes: &[u8], what: &'static str) -> Result<Command, Status> {
    let unknown = || status::sql(SqlError::Handle(what));
    let message = Any::decode(bytes).map_err(|_| unknown())?;
    Command::try_from(message).map_err(|_| unknown())
}

/// The command of a descriptor: there are no paths to fly to.
pub(super) fn described(descriptor: &FlightDescriptor) -> Result<Command, Status> {
    if descriptor.r#type != i32::from(DescriptorType::Cmd) {
        return Err(status::sql(SqlError::Handle("command")));
    }
    command(&descriptor.cmd, "command")
}

/// A batch as an answer of its own.
fn answer(batch: RecordBatch) -> Answers<FlightData> {
    FlightDataEncoderBuilder::new()
        .with_schema(batch.schema())
        .build(stream::iter([Ok::<_, FlightError>(batch)]))
        .map_err(|why| status::sql(why.into()))
        .boxed()
}

fn unwritable(why: ArrowError) -> Status {
    status::sql(listing::broken(why))
}

#[tonic::async_trait]
impl FlightService for Door {
    type HandshakeStream = Answers<HandshakeResponse>;
    type ListFlightsStream = Answers<FlightInfo>;
    type DoGetStream = Answers<FlightData>;
    type DoPutStream = Answers<PutResult>;
    type DoActionStream = Answers<arrow_flight::Result>;
    type ListActionsStream = Answers<ActionType>;
    type DoExchangeStream = Answers<FlightData>;

    async fn handshake(
        &self,
        request: Request<Streaming<HandshakeRequest>>,
    ) -> Result<Response<Self::HandshakeStream>, Status> {
        let token = login::token(request.metadata(), &self.verifier, &self.clock);
        let token = token.map_err(|why| *why)?;
        let bearer = AsciiMetadataValue::try_from(format!("Bearer {token}"));
        let payload = token.into_bytes().into();
        let said = HandshakeResponse { protocol_version: 0, payload };
        let mut response: Response<Self::HandshakeStream> =
            Response::new(stream::iter([Ok(said)]).boxed());
        if let Ok(bearer) = bearer {
            response.metadata_mut().insert("authorization", bearer);
        }
        Ok(response)
    }

    async fn get_flight_info(
        &self,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        let actor = actor(&request)?;
        let descriptor = request.into_inner();
        let offered = self.offer(described(&descriptor)?, actor).await;
        let (schema, ticket) = offered.map_err(status::sql)?;
        let info = FlightInfo::new()
            .try_with_schema(&schema)
            .map_err(unwritable)?
            .with_descriptor(descriptor)
            .with_endpoint(FlightEndpoint::new().with_ticket(ticket));
        Ok(Response::new(info))
    }

    async fn get_schema(
        &self,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<SchemaResult>, Status> {
        let actor = actor(&request)?;
        let offered = self.offer(described(request.get_ref())?, actor).await;
        let (schema, _) = offered.map_err(status::sql)?;
        let options = arrow::ipc::writer::IpcWriteOptions::default();
        let schema = SchemaAsIpc::new(&schema, &options).try_into().map_err(unwritable)?;
        Ok(Response::new(schema))
    }

    async fn do_get(
        &self,
        request: Request<Ticket>,
    ) -> Result<Response<Self::DoGetStream>, Status> {
        let actor = actor(&request)?;
        let statement = match command(&request.get_ref().ticket, "ticket")? {
            Command::TicketStatementQuery(asked) => Statement::read(&asked.statement_handle),
            Command::CommandPreparedStatementQuery(asked) => {
                Bound::read(&asked.prepared_statement_handle).map(Statement::new)
            }
            command => {
                let batch = listing::listing(&self.analysis, &actor, &command);
                let batch = batch.unwrap_or(Err(SqlError::Handle("ticket")));
                return Ok(Response::new(answer(batch.map_err(status::sql)?)));
            }
        };
        let statement = statement.map_err(status::sql)?;
        self.statement(statement, actor, request.metadata()).await
    }

    async fn do_put(
        &self,
        request: Request<Streaming<FlightData>>,
    ) -> Result<Response<Self::DoPutStream>, Status> {
        let bound = actions::bind(request.into_inner()).await?;
        Ok(Response::new(stream::iter([Ok(bound)]).boxed()))
    }

    async fn do_action(
        &self,
        request: Request<Action>,
    ) -> Result<Response<Self::DoActionStream>, Status> {
        let actor = actor(&request)?;
        let done = actions::act(&self.analysis, actor, request.into_inner()).await?;
        let body = done.into_iter().map(|body| Ok(arrow_flight::Result { body }));
        Ok(Response::new(stream::iter(body).boxed()))
    }

    async fn list_actions(
        &self,
        _request: Request<Empty>,
    ) -> Result<Response<Self::ListActionsStream>, Status> {
        let actions = actions::ALL.map(|(name, about)| {
            Ok(ActionType { r#type: name.to_owned(), description: about.to_owned() })
        });
        Ok(Response::new(stream::iter(actions).boxed()))
    }

    async fn list_flights(
        &self,
        _request: Request<Criteria>,
    ) -> Result<Response<Self::ListFlightsStream>, Status> {
        Err(Status::unimplemented("tables are listed with GetTables"))
    }

    async fn poll_flight_info(
        &self,
        _request: Request<FlightDescriptor>,
    ) -> Result<Response<PollInfo>, Status> {
        Err(Status::unimplemented("statements answer with GetFlightInfo and DoGet"))
    }

    async fn do_exchange(
        &self,
        _request: Request<Streaming<FlightData>>,
    ) -> Result<Response<Self::DoExchangeStream>, Status> {
        Err(Status::unimplemented("nothing is exchanged"))
    }
}
