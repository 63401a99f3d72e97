//! A subscription: what stands, and then what comes, for ever.

use std::collections::VecDeque;
use std::sync::Arc;
use std::vec;

use huzhu_store::port::{Direction, Position, Recorded};
use tokio::sync::{OwnedSemaphorePermit, watch};
use tonic::Status;
use uuid::Uuid;

use super::Desk;
use super::answers::Answers;
use super::asked::{Asked, Of};
use super::paging::Pages;
use super::reading::{Teller, answer};
use super::wire;
use super::wire_of::streams as messages;
use crate::clock::Clock;
use crate::status::eventstore as refused;
use messages::ReadResp;
use messages::read_resp::{CaughtUp, Checkpoint, Content, SubscriptionConfirmation};

/// A subscription on its way.
pub(super) struct Subscription {
    asked: Asked,
    teller: Teller,
    pages: Pages,
    clock: Clock,
    stopped: watch::Receiver<bool>,
    /// Answers that wait: few, and none of them an event.
    ready: VecDeque<ReadResp>,
    page: vec::IntoIter<Recorded>,
    /// Whether everything that stood has been told once.
    caught_up: bool,
    /// The end of the log before the page was read.
    head: Option<Position>,
    /// The last event that was told.
    told: Option<(u64, u64)>,
    /// How many events were examined since the last checkpoint.
    examined: u64,
    /// The last event that was examined, and the one that the last checkpoint names.
    seen: Option<u64>,
    checkpoint: Option<u64>,
    _place: OwnedSemaphorePermit,
}

impl Answers for Subscription {
    type Answer = ReadResp;

    /// Never ends but with an error.
    async fn next(&mut self) -> Result<Option<ReadResp>, Status> {
        self.coming().await.map(Some)
    }
}

impl Subscription {
    pub(super) async fn open(
        desk: &Desk,
        asked: Asked,
        place: OwnedSemaphorePermit,
    ) -> Result<Self, Status> {
        let store = Arc::clone(&desk.store);
        let from = asked.of.follow_from(&*store).await?;
        let subscription_id = Uuid::new_v4().to_string();
        let confirmed = Content::Confirmation(SubscriptionConfirmation { subscription_id });
        Ok(Self {
            teller: Teller::new(desk, &asked),
            pages: Pages::new(store, Direction::Forwards, from),
            clock: desk.clock.clone(),
            stopped: desk.stopped.clone(),
            ready: VecDeque::from([answer(confirmed)]),
            page: Vec::new().into_iter(),
            caught_up: false,
            head: None,
            told: None,
            examined: 0,
            seen: None,
            checkpoint: None,
            asked,
            _place: place,
        })
    }

    /// What comes next; waits for it.
    async fn coming(&mut self) -> Result<ReadResp, Status> {
        loop {
            if let Some(answer) = self.ready.pop_front() {
                return Ok(answer);
            }
            if *self.stopped.borrow() {
                return Err(refused::not_ready());
            }
            match self.page.next() {
                Some(event) => {
                    if let Some(told) = self.examine(event).await? {
                        return Ok(told);
                    }
                }
                None => self.turn().await?,
            }
        }
    }

    /// Tells an event if it is wanted; a checkpoint may follow it.
    async fn examine(&mut self, event: Recorded) -> Result<Option<ReadResp>, Status> {
        let offset = event.position.offset;
        let wanted = match &self.asked.filter {
            Some(filter) => filter.takes(&event)?,
            None => true,
        };
        if self.asked.filter.is_some() {
            self.seen = Some(offset);
            self.examined = self.examined.saturating_add(1);
            if self.examined >= self.asked.checkpoint_every {
                self.note_checkpoint();
            }
        }
        if !wanted {
            return Ok(None);
        }
        self.told = Some((event.revision.0, offset));
        self.teller.event(event).await.map(Some)
    }

    /// Reads the next page; at the end of the log, says so once and waits for it to grow.
    async fn turn(&mut self) -> Result<(), Status> {
        self.head = self.pages.head().await.map_err(refused::store)?;
        self.page = self.pages.next(u64::MAX).await.map_err(refused::store)?.into_iter();
        if self.page.len() > 0 {
            return Ok(());
        }
        if !self.caught_up {
            self.caught_up = true;
            if self.asked.filter.is_some() {
                self.note_checkpoint();
            }
            let caught_up = self.caught_up();
            self.ready.push_back(answer(Content::CaughtUp(caught_up)));
            return Ok(());
        }
        tokio::select! {
            grown = self.pages.grown(self.head) => grown.map_err(refused::store),
            // A sender that is gone says the same.
            _ = self.stopped.wait_for(|stopped| *stopped) => Err(refused::not_ready()),
        }
    }

    /// Says how far the log was examined, unless that was said before.
    fn note_checkpoint(&mut self) {
        self.examined = 0;
        let Some(offset) = self.seen.filter(|seen| Some(*seen) != self.checkpoint) else { return };
        self.checkpoint = Some(offset);
        let timestamp = Some(wire::moment(self.clock.now()));
        let (commit_position, prepare_position) = (offset, offset);
        let checkpoint = Checkpoint { commit_position, prepare_position, timestamp };
        self.ready.push_back(answer(Content::Checkpoint(checkpoint)));
    }

    fn caught_up(&self) -> CaughtUp {
        let timestamp = Some(wire::moment(self.clock.now()));
        match (&self.asked.of, self.told) {
            (_, None) => CaughtUp { timestamp, stream_revision: None, position: None },
            (Of::Stream(..), Some((revision, _))) => {
                let stream_revision = Some(i64::try_from(revision).unwrap_or(i64::MAX));
                CaughtUp { timestamp, stream_revision, position: None }
            }
            (Of::All(_), Some((_, offset))) => {
                let position = Some(wire::position(offset));
                CaughtUp { timestamp, stream_revision: None, position }
            }
        }
    }
}
