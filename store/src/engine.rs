//! Load, decide, append: how a command takes effect.
//!
//! A command is a [`Flow`]: it loads the aggregates it needs, lets the domain decide, and leaves
//! one list of appends, each guarded by the revision that was read. Who loses a race loads again
//! and decides again. The stream that a command is about is its target; the target's own events
//! say which commands took effect, so a command is answered once for ever without a table.
//!
//! Nothing relies on a list being recorded as a whole. After a crash any prefix may stand, and the
//! same command, or the processes of [`runner`], bring the flow to its end.

mod authority;
mod cache;
mod claims;
mod covers;
mod draft;
mod flow;
mod granting;
mod judgement;
mod loaded;
mod members;
mod organisations;
mod payouts;
mod plans;
pub mod replay;
mod rosters;
pub mod runner;
mod steps;
pub mod streams;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use huzhu_domain::envelope::{Actor, beijing_date};
use huzhu_domain::id::CommandId;
use huzhu_domain::rejection::Rejection;
use jiff::Timestamp;
use jiff::civil::Date;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::port::{AppendError, EventStore, Position, Recorded, Revision, StoreError, StreamName};
use cache::Cache;
pub use claims::{FileClaim, SupplementClaim, WithdrawClaim};
pub use covers::GrantCover;
pub use loaded::{Aggregate, Loaded};
pub use members::RegisterMember;
pub use organisations::{RegisterHandler, RegisterOrganisation};
pub use rosters::{LinesAdded, OpenRoster, RosterLine};
pub use steps::{PassStep, RefuseClaim, ReturnClaim};

/// How often a command decides again after it lost a race.
pub const ATTEMPTS_MAX: u32 = 100;

/// What a command brings besides its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// The id of the command: the `request_id` of a request.
    pub command: CommandId,
    /// The [`digest`] of the command's content: the same id with another content is refused.
    pub content: Arc<str>,
    /// Where the caller believes the target to stand, if the caller says so.
    pub expected: Option<Revision>,
    /// Who asks.
    pub actor: Actor,
    /// When it counts.
    pub at: Timestamp,
    /// What belongs together; a first command names itself.
    pub correlation: Uuid,
    /// The event that the command follows from, if a process asks.
    pub causation: Option<Uuid>,
}

impl Envelope {
    /// The business date: the calendar date in Beijing.
    #[must_use]
    pub fn on(&self) -> Date {
        beijing_date(self.at)
    }

    /// A command that follows from this one; `what` tells several apart.
    #[must_use]
    pub fn then(&self, what: &str) -> Self {
        Self { command: self.command.then(what), expected: None, ..self.clone() }
    }
}

/// SHA-256 in lower-case hexadecimal.
#[must_use]
pub fn digest(content: &[u8]) -> Arc<str> {
    let digit = |half: u8| char::from_digit(u32::from(half), 16).unwrap_or_default();
    let digest = Sha256::digest(content);
    let text: String =
        digest.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect();
    text.into()
}

/// What became of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The stream that the command was about.
    pub stream: StreamName,
    /// Where the stream stands after the command; the command's last event, if it made any.
    pub revision: Option<Revision>,
    /// The place of that event in the log: what a query can wait for.
    pub position: Position,
    /// The command.
    pub command: CommandId,
    /// The events that the command made in the stream; none if nothing was left to do.
    pub events: Vec<(&'static str, Revision)>,
    /// Whether the command had taken effect before.
    pub repeated: bool,
}

