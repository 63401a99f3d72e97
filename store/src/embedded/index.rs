//! Where a stream's events stand in the log: derived data, in a file of its own.
//!
//! The index is written behind the log, in sorted batches, by a thread of its own. It is never
//! asked whether something happened, only where. If it is missing, broken or belongs to another
//! log, it is made anew from the log.

use std::fs;
use std::path::Path;

use rusqlite::{Connection, OptionalExtension};

use super::log::{count, failed, read_only, signed, unsigned, writable};
use crate::port::{Direction, Revision, StoreError, StoreId, StreamName};

/// The layout of `index.db`; another one is made anew.
const FORMAT: i64 = 1;
/// How many events one transaction adds while the index catches up: bounds its memory.
const STEP_EVENTS: u64 = 1_000_000;

/// The one connection that writes to the index.
pub(super) struct IndexWriter {
    connection: Connection,
    /// The last position that is indexed.
    indexed: u64,
}

impl IndexWriter {
    /// Opens the index of the log `store` and brings it up to `head`, the log's last position.
    pub(super) fn open(
        path: &Path,
        log: &Path,
        store: StoreId,
        head: u64,
    ) -> Result<Self, StoreError> {
        if let Err(why) = Self::usable(path, log, store, head) {
            if path.exists() {
                tracing::warn!(index = %path.display(), why, "the index is made anew");
            }
            remove(path)?;
        }
        let connection = writable(path)?;
        attach(&connection, log)?;
        let indexed = set_up(&connection, store).map_err(failed)?;
        let mut index = Self { connection, indexed: unsigned(indexed) };
        index.extend(head)?;
        Ok(index)
    }

