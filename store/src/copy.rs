//! Copying a log to another store: resumable, and verified event by event.
//!
//! A copy has the events of its source in the source's order, with their ids, revisions, bodies,
//! metadata and times. What differs is the log's own: its id, and so its positions.
//!
//! 1. What the target holds already is compared with the source from the beginning. So a copy that
//!    was cut short goes on, and a log that is no copy of the source is refused untouched.
//! 2. The rest is copied, page by page, each durable before the next.
//! 3. What was copied is read back and compared.
//!
//! Times are kept to the microsecond.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;

use crate::embedded::{Importer, LogReader};
use crate::port::{Direction, EventStore, Position, Recorded, StoreError};

/// How many events are read and written at a time.
const PAGE: usize = 1_000;

/// Why a log is not copied, or not further.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CopyError {
    /// The source cannot be read.
    #[error("the source: {0}")]
    Source(StoreError),
    /// The target cannot be read or written.
    #[error("the target: {0}")]
    Target(StoreError),
    /// The target is no copy of the source.
    #[error(
        "the target is not a copy of the source: the {what} of event {number} differ \
         ({source_event} in the source, {target_event} in the target)"
    )]
    Differs {
        /// Which event, counted from 1.
        number: u64,
        /// What of it.
        what: &'static str,
        /// Stream and revision in the source.
        source_event: String,
        /// Stream and revision in the target.
        target_event: String,
    },
    /// The target holds more than the source.
    #[error("the target goes on after the {0} events of the source: it is not a copy of it")]
    Ahead(u64),
}

/// What was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Copied {
    /// How many events the target held before.
    pub found: u64,
    /// How many were copied.
    pub copied: u64,
    /// How many were compared with the source.
    pub verified: u64,
}

/// Where a copy is read from, and read back from.
#[async_trait]
pub trait Readable: Send {
    /// Up to `limit` events after `bound`; none at the end.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    async fn after(
        &mut self,
        bound: Option<Position>,
        limit: usize,
    ) -> Result<Vec<Recorded>, StoreError>;
}

#[async_trait]
impl Readable for LogReader {
    async fn after(
        &mut self,
        bound: Option<Position>,
        limit: usize,
    ) -> Result<Vec<Recorded>, StoreError> {
        let offset = bound.map(|bound| bound.within(self.id())).transpose()?.unwrap_or(0);
        Self::after(self, offset, limit)
    }
}

#[async_trait]
impl Readable for Arc<dyn EventStore> {
    async fn after(
        &mut self,
        bound: Option<Position>,
        limit: usize,
    ) -> Result<Vec<Recorded>, StoreError> {
        self.read_all(bound, Direction::Forwards, limit).await
    }
}

/// What a copy is written to.
#[async_trait]
pub trait Writable: Readable {
    /// Adds events as they were recorded elsewhere, and answers when they are durable. Events that
    /// stand already, because an answer was lost, are not added twice.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    async fn add(&mut self, events: Vec<Recorded>) -> Result<(), StoreError>;
}

/// A data folder that a copy is written to.
pub struct Folder {
    importer: Importer,
    reader: LogReader,
}

impl Folder {
    /// Opens the log in `folder`, or makes one there.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the folder cannot be used or another process uses it.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        let importer = Importer::open(folder)?;
        Ok(Self { importer, reader: LogReader::open(folder)? })
    }
}

#[async_trait]
impl Readable for Folder {
    async fn after(
        &mut self,
        bound: Option<Position>,
        limit: usize,
    ) -> Result<Vec<Recorded>, StoreError> {
        Readable::after(&mut self.reader, bound, limit).await
    }
}

#[async_trait]
impl Writable for Folder {
    async fn add(&mut self, events: Vec<Recorded>) -> Result<(), StoreError> {
        self.importer.add(&events)
    }
}

/// A log that is read on, and where it is.
struct Cursor<'a> {
    log: &'a mut dyn Readable,
    bound: Option<Position>,
    failed: fn(StoreError) -> CopyError,
}

