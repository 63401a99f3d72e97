//! Where the events are that the log holds and the index does not hold yet.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::port::{Revision, StreamName};

/// The places of a stream's last events, whose revisions follow each other from `first`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Places {
    pub(super) first: Revision,
    pub(super) offsets: Vec<u64>,
}

impl Places {
    fn last(&self) -> Option<Revision> {
        let count = u64::try_from(self.offsets.len()).ok()?;
        count.checked_sub(1).map(|more| Revision(self.first.0.saturating_add(more)))
    }

    /// Revision and offset of each.
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = (Revision, u64)> {
        let first = self.first.0;
        let revisions = (0..self.offsets.len())
            .map(move |place| Revision(first.saturating_add(u64::try_from(place).unwrap_or(0))));
        revisions.zip(self.offsets.iter().copied())
    }
}

/// The committer adds to it, the indexer takes from it, everyone looks into it.
///
/// It has two halves, so that the indexer takes a whole half at once and nobody waits for it.
#[derive(Debug, Default)]
pub(super) struct Tail {
    halves: Mutex<Halves>,
}

#[derive(Debug, Default)]
struct Halves {
    growing: BTreeMap<StreamName, Places>,
    frozen: BTreeMap<StreamName, Places>,
    last: u64,
    thaws: u64,
}

impl Tail {
    fn halves(&self) -> MutexGuard<'_, Halves> {
        self.halves.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds committed events, in the order of the log.
    pub(super) fn add<'a>(
        &self,
        events: impl IntoIterator<Item = (&'a StreamName, Revision, u64)>,
    ) {
        let mut halves = self.halves();
        for (stream, revision, offset) in events {
            match halves.growing.get_mut(stream) {
                Some(places) => places.offsets.push(offset),
                None => {
                    let places = Places { first: revision, offsets: vec![offset] };
                    halves.growing.insert(stream.clone(), places);
                }
            }
            halves.last = offset;
        }
    }

    /// The places of `stream` that are not indexed. Whoever needs all places looks here first and
    /// into the index afterwards: what has left the tail meanwhile stands there.
    pub(super) fn of(&self, stream: &StreamName) -> Option<Places> {
        let halves = self.halves();
        match (halves.frozen.get(stream), halves.growing.get(stream)) {
            (Some(old), Some(new)) => {
                let offsets = [old.offsets.as_slice(), new.offsets.as_slice()].concat();
                Some(Places { first: old.first, offsets })
            }
            (Some(places), None) | (None, Some(places)) => Some(places.clone()),
            (None, None) => None,
        }
    }

    /// The last revision of `stream`, if its last event is not indexed.
    pub(super) fn last(&self, stream: &StreamName) -> Option<Revision> {
        let halves = self.halves();
        halves.growing.get(stream).or_else(|| halves.frozen.get(stream)).and_then(Places::last)
    }

    /// Sets the growing half aside for the indexer; answers with the last offset of it.
    pub(super) fn freeze(&self) -> u64 {
        let mut halves = self.halves();
        if halves.frozen.is_empty() {
            halves.frozen = std::mem::take(&mut halves.growing);
        }
        halves.last
    }

    /// How often something left for the index: as long as this stays the same, a view of the index
    /// that was taken before holds whatever is not here.
    pub(super) fn thaws(&self) -> u64 {
        self.halves().thaws
    }

    /// Forgets the half that was set aside: the index holds it now.
    pub(super) fn thaw(&self) {
        let frozen = {
            let mut halves = self.halves();
            halves.thaws = halves.thaws.saturating_add(1);
            std::mem::take(&mut halves.frozen)
        };
        // Freed outside the lock.
        drop(frozen);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream() -> StreamName {
        "claim-1".parse().unwrap()
    }

    #[test]
    fn places_outlive_the_freeze_and_leave_with_the_thaw() {
        let tail = Tail::default();
        tail.add([(&stream(), Revision(3), 10), (&stream(), Revision(4), 11)]);
        assert_eq!(tail.freeze(), 11);
        tail.add([(&stream(), Revision(5), 12)]);

        let all = Places { first: Revision(3), offsets: vec![10, 11, 12] };
        assert_eq!(tail.of(&stream()), Some(all));
        assert_eq!(tail.last(&stream()), Some(Revision(5)));

        tail.thaw();
        let rest = Places { first: Revision(5), offsets: vec![12] };
        assert_eq!(tail.of(&stream()), Some(rest));
    }

    #[test]
    fn frozen_places_still_tell_the_last_revision() {
        let tail = Tail::default();
        tail.add([(&stream(), Revision(0), 1)]);
        tail.freeze();
        assert_eq!(tail.last(&stream()), Some(Revision(0)));
        tail.thaw();
        assert_eq!(tail.last(&stream()), None);
    }
}
