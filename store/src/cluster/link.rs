//! What supervision asks of a connection to a cluster. The client library stands behind it, and in
//! tests a log in memory that breaks whenever it is told to.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use uuid::Uuid;

use crate::port::{Direction, Expected};

/// An event on its way to the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outgoing {
    pub(crate) id: Uuid,
    pub(crate) name: Arc<str>,
    pub(crate) data: Bytes,
    pub(crate) metadata: Bytes,
}

/// An append that has its place among others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ordered {
    pub(crate) stream: String,
    pub(crate) expected: Expected,
    pub(crate) events: Vec<Outgoing>,
}

/// An event as the server tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Incoming {
    pub(crate) stream: String,
    pub(crate) revision: u64,
    pub(crate) offset: u64,
    pub(crate) id: Uuid,
    pub(crate) name: Arc<str>,
    pub(crate) json: bool,
    /// In ticks of 100 nanoseconds since 1970.
    pub(crate) created: Option<i64>,
    pub(crate) data: Bytes,
    pub(crate) metadata: Bytes,
}

/// Where the last event of an append went, as far as the server says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) revision: u64,
    /// A server that was asked again may not know it any more.
    pub(crate) offset: Option<u64>,
}

/// What became of a call instead of an answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LinkError {
    /// The connection is gone, or nobody knows in what state it is. Another one may do better;
    /// whether an append was recorded is not known.
    #[error("{0}")]
    Lost(String),
    /// What shared a way with this call was refused, and took it along. Whether an append was
    /// recorded is not known; the connection is as good as before.
    #[error("the call was cut off")]
    CutOff,
    /// Another node leads, and the connection goes there from now on.
    #[error("another node leads")]
    NotLeader,
    /// The stream is not where the writer believed.
    #[error("the stream stands elsewhere")]
    Conflict,
    /// Whoever asked may not.
    #[error("the cluster denies access")]
    Denied,
    /// The stream was deleted on the server, for ever.
    #[error("the stream was deleted on the server")]
    Deleted,
    /// Asking again would not help.
    #[error("the cluster refuses: {0}")]
    Refused(String),
}

/// One connection to a cluster, as good or bad as it is.
#[async_trait]
pub(crate) trait Link: Send + Sync {
    /// Records `events` at the end of `stream`, all or none.
    async fn append(
        &self,
        stream: &str,
        expected: Expected,
        events: Vec<Outgoing>,
    ) -> Result<Written, LinkError>;

    /// Records appends, the events of each behind those of the one before. After an error some of
    /// them may stand, from the first one on.
    async fn append_in_order(&self, appends: Vec<Ordered>) -> Result<(), LinkError> {
        for Ordered { stream, expected, events } in appends {
            self.append(&stream, expected, events).await?;
        }
        Ok(())
    }

    /// Events of a stream, beginning with the one at `from`; without it, from the beginning, or
    /// from the end going backwards. A stream that there is not has none.
    async fn read_stream(
        &self,
        stream: &str,
        from: Option<u64>,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<Incoming>, LinkError>;

    /// Events of the log, of whatever stream: going forwards from the one at `from` on, going
    /// backwards before it.
    async fn read_all(
        &self,
        from: Option<u64>,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<Incoming>, LinkError>;

    /// Tells stream and offset of each event behind `after` as it comes, until that fails.
    async fn follow(&self, after: Option<u64>, told: Told) -> LinkError;
}

/// Hears the stream and the offset of each event.
pub(crate) type Told = Arc<dyn Fn(&str, u64) + Send + Sync>;

/// Makes connections.
pub(crate) trait Dial: Send + Sync + 'static {
    /// A new connection; `turn` counts them, so that each begins with another node.
    fn dial(&self, turn: usize) -> Result<Arc<dyn Link>, LinkError>;
}
