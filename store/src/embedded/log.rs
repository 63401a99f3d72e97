//! The log file: how it is laid out, opened and read.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use rusqlite::{Connection, OpenFlags, OptionalExtension, Row, params};
use tokio::sync::watch;
use uuid::Uuid;

use super::held;
use crate::port::{Position, Recorded, Revision, StoreError, StoreId};

const SCHEMA: &str = "
    CREATE TABLE about (store BLOB NOT NULL) STRICT;
    CREATE TABLE events (
        position    INTEGER PRIMARY KEY,
        stream      TEXT    NOT NULL,
        revision    INTEGER NOT NULL,
        id          BLOB    NOT NULL,
        name        TEXT    NOT NULL,
        version     INTEGER NOT NULL,
        data        BLOB    NOT NULL,
        metadata    BLOB    NOT NULL,
        recorded_at INTEGER NOT NULL -- microseconds since 1970
    ) STRICT;
    CREATE TRIGGER events_are_not_changed BEFORE UPDATE ON events
        BEGIN SELECT RAISE(ABORT, 'an event is never changed'); END;
    CREATE TRIGGER events_are_not_removed BEFORE DELETE ON events
        BEGIN SELECT RAISE(ABORT, 'an event is never removed'); END;
";

const COLUMNS: &str = "position, stream, revision, id, name, version, data, metadata, recorded_at";

/// After this many pages of the write-ahead log, the writer itself moves them into the log file.
/// The background does so far more often; this only bounds the file.
const CHECKPOINT_PAGES: u32 = 16_384;

/// How often the background moves pages into the log file.
const CHECKPOINT_EVERY: Duration = Duration::from_millis(200);

/// Opens the log for writing, making it where there is none.
pub(super) fn open(path: &Path) -> Result<(Connection, StoreId), StoreError> {
    let connection = Connection::open(path).map_err(failed)?;
    connection.busy_timeout(Duration::from_secs(10)).map_err(failed)?;
    let set = |name: &str, value: &str| connection.pragma_update(None, name, value).map_err(failed);
    set("page_size", "8192")?;
    set("journal_mode", "WAL")?;
    set("synchronous", "FULL")?;
    set("journal_size_limit", "-1")?;
    set("wal_autocheckpoint", &CHECKPOINT_PAGES.to_string())?;
    let tables: i64 = connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(failed)?;
    if tables == 0 {
        connection
            .execute_batch(&format!("BEGIN IMMEDIATE; {SCHEMA}"))
            .and_then(|()| {
                let id = Uuid::new_v4();
                connection.execute("INSERT INTO about (store) VALUES (?)", params![id.as_bytes()])
            })
            .and_then(|_| connection.execute_batch("COMMIT"))
            .map_err(failed)?;
    }
    let id = store_id(&connection)?;
    Ok((connection, id))
}

pub(super) fn store_id(connection: &Connection) -> Result<StoreId, StoreError> {
    let id: [u8; 16] =
        connection.query_row("SELECT store FROM about", [], |row| row.get(0)).map_err(|why| {
            StoreError::Corrupt { why: format!("the log does not say its id: {why}") }
        })?;
    Ok(StoreId(Uuid::from_bytes(id)))
}

/// The offset and the recorded time of the last event.
pub(super) fn head(connection: &Connection) -> Result<(u64, i64), StoreError> {
    connection
        .query_row(
            "SELECT position, recorded_at FROM events ORDER BY position DESC LIMIT 1",
            [],
            |row| Ok((unsigned(row.get(0)?), row.get(1)?)),
        )
        .optional()
        .map(|found| found.unwrap_or((0, i64::MIN)))
        .map_err(failed)
}

/// Connections that only read, lent out one at a time.
pub(super) struct Readers {
    path: PathBuf,
    id: StoreId,
    idle: Mutex<Vec<Reading>>,
}

/// A connection that only reads.
pub(super) struct Reading {
    pub(super) connection: Connection,
    pub(super) id: StoreId,
    names: Vec<Arc<str>>,
}

impl Readers {
    pub(super) const fn new(path: PathBuf, id: StoreId) -> Self {
        Self { path, id, idle: Mutex::new(Vec::new()) }
    }

    pub(super) fn with<T>(
        &self,
        read: impl FnOnce(&mut Reading) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let idle = held(&self.idle).pop();
        let mut reading = idle.map_or_else(|| Reading::open(&self.path, self.id), Ok)?;
        let answer = read(&mut reading);
        if answer.is_ok() {
            held(&self.idle).push(reading);
        }
        answer
    }
}

