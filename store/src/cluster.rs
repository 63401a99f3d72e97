//! The log on a cluster of KurrentDB (EventStoreDB), or behind `huzhu eventstore`.
//!
//! | file | what it is |
//! |---|---|
//! | `address` | where the cluster is, and how to get in |
//! | `link` | what is asked of a connection; `eventstoredb` is the one there is |
//! | `supervisor` | calls that outlive the connection they began on |
//! | `reader`, `head` | reads, and the waking of those who wait for more |
//! | `contended` | streams for which writers race |
//! | `copying` | a cluster as what a log is copied to |
//! | `tls` | why a node that can be reached cannot be spoken with |
//! | `turn` | which of several services drives what follows from events |
//! | `format` | events and streams as the server has them |
//!
//! 1. Every call ends: answered, refused, or given up as unavailable.
//! 2. An append whose answer was lost is asked again; ids say whether it stands already.
//! 3. What cannot be kept here is told at the start, before the first command is taken.
//! 4. What is decided on is read from the leader, whatever node the address prefers.

mod address;
mod contended;
mod copying;
mod format;
mod head;
mod link;
mod reader;
mod supervisor;
mod tls;
mod turn;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use uuid::Uuid;

pub use self::address::{Address, AddressError, Preference, secret_of};
pub(crate) use self::contended::Contended;
use self::format::{event_out, stream_out};
pub(crate) use self::link::{Dial, Incoming, Link, LinkError, Ordered, Outgoing, Told, Written};
use self::reader::{Reader, store_error};
use self::supervisor::{Patience, Supervisor};
pub use self::turn::Turn;
use crate::eventstoredb::{Dialer, Thread};
use crate::port::{
    Append, AppendError, Appended, Direction, EventStore, Expected, Position, Recorded, Revision,
    StoreError, StoreId, StreamName, check,
};

/// The most bytes that one append may hold here: what a cluster can be set to take.
pub const APPEND_BYTES_MAX: usize = 15 * MEBIBYTE;

const MEBIBYTE: usize = 1024 * 1024;

/// What an event takes besides its name, body and metadata.
const EVENT_OVERHEAD: usize = 128;

/// How many bytes may be on their way to the cluster, in KiB; whoever comes then is refused.
const UNDER_WAY_MAX: usize = 256 * 1024;

const APPEND: Patience = Patience::new(Duration::from_secs(10), Duration::from_secs(25));
/// How long the cluster may take to answer at the start.
const START: Patience = Patience::new(Duration::from_secs(5), Duration::from_secs(15));

/// How often an append that lost a race against nobody is tried again.
const RACES_MAX: u32 = 8;

/// The stream that says which log this is.
pub(crate) const IDENTITY: &str = "%huzhu";
/// The name and the id of its first event.
pub(crate) const IDENTIFIED: &str = "LogIdentified";
pub(crate) const IDENTIFIED_ID: Uuid = Uuid::from_u128(0x4875_7a68_7500_8c6f_8067_0000_0000_0001);

/// A place that no stream comes to.
const NOWHERE: Expected = Expected::Exactly(Revision(1 << 62));

/// A log on a cluster. Clones are handles of the same one.
#[derive(Clone)]
pub struct ClusterStore {
    id: StoreId,
    leader: Arc<Reader>,
    /// Where views are read from; the leader unless the address prefers others.
    views: Arc<Reader>,
    under_way: Arc<Semaphore>,
}

/// What the first event of a log on a cluster says.
#[derive(Serialize, Deserialize)]
struct Identity {
    id: Uuid,
}

