//! Group commit: whatever appends are waiting go into the log together.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use quick_cache::sync::Cache;
use rusqlite::{Connection, params};
use tokio::sync::{oneshot, watch};

use super::held;
use super::index::Index;
use super::log::{Readers, failed, signed, stopped};
use crate::port::{
    Append, AppendError, Appended, Expected, NewEvent, Position, Recorded, Revision, StoreError,
    StoreId, StreamName,
};

/// The most lists of appends that wait at once.
const WAITING_MAX: usize = 20_000;
/// The most events that go into one commit.
const COMMIT_EVENTS_MAX: usize = 8_192;
/// How often the committer lets others go first, so that they join its commit.
const ROUNDS_MAX: usize = 4;
/// How many streams' heads are remembered.
const HEADS_MAX: usize = 500_000;

type Answer = Result<Vec<Appended>, AppendError>;

/// The single writer of the log and what waits for it.
pub(super) struct Committer {
    queue: Mutex<Queue>,
    writer: Mutex<Writer>,
    index: Arc<Index>,
    heads: Cache<StreamName, u64>,
    head: watch::Sender<u64>,
    broken: watch::Sender<Option<String>>,
    counters: Counters,
    clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Waiting>,
    draining: bool,
}

struct Waiting {
    appends: Vec<Append>,
    answer: oneshot::Sender<Answer>,
}

struct Writer {
    connection: Connection,
    head: u64,
    last_recorded: i64,
}

#[derive(Default)]
struct Counters {
    commits: AtomicU64,
    events: AtomicU64,
    lists: AtomicU64,
    conflicts: AtomicU64,
}

/// What was committed since the log was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Commits, each flushed to disk.
    pub commits: u64,
    /// Events in them.
    pub events: u64,
    /// Lists of appends in them.
    pub lists: u64,
    /// Appends that were refused for their expected revision.
    pub conflicts: u64,
}

/// What one commit adds beyond the rows, applied once it is durable.
#[derive(Default)]
struct Batch {
    heads: BTreeMap<StreamName, u64>,
    places: Vec<(StreamName, u64, u64)>,
    next: u64,
    recorded_at: i64,
}

impl Committer {
    pub(super) fn new(
        connection: Connection,
        index: Arc<Index>,
        head: watch::Sender<u64>,
        last_recorded: i64,
        clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    ) -> Self {
        let writer = Writer { connection, head: *head.borrow(), last_recorded };
        Self {
            queue: Mutex::default(),
            writer: Mutex::new(writer),
            index,
            heads: Cache::new(HEADS_MAX),
            head,
            broken: watch::Sender::new(None),
            counters: Counters::default(),
            clock,
        }
    }

    pub(super) fn statistics(&self) -> Statistics {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Statistics {
            commits: read(&self.counters.commits),
            events: read(&self.counters.events),
            lists: read(&self.counters.lists),
            conflicts: read(&self.counters.conflicts),
        }
    }

    pub(super) async fn failed(&self) -> String {
        let mut broken = self.broken.subscribe();
        match broken.wait_for(Option::is_some).await {
            Ok(why) => why.clone().unwrap_or_default(),
            Err(closed) => closed.to_string(),
        }
    }

    /// Puts a list in line; `begin` starts a committer where none is at work.
    pub(super) fn enqueue(
        &self,
        appends: Vec<Append>,
        begin: impl FnOnce(),
    ) -> Result<oneshot::Receiver<Answer>, AppendError> {
        if let Some(why) = &*self.broken.borrow() {
            return Err(stopped(why).into());
        }
        let (answer, receiver) = oneshot::channel();
        let mut queue = held(&self.queue);
        if queue.waiting.len() >= WAITING_MAX {
            return Err(AppendError::Overloaded);
        }
        queue.waiting.push_back(Waiting { appends, answer });
        let idle = !std::mem::replace(&mut queue.draining, true);
        drop(queue);
        if idle {
            begin();
        }
        Ok(receiver)
    }

    /// Commits what is waiting until nothing is. A task of its own, so that a caller who goes away
    /// takes nobody else's commit along.
    pub(super) async fn drain(&self, id: StoreId, readers: &Readers) {
        loop {
            self.gather().await;
            let mut group = self.take();
            if group.is_empty() {
                return;
            }
            match self.commit(id, readers, &mut group) {
                Ok(answers) => {
                    for (waiting, answer) in group.into_iter().zip(answers) {
                        // A caller who went away is not told.
                        let _ = waiting.answer.send(answer);
                    }
                }
                Err(why) => {
                    let told = why.to_string();
                    tracing::error!(why = told, "a commit failed; nothing is taken any more");
                    self.broken.send_replace(Some(told));
                    for waiting in group {
                        let _ = waiting.answer.send(Err(why.clone().into()));
                    }
                }
            }
        }
    }

    /// Lets tasks that are ready put their appends in line, as long as more come.
    async fn gather(&self) {
        let mut before = 0;
        for _ in 0..ROUNDS_MAX {
            tokio::task::yield_now().await;
            let waiting = held(&self.queue).waiting.len();
            if waiting == before {
                return;
            }
            before = waiting;
        }
    }

    fn take(&self) -> Vec<Waiting> {
        let mut queue = held(&self.queue);
        let mut events = 0_usize;
        let mut group = Vec::with_capacity(queue.waiting.len());
        while let Some(waiting) = queue.waiting.pop_front() {
            events = waiting
                .appends
                .iter()
                .map(|append| append.events.len())
                .fold(events, usize::saturating_add);
            group.push(waiting);
            if events >= COMMIT_EVENTS_MAX {
                break;
            }
        }
        queue.draining = !group.is_empty();
        group
    }

