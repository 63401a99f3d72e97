//! Somebody who asks the service with SQL.

use arrow::array::{Array, RecordBatch};
use arrow::datatypes::{DataType, SchemaRef};
use arrow::util::display::array_value_to_string;
use arrow_flight::decode::FlightRecordBatchStream;
use arrow_flight::error::FlightError;
use arrow_flight::flight_service_client::FlightServiceClient;
use arrow_flight::sql::{CommandStatementQuery, ProstMessageExt};
use arrow_flight::{Action, FlightDescriptor, FlightInfo, Ticket};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use huzhu_domain::envelope::Role;
use prost::Message;
use tonic::metadata::MetadataMap;
use tonic::transport::Channel;
use tonic::{Request, Status};

use crate::service::Service;

/// Somebody with a token, or without.
#[derive(Clone)]
pub struct Analyst {
    client: FlightServiceClient<Channel>,
    token: Option<String>,
    headers: Vec<(&'static str, String)>,
}

/// A whole answer.
pub struct Table {
    /// Its columns.
    pub schema: SchemaRef,
    /// Its rows.
    pub batches: Vec<RecordBatch>,
    /// The headers it came with.
    pub headers: MetadataMap,
}

impl Analyst {
    /// Somebody of a role.
    #[must_use]
    pub fn of(service: &Service, role: Role) -> Self {
        let organisation = (role == Role::Handler).then_some("unit");
        Self::with_token(service, Some(service.token(role, "somebody", organisation)))
    }

    /// Somebody with a token of their own making, or none.
    #[must_use]
    pub fn with_token(service: &Service, token: Option<String>) -> Self {
        let client = FlightServiceClient::new(service.connect());
        Self { client, token, headers: Vec::new() }
    }

    /// The same, sending a header with every call.
    #[must_use]
    pub fn saying(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    /// The client of Arrow Flight itself.
    #[must_use]
    pub fn client(&self) -> FlightServiceClient<Channel> {
        self.client.clone()
    }

    /// A call with the token and the headers.
    #[must_use]
    pub fn request<M>(&self, message: M) -> Request<M> {
        let mut request = Request::new(message);
        if let Some(token) = &self.token {
            request
                .metadata_mut()
                .insert("authorization", format!("Bearer {token}").parse().unwrap());
        }
        for (name, value) in &self.headers {
            request.metadata_mut().insert(*name, value.parse().unwrap());
        }
        request
    }

    /// What a command would give.
    pub async fn offer(&self, command: &impl ProstMessageExt) -> Result<FlightInfo, Status> {
        let descriptor = FlightDescriptor::new_cmd(command.as_any().encode_to_vec());
        let answer = self.client().get_flight_info(self.request(descriptor)).await;
        answer.map(tonic::Response::into_inner)
    }

    /// What a statement would give.
    pub async fn plan(&self, sql: &str) -> Result<FlightInfo, Status> {
        self.offer(&CommandStatementQuery { query: sql.to_owned(), transaction_id: None }).await
    }

    /// Begins to read what a ticket stands for.
    pub async fn open(
        &self,
        ticket: Ticket,
    ) -> Result<(MetadataMap, FlightRecordBatchStream), Status> {
        let answer = self.client().do_get(self.request(ticket)).await?;
        let headers = answer.metadata().clone();
        let messages =
            answer.into_inner().map_err(|status| FlightError::Tonic(Box::new(status))).boxed();
        Ok((headers, FlightRecordBatchStream::new_from_flight_data(messages)))
    }

    /// Reads all that a ticket stands for.
    pub async fn read(&self, ticket: Ticket) -> Result<Table, Status> {
        let (headers, mut stream) = self.open(ticket).await?;
        let mut batches = Vec::new();
        while let Some(batch) = stream.next().await {
            batches.push(batch?);
        }
        let schema = stream.schema().unwrap().clone();
        Ok(Table { schema, batches, headers })
    }

    /// The whole answer to a command.
    pub async fn get(&self, command: &impl ProstMessageExt) -> Result<Table, Status> {
        self.read(ticket(&self.offer(command).await?)).await
    }

    /// The whole answer to a statement.
    pub async fn ask(&self, sql: &str) -> Result<Table, Status> {
        self.get(&CommandStatementQuery { query: sql.to_owned(), transaction_id: None }).await
    }

    /// The whole answer to a statement that has one, as text.
    pub async fn rows(&self, sql: &str) -> Vec<Vec<String>> {
        self.ask(sql).await.unwrap_or_else(|status| panic!("{sql}: {status}")).rows()
    }

    /// Does an action; the messages that answer it.
    pub async fn act(&self, name: &str, body: Bytes) -> Result<Vec<Bytes>, Status> {
        let action = Action { r#type: name.to_owned(), body };
        let answer = self.client().do_action(self.request(action)).await?;
        answer.into_inner().map_ok(|result| result.body).try_collect().await
    }
}

/// The ticket of an offer.
#[must_use]
pub fn ticket(info: &FlightInfo) -> Ticket {
    info.endpoint.first().unwrap().ticket.clone().unwrap()
}

impl Table {
    /// The type of a column.
    #[must_use]
    pub fn data_type(&self, column: &str) -> DataType {
        self.schema.field_with_name(column).unwrap().data_type().clone()
    }

    /// Every row as text; nothing is `-`.
    #[must_use]
    pub fn rows(&self) -> Vec<Vec<String>> {
        let text = |column: &dyn Array, row| {
            if column.is_null(row) {
                "-".to_owned()
            } else {
                array_value_to_string(column, row).unwrap()
            }
        };
        self.batches
            .iter()
            .flat_map(|batch| {
                (0..batch.num_rows())
                    .map(|row| batch.columns().iter().map(|column| text(column, row)).collect())
            })
            .collect()
    }
}