    /// Whether the file is an index of this log, and not of one that went another way since.
    fn usable(path: &Path, log: &Path, store: StoreId, head: u64) -> Result<(), String> {
        if !path.exists() {
            return Err("it is missing".to_owned());
        }
        let connection = writable(path).map_err(|error| error.to_string())?;
        attach(&connection, log).map_err(|error| error.to_string())?;
        let fits = || -> rusqlite::Result<Option<String>> {
            let format: i64 =
                connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
            if format != FORMAT {
                return Ok(Some(format!("it has format {format}")));
            }
            let (of, indexed): ([u8; 16], i64) =
                connection.query_row("SELECT store, indexed FROM about", [], |row| {
                    Ok((row.get(0)?, row.get(1)?))
                })?;
            if of != store.0.into_bytes() {
                return Ok(Some("it belongs to another log".to_owned()));
            }
            if indexed > signed(head) {
                return Ok(Some(format!("it knows position {indexed}, the log ends at {head}")));
            }
            let meets: Option<i64> = connection
                .query_row(
                    "SELECT 1 FROM about
                     JOIN log.events ON events.position = about.indexed AND events.id = about.last
                     JOIN places ON places.stream = events.stream
                         AND places.revision = events.revision AND places.position = events.position",
                    [],
                    |row| row.get(0),
                )
                .optional()?;
            if indexed > 0 && meets.is_none() {
                return Ok(Some(format!("the log holds another event at {indexed}")));
            }
            Ok(None)
        };
        match fits() {
            Ok(None) => Ok(()),
            Ok(Some(why)) => Err(why),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Adds everything up to the position `upto`, sorted, so that neighbours share pages.
    pub(super) fn extend(&mut self, upto: u64) -> Result<(), StoreError> {
        while self.indexed < upto {
            let end = upto.min(self.indexed.saturating_add(STEP_EVENTS));
            self.step(end).map_err(failed)?;
            self.indexed = end;
        }
        Ok(())
    }

    fn step(&mut self, end: u64) -> rusqlite::Result<()> {
        let transaction = self.connection.transaction()?;
        let bounds = [signed(self.indexed), signed(end)];
        transaction
            .prepare_cached(
                "INSERT INTO places (stream, revision, position)
                 SELECT stream, revision, position FROM log.events
                 WHERE position > ?1 AND position <= ?2 ORDER BY stream, revision",
            )?
            .execute(bounds)?;
        transaction
            .prepare_cached(
                "UPDATE about SET indexed = ?1,
                     last = (SELECT id FROM log.events WHERE position = ?1)",
            )?
            .execute([signed(end)])?;
        transaction.commit()
    }

    /// The last position that is indexed.
    pub(super) const fn indexed(&self) -> u64 {
        self.indexed
    }

    /// Moves what the log committed into its main file, as far as no reader is in the way.
    pub(super) fn checkpoint_log(&self) -> Result<(), StoreError> {
        self.connection
            .query_row("PRAGMA log.wal_checkpoint(PASSIVE)", [], |_| Ok(()))
            .map_err(failed)
    }
}

/// Looks places up.
pub(super) struct IndexReader {
    connection: Connection,
}

impl IndexReader {
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        let connection = read_only(path)?;
        connection.pragma_update(None, "cache_size", -16_000).map_err(failed)?;
        Ok(Self { connection })
    }

    /// Takes a view of the index that stays as it is until the next one: looking up many streams
    /// costs the locks of one.
    pub(super) fn view(&self) -> Result<(), StoreError> {
        self.leave()?;
        self.connection.execute_batch("BEGIN").map_err(failed)
    }

    /// Lets go of the view.
    pub(super) fn leave(&self) -> Result<(), StoreError> {
        if self.connection.is_autocommit() {
            return Ok(());
        }
        self.connection.execute_batch("COMMIT").map_err(failed)
    }

    /// The last indexed revision of `stream`.
    pub(super) fn last(&self, stream: &StreamName) -> Result<Option<Revision>, StoreError> {
        let sql = "SELECT max(revision) FROM places WHERE stream = ?1";
        let mut statement = self.connection.prepare_cached(sql).map_err(failed)?;
        let last: Option<i64> =
            statement.query_row([stream.as_str()], |row| row.get(0)).map_err(failed)?;
        Ok(last.map(|last| Revision(unsigned(last))))
    }

    /// Up to `limit` places of `stream` from the revision `from` on, `from` included.
    pub(super) fn places(
        &self,
        stream: &StreamName,
        from: Revision,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<(Revision, u64)>, StoreError> {
        let sql = match direction {
            Direction::Forwards => {
                "SELECT revision, position FROM places WHERE stream = ?1 AND revision >= ?2
                 ORDER BY revision LIMIT ?3"
            }
            Direction::Backwards => {
                "SELECT revision, position FROM places WHERE stream = ?1 AND revision <= ?2
                 ORDER BY revision DESC LIMIT ?3"
            }
        };
        let mut statement = self.connection.prepare_cached(sql).map_err(failed)?;
        let mut rows =
            statement.query((stream.as_str(), signed(from.0), count(limit))).map_err(failed)?;
        let mut places = Vec::new();
        while let Some(row) = rows.next().map_err(failed)? {
            let revision = Revision(unsigned(row.get(0).map_err(failed)?));
            places.push((revision, unsigned(row.get(1).map_err(failed)?)));
        }
        Ok(places)
    }
}

fn attach(connection: &Connection, log: &Path) -> Result<(), StoreError> {
    let text = log.to_str().ok_or_else(|| StoreError::Unavailable {
        why: format!("the path {} is not UTF-8", log.display()),
    })?;
    connection.execute("ATTACH ?1 AS log", [text]).map_err(failed)?;
    Ok(())
}

fn set_up(connection: &Connection, store: StoreId) -> rusqlite::Result<i64> {
    // Derived data: a commit that a power cut takes away is simply indexed again.
    connection.execute_batch(
        "PRAGMA main.journal_mode = WAL; PRAGMA main.synchronous = NORMAL;
         PRAGMA main.cache_size = -32000;",
    )?;
    let format: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if format != FORMAT {
        connection.execute_batch(&format!(
            "BEGIN IMMEDIATE;
             CREATE TABLE about (store BLOB NOT NULL, indexed INTEGER NOT NULL, last BLOB) STRICT;
             CREATE TABLE places (
                 stream   TEXT    NOT NULL,
                 revision INTEGER NOT NULL,
                 position INTEGER NOT NULL,
                 PRIMARY KEY (stream, revision)
             ) STRICT, WITHOUT ROWID;
             PRAGMA user_version = {FORMAT};"
        ))?;
        connection
            .execute("INSERT INTO about (store, indexed) VALUES (?1, 0)", [store.0.into_bytes()])?;
        connection.execute_batch("COMMIT")?;
    }
    connection.query_row("SELECT indexed FROM about", [], |row| row.get(0))
}

fn remove(path: &Path) -> Result<(), StoreError> {
    for suffix in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        match fs::remove_file(&name) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => {
                return Err(StoreError::Unavailable { why: error.to_string() });
            }
        }
    }
    Ok(())
}
