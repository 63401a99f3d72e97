//! The embedded log: SQLite in one data folder, durable before it answers.
//!
//! | file | what it is |
//! |---|---|
//! | `log.db` | the log: one append-only table in order of position, no second index |
//! | `index.db` | derived: where the events of a stream stand; built again when it is missing |
//! | `lock` | held while a process has the log open |
//!
//! Whatever appends are waiting go into one commit (group commit). The task that commits runs on
//! the callers' runtime and writes on its thread: handing every append to a thread of its own
//! costs more than the disk does, most of all on a current-thread runtime.

mod commit;
mod index;
mod log;
mod reader;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use jiff::Timestamp;
use tokio::sync::watch;

use self::commit::Committer;
pub use self::commit::Statistics;
use self::index::Index;
use self::log::Readers;
pub use self::reader::{LogReader, Scanned};
use crate::port::{
    Append, AppendError, Appended, Direction, EventStore, Position, READ_EVENTS_MAX, Recorded,
    Revision, StoreError, StoreId, StreamName, check,
};

/// The oldest SQLite that does not corrupt a log in WAL mode under load.
const SQLITE_MIN: i32 = 3_051_003;

/// Reads of the log longer than this leave the caller's thread.
const INLINE_EVENTS_MAX: usize = 256;

/// The log in a data folder.
#[derive(Clone)]
pub struct EmbeddedStore {
    shared: Arc<Shared>,
}

struct Shared {
    id: StoreId,
    folder: PathBuf,
    committer: Committer,
    readers: Readers,
    index: Arc<Index>,
    head: watch::Sender<u64>,
    // Held until the log is closed.
    _lock: File,
}

impl EmbeddedStore {
    /// Opens the log in `folder`, or makes one there. `clock` says when events are recorded.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] when the folder cannot be used or another process uses it,
    /// [`StoreError::Corrupt`] when the log contradicts itself.
    pub fn open(
        folder: &Path,
        clock: impl Fn() -> Timestamp + Send + Sync + 'static,
    ) -> Result<Self, StoreError> {
        if rusqlite::version_number() < SQLITE_MIN {
            let why = format!("SQLite {} is too old to keep a log", rusqlite::version());
            return Err(StoreError::Unavailable { why });
        }
        fs::create_dir_all(folder).map_err(unusable)?;
        let lock = lock(folder)?;
        let path = folder.join("log.db");
        let (writer, id) = log::open(&path)?;
        let (head, last_recorded) = log::head(&writer)?;
        let readers = Readers::new(path.clone(), id);
        let index = Arc::new(Index::open(&folder.join("index.db"), id, head, &path)?);
        let head = watch::Sender::new(head);
        let committer = Committer::new(
            writer,
            Arc::clone(&index),
            head.clone(),
            last_recorded,
            Arc::new(clock),
        );
        log::checkpoint_in_the_background(path, head.subscribe());
        let folder = folder.to_owned();
        Ok(Self {
            shared: Arc::new(Shared { id, folder, committer, readers, index, head, _lock: lock }),
        })
    }

    /// A reader of the log with a connection of its own, for a thread that reads a lot.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the log cannot be opened.
    pub fn reader(&self) -> Result<LogReader, StoreError> {
        LogReader::open(&self.shared.folder)
    }

