//! The model: a log in memory, simple enough to be right by reading.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use jiff::Timestamp;
use tokio::sync::watch;
use uuid::Uuid;

use crate::port::{
    Append, AppendError, Appended, Direction, EventStore, Expected, Position, READ_EVENTS_MAX,
    Recorded, Revision, StoreError, StoreId, StreamName, check,
};

/// A log that lives as long as the process, for tests and for trying things out.
#[derive(Clone)]
pub struct MemoryStore {
    id: StoreId,
    clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    log: Arc<Mutex<Log>>,
    head: watch::Sender<u64>,
}

#[derive(Default)]
struct Log {
    events: Vec<Recorded>,
    streams: BTreeMap<StreamName, Vec<usize>>,
}

impl MemoryStore {
    /// An empty log that takes its times from `clock`.
    pub fn new(id: Uuid, clock: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self {
            id: StoreId(id),
            clock: Arc::new(clock),
            log: Arc::default(),
            head: watch::Sender::new(0),
        }
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Log {
    fn last(&self, stream: &StreamName) -> Option<Revision> {
        self.of(stream).last().map(|event| event.revision)
    }

    fn of(&self, stream: &StreamName) -> Vec<&Recorded> {
        let places = self.streams.get(stream).map_or(&[][..], Vec::as_slice);
        places.iter().filter_map(|place| self.events.get(*place)).collect()
    }

    /// Where the events of `append` already stand, if they do.
    fn standing(&self, append: &Append) -> Option<Appended> {
        let first = append.expected.last().map_or(0, |last| last.next().0);
        let first = usize::try_from(first).ok()?;
        let standing: Vec<_> = self.of(&append.stream);
        let standing = standing.get(first..first.checked_add(append.events.len())?)?;
        let same = standing.iter().zip(&append.events).all(|(old, new)| old.id == new.id);
        let last = standing.last().filter(|_| same)?;
        Some(Appended { revision: last.revision, position: last.position })
    }

    fn record(&mut self, store: StoreId, append: Append, now: Timestamp) -> Option<Appended> {
        let recorded_at = self.events.last().map_or(now, |last| last.recorded_at.max(now));
        let mut next = self.last(&append.stream).map_or(Revision::FIRST, Revision::next);
        for event in append.events {
            let place = self.events.len();
            self.streams.entry(append.stream.clone()).or_default().push(place);
            self.events.push(Recorded {
                stream: append.stream.clone(),
                revision: next,
                position: Position { store, offset: offset(place) },
                id: event.id,
                name: event.name,
                version: event.version,
                data: event.data,
                metadata: event.metadata,
                recorded_at,
            });
            next = next.next();
        }
        self.events.last().map(|last| Appended { revision: last.revision, position: last.position })
    }
}

/// Positions count from 1.
fn offset(place: usize) -> u64 {
    u64::try_from(place).unwrap_or(u64::MAX).saturating_add(1)
}

#[async_trait]
impl EventStore for MemoryStore {
    fn id(&self) -> StoreId {
        self.id
    }

    async fn append(&self, appends: Vec<Append>) -> Result<Vec<Appended>, AppendError> {
        check(&appends)?;
        let now = (self.clock)();
        let mut log = self.log();
        let mut appended = Vec::with_capacity(appends.len());
        for (index, append) in appends.into_iter().enumerate() {
            if let Some(standing) = log.standing(&append) {
                appended.push(standing);
                continue;
            }
            let actual = log.last(&append.stream);
            if Expected::after(actual) != append.expected {
                let (stream, expected) = (append.stream, append.expected);
                self.head.send_replace(offset(log.events.len()).saturating_sub(1));
                return Err(AppendError::Conflict { index, stream, expected, actual, appended });
            }
            appended.extend(log.record(self.id, append, now));
        }
        self.head.send_replace(offset(log.events.len()).saturating_sub(1));
        Ok(appended)
    }

    async fn read_stream(
        &self,
        stream: &StreamName,
        from: Option<Revision>,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<Recorded>, StoreError> {
        let log = self.log();
        let events = log.of(stream).into_iter();
        let limit = limit.min(READ_EVENTS_MAX);
        Ok(match direction {
            Direction::Forwards => events
                .filter(|event| from.is_none_or(|from| event.revision >= from))
                .take(limit)
                .cloned()
                .collect(),
            Direction::Backwards => events
                .rev()
                .filter(|event| from.is_none_or(|from| event.revision <= from))
                .take(limit)
                .cloned()
                .collect(),
        })
    }

    async fn read_all(
        &self,
        bound: Option<Position>,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<Recorded>, StoreError> {
        let bound = bound.map(|bound| bound.within(self.id)).transpose()?;
        let log = self.log();
        let head = log.events.last().map_or(0, |last| last.position.offset);
        if let Some(given) = bound.filter(|bound| *bound > head) {
            return Err(StoreError::BeyondHead { given, head });
        }
        let limit = limit.min(READ_EVENTS_MAX);
        let events = log.events.iter();
        Ok(match direction {
            Direction::Forwards => events
                .filter(|event| bound.is_none_or(|bound| event.position.offset > bound))
                .take(limit)
                .cloned()
                .collect(),
            Direction::Backwards => events
                .rev()
                .filter(|event| bound.is_none_or(|bound| event.position.offset < bound))
                .take(limit)
                .cloned()
                .collect(),
        })
    }

    async fn head(&self) -> Result<Option<Position>, StoreError> {
        Ok(self.log().events.last().map(|last| last.position))
    }

    async fn grown(&self, bound: Option<Position>) -> Result<(), StoreError> {
        let bound = bound.map(|bound| bound.within(self.id)).transpose()?.unwrap_or(0);
        let mut head = self.head.subscribe();
        head.wait_for(|head| *head > bound)
            .await
            .map(|_| ())
            .map_err(|closed| StoreError::Unavailable { why: closed.to_string() })
    }
}

#[cfg(test)]
mod tests;