impl Cursor<'_> {
    async fn next(&mut self, limit: usize) -> Result<Vec<Recorded>, CopyError> {
        let page = self.log.after(self.bound, limit).await.map_err(self.failed)?;
        self.bound = page.last().map(|last| last.position).or(self.bound);
        Ok(page)
    }

    /// Exactly `count` events, unless the log ends before.
    async fn exactly(&mut self, count: usize) -> Result<Vec<Recorded>, CopyError> {
        let mut events = Vec::with_capacity(count);
        while events.len() < count {
            let page = self.next(count.saturating_sub(events.len())).await?;
            if page.is_empty() {
                break;
            }
            events.extend(page);
        }
        Ok(events)
    }
}

/// Copies `source` to `target`; `told` hears now and then how far it is.
///
/// # Errors
///
/// [`CopyError`]. What was copied until then stays, and the next copy goes on behind it.
pub async fn copy(
    source: &mut dyn Readable,
    target: &mut dyn Writable,
    mut told: impl FnMut(&Copied),
) -> Result<Copied, CopyError> {
    let mut done = Copied::default();
    let mut from = Cursor { log: source, bound: None, failed: CopyError::Source };
    let end = compare(&mut from, target, None, &mut done, &mut told).await?;
    done.found = done.verified;

    let begin = from.bound;
    loop {
        let page = from.next(PAGE).await?;
        if page.is_empty() {
            break;
        }
        let count = u64::try_from(page.len()).unwrap_or(u64::MAX);
        target.add(page).await.map_err(CopyError::Target)?;
        done.copied = done.copied.saturating_add(count);
        told(&done);
    }
    from.bound = begin;
    compare(&mut from, target, end, &mut done, &mut told).await?;
    let expected = done.found.saturating_add(done.copied);
    if done.verified < expected {
        let why = format!("{} of {expected} events are there", done.verified);
        return Err(CopyError::Target(StoreError::Corrupt { why }));
    }
    Ok(done)
}

/// Compares the target, after `bound`, with the source until the target ends. Answers with where
/// it ends.
async fn compare(
    source: &mut Cursor<'_>,
    target: &mut dyn Writable,
    bound: Option<Position>,
    done: &mut Copied,
    told: &mut impl FnMut(&Copied),
) -> Result<Option<Position>, CopyError> {
    let mut bound = bound;
    loop {
        let page = target.after(bound, PAGE).await.map_err(CopyError::Target)?;
        let Some(last) = page.last() else { return Ok(bound) };
        bound = Some(last.position);
        let same = source.exactly(page.len()).await?;
        for (ours, theirs) in same.iter().zip(&page) {
            done.verified = done.verified.saturating_add(1);
            if let Some(what) = difference(ours, theirs) {
                let place = |event: &Recorded| format!("{} at {}", event.stream, event.revision);
                return Err(CopyError::Differs {
                    number: done.verified,
                    what,
                    source_event: place(ours),
                    target_event: place(theirs),
                });
            }
        }
        if same.len() < page.len() {
            return Err(CopyError::Ahead(done.verified));
        }
        told(done);
    }
}

/// What of two events is not the same.
fn difference(ours: &Recorded, theirs: &Recorded) -> Option<&'static str> {
    let micros = |event: &Recorded| event.recorded_at.as_microsecond();
    let same = [
        ("streams", ours.stream == theirs.stream),
        ("revisions", ours.revision == theirs.revision),
        ("ids", ours.id == theirs.id),
        ("names", ours.name == theirs.name),
        ("versions", ours.version == theirs.version),
        ("bodies", ours.data == theirs.data),
        ("metadata", ours.metadata == theirs.metadata),
        ("times", micros(ours) == micros(theirs)),
    ];
    same.into_iter().find(|(_, same)| !same).map(|(what, _)| what)
}

#[cfg(test)]
mod tests;
