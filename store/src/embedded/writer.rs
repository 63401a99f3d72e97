//! The one writer of the log.

use jiff::Timestamp;
use rusqlite::Connection;

use super::batch::Placed;
use super::log::{failed, head, signed};
use crate::port::StoreError;

/// The connection that writes, and where the log ends.
pub(super) struct Writer {
    connection: Connection,
    head: u64,
    last_recorded_at: Option<Timestamp>,
}

impl Writer {
    pub(super) fn new(connection: Connection) -> Result<Self, StoreError> {
        let last = head(&connection)?;
        let time = |(_, micros)| {
            Timestamp::from_microsecond(micros)
                .map_err(|why| StoreError::Corrupt { why: why.to_string() })
        };
        Ok(Self {
            connection,
            head: last.map_or(0, |(offset, _)| offset),
            last_recorded_at: last.map(time).transpose()?,
        })
    }

    pub(super) const fn head(&self) -> u64 {
        self.head
    }

    /// The time for what is recorded now: to the microsecond, never before what stands.
    pub(super) fn time(&self, now: Timestamp) -> Timestamp {
        let now = Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now);
        self.last_recorded_at.map_or(now, |last| last.max(now))
    }

    /// Records `placed` durably, all or nothing. After an error nobody knows which.
    pub(super) fn record(&mut self, placed: &[Placed], now: Timestamp) -> Result<(), StoreError> {
        if let Err(why) = self.try_record(placed, now) {
            // Lets the lock on the file go; if that fails too, there is nothing else to do.
            let _rolled_back = self.connection.execute_batch("ROLLBACK");
            return Err(failed(why));
        }
        if let Some(last) = placed.last() {
            self.head = last.offset;
            self.last_recorded_at = Some(now);
        }
        Ok(())
    }

    fn try_record(&self, placed: &[Placed], now: Timestamp) -> rusqlite::Result<()> {
        let execute = |sql| self.connection.prepare_cached(sql)?.execute([]).map(|_| ());
        execute("BEGIN IMMEDIATE")?;
        let mut insert = self.connection.prepare_cached(
            "INSERT INTO events
                 (position, stream, revision, id, name, version, data, metadata, recorded_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?;
        let recorded_at = now.as_microsecond();
        for Placed { stream, revision, offset, event } in placed {
            insert.execute((
                signed(*offset),
                stream.as_str(),
                signed(revision.0),
                event.id.as_bytes(),
                event.name.as_ref(),
                event.version,
                event.data.as_ref(),
                event.metadata.as_ref(),
                recorded_at,
            ))?;
        }
        execute("COMMIT")
    }

    /// Moves what is left of the journal into the main file, so that the next commit begins the
    /// journal anew instead of making it longer.
    pub(super) fn checkpoint(&self) -> Result<(), StoreError> {
        self.connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())).map_err(failed)
    }
}
