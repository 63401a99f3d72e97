//! What is done besides asking: statements are prepared, bound and closed, and what runs is
//! cancelled.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::Schema;
use arrow::error::ArrowError;
use arrow::ipc::writer::{IpcWriteOptions, StreamWriter};
use arrow_flight::decode::FlightRecordBatchStream;
use arrow_flight::error::FlightError;
use arrow_flight::sql::{
    ActionCancelQueryRequest, ActionCancelQueryResult, ActionClosePreparedStatementRequest,
    ActionCreatePreparedStatementRequest, ActionCreatePreparedStatementResult, Any, Command,
    DoPutPreparedStatementResult, ProstMessageExt,
};
use arrow_flight::{
    Action, CancelFlightInfoRequest, CancelFlightInfoResult, CancelStatus, FlightData, FlightInfo,
    IpcMessage, PutResult, SchemaAsIpc,
};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use huzhu_domain::envelope::Actor;
use prost::Message;
use tonic::{Status, Streaming};

use super::handle::{Bound, Ticket};
use super::{Analysis, SqlError};
use crate::status;

const CREATE: &str = "CreatePreparedStatement";
const CLOSE: &str = "ClosePreparedStatement";
const CANCEL_QUERY: &str = "CancelQuery";
const CANCEL_INFO: &str = "CancelFlightInfo";

/// The longest row of values that is bound, in bytes as it is kept.
const VALUES_BYTES_MAX: usize = 256 * 1_024;

/// The actions there are.
pub(super) const ALL: [(&str, &str); 4] = [
    (CREATE, "Plan a statement; its handle carries it, and nothing is kept here."),
    (CLOSE, "Let go of a prepared statement."),
    (CANCEL_QUERY, "End a statement of your own that runs."),
    (CANCEL_INFO, "End a statement of your own that runs."),
];

/// Does `action`; the messages that answer it.
pub(super) async fn act(
    analysis: &Analysis,
    actor: Arc<Actor>,
    action: Action,
) -> Result<Vec<Bytes>, Status> {
    match action.r#type.as_str() {
        CREATE => {
            let asked: ActionCreatePreparedStatementRequest = unpack(&action.body)?;
            let created = create(analysis, actor, asked.query).await.map_err(status::sql)?;
            Ok(vec![created.as_any().encode_to_vec().into()])
        }
        CLOSE => {
            let asked: ActionClosePreparedStatementRequest = unpack(&action.body)?;
            Bound::read(&asked.prepared_statement_handle).map_err(status::sql)?;
            Ok(Vec::new())
        }
        CANCEL_QUERY => {
            let asked: ActionCancelQueryRequest = unpack(&action.body)?;
            let info = FlightInfo::decode(asked.info).map_err(|_| unknown("ticket"))?;
            // Its numbers are those of the newer action.
            let result = cancel(analysis, &actor, &info)?.into();
            Ok(vec![ActionCancelQueryResult { result }.as_any().encode_to_vec().into()])
        }
        CANCEL_INFO => {
            let asked = CancelFlightInfoRequest::decode(action.body);
            let info = asked.ok().and_then(|asked| asked.info).ok_or_else(|| unknown("ticket"))?;
            let status = cancel(analysis, &actor, &info)?.into();
            Ok(vec![CancelFlightInfoResult { status }.encode_to_vec().into()])
        }
        _ => Err(unknown("action")),
    }
}

fn unknown(what: &'static str) -> Status {
    status::sql(SqlError::Handle(what))
}

fn unpack<M: ProstMessageExt>(body: &Bytes) -> Result<M, Status> {
    let any = Any::decode(body.clone()).map_err(|_| unknown("action"))?;
    any.unpack().ok().flatten().ok_or_else(|| unknown("action"))
}

async fn create(
    analysis: &Analysis,
    actor: Arc<Actor>,
    sql: String,
) -> Result<ActionCreatePreparedStatementResult, SqlError> {
    let (schema, parameters) = analysis.describe(sql.clone(), actor).await?;
    let parameters = match parameters.fields().is_empty() {
        true => Bytes::new(),
        false => written(&parameters)?,
    };
    Ok(ActionCreatePreparedStatementResult {
        prepared_statement_handle: Bound::new(sql).write(),
        dataset_schema: written(&schema)?,
        parameter_schema: parameters,
    })
}

/// A schema as clients read it.
fn written(schema: &Schema) -> Result<Bytes, SqlError> {
    let options = IpcWriteOptions::default();
    let message: Result<IpcMessage, ArrowError> = SchemaAsIpc::new(schema, &options).try_into();
    message.map(|message| message.0).map_err(super::listing::broken)
}

/// Ends the statement that an info's tickets stand for, if it runs.
fn cancel(analysis: &Analysis, actor: &Actor, info: &FlightInfo) -> Result<CancelStatus, Status> {
    let mut any = false;
    for ticket in info.endpoint.iter().filter_map(|endpoint| endpoint.ticket.as_ref()) {
        let Command::TicketStatementQuery(asked) = super::door::command(&ticket.ticket, "ticket")?
        else {
            continue;
        };
        let run = Ticket::read(&asked.statement_handle).and_then(|ticket| ticket.run());
        any |= analysis.cancel(run.map_err(status::sql)?, actor);
    }
    Ok(if any { CancelStatus::Cancelling } else { CancelStatus::NotCancellable })
}

/// Binds one row of values to a prepared statement: the handle that it gives has them in it.
pub(super) async fn bind(mut coming: Streaming<FlightData>) -> Result<PutResult, Status> {
    let first = coming.message().await?.ok_or_else(|| unknown("command"))?;
    let descriptor = first.flight_descriptor.as_ref().ok_or_else(|| unknown("command"))?;
    let Command::CommandPreparedStatementQuery(asked) = super::door::described(descriptor)? else {
        return Err(status::sql(SqlError::NotASelect));
    };
    let bound = Bound::read(&asked.prepared_statement_handle).map_err(status::sql)?;
    let first = futures::stream::iter([Ok(first)]);
    let messages = first.chain(coming.map_err(|why| FlightError::Tonic(Box::new(why))));
    let mut batches = FlightRecordBatchStream::new_from_flight_data(messages);
    let mut row: Option<RecordBatch> = None;
    while let Some(batch) = batches.next().await {
        let batch = batch.map_err(|_| parameters("they are no Arrow batch"))?;
        if batch.num_rows() == 0 {
            continue;
        }
        if batch.num_rows() > 1 || row.is_some() {
            return Err(parameters("one row is bound at a time"));
        }
        row = Some(batch);
    }
    let values = row.map_or(Ok(Vec::new()), |row| kept(&row));
    let values = values.map_err(|_| parameters("they are no Arrow batch"))?;
    if values.len() > VALUES_BYTES_MAX {
        let why = format!("they take {} bytes, more than {VALUES_BYTES_MAX}", values.len());
        return Err(parameters(&why));
    }
    let handle = Bound { values: values.into(), ..bound }.write();
    let result = DoPutPreparedStatementResult { prepared_statement_handle: Some(handle) };
    Ok(PutResult { app_metadata: result.encode_to_vec().into() })
}

fn parameters(why: &str) -> Status {
    status::sql(SqlError::Parameters(why.to_owned()))
}

/// A row as a handle carries it.
fn kept(row: &RecordBatch) -> Result<Vec<u8>, ArrowError> {
    let mut writer = StreamWriter::try_new(Vec::new(), &row.schema())?;
    writer.write(row)?;
    writer.into_inner()
}
