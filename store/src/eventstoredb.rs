//! The client library of EventStoreDB and KurrentDB, as a [`Link`]. No other file knows it.
//!
//! What it does wrong stays in here or is left to [supervision](crate::cluster):
//!
//! * It panics over an odd answer. So it runs on a thread of its own, a call a task.
//! * It sends a request in two packets and leaves Nagle's algorithm on: the second waits for the
//!   acknowledgement of the first, which a Linux server puts off by forty milliseconds unless it
//!   has something to say. So it is given something to say: see [`Connection::nudge`].
//! * Its first refusal ends a session for appends, with everything that is under way in it. So
//!   there are a few sessions, one that answered with an error is opened anew, and appends to
//!   streams for which writers race are calls of their own.
//! * A subscription that the server ends well spins without a pause. It complains in every round;
//!   whoever listens to its log ends it.
//! * It goes to another leader when a read is told of one, not when an append is.
//! * It tells times in whole seconds; the exact one is a text beside.

use std::panic;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use eventstore::{
    AppendToStreamOptions, BatchAppendClient, BatchAppendOptions, Client, ClientSettings,
    Credentials, Error, EventData, ExpectedRevision, Position, ReadAllOptions, ReadStream,
    ReadStreamOptions, ResolvedEvent, StreamPosition, SubscribeToAllOptions, SubscriptionFilter,
};
use futures::StreamExt;
use futures::stream::FuturesOrdered;
use serde_json::value::RawValue;
use tokio::runtime::{self, Handle};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tracing::instrument::WithSubscriber;
use tracing::span;

use crate::cluster::{
    Address, Contended, Dial, IDENTIFIED, IDENTIFIED_ID, IDENTITY, Incoming, Link, LinkError,
    Ordered, Outgoing, Preference, Told, Written,
};
use crate::port::{Direction, Expected};

/// How long a read waits for its next event.
const NEXT_EVENT: Duration = Duration::from_secs(10);

/// What the library says of an append whose session another one's refusal ended.
const SESSION_ENDED: &str = "Batch-append stream has been closed";

/// How many sessions for appends are open.
const SESSIONS: usize = 4;

/// Connects to a cluster, with a thread for everything that the library does.
pub(crate) struct Dialer {
    address: Address,
    preference: Preference,
    thread: Arc<Thread>,
    /// Set once the log says which it is.
    identified: Arc<AtomicBool>,
}

/// The thread on which the library runs; it ends with its last user.
pub(crate) struct Thread {
    runtime: Handle,
    _ends: oneshot::Sender<()>,
}

impl Thread {
    pub(crate) fn start() -> std::io::Result<Arc<Self>> {
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (ends, ended) = oneshot::channel();
        thread::Builder::new().name("eventstoredb".to_owned()).spawn(move || {
            // The sender is never used but to be dropped.
            let _ = runtime.block_on(ended);
        })?;
        Ok(Arc::new(Self { runtime: handle, _ends: ends }))
    }

    /// Runs `work` there; stops it when the caller does not wait any longer.
    async fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, LinkError>> + Send + 'static,
    ) -> Result<T, LinkError> {
        let mut task = JoinSet::new();
        task.spawn_on(work, &self.runtime);
        match task.join_next().await {
            Some(Ok(done)) => done,
            // An answer that the library does not expect makes it panic.
            Some(Err(why)) => Err(LinkError::Lost(why.to_string())),
            None => Err(LinkError::Lost("the thread has ended".to_owned())),
        }
    }
}

impl Dialer {
    pub(crate) fn new(
        address: Address,
        preference: Preference,
        thread: Arc<Thread>,
        identified: Arc<AtomicBool>,
    ) -> Self {
        Self { address, preference, thread, identified }
    }
}

impl Dial for Dialer {
    fn dial(&self, turn: usize) -> Result<Arc<dyn Link>, LinkError> {
        let refused = |why: String| LinkError::Refused(why);
        let settings: ClientSettings = self
            .address
            .bare(self.preference, turn)
            .parse()
            .map_err(|why: eventstore::ClientSettingsParseError| refused(why.to_string()))?;
        let client = Client::with_runtime_handle(self.thread.runtime.clone(), settings);
        // The library sends user and password as they stand in an address, without decoding them.
        let credentials = self
            .address
            .credentials()
            .map(|(user, password)| Credentials::new(user.to_owned(), password.to_owned()));
        Ok(Arc::new(Connection {
            client: client.map_err(|why| link_error(&why))?,
            credentials,
            thread: Arc::clone(&self.thread),
            sessions: Default::default(),
            turn: AtomicUsize::new(0),
            in_order: Mutex::default(),
            contended: Contended::default(),
            identified: Arc::clone(&self.identified),
            nudges: Arc::default(),
            calls: AtomicUsize::new(0),
        }))
    }
}