impl ClusterStore {
    /// Opens the log at `address`; gives a log that has none yet an identity, `fresh` if nobody is
    /// faster.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] when the cluster does not answer, denies access or takes less
    /// than an event of ours may hold; [`StoreError::Corrupt`] when it holds something else.
    pub async fn open(address: Address, fresh: Uuid) -> Result<Self, StoreError> {
        let failed = |why: std::io::Error| StoreError::Unavailable { why: why.to_string() };
        let thread = Thread::start().map_err(failed)?;
        let identified = Arc::new(AtomicBool::new(false));
        let dialer = |preference| {
            let (thread, identified) = (Arc::clone(&thread), Arc::clone(&identified));
            Box::new(Dialer::new(address.clone(), preference, thread, identified))
        };
        let others = (address.preference != Preference::Leader)
            .then(|| Supervisor::new(dialer(address.preference)));
        let opened = Self::over(Supervisor::new(dialer(Preference::Leader)), others, fresh).await;
        identified.store(opened.is_ok(), Ordering::Relaxed);
        match opened {
            Err(StoreError::Unavailable { why }) => {
                let why = tls::trouble(&address).await.unwrap_or(why);
                Err(StoreError::Unavailable { why: format!("{address}: {why}") })
            }
            opened => opened,
        }
    }

    async fn over(
        leader: Supervisor,
        others: Option<Supervisor>,
        fresh: Uuid,
    ) -> Result<Self, StoreError> {
        let id = identify(&leader, fresh).await?;
        probe(&leader).await?;
        let leader = Arc::new(Reader::new(id, leader));
        let views =
            others.map_or_else(|| Arc::clone(&leader), |others| Arc::new(Reader::new(id, others)));
        for reader in [&leader, &views] {
            let last = reader.last().await?;
            reader.head().seen(last.unwrap_or(0));
        }
        tokio::spawn(head::keep(Arc::downgrade(&views)));
        Ok(Self { id, leader, views, under_way: Arc::new(Semaphore::new(UNDER_WAY_MAX)) })
    }

    /// Ends the store: what the cluster answers within `grace` is answered, everything else is
    /// given up as unavailable then.
    pub fn end_within(&self, grace: Duration) {
        for reader in [&self.leader, &self.views] {
            reader.supervisor().end_within(grace);
        }
    }

    /// What all services on this log agree on: `value`, unless one of them said something else
    /// before. `about` is a word of few letters.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn agree(&self, about: &str, value: &str) -> Result<String, StoreError> {
        let stream = format!("%huzhu-{about}");
        let unlike =
            |why: serde_json::Error| StoreError::Corrupt { why: format!("{stream}: {why}") };
        let data = serde_json::to_vec(value).map_err(unlike)?;
        let event = own_event(Uuid::new_v4(), "ServicesAgreed", data.into());
        let said = first_said(self.leader.supervisor(), &stream, event).await?;
        serde_json::from_slice(&said).map_err(unlike)
    }

    /// Records one append, once, however often it has to be asked for.
    async fn record(&self, append: &Append, events: &[Outgoing]) -> Result<Appended, Recording> {
        let name = &*stream_out(&append.stream);
        for _ in 0..RACES_MAX {
            let written = self.leader.supervisor().call(APPEND, |link| {
                let events = events.to_vec();
                async move { link.append(name, append.expected, events).await }
            });
            match written.await {
                Ok(written) => {
                    return self.recorded(append, written).await.map_err(Recording::Failed);
                }
                Err(LinkError::Conflict) => {}
                Err(why) => return Err(Recording::Failed(store_error(why))),
            }
            // The library loses where the stream stands, and a server may have forgotten what it
            // once answered: the stream itself says both.
            let standing = self.standing(append).await.map_err(Recording::Failed)?;
            if let Some(appended) = standing {
                return Ok(appended);
            }
            let last = self.leader.stream(&append.stream, None, Direction::Backwards, 1).await;
            let actual = last.map_err(Recording::Failed)?.first().map(|last| last.revision);
            if Expected::after(actual) != append.expected {
                return Err(Recording::Conflict(actual));
            }
        }
        let why = format!("{} is refused again and again where it stands", append.stream);
        Err(Recording::Failed(StoreError::Unavailable { why }))
    }

    async fn recorded(&self, append: &Append, written: Written) -> Result<Appended, StoreError> {
        let revision = last_of(append);
        if written.revision != revision.0 {
            let why = format!(
                "{} goes on at {} behind {:?}: it was deleted or truncated on the server",
                append.stream, written.revision, append.expected
            );
            return Err(StoreError::Corrupt { why });
        }
        let offset = match written.offset {
            Some(offset) => offset,
            None => {
                let read =
                    self.leader.stream(&append.stream, Some(revision), Direction::Forwards, 1);
                let read = read.await?;
                let gone = || StoreError::Corrupt {
                    why: format!("{}@{revision} was recorded and is gone", append.stream),
                };
                read.first().ok_or_else(gone)?.position.offset
            }
        };
        self.leader.head().seen(offset);
        Ok(Appended { revision, position: Position { store: self.id, offset } })
    }

    /// Where the events of `append` stand already, if they do.
    async fn standing(&self, append: &Append) -> Result<Option<Appended>, StoreError> {
        let first = append.expected.last().map_or(Revision::FIRST, Revision::next);
        let many = append.events.len();
        let read =
            self.leader.stream(&append.stream, Some(first), Direction::Forwards, many).await?;
        let ids = append.events.iter().map(|event| event.id);
        let same = read.iter().map(|event| event.id).eq(ids);
        let last = read.last().filter(|_| same);
        Ok(last.map(|last| Appended { revision: last.revision, position: last.position }))
    }
}

