//! What stands in the log, as one commit looks it up.

use uuid::Uuid;

use super::batch::Standing;
use super::shared::{Reader, Shared};
use crate::port::{Appended, Direction, Recorded, Revision, StoreError, StreamName};

/// Lookups that share a view of the index: most streams of a commit are new, and the locks of a
/// lookup cost more than the lookup.
pub(super) struct Looking<'a> {
    shared: &'a Shared,
    view: Option<View>,
}

/// A reader whose index stays as it was when the tail had been taken from so many times.
struct View {
    reader: Reader,
    thaws: u64,
}

impl<'a> Looking<'a> {
    pub(super) const fn over(shared: &'a Shared) -> Self {
        Self { shared, view: None }
    }

    /// The last indexed revision of a stream that is not in the tail. What has left the tail since
    /// the view was taken is not in the view: then another one is taken.
    pub(super) fn indexed(&mut self, stream: &StreamName) -> Result<Option<Revision>, StoreError> {
        let thaws = self.shared.tail().thaws();
        let view = match self.view.take() {
            Some(view) if view.thaws == thaws => view,
            old => {
                let kept = old.map(|old| old.reader);
                let reader = kept.map_or_else(|| self.shared.reader(), Ok)?;
                reader.index.view()?;
                View { reader, thaws }
            }
        };
        let last = view.reader.index.last(stream)?;
        self.view = Some(view);
        Ok(last)
    }
}

impl Drop for Looking<'_> {
    fn drop(&mut self) {
        // A reader that cannot let go of its view is not used again.
        if let Some(View { reader, .. }) = self.view.take()
            && reader.index.leave().is_ok()
        {
            self.shared.give_back(reader);
        }
    }
}

impl Standing for Looking<'_> {
    fn last(&mut self, stream: &StreamName) -> Result<Option<Revision>, StoreError> {
        match self.shared.remembered(stream) {
            Some(last) => Ok(Some(last)),
            None => self.indexed(stream),
        }
    }

    fn event(
        &mut self,
        stream: &StreamName,
        revision: Revision,
    ) -> Result<Option<(Uuid, Appended)>, StoreError> {
        let places = self.shared.places(stream, Some(revision), Direction::Forwards, 1)?;
        let events = self.shared.read(|reader| reader.log.at(stream, &places))?;
        let of = |event: &Recorded| {
            let Recorded { revision, position, .. } = *event;
            (event.id, Appended { revision, position })
        };
        Ok(events.first().map(of))
    }
}