    /// The offset of the last event, and a wake-up whenever it grows.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.shared.head.subscribe()
    }

    /// What was committed since the log was opened.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        self.shared.committer.statistics()
    }

    /// Waits until a commit fails. After that nothing is taken any more, and the process should
    /// end: what is on disk is the truth, and only a new start reads it.
    pub async fn failed(&self) -> String {
        self.shared.committer.failed().await
    }

    /// Ends the log once appends under way are answered. Other handles of it have to be dropped
    /// before; where they are not within a second, the last of them ends it.
    pub async fn close(self) {
        for _ in 0..1_000 {
            if Arc::strong_count(&self.shared) == 1 {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
    }

    /// Waits until the index has caught up, for tests that look at its file.
    #[doc(hidden)]
    pub fn settle(&self) {
        self.shared.index.settle();
    }

    fn recorded(
        &self,
        stream: &StreamName,
        places: &[(Revision, u64)],
    ) -> Result<Vec<Recorded>, StoreError> {
        self.shared.readers.with(|log| {
            places
                .iter()
                .map(|(revision, offset)| {
                    log.at(*offset)?
                        .filter(|event| event.stream == *stream && event.revision == *revision)
                        .ok_or_else(|| StoreError::Corrupt {
                            why: format!("{stream} has no event {revision} at offset {offset}"),
                        })
                })
                .collect()
        })
    }

    fn read_log(
        &self,
        bound: Option<u64>,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<Recorded>, StoreError> {
        self.shared.readers.with(|log| match direction {
            Direction::Forwards => log.after(bound.unwrap_or(0), limit),
            Direction::Backwards => log.before(bound.unwrap_or(u64::MAX), limit),
        })
    }
}

#[async_trait]
impl EventStore for EmbeddedStore {
    fn id(&self) -> StoreId {
        self.shared.id
    }

    async fn append(&self, appends: Vec<Append>) -> Result<Vec<Appended>, AppendError> {
        check(&appends)?;
        let answer = self.shared.committer.enqueue(appends, || {
            let shared = Arc::clone(&self.shared);
            tokio::spawn(async move {
                shared.committer.drain(shared.id, &shared.readers).await;
            });
        })?;
        answer.await.unwrap_or_else(|_| Err(log::stopped("the log was closed").into()))
    }

    async fn read_stream(
        &self,
        stream: &StreamName,
        from: Option<Revision>,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<Recorded>, StoreError> {
        let limit = limit.min(READ_EVENTS_MAX);
        let places = self.shared.index.places(stream, from, direction, limit)?;
        self.recorded(stream, &places)
    }

    async fn read_all(
        &self,
        bound: Option<Position>,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<Recorded>, StoreError> {
        let bound = bound.map(|bound| bound.within(self.shared.id)).transpose()?;
        let head = *self.shared.head.borrow();
        if let Some(given) = bound.filter(|bound| *bound > head) {
            return Err(StoreError::BeyondHead { given, head });
        }
        let limit = limit.min(READ_EVENTS_MAX);
        if limit <= INLINE_EVENTS_MAX {
            return self.read_log(bound, direction, limit);
        }
        let store = self.clone();
        tokio::task::spawn_blocking(move || store.read_log(bound, direction, limit))
            .await
            .unwrap_or_else(|_| Err(log::stopped("the runtime is shutting down")))
    }

    async fn head(&self) -> Result<Option<Position>, StoreError> {
        let offset = *self.shared.head.borrow();
        Ok((offset > 0).then_some(Position { store: self.shared.id, offset }))
    }

    async fn grown(&self, bound: Option<Position>) -> Result<(), StoreError> {
        let bound = bound.map(|bound| bound.within(self.shared.id)).transpose()?.unwrap_or(0);
        let mut head = self.shared.head.subscribe();
        let grown = head.wait_for(|head| *head > bound).await;
        grown.map(|_| ()).map_err(|_| log::stopped("the log was closed"))
    }
}

/// One process at a time writes a log; a second one is told so.
fn lock(folder: &Path) -> Result<File, StoreError> {
    let path = folder.join("lock");
    let file =
        File::options().create(true).truncate(false).write(true).open(path).map_err(unusable)?;
    file.try_lock().map_err(|_| StoreError::Unavailable {
        why: format!("{} is in use by another process", folder.display()),
    })?;
    Ok(file)
}

fn unusable(why: std::io::Error) -> StoreError {
    StoreError::Unavailable { why: why.to_string() }
}

/// A lock whose holder panicked still guards data that every holder leaves whole.
fn held<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
