//! The views in a SQLite file: rows and checkpoints, written in one transaction.

mod schema;

use std::collections::HashMap;
use std::path::Path;

use huzhu_store::port::StoreId;
use jiff::Timestamp;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, OpenFlags, OptionalExtension, Row, ToSql, params, params_from_iter};
use uuid::Uuid;

use self::schema::{LAYOUT, Statements};
use crate::checkpoint::{Checkpoint, Failure, ViewsError};
use crate::record::{Table, Unfit};
use crate::rows::{DatabaseError, Sink, Source};
use crate::value::{Column, Value};

/// The file of the views in a data folder.
pub const FILE: &str = "views.db";

/// The oldest SQLite that does not corrupt a file in WAL mode under load.
const SQLITE_MIN: i32 = 3_051_003;

/// The file of the views, open for writing.
pub struct Database {
    connection: Connection,
    statements: HashMap<&'static str, Statements>,
}

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Beside readers: what is committed stays whole whatever happens.
    Live,
    /// By nobody else, from nothing, and thrown away if it is not finished.
    Build,
}

impl Database {
    /// Opens the file at `path`, or makes it, with the tables of the views.
    ///
    /// # Errors
    ///
    /// [`ViewsError`].
    pub fn open(path: &Path, mode: Mode, tables: &[&'static Table]) -> Result<Self, ViewsError> {
        if rusqlite::version_number() < SQLITE_MIN {
            let why = format!("SQLite {} is too old", rusqlite::version());
            return Err(DatabaseError::Refused(why).into());
        }
        let connection = Connection::open(path)?;
        connection.set_prepared_statement_cache_capacity(256);
        connection.busy_timeout(std::time::Duration::from_secs(5))?;
        let set = |name: &str, value: &str| connection.pragma_update(None, name, value);
        match mode {
            Mode::Live => {
                set("journal_mode", "WAL")?;
                // A power cut may cost the last commits, never half of one: they are made again
                // from the log.
                set("synchronous", "NORMAL")?;
                set("cache_size", "-16384")?;
            }
            Mode::Build => {
                set("page_size", "8192")?;
                set("locking_mode", "EXCLUSIVE")?;
                set("journal_mode", "OFF")?;
                set("synchronous", "OFF")?;
                set("cache_size", "-131072")?;
            }
        }
        let statements = tables.iter().map(|table| (table.name, Statements::of(table))).collect();
        let database = Self { connection, statements };
        database.lay_out(mode, tables)?;
        Ok(database)
    }

    fn lay_out(&self, mode: Mode, tables: &[&'static Table]) -> Result<(), ViewsError> {
        let stored = self.connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        match stored {
            LAYOUT => return Ok(()),
            0 => {}
            stored => return Err(ViewsError::OtherLayout { stored, wanted: LAYOUT }),
        }
        self.connection.execute_batch("BEGIN IMMEDIATE")?;
        self.connection.execute_batch(schema::PROJECTIONS)?;
        for table in tables {
            self.connection.execute_batch(&schema::create_table(table))?;
        }
        if mode == Mode::Live {
            self.finish(tables)?;
        }
        self.connection.pragma_update(None, "user_version", LAYOUT)?;
        self.connection.execute_batch("COMMIT")?;
        Ok(())
    }

    /// Adds what is faster to add to full tables than to keep from the beginning.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`].
    pub fn finish(&self, tables: &[&'static Table]) -> Result<(), DatabaseError> {
        for table in tables {
            self.connection.execute_batch(&schema::create_indexes(table))?;
        }
        self.connection.execute_batch(&schema::create_joined())?;
        Ok(())
    }

    /// The connection, for what is not rows.
    #[must_use]
    pub const fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Begins a transaction.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`].
    pub fn begin(&self) -> Result<(), DatabaseError> {
        Ok(self.connection.prepare_cached("BEGIN IMMEDIATE")?.execute([]).map(|_| ())?)
    }

    /// Commits it.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`].
    pub fn commit(&self) -> Result<(), DatabaseError> {
        Ok(self.connection.prepare_cached("COMMIT")?.execute([]).map(|_| ())?)
    }

    /// Gives it up, if there is one.
    pub fn roll_back(&self) {
        if !self.connection.is_autocommit() {
            // A transaction that SQLite gave up itself is gone already.
            let _ = self.connection.execute_batch("ROLLBACK");
        }
    }

    /// How far each projection is.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`].
    pub fn checkpoints(&self) -> Result<Vec<Checkpoint>, DatabaseError> {
        read_checkpoints(&self.connection)
    }

    /// Writes down how far a projection is, within the transaction that wrote its rows.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`].
    pub fn save(&self, checkpoint: &Checkpoint) -> Result<(), DatabaseError> {
        let failure = checkpoint.failure.as_ref();
        let mut statement = self.connection.prepare_cached(
            "INSERT OR REPLACE INTO projections VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )?;
        statement.execute(params![
            checkpoint.projection,
            checkpoint.version,
            checkpoint.store.to_string(),
            checkpoint.offset.to_value(),
            checkpoint.recorded_at.to_value(),
            failure.map(|failure| failure.offset).to_value(),
            failure.map(|failure| &failure.stream),
            failure.map(|failure| failure.revision).to_value(),
            failure.map(|failure| &failure.event),
            failure.map(|failure| &failure.why),
            failure.map(|failure| failure.since).to_value(),
        ])?;
        Ok(())
    }

    fn statements(&self, table: &Table) -> Result<&Statements, DatabaseError> {
        let unknown = || DatabaseError::Refused(format!("there is no table {}", table.name));
        self.statements.get(table.name).ok_or_else(unknown)
    }
}

/// Opens the file at `path` for reading only.
///
/// # Errors
///
/// [`DatabaseError`].
pub fn open_to_read(path: &Path) -> Result<Connection, DatabaseError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.set_prepared_statement_cache_capacity(128);
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    connection.pragma_update(None, "query_only", "ON")?;
    connection.pragma_update(None, "cache_size", "-8192")?;
    Ok(connection)
}

/// How far each projection is.
///
/// # Errors
///
/// [`DatabaseError`].
pub fn read_checkpoints(connection: &Connection) -> Result<Vec<Checkpoint>, DatabaseError> {
    let mut statement =
        connection.prepare_cached("SELECT * FROM projections ORDER BY projection")?;
    let mut rows = statement.query([])?;
    let mut checkpoints = Vec::new();
    while let Some(row) = rows.next()? {
        checkpoints.push(checkpoint(row)?);
    }
    Ok(checkpoints)
}

fn checkpoint(row: &Row<'_>) -> Result<Checkpoint, DatabaseError> {
    let store: String = row.get(2)?;
    let store = Uuid::try_parse(&store).map_err(|_| Unfit { table: "projections" })?;
    let failure = match cell::<Option<u64>>(row, 5)? {
        None => None,
        Some(offset) => Some(Failure {
            offset,
            stream: cell(row, 6)?,
            revision: cell(row, 7)?,
            event: cell(row, 8)?,
            why: cell(row, 9)?,
            since: cell::<Timestamp>(row, 10)?,
        }),
    };
    Ok(Checkpoint {
        projection: cell(row, 0)?,
        version: cell(row, 1)?,
        store: StoreId(store),
        offset: cell(row, 3)?,
        recorded_at: cell(row, 4)?,
        failure,
    })
}

fn cell<T: Column>(row: &Row<'_>, column: usize) -> Result<T, DatabaseError> {
    let value = value(row.get_ref(column)?)?;
    T::from_value(value).ok_or(DatabaseError::Unfit(Unfit { table: "projections" }))
}

/// The values of a row, in the order in which it was asked for.
///
/// # Errors
///
/// [`DatabaseError`].
pub(crate) fn values(row: &Row<'_>, columns: usize) -> Result<Vec<Value>, DatabaseError> {
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

impl Source for Database {
    fn load(
        &mut self,
        table: &'static Table,
        key: &[Value],
    ) -> Result<Option<Vec<Value>>, DatabaseError> {
        let mut statement = self.connection.prepare_cached(&self.statements(table)?.select)?;
        let columns = table.columns.len();
        let row = statement
            .query_row(params_from_iter(key), |row| Ok(values(row, columns)))
            .optional()?;
        row.transpose()
    }
}

impl Sink for Database {
    fn insert(&mut self, table: &'static Table, row: &[Value]) -> Result<(), DatabaseError> {
        let mut statement = self.connection.prepare_cached(&self.statements(table)?.insert)?;
        statement.execute(params_from_iter(row))?;
        Ok(())
    }

    fn update(&mut self, table: &'static Table, row: &[Value]) -> Result<(), DatabaseError> {
        let mut statement = self.connection.prepare_cached(&self.statements(table)?.update)?;
        one(table, statement.execute(params_from_iter(row))?)
    }

    fn delete(&mut self, table: &'static Table, key: &[Value]) -> Result<(), DatabaseError> {
        let mut statement = self.connection.prepare_cached(&self.statements(table)?.delete)?;
        one(table, statement.execute(params_from_iter(key))?)
    }
}

/// A row that was read has to be there when it is written.
fn one(table: &Table, rows: usize) -> Result<(), DatabaseError> {
    if rows == 1 {
        Ok(())
    } else {
        Err(DatabaseError::Refused(format!("{rows} rows of {} instead of one", table.name)))
    }
}
