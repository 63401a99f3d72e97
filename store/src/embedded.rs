//! The embedded log: SQLite in one data folder, durable before it answers.
//!
//! | file | what it is |
//! |---|---|
//! | `log.db` | the log: one append-only table in order of position, no second index |
//! | `index.db` | derived: where the events of a stream stand; built again when it is missing |
//! | `lock` | held while a process has the log open |
//!
//! Whatever appends are waiting go into one commit (group commit). The commit of one caller alone is
//! written on the callers' thread: to hand it to another would cost more than the disk does, most
//! of all on a current-thread runtime. A commit of several is handed over, once for all of them:
//! the callers' thread takes in the next ones while the disk works.
//!
//! 1. An answer goes out only after its commit has returned from the disk.
//! 2. A list that is refused never takes its neighbours in the commit with it.
//! 3. After a failed commit nobody knows what stands, so nothing is taken any more:
//!    [`EmbeddedStore::failed`] tells the program to stop, and the next start reads what stands.
//! 4. Nothing waits without a bound: not appends, not their bytes, not events for the index.

mod batch;
mod commits;
mod import;
mod index;
mod keeper;
mod log;
mod looking;
mod queue;
mod reader;
mod shared;
mod statistics;
mod tail;
mod writer;

use std::fs::{self, File, TryLockError};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use async_trait::async_trait;
use jiff::Timestamp;
use tokio::sync::{oneshot, watch};

pub use self::import::Importer;
use self::queue::{Limits, Waiting};
pub use self::reader::{LogReader, Scanned};
use self::shared::Shared;
pub use self::statistics::Statistics;
use crate::port::{
    Append, AppendError, Appended, Direction, EventStore, Position, READ_EVENTS_MAX, Recorded,
    Revision, StoreError, StoreId, StreamName, bytes_of, check,
};

/// The oldest SQLite that does not corrupt a log in WAL mode under load.
const SQLITE_MIN: i32 = 3_051_003;

/// Reads longer than this leave the caller's thread.
const INLINE_EVENTS_MAX: usize = 256;

type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// The log in a data folder. Clones are handles of the same log.
#[derive(Clone)]
pub struct EmbeddedStore {
    open: Arc<Open>,
}

struct Open {
    shared: Arc<Shared>,
    keeper: Mutex<Option<JoinHandle<()>>>,
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
        Self::open_within(folder, clock, Limits::default())
    }

    fn open_within(
        folder: &Path,
        clock: impl Fn() -> Timestamp + Send + Sync + 'static,
        limits: Limits,
    ) -> Result<Self, StoreError> {
        if rusqlite::version_number() < SQLITE_MIN {
            let why = format!("SQLite {} is too old to keep a log", rusqlite::version());
            return Err(StoreError::Unavailable { why });
        }
        make_private(folder).map_err(unusable)?;
        let lock = lock(folder)?;
        let (shared, index) = Shared::open(folder, lock, Arc::new(clock), limits)?;
        let shared = Arc::new(shared);
        let keeper = keeper::start(Arc::clone(&shared), index).map_err(unusable)?;
        Ok(Self { open: Arc::new(Open { shared, keeper: Mutex::new(Some(keeper)) }) })
    }

    /// A reader of the log with a connection of its own, for a thread that reads a lot.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the log cannot be opened.
    pub fn reader(&self) -> Result<LogReader, StoreError> {
        LogReader::open(self.shared().folder())
    }

    /// The offset of the last event, and a wake-up whenever it grows.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.shared().watch()
    }

    /// What was committed since the log was opened, and what waits.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        self.shared().statistics()
    }

    /// Waits until a commit fails. After that nothing is taken any more, and the process should
    /// end: what is on disk is the truth, and only a new start reads it.
    pub async fn failed(&self) -> String {
        self.shared().failed().await.to_string()
    }

    /// Ends the log: takes no more appends, answers those that wait, completes the index and lets
    /// the folder go. Other handles are refused from then on.
    pub async fn close(self) {
        self.shared().queue().close(log::stopped("the log was closed"));
        self.shared().queue().idle().await;
        let open = Arc::clone(&self.open);
        // A keeper that panicked has said so.
        let _ended = tokio::task::spawn_blocking(move || open.end_keeper()).await;
        self.shared().release();
    }

    /// Waits until the index has caught up, for tests that look at its file.
    #[doc(hidden)]
    pub fn settle(&self) {
        while self.shared().unindexed() > 0 {
            self.shared().commits().hurry();
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
    }

    fn shared(&self) -> &Arc<Shared> {
        &self.open.shared
    }
}

