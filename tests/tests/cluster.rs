//! The log on a cluster: the adapter keeps the port's promises over the network, whatever happens
//! to the node behind it.
#![cfg(feature = "cluster")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a story that cannot go on has failed"
)]

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use huzhu_grpc::eventstore::Password;
use huzhu_store::cluster::{Address, ClusterStore};
use huzhu_store::conformance::load::nothing_is_lost_over_restarts;
use huzhu_store::conformance::{Log, histories};
use huzhu_store::port::{Append, Direction, EventStore, Expected, NewEvent};
use huzhu_tests::between::{Between, Wire};
use huzhu_tests::host::{RestartedNode, adapter, adapter_at};
use huzhu_tests::node::Node;
use uuid::Uuid;

huzhu_store::conforms!(fresh().await);

async fn fresh() -> (Log, Node) {
    let node = Node::start();
    (Arc::new(adapter(&node).await), node)
}

#[test]
fn any_history_is_the_models() {
    histories::agree_with_the_model(16, async || fresh().await);
}

#[tokio::test]
async fn a_node_that_restarts_under_load_loses_nothing() {
    nothing_is_lost_over_restarts(Arc::new(RestartedNode::start().await), 3_200, 4).await;
}

fn one(stream: &str) -> Append {
    let event = NewEvent {
        id: Uuid::new_v4(),
        name: "ClaimFiled".into(),
        version: 1,
        data: Bytes::from_static(b"{}"),
        metadata: Bytes::from_static(b"{}"),
    };
    Append { stream: stream.parse().unwrap(), expected: Expected::NoStream, events: vec![event] }
}

#[tokio::test]
async fn a_node_that_dies_is_left_for_another() {
    let node = Node::start();
    let (first, second) = (Wire::to(node.address()).await, Wire::to(node.address()).await);
    let address = format!("{},{}", first.address(), second.address());
    let log = adapter_at(&address).await;
    let mut bound = log.append(vec![one("claim-0")]).await.unwrap()[0].position;
    let used = if first.is_taken() { &first } else { &second };
    used.cut();
    for number in 1..=20 {
        log.append(vec![one(&format!("claim-{number}"))]).await.unwrap();
        log.grown(Some(bound)).await.unwrap();
        let read = log.read_all(Some(bound), Direction::Forwards, 9).await.unwrap();
        assert_eq!(read.len(), 1);
        bound = read[0].position;
    }
    assert!(first.is_taken() && second.is_taken());
}

#[tokio::test]
async fn whoever_leads_is_followed() {
    let node = Node::start();
    let between = Between::before(node.address()).await;
    let log = adapter_at(&between.address().to_string()).await;
    between.lead_no_more(usize::MAX);
    for number in 0..3 {
        log.append(vec![one(&format!("claim-{number}"))]).await.unwrap();
    }
    assert_eq!(log.read_all(None, Direction::Forwards, 9).await.unwrap().len(), 3);
}

#[tokio::test]
async fn a_subscription_that_ends_well_begins_anew() {
    let node = Node::start();
    let between = Between::before(node.address()).await;
    between.end_well(3);
    let log = adapter_at(&between.address().to_string()).await;
    let others = adapter(&node).await;
    for number in 0..3 {
        let head = log.head().await.unwrap();
        others.append(vec![one(&format!("claim-{number}"))]).await.unwrap();
        log.grown(head).await.unwrap();
    }
    // Each of those that ended was left, instead of asked for ever.
    while between.subscribed() <= 3 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn passwords_are_brought_along_whatever_they_hold() {
    let secret = "p@ss:w/rd%互";
    let node = Node::start_with(|config| config.password = Some(Password::new(secret)));
    let open = |password: Option<&str>| {
        let address: Address = format!("esdb://ops@{}?tls=false", node.address()).parse().unwrap();
        let address = match password {
            Some(password) => address.with_password(password.to_owned()).unwrap(),
            None => address,
        };
        ClusterStore::open(address, Uuid::new_v4())
    };
    let log = open(Some(secret)).await.unwrap();
    log.append(vec![one("claim-1")]).await.unwrap();
    for wrong in [None, Some("other")] {
        let refused = open(wrong).await.err().unwrap().to_string();
        assert!(refused.contains("denies access"), "{refused}");
        assert!(!refused.contains("other"), "{refused}");
    }
}

#[tokio::test]
async fn nobody_at_the_address_is_told_in_the_end() {
    let nobody: Address = "esdb://127.0.0.1:1?tls=false".parse().unwrap();
    let refused = ClusterStore::open(nobody, Uuid::new_v4()).await.err().unwrap();
    assert!(refused.to_string().contains("esdb://127.0.0.1:1"), "{refused}");
}
