//! The log in pages: what a reader holds at a time.

use std::sync::Arc;

use huzhu_store::port::{
    Direction, EventStore, Position, Recorded, Revision, StoreError, StreamName,
};

/// The most events of a page. Pages of this size are read without leaving the thread.
const EVENTS_MAX: usize = 256;
/// About how many bytes a page holds; it is made smaller where events are large.
const BYTES_ABOUT: usize = 1024 * 1024;
/// How many events the first page holds, when nothing is known of their size.
const EVENTS_FIRST: usize = 32;

/// Where the next page begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// With this revision of the stream; backwards, `None` is its last one.
    Stream(StreamName, Option<Revision>),
    /// Behind this position going forwards, before it going backwards; `None` is the very
    /// beginning, or the end.
    All(Option<Position>),
    /// Nowhere: the first event was read, going backwards.
    Nowhere,
}

/// Reads events in their order, or against it.
pub(super) struct Pages {
    store: Arc<dyn EventStore>,
    direction: Direction,
    place: Place,
    size: usize,
}

impl Pages {
    pub(super) fn new(store: Arc<dyn EventStore>, direction: Direction, place: Place) -> Self {
        Self { store, direction, place, size: EVENTS_FIRST }
    }

    /// The next events, at most `limit`; none at the end, where there may be more later.
    pub(super) async fn next(&mut self, limit: u64) -> Result<Vec<Recorded>, StoreError> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX).min(self.size);
        let (store, direction) = (&self.store, self.direction);
        let page = match &self.place {
            Place::Stream(stream, from) => {
                store.read_stream(stream, *from, direction, limit).await?
            }
            Place::All(bound) => store.read_all(*bound, direction, limit).await?,
            Place::Nowhere => Vec::new(),
        };
        if let Some(last) = page.last() {
            self.place = behind(last, &self.place, direction);
            self.size = size_after(&page);
        }
        // Many pages must not keep the thread from others.
        tokio::task::yield_now().await;
        Ok(page)
    }

    /// Waits until there may be more, where the last page that was read was empty and `head` was
    /// the end of the log before that.
    pub(super) async fn grown(&self, head: Option<Position>) -> Result<(), StoreError> {
        self.store.grown(head).await
    }

    pub(super) async fn head(&self) -> Result<Option<Position>, StoreError> {
        self.store.head().await
    }
}

fn behind(last: &Recorded, place: &Place, direction: Direction) -> Place {
    match (place, direction) {
        (Place::Stream(stream, _), Direction::Forwards) => {
            Place::Stream(stream.clone(), Some(last.revision.next()))
        }
        (Place::Stream(stream, _), Direction::Backwards) => match last.revision.0.checked_sub(1) {
            Some(before) => Place::Stream(stream.clone(), Some(Revision(before))),
            None => Place::Nowhere,
        },
        (Place::All(_), _) => Place::All(Some(last.position)),
        (Place::Nowhere, _) => Place::Nowhere,
    }
}

/// How many events the page after this one may hold, if its events are as large.
fn size_after(page: &[Recorded]) -> usize {
    let bytes = page.iter().map(|event| event.data.len().saturating_add(event.metadata.len()));
    let bytes = bytes.fold(0_usize, usize::saturating_add);
    let fit = BYTES_ABOUT.saturating_mul(page.len()).checked_div(bytes.max(1));
    fit.unwrap_or(EVENTS_FIRST).clamp(1, EVENTS_MAX)
}