/// Reads the whole log with the library and nothing of ours, to tell how fast it is by itself.
pub(crate) async fn read_alone(dialer: &Dialer) -> Result<usize, LinkError> {
    let address = dialer.address.bare(dialer.preference, 0);
    let wrong = |why: eventstore::ClientSettingsParseError| LinkError::Refused(why.to_string());
    let settings: ClientSettings = address.parse().map_err(wrong)?;
    let runtime = dialer.thread.runtime.clone();
    let read = async move {
        let client = Client::with_runtime_handle(runtime, settings)?;
        let mut stream = client.read_all(&ReadAllOptions::default().forwards()).await?;
        let mut count = 0_usize;
        while stream.next().await?.is_some() {
            count = count.saturating_add(1);
        }
        Ok(count)
    };
    dialer.thread.run(async move { read.await.map_err(|why: Error| link_error(&why)) }).await
}

struct Connection {
    client: Client,
    credentials: Option<Credentials>,
    thread: Arc<Thread>,
    sessions: [Mutex<Option<Arc<BatchAppendClient>>>; SESSIONS],
    turn: AtomicUsize,
    /// The session for appends whose order counts.
    in_order: Mutex<Option<Arc<BatchAppendClient>>>,
    /// The streams whose appends stay out of the sessions.
    contended: Contended,
    identified: Arc<AtomicBool>,
    nudges: Arc<Mutex<Option<Arc<BatchAppendClient>>>>,
    /// How many calls other than those of sessions are under way.
    calls: AtomicUsize,
}

/// Options of a call, with credentials where there are some.
macro_rules! options {
    ($connection:expr, $options:ident) => {{
        let options = $options::default();
        match &$connection.credentials {
            Some(credentials) => options.authenticated(credentials.clone()),
            None => options,
        }
    }};
}

impl Connection {
    /// Makes the server say something at once: it is asked to record an event that it has, and
    /// answers without recording anything. The answer acknowledges whatever was sent before, so
    /// that what waits for that goes out.
    fn nudge(&self) {
        if !self.identified.load(Ordering::Relaxed) {
            return;
        }
        let (client, options) = (self.client.clone(), options!(self, BatchAppendOptions));
        let nudges = Arc::clone(&self.nudges);
        self.thread.runtime.spawn(async move {
            let open = held(&nudges).clone();
            let session = match open {
                Some(session) => session,
                None => match client.batch_append(&options).await {
                    Ok(session) => Arc::clone(held(&nudges).insert(Arc::new(session))),
                    // The call that this is for hears of it too.
                    Err(_) => return,
                },
            };
            let known = EventData::binary(IDENTIFIED, Bytes::new()).id(IDENTIFIED_ID);
            let asked = session.append_to_stream(IDENTITY, ExpectedRevision::NoStream, vec![known]);
            if !matches!(timeout(NEXT_EVENT, asked).await, Ok(Ok(_))) {
                held(&nudges).take_if(|open| Arc::ptr_eq(open, &session));
            }
        });
    }

    async fn open(&self) -> Result<Arc<BatchAppendClient>, LinkError> {
        let (client, options) = (self.client.clone(), options!(self, BatchAppendOptions));
        let open =
            async move { client.batch_append(&options).await.map_err(|why| link_error(&why)) };
        self.thread.run(open).await.map(Arc::new)
    }

    async fn read<F>(
        &self,
        open: impl FnOnce(Client) -> F + Send + 'static,
        limit: usize,
    ) -> Result<Vec<Incoming>, LinkError>
    where
        F: Future<Output = eventstore::Result<ReadStream>> + Send,
    {
        let client = self.client.clone();
        let read = async move {
            let opened = timeout(NEXT_EVENT, open(client)).await.map_err(|_| silent())?;
            let mut stream = match opened {
                Ok(stream) => stream,
                Err(Error::ResourceNotFound) => return Ok(Vec::new()),
                Err(why) => return Err(link_error(&why)),
            };
            let mut events = Vec::with_capacity(limit.min(1_024));
            while events.len() < limit {
                match timeout(NEXT_EVENT, stream.next()).await.map_err(|_| silent())? {
                    Ok(Some(event)) => events.extend(incoming(event)?),
                    Ok(None) | Err(Error::ResourceNotFound) => break,
                    Err(why) => return Err(link_error(&why)),
                }
            }
            Ok(events)
        };
        self.call(read).await
    }

