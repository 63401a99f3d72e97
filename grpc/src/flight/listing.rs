//! What tools ask before they ask for rows: which tables there are, their keys, and what the
//! service can do.

use std::sync::Arc;

use arrow::array::{Int32Builder, RecordBatch, StringBuilder};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow_flight::sql::{
    Command, CommandGetCatalogs, CommandGetDbSchemas, CommandGetPrimaryKeys, CommandGetTableTypes,
    CommandGetTables, CommandGetXdbcTypeInfo,
};
use huzhu_domain::envelope::Actor;
use huzhu_projections::arrow::schema;
use huzhu_projections::catalogue::Relation;

use super::statement::{CATALOG, SCHEMA};
use super::{Analysis, SqlError, info};

/// Every relation is one: what may be read is kept by projections.
const TABLE_TYPE: &str = "VIEW";

/// The answer to a listing; nothing if `command` asks for something else.
pub(super) fn listing(
    analysis: &Analysis,
    actor: &Actor,
    command: &Command,
) -> Option<Result<RecordBatch, SqlError>> {
    let batch = match command {
        Command::CommandGetCatalogs(asked) => catalogs(*asked),
        Command::CommandGetDbSchemas(asked) => schemas(asked.clone()),
        Command::CommandGetTableTypes(asked) => table_types(*asked),
        Command::CommandGetTables(asked) => tables(analysis, actor, asked.clone()),
        Command::CommandGetPrimaryKeys(asked) => primary_keys(analysis, actor, asked),
        Command::CommandGetExportedKeys(_)
        | Command::CommandGetImportedKeys(_)
        | Command::CommandGetCrossReference(_) => Ok(RecordBatch::new_empty(references())),
        Command::CommandGetSqlInfo(asked) => info::sql_info(analysis.limits(), asked),
        Command::CommandGetXdbcTypeInfo(CommandGetXdbcTypeInfo { data_type }) => {
            info::types(*data_type)
        }
        _ => return None,
    };
    Some(batch)
}

/// A batch that cannot be built is a fault of the program, not of whoever asked.
pub(super) fn broken(why: impl std::fmt::Display) -> SqlError {
    tracing::error!(%why, "a listing cannot be built");
    SqlError::Broken
}

fn catalogs(asked: CommandGetCatalogs) -> Result<RecordBatch, SqlError> {
    let mut builder = asked.into_builder();
    builder.append(CATALOG);
    builder.build().map_err(broken)
}

fn schemas(asked: CommandGetDbSchemas) -> Result<RecordBatch, SqlError> {
    let mut builder = asked.into_builder();
    builder.append(CATALOG, SCHEMA);
    builder.build().map_err(broken)
}

fn table_types(asked: CommandGetTableTypes) -> Result<RecordBatch, SqlError> {
    let mut builder = asked.into_builder();
    builder.append(TABLE_TYPE);
    builder.build().map_err(broken)
}

fn tables(
    analysis: &Analysis,
    actor: &Actor,
    asked: CommandGetTables,
) -> Result<RecordBatch, SqlError> {
    let mut builder = asked.into_builder();
    for relation in analysis.relations(actor) {
        let schema = schema(relation);
        builder.append(CATALOG, SCHEMA, relation.name, TABLE_TYPE, &schema).map_err(broken)?;
    }
    builder.build().map_err(broken)
}

/// The columns that make up the key of a relation.
fn primary_keys(
    analysis: &Analysis,
    actor: &Actor,
    asked: &CommandGetPrimaryKeys,
) -> Result<RecordBatch, SqlError> {
    let here = |wanted: &Option<String>, name: &str| wanted.as_deref().is_none_or(|w| w == name);
    let found = analysis.relations(actor).iter().find(|relation| {
        relation.name == asked.table
            && here(&asked.catalog, CATALOG)
            && here(&asked.db_schema, SCHEMA)
    });
    let keys: &[_] =
        found.map_or(&[], |relation| relation.columns.get(..relation.key).unwrap_or(&[]));
    let name = found.map_or("", |relation: &Arc<Relation>| relation.name);
    let text = |text: &str| {
        let mut column = StringBuilder::new();
        keys.iter().for_each(|_| column.append_value(text));
        Arc::new(column.finish())
    };
    let (mut columns, mut places, mut names) =
        (StringBuilder::new(), Int32Builder::new(), StringBuilder::new());
    for (key, place) in keys.iter().zip(1..) {
        columns.append_value(&key.name);
        places.append_value(place);
        names.append_null();
    }
    let schema = Schema::new(vec![
        Field::new("catalog_name", DataType::Utf8, true),
        Field::new("db_schema_name", DataType::Utf8, true),
        Field::new("table_name", DataType::Utf8, false),
        Field::new("column_name", DataType::Utf8, false),
        Field::new("key_sequence", DataType::Int32, false),
        Field::new("key_name", DataType::Utf8, true),
    ]);
    RecordBatch::try_new(
        Arc::new(schema),
        vec![
            text(CATALOG),
            text(SCHEMA),
            text(name),
            Arc::new(columns.finish()),
            Arc::new(places.finish()),
            Arc::new(names.finish()),
        ],
    )
    .map_err(broken)
}

/// Relations do not refer to each other by declared keys, so these listings are empty.
fn references() -> SchemaRef {
    let text = |name: &str, nullable| Field::new(name, DataType::Utf8, nullable);
    Arc::new(Schema::new(vec![
        text("pk_catalog_name", true),
        text("pk_db_schema_name", true),
        text("pk_table_name", false),
        text("pk_column_name", false),
        text("fk_catalog_name", true),
        text("fk_db_schema_name", true),
        text("fk_table_name", false),
        text("fk_column_name", false),
        Field::new("key_sequence", DataType::Int32, false),
        text("fk_key_name", true),
        text("pk_key_name", true),
        Field::new("update_rule", DataType::UInt8, false),
        Field::new("delete_rule", DataType::UInt8, false),
    ]))
}
