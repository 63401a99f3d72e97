//! The log for the official clients of EventStoreDB and KurrentDB: their protocol over our port.
//!
//! | file | what it is |
//! |---|---|
//! | `node` | a log served alone, with appends: `huzhu eventstore` |
//! | `asked` | what a read asks for, checked |
//! | `reading`, `subscription` | answers, a page of the log at a time |
//! | `appending`, `batch` | what comes in: expectations, limits, idempotence |
//! | `prompt` | connections on which what arrives is acknowledged at once |
//! | `room` | bounds what appends that came in part hold |
//! | `about` | what a node says of itself |
//! | `wire` | messages from and to the port's types |
//!
//! 1. An append is answered when it is durable.
//! 2. A reader that is slow holds one page of the log, however far it is behind.
//! 3. A subscription never ends well: when the node stops it ends as unavailable, and the client
//!    goes on where it was.
//! 4. Nothing is deleted, and no metadata of a stream says that something should be.
//!
//! A position is the offset of the log, in `commit` and `prepare` alike.

mod about;
mod answers;
mod appending;
mod asked;
mod batch;
mod door;
mod filter;
mod node;
mod paging;
mod prompt;
mod reading;
mod room;
mod streams;
mod subscription;
mod wire;

use std::sync::Arc;

use huzhu_store::port::EventStore;
use tokio::sync::{Semaphore, watch};
use tonic::service::Routes;

pub(crate) use self::about::reached;
use self::appending::Appending;
pub use self::door::Password;
pub(crate) use self::door::secret;
pub use self::node::{Config, Running, start};
use crate::clock::Clock;
use crate::contract::event_store::client as wire_of;
use wire_of::gossip::gossip_server::GossipServer;
use wire_of::persistent_subscriptions::persistent_subscriptions_server as persistent;
use wire_of::server_features::server_features_server::ServerFeaturesServer;
use wire_of::streams::streams_server::StreamsServer;

/// How many reads, subscriptions and calls of batches may be open; more are refused.
const CALLS_MAX: usize = 1_024;
/// The largest message of an append that is taken, in bytes; clients divide what is larger.
const APPEND_MESSAGE_BYTES_MAX: usize = 32 * 1024 * 1024;
/// The largest message that is taken where nothing is appended.
const READ_MESSAGE_BYTES_MAX: usize = 64 * 1024;

/// What is told of the people in member events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Persons {
    /// Every byte as it was recorded.
    Told,
    /// What stands in `person` is withheld, as in a replay.
    Withheld,
}

/// What the services work with. Cheap to clone.
#[derive(Clone)]
pub struct Desk {
    store: Arc<dyn EventStore>,
    clock: Clock,
    persons: Persons,
    appending: Option<Arc<Appending>>,
    password: Option<Password>,
    stopped: watch::Receiver<bool>,
    places: Arc<Semaphore>,
}

impl Desk {
    /// Reads of `store`, until `stopped` says so; whoever appends is refused.
    pub fn reading(
        store: Arc<dyn EventStore>,
        clock: Clock,
        persons: Persons,
        stopped: watch::Receiver<bool>,
    ) -> Self {
        let places = Arc::new(Semaphore::new(CALLS_MAX));
        Self { store, clock, persons, appending: None, password: None, stopped, places }
    }

    /// The same with appends.
    #[must_use]
    pub fn and_appending(self) -> Self {
        let appending = Arc::new(Appending::new(Arc::clone(&self.store)));
        Self { appending: Some(appending), ..self }
    }

    /// The same, for whoever brings the password.
    #[must_use]
    pub fn behind(self, password: Option<Password>) -> Self {
        Self { password, ..self }
    }

    /// The services, added to `routes`.
    pub fn add_to(&self, routes: Routes) -> Routes {
        let message_bytes_max = if self.appending.is_some() {
            APPEND_MESSAGE_BYTES_MAX
        } else {
            READ_MESSAGE_BYTES_MAX
        };
        routes
            .add_service(
                StreamsServer::new(self.clone()).max_decoding_message_size(message_bytes_max),
            )
            .add_service(ServerFeaturesServer::new(self.clone()))
            .add_service(GossipServer::new(self.clone()))
            .add_service(persistent::PersistentSubscriptionsServer::new(self.clone()))
    }
}