    /// A call that is sent in two packets.
    async fn call<T: Send + 'static>(
        &self,
        call: impl Future<Output = Result<T, LinkError>> + Send + 'static,
    ) -> Result<T, LinkError> {
        // Where others are answered, their answers do.
        if self.calls.fetch_add(1, Ordering::Relaxed) == 0 {
            self.nudge();
        }
        let _under_way = UnderWay(&self.calls);
        self.thread.run(call).await
    }

    /// An append in one of the sessions.
    async fn append_in_session(
        &self,
        stream: &str,
        expected: Expected,
        events: Vec<EventData>,
    ) -> Result<Written, LinkError> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let closed = || LinkError::Lost("no session".to_owned());
        let place = turn.checked_rem(SESSIONS).and_then(|place| self.sessions.get(place));
        let place = place.ok_or_else(closed)?;
        let open = held(place).clone();
        let session = match open {
            Some(session) => session,
            None => {
                let session = self.open().await?;
                self.nudge();
                Arc::clone(held(place).insert(session))
            }
        };
        let written = session.append_to_stream(stream, expectation(expected), events).await;
        if written.is_err() {
            held(place).take_if(|open| Arc::ptr_eq(open, &session));
        }
        let written = written.map_err(|why| link_error(&why))?;
        Ok(Written {
            revision: written.current_revision().unwrap_or_default(),
            offset: written.current_position().map(|position| position.commit),
        })
    }

    /// An append by itself, which takes nothing along if it is refused.
    async fn append_alone(
        &self,
        stream: &str,
        expected: Expected,
        events: Vec<EventData>,
    ) -> Result<Written, LinkError> {
        let options = options!(self, AppendToStreamOptions);
        let options = options.expected_revision(expectation(expected));
        let (client, stream) = (self.client.clone(), stream.to_owned());
        let append = async move {
            let written = client.append_to_stream(stream, &options, events).await;
            written.map_err(|why| link_error(&why))
        };
        let written = self.call(append).await?;
        let (revision, offset) = (written.next_expected_version, Some(written.position.commit));
        Ok(Written { revision, offset })
    }
}

/// Counts a call as done, however it ends.
struct UnderWay<'a>(&'a AtomicUsize);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[async_trait]
impl Link for Connection {
    async fn append(
        &self,
        stream: &str,
        expected: Expected,
        events: Vec<Outgoing>,
    ) -> Result<Written, LinkError> {
        let events = events.into_iter().map(event_data).collect();
        let written = if self.contended.has(stream) {
            self.append_alone(stream, expected, events).await
        } else {
            self.append_in_session(stream, expected, events).await
        };
        match &written {
            Ok(_) => self.contended.won(stream),
            Err(LinkError::Conflict) => self.contended.lost(stream),
            Err(LinkError::NotLeader) => {
                // The library goes to the leader that a read was told of, and no other.
                let _ = self.read_stream(stream, None, Direction::Backwards, 1).await;
            }
            Err(
                LinkError::Lost(_)
                | LinkError::CutOff
                | LinkError::Denied
                | LinkError::Deleted
                | LinkError::Refused(_),
            ) => {}
        }
        written
    }

    async fn append_in_order(&self, appends: Vec<Ordered>) -> Result<(), LinkError> {
        let open = held(&self.in_order).clone();
        let session = match open {
            Some(session) => session,
            None => {
                let session = self.open().await?;
                Arc::clone(held(&self.in_order).insert(session))
            }
        };
        let ask = |append: Ordered| {
            let (session, Ordered { stream, expected, events }) = (Arc::clone(&session), append);
            let events = events.into_iter().map(event_data).collect();
            async move { session.append_to_stream(stream, expectation(expected), events).await }
        };
        // Every one is on its way, in this order, before the first is answered.
        let mut answers: FuturesOrdered<_> = appends.into_iter().map(ask).collect();
        while let Some(answer) = answers.next().await {
            if let Err(why) = answer {
                held(&self.in_order).take_if(|open| Arc::ptr_eq(open, &session));
                return Err(link_error(&why));
            }
        }
        Ok(())
    }