impl Reading {
    pub(super) fn open(path: &Path, id: StoreId) -> Result<Self, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(failed)?;
        connection.busy_timeout(Duration::from_secs(10)).map_err(failed)?;
        Ok(Self { connection, id, names: Vec::new() })
    }

    pub(super) fn at(&mut self, offset: u64) -> Result<Option<Recorded>, StoreError> {
        let query = format!("SELECT {COLUMNS} FROM events WHERE position = ?");
        self.list(&query, params![signed(offset)]).map(|mut found| found.pop())
    }

    pub(super) fn after(&mut self, offset: u64, limit: usize) -> Result<Vec<Recorded>, StoreError> {
        let query =
            format!("SELECT {COLUMNS} FROM events WHERE position > ? ORDER BY position LIMIT ?");
        self.list(&query, params![signed(offset), count(limit)])
    }

    pub(super) fn before(
        &mut self,
        offset: u64,
        limit: usize,
    ) -> Result<Vec<Recorded>, StoreError> {
        let query = format!(
            "SELECT {COLUMNS} FROM events WHERE position < ? ORDER BY position DESC LIMIT ?"
        );
        self.list(&query, params![signed(offset), count(limit)])
    }

    fn list(
        &mut self,
        query: &str,
        arguments: impl rusqlite::Params,
    ) -> Result<Vec<Recorded>, StoreError> {
        let mut statement = self.connection.prepare_cached(query).map_err(failed)?;
        let mut rows = statement.query(arguments).map_err(failed)?;
        let mut events = Vec::new();
        while let Some(row) = rows.next().map_err(failed)? {
            events.push(recorded(row, self.id, &mut self.names)?);
        }
        Ok(events)
    }
}

fn recorded(
    row: &Row<'_>,
    store: StoreId,
    names: &mut Vec<Arc<str>>,
) -> Result<Recorded, StoreError> {
    let offset = unsigned(row.get(0).map_err(failed)?);
    let text = |column| row.get_ref(column).map_err(failed)?.as_str().map_err(malformed);
    let blob = |column| row.get_ref(column).map_err(failed)?.as_blob().map_err(malformed);
    let name = text(4)?;
    // There are some fifty names; each stands once in memory.
    let name = match names.iter().find(|known| &***known == name) {
        Some(known) => Arc::clone(known),
        None => {
            let new: Arc<str> = name.into();
            names.push(Arc::clone(&new));
            new
        }
    };
    Ok(Recorded {
        stream: text(1)?.parse().map_err(|why| corrupt(offset, &why))?,
        revision: Revision(unsigned(row.get(2).map_err(failed)?)),
        position: Position { store, offset },
        id: Uuid::from_slice(blob(3)?).map_err(|why| corrupt(offset, &why))?,
        name,
        version: row.get(5).map_err(failed)?,
        data: Bytes::copy_from_slice(blob(6)?),
        metadata: Bytes::copy_from_slice(blob(7)?),
        recorded_at: Timestamp::from_microsecond(row.get(8).map_err(failed)?)
            .map_err(|why| corrupt(offset, &why))?,
    })
}

/// Moves pages from the write-ahead log into the log file, so that the writer seldom has to.
/// Ends with the store.
pub(super) fn checkpoint_in_the_background(path: PathBuf, mut head: watch::Receiver<u64>) {
    std::thread::spawn(move || {
        let Ok(connection) = Connection::open(&path) else { return };
        loop {
            std::thread::sleep(CHECKPOINT_EVERY);
            match head.has_changed() {
                Ok(true) => {
                    head.mark_unchanged();
                    // A failure here only leaves the work to the writer.
                    let _ = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
                }
                Ok(false) => {}
                Err(_closed) => return,
            }
        }
    });
}

pub(super) fn failed(why: rusqlite::Error) -> StoreError {
    StoreError::Unavailable { why: why.to_string() }
}

pub(super) fn stopped(why: &str) -> StoreError {
    StoreError::Unavailable { why: why.to_owned() }
}

fn malformed(why: rusqlite::types::FromSqlError) -> StoreError {
    StoreError::Corrupt { why: why.to_string() }
}

fn corrupt(offset: u64, why: &dyn std::fmt::Display) -> StoreError {
    StoreError::Corrupt { why: format!("event at offset {offset}: {why}") }
}

/// SQLite counts with a sign; offsets and revisions stay far below the difference.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

/// The number of rows that a query is limited to.
pub(super) fn count(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
