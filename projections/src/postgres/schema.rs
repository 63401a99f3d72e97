//! The tables of the views as PostgreSQL has them, what they say about themselves, and who may
//! read them.

use postgres::Client;

use crate::record::{ColumnDef, Table, names};
use crate::rows::DatabaseError;
use crate::value::Kind;
use crate::views;
use crate::views::joined::JOINED;

/// The role that may read the views that tell nobody's name or number, and nothing else.
pub const ANALYST: &str = "huzhu_analyst";

/// What a table and its columns say first if they hold personal data.
const PERSONAL: &str = "PERSONAL DATA. ";

pub(super) const fn type_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Text => "text",
        Kind::Integer | Kind::Fen => "bigint",
        Kind::Boolean => "boolean",
        Kind::Decimal => "numeric",
        Kind::Date => "date",
        Kind::Timestamp => "timestamptz",
        Kind::Json => "json",
    }
}

/// The statements that make a table, with what it and its columns say about themselves.
pub(super) fn create_table(name: &str, table: &Table) -> String {
    let mut columns: Vec<_> = table.columns.iter().map(column).collect();
    columns.push(format!("PRIMARY KEY ({})", names(table.key_columns())));
    format!("CREATE TABLE {name} ({});{}", columns.join(", "), comments("TABLE", name, table))
}

/// The statements that let a table or view say what it holds, and in which columns about whom.
pub(super) fn comments(what: &str, name: &str, table: &Table) -> String {
    let mut sql = comment(what, name, table.about, table.personal);
    for column in table.columns {
        let of = format!("{name}.{}", column.name);
        sql.push_str(&comment("COLUMN", &of, column.about, column.personal));
    }
    sql
}

fn column(column: &ColumnDef) -> String {
    let kind = type_name(column.kind);
    // Sorted by its bytes, like everywhere.
    let order = if column.kind == Kind::Text { " COLLATE \"C\"" } else { "" };
    let null = if column.nullable { "" } else { " NOT NULL" };
    format!("{} {kind}{order}{null}", column.name)
}

fn comment(what: &str, name: &str, about: &str, personal: bool) -> String {
    let mark = if personal { PERSONAL } else { "" };
    let about = about.split_whitespace().collect::<Vec<_>>().join(" ").replace('\'', "''");
    format!("COMMENT ON {what} {name} IS '{mark}{about}';")
}

/// Lets a view say about itself and its columns what the table says that it stands for.
pub(super) fn pass_on_comments(view: &str, table: &str) -> String {
    format!(
        "DO $$ DECLARE said record; BEGIN
           FOR said IN SELECT a.attname AS name, col_description(a.attrelid, a.attnum) AS about
                         FROM pg_attribute a
                        WHERE a.attrelid = '{table}'::regclass AND a.attnum > 0 AND NOT a.attisdropped
           LOOP EXECUTE format('COMMENT ON COLUMN {view}.%I IS %L', said.name, said.about); END LOOP;
           EXECUTE format('COMMENT ON VIEW {view} IS %L', obj_description('{table}'::regclass));
         END $$"
    )
}

/// Makes the role of analysts if there is none and the user may; says how otherwise.
pub(super) fn admit_analysts(client: &mut Client) -> Result<(), DatabaseError> {
    let asked = client.query_one(
        "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1),
                (SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user),
                quote_ident(current_schema())",
        &[&ANALYST],
    )?;
    let (there, may): (bool, bool) = (asked.try_get(0)?, asked.try_get(1)?);
    let schema: String = asked.try_get(2)?;
    if !there && !may {
        tracing::warn!(
            "the role {ANALYST} is missing; whoever may make roles runs:\n\
             CREATE ROLE {ANALYST} NOLOGIN;\n\
             and the views are opened to it at the next start"
        );
        return Ok(());
    }
    if !there {
        // Another process may make it at the same time.
        client.batch_execute(&format!(
            "DO $$ BEGIN CREATE ROLE {ANALYST} NOLOGIN; EXCEPTION
               WHEN duplicate_object OR unique_violation THEN NULL; END $$"
        ))?;
    }
    client.batch_execute(&format!("GRANT USAGE ON SCHEMA {schema} TO {ANALYST}"))?;
    // Ours alone: another view of the same owner may show whatever that owner may see.
    let names: Vec<_> = catalogue().iter().map(|table| table.name).collect();
    let views = "SELECT viewname::text FROM pg_views
                  WHERE schemaname = current_schema() AND viewowner = current_user
                    AND viewname = ANY($1)";
    for view in client.query(views, &[&names])? {
        let_analysts_read(client, view.try_get(0)?)?;
    }
    Ok(())
}

/// What people may ask of the views.
fn catalogue() -> Vec<&'static Table> {
    let mut views = views::all();
    let tables = views.iter_mut().flat_map(|view| view.tables());
    tables.chain(JOINED.iter().map(|joined| joined.table)).collect()
}

/// The columns of a view that the program knows to be personal.
fn personal(view: &str) -> Vec<&'static str> {
    let tables = catalogue().into_iter().filter(|table| table.name == view);
    let columns = tables.flat_map(|table| table.columns).filter(|column| column.personal);
    columns.map(|column| column.name).collect()
}

/// Lets analysts read a view, except its columns of personal data, which they may have been let
/// into before.
///
/// What the program says counts, whatever a comment says: somebody may have written another one, or
/// the view is older than the program. Of columns that only an older program knew, comments tell.
pub(super) fn let_analysts_read(client: &mut Client, view: &str) -> Result<(), DatabaseError> {
    let columns = "SELECT string_agg(quote_ident(attname), ', ') FROM pg_attribute
                    WHERE attrelid = to_regclass($1) AND attnum > 0
                      AND NOT starts_with(coalesce(col_description(attrelid, attnum), ''), $2)
                      AND attname <> ALL($4)
                      AND EXISTS (SELECT FROM pg_roles WHERE rolname = $3)";
    let columns: Option<String> =
        client.query_one(columns, &[&view, &PERSONAL, &ANALYST, &personal(view)])?.try_get(0)?;
    if let Some(columns) = columns {
        // Both in one transaction: who reads meanwhile is not refused.
        client.batch_execute(&format!(
            "REVOKE SELECT ON {view} FROM {ANALYST};
             GRANT SELECT ({columns}) ON {view} TO {ANALYST}"
        ))?;
    }
    Ok(())
}
