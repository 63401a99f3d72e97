//! The port: what the engine asks of a log, whoever keeps it.
//!
//! A log is a sequence of events in **positions**; each event also stands in one **stream** at a
//! **revision**, counted from 0 without gaps. Nothing is ever changed or removed.
//!
//! There is no transaction across streams: [`EventStore::append`] takes a list, and after a crash
//! or a conflict a prefix of the list may stand. Every flow has to be right for every prefix.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;
use uuid::Uuid;

/// The most bytes that an event's body may hold, and its metadata.
pub const EVENT_BYTES_MAX: usize = 1024 * 1024;
/// The most events that one append may hold.
pub const APPEND_EVENTS_MAX: usize = 10_000;
/// The most bytes that one append may hold, all events together.
pub const APPEND_BYTES_MAX: usize = 64 * 1024 * 1024;
/// The most events that one read answers with.
pub const READ_EVENTS_MAX: usize = 10_000;
/// The longest name of a stream, in bytes.
pub const STREAM_NAME_BYTES_MAX: usize = 200;

/// The name of a stream, such as `claim-7f1c0a9e-…`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamName(Arc<str>);

/// Why a text is not the name of a stream.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StreamNameError {
    /// Empty or too long.
    #[error("a stream name is 1 to {STREAM_NAME_BYTES_MAX} bytes long, not {bytes}")]
    Length {
        /// How long the text is.
        bytes: usize,
    },
    /// A control character would break logs and terminals.
    #[error("a stream name holds no control characters")]
    ControlCharacter,
}

impl StreamName {
    /// A name made of checked, bounded ids, which cannot be wrong.
    pub(crate) fn built(text: String) -> Self {
        debug_assert_eq!(text.parse::<Self>().map(|name| name.0.len()), Ok(text.len()));
        Self(text.into())
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What kind of aggregate the stream belongs to: what stands before the first `-`.
    #[must_use]
    pub fn category(&self) -> &str {
        self.0.split_once('-').map_or(&self.0, |(category, _)| category)
    }
}

impl FromStr for StreamName {
    type Err = StreamNameError;

    fn from_str(text: &str) -> Result<Self, StreamNameError> {
        if !(1..=STREAM_NAME_BYTES_MAX).contains(&text.len()) {
            return Err(StreamNameError::Length { bytes: text.len() });
        }
        if text.chars().any(char::is_control) {
            return Err(StreamNameError::ControlCharacter);
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Display for StreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A place in a stream, counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(pub u64);

impl Revision {
    /// The first place.
    pub const FIRST: Self = Self(0);

    /// The place after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Which log it is: made once when the log is created, and stored in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StoreId(pub Uuid);

impl fmt::Display for StoreId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.simple().fmt(f)
    }
}

/// A place in a log: an ordered token that names its log. Positions of two logs do not compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Position {
    /// The log it belongs to.
    pub store: StoreId,
    /// The place; above 0, and dense only where the adapter says so.
    pub offset: u64,
}

/// Two positions, or a position and a log, do not belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the position belongs to the log {given}, not to {expected}")]
pub struct OtherStore {
    /// The log that was asked.
    pub expected: StoreId,
    /// The log of the position.
    pub given: StoreId,
}

impl Position {
    /// Whether this place comes after `other`.
    ///
    /// # Errors
    ///
    /// [`OtherStore`] when they belong to different logs.
    pub fn is_after(self, other: Self) -> Result<bool, OtherStore> {
        other.within(self.store).map(|offset| self.offset > offset)
    }

    /// The offset, where the position belongs to `store`.
    ///
    /// # Errors
    ///
    /// [`OtherStore`] when it does not.
    pub fn within(self, store: StoreId) -> Result<u64, OtherStore> {
        if self.store == store {
            Ok(self.offset)
        } else {
            Err(OtherStore { expected: store, given: self.store })
        }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.store, self.offset)
    }
}

/// The text is not a position as [`Position`] writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a position: expected <log id>@<offset>")]
pub struct NotAPosition;

impl FromStr for Position {
    type Err = NotAPosition;

    fn from_str(text: &str) -> Result<Self, NotAPosition> {
        let (store, offset) = text.split_once('@').ok_or(NotAPosition)?;
        if store.len() != 32 {
            return Err(NotAPosition);
        }
        let store = StoreId(Uuid::try_parse(store).map_err(|_| NotAPosition)?);
        let offset = offset.parse().map_err(|_| NotAPosition)?;
        Ok(Self { store, offset })
    }
}

/// What the writer knows of a stream. There is no "any": a decision always read something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// The stream has no events yet.
    NoStream,
    /// The last event of the stream stands here.
    Exactly(Revision),
}

impl Expected {
    /// What a reader who last saw `revision` expects.
    #[must_use]
    pub const fn after(revision: Option<Revision>) -> Self {
        match revision {
            None => Self::NoStream,
            Some(revision) => Self::Exactly(revision),
        }
    }

    /// The last revision it stands for.
    #[must_use]
    pub const fn last(self) -> Option<Revision> {
        match self {
            Self::NoStream => None,
            Self::Exactly(revision) => Some(revision),
        }
    }
}

/// An event that is to be recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEvent {
    /// Derived from the command, so that a retry brings the same id.
    pub id: Uuid,
    /// The stored name of its type.
    pub name: Arc<str>,
    /// The version of its body.
    pub version: u32,
    /// The JSON body.
    pub data: Bytes,
    /// The JSON metadata: who, when, by which command.
    pub metadata: Bytes,
}

/// Events for one stream, recorded together or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Append {
    /// Where the events go.
    pub stream: StreamName,
    /// What must still hold when they are recorded.
    pub expected: Expected,
    /// At least one event.
    pub events: Vec<NewEvent>,
}

