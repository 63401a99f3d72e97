//! What the callers, the committer and the keeper of an open log share.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use quick_cache::sync::Cache;
use tokio::sync::watch;

use super::batch::Batch;
use super::commits::Commits;
use super::index::{IndexReader, IndexWriter};
use super::log::{self, Reading};
use super::looking::Looking;
use super::queue::{Committed, Limits, Next, Queue, Waiting};
use super::statistics::Statistics;
use super::tail::Tail;
use super::writer::Writer;
use super::{Clock, held};
use crate::port::{AppendError, Direction, Revision, StoreError, StoreId, StreamName};

/// How many streams' last revisions are remembered.
const HEADS_MAX: usize = 65_536;
/// How far the index may stay behind; beyond it, appends are refused until it has caught up.
const UNINDEXED_EVENTS_MAX: u64 = 1_000_000;
/// From so many callers on, a commit is handed to another thread.
const HANDED_OVER_MIN: usize = 4;
/// How often the committer looks whether more callers have become ready.
const GATHERING_ROUNDS_MAX: u32 = 8;
/// How many readers are kept open for the next caller.
const READERS_MAX: usize = 8;

pub(super) struct Shared {
    id: StoreId,
    folder: PathBuf,
    clock: Clock,
    queue: Queue,
    tail: Tail,
    lasts: Cache<StreamName, Revision>,
    commits: Commits,
    head: watch::Sender<u64>,
    failed: watch::Sender<Option<StoreError>>,
    closed: watch::Sender<bool>,
    indexed: AtomicU64,
    checkpoint_wanted: AtomicBool,
    counted: Mutex<Statistics>,
    readers: Mutex<Vec<Reader>>,
    /// With the lock on the folder; `None` after the log was closed.
    writer: Mutex<Option<(Writer, File)>>,
}

/// A pair of connections that look things up.
pub(super) struct Reader {
    pub(super) log: Reading,
    pub(super) index: IndexReader,
}

impl Shared {
    pub(super) fn open(
        folder: &Path,
        lock: File,
        clock: Clock,
        limits: Limits,
    ) -> Result<(Self, IndexWriter), StoreError> {
        let path = log_path(folder);
        let (connection, id) = log::open(&path)?;
        let writer = Writer::new(connection)?;
        let head = writer.head();
        let index = IndexWriter::open(&index_path(folder), &path, id, head)?;
        let shared = Self {
            id,
            folder: folder.to_owned(),
            clock,
            queue: Queue::new(limits),
            tail: Tail::default(),
            lasts: Cache::new(HEADS_MAX),
            commits: Commits::starting_at(head),
            head: watch::Sender::new(head),
            failed: watch::Sender::new(None),
            closed: watch::Sender::new(false),
            indexed: AtomicU64::new(head),
            checkpoint_wanted: AtomicBool::new(false),
            counted: Mutex::default(),
            readers: Mutex::default(),
            writer: Mutex::new(Some((writer, lock))),
        };
        Ok((shared, index))
    }

    pub(super) const fn id(&self) -> StoreId {
        self.id
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) const fn queue(&self) -> &Queue {
        &self.queue
    }

    pub(super) const fn tail(&self) -> &Tail {
        &self.tail
    }

    pub(super) const fn commits(&self) -> &Commits {
        &self.commits
    }

    pub(super) fn head(&self) -> u64 {
        *self.head.borrow()
    }

    pub(super) async fn closed(&self) {
        // The sender lives as long as this does.
        let _ = self.closed.subscribe().wait_for(|closed| *closed).await;
    }

    pub(super) fn watch(&self) -> watch::Receiver<u64> {
        self.head.subscribe()
    }

    /// Nothing is taken any more, and the program is told to stop.
    pub(super) fn fail(&self, error: &StoreError) {
        tracing::error!(%error, "the log has failed");
        self.queue.close(error.clone());
        self.failed.send_if_modified(|failed| {
            failed.is_none() && {
                *failed = Some(error.clone());
                true
            }
        });
    }

    pub(super) async fn failed(&self) -> StoreError {
        let mut failed = self.failed.subscribe();
        match failed.wait_for(Option::is_some).await.map(|failed| failed.clone()) {
            Ok(Some(error)) => error,
            // The sender lives in `self`.
            Ok(None) | Err(_) => std::future::pending().await,
        }
    }

    pub(super) fn statistics(&self) -> Statistics {
        Statistics {
            waiting: self.queue.len(),
            unindexed: self.unindexed(),
            ..*held(&self.counted)
        }
    }

    pub(super) fn unindexed(&self) -> u64 {
        self.head().saturating_sub(self.indexed.load(Ordering::Acquire))
    }

    pub(super) fn set_indexed(&self, indexed: u64) {
        self.indexed.store(indexed, Ordering::Release);
    }

