//! The file of the views, open for reading.

use std::path::Path;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, InterruptHandle, OpenFlags, Row, ToSql, params_from_iter};

use crate::checkpoint::Checkpoint;
use crate::database::{Interrupt, Reader};
use crate::edition::serving;
use crate::rows::DatabaseError;
use crate::value::{Kind, Value};

/// A connection that only reads, beside the one that writes.
pub struct Reading {
    connection: Connection,
}

impl Reading {
    /// Opens the file at `path`.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`].
    pub fn open(path: &Path) -> Result<Self, DatabaseError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.set_prepared_statement_cache_capacity(128);
        connection.busy_timeout(std::time::Duration::from_secs(5))?;
        connection.pragma_update(None, "query_only", "ON")?;
        connection.pragma_update(None, "cache_size", "-8192")?;
        Ok(Self { connection })
    }
}

impl Reader for Reading {
    fn select(
        &mut self,
        sql: &str,
        with: &[Value],
        kinds: &[Kind],
        each: &mut dyn FnMut(Vec<Value>) -> Result<(), DatabaseError>,
    ) -> Result<(), DatabaseError> {
        select(&self.connection, sql, with, kinds, each)
    }

    fn columns(&mut self, sql: &str) -> Result<Vec<String>, DatabaseError> {
        columns(&self.connection, sql)
    }

    fn begin_reading(&mut self) -> Result<Vec<Checkpoint>, DatabaseError> {
        self.connection.prepare_cached("BEGIN")?.execute([])?;
        serving(self)
    }

    fn end_reading(&mut self) -> Result<(), DatabaseError> {
        self.connection.prepare_cached("COMMIT")?.execute([])?;
        Ok(())
    }

    fn interrupter(&self) -> Box<dyn Interrupt> {
        Box::new(Interrupter(self.connection.get_interrupt_handle()))
    }
}

pub(super) struct Interrupter(pub(super) InterruptHandle);

impl Interrupt for Interrupter {
    fn interrupt(&self) {
        self.0.interrupt();
    }
}

pub(super) fn select(
    connection: &Connection,
    sql: &str,
    with: &[Value],
    kinds: &[Kind],
    each: &mut dyn FnMut(Vec<Value>) -> Result<(), DatabaseError>,
) -> Result<(), DatabaseError> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params_from_iter(with))?;
    while let Some(row) = rows.next()? {
        each(values(row, kinds.len())?)?;
    }
    Ok(())
}

pub(super) fn columns(connection: &Connection, sql: &str) -> Result<Vec<String>, DatabaseError> {
    let statement = connection.prepare_cached(sql)?;
    Ok(statement.column_names().map(str::to_owned).collect())
}

/// The values of a row, in the order in which it was asked for.
pub(super) fn values(row: &Row<'_>, columns: usize) -> Result<Vec<Value>, DatabaseError> {
    (0..columns).map(|column| value(row.get_ref(column)?)).collect()
}

fn value(value: ValueRef<'_>) -> Result<Value, DatabaseError> {
    match value {
        ValueRef::Null => Ok(Value::Null),
        ValueRef::Integer(number) => Ok(Value::Integer(number)),
        ValueRef::Text(text) => String::from_utf8(text.to_vec())
            .map(Value::Text)
            .map_err(|_| DatabaseError::Refused("a text is not UTF-8".into())),
        ValueRef::Real(_) | ValueRef::Blob(_) => {
            Err(DatabaseError::Refused("a value is of no type that views have".into()))
        }
    }
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Integer(number) => ValueRef::Integer(*number),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
        }))
    }
}
