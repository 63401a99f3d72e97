//! How tools find their way: logging in, listings, prepared statements.

use std::sync::Arc;

use arrow::array::{ArrayRef, Date32Array, Decimal128Array, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Schema};
use arrow::ipc::convert::try_schema_from_ipc_buffer;
use arrow_flight::FlightDescriptor;
use arrow_flight::error::FlightError;
use arrow_flight::sql::client::FlightSqlServiceClient;
use arrow_flight::sql::{
    CommandGetCatalogs, CommandGetDbSchemas, CommandGetExportedKeys, CommandGetPrimaryKeys,
    CommandGetSqlInfo, CommandGetTableTypes, CommandGetTables, CommandGetXdbcTypeInfo,
    CommandStatementQuery, ProstMessageExt, SqlInfo,
};
use futures::TryStreamExt;
use huzhu_domain::envelope::Role;
use huzhu_tests::analyst::Analyst;
use huzhu_tests::service::Service;
use huzhu_tests::story;
use prost::Message;
use tonic::transport::Channel;

use super::with_two_claims;

fn tables(include_schema: bool) -> CommandGetTables {
    CommandGetTables { include_schema, ..CommandGetTables::default() }
}

#[test]
fn a_user_with_a_token_for_a_password_gets_in() {
    story(async {
        let service = Service::start();
        let token = service.token(Role::Analyst, "wang", None);
        let mut client = FlightSqlServiceClient::new(service.connect());
        let payload = client.handshake("wang", &token).await.unwrap();
        assert_eq!(payload, token.as_bytes());
        assert_eq!(client.token(), Some(&token));
        let info = client.execute("SELECT 1".to_owned(), None).await.unwrap();
        assert!(client.do_get(info.endpoint[0].ticket.clone().unwrap()).await.is_ok());

        let handler = service.token(Role::Handler, "wang", Some("unit"));
        let forged = service.forged_token(Role::Analyst, "wang");
        for (user, password) in [
            ("li", &token),
            ("", &token),
            ("wang", &forged),
            ("wang", &handler),
            ("wang", &"".into()),
        ] {
            let mut client = FlightSqlServiceClient::new(service.connect());
            assert!(client.handshake(user, password).await.is_err(), "{user}");
        }
    });
}

#[test]
fn catalogues_schemas_and_tables_are_listed() {
    story(async {
        let service = Service::start();
        let analyst = Analyst::of(&service, Role::Analyst);
        let rows = analyst.get(&CommandGetCatalogs {}).await.unwrap().rows();
        assert_eq!(rows, [["huzhu"]]);
        let rows = analyst.get(&CommandGetDbSchemas::default()).await.unwrap().rows();
        assert_eq!(rows, [["huzhu", "views"]]);
        let rows = analyst.get(&CommandGetTableTypes {}).await.unwrap().rows();
        assert_eq!(rows, [["VIEW"]]);

        let names = |rows: Vec<Vec<String>>| -> Vec<String> {
            rows.into_iter().map(|row| row[2].clone()).collect()
        };
        let listed = names(analyst.get(&tables(false)).await.unwrap().rows());
        assert!(listed.contains(&"claims".to_owned()));
        assert!(listed.contains(&"plan_statistics".to_owned()));
        assert!(!listed.contains(&"member_persons".to_owned()));
        let auditor = Analyst::of(&service, Role::Auditor);
        let all = names(auditor.get(&tables(false)).await.unwrap().rows());
        assert!(all.contains(&"member_persons".to_owned()));
        assert_eq!(all.len(), listed.len() + 1);
        let like = CommandGetTables {
            table_name_filter_pattern: Some("plan_stat%".to_owned()),
            ..tables(false)
        };
        assert_eq!(names(analyst.get(&like).await.unwrap().rows()), ["plan_statistics"]);
        let none = CommandGetTables { catalog: Some("other".to_owned()), ..tables(false) };
        assert_eq!(names(analyst.get(&none).await.unwrap().rows()), Vec::<String>::new());
    });
}

