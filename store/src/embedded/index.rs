//! The index: where the events of a stream stand. Derived from the log, in a file of its own.
//!
//! A random index dirties a page an event; kept in the log's own commit it would be what every
//! append waits for. So it is written behind the log in sorted batches, and what is not written
//! yet is kept in memory.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, params};

use super::held;
use super::log::{Reading, count, failed, signed, unsigned};
use crate::port::{Direction, Revision, StoreError, StoreId, StreamName};

/// As many places are written at once.
const BATCH_MAX: usize = 50_000;
/// How long a place waits at the most before it is written.
const WRITE_EVERY: Duration = Duration::from_millis(500);

const SCHEMA: &str = "
    CREATE TABLE about (store BLOB NOT NULL, indexed INTEGER NOT NULL) STRICT;
    CREATE TABLE places (
        stream   TEXT    NOT NULL,
        revision INTEGER NOT NULL,
        position INTEGER NOT NULL,
        PRIMARY KEY (stream, revision)
    ) STRICT, WITHOUT ROWID;
";

type Place = (StreamName, u64, u64);

pub(super) struct Index {
    tail: Arc<Tail>,
    readers: Mutex<Vec<Connection>>,
    path: std::path::PathBuf,
}

/// What the file does not hold yet.
struct Tail {
    state: Mutex<TailState>,
    changed: Condvar,
}

#[derive(Default)]
struct TailState {
    streams: HashMap<StreamName, Vec<(u64, u64)>>,
    waiting: Vec<Place>,
    writing: bool,
    closed: bool,
    broken: Option<String>,
}

impl Index {
    /// Opens the index of the log `id`, catching up to `head`; what does not fit is built anew.
    pub(super) fn open(
        path: &Path,
        id: StoreId,
        head: u64,
        log: &Path,
    ) -> Result<Self, StoreError> {
        let opened = existing(path, id, head);
        let (mut connection, indexed) = match opened {
            Some(opened) => opened,
            None => (create(path, id)?, 0),
        };
        catch_up(&mut connection, id, indexed, head, log)?;
        let tail = Arc::new(Tail { state: Mutex::default(), changed: Condvar::new() });
        let writer = Arc::clone(&tail);
        std::thread::spawn(move || writer.write_behind(connection));
        Ok(Self { tail, readers: Mutex::default(), path: path.to_owned() })
    }

    /// Takes note of events that were committed.
    pub(super) fn add(&self, places: Vec<Place>) {
        let mut state = held(&self.tail.state);
        for (stream, revision, position) in &places {
            state.streams.entry(stream.clone()).or_default().push((*revision, *position));
        }
        state.waiting.extend(places);
        if state.waiting.len() >= BATCH_MAX {
            self.tail.changed.notify_all();
        }
    }

    /// The last revision of a stream.
    pub(super) fn last(&self, stream: &StreamName) -> Result<Option<Revision>, StoreError> {
        let places = self.places(stream, None, Direction::Backwards, 1)?;
        Ok(places.first().map(|(revision, _)| *revision))
    }