    fn commit(
        &self,
        id: StoreId,
        readers: &Readers,
        group: &mut [Waiting],
    ) -> Result<Vec<Answer>, StoreError> {
        let mut writer = held(&self.writer);
        if let Some(why) = &*self.broken.borrow() {
            return Err(stopped(why));
        }
        let now = (self.clock)().as_microsecond().max(writer.last_recorded);
        let mut batch =
            Batch { next: writer.head.saturating_add(1), recorded_at: now, ..Batch::default() };
        let mut answers = Vec::with_capacity(group.len());
        writer.connection.execute_batch("BEGIN IMMEDIATE").map_err(failed)?;
        for waiting in group.iter_mut() {
            let appends = std::mem::take(&mut waiting.appends);
            answers.push(self.record(&writer.connection, id, readers, appends, &mut batch)?);
        }
        writer.connection.execute_batch("COMMIT").map_err(failed)?;
        if !batch.places.is_empty() {
            writer.head = batch.next.saturating_sub(1);
            writer.last_recorded = now;
            self.count(&batch, &answers);
            for (stream, revision) in batch.heads {
                self.heads.insert(stream, revision);
            }
            self.index.add(batch.places);
            self.head.send_replace(writer.head);
        }
        Ok(answers)
    }

    fn count(&self, batch: &Batch, answers: &[Answer]) {
        let add = |counter: &AtomicU64, more: usize| {
            counter.fetch_add(u64::try_from(more).unwrap_or(0), Ordering::Relaxed);
        };
        add(&self.counters.commits, 1);
        add(&self.counters.events, batch.places.len());
        add(&self.counters.lists, answers.len());
        add(&self.counters.conflicts, answers.iter().filter(|answer| answer.is_err()).count());
    }

    /// One list: in order, up to the first append that does not hold.
    fn record(
        &self,
        connection: &Connection,
        id: StoreId,
        readers: &Readers,
        appends: Vec<Append>,
        batch: &mut Batch,
    ) -> Result<Answer, StoreError> {
        let mut appended = Vec::with_capacity(appends.len());
        for (index, append) in appends.into_iter().enumerate() {
            let actual = self.last(&append.stream, batch)?;
            if Expected::after(actual) == append.expected {
                appended.push(insert(connection, id, append, actual, batch)?);
                continue;
            }
            if let Some(standing) = self.standing(connection, readers, &append)? {
                appended.push(standing);
                continue;
            }
            let Append { stream, expected, .. } = append;
            return Ok(Err(AppendError::Conflict { index, stream, expected, actual, appended }));
        }
        Ok(Ok(appended))
    }

    /// The last revision of a stream, appends of this commit included.
    fn last(&self, stream: &StreamName, batch: &Batch) -> Result<Option<Revision>, StoreError> {
        let known = batch.heads.get(stream).copied().or_else(|| self.heads.get(stream));
        if let Some(known) = known {
            return Ok(Some(Revision(known)));
        }
        let last = self.index.last(stream)?;
        if let Some(last) = last {
            self.heads.insert(stream.clone(), last.0);
        }
        Ok(last)
    }

    /// Where the very events of `append` already stand: the answer to a first try was lost.
    fn standing(
        &self,
        connection: &Connection,
        readers: &Readers,
        append: &Append,
    ) -> Result<Option<Appended>, StoreError> {
        let first = append.expected.last().map_or(Revision::FIRST, Revision::next);
        let places = self.index.places(
            &append.stream,
            Some(first),
            crate::port::Direction::Forwards,
            append.events.len(),
        )?;
        if places.len() != append.events.len() {
            return Ok(None);
        }
        // Read through the writer too: the events may be part of this very commit.
        let same = |event: &NewEvent, offset: u64| -> Result<bool, StoreError> {
            let id: Result<[u8; 16], _> = connection.query_row(
                "SELECT id FROM events WHERE position = ?",
                params![signed(offset)],
                |row| row.get(0),
            );
            id.map(|id| id == *event.id.as_bytes()).map_err(failed)
        };
        for (event, (_, offset)) in append.events.iter().zip(&places) {
            if !same(event, *offset)? {
                return Ok(None);
            }
        }
        let Some((_, offset)) = places.last() else { return Ok(None) };
        let found: Option<Recorded> = readers.with(|log| log.at(*offset))?;
        Ok(found.map(|event| Appended {
            revision: event.revision,
            position: event.position,
            recorded_at: event.recorded_at,
        }))
    }
}

fn insert(
    connection: &Connection,
    store: StoreId,
    append: Append,
    actual: Option<Revision>,
    batch: &mut Batch,
) -> Result<Appended, StoreError> {
    let mut statement = connection
        .prepare_cached(
            "INSERT INTO events
             (position, stream, revision, id, name, version, data, metadata, recorded_at)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .map_err(failed)?;
    let mut revision = actual.map_or(Revision::FIRST, Revision::next);
    let mut last = (revision, batch.next);
    for event in append.events {
        statement
            .execute(params![
                signed(batch.next),
                append.stream.as_str(),
                signed(revision.0),
                event.id.as_bytes(),
                &*event.name,
                event.version,
                &*event.data,
                &*event.metadata,
                batch.recorded_at,
            ])
            .map_err(failed)?;
        batch.places.push((append.stream.clone(), revision.0, batch.next));
        last = (revision, batch.next);
        batch.next = batch.next.saturating_add(1);
        revision = revision.next();
    }
    batch.heads.insert(append.stream, last.0.0);
    let recorded_at = Timestamp::from_microsecond(batch.recorded_at)
        .map_err(|why| StoreError::Corrupt { why: why.to_string() })?;
    let position = Position { store, offset: last.1 };
    Ok(Appended { revision: last.0, position, recorded_at })
}