impl Open {
    fn end_keeper(&self) {
        self.shared.commits().close();
        let keeper = held(&self.keeper).take();
        // A keeper that panicked has said so.
        let _ended = keeper.map(JoinHandle::join);
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        // Whoever opens the folder next must find nobody at work in it. No append is under way:
        // it would hold a handle.
        self.end_keeper();
        self.shared.release();
    }
}

#[async_trait]
impl EventStore for EmbeddedStore {
    fn id(&self) -> StoreId {
        self.shared().id()
    }

    async fn append(&self, appends: Vec<Append>) -> Result<Vec<Appended>, AppendError> {
        check(&appends)?;
        let (answer, answered) = oneshot::channel();
        let events = appends.iter().fold(0, |sum: usize, one| sum.saturating_add(one.events.len()));
        let bytes = bytes_of(&appends);
        self.shared().enqueue(Waiting { appends, events, bytes, answer })?;
        answered.await.unwrap_or_else(|_| Err(log::stopped("the runtime is shutting down").into()))
    }

    async fn read_stream(
        &self,
        stream: &StreamName,
        from: Option<Revision>,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<Recorded>, StoreError> {
        let limit = limit.min(READ_EVENTS_MAX);
        let places = self.shared().places(stream, from, direction, limit)?;
        if places.is_empty() {
            return Ok(Vec::new());
        }
        if places.len() <= INLINE_EVENTS_MAX {
            return self.shared().read(|reader| reader.log.at(stream, &places));
        }
        let (shared, stream) = (Arc::clone(self.shared()), stream.clone());
        aside(move || shared.read(|reader| reader.log.at(&stream, &places))).await
    }

    async fn read_all(
        &self,
        bound: Option<Position>,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<Recorded>, StoreError> {
        let bound = bound.map(|bound| bound.within(self.id())).transpose()?;
        let limit = limit.min(READ_EVENTS_MAX);
        let shared = Arc::clone(self.shared());
        let read = move || {
            if let Some(bound) = bound {
                shared.within_head(bound)?;
            }
            shared.read(|reader| match direction {
                Direction::Forwards => reader.log.after(bound.unwrap_or(0), limit),
                Direction::Backwards => reader.log.before(bound.unwrap_or(u64::MAX), limit),
            })
        };
        if limit <= INLINE_EVENTS_MAX { read() } else { aside(read).await }
    }

    async fn head(&self) -> Result<Option<Position>, StoreError> {
        let offset = self.shared().head();
        Ok((offset > 0).then_some(Position { store: self.id(), offset }))
    }

    async fn grown(&self, bound: Option<Position>) -> Result<(), StoreError> {
        let bound = bound.map(|bound| bound.within(self.id())).transpose()?.unwrap_or(0);
        let mut head = self.watch();
        tokio::select! {
            Ok(_) = head.wait_for(|head| *head > bound) => Ok(()),
            // Who waits would wait for ever.
            () = self.shared().closed() => Err(log::stopped("the log was closed")),
        }
    }
}

/// Reads much without holding up the runtime.
async fn aside<T: Send + 'static>(
    read: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(read)
        .await
        .unwrap_or_else(|_| Err(log::stopped("the runtime is shutting down")))
}

/// Whoever may read the folder may read the members' personal data.
fn make_private(folder: &Path) -> std::io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// One process at a time writes a log; a second one is told so.
fn lock(folder: &Path) -> Result<File, StoreError> {
    let path = folder.join("lock");
    let file =
        File::options().create(true).truncate(false).write(true).open(path).map_err(unusable)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::Unavailable {
            why: format!("{} is in use by another process", folder.display()),
        }),
        Err(TryLockError::Error(why)) => Err(unusable(why)),
    }
}

fn unusable(why: std::io::Error) -> StoreError {
    StoreError::Unavailable { why: why.to_string() }
}

/// A lock whose holder panicked still guards data that every holder leaves whole.
fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod hosted;
#[cfg(test)]
mod tests;