    /// Where up to `limit` events of a stream stand, beginning with `from`.
    pub(super) fn places(
        &self,
        stream: &StreamName,
        from: Option<Revision>,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<(Revision, u64)>, StoreError> {
        // The tail first: what is written behind in the meantime then stands in both, not in
        // neither.
        let tail = {
            let state = held(&self.tail.state);
            if let Some(why) = &state.broken {
                return Err(StoreError::Corrupt { why: why.clone() });
            }
            state.streams.get(stream).cloned().unwrap_or_default()
        };
        let whole = tail.first().is_some_and(|(revision, _)| *revision == 0);
        let mut places = if whole { tail } else { self.written(stream, tail)? };
        if direction == Direction::Backwards {
            places.reverse();
        }
        let wanted = |revision: u64| match direction {
            Direction::Forwards => from.is_none_or(|from| revision >= from.0),
            Direction::Backwards => from.is_none_or(|from| revision <= from.0),
        };
        Ok(places
            .into_iter()
            .filter(|(revision, _)| wanted(*revision))
            .take(limit)
            .map(|(revision, position)| (Revision(revision), position))
            .collect())
    }

    /// What stands in the file, followed by what of the tail does not.
    fn written(
        &self,
        stream: &StreamName,
        tail: Vec<(u64, u64)>,
    ) -> Result<Vec<(u64, u64)>, StoreError> {
        let idle = held(&self.readers).pop();
        let connection = match idle {
            Some(connection) => connection,
            None => {
                let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
                let connection = Connection::open_with_flags(&self.path, flags).map_err(failed)?;
                connection.busy_timeout(Duration::from_secs(10)).map_err(failed)?;
                connection
            }
        };
        let mut places: Vec<(u64, u64)> = {
            let mut statement = connection
                .prepare_cached(
                    "SELECT revision, position FROM places WHERE stream = ? ORDER BY revision",
                )
                .map_err(failed)?;
            let rows = statement
                .query_map(params![stream.as_str()], |row| {
                    Ok((unsigned(row.get(0)?), unsigned(row.get(1)?)))
                })
                .map_err(failed)?;
            rows.collect::<Result<_, _>>().map_err(failed)?
        };
        held(&self.readers).push(connection);
        let after = places.last().map(|(revision, _)| *revision);
        places.extend(tail.into_iter().filter(|(r, _)| after.is_none_or(|after| *r > after)));
        Ok(places)
    }

    pub(super) fn settle(&self) {
        let mut state = held(&self.tail.state);
        self.tail.changed.notify_all();
        while !state.waiting.is_empty() || state.writing {
            let waited = self.tail.changed.wait_timeout(state, Duration::from_millis(20));
            state = waited.map_or_else(|poisoned| poisoned.into_inner().0, |(state, _)| state);
        }
    }
}

impl Drop for Index {
    fn drop(&mut self) {
        held(&self.tail.state).closed = true;
        self.tail.changed.notify_all();
    }
}

impl Tail {
    fn write_behind(&self, mut connection: Connection) {
        loop {
            let (batch, closed) = {
                let state = held(&self.state);
                let waited = self.changed.wait_timeout_while(state, WRITE_EVERY, |state| {
                    state.waiting.len() < BATCH_MAX && !state.closed
                });
                let mut state =
                    waited.map_or_else(|poisoned| poisoned.into_inner().0, |(state, _)| state);
                state.writing = !state.waiting.is_empty();
                (std::mem::take(&mut state.waiting), state.closed)
            };
            if !batch.is_empty() {
                let written = write(&mut connection, &batch);
                let mut state = held(&self.state);
                state.writing = false;
                match written {
                    Ok(()) => state.forget(&batch),
                    Err(why) => {
                        // What is not written stays in memory, and is built again at the next start.
                        tracing::error!(why = why.to_string(), "the index cannot be written");
                        state.broken = Some(why.to_string());
                        return;
                    }
                }
                self.changed.notify_all();
            }
            if closed {
                return;
            }
        }
    }
}

impl TailState {
    fn forget(&mut self, batch: &[Place]) {
        for (stream, revision, _) in batch {
            if let Some(places) = self.streams.get_mut(stream) {
                places.retain(|(r, _)| r > revision);
                if places.is_empty() {
                    self.streams.remove(stream);
                }
            }
        }
    }
}

/// The index that is there, and how far it reaches, if it is of this log and not ahead of it.
fn existing(path: &Path, id: StoreId, head: u64) -> Option<(Connection, u64)> {
    if !path.exists() {
        return None;
    }
    let connection = Connection::open(path).ok()?;
    configure(&connection).ok()?;
    let (store, indexed): ([u8; 16], i64) = connection
        .query_row("SELECT store, indexed FROM about", [], |row| Ok((row.get(0)?, row.get(1)?)))
        .ok()?;
    let newest: Option<i64> =
        connection.query_row("SELECT max(position) FROM places", [], |row| row.get(0)).ok()?;
    let fits = store == *id.0.as_bytes()
        && unsigned(indexed) <= head
        && newest.is_none_or(|newest| newest <= indexed);
    fits.then(|| (connection, unsigned(indexed)))
}

fn create(path: &Path, id: StoreId) -> Result<Connection, StoreError> {
    for suffix in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        match fs::remove_file(&name) {
            Err(why) if why.kind() != std::io::ErrorKind::NotFound => {
                return Err(StoreError::Unavailable { why: why.to_string() });
            }
            Ok(()) | Err(_) => {}
        }
    }
    let connection = Connection::open(path).map_err(failed)?;
    configure(&connection).map_err(failed)?;
    connection.execute_batch(SCHEMA).map_err(failed)?;
    connection
        .execute("INSERT INTO about (store, indexed) VALUES (?, 0)", params![id.0.as_bytes()])
        .map_err(failed)?;
    Ok(connection)
}

fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(Duration::from_secs(10))?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // Derived: after a power cut it is caught up, or built again.
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "cache_size", "-65536")
}

fn catch_up(
    connection: &mut Connection,
    id: StoreId,
    mut indexed: u64,
    head: u64,
    log: &Path,
) -> Result<(), StoreError> {
    if indexed == head {
        return Ok(());
    }
    let mut reading = Reading::open(log, id)?;
    while indexed < head {
        let batch = reading.places_after(indexed, BATCH_MAX)?;
        let Some((_, _, last)) = batch.last() else {
            let why = format!("the log has no event after offset {indexed}, its head is {head}");
            return Err(StoreError::Corrupt { why });
        };
        indexed = *last;
        write(connection, &batch)?;
    }
    Ok(())
}

/// One sorted batch, in one transaction with how far the index reaches.
fn write(connection: &mut Connection, batch: &[Place]) -> Result<(), StoreError> {
    let mut sorted: Vec<_> = batch.iter().collect();
    sorted.sort_unstable();
    let transaction = connection.transaction().map_err(failed)?;
    {
        let mut statement = transaction
            .prepare_cached("INSERT INTO places (stream, revision, position) VALUES (?, ?, ?)")
            .map_err(failed)?;
        for (stream, revision, position) in sorted {
            statement
                .execute(params![stream.as_str(), signed(*revision), signed(*position)])
                .map_err(|why| StoreError::Corrupt {
                    why: format!("{stream} has two events {revision}: {why}"),
                })?;
        }
        let last = batch.iter().map(|(_, _, position)| *position).max().unwrap_or(0);
        transaction
            .execute("UPDATE about SET indexed = ?", params![signed(last)])
            .map_err(failed)?;
    }
    transaction.commit().map_err(failed)
}

impl Reading {
    fn places_after(&mut self, offset: u64, limit: usize) -> Result<Vec<Place>, StoreError> {
        let mut statement = self
            .connection
            .prepare_cached(
                "SELECT stream, revision, position FROM events
                 WHERE position > ? ORDER BY position LIMIT ?",
            )
            .map_err(failed)?;
        let mut rows = statement.query(params![signed(offset), count(limit)]).map_err(failed)?;
        let mut places = Vec::new();
        while let Some(row) = rows.next().map_err(failed)? {
            let stream: String = row.get(0).map_err(failed)?;
            let stream = stream.parse().map_err(|why| StoreError::Corrupt {
                why: format!("a stream of the log has an impossible name: {why}"),
            })?;
            let (revision, position) = (row.get(1).map_err(failed)?, row.get(2).map_err(failed)?);
            places.push((stream, unsigned(revision), unsigned(position)));
        }
        Ok(places)
    }
}
