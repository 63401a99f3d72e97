//! Writing a log as it was recorded elsewhere: copies keep ids, times and order.

use std::fs::File;
use std::path::Path;

use rusqlite::{Connection, params};

use super::log::{self, failed, signed};
use super::{lock, make_private, unusable};
use crate::port::{Recorded, StoreError, StoreId};

/// Adds events to the end of a log that nobody else has open. The index is made when the log is
/// opened the next time.
pub struct Importer {
    connection: Connection,
    id: StoreId,
    head: u64,
    _lock: File,
}

impl Importer {
    /// Opens the log in `folder`, or makes one there.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the folder cannot be used or another process uses it.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        make_private(folder).map_err(unusable)?;
        let lock = lock(folder)?;
        let (connection, id) = log::open(&folder.join("log.db"))?;
        let head = log::head(&connection)?.map_or(0, |(offset, _)| offset);
        Ok(Self { connection, id, head, _lock: lock })
    }

    /// Which log it is.
    #[must_use]
    pub const fn id(&self) -> StoreId {
        self.id
    }

    /// Adds `events` as they were recorded: all of them durably, or none.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; then none of them was added.
    pub fn add(&mut self, events: &[Recorded]) -> Result<(), StoreError> {
        let transaction = self.connection.transaction().map_err(failed)?;
        let mut head = self.head;
        {
            let mut insert = transaction
                .prepare_cached(
                    "INSERT INTO events
                         (position, stream, revision, id, name, version, data, metadata, recorded_at)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                )
                .map_err(failed)?;
            for event in events {
                head = head.saturating_add(1);
                let values = params![
                    signed(head),
                    event.stream.as_str(),
                    signed(event.revision.0),
                    event.id.as_bytes(),
                    event.name.as_ref(),
                    event.version,
                    event.data.as_ref(),
                    event.metadata.as_ref(),
                    event.recorded_at.as_microsecond(),
                ];
                insert.execute(values).map_err(failed)?;
            }
        }
        transaction.commit().map_err(failed)?;
        self.head = head;
        Ok(())
    }
}