    /// Asks the committer to take the rest of the journal into the log's main file.
    pub(super) fn want_checkpoint(&self) {
        self.checkpoint_wanted.store(true, Ordering::Relaxed);
    }

    /// Closes every file and lets the folder go.
    pub(super) fn release(&self) {
        self.closed.send_replace(true);
        self.readers().clear();
        self.writer().take();
    }

    fn writer(&self) -> MutexGuard<'_, Option<(Writer, File)>> {
        held(&self.writer)
    }

    fn readers(&self) -> MutexGuard<'_, Vec<Reader>> {
        held(&self.readers)
    }
}

/// Reading.
impl Shared {
    /// Looks something up on a pair of connections that nobody else uses meanwhile.
    pub(super) fn read<T>(
        &self,
        look: impl FnOnce(&mut Reader) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut reader = self.reader()?;
        let found = look(&mut reader)?;
        self.give_back(reader);
        Ok(found)
    }

    /// A pair of connections that nobody else uses.
    pub(super) fn reader(&self) -> Result<Reader, StoreError> {
        let idle = self.readers().pop();
        idle.map_or_else(|| self.open_reader(), Ok)
    }

    /// Keeps a reader for the next caller.
    pub(super) fn give_back(&self, reader: Reader) {
        let mut readers = self.readers();
        if readers.len() < READERS_MAX {
            readers.push(reader);
        }
    }

    /// The last revision of `stream`, if that is remembered.
    pub(super) fn remembered(&self, stream: &StreamName) -> Option<Revision> {
        self.tail.last(stream).or_else(|| self.lasts.get(stream))
    }

    fn open_reader(&self) -> Result<Reader, StoreError> {
        Ok(Reader {
            log: Reading::open(&log_path(&self.folder), self.id)?,
            index: IndexReader::open(&index_path(&self.folder))?,
        })
    }

    /// Whether the log reaches `offset`.
    pub(super) fn within_head(&self, offset: u64) -> Result<(), StoreError> {
        if offset <= self.head() {
            return Ok(());
        }
        // A commit can be seen a moment before it is announced.
        let head = self.read(|reader| reader.log.head())?;
        if offset <= head { Ok(()) } else { Err(StoreError::BeyondHead { given: offset, head }) }
    }

    /// Where up to `limit` events of `stream` stand, beginning with the one at `from`.
    pub(super) fn places(
        &self,
        stream: &StreamName,
        from: Option<Revision>,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<(Revision, u64)>, StoreError> {
        let tail = self.tail.of(stream);
        let first = tail.as_ref().map(|tail| tail.first);
        let recent = tail.iter().flat_map(|tail| tail.iter());
        let indexed =
            |from, limit| self.read(|reader| reader.index.places(stream, from, direction, limit));
        match direction {
            Direction::Forwards => {
                let from = from.unwrap_or(Revision::FIRST);
                let mut places = match first {
                    Some(first) if first <= from => Vec::new(),
                    Some(_) | None => indexed(from, limit)?,
                };
                // What was indexed since the tail was looked at is in both.
                places.retain(|(revision, _)| first.is_none_or(|first| *revision < first));
                places.extend(recent.filter(|(revision, _)| *revision >= from));
                places.truncate(limit);
                Ok(places)
            }
            Direction::Backwards => {
                let from = from.unwrap_or(Revision(u64::MAX));
                let mut places: Vec<_> =
                    recent.rev().filter(|(revision, _)| *revision <= from).take(limit).collect();
                let below = first.map_or(Some(from.0), |first| first.0.checked_sub(1));
                if let Some(below) = below {
                    let more = limit.saturating_sub(places.len());
                    places.extend(indexed(Revision(below.min(from.0)), more)?);
                }
                Ok(places)
            }
        }
    }
}

/// Committing.
impl Shared {
    /// Lets a list wait for the next commit, and starts a committer if none is at work.
    pub(super) fn enqueue(self: &Arc<Self>, waiting: Waiting) -> Result<(), AppendError> {
        if self.unindexed() > UNINDEXED_EVENTS_MAX {
            return Err(AppendError::Overloaded);
        }
        let pushed = self.queue.push(waiting)?;
        if let Some(lists) = pushed.enough {
            Work::begin(self, lists);
        }
        if pushed.first {
            // Made here, so that it tells the callers even if its runtime never runs it.
            let committer = Committer { shared: Arc::clone(self), ended: false };
            tokio::spawn(committer.run());
        }
        Ok(())
    }

