//! Where the worker gets its events from: any log through the port, or the embedded one directly.

use std::sync::Arc;

use bytes::Bytes;
use futures::future::{BoxFuture, FutureExt};
use huzhu_store::embedded::{EmbeddedStore, LogReader, Scanned};
use huzhu_store::port::{Direction, EventStore, Position, StoreError, StoreId};
use jiff::Timestamp;
use tokio::sync::watch;

use crate::projection::Arrived;

/// How much one read answers with at most; always at least one event, if there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// How many events.
    pub events: usize,
    /// How many bytes of bodies, give or take the last.
    pub bytes: usize,
}

/// What one read answers with.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// The events, in order.
    pub events: Vec<Arrived>,
    /// Whether the read ended at a limit: most likely there is more.
    pub more: bool,
}

/// A log, as the worker reads it.
pub trait Feed: Send {
    /// Which log it is.
    fn store(&self) -> StoreId;
    /// The offset of the last event, 0 for an empty log.
    fn head(&mut self) -> BoxFuture<'_, Result<u64, StoreError>>;
    /// The events after `offset`, in order.
    fn after(&mut self, offset: u64, budget: Budget) -> BoxFuture<'_, Result<Batch, StoreError>>;
    /// How many events lie between two offsets, if offsets tell.
    fn between(&self, _from: u64, _to: u64) -> Option<u64> {
        None
    }
    /// Waits until there is an event after `offset`.
    fn grown(&mut self, offset: u64) -> BoxFuture<'_, Result<(), StoreError>>;
}

/// Any log, through the port.
pub struct PortFeed {
    store: Arc<dyn EventStore>,
}

impl PortFeed {
    /// Reads `store`.
    #[must_use]
    pub fn new(store: Arc<dyn EventStore>) -> Self {
        Self { store }
    }

    fn bound(&self, offset: u64) -> Option<Position> {
        (offset > 0).then(|| Position { store: self.store.id(), offset })
    }
}

impl Feed for PortFeed {
    fn store(&self) -> StoreId {
        self.store.id()
    }

    fn head(&mut self) -> BoxFuture<'_, Result<u64, StoreError>> {
        async { Ok(self.store.head().await?.map_or(0, |head| head.offset)) }.boxed()
    }

    fn after(&mut self, offset: u64, budget: Budget) -> BoxFuture<'_, Result<Batch, StoreError>> {
        // The port counts events only. An event may hold a mebibyte, and most hold far less than a
        // thirty-second part of one.
        let largest = huzhu_store::port::EVENT_BYTES_MAX;
        let few = budget.bytes.checked_div(largest).unwrap_or(1).max(1).saturating_mul(32);
        let (bound, limit) = (self.bound(offset), budget.events.min(few));
        async move {
            let events = self.store.read_all(bound, Direction::Forwards, limit).await?;
            let more = events.len() >= limit;
            Ok(Batch { events: events.into_iter().map(Arrived::from).collect(), more })
        }
        .boxed()
    }

    fn grown(&mut self, offset: u64) -> BoxFuture<'_, Result<(), StoreError>> {
        let bound = self.bound(offset);
        async move { self.store.grown(bound).await }.boxed()
    }
}

/// The embedded log, read on the worker's own thread and connection.
pub struct EmbeddedFeed {
    reader: LogReader,
    head: watch::Receiver<u64>,
}

impl EmbeddedFeed {
    /// Reads `store`.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn new(store: &EmbeddedStore) -> Result<Self, StoreError> {
        Ok(Self { reader: store.reader()?, head: store.watch() })
    }
}

impl Feed for EmbeddedFeed {
    fn store(&self) -> StoreId {
        self.reader.id()
    }

    fn head(&mut self) -> BoxFuture<'_, Result<u64, StoreError>> {
        futures::future::ready(self.reader.head()).boxed()
    }

    fn after(&mut self, offset: u64, budget: Budget) -> BoxFuture<'_, Result<Batch, StoreError>> {
        futures::future::ready(scan(&self.reader, offset, budget)).boxed()
    }

    fn between(&self, from: u64, to: u64) -> Option<u64> {
        Some(to.saturating_sub(from))
    }

    fn grown(&mut self, offset: u64) -> BoxFuture<'_, Result<(), StoreError>> {
        async move {
            let grown = self.head.wait_for(|head| *head > offset).await;
            let closed =
                |why: watch::error::RecvError| StoreError::Unavailable { why: why.to_string() };
            grown.map(|_| ()).map_err(closed)
        }
        .boxed()
    }
}

/// Why a scan ends before the log does.
enum Ended {
    Full,
    Failed(StoreError),
}

impl From<StoreError> for Ended {
    fn from(error: StoreError) -> Self {
        Self::Failed(error)
    }
}

/// The events after `offset`, within `budget`.
///
/// # Errors
///
/// [`StoreError`].
pub fn scan(reader: &LogReader, offset: u64, budget: Budget) -> Result<Batch, StoreError> {
    let mut events = Vec::new();
    let mut bytes = 0_usize;
    let scanned = reader.scan(offset, budget.events, |event| {
        bytes = bytes.saturating_add(event.data.len());
        events.push(arrived(event)?);
        if bytes < budget.bytes { Ok(()) } else { Err(Ended::Full) }
    });
    let more = match scanned {
        Ok(_) => events.len() >= budget.events,
        Err(Ended::Full) => true,
        Err(Ended::Failed(error)) => return Err(error),
    };
    Ok(Batch { events, more })
}

fn arrived(event: Scanned<'_>) -> Result<Arrived, StoreError> {
    let recorded_at = Timestamp::from_microsecond(event.recorded_at)
        .map_err(|why| StoreError::Corrupt { why: why.to_string() })?;
    Ok(Arrived {
        offset: event.offset,
        stream: event.stream.into(),
        revision: event.revision.0,
        name: event.name.into(),
        version: event.version,
        data: Bytes::copy_from_slice(event.data),
        metadata: Bytes::copy_from_slice(event.metadata),
        recorded_at,
    })
}