    async fn read_stream(
        &self,
        stream: &str,
        from: Option<u64>,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<Incoming>, LinkError> {
        let options = options!(self, ReadStreamOptions).max_count(limit);
        // Naming a place resets the direction where the place is an end.
        let options = match (direction, from) {
            (Direction::Forwards, None) => options.position(StreamPosition::Start),
            (Direction::Forwards, Some(from)) => {
                options.forwards().position(StreamPosition::Position(from))
            }
            (Direction::Backwards, None) => options.position(StreamPosition::End),
            (Direction::Backwards, Some(from)) => {
                options.backwards().position(StreamPosition::Position(from))
            }
        };
        let stream = stream.to_owned();
        self.read(move |client| async move { client.read_stream(stream, &options).await }, limit)
            .await
    }

    async fn read_all(
        &self,
        from: Option<u64>,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<Incoming>, LinkError> {
        let options = options!(self, ReadAllOptions).max_count(limit);
        let options = match (direction, from.map(position)) {
            (Direction::Forwards, None) => options.position(StreamPosition::Start),
            (Direction::Forwards, Some(from)) => {
                options.forwards().position(StreamPosition::Position(from))
            }
            (Direction::Backwards, None) => options.position(StreamPosition::End),
            (Direction::Backwards, Some(from)) => {
                options.backwards().position(StreamPosition::Position(from))
            }
        };
        self.read(move |client| async move { client.read_all(&options).await }, limit).await
    }

    async fn follow(&self, after: Option<u64>, told: Told) -> LinkError {
        let start =
            after.map_or(StreamPosition::Start, |after| StreamPosition::Position(position(after)));
        // What the server writes for itself is not worth sending.
        let filter = SubscriptionFilter::on_stream_name().regex(r"^[^\$].*");
        let options = options!(self, SubscribeToAllOptions).position(start).filter(filter);
        let client = self.client.clone();
        let follow = async move {
            let mut subscription = client.subscribe_to_all(&options).await;
            loop {
                let event = subscription.next().await.map_err(|why| link_error(&why))?;
                let event = event.get_original_event();
                told(&event.stream_id, event.position.commit);
            }
        };
        let ended: Result<std::convert::Infallible, _> =
            self.thread.run(follow.with_subscriber(Complaint)).await;
        match ended {
            Err(why) => why,
        }
    }
}

/// Ends a subscription that the server ended, of which the library only complains.
struct Complaint;

impl tracing::Subscriber for Complaint {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        *metadata.level() == tracing::Level::WARN && metadata.target() == "eventstore::commands"
    }

    fn event(&self, _: &tracing::Event<'_>) {
        panic::resume_unwind(Box::new("the subscription ended"));
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

fn expectation(expected: Expected) -> ExpectedRevision {
    match expected {
        Expected::NoStream => ExpectedRevision::NoStream,
        Expected::Exactly(revision) => ExpectedRevision::Exact(revision.0),
    }
}

/// The server gives both numbers alike unless a transaction wrote the event.
const fn position(offset: u64) -> Position {
    Position { commit: offset, prepare: offset }
}

fn event_data(event: Outgoing) -> EventData {
    let Outgoing { id, name, data, metadata } = event;
    let json = serde_json::from_slice::<&RawValue>(&data).ok();
    // The library takes a body as it is only where it does not call it JSON.
    let made = json.and_then(|json| EventData::json(&name, &json).ok());
    made.unwrap_or_else(|| EventData::binary(&name, data.clone())).id(id).metadata(metadata)
}

fn incoming(event: ResolvedEvent) -> Result<Option<Incoming>, LinkError> {
    let Some(event) = event.event else { return Ok(None) };
    if event.position.commit != event.position.prepare {
        let stream = event.stream_id;
        return Err(LinkError::Refused(format!("{stream} was written in a transaction")));
    }
    Ok(Some(Incoming {
        created: event.metadata.get("created").and_then(|ticks| ticks.parse().ok()),
        stream: event.stream_id,
        revision: event.revision,
        offset: event.position.commit,
        id: event.id,
        name: event.event_type.into(),
        json: event.is_json,
        data: event.data,
        metadata: event.custom_metadata,
    }))
}

fn silent() -> LinkError {
    LinkError::Lost("the cluster says nothing".to_owned())
}

fn link_error(error: &Error) -> LinkError {
    let lost = || LinkError::Lost(error.to_string());
    match error {
        // The library has no other name for a session that a refusal ended.
        Error::ServerError(why) if why.contains(SESSION_ENDED) => LinkError::CutOff,
        Error::NotLeaderException(_) => LinkError::NotLeader,
        Error::AccessDenied => LinkError::Denied,
        Error::ResourceDeleted => LinkError::Deleted,
        Error::WrongExpectedVersion { .. } => LinkError::Conflict,
        // What a session for appends answers with has the name of the error for a message.
        Error::Grpc { code, message } => match message.as_str() {
            "WrongExpectedVersion" => LinkError::Conflict,
            "StreamDeleted" => LinkError::Deleted,
            "AccessDenied" => LinkError::Denied,
            "Timeout" | "Unknown" => lost(),
            _ => match format!("{code:?}").as_str() {
                "Cancelled" | "Aborted" | "ResourceExhausted" | "Unavailable" => lost(),
                _ => LinkError::Refused(message.clone()),
            },
        },
        Error::UnsupportedFeature => {
            LinkError::Refused("it does not know what is asked of it".to_owned())
        }
        Error::ResourceAlreadyExists | Error::ResourceNotFound => {
            LinkError::Refused(error.to_string())
        }
        Error::ServerError(_)
        | Error::ConnectionClosed
        | Error::GrpcConnectionError(_)
        | Error::InternalParsingError(_)
        | Error::InternalClientError
        | Error::DeadlineExceeded
        | Error::InitializationError(_)
        | Error::IllegalStateError(_) => lost(),
    }
}

/// A lock whose holder panicked still guards data that every holder leaves whole.
fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
