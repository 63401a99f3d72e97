//! Appends as foreign clients make them: with expectations that the port does not have.
//!
//! The port knows no "any": whoever appends says where the stream stands. Here the node says so
//! for its clients. It reads where the stream ends, counts what it has itself sent behind that,
//! and appends there; when somebody else was first it looks again.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use huzhu_store::port::{
    APPEND_BYTES_MAX, APPEND_EVENTS_MAX, Append, AppendError, Appended, Direction, EVENT_BYTES_MAX,
    EventStore, Expected, NewEvent, READ_EVENTS_MAX, Recorded, Revision, STREAM_NAME_BYTES_MAX,
    StoreError, StreamName,
};
use tonic::Status;

use super::room::{Room, bytes_of};
use crate::status::eventstore as refused;

/// How often an append without an expectation looks for the end of its stream.
const ATTEMPTS_MAX: u32 = 32;
/// Among how many events at the end of a stream an event sent again is recognised, at least; and
/// at most, where the last ones are not large.
const RECENT_EVENTS_MIN: usize = 8;
const RECENT_EVENTS: usize = 64;
const RECENT_BYTES: usize = 256 * 1024;

/// What a client expects of the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    Any,
    StreamExists,
    Exactly(Expected),
}

/// Events for one stream.
#[derive(Debug)]
pub(super) struct Proposed {
    pub(super) stream: StreamName,
    pub(super) wanted: Wanted,
    pub(super) events: Vec<NewEvent>,
}

/// How an append ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Appended(Appended),
    /// There was nothing to append, and the stream stands here, as was expected.
    Nothing(Option<Revision>),
    /// The stream stands here, and not where it was expected.
    Wrong(Option<Revision>),
}

/// Why an append was not taken.
#[derive(Debug)]
pub(super) enum Refused {
    TooLarge,
    /// Told with a status of its own.
    Malformed(Box<Status>),
    Busy,
    Store(StoreError),
}

impl From<Refused> for Status {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::TooLarge => refused::append_too_large(),
            Refused::Malformed(status) => *status,
            Refused::Busy => refused::busy(),
            Refused::Store(error) => refused::store(error),
        }
    }
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Appends to a log.
pub(super) struct Appending {
    store: Arc<dyn EventStore>,
    room: Room,
    sent: Mutex<BTreeMap<StreamName, Sent>>,
}

/// Where a stream will end when what was sent to it stands.
struct Sent {
    last: Revision,
    under_way: usize,
}

type Answer<'a> = Pin<Box<dyn Future<Output = Result<Vec<Appended>, AppendError>> + Send + 'a>>;

impl Appending {
    pub(super) fn new(store: Arc<dyn EventStore>) -> Self {
        Self { store, room: Room::default(), sent: Mutex::default() }
    }

    /// For appends that have come in part.
    pub(super) const fn room(&self) -> &Room {
        &self.room
    }

    /// Appends, and answers when the events are durable.
    pub(super) async fn append(&self, proposed: Proposed) -> Result<Outcome, Refused> {
        check(&proposed)?;
        let Proposed { stream, wanted, events } = proposed;
        if events.is_empty() {
            return self.compare(&stream, wanted).await;
        }
        match wanted {
            Wanted::Exactly(expected) => {
                let append = Append { stream, expected, events };
                settled(self.store.append(vec![append]).await)
            }
            Wanted::Any | Wanted::StreamExists => self.find_place(stream, wanted, events).await,
        }
    }

    async fn compare(&self, stream: &StreamName, wanted: Wanted) -> Result<Outcome, Refused> {
        let last = self.store.read_stream(stream, None, Direction::Backwards, 1).await?;
        let last = last.first().map(|event| event.revision);
        let holds = match wanted {
            Wanted::Any => true,
            Wanted::StreamExists => last.is_some(),
            Wanted::Exactly(expected) => Expected::after(last) == expected,
        };
        Ok(if holds { Outcome::Nothing(last) } else { Outcome::Wrong(last) })
    }

    async fn find_place(
        &self,
        stream: StreamName,
        wanted: Wanted,
        events: Vec<NewEvent>,
    ) -> Result<Outcome, Refused> {
        for _ in 0..ATTEMPTS_MAX {
            let recent = self.recent(&stream, events.len()).await?;
            match repeated(&recent, &events) {
                Repeated::No => {}
                Repeated::Whole(appended) => return Ok(Outcome::Appended(appended)),
                Repeated::Part => return Ok(Outcome::Wrong(last(&recent))),
            }
            if let Some(outcome) = self.try_behind(&stream, last(&recent), wanted, &events).await? {
                return Ok(outcome);
            }
        }
        Err(Refused::Busy)
    }

    /// The end of a stream, from new to old.
    async fn recent(&self, stream: &StreamName, events: usize) -> Result<Vec<Recorded>, Refused> {
        let backwards = Direction::Backwards;
        let limit = RECENT_EVENTS_MIN.max(events).min(READ_EVENTS_MAX);
        let mut recent = self.store.read_stream(stream, None, backwards, limit).await?;
        let held = |event: &Recorded| event.data.len().saturating_add(event.metadata.len());
        let bytes = recent.iter().map(held).fold(0, usize::saturating_add);
        let before = recent.last().and_then(|event| event.revision.0.checked_sub(1));
        let more = RECENT_EVENTS.saturating_sub(recent.len());
        if let Some(before) = before.filter(|_| more > 0 && bytes < RECENT_BYTES) {
            let before = Some(Revision(before));
            recent.extend(self.store.read_stream(stream, before, backwards, more).await?);
        }
        Ok(recent)
    }

