//! How much of appends that have come in part is kept, over all calls.

use std::sync::Arc;

use huzhu_store::port::NewEvent;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::Status;

use crate::status::eventstore as refused;

/// How much there is room for, in KiB.
const KIBIBYTES: usize = 256 * 1024;

/// Room for appends that have come in part.
#[derive(Clone)]
pub(super) struct Room(Arc<Semaphore>);

impl Default for Room {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(KIBIBYTES)))
    }
}

/// What an append takes of it; nothing at first, all given back when it is dropped.
#[derive(Default)]
pub(super) struct Taken(Option<OwnedSemaphorePermit>);

impl Room {
    /// Takes room for `bytes` more.
    ///
    /// # Errors
    ///
    /// `UNAVAILABLE` when there is none left.
    pub(super) fn take(&self, taken: &mut Taken, bytes: usize) -> Result<(), Status> {
        let kibibytes = u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX);
        let more = Arc::clone(&self.0).try_acquire_many_owned(kibibytes);
        let more = more.map_err(|_| refused::busy())?;
        match &mut taken.0 {
            Some(taken) => taken.merge(more),
            none => *none = Some(more),
        }
        Ok(())
    }
}

/// What an event holds, in bytes.
pub(super) fn bytes_of(event: &NewEvent) -> usize {
    event.data.len().saturating_add(event.metadata.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_that_was_taken_is_given_back() {
        let (room, mut taken) = (Room::default(), Taken::default());
        room.take(&mut taken, 200 * 1024 * 1024).unwrap();
        room.take(&mut taken, 50 * 1024 * 1024).unwrap();
        let refused = room.take(&mut Taken::default(), 10 * 1024 * 1024).unwrap_err();
        assert_eq!(refused.code(), tonic::Code::Unavailable);
        drop(taken);
        room.take(&mut Taken::default(), 10 * 1024 * 1024).unwrap();
    }
}
