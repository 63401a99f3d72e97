//! A cluster as what a log is copied to.
//!
//! The order of the log is kept: appends go over one session, and the server takes them in the order
//! in which they come. Many are on their way at a time; when something goes wrong all of them are
//! asked again, and those that stand are known by their ids.

use std::mem;
use std::time::Duration;

use async_trait::async_trait;

use super::format::{event_out, stream_out};
use super::link::{LinkError, Ordered};
use super::reader::store_error;
use super::supervisor::Patience;
use super::{APPEND_BYTES_MAX, ClusterStore, EVENT_OVERHEAD};
use crate::copy::{Readable, Writable};
use crate::port::{
    Direction, EventStore, Expected, NewEvent, Position, Recorded, Revision, StoreError,
};

/// About how many bytes are on their way at a time.
const UNDER_WAY: usize = 8 * 1024 * 1024;

const COPY: Patience = Patience::new(Duration::from_secs(30), Duration::from_secs(90));

#[async_trait]
impl Readable for ClusterStore {
    async fn after(
        &mut self,
        bound: Option<Position>,
        limit: usize,
    ) -> Result<Vec<Recorded>, StoreError> {
        self.read_all(bound, Direction::Forwards, limit).await
    }
}

#[async_trait]
impl Writable for ClusterStore {
    async fn add(&mut self, events: Vec<Recorded>) -> Result<(), StoreError> {
        for part in parts(events) {
            let added = self.leader.supervisor().call(COPY, |link| {
                let part = part.clone();
                async move { link.append_in_order(part).await }
            });
            added.await.map_err(|why| match why {
                LinkError::Conflict => StoreError::Corrupt {
                    why: "a stream goes on there in another way than in the source".to_owned(),
                },
                LinkError::Lost(_)
                | LinkError::CutOff
                | LinkError::NotLeader
                | LinkError::Denied
                | LinkError::Deleted
                | LinkError::Refused(_) => store_error(why),
            })?;
        }
        Ok(())
    }
}

/// Appends in the order of the log, in parts that may be on their way at once. Neighbours of one
/// stream go together.
fn parts(events: Vec<Recorded>) -> Vec<Vec<Ordered>> {
    let mut parts = Vec::new();
    let (mut part, mut bytes) = (Vec::<Ordered>::new(), 0_usize);
    let mut last: Option<(Recorded, usize)> = None;
    for recorded in events {
        let size = [recorded.data.len(), recorded.metadata.len(), EVENT_OVERHEAD, 128];
        let size = size.into_iter().fold(0, usize::saturating_add);
        if bytes.saturating_add(size) > UNDER_WAY && !part.is_empty() {
            parts.push(mem::take(&mut part));
            bytes = 0;
            last = None;
        }
        bytes = bytes.saturating_add(size);
        let event = NewEvent {
            id: recorded.id,
            name: recorded.name.clone(),
            version: recorded.version,
            data: recorded.data.clone(),
            metadata: recorded.metadata.clone(),
        };
        let event = event_out(&event, Some(recorded.recorded_at));
        let follows = last.as_ref().is_some_and(|(before, held)| {
            before.stream == recorded.stream
                && before.revision.next() == recorded.revision
                && held.saturating_add(size) <= APPEND_BYTES_MAX
        });
        match part.last_mut() {
            Some(append) if follows => append.events.push(event),
            Some(_) | None => {
                let before = recorded.revision.0.checked_sub(1).map(Revision);
                part.push(Ordered {
                    stream: stream_out(&recorded.stream).into_owned(),
                    expected: Expected::after(before),
                    events: vec![event],
                });
            }
        }
        let held = if follows { last.map_or(0, |(_, held)| held) } else { 0 };
        last = Some((recorded, held.saturating_add(size)));
    }
    if !part.is_empty() {
        parts.push(part);
    }
    parts
}
