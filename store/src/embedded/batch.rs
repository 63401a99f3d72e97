//! What a commit will hold: every waiting append checked against what stands and what goes before.

use std::collections::BTreeMap;

use uuid::Uuid;

use crate::port::{
    Append, AppendError, Appended, Expected, NewEvent, Position, Revision, StoreError, StoreId,
    StreamName,
};

/// An event that got its place.
pub(super) struct Placed {
    pub(super) stream: StreamName,
    pub(super) revision: Revision,
    pub(super) offset: u64,
    pub(super) event: NewEvent,
}

/// What stands already.
pub(super) trait Standing {
    /// The last revision of `stream`.
    fn last(&mut self, stream: &StreamName) -> Result<Option<Revision>, StoreError>;

    /// Id and place of the event of `stream` at `revision`.
    fn event(
        &mut self,
        stream: &StreamName,
        revision: Revision,
    ) -> Result<Option<(Uuid, Appended)>, StoreError>;
}

/// The events of one commit.
pub(super) struct Batch<'a, S> {
    standing: &'a mut S,
    store: StoreId,
    head: u64,
    placed: Vec<Placed>,
    streams: BTreeMap<StreamName, Pending>,
}

/// What the batch adds to a stream: the places of its events in the batch.
struct Pending {
    first: Revision,
    last: Revision,
    places: Vec<usize>,
}

impl<'a, S: Standing> Batch<'a, S> {
    /// An empty batch behind the position `head`.
    pub(super) fn new(standing: &'a mut S, store: StoreId, head: u64) -> Self {
        Self { standing, store, head, placed: Vec::new(), streams: BTreeMap::new() }
    }

    /// Places a list, up to the first append that is refused.
    pub(super) fn take(&mut self, appends: Vec<Append>) -> Result<Vec<Appended>, AppendError> {
        let mut appended = Vec::with_capacity(appends.len());
        for (index, append) in appends.into_iter().enumerate() {
            let actual = self.last(&append.stream)?;
            if Expected::after(actual) == append.expected {
                appended.extend(self.place(append));
            } else if let Some(standing) = self.stands(&append, actual)? {
                appended.push(standing);
            } else {
                let (stream, expected) = (append.stream, append.expected);
                return Err(AppendError::Conflict { index, stream, expected, actual, appended });
            }
        }
        Ok(appended)
    }

    /// The placed events, and the streams they are in with their last revisions.
    pub(super) fn finish(self) -> (Vec<Placed>, Vec<(StreamName, Revision)>) {
        let lasts =
            self.streams.into_iter().map(|(stream, pending)| (stream, pending.last)).collect();
        (self.placed, lasts)
    }

    fn last(&mut self, stream: &StreamName) -> Result<Option<Revision>, StoreError> {
        match self.streams.get(stream) {
            Some(pending) => Ok(Some(pending.last)),
            None => self.standing.last(stream),
        }
    }

    fn place(&mut self, append: Append) -> Option<Appended> {
        let mut revision = append.expected.last().map_or(Revision::FIRST, Revision::next);
        let pending = self.streams.entry(append.stream.clone()).or_insert_with(|| Pending {
            first: revision,
            last: revision,
            places: Vec::with_capacity(append.events.len()),
        });
        for event in append.events {
            self.head = self.head.saturating_add(1);
            pending.places.push(self.placed.len());
            pending.last = revision;
            let stream = append.stream.clone();
            self.placed.push(Placed { stream, revision, offset: self.head, event });
            revision = revision.next();
        }
        self.placed.last().map(|placed| appended_at(self.store, placed))
    }

    /// Where the very events of `append` already stand, if they do.
    fn stands(
        &mut self,
        append: &Append,
        actual: Option<Revision>,
    ) -> Result<Option<Appended>, StoreError> {
        let mut revision = append.expected.last().map_or(Revision::FIRST, Revision::next);
        let mut last = None;
        for event in &append.events {
            if actual.is_none_or(|actual| revision > actual) {
                return Ok(None);
            }
            match self.event(&append.stream, revision)? {
                Some((id, appended)) if id == event.id => last = Some(appended),
                Some(_) | None => return Ok(None),
            }
            revision = revision.next();
        }
        Ok(last)
    }

    fn event(
        &mut self,
        stream: &StreamName,
        revision: Revision,
    ) -> Result<Option<(Uuid, Appended)>, StoreError> {
        let pending = self.streams.get(stream).filter(|pending| revision >= pending.first);
        let Some(pending) = pending else { return self.standing.event(stream, revision) };
        let place = revision.0.saturating_sub(pending.first.0);
        let placed = usize::try_from(place)
            .ok()
            .and_then(|place| pending.places.get(place))
            .and_then(|place| self.placed.get(*place));
        Ok(placed.map(|placed| (placed.event.id, appended_at(self.store, placed))))
    }
}

const fn appended_at(store: StoreId, placed: &Placed) -> Appended {
    Appended { revision: placed.revision, position: Position { store, offset: placed.offset } }
}
