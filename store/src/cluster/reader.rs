//! Reads through one supervised connection, in the port's terms.

use std::time::Duration;

use super::format::{event_in, is_ours, stream_out};
use super::head::Head;
use super::link::{Incoming, LinkError};
use super::supervisor::{Patience, Supervisor};
use crate::port::{
    Direction, READ_EVENTS_MAX, Recorded, Revision, StoreError, StoreId, StreamName,
};

/// Every event of an answer has a limit of its own besides.
const READ: Patience = Patience::new(Duration::from_secs(60), Duration::from_secs(75));

/// The last revision that the protocol can tell.
const REVISION_MAX: u64 = i64::MAX as u64;

/// How many events are asked for at least where some may not be ours to see.
const EVENTS_MIN: usize = 32;

pub(super) struct Reader {
    store: StoreId,
    supervisor: Supervisor,
    head: Head,
}

impl Reader {
    pub(super) fn new(store: StoreId, supervisor: Supervisor) -> Self {
        Self { store, supervisor, head: Head::new() }
    }

    pub(super) const fn supervisor(&self) -> &Supervisor {
        &self.supervisor
    }

    pub(super) const fn head(&self) -> &Head {
        &self.head
    }

    /// Looks for the last event of ours. What the server wrote for itself may stand behind it.
    pub(super) async fn last(&self) -> Result<Option<u64>, StoreError> {
        let known = self.head.known();
        let (mut from, mut limit) = (None, 1);
        loop {
            let read = self.supervisor.call(READ, |link| async move {
                link.read_all(from, Direction::Backwards, limit).await
            });
            let events = read.await.map_err(store_error)?;
            let last = events.iter().find(|event| event.offset <= known || is_ours(&event.stream));
            if let Some(last) = last {
                return Ok(Some(last.offset.max(known)).filter(|last| *last > 0));
            }
            if events.len() < limit {
                return Ok(Some(known).filter(|known| *known > 0));
            }
            from = events.last().map(|event| event.offset);
            limit = limit.saturating_mul(16).min(READ_EVENTS_MAX);
        }
    }

    /// Up to `limit` events of a stream, as the port asks for them.
    pub(super) async fn stream(
        &self,
        stream: &StreamName,
        from: Option<Revision>,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<Recorded>, StoreError> {
        let limit = limit.min(READ_EVENTS_MAX);
        // The end has a number of its own there, and nothing stands behind it.
        let from = match (direction, from) {
            (Direction::Forwards, Some(from)) if from.0 > REVISION_MAX => return Ok(Vec::new()),
            (Direction::Backwards, Some(from)) if from.0 > REVISION_MAX => None,
            (_, from) => from.map(|from| from.0),
        };
        if limit == 0 {
            return Ok(Vec::new());
        }
        let name = &*stream_out(stream);
        let read = self
            .supervisor
            .call(READ, |link| async move { link.read_stream(name, from, direction, limit).await });
        let events = read.await.map_err(store_error)?;
        let mut read = Vec::with_capacity(events.len());
        for event in events {
            read.extend(event_in(self.store, event)?);
        }
        whole(stream, from, direction, &read)?;
        Ok(read)
    }

    /// Up to `limit` events of the log: those after `bound`, or before it going backwards.
    pub(super) async fn all(
        &self,
        bound: Option<u64>,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<Recorded>, StoreError> {
        let limit = limit.min(READ_EVENTS_MAX);
        let mut read: Vec<Recorded> = Vec::new();
        let mut from = bound;
        while read.len() < limit {
            let missing = limit.saturating_sub(read.len());
            // Going forwards, the server begins with the event at the bound itself.
            let asked = missing.saturating_add(1).max(EVENTS_MIN);
            let events = self.page(from, direction, asked).await?;
            let short = events.len() < asked;
            let known = from;
            from = events.last().map(|event| event.offset).or(from);
            for event in events.into_iter().filter(|event| Some(event.offset) != known) {
                read.extend(event_in(self.store, event)?);
            }
            if short {
                break;
            }
        }
        read.truncate(limit);
        if let (Direction::Forwards, Some(last)) = (direction, read.last()) {
            self.head.seen(last.position.offset);
        }
        Ok(read)
    }

    async fn page(
        &self,
        from: Option<u64>,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<Incoming>, StoreError> {
        let read = self
            .supervisor
            .call(READ, |link| async move { link.read_all(from, direction, limit).await });
        read.await.map_err(store_error)
    }
}

/// A stream of ours counts from 0 without gaps: somebody who deletes or truncates is found out.
fn whole(
    stream: &StreamName,
    from: Option<u64>,
    direction: Direction,
    read: &[Recorded],
) -> Result<(), StoreError> {
    let first = match direction {
        Direction::Forwards => Some(from.unwrap_or(0)),
        Direction::Backwards => read.first().map(|first| first.revision.0),
    };
    let mut expected = first;
    for event in read {
        if Some(event.revision.0) != expected {
            let why = format!("{stream} has {} where {expected:?} should be", event.revision);
            return Err(StoreError::Corrupt { why });
        }
        expected = match direction {
            Direction::Forwards => event.revision.0.checked_add(1),
            Direction::Backwards => event.revision.0.checked_sub(1),
        };
    }
    Ok(())
}

/// What whoever uses the port is told of a call that came to nothing.
pub(super) fn store_error(why: LinkError) -> StoreError {
    match why {
        LinkError::Deleted => StoreError::Corrupt { why: why.to_string() },
        LinkError::Lost(_)
        | LinkError::CutOff
        | LinkError::NotLeader
        | LinkError::Conflict
        | LinkError::Denied
        | LinkError::Refused(_) => StoreError::Unavailable { why: why.to_string() },
    }
}