/// An event as the log holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// The stream it stands in.
    pub stream: StreamName,
    /// Its place in the stream.
    pub revision: Revision,
    /// Its place in the log.
    pub position: Position,
    /// Its id.
    pub id: Uuid,
    /// The stored name of its type.
    pub name: Arc<str>,
    /// The version of its body.
    pub version: u32,
    /// The JSON body.
    pub data: Bytes,
    /// The JSON metadata.
    pub metadata: Bytes,
    /// When the log took it. It never decreases along the log as far as one clock goes: a cluster
    /// that changed its leader tells another one's time.
    pub recorded_at: Timestamp,
}

/// Where the last event of an append went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// The place of the last event in its stream.
    pub revision: Revision,
    /// The place of the last event in the log.
    pub position: Position,
}

/// Why an append, or the rest of a list of appends, was not recorded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// The stream is not where the writer believed. Nothing of this append or of those behind it
    /// was recorded; those before it were.
    #[error("stream {stream} stands at {actual:?}, not at {expected:?}")]
    Conflict {
        /// The place of the refused append in the list.
        index: usize,
        /// The stream of the refused append.
        stream: StreamName,
        /// What the writer believed.
        expected: Expected,
        /// Where the stream stands; `None` if it has no events.
        actual: Option<Revision>,
        /// Where those before it went.
        appended: Vec<Appended>,
    },
    /// A list, an append or an event is beyond a limit of the port. Nothing was recorded.
    #[error("{what}: {given} is beyond the limit of {limit}")]
    TooLarge {
        /// Which limit.
        what: &'static str,
        /// The limit.
        limit: usize,
        /// What was given.
        given: usize,
    },
    /// A list without appends, or an append without events. Nothing was recorded.
    #[error("an append needs at least one event")]
    Empty,
    /// Too many appends are waiting; nothing was recorded, and later it may be.
    #[error("too many appends are waiting")]
    Overloaded,
    /// The log does not answer. What was asked may or may not have been recorded.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why the log could not be read or written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The log does not answer, for now or until the process starts again.
    #[error("the log does not answer: {why}")]
    Unavailable {
        /// What the adapter was told; for the operator, not for clients.
        why: String,
    },
    /// The position belongs to another log.
    #[error(transparent)]
    OtherStore(#[from] OtherStore),
    /// The position is beyond the last event: a log that was cut, or a wrong folder.
    #[error("position {given} is beyond the head of the log, {head}")]
    BeyondHead {
        /// The offset that was asked for.
        given: u64,
        /// The offset of the last event, 0 for an empty log.
        head: u64,
    },
    /// The log contradicts itself.
    #[error("the log is corrupt: {why}")]
    Corrupt {
        /// What does not fit.
        why: String,
    },
}

/// Which way a read goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From old to new.
    Forwards,
    /// From new to old.
    Backwards,
}

/// Where events are kept.
#[async_trait]
pub trait EventStore: Send + Sync + 'static {
    /// Which log this is.
    fn id(&self) -> StoreId;

    /// Whether other processes append to the log too, so that what is remembered of it may be old.
    fn is_shared(&self) -> bool {
        false
    }

    /// Records appends in order, each one whole or not at all, and answers when they are durable.
    ///
    /// An append whose very events already stand at the expected place is answered with where they
    /// stand: the answer to the first try was lost on the way.
    ///
    /// # Errors
    ///
    /// [`AppendError`]; after a conflict the appends before it stand.
    async fn append(&self, appends: Vec<Append>) -> Result<Vec<Appended>, AppendError>;

    /// Reads up to `limit` events of `stream`, beginning with the one at `from`; backwards from
    /// `None` begins with the last one. A stream that does not exist has no events.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    async fn read_stream(
        &self,
        stream: &StreamName,
        from: Option<Revision>,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<Recorded>, StoreError>;

    /// Reads up to `limit` events of the log: those after `bound` going forwards, those before it
    /// going backwards; `None` is the beginning, or the end going backwards.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    async fn read_all(
        &self,
        bound: Option<Position>,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<Recorded>, StoreError>;

    /// The place of the last event, if there is one.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    async fn head(&self) -> Result<Option<Position>, StoreError>;

    /// Waits until the log has an event after `bound`. Cheap to call again and again.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    async fn grown(&self, bound: Option<Position>) -> Result<(), StoreError>;
}

/// Checks a list of appends against the limits of the port.
///
/// # Errors
///
/// [`AppendError::TooLarge`] or [`AppendError::Empty`].
pub fn check(appends: &[Append]) -> Result<(), AppendError> {
    let within = |what, given: usize, limit| {
        if given > limit { Err(AppendError::TooLarge { what, limit, given }) } else { Ok(()) }
    };
    if appends.is_empty() || appends.iter().any(|append| append.events.is_empty()) {
        return Err(AppendError::Empty);
    }
    let events = appends.iter().map(|append| append.events.len()).fold(0, usize::saturating_add);
    within("events in one list", events, APPEND_EVENTS_MAX)?;
    within("bytes in one list", bytes_of(appends), APPEND_BYTES_MAX)?;
    for event in appends.iter().flat_map(|append| &append.events) {
        within("bytes of an event's body", event.data.len(), EVENT_BYTES_MAX)?;
        within("bytes of an event's metadata", event.metadata.len(), EVENT_BYTES_MAX)?;
        within("bytes of an event's name", event.name.len(), STREAM_NAME_BYTES_MAX)?;
    }
    Ok(())
}

/// How many bytes the events of a list hold.
#[must_use]
pub fn bytes_of(appends: &[Append]) -> usize {
    let of = |event: &NewEvent| event.data.len().saturating_add(event.metadata.len());
    appends.iter().flat_map(|append| &append.events).map(of).fold(0, usize::saturating_add)
}
