//! Views as they were at a place of the log, so that an old report can be made again.
//!
//! They are built in a folder of their own, from the log alone, beside the service that goes on
//! writing it. The same log and program make the same bytes on any machine: nothing but events
//! goes in, each batch in an order that its keys decide, and no clock is asked.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use futures::future::{BoxFuture, FutureExt};
use huzhu_store::embedded::LogReader;
use huzhu_store::port::{OtherStore, Position, StoreError, StoreId};
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use crate::checkpoint::ViewsError;
use crate::feed::{Batch, Budget, Feed, scan};
use crate::rebuild::{Progress, build};
use crate::sqlite::FILE;

/// A place of the log, as people name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The last event to be shown, counted from 1.
    Offset(u64),
    /// The same, as an answer of the service named it.
    Position(Position),
    /// The last event that the log took at this time or before.
    RecordedBy(Timestamp),
}

/// Views that were built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Past {
    /// The last event that they show.
    pub position: Position,
    /// When the log took it.
    pub recorded_at: Timestamp,
    /// How many events they add up.
    pub events: u64,
    /// The SHA-256 of their file, in hexadecimal.
    pub sha256: String,
}

/// Why no views were built; the folder is as it was.
#[derive(Debug, thiserror::Error)]
pub enum PastError {
    /// The folder holds something already.
    #[error("{0} is not an empty folder")]
    NotEmpty(String),
    /// The log has no such event yet.
    #[error("the log ends with event {head}, before {given}")]
    BeyondHead {
        /// What was asked for.
        given: u64,
        /// Where the log ends.
        head: u64,
    },
    /// The log had no event yet.
    #[error("the log had no event then")]
    BeforeFirst,
    /// The time has not come, so that the log may still take events before it.
    #[error("{0} has not come yet: what the log takes until then is not known")]
    Future(Timestamp),
    /// The position is of another log.
    #[error(transparent)]
    OtherStore(#[from] OtherStore),
    /// The log does not answer.
    #[error(transparent)]
    Log(#[from] StoreError),
    /// The views cannot be built.
    #[error(transparent)]
    Views(#[from] ViewsError),
    /// A file cannot be read or written.
    #[error("{folder}: {why}")]
    Files {
        /// Where.
        folder: String,
        /// What the system says.
        why: std::io::Error,
    },
}

/// Builds all views in `folder`, which is empty or not there, as they were at `place` of the log
/// behind `reader`. `now` is only compared with the place. Blocks: not to be called from a task.
///
/// # Errors
///
/// [`PastError`].
pub fn build_past(
    folder: &Path,
    reader: LogReader,
    place: Place,
    now: Timestamp,
    tell: impl FnMut(&Progress),
) -> Result<Past, PastError> {
    let files = |why| PastError::Files { folder: folder.display().to_string(), why };
    if holds_something(folder).map_err(files)? {
        return Err(PastError::NotEmpty(folder.display().to_string()));
    }
    let until = offset(&reader, place, now)?;
    let recorded_at = reader.recorded_at(until)?.ok_or(PastError::BeforeFirst)?;
    let position = Position { store: reader.id(), offset: until };

    // Built beside, moved there whole: a folder of this name has all of it or nothing.
    let beside = beside(folder).map_err(files)?;
    let file = beside.path().join(FILE);
    let built = build(&file, &mut Resting { reader }, Some(until), recorded_at, tell)?;
    let sha256 = digest(&file).map_err(files)?;
    File::open(beside.path()).and_then(|folder| folder.sync_all()).map_err(files)?;
    fs::rename(beside.keep(), folder).map_err(files)?;
    // The new name is durable once the folder above is.
    File::open(above(folder)).and_then(|above| above.sync_all()).map_err(files)?;
    Ok(Past { position, recorded_at, events: built.events, sha256 })
}

fn offset(reader: &LogReader, place: Place, now: Timestamp) -> Result<u64, PastError> {
    let head = reader.head()?;
    let offset = match place {
        Place::Offset(offset) => offset,
        Place::Position(position) => position.within(reader.id())?,
        Place::RecordedBy(time) if time > now => return Err(PastError::Future(time)),
        Place::RecordedBy(time) => reader.last_by(time)?,
    };
    match offset {
        0 => Err(PastError::BeforeFirst),
        given if given > head => Err(PastError::BeyondHead { given, head }),
        offset => Ok(offset),
    }
}

fn holds_something(folder: &Path) -> std::io::Result<bool> {
    match fs::read_dir(folder) {
        Ok(mut entries) => Ok(entries.next().transpose()?.is_some()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// A folder that only its owner reads, on the same disk.
fn beside(folder: &Path) -> std::io::Result<TempDir> {
    fs::create_dir_all(above(folder))?;
    tempfile::Builder::new().prefix(".huzhu-views-").tempdir_in(above(folder))
}

fn above(folder: &Path) -> PathBuf {
    match folder.parent() {
        Some(above) if !above.as_os_str().is_empty() => above.to_owned(),
        Some(_) | None => PathBuf::from("."),
    }
}

/// The digest of a file, which is on the disk before it is answered.
fn digest(path: &Path) -> std::io::Result<String> {
    let mut file = File::open(path)?;
    file.sync_all()?;
    let mut hasher = Sha256::new();
    let mut piece = vec![0; 1 << 16];
    loop {
        let read = file.read(&mut piece)?;
        let Some(read) = piece.get(..read).filter(|read| !read.is_empty()) else { break };
        hasher.update(read);
    }
    Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// A log that is read as far as it goes, whoever writes it.
struct Resting {
    reader: LogReader,
}

impl Feed for Resting {
    fn store(&self) -> StoreId {
        self.reader.id()
    }

    fn head(&mut self) -> BoxFuture<'_, Result<u64, StoreError>> {
        futures::future::ready(self.reader.head()).boxed()
    }

    fn after(&mut self, offset: u64, budget: Budget) -> BoxFuture<'_, Result<Batch, StoreError>> {
        futures::future::ready(scan(&self.reader, offset, budget)).boxed()
    }

    fn grown(&mut self, _: u64) -> BoxFuture<'_, Result<(), StoreError>> {
        let why = "the log is read, not followed".to_owned();
        futures::future::ready(Err(StoreError::Unavailable { why })).boxed()
    }
}

#[cfg(test)]
mod tests;
