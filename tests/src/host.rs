//! The adapter for clusters, over the network, against `huzhu eventstore`.

use std::sync::{Arc, Mutex};

use huzhu_store::cluster::{Address, ClusterStore};
use huzhu_store::conformance::Log;
use huzhu_store::conformance::load::Host;
use uuid::Uuid;

use crate::node::Node;

/// The adapter's log on a node.
pub async fn adapter(node: &Node) -> ClusterStore {
    adapter_at(&node.address().to_string()).await
}

/// The same, where the node is a process of its own.
pub async fn adapter_at(address: &str) -> ClusterStore {
    let address: Address = format!("esdb://{address}?tls=false").parse().unwrap();
    ClusterStore::open(address, Uuid::new_v4()).await.unwrap()
}

/// A node that is restarted while one adapter stays in use.
pub struct RestartedNode {
    node: Mutex<Option<Node>>,
    log: Log,
}

impl RestartedNode {
    /// A node over an empty folder, and an adapter.
    pub async fn start() -> Self {
        let node = Node::start();
        let log = Arc::new(adapter(&node).await);
        Self { node: Mutex::new(Some(node)), log }
    }
}

impl Host for RestartedNode {
    fn log(&self) -> Log {
        Arc::clone(&self.log)
    }

    async fn restart(&self) {
        let mut node = self.node.lock().unwrap().take().unwrap();
        let restarted = tokio::task::spawn_blocking(move || {
            node.restart();
            node
        });
        *self.node.lock().unwrap() = Some(restarted.await.unwrap());
    }
}