/// Why a command did not take effect.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// The rules of the domain refuse it.
    #[error(transparent)]
    Rejected(Box<Rejection>),
    /// Others were first, again and again.
    #[error("{stream} was changed by others {attempts} times in a row")]
    Raced {
        /// Where the race was lost last.
        stream: StreamName,
        /// How often.
        attempts: u32,
    },
    /// The target is not where the caller believes.
    #[error("{stream} stands at {actual:?}, not at {expected}")]
    ExpectedRevision {
        /// The target.
        stream: StreamName,
        /// What the caller believes.
        expected: Revision,
        /// Where it stands; `None` if it has no events.
        actual: Option<Revision>,
    },
    /// The id stands for a command with another content.
    #[error("command {command} was given before with another content")]
    CommandReused {
        /// The id.
        command: CommandId,
    },
    /// The command would record more than the log takes at once.
    #[error("{what}: {given} is beyond the limit of {limit}")]
    TooLarge {
        /// Which limit.
        what: &'static str,
        /// The limit.
        limit: usize,
        /// What it would have been.
        given: usize,
    },
    /// Too much is waiting for the log; later it may be taken.
    #[error("too many commands are waiting for the log")]
    Overloaded,
    /// The log does not answer. The command may or may not have taken effect; it is safe to repeat.
    #[error("the log does not answer: {why}")]
    Down {
        /// For the operator, not for clients.
        why: String,
    },
    /// The log holds what cannot have happened.
    #[error("{stream} is corrupt at revision {revision}: {why}")]
    Corrupt {
        /// Which stream.
        stream: StreamName,
        /// Which of its events.
        revision: Revision,
        /// What does not fit.
        why: String,
    },
    /// The log contradicts itself; no event can be blamed.
    #[error("the log is corrupt: {why}")]
    LogCorrupt {
        /// What does not fit; for the operator, not for clients.
        why: String,
    },
}

impl EngineError {
    /// The rules of the domain refuse.
    fn rejected(rejection: impl Into<Rejection>) -> Self {
        Self::Rejected(Box::new(rejection.into()))
    }

    fn of_store(error: StoreError) -> Self {
        match error {
            StoreError::Corrupt { why } => Self::LogCorrupt { why },
            StoreError::Unavailable { .. }
            | StoreError::OtherStore(_)
            | StoreError::BeyondHead { .. } => Self::Down { why: error.to_string() },
        }
    }

    fn of_append(error: AppendError) -> Self {
        match error {
            AppendError::TooLarge { what, limit, given } => Self::TooLarge { what, limit, given },
            AppendError::Overloaded => Self::Overloaded,
            AppendError::Store(error) => Self::of_store(error),
            AppendError::Empty | AppendError::Conflict { .. } => {
                Self::Down { why: error.to_string() }
            }
        }
    }
}

/// Takes commands. Cheap to clone; clones share their cache.
#[derive(Clone)]
pub struct Engine {
    store: Arc<dyn EventStore>,
    cache: Arc<Cache>,
    /// The last place of the log that is known to be taken: what an append is answered with at or
    /// before it was recorded by an earlier try.
    seen: Arc<AtomicU64>,
}

/// How much the engine remembers of what it loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// About how many bytes of aggregates are kept in memory.
    pub cache_bytes_max: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { cache_bytes_max: 256 * 1024 * 1024 }
    }
}

impl Engine {
    /// An engine over `store`.
    ///
    /// # Errors
    ///
    /// [`EngineError::Down`] when the log does not answer.
    pub async fn open(store: Arc<dyn EventStore>, limits: Limits) -> Result<Self, EngineError> {
        let head = store.head().await.map_err(EngineError::of_store)?;
        Ok(Self {
            store,
            cache: Arc::new(Cache::new(limits.cache_bytes_max)),
            seen: Arc::new(AtomicU64::new(head.map_or(0, |head| head.offset))),
        })
    }

    /// An aggregate where its stream stands, as far as this engine knows.
    ///
    /// # Errors
    ///
    /// [`EngineError::Down`] or [`EngineError::Corrupt`].
    pub async fn load<D: Aggregate>(
        &self,
        stream: StreamName,
    ) -> Result<Arc<Loaded<D>>, EngineError> {
        if let Some(loaded) = self.cache.get(&stream) {
            return Ok(loaded);
        }
        let loaded = Arc::new(Loaded::read(self.store.as_ref(), stream).await?);
        // What does not exist is not kept: asking for it must not push out what does.
        if loaded.revision.is_some() {
            self.cache.put(&loaded);
        }
        Ok(loaded)
    }

    /// The log that the engine works on.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn EventStore> {
        &self.store
    }

    /// Takes note of an event that stands in the log, whoever recorded it: what is remembered of
    /// its stream from before is forgotten.
    pub fn observe(&self, recorded: &Recorded) {
        self.cache.outdate(&recorded.stream, recorded.revision);
        self.seen.fetch_max(recorded.position.offset, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