enum Recording {
    Conflict(Option<Revision>),
    Failed(StoreError),
}

fn last_of(append: &Append) -> Revision {
    let first = append.expected.last().map_or(0, |last| last.next().0);
    let many = u64::try_from(append.events.len()).unwrap_or(u64::MAX);
    Revision(first.saturating_add(many).saturating_sub(1))
}

/// Reads which log this is, or says so if nobody has.
async fn identify(supervisor: &Supervisor, fresh: Uuid) -> Result<StoreId, StoreError> {
    let unlike = |why: serde_json::Error| StoreError::Corrupt { why: format!("{IDENTITY}: {why}") };
    let data = serde_json::to_vec(&Identity { id: fresh }).map_err(unlike)?;
    let said = first_said(supervisor, IDENTITY, own_event(IDENTIFIED_ID, IDENTIFIED, data.into()));
    let identity: Identity = serde_json::from_slice(&said.await?).map_err(unlike)?;
    Ok(StoreId(identity.id))
}

/// What the first event of a stream of the store's own says: `event`, unless somebody was faster.
async fn first_said(
    supervisor: &Supervisor,
    stream: &str,
    event: Outgoing,
) -> Result<Bytes, StoreError> {
    for _ in 0..RACES_MAX {
        let read = supervisor.call(START, |link| async move {
            link.read_stream(stream, None, Direction::Forwards, 1).await
        });
        if let Some(first) = read.await.map_err(store_error)?.into_iter().next() {
            return Ok(first.data);
        }
        let said = supervisor.call(START, |link| {
            let event = event.clone();
            async move { link.append(stream, Expected::NoStream, vec![event]).await }
        });
        match said.await {
            // Whoever was first is read in the next round.
            Ok(_) | Err(LinkError::Conflict) => {}
            Err(why) => return Err(store_error(why)),
        }
    }
    Err(StoreError::Corrupt { why: format!("{stream} is there and cannot be read") })
}

/// An event of the store's own, which nobody meets through the port.
fn own_event(id: Uuid, name: &str, data: Bytes) -> Outgoing {
    Outgoing { id, name: name.into(), data, metadata: Bytes::from_static(b"{}") }
}

/// Finds out whether the cluster takes the largest append, by one that cannot be recorded.
async fn probe(supervisor: &Supervisor) -> Result<(), StoreError> {
    let data = Bytes::from(vec![b' '; MEBIBYTE]);
    let many = APPEND_BYTES_MAX.div_euclid(MEBIBYTE);
    let events: Vec<_> =
        (0..many).map(|_| own_event(Uuid::new_v4(), "LogProbed", data.clone())).collect();
    let tried = supervisor.call(START, |link| {
        let events = events.clone();
        async move { link.append(IDENTITY, NOWHERE, events).await }
    });
    match tried.await {
        Err(LinkError::Conflict) => Ok(()),
        Err(LinkError::Refused(why)) => Err(StoreError::Unavailable {
            why: format!(
                "the cluster refuses an append of {APPEND_BYTES_MAX} bytes ({why}); set its \
                 MaxAppendSize to {} or more",
                16 * 1_000_000
            ),
        }),
        Err(why) => Err(store_error(why)),
        Ok(_) => Err(StoreError::Corrupt {
            why: format!("stream {IDENTITY}: an append was taken behind what is not there"),
        }),
    }
}

