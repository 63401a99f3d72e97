//! The content of views as text that is the same for the same rows, however they came about.

use std::io::{self, Write};

use rusqlite::Connection;
use sha2::{Digest, Sha256};

use crate::keeper::tables;
use crate::rows::DatabaseError;
use crate::sqlite::values;
use crate::value::Value;
use crate::views;

/// Writes every row of every table, in the order of keys, one row a line.
///
/// # Errors
///
/// [`DatabaseError`], also when `out` takes no more.
pub fn dump(connection: &Connection, out: &mut dyn Write) -> Result<(), DatabaseError> {
    let full = |error: io::Error| DatabaseError::Refused(error.to_string());
    for table in tables(&mut views::all()) {
        let key: Vec<_> = table.key_columns().map(|column| column.name).collect();
        let all: Vec<_> = table.columns.iter().map(|column| column.name).collect();
        writeln!(out, "# {} {}", table.name, all.join(" ")).map_err(full)?;
        let (all, name, key) = (all.join(", "), table.name, key.join(", "));
        let sql = format!("SELECT {all} FROM {name} ORDER BY {key}");
        let mut statement = connection.prepare(&sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let values: Vec<_> = values(row, table.columns.len())?.into_iter().map(json).collect();
            let line = serde_json::Value::Array(values);
            writeln!(out, "{line}").map_err(full)?;
        }
    }
    Ok(())
}

/// The SHA-256 of [`dump`], in hexadecimal.
///
/// # Errors
///
/// [`DatabaseError`].
pub fn digest(connection: &Connection) -> Result<String, DatabaseError> {
    struct Hasher(Sha256);
    impl Write for Hasher {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.update(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut hasher = Hasher(Sha256::new());
    dump(connection, &mut hasher)?;
    Ok(hasher.0.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

fn json(value: Value) -> serde_json::Value {
    match value {
        Value::Null => serde_json::Value::Null,
        Value::Integer(number) => number.into(),
        Value::Text(text) => text.into(),
    }
}
