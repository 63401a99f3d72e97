//! The log file: how it is laid out, opened and read.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, Row, params};
use uuid::Uuid;

use crate::port::{Position, Recorded, Revision, StoreError, StoreId, StreamName};

/// Marks the file as a log of this engine (`HzLg`).
const APPLICATION: i64 = 0x487a_4c67;
/// How the file is laid out; a program that knows another layout must not touch it.
const FORMAT: i64 = 1;

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

const AFTER: &str = "SELECT position, stream, revision, id, name, version, data, metadata, \
     recorded_at FROM events WHERE position > ? ORDER BY position LIMIT ?";
const BEFORE: &str = "SELECT position, stream, revision, id, name, version, data, metadata, \
     recorded_at FROM events WHERE position < ? ORDER BY position DESC LIMIT ?";
const AT: &str = "SELECT position, stream, revision, id, name, version, data, metadata, \
     recorded_at FROM events WHERE position = ?";

/// After this many pages of the write-ahead log, the writer itself moves them into the log file.
/// The keeper does so far more often; this only bounds the file.
const CHECKPOINT_PAGES: u32 = 16_384;

/// How many names of event types are shared between the events of a reader; there are some fifty.
const NAMES_MAX: usize = 1_024;

/// A connection that may write, and makes the file where there is none.
pub(super) fn writable(path: &Path) -> Result<Connection, StoreError> {
    connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)
}

/// A connection that only reads.
pub(super) fn read_only(path: &Path) -> Result<Connection, StoreError> {
    connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)
}

/// Each connection has one user at a time, so SQLite need not guard it.
fn connect(path: &Path, flags: OpenFlags) -> Result<Connection, StoreError> {
    let connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)
        .map_err(|why| StoreError::Unavailable { why: why.to_string() })?;
    connection.busy_timeout(Duration::from_secs(10)).map_err(failed)?;
    // A plan that may depend on a bound value is made anew for every value.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map_err(failed)?;
    Ok(connection)
}

/// Opens the log for writing, making it where there is none.
pub(super) fn open(path: &Path) -> Result<(Connection, StoreId), StoreError> {
    let connection = writable(path)?;
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
        create(&connection).map_err(failed)?;
    }
    let id = store_id(&connection)?;
    // The name of a new file is durable only when its folder is.
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all()).map_err(|why| {
        StoreError::Unavailable { why: format!("the folder of {}: {why}", path.display()) }
    })?;
    Ok((connection, id))
}

fn create(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(&format!(
        "BEGIN IMMEDIATE; {SCHEMA}
         PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {FORMAT};"
    ))?;
    let id = Uuid::new_v4();
    connection.execute("INSERT INTO about (store) VALUES (?)", params![id.as_bytes()])?;
    connection.execute_batch("COMMIT")
}

/// Which log it is, if it is one that this program can read.
pub(super) fn store_id(connection: &Connection) -> Result<StoreId, StoreError> {
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get(0));
    let (application, format): (i64, i64) =
        (pragma("application_id").map_err(failed)?, pragma("user_version").map_err(failed)?);
    if application != APPLICATION {
        return Err(StoreError::Corrupt { why: "log.db is not a log of this engine".to_owned() });
    }
    if format != FORMAT {
        let why = format!("log.db has layout {format}, this program knows {FORMAT}");
        return Err(StoreError::Unavailable { why });
    }
    let id: [u8; 16] =
        connection.query_row("SELECT store FROM about", [], |row| row.get(0)).map_err(failed)?;
    Ok(StoreId(Uuid::from_bytes(id)))
}

/// The offset and the recorded time of the last event.
pub(super) fn head(connection: &Connection) -> Result<Option<(u64, i64)>, StoreError> {
    let sql = "SELECT position, recorded_at FROM events ORDER BY position DESC LIMIT 1";
    let mut statement = connection.prepare_cached(sql).map_err(failed)?;
    statement
        .query_row([], |row| Ok((unsigned(row.get(0)?), row.get(1)?)))
        .optional()
        .map_err(failed)
}

/// A connection that only reads.
pub(super) struct Reading {
    pub(super) connection: Connection,
    pub(super) id: StoreId,
    names: Vec<Arc<str>>,
}

impl Reading {
    pub(super) fn open(path: &Path, id: StoreId) -> Result<Self, StoreError> {
        let connection = read_only(path)?;
        Ok(Self { connection, id, names: Vec::new() })
    }

    /// The offset of the last event, 0 in an empty log.
    pub(super) fn head(&self) -> Result<u64, StoreError> {
        Ok(head(&self.connection)?.map_or(0, |(offset, _)| offset))
    }

    /// The events of `stream` at `places`, in that order.
    pub(super) fn at(
        &mut self,
        stream: &StreamName,
        places: &[(Revision, u64)],
    ) -> Result<Vec<Recorded>, StoreError> {
        // One snapshot for all of them, so that the file is locked once.
        let several = places.len() > 1;
        if several {
            self.connection.execute_batch("BEGIN").map_err(failed)?;
        }
        let events = self.pick(stream, places);
        if several {
            self.connection.execute_batch("COMMIT").map_err(failed)?;
        }
        events
    }

    fn pick(
        &mut self,
        stream: &StreamName,
        places: &[(Revision, u64)],
    ) -> Result<Vec<Recorded>, StoreError> {
        let mut statement = self.connection.prepare_cached(AT).map_err(failed)?;
        let mut events = Vec::with_capacity(places.len());
        for &(revision, offset) in places {
            let mut rows = statement.query(params![signed(offset)]).map_err(failed)?;
            let row = rows.next().map_err(failed)?;
            let event = row.map(|row| recorded(row, Some(stream), self.id, &mut self.names));
            let event = event.transpose()?.filter(|event| event.revision == revision);
            events.push(event.ok_or_else(|| StoreError::Corrupt {
                why: format!(
                    "offset {offset} does not hold {stream} at {revision}, as index.db has it; \
                     where index.db is missing, the next start makes it anew"
                ),
            })?);
        }
        Ok(events)
    }

    pub(super) fn after(&mut self, offset: u64, limit: usize) -> Result<Vec<Recorded>, StoreError> {
        self.list(AFTER, params![signed(offset), count(limit)])
    }

    pub(super) fn before(
        &mut self,
        offset: u64,
        limit: usize,
    ) -> Result<Vec<Recorded>, StoreError> {
        self.list(BEFORE, params![signed(offset), count(limit)])
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
            events.push(recorded(row, None, self.id, &mut self.names)?);
        }
        Ok(events)
    }
}

/// An event; one of another stream than `stream` contradicts whoever asked for it.
fn recorded(
    row: &Row<'_>,
    stream: Option<&StreamName>,
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
            if names.len() < NAMES_MAX {
                names.push(Arc::clone(&new));
            }
            new
        }
    };
    let found = text(1)?;
    let stream = match stream {
        Some(stream) if stream.as_str() == found => stream.clone(),
        Some(stream) => {
            return Err(corrupt(offset, &format!("it is of {found}, not of {stream}")));
        }
        None => found.parse().map_err(|why| corrupt(offset, &why))?,
    };
    Ok(Recorded {
        stream,
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

/// What SQLite says, in the port's words.
pub(super) fn failed(why: rusqlite::Error) -> StoreError {
    let text = why.to_string();
    match why.sqlite_error_code() {
        // Without a code SQLite answered, but with what this program never writes.
        None | Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            StoreError::Corrupt { why: text }
        }
        Some(_) => StoreError::Unavailable { why: text },
    }
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
