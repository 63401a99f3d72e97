//! The content of views as text that is the same for the same rows, however they came about.

use std::io::{self, Write};

use sha2::{Digest, Sha256};

use crate::database::Reader;
use crate::keeper::tables;
use crate::record::{Table, names};
use crate::rows::DatabaseError;
use crate::value::Value;
use crate::verify::Hasher;
use crate::views;

/// Writes every row of every table, in the order of keys, one row a line.
///
/// # Errors
///
/// [`DatabaseError`], also when `out` takes no more.
pub fn dump(views: &mut dyn Reader, out: &mut dyn Write) -> Result<(), DatabaseError> {
    for table in tables(&mut views::all()) {
        dump_table(views, table, table.name, out)?;
    }
    Ok(())
}

/// Writes every row of `table`, which the database calls `name`; how many there are.
///
/// # Errors
///
/// [`DatabaseError`], also when `out` takes no more.
pub fn dump_table(
    views: &mut dyn Reader,
    table: &Table,
    name: &str,
    out: &mut dyn Write,
) -> Result<u64, DatabaseError> {
    let full = |error: io::Error| DatabaseError::Refused(error.to_string());
    let all: Vec<_> = table.columns.iter().map(|column| column.name).collect();
    writeln!(out, "# {} {}", table.name, all.join(" ")).map_err(full)?;
    let kinds: Vec<_> = table.columns.iter().map(|column| column.kind).collect();
    let sql =
        format!("SELECT {} FROM {name} ORDER BY {}", all.join(", "), names(table.key_columns()));
    let mut rows = 0_u64;
    views.select(&sql, &[], &kinds, &mut |values| {
        let values: Vec<_> = values.into_iter().map(json).collect();
        rows = rows.saturating_add(1);
        writeln!(out, "{}", serde_json::Value::Array(values)).map_err(full)
    })?;
    Ok(rows)
}

/// The SHA-256 of [`dump`], in hexadecimal.
///
/// # Errors
///
/// [`DatabaseError`].
pub fn digest(views: &mut dyn Reader) -> Result<String, DatabaseError> {
    let mut hasher = Hasher(Sha256::new());
    dump(views, &mut hasher)?;
    Ok(hasher.0.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

fn json(value: Value) -> serde_json::Value {
    match value {
        Value::Null => serde_json::Value::Null,
        Value::Integer(number) => number.into(),
        Value::Text(text) => text.into(),
    }
}
