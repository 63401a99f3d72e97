//! A read: so many events, and then it is over.

use std::sync::Arc;
use std::vec;

use huzhu_store::port::{Direction, EventStore, Recorded, Revision, StreamName};
use tokio::sync::OwnedSemaphorePermit;
use tonic::Status;

use super::answers::Answers;
use super::asked::{Asked, Of};
use super::paging::Pages;
use super::wire::{self, UuidForm};
use super::wire_of::streams as messages;
use super::{Desk, Persons};
use crate::status::eventstore as refused;
use messages::ReadResp;
use messages::read_resp::read_event::Position;
use messages::read_resp::{Content, ReadEvent, StreamNotFound};

/// The type of an event that stands for another one.
const LINK: &str = "$>";

pub(super) const fn answer(content: Content) -> ReadResp {
    ReadResp { content: Some(content) }
}

/// Tells events as the client asked for them.
pub(super) struct Teller {
    store: Arc<dyn EventStore>,
    persons: Persons,
    form: UuidForm,
    links: bool,
}

impl Teller {
    pub(super) fn new(desk: &Desk, asked: &Asked) -> Self {
        let (form, links) = (asked.form, asked.links);
        Self { store: Arc::clone(&desk.store), persons: desk.persons, form, links }
    }

    pub(super) async fn event(&self, event: Recorded) -> Result<ReadResp, Status> {
        let position = Some(Position::CommitPosition(event.position.offset));
        let (event, link) = if self.links && &*event.name == LINK {
            (self.target(&event).await?, Some(event))
        } else {
            (Some(event), None)
        };
        let told = |event| wire::recorded(event, self.form, self.persons);
        let (event, link) = (event.map(told).transpose()?, link.map(told).transpose()?);
        Ok(answer(Content::Event(ReadEvent { event, link, position })))
    }

    /// What a link stands for: its body says `revision@stream`. None where that is nothing.
    async fn target(&self, link: &Recorded) -> Result<Option<Recorded>, Status> {
        let place = std::str::from_utf8(&link.data).ok().and_then(|text| text.split_once('@'));
        let place = place.and_then(|(revision, stream)| {
            Some((Revision(revision.parse().ok()?), stream.parse::<StreamName>().ok()?))
        });
        let Some((revision, stream)) = place else { return Ok(None) };
        let found = self.store.read_stream(&stream, Some(revision), Direction::Forwards, 1).await;
        Ok(found.map_err(refused::store)?.pop().filter(|event| event.revision == revision))
    }
}

/// A read on its way.
pub(super) struct Reading {
    asked: Asked,
    teller: Teller,
    pages: Pages,
    page: vec::IntoIter<Recorded>,
    left: u64,
    at: At,
    store: Arc<dyn EventStore>,
    _place: OwnedSemaphorePermit,
}

/// How far a read has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Start,
    Events,
    Over,
}

impl Answers for Reading {
    type Answer = ReadResp;

    async fn next(&mut self) -> Result<Option<ReadResp>, Status> {
        loop {
            if self.at == At::Over {
                return Ok(None);
            }
            if self.left > 0 {
                if let Some(event) = self.page.next() {
                    self.at = At::Events;
                    match &self.asked.filter {
                        Some(filter) if !filter.takes(&event)? => continue,
                        Some(_) | None => {}
                    }
                    self.left = self.left.saturating_sub(1);
                    return self.teller.event(event).await.map(Some);
                }
                // What a filter lets through of a page is not known beforehand.
                let limit = if self.asked.filter.is_some() { u64::MAX } else { self.left };
                self.page = self.pages.next(limit).await.map_err(refused::store)?.into_iter();
                if self.page.len() > 0 {
                    continue;
                }
            }
            let began = std::mem::replace(&mut self.at, At::Over);
            return self.end(began).await;
        }
    }
}

impl Reading {
    pub(super) async fn open(
        desk: &Desk,
        asked: Asked,
        count: u64,
        place: OwnedSemaphorePermit,
    ) -> Result<Self, Status> {
        let store = Arc::clone(&desk.store);
        let from = asked.of.read_from(&*store, asked.direction).await?;
        Ok(Self {
            teller: Teller::new(desk, &asked),
            pages: Pages::new(Arc::clone(&store), asked.direction, from),
            page: Vec::new().into_iter(),
            left: count,
            at: At::Start,
            asked,
            store,
            _place: place,
        })
    }

    /// What is said at the end: where the stream ends, or that there is none.
    async fn end(&self, at: At) -> Result<Option<ReadResp>, Status> {
        let Of::Stream(stream, _) = &self.asked.of else { return Ok(None) };
        if at == At::Events && self.asked.compatibility == 0 {
            return Ok(None);
        }
        let last = self.store.read_stream(stream, None, Direction::Backwards, 1).await;
        let last = last.map_err(refused::store)?;
        Ok(match last.first() {
            None => {
                let stream_identifier = Some(wire::identifier(stream));
                Some(answer(Content::StreamNotFound(StreamNotFound { stream_identifier })))
            }
            Some(_) if self.asked.compatibility == 0 => None,
            Some(last) => Some(answer(Content::LastStreamPosition(last.revision.0))),
        })
    }
}
