//! The tables of the views as SQLite has them, each column with its meaning beside it.

use std::fmt::Write;

use crate::record::{ColumnDef, Table};
use crate::value::Kind;
use crate::views::joined::{Dialect, JOINED};

/// Raised when the tables that stand beside the views change.
pub(super) const LAYOUT: i64 = 1;

/// How far each projection is. `offset` is 0 before the first event.
pub(super) const PROJECTIONS: &str = "
    CREATE TABLE projections (
        projection      TEXT    NOT NULL PRIMARY KEY,
        version         INTEGER NOT NULL, -- the program's, when it began
        store           TEXT    NOT NULL, -- which log it reads
        position        INTEGER NOT NULL, -- the last event it reflects; 0 before the first
        recorded_at     TEXT,             -- when the log took that event
        failed_position INTEGER,          -- the event it does not get past, if there is one
        failed_stream   TEXT,
        failed_revision INTEGER,
        failed_event    TEXT,
        failed_why      TEXT,
        failed_since    TEXT
    ) STRICT, WITHOUT ROWID;
";

pub(super) fn create_table(table: &Table) -> String {
    let mut sql = format!("CREATE TABLE {} ( --{}", table.name, comment(table.about));
    for column in table.columns {
        let null = if column.nullable { "" } else { " NOT NULL" };
        let personal = if column.personal { " PERSONAL DATA" } else { "" };
        // Writing to a String cannot fail.
        let _ = write!(
            sql,
            "\n    {} {}{null}, --{}{personal}",
            column.name,
            sql_type(column),
            comment(column.about)
        );
    }
    let _ = write!(sql, "\n    PRIMARY KEY ({})\n) STRICT;", names(table.key_columns()));
    sql
}

pub(super) fn create_indexes(table: &Table) -> String {
    let indexes = table.indexes.iter().zip(1..).map(|(columns, number)| {
        format!("CREATE INDEX IF NOT EXISTS {0}_by_{number} ON {0} ({columns});", table.name)
    });
    indexes.collect()
}

pub(super) fn create_joined() -> String {
    let mut sql = String::new();
    for joined in JOINED {
        let (table, query) = (joined.table, joined.sql(Dialect::Sqlite));
        // Writing to a String cannot fail.
        let _ =
            write!(sql, "CREATE VIEW IF NOT EXISTS {} ( --{}", table.name, comment(table.about));
        for (column, number) in table.columns.iter().zip(1..) {
            let comma = if number == table.columns.len() { "" } else { "," };
            let _ = write!(sql, "\n    {}{comma} --{}", column.name, comment(column.about));
        }
        let _ = write!(sql, "\n) AS\n{query};\n");
    }
    sql
}

const fn sql_type(column: &ColumnDef) -> &'static str {
    match column.kind {
        Kind::Integer | Kind::Boolean | Kind::Fen => "INTEGER",
        Kind::Text | Kind::Decimal | Kind::Date | Kind::Timestamp | Kind::Json => "TEXT",
    }
}

fn names(columns: impl Iterator<Item = &'static ColumnDef>) -> String {
    let names: Vec<_> = columns.map(|column| column.name).collect();
    names.join(", ")
}

fn comment(about: &str) -> String {
    about.replace('\n', " ")
}

/// The statements that read and write rows of one table.
pub(super) struct Statements {
    pub(super) select: String,
    pub(super) insert: String,
    pub(super) update: String,
    pub(super) delete: String,
}

impl Statements {
    pub(super) fn of(table: &'static Table) -> Self {
        let all = names(table.columns.iter());
        let found: Vec<_> =
            table.key_columns().zip(1..).map(|(key, n)| format!("{} = ?{n}", key.name)).collect();
        let found = found.join(" AND ");
        let places: Vec<_> = (1..=table.columns.len()).map(|n| format!("?{n}")).collect();
        let changes: Vec<_> = table
            .columns
            .iter()
            .zip(1..)
            .skip(table.key)
            .map(|(column, n)| format!("{} = ?{n}", column.name))
            .collect();
        let name = table.name;
        Self {
            select: format!("SELECT {all} FROM {name} WHERE {found}"),
            insert: format!("INSERT INTO {name} ({all}) VALUES ({})", places.join(", ")),
            update: format!("UPDATE {name} SET {} WHERE {found}", changes.join(", ")),
            delete: format!("DELETE FROM {name} WHERE {found}"),
        }
    }
}
