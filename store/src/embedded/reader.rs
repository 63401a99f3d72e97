//! Reading a whole log fast: borrowed rows, on the reader's own thread.

use std::path::Path;

use jiff::Timestamp;
use rusqlite::{OptionalExtension, params};
use uuid::Uuid;

use super::log::{Reading, count, failed, signed, store_id, unsigned};
use crate::port::{Recorded, Revision, StoreError, StoreId};

/// A reader with a connection of its own. Works while another process writes the log.
pub struct LogReader {
    reading: Reading,
}

/// An event as it lies in the log; nothing is copied.
#[derive(Clone, Copy, Debug)]
pub struct Scanned<'a> {
    /// Its place in the log.
    pub offset: u64,
    /// The name of its stream.
    pub stream: &'a str,
    /// Its place in the stream.
    pub revision: Revision,
    /// Its id.
    pub id: Uuid,
    /// The stored name of its type.
    pub name: &'a str,
    /// The version of its body.
    pub version: u32,
    /// The JSON body.
    pub data: &'a [u8],
    /// The JSON metadata.
    pub metadata: &'a [u8],
    /// When the log took it, in microseconds since 1970.
    pub recorded_at: i64,
}

impl LogReader {
    /// Opens the log in `folder` for reading.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when there is no log.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        let path = folder.join("log.db");
        let mut reading = Reading::open(&path, StoreId(Uuid::nil()))?;
        reading.id = store_id(&reading.connection)?;
        Ok(Self { reading })
    }

    /// Which log it is.
    #[must_use]
    pub const fn id(&self) -> StoreId {
        self.reading.id
    }

    /// The offset of the last event, 0 for an empty log.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn head(&self) -> Result<u64, StoreError> {
        self.reading.head()
    }

    /// When the log took the event at `offset`; `None` where there is none.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn recorded_at(&self, offset: u64) -> Result<Option<Timestamp>, StoreError> {
        let sql = "SELECT recorded_at FROM events WHERE position = ?";
        let mut statement = self.reading.connection.prepare_cached(sql).map_err(failed)?;
        let found = statement.query_row(params![signed(offset)], |row| row.get(0)).optional();
        let corrupt = |why: jiff::Error| StoreError::Corrupt { why: why.to_string() };
        found.map_err(failed)?.map(Timestamp::from_microsecond).transpose().map_err(corrupt)
    }

    /// The offset of the last event that the log took at `time` or before; 0 if there is none.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; [`StoreError::Corrupt`] where an offset is missing.
    pub fn last_by(&self, time: Timestamp) -> Result<u64, StoreError> {
        // Times never go back along the log: it is halved until one event is left.
        let (mut by, mut beyond) = (0, self.head()?.saturating_add(1));
        while beyond.saturating_sub(by) > 1 {
            let middle = by.midpoint(beyond);
            let missing = || StoreError::Corrupt { why: format!("offset {middle} is missing") };
            if self.recorded_at(middle)?.ok_or_else(missing)? <= time {
                by = middle;
            } else {
                beyond = middle;
            }
        }
        Ok(by)
    }

    /// Up to `limit` events after `offset`.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn after(&mut self, offset: u64, limit: usize) -> Result<Vec<Recorded>, StoreError> {
        self.reading.after(offset, limit)
    }

    /// Whether there is a stream whose name `is` so; the log is read until one is found.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn any_stream(&self, is: impl Fn(&str) -> bool) -> Result<bool, StoreError> {
        let (mut found, mut after) = (false, 0);
        loop {
            let last = self.scan(after, 10_000, |event| {
                found |= is(event.stream);
                Ok::<(), StoreError>(())
            })?;
            if found || last == after {
                return Ok(found);
            }
            after = last;
        }
    }

    /// Shows up to `limit` events after `offset` to `see`, and answers with the last offset seen.
    ///
    /// The log cannot reuse its space while `see` works: keep the work short, or `limit` low.
    ///
    /// # Errors
    ///
    /// [`StoreError`], or what `see` answers; [`StoreError::Corrupt`] where an offset is missing.
    pub fn scan<E: From<StoreError>>(
        &self,
        offset: u64,
        limit: usize,
        mut see: impl FnMut(Scanned<'_>) -> Result<(), E>,
    ) -> Result<u64, E> {
        let mut statement = self
            .reading
            .connection
            .prepare_cached(
                "SELECT position, stream, revision, name, version, data, metadata, recorded_at, id
                 FROM events WHERE position > ? ORDER BY position LIMIT ?",
            )
            .map_err(failed)?;
        let mut rows = statement.query(params![signed(offset), count(limit)]).map_err(failed)?;
        let mut last = offset;
        while let Some(row) = rows.next().map_err(failed)? {
            let malformed =
                |why: rusqlite::types::FromSqlError| StoreError::Corrupt { why: why.to_string() };
            let value = |column| row.get_ref(column).map_err(failed);
            let offset = unsigned(row.get(0).map_err(failed)?);
            if offset != last.saturating_add(1) {
                let why = format!("offset {offset} follows {last} in the log");
                return Err(StoreError::Corrupt { why }.into());
            }
            last = offset;
            see(Scanned {
                offset: last,
                stream: value(1)?.as_str().map_err(malformed)?,
                revision: Revision(unsigned(row.get(2).map_err(failed)?)),
                id: Uuid::from_slice(value(8)?.as_blob().map_err(malformed)?)
                    .map_err(|why| StoreError::Corrupt { why: why.to_string() })?,
                name: value(3)?.as_str().map_err(malformed)?,
                version: row.get(4).map_err(failed)?,
                data: value(5)?.as_blob().map_err(malformed)?,
                metadata: value(6)?.as_blob().map_err(malformed)?,
                recorded_at: row.get(7).map_err(failed)?,
            })?;
        }
        Ok(last)
    }
}