#[test]
fn a_listed_schema_is_the_one_that_rows_have() {
    story(async {
        let service = Service::start();
        let auditor = Analyst::of(&service, Role::Auditor);
        let table = auditor.get(&tables(true)).await.unwrap();
        let mut seen = 0;
        for batch in &table.batches {
            use arrow::array::AsArray;
            let names = batch.column(2).as_string::<i32>();
            let schemas = batch.column(4).as_binary::<i32>();
            for (name, schema) in names.iter().zip(schemas.iter()) {
                let listed: Schema = try_schema_from_ipc_buffer(schema.unwrap()).unwrap();
                let rows = auditor.ask(&format!("SELECT * FROM {}", name.unwrap())).await.unwrap();
                assert_eq!(listed.fields(), rows.schema.fields(), "{name:?}");
                seen += 1;
            }
        }
        assert_eq!(seen, huzhu_projections::catalogue::relations().len());
    });
}

#[test]
fn keys_types_and_abilities_are_told() {
    story(async {
        let service = Service::start();
        let analyst = Analyst::of(&service, Role::Analyst);
        let asked = CommandGetPrimaryKeys { table: "claims".to_owned(), ..Default::default() };
        let rows = analyst.get(&asked).await.unwrap().rows();
        assert_eq!(rows, [["huzhu", "views", "claims", "claim", "1", "-"]]);
        let hidden = CommandGetPrimaryKeys { table: "member_persons".into(), ..Default::default() };
        assert!(analyst.get(&hidden).await.unwrap().rows().is_empty());
        let exported = CommandGetExportedKeys { table: "claims".into(), ..Default::default() };
        assert!(analyst.get(&exported).await.unwrap().rows().is_empty());

        let types = analyst.get(&CommandGetXdbcTypeInfo { data_type: None }).await.unwrap().rows();
        let names: Vec<_> = types.iter().map(|row| row[0].as_str()).collect();
        for name in ["VARCHAR", "BIGINT", "BOOLEAN", "DECIMAL", "DATE", "TIMESTAMP"] {
            assert!(names.contains(&name), "{name}");
        }
        let one = analyst.get(&CommandGetXdbcTypeInfo { data_type: Some(3) }).await.unwrap();
        assert_eq!(one.rows()[0][0], "DECIMAL");

        let asked = [SqlInfo::FlightSqlServerName, SqlInfo::FlightSqlServerReadOnly];
        let info = asked.map(|info| info as u32).to_vec();
        let info = analyst.get(&CommandGetSqlInfo { info }).await.unwrap();
        assert_eq!(info.batches[0].num_rows(), 2);
        let all = analyst.get(&CommandGetSqlInfo { info: Vec::new() }).await.unwrap();
        assert!(all.batches[0].num_rows() > 20);
    });
}

#[test]
fn the_schema_of_a_statement_is_told_without_running_it() {
    story(async {
        let service = Service::start();
        let analyst = Analyst::of(&service, Role::Analyst);
        let query = "SELECT paid, upper(plan) AS plan FROM claims".to_owned();
        let command = CommandStatementQuery { query, transaction_id: None };
        let descriptor = FlightDescriptor::new_cmd(command.as_any().encode_to_vec());
        let answer = analyst.client().get_schema(analyst.request(descriptor)).await.unwrap();
        let schema: Schema = (&answer.into_inner()).try_into().unwrap();
        let told: Vec<_> = schema.fields().iter().map(|field| field.data_type().clone()).collect();
        assert_eq!(told, [DataType::Decimal128(18, 2), DataType::Utf8]);
        let actions = analyst.client().list_actions(analyst.request(Default::default())).await;
        let actions: Vec<_> = actions.unwrap().into_inner().try_collect().await.unwrap();
        assert_eq!(actions.len(), 4);
    });
}

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter(columns).unwrap()
}

