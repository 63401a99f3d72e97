//! The log that the service works on: in the data folder, or on a cluster.

use std::path::Path;
use std::sync::Arc;
#[cfg(feature = "cluster")]
use std::time::Duration;

#[cfg(feature = "cluster")]
use huzhu_projections::feed::PortFeed;
use huzhu_projections::feed::{EmbeddedFeed, Feed};
#[cfg(feature = "cluster")]
use huzhu_store::cluster::{Address, ClusterStore};
use huzhu_store::embedded::{EmbeddedStore, Statistics};
use huzhu_store::port::{EventStore, StoreError};

use super::ServeError;
#[cfg(feature = "cluster")]
use crate::auth::keys::ResidentHasher;
use crate::clock::Clock;

/// How long a cluster may take to answer once the service is stopping.
#[cfg(feature = "cluster")]
const GRACE: Duration = Duration::from_secs(5);

/// Where the log is.
#[derive(Clone, Debug, Default)]
pub enum LogPlace {
    /// In the data folder.
    #[default]
    Folder,
    /// On a cluster of KurrentDB (EventStoreDB), or behind `huzhu eventstore`.
    #[cfg(feature = "cluster")]
    Cluster(Address),
}

/// An opened log. Clones are handles of the same one.
#[derive(Clone)]
pub(super) enum Log {
    Folder(EmbeddedStore),
    #[cfg(feature = "cluster")]
    Cluster(ClusterStore),
}

impl Log {
    pub(super) async fn open(
        place: LogPlace,
        folder: &Path,
        clock: Clock,
    ) -> Result<Self, ServeError> {
        let failed = |why: StoreError| ServeError::Log(why.to_string());
        match place {
            LogPlace::Folder => {
                EmbeddedStore::open(folder, move || clock.now()).map(Self::Folder).map_err(failed)
            }
            #[cfg(feature = "cluster")]
            LogPlace::Cluster(address) => {
                let fresh = uuid::Uuid::new_v4();
                ClusterStore::open(address, fresh).await.map(Self::Cluster).map_err(failed)
            }
        }
    }

    pub(super) fn port(&self) -> Arc<dyn EventStore> {
        match self {
            Self::Folder(store) => Arc::new(store.clone()),
            #[cfg(feature = "cluster")]
            Self::Cluster(store) => Arc::new(store.clone()),
        }
    }

    /// Whether the log of a folder holds the hash of a resident; a cluster has [`Self::agree_on`].
    /// Read through, since it is asked only where the key is missing.
    pub(super) fn knows_residents(&self) -> Result<bool, ServeError> {
        match self {
            Self::Folder(store) => {
                let resident = |stream: &str| stream.starts_with("resident-");
                let known = store.reader().and_then(|reader| reader.any_stream(resident));
                known.map_err(|why| ServeError::Log(why.to_string()))
            }
            #[cfg(feature = "cluster")]
            Self::Cluster(_) => Ok(false),
        }
    }

    /// Makes sure that every service on the log hashes residents with the same key: the hash is
    /// what makes one person one member.
    #[cfg(feature = "cluster")]
    pub(super) async fn agree_on(&self, residents: &ResidentHasher) -> Result<(), ServeError> {
        match self {
            Self::Folder(_) => {}
            Self::Cluster(store) => {
                let ours = residents.fingerprint().unwrap_or_default();
                let failed = |why: StoreError| ServeError::Log(why.to_string());
                if store.agree("residents", &ours).await.map_err(failed)? != ours {
                    return Err(ResidentHasher::other().into());
                }
            }
        }
        Ok(())
    }

    /// What the views read.
    pub(super) fn feed(&self) -> Result<Box<dyn Feed>, ServeError> {
        match self {
            Self::Folder(store) => {
                let feed = EmbeddedFeed::new(store);
                Ok(Box::new(feed.map_err(|why| ServeError::Log(why.to_string()))?))
            }
            #[cfg(feature = "cluster")]
            Self::Cluster(store) => Ok(Box::new(PortFeed::new(Arc::new(store.clone())))),
        }
    }

    /// What was committed here; a cluster has figures of its own.
    pub(super) fn statistics(&self) -> Option<Statistics> {
        match self {
            Self::Folder(store) => Some(store.statistics()),
            #[cfg(feature = "cluster")]
            Self::Cluster(_) => None,
        }
    }

    /// Waits until the log takes nothing any more, and the program should end. A cluster that does
    /// not answer is asked again.
    pub(super) async fn failed(&self) -> String {
        match self {
            Self::Folder(store) => store.failed().await,
            #[cfg(feature = "cluster")]
            Self::Cluster(_) => std::future::pending().await,
        }
    }

    /// Says that the service is stopping, and how long calls under way may take to end. A cluster
    /// that does not answer must not hold them up, and callers have to be told in time.
    #[cfg(feature = "cluster")]
    pub(super) fn hurry(&self, drain: Duration) {
        match self {
            Self::Folder(_) => {}
            Self::Cluster(store) => {
                store.end_within(drain.checked_div(2).unwrap_or(drain).min(GRACE));
            }
        }
    }

    pub(super) async fn close(self) {
        match self {
            Self::Folder(store) => store.close().await,
            #[cfg(feature = "cluster")]
            Self::Cluster(_) => {}
        }
    }
}