    /// Appends behind what was sent before, or behind `last` if nothing is under way. None where
    /// somebody else was first.
    async fn try_behind(
        &self,
        stream: &StreamName,
        last: Option<Revision>,
        wanted: Wanted,
        events: &[NewEvent],
    ) -> Result<Option<Outcome>, Refused> {
        let count = u64::try_from(events.len()).unwrap_or(u64::MAX);
        let (answer, _under_way) = {
            let mut sent = self.sent();
            let last = sent.get(stream).map(|sent| sent.last).max(last);
            if last.is_none() && wanted == Wanted::StreamExists {
                return Ok(Some(Outcome::Wrong(None)));
            }
            let events = events.to_vec();
            let append = Append { stream: stream.clone(), expected: Expected::after(last), events };
            let mut answer = self.store.append(vec![append]);
            // Whoever is asked first has the place: so it is asked before anybody else may.
            if let Poll::Ready(answer) = begin(&mut answer) {
                return settled(answer).map(unless_raced);
            }
            let first = last.map_or(0, |last| last.next().0);
            let last = Revision(first.saturating_add(count).saturating_sub(1));
            let stands = sent.entry(stream.clone()).or_insert(Sent { last, under_way: 0 });
            stands.last = last;
            stands.under_way = stands.under_way.saturating_add(1);
            (answer, UnderWay { appending: self, stream })
        };
        let outcome = settled(answer.await).map(unless_raced)?;
        if outcome.is_none() {
            // What was counted on does not hold.
            self.sent().remove(stream);
        }
        Ok(outcome)
    }

    fn sent(&self) -> MutexGuard<'_, BTreeMap<StreamName, Sent>> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts an append as under way, also if its caller goes away.
struct UnderWay<'a> {
    appending: &'a Appending,
    stream: &'a StreamName,
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        let mut sent = self.appending.sent();
        if let Some(stands) = sent.get_mut(self.stream) {
            stands.under_way = stands.under_way.saturating_sub(1);
            if stands.under_way == 0 {
                sent.remove(self.stream);
            }
        }
    }
}

/// Lets an append take its place in the queue. It is asked again by whoever waits for it.
fn begin(answer: &mut Answer<'_>) -> Poll<Result<Vec<Appended>, AppendError>> {
    answer.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

fn settled(answer: Result<Vec<Appended>, AppendError>) -> Result<Outcome, Refused> {
    match answer {
        Ok(appended) => appended.last().copied().map(Outcome::Appended).ok_or_else(|| {
            let why = "an append was answered without a place".to_owned();
            Refused::Store(StoreError::Corrupt { why })
        }),
        Err(AppendError::Conflict { actual, .. }) => Ok(Outcome::Wrong(actual)),
        Err(AppendError::TooLarge { .. }) => Err(Refused::TooLarge),
        Err(AppendError::Empty) => {
            Err(Refused::Malformed(Box::new(refused::malformed("an append without events"))))
        }
        Err(AppendError::Overloaded) => Err(Refused::Busy),
        Err(AppendError::Store(error)) => Err(Refused::Store(error)),
    }
}

fn unless_raced(outcome: Outcome) -> Option<Outcome> {
    match outcome {
        Outcome::Wrong(_) => None,
        Outcome::Appended(_) | Outcome::Nothing(_) => Some(outcome),
    }
}

fn last(recent: &[Recorded]) -> Option<Revision> {
    recent.first().map(|event| event.revision)
}

/// Whether events stand already.
enum Repeated {
    No,
    Whole(Appended),
    Part,
}

/// Whether the ids of `events` are among the `recent` ones of the stream.
fn repeated(recent: &[Recorded], events: &[NewEvent]) -> Repeated {
    let stands = |event: &NewEvent| recent.iter().find(|recorded| recorded.id == event.id);
    let known = events.iter().filter(|event| stands(event).is_some()).count();
    if known == 0 {
        return Repeated::No;
    }
    match events.last().and_then(stands) {
        Some(last) if known == events.len() => {
            Repeated::Whole(Appended { revision: last.revision, position: last.position })
        }
        Some(_) | None => Repeated::Part,
    }
}

/// Checks an append against the limits of the log.
fn check(proposed: &Proposed) -> Result<(), Refused> {
    let Proposed { stream, events, .. } = proposed;
    let malformed = |status| Err(Refused::Malformed(Box::new(status)));
    if stream.as_str() == "$all" || stream.as_str().starts_with("$$") {
        // What such metadata asks for, that events be hidden or removed, never happens here.
        let why = "this log is immutable and keeps no metadata of streams";
        return malformed(refused::access_denied(Some(why)));
    }
    if events.len() > APPEND_EVENTS_MAX {
        return malformed(refused::too_many_events(APPEND_EVENTS_MAX));
    }
    let mut bytes = 0_usize;
    for event in events {
        bytes = bytes.saturating_add(bytes_of(event));
        let parts = [
            ("bytes of its data", event.data.len(), EVENT_BYTES_MAX),
            ("bytes of its metadata", event.metadata.len(), EVENT_BYTES_MAX),
            ("bytes of its type", event.name.len(), STREAM_NAME_BYTES_MAX),
        ];
        for (what, given, limit) in parts {
            if given > limit {
                return malformed(refused::event_too_large(event.id, what, given, limit));
            }
        }
    }
    if bytes > APPEND_BYTES_MAX { Err(Refused::TooLarge) } else { Ok(()) }
}
