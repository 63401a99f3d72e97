//! What tickets and prepared statements carry: the statement itself, and what is bound to it.

use bytes::Bytes;
use prost::Message;
use uuid::Uuid;

use super::SqlError;

/// A statement, and the values of its placeholders.
#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct Bound {
    /// The SQL.
    #[prost(string, tag = "1")]
    pub(super) sql: String,
    /// One row of values as an Arrow IPC stream; empty if nothing is bound.
    #[prost(bytes = "bytes", tag = "2")]
    pub(super) values: Bytes,
}

/// A statement that is about to run, with a name by which it can be cancelled.
#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct Ticket {
    #[prost(message, required, tag = "1")]
    pub(super) bound: Bound,
    #[prost(bytes = "bytes", tag = "2")]
    run: Bytes,
}

impl Bound {
    pub(super) fn new(sql: String) -> Self {
        Self { sql, values: Bytes::new() }
    }

    pub(super) fn read(handle: &Bytes) -> Result<Self, SqlError> {
        Self::decode(handle.clone()).map_err(|_| SqlError::Handle("prepared statement"))
    }

    pub(super) fn write(&self) -> Bytes {
        self.encode_to_vec().into()
    }
}

impl Ticket {
    /// Of a run that nobody can guess the name of.
    pub(super) fn new(bound: Bound) -> Self {
        Self { bound, run: Bytes::copy_from_slice(Uuid::new_v4().as_bytes()) }
    }

    pub(super) fn read(handle: &Bytes) -> Result<Self, SqlError> {
        Self::decode(handle.clone()).map_err(|_| SqlError::Handle("ticket"))
    }

    pub(super) fn write(&self) -> Bytes {
        self.encode_to_vec().into()
    }

    /// The name of the run.
    pub(super) fn run(&self) -> Result<Uuid, SqlError> {
        Uuid::from_slice(&self.run).map_err(|_| SqlError::Handle("ticket"))
    }
}
