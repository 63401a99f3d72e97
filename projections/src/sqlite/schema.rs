//! The tables of the views as SQLite has them, each column with its meaning beside it.

use std::collections::HashMap;
use std::fmt::Write;

use crate::edition::physical;
use crate::record::{ColumnDef, Columns, Table, names};
use crate::value::Kind;
use crate::views::joined::{Dialect, Joined};

/// Raised when the tables that stand beside the views change.
pub(super) const LAYOUT: i64 = 2;

pub(super) fn create_table(name: &str, table: &Table) -> String {
    let mut sql = format!("CREATE TABLE {name} ( --{}", comment(table.about));
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
    let _ = write!(sql, "\n    PRIMARY KEY ({})\n) STRICT", names(table.key_columns()));
    sql
}

pub(super) fn create_joined(joined: &Joined) -> String {
    let (table, query) = (joined.table, joined.sql(Dialect::Sqlite));
    let mut sql = format!("CREATE VIEW {} ( --{}", table.name, comment(table.about));
    for (column, number) in table.columns.iter().zip(1..) {
        let comma = if number == table.columns.len() { "" } else { "," };
        // Writing to a String cannot fail.
        let _ = write!(sql, "\n    {}{comma} --{}", column.name, comment(column.about));
    }
    let _ = write!(sql, "\n) AS\n{query}");
    sql
}

const fn sql_type(column: &ColumnDef) -> &'static str {
    match column.kind {
        Kind::Integer | Kind::Boolean | Kind::Fen => "INTEGER",
        Kind::Text | Kind::Decimal | Kind::Date | Kind::Timestamp | Kind::Json => "TEXT",
    }
}

fn comment(about: &str) -> String {
    about.replace('\n', " ")
}

/// The statements that read and write rows of one table.
pub(super) struct Statements {
    pub(super) select: String,
    pub(super) insert: String,
    pub(super) delete: String,
    // By what changes: an update that names a column writes its indexes anew, changed or not.
    updates: HashMap<Columns, String>,
    name: String,
    table: &'static Table,
}

impl Statements {
    pub(super) fn of(edition: u32, table: &'static Table) -> Self {
        let (all, found) = (names(table.columns.iter()), found(table));
        let places: Vec<_> = (1..=table.columns.len()).map(|n| format!("?{n}")).collect();
        let name = physical(table.name, edition);
        Self {
            select: format!("SELECT {all} FROM {name} WHERE {found}"),
            insert: format!("INSERT INTO {name} ({all}) VALUES ({})", places.join(", ")),
            delete: format!("DELETE FROM {name} WHERE {found}"),
            updates: HashMap::new(),
            name,
            table,
        }
    }

    /// The statement that changes these columns of a row.
    pub(super) fn update(&mut self, columns: Columns) -> &str {
        let (name, table) = (&self.name, self.table);
        self.updates.entry(columns).or_insert_with(|| {
            let places = table.key.saturating_add(1)..;
            let set = columns.of(table).zip(places).map(|(own, n)| format!("{} = ?{n}", own.name));
            let set = set.collect::<Vec<_>>().join(", ");
            format!("UPDATE {name} SET {set} WHERE {}", found(table))
        })
    }
}

fn found(table: &'static Table) -> String {
    let found = table.key_columns().zip(1..).map(|(key, n)| format!("{} = ?{n}", key.name));
    found.collect::<Vec<_>>().join(" AND ")
}