async fn rows(
    client: &mut FlightSqlServiceClient<Channel>,
    sql: &str,
    values: Option<RecordBatch>,
) -> Result<usize, FlightError> {
    let mut prepared = client.prepare(sql.to_owned(), None).await?;
    if let Some(values) = values {
        prepared.set_parameters(values)?;
    }
    let info = prepared.execute().await?;
    let stream = client.do_get(info.endpoint[0].ticket.clone().unwrap()).await?;
    let batches: Vec<RecordBatch> = stream.try_collect().await?;
    prepared.close().await?;
    Ok(batches.iter().map(RecordBatch::num_rows).sum())
}

#[test]
fn statements_are_prepared_and_values_bound() {
    story(async {
        let (union, position) = with_two_claims().await;
        let mut client = FlightSqlServiceClient::new(union.service.connect());
        client.set_token(union.service.token(Role::Analyst, "wang", None));
        client.set_header("huzhu-at-least", position);

        let sql = "SELECT claim FROM claims WHERE paid >= ? AND filed_on = ? AND unit = ?";
        let prepared = client.prepare(sql.to_owned(), None).await.unwrap();
        let parameters = prepared.parameter_schema().unwrap();
        let types: Vec<_> = parameters.fields().iter().map(|field| field.data_type()).collect();
        assert_eq!(types, [&DataType::Decimal128(18, 2), &DataType::Date32, &DataType::Utf8]);
        assert_eq!(prepared.dataset_schema().unwrap().fields().len(), 1);

        let paid = |fen| -> ArrayRef {
            Arc::new(Decimal128Array::from(vec![fen]).with_precision_and_scale(18, 2).unwrap())
        };
        let day: ArrayRef = Arc::new(Date32Array::from(vec![16_394]));
        let text = |text: &str| -> ArrayRef { Arc::new(StringArray::from(vec![text])) };
        let bound = |fen, day: &ArrayRef, unit| {
            batch(vec![("a", paid(fen)), ("b", Arc::clone(day)), ("c", text(unit))])
        };
        for (values, expected) in [
            (bound(80_000, &day, "unit"), 1),
            (bound(80_001, &day, "unit"), 0),
            (bound(0, &day, "unit"), 2),
            (bound(0, &text("2014-11-20"), "unit"), 2),
            (bound(0, &day, "unit' OR '1' = '1"), 0),
        ] {
            assert_eq!(rows(&mut client, sql, Some(values)).await.unwrap(), expected);
        }
        let numbered = "SELECT $2 FROM claims WHERE stays = $1 LIMIT $3";
        let number = |number| -> ArrayRef { Arc::new(Int64Array::from(vec![number])) };
        let values = batch(vec![("a", number(0)), ("b", text("x")), ("c", number(1))]);
        assert_eq!(rows(&mut client, numbered, Some(values)).await.unwrap(), 1);
        assert_eq!(rows(&mut client, "SELECT 1", None).await.unwrap(), 1);
    });
}

#[test]
fn values_that_do_not_fit_are_refused() {
    story(async {
        let service = Service::start();
        let mut client = FlightSqlServiceClient::new(service.connect());
        client.set_token(service.token(Role::Analyst, "wang", None));
        let sql = "SELECT claim FROM claims WHERE filed_on = ?";
        let text = |texts: &[&str]| -> ArrayRef { Arc::new(StringArray::from(texts.to_vec())) };
        let two = batch(vec![("a", text(&["2014-01-01"])), ("b", text(&["x"]))]);
        for (values, why) in [
            (None, "1 are needed, 0 are bound"),
            (Some(two), "1 are needed, 2 are bound"),
            (Some(batch(vec![("a", text(&["no day"]))])), "$1 cannot be read as Date32"),
            (Some(batch(vec![("a", text(&["2014-01-01", "x"]))])), "one row is bound at a time"),
        ] {
            let refused = rows(&mut client, sql, values).await.unwrap_err().to_string();
            assert!(refused.contains("SQL_PARAMETERS") || refused.contains(why), "{refused}");
        }
        let gap = client.prepare("SELECT $1, $3".to_owned(), None).await.err().unwrap();
        assert!(gap.to_string().contains("there is no $2"), "{gap}");
    });
}