    fn commit(&self, mut lists: Vec<Waiting>) -> Committed {
        // A caller that has left does not want the answer, and nobody was promised anything.
        lists.retain(|list| !list.answer.is_closed());
        let mut guard = self.writer();
        let Some((writer, _)) = guard.as_mut() else {
            let why = StoreError::Unavailable { why: "the log is closed".to_owned() };
            return refuse_all(lists, &why);
        };
        if let Some(error) = self.failed.borrow().clone() {
            return refuse_all(lists, &error);
        }
        let now = writer.time((self.clock)());
        let mut standing = Looking::over(self);
        let mut batch = Batch::new(&mut standing, self.id, writer.head());
        let mut answers: Vec<_> =
            lists.into_iter().map(|list| (list.answer, batch.take(list.appends))).collect();
        let (placed, lasts) = batch.finish();
        drop(standing);
        if placed.is_empty() {
            return Committed { answers, written: placed };
        }
        if let Err(error) = writer.record(&placed, now) {
            self.fail(&error);
            for (_, answer) in &mut answers {
                *answer = Err(error.clone().into());
            }
            return Committed { answers, written: placed };
        }
        self.tail.add(placed.iter().map(|event| (&event.stream, event.revision, event.offset)));
        for (stream, last) in lasts {
            self.lasts.insert(stream, last);
        }
        self.announce(writer.head());
        let refused = answers.iter().filter(|(_, answer)| answer.is_err()).count();
        held(&self.counted).commit(placed.len(), answers.len(), refused, now);
        Committed { answers, written: placed }
    }

    /// Ends what the keeper began, if it wants that: right after a commit nothing is in the way.
    fn checkpoint(&self) {
        if self.checkpoint_wanted.swap(false, Ordering::Relaxed)
            && let Some((writer, _)) = self.writer().as_ref()
            && let Err(error) = writer.checkpoint()
        {
            self.fail(&error);
        }
    }

    fn announce(&self, head: u64) {
        self.head.send_replace(head);
        self.commits.grow(head);
    }
}

fn refuse_all(lists: Vec<Waiting>, error: &StoreError) -> Committed {
    let refuse = |list: Waiting| (list.answer, Err(error.clone().into()));
    Committed { answers: lists.into_iter().map(refuse).collect(), written: Vec::new() }
}

/// A thread beside the callers' that commits: once it is at work it goes on while enough wait, and
/// the callers' thread decides on the next commands meanwhile.
struct Work {
    shared: Arc<Shared>,
    ended: bool,
}

impl Work {
    fn begin(shared: &Arc<Shared>, lists: Vec<Waiting>) {
        // Made here, so that it lets others commit even if its runtime never runs it.
        let work = Self { shared: Arc::clone(shared), ended: false };
        tokio::task::spawn_blocking(move || work.go_on(lists));
    }

    fn go_on(mut self, mut lists: Vec<Waiting>) {
        loop {
            self.shared.queue.done(self.shared.commit(lists));
            self.shared.checkpoint();
            match self.shared.queue.more() {
                Some(more) => lists = more,
                None => break,
            }
        }
        self.ended = true;
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        // Callers of a commit that panicked learn it from the end of their answer's channel.
        if !self.ended {
            self.shared.queue.rest();
        }
    }
}

/// Works as long as something waits; when its runtime drops it, the callers learn that.
struct Committer {
    shared: Arc<Shared>,
    ended: bool,
}

impl Committer {
    async fn run(mut self) {
        let shared = Arc::clone(&self.shared);
        loop {
            self.gather().await;
            match shared.queue.next() {
                Next::Answer(commits) => commits.into_iter().for_each(answer),
                // Few are committed right here: another thread would take longer to wake than to
                // write.
                Next::Commit(lists) if lists.len() < HANDED_OVER_MIN => {
                    answer(shared.commit(lists));
                    shared.checkpoint();
                    shared.queue.rest();
                }
                Next::Commit(lists) => Work::begin(&shared, lists),
                Next::Wait => shared.queue.changed().await,
                Next::Nothing => {
                    // From here on the next caller starts another one.
                    self.ended = true;
                    return;
                }
            }
        }
    }

    /// Lets everyone who is ready to append do so first: they share the commit.
    async fn gather(&self) {
        if !self.shared.queue.gathers() {
            return;
        }
        let mut waiting = self.shared.queue.len();
        for _ in 0..GATHERING_ROUNDS_MAX {
            tokio::task::yield_now().await;
            let now = self.shared.queue.len();
            if now <= waiting {
                return;
            }
            waiting = now;
        }
    }
}

/// Answers callers; what was written is freed here, where it was made.
fn answer(Committed { answers, written }: Committed) {
    for (to, answer) in answers {
        // The caller may have left since.
        let _sent = to.send(answer);
    }
    drop(written);
}

impl Drop for Committer {
    fn drop(&mut self) {
        if !self.ended {
            self.shared.queue.abandon();
        }
    }
}

fn log_path(folder: &Path) -> PathBuf {
    folder.join("log.db")
}

fn index_path(folder: &Path) -> PathBuf {
    folder.join("index.db")
}
