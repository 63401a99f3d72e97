//! Histories to try views with: written event by event, or a whole year of a district.

#![expect(clippy::unwrap_used, reason = "a broken history is a failed test")]

mod server;
#[cfg(test)]
pub(crate) mod shown;
mod year;

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use huzhu_domain::history::Event;
use huzhu_domain::id::derive;
use huzhu_store::port::{Append, Expected, NewEvent, Revision, StoreId};
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

pub use self::server::{Private, Scratch};
pub use self::year::{Figures, year};
use crate::projection::Arrived;

/// The log that histories belong to.
pub const STORE: StoreId = StoreId(Uuid::from_u128(7));

/// A history, event by event.
#[derive(Clone, Default)]
pub struct History {
    events: Vec<Arrived>,
    // The business date of what comes next; the day of the log if nobody says.
    day: Option<Date>,
    revisions: HashMap<String, u64>,
}

impl History {
    /// Says on which day what comes next counts.
    pub fn on(&mut self, day: Date) -> &mut Self {
        self.day = Some(day);
        self
    }

    /// Adds `event` at the end of `stream` and of the log.
    pub fn push(&mut self, stream: impl ToString, event: impl Into<Event>) -> &mut Self {
        let event = event.into();
        let stream = stream.to_string();
        let next = self.revisions.entry(stream.clone()).or_insert(0);
        let revision = *next;
        *next = revision.saturating_add(1);
        let offset = u64::try_from(self.events.len()).unwrap().saturating_add(1);
        let recorded_at = time(offset);
        let at = self.day.map_or_else(|| recorded_at.to_string(), |day| format!("{day}T01:00:00Z"));
        self.events.push(Arrived {
            offset,
            stream: stream.into(),
            revision,
            name: event.name().into(),
            version: event.version(),
            data: Bytes::from(event.encode()),
            metadata: Bytes::from(format!(r#"{{"at":"{at}"}}"#)),
            recorded_at,
        });
        self
    }

    /// The events so far.
    #[must_use]
    pub fn events(&self) -> &[Arrived] {
        &self.events
    }

    /// The history up to the event at `place`, that one included.
    #[must_use]
    pub fn until(mut self, place: usize) -> Self {
        self.events.truncate(place.saturating_add(1));
        self.revisions = self
            .events
            .iter()
            .map(|event| (event.stream.to_string(), event.revision.saturating_add(1)))
            .collect();
        self
    }

    /// The events so far, as appends of one event each.
    pub fn appends(&self) -> impl Iterator<Item = Append> {
        self.events.iter().map(append)
    }
}

/// When the event at `offset` is recorded.
#[must_use]
pub fn time(offset: u64) -> Timestamp {
    let since = SignedDuration::from_secs(i64::try_from(offset).unwrap());
    Timestamp::constant(1_388_534_400, 0).checked_add(since).unwrap()
}

fn append(event: &Arrived) -> Append {
    let last = event.revision.checked_sub(1).map(Revision);
    Append {
        stream: event.stream.parse().unwrap(),
        expected: Expected::after(last),
        events: vec![NewEvent {
            id: derive(&["event", &event.offset.to_string()]),
            name: Arc::from(event.name.as_ref()),
            version: event.version,
            data: event.data.clone(),
            metadata: event.metadata.clone(),
        }],
    }
}