/// How many events the client library reads of the whole log, for benchmarks that tell what the
/// adapter adds.
///
/// # Errors
///
/// [`StoreError`].
#[doc(hidden)]
pub async fn read_by_the_library_alone(address: Address) -> Result<usize, StoreError> {
    let failed = |why: std::io::Error| StoreError::Unavailable { why: why.to_string() };
    let thread = Thread::start().map_err(failed)?;
    let dialer = Dialer::new(address, Preference::Leader, thread, Arc::default());
    crate::eventstoredb::read_alone(&dialer).await.map_err(store_error)
}

/// What an append takes on the cluster.
fn size_of(append: &Append) -> usize {
    let of = |event: &crate::port::NewEvent| {
        let name = event.name.len().saturating_mul(2);
        let sizes = [event.data.len(), event.metadata.len(), name, EVENT_OVERHEAD];
        sizes.into_iter().fold(0, usize::saturating_add)
    };
    append.events.iter().map(of).fold(0, usize::saturating_add)
}

#[async_trait]
impl EventStore for ClusterStore {
    fn id(&self) -> StoreId {
        self.id
    }

    fn is_shared(&self) -> bool {
        true
    }

    async fn append(&self, appends: Vec<Append>) -> Result<Vec<Appended>, AppendError> {
        check(&appends)?;
        let sizes: Vec<_> = appends.iter().map(size_of).collect();
        if let Some(given) = sizes.iter().copied().find(|size| *size > APPEND_BYTES_MAX) {
            let what = "bytes in one append on a cluster";
            return Err(AppendError::TooLarge { what, limit: APPEND_BYTES_MAX, given });
        }
        let kibibytes = sizes.into_iter().fold(1, usize::saturating_add).div_ceil(1024);
        let kibibytes = u32::try_from(kibibytes).unwrap_or(u32::MAX);
        let _under_way =
            self.under_way.try_acquire_many(kibibytes).map_err(|_| AppendError::Overloaded)?;
        let mut appended = Vec::with_capacity(appends.len());
        for (index, append) in appends.into_iter().enumerate() {
            let events: Vec<_> = append.events.iter().map(|event| event_out(event, None)).collect();
            match self.record(&append, &events).await {
                Ok(recorded) => appended.push(recorded),
                Err(Recording::Conflict(actual)) => {
                    let (stream, expected) = (append.stream, append.expected);
                    return Err(AppendError::Conflict {
                        index,
                        stream,
                        expected,
                        actual,
                        appended,
                    });
                }
                Err(Recording::Failed(why)) => return Err(why.into()),
            }
        }
        Ok(appended)
    }

    async fn read_stream(
        &self,
        stream: &StreamName,
        from: Option<Revision>,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<Recorded>, StoreError> {
        self.leader.stream(stream, from, direction, limit).await
    }

    async fn read_all(
        &self,
        bound: Option<Position>,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<Recorded>, StoreError> {
        let bound = bound.map(|bound| bound.within(self.id)).transpose()?;
        if let Some(given) = bound
            && given > self.leader.head().known().max(self.views.head().known())
        {
            let head = self.head().await?.map_or(0, |head| head.offset);
            if given > head {
                return Err(StoreError::BeyondHead { given, head });
            }
        }
        self.views.all(bound, direction, limit).await
    }

    async fn head(&self) -> Result<Option<Position>, StoreError> {
        let last = self.leader.last().await?;
        self.leader.head().seen(last.unwrap_or(0));
        Ok(last.map(|offset| Position { store: self.id, offset }))
    }

    async fn grown(&self, bound: Option<Position>) -> Result<(), StoreError> {
        let bound = bound.map(|bound| bound.within(self.id)).transpose()?.unwrap_or(0);
        self.views.head().beyond(bound).await
    }
}

#[cfg(test)]
mod tests;
