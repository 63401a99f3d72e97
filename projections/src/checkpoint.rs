//! How far a projection is, and why it goes no further.

use huzhu_store::port::{OtherStore, Position, StoreId};
use jiff::Timestamp;

use crate::keeper::Turn;
use crate::rows::DatabaseError;

/// How far a projection is. Committed together with the rows that it speaks of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The projection.
    pub projection: String,
    /// Its version, when its tables were begun.
    pub version: u32,
    /// The log it reads.
    pub store: StoreId,
    /// The offset of the last event it reflects, 0 before the first.
    pub offset: u64,
    /// When the log took that event.
    pub recorded_at: Option<Timestamp>,
    /// The event it does not get past, if there is one.
    pub failure: Option<Failure>,
}

/// The event that a projection does not get past.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Its place in the log.
    pub offset: u64,
    /// Its stream.
    pub stream: String,
    /// Its place in the stream.
    pub revision: u64,
    /// The stored name of its type.
    pub event: String,
    /// Why.
    pub why: String,
    /// Since when.
    pub since: Timestamp,
}

impl Checkpoint {
    /// Before the first event.
    #[must_use]
    pub fn start(projection: &str, version: u32, store: StoreId) -> Self {
        let (projection, offset) = (projection.to_owned(), 0);
        Self { projection, version, store, offset, recorded_at: None, failure: None }
    }

    /// The place it stands for; none before the first event.
    #[must_use]
    pub fn position(&self) -> Option<Position> {
        (self.offset > 0).then_some(Position { store: self.store, offset: self.offset })
    }

    /// Sees that a projection can go on from here, reading log `store` up to `head`.
    ///
    /// # Errors
    ///
    /// [`ViewsError`] when it cannot: nothing is ever skipped or guessed.
    pub fn fits(&self, store: StoreId, head: u64) -> Result<(), ViewsError> {
        let projection = || self.projection.clone();
        if self.store != store {
            let why = OtherStore { expected: store, given: self.store };
            return Err(ViewsError::OtherStore { projection: projection(), why });
        }
        if self.offset > head {
            let given = self.offset;
            return Err(ViewsError::BeyondHead { projection: projection(), given, head });
        }
        Ok(())
    }
}

/// Why views cannot be kept, or made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ViewsError {
    /// They were built from another log.
    #[error("the view {projection} was built from another log: {why}")]
    OtherStore {
        /// Which view.
        projection: String,
        /// Which logs.
        why: OtherStore,
    },
    /// They reflect events that the log does not have.
    #[error("the view {projection} is at {given}, beyond the head of the log, {head}")]
    BeyondHead {
        /// Which view.
        projection: String,
        /// Where it is.
        given: u64,
        /// Where the log ends.
        head: u64,
    },
    /// The file is not one of views, or of another layout.
    #[error("the file of the views has layout {stored}, the program wants {wanted}: rebuild it")]
    OtherLayout {
        /// What the file says.
        stored: i64,
        /// What the program writes.
        wanted: i64,
    },
    /// Another process keeps them.
    #[error("another process keeps the views in this folder")]
    InUse,
    /// The database does not answer.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The log does not answer.
    #[error(transparent)]
    Log(#[from] huzhu_store::port::StoreError),
    /// A file cannot be read or written.
    #[error("the folder of the views: {0}")]
    Files(String),
    /// Editions do not change places.
    #[error(transparent)]
    Turn(Box<Turn>),
    /// A projection cannot get past an event, so that there is nothing whole to show.
    #[error("the view {projection} stops at {failure:?}")]
    Stopped {
        /// Which view.
        projection: String,
        /// Where, and why.
        failure: Box<Failure>,
    },
}

impl From<Turn> for ViewsError {
    fn from(turn: Turn) -> Self {
        if let Turn::Views(why) = turn { *why } else { Self::Turn(Box::new(turn)) }
    }
}

impl From<rusqlite::Error> for ViewsError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error.into())
    }
}

impl From<std::io::Error> for ViewsError {
    fn from(error: std::io::Error) -> Self {
        Self::Files(error.to_string())
    }
}
