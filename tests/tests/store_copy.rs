//! A log is copied to a cluster and back, and is what it was.
#![cfg(feature = "cluster")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a story that cannot go on has failed"
)]

use std::path::Path;

use huzhu_store::cluster::ClusterStore;
use huzhu_store::copy::{Copied, CopyError, Folder, Readable, Writable, copy};
use huzhu_store::embedded::LogReader;
use huzhu_store::port::{Position, Recorded, StoreId};
use huzhu_tests::node::Node;
use huzhu_tests::people::person;
use huzhu_tests::story;
use huzhu_tests::union::Union;
use huzhu_tests::wire::Sex;
use uuid::Uuid;

/// The log of a union with a member who is enrolled.
async fn told() -> Union {
    let mut union = Union::found().await;
    let unit = union.unit("unit", "单位", 1).await;
    let member = unit.member(person("彭女士", Sex::Female, "1972-03-08")).await;
    unit.enrol(("female-disease", "V6"), "2013-01-01", &[&member], 2, "80").await;
    union.service.stop();
    union
}

async fn behind(node: &Node) -> ClusterStore {
    let address = format!("esdb://{}?tls=false", node.address());
    ClusterStore::open(address.parse().unwrap(), Uuid::new_v4()).await.unwrap()
}

/// Every event, without what is the log's own: its id and its positions.
fn everything(folder: &Path) -> Vec<Recorded> {
    let events = LogReader::open(folder).unwrap().after(0, 100_000).unwrap();
    let nowhere = Position { store: StoreId(Uuid::nil()), offset: 0 };
    events.into_iter().map(|event| Recorded { position: nowhere, ..event }).collect()
}

async fn between(from: &mut dyn Readable, to: &mut dyn Writable) -> Result<Copied, CopyError> {
    copy(from, to, |_| ()).await
}

#[test]
fn a_log_that_goes_to_a_cluster_and_back_is_what_it_was() {
    story(async {
        let union = told().await;
        let folder = union.service.folder();
        let original = everything(folder);
        let count = u64::try_from(original.len()).unwrap();
        let mut source = LogReader::open(folder).unwrap();
        let mut node = Node::start();

        // Cut short after a third, and the node goes away for a moment.
        let third = original.len() / 3;
        let first = source.after(0, third).unwrap();
        behind(&node).await.add(first).await.unwrap();
        node.restart();
        let mut cluster = behind(&node).await;
        let found = u64::try_from(third).unwrap();
        let done = between(&mut source, &mut cluster).await.unwrap();
        assert_eq!(done, Copied { found, copied: count - found, verified: count });

        let back = tempfile::tempdir().unwrap();
        let mut target = Folder::open(back.path()).unwrap();
        let done = between(&mut cluster, &mut target).await.unwrap();
        assert_eq!(done, Copied { found: 0, copied: count, verified: count });
        assert_eq!(everything(back.path()), original);
    });
}

#[test]
fn a_cluster_that_is_no_copy_is_refused_and_left_alone() {
    story(async {
        let union = told().await;
        let mut source = LogReader::open(union.service.folder()).unwrap();
        let node = Node::start();
        let mut cluster = behind(&node).await;
        let mut first = source.after(0, 3).unwrap();
        first[2].data = "{}".into();
        cluster.add(first).await.unwrap();
        let refused = between(&mut source, &mut cluster).await.unwrap_err();
        assert!(
            matches!(refused, CopyError::Differs { number: 3, what: "bodies", .. }),
            "{refused}"
        );
        assert_eq!(cluster.after(None, 10).await.unwrap().len(), 3);
    });
}
