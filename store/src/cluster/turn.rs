//! Whose turn it is, of several services on one log, to drive what follows from events.
//!
//! It stands in a stream of the store's own, beside the log: each entry says who has the turn and
//! how far the work has come, and is only taken behind the entry that its writer saw.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::link::{Incoming, LinkError};
use super::reader::store_error;
use super::{APPEND, ClusterStore, own_event};
use crate::port::{Direction, Expected, Position, Revision, StoreError};

const STREAM: &str = "%processes";

/// Whose turn it is, as it stands in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    /// The service that has it.
    pub holder: Uuid,
    /// The last event that was dealt with.
    pub reached: Option<Position>,
    revision: Revision,
}

#[derive(Serialize, Deserialize)]
struct Told {
    holder: Uuid,
    /// 0 before any event.
    reached: u64,
}

impl ClusterStore {
    /// Whose turn it is; nobody's yet if there is no answer.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn turn(&self) -> Result<Option<Turn>, StoreError> {
        let read = self.leader.supervisor().call(APPEND, |link| async move {
            link.read_stream(STREAM, None, Direction::Backwards, 1).await
        });
        let events = read.await.map_err(store_error)?;
        events.first().map(|event| self.read_turn(event)).transpose()
    }

    /// Says that `holder` has the turn and has dealt with everything up to `reached`, unless
    /// somebody said something behind `after`; then there is no answer.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn take_turn(
        &self,
        after: Option<&Turn>,
        holder: Uuid,
        reached: Option<Position>,
    ) -> Result<Option<Turn>, StoreError> {
        let told = Told { holder, reached: reached.map_or(0, |reached| reached.offset) };
        let data = serde_json::to_vec(&told)
            .map_err(|why| StoreError::Corrupt { why: why.to_string() })?;
        let event = own_event(Uuid::new_v4(), "TurnTaken", data.into());
        let expected = Expected::after(after.map(|turn| turn.revision));
        let revision = expected.last().map_or(Revision::FIRST, Revision::next);
        let said = self.leader.supervisor().call(APPEND, |link| {
            let event = event.clone();
            async move { link.append(STREAM, expected, vec![event]).await }
        });
        match said.await {
            Ok(_) => {}
            // A try whose answer was lost may have been the one.
            Err(LinkError::Conflict) => {
                let read = self.leader.supervisor().call(APPEND, |link| async move {
                    link.read_stream(STREAM, Some(revision.0), Direction::Forwards, 1).await
                });
                let events = read.await.map_err(store_error)?;
                if events.first().is_none_or(|standing| standing.id != event.id) {
                    return Ok(None);
                }
            }
            Err(why) => return Err(store_error(why)),
        }
        Ok(Some(Turn { holder, reached, revision }))
    }

    fn read_turn(&self, event: &Incoming) -> Result<Turn, StoreError> {
        let told: Told = serde_json::from_slice(&event.data)
            .map_err(|why| StoreError::Corrupt { why: format!("stream {STREAM}: {why}") })?;
        let reached = (told.reached > 0).then_some(told.reached);
        Ok(Turn {
            holder: told.holder,
            reached: reached.map(|offset| Position { store: self.id, offset }),
            revision: Revision(event.revision),
        })
    }
}
