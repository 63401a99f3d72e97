//! Recent aggregates, so that most commands read nothing. Never trusted: what a decision rests on
//! is appended under the revision it was read at, and who finds it stale loads again.

use std::any::Any;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::{Arc, Mutex, PoisonError};

use quick_cache::Weighter;

use crate::port::{Revision, StreamName};

use super::loaded::{Aggregate, Loaded};

/// How many streams may be written to the cache, or waited for, at once without meeting by chance.
const STRIPES: usize = 256;
/// What an entry costs besides its aggregate.
const OVERHEAD_BYTES: u64 = 256;

#[derive(Clone)]
struct Entry {
    revision: Option<Revision>,
    weight: u64,
    loaded: Arc<dyn Any + Send + Sync>,
}

#[derive(Clone)]
struct Weigh;

impl Weighter<StreamName, Entry> for Weigh {
    fn weight(&self, _: &StreamName, entry: &Entry) -> u64 {
        entry.weight
    }
}

pub(super) struct Cache {
    entries: quick_cache::sync::Cache<StreamName, Entry, Weigh>,
    stripes: Vec<Stripe>,
    hasher: RandomState,
}

#[derive(Default)]
struct Stripe {
    put: Mutex<()>,
    turn: Arc<tokio::sync::Mutex<()>>,
}

/// The right of one loser of a race to try again before the others.
pub(super) type Turn = tokio::sync::OwnedMutexGuard<()>;

impl Cache {
    pub(super) fn new(bytes_max: u64) -> Self {
        // About a kilobyte an entry; the estimate only sizes a table.
        let entries = usize::try_from(bytes_max / 1024).unwrap_or(usize::MAX);
        Self {
            entries: quick_cache::sync::Cache::with_weighter(entries, bytes_max, Weigh),
            stripes: (0..STRIPES).map(|_| Stripe::default()).collect(),
            hasher: RandomState::new(),
        }
    }

    pub(super) fn get<D: Aggregate>(&self, stream: &StreamName) -> Option<Arc<Loaded<D>>> {
        self.entries.get(stream)?.loaded.downcast().ok()
    }

    /// Keeps `loaded`, unless a later state of the stream is there.
    pub(super) fn put<D: Aggregate>(&self, loaded: &Arc<Loaded<D>>) {
        if !D::CACHED {
            return;
        }
        let stripe = self.stripe(&loaded.stream);
        let _put = stripe.map(|stripe| stripe.put.lock().unwrap_or_else(PoisonError::into_inner));
        if self.entries.peek(&loaded.stream).is_some_and(|kept| kept.revision > loaded.revision) {
            return;
        }
        let entry = Entry {
            revision: loaded.revision,
            weight: loaded.weight().saturating_add(OVERHEAD_BYTES),
            loaded: Arc::clone(loaded) as Arc<dyn Any + Send + Sync>,
        };
        self.entries.insert(loaded.stream.clone(), entry);
    }

    /// Forgets a stream.
    pub(super) fn forget(&self, stream: &StreamName) {
        self.entries.remove(stream);
    }

    /// Forgets a stream that is known to stand at `revision`, if it is kept at an earlier one.
    pub(super) fn outdate(&self, stream: &StreamName, revision: Revision) {
        self.entries.remove_if(stream, |kept| kept.revision < Some(revision));
    }

    /// Waits in line with the others who lost a race for `stream`, so that each of them meets the
    /// next state once instead of all of them meeting it at once.
    pub(super) async fn turn(&self, stream: &StreamName) -> Option<Turn> {
        let turn = Arc::clone(&self.stripe(stream)?.turn);
        Some(turn.lock_owned().await)
    }

    fn stripe(&self, stream: &StreamName) -> Option<&Stripe> {
        let stripes = u64::try_from(STRIPES).unwrap_or(1);
        let place = self.hasher.hash_one(stream).checked_rem(stripes)?;
        self.stripes.get(usize::try_from(place).ok()?)
    }
}
