//! A cluster behind TLS: who is trusted, what is proven, and what is said when it is not.
#![cfg(feature = "cluster")]
#![allow(clippy::unwrap_used, reason = "a story that cannot go on has failed")]

use huzhu_grpc::eventstore::Password;
use huzhu_store::cluster::{Address, ClusterStore};
use huzhu_store::port::{Append, Direction, EventStore, Expected, NewEvent, StoreError};
use huzhu_tests::node::Node;
use huzhu_tests::tls::{Authority, Terminator, named};
use uuid::Uuid;

async fn open(terminator: &Terminator, settings: &[String]) -> Result<ClusterStore, StoreError> {
    let address = format!("esdb://127.0.0.1:{}?{}", terminator.port(), settings.join("&"));
    ClusterStore::open(address.parse::<Address>().unwrap(), Uuid::new_v4()).await
}

/// Records an event and reads it.
async fn works(log: &ClusterStore) {
    let event = NewEvent {
        id: Uuid::new_v4(),
        name: "ClaimFiled".into(),
        version: 1,
        data: "{}".into(),
        metadata: "{}".into(),
    };
    let stream = "claim-1".parse().unwrap();
    let append = Append { stream, expected: Expected::NoStream, events: vec![event] };
    log.append(vec![append]).await.unwrap();
    assert_eq!(log.read_all(None, Direction::Forwards, 9).await.unwrap().len(), 1);
}

#[tokio::test]
async fn whom_the_authority_signed_for_is_trusted() {
    let (node, authority) = (Node::start(), Authority::new());
    let terminator = Terminator::before(node.address(), &authority, "127.0.0.1", None).await;
    let ca = named("tlsCaFile", &authority.certificate());
    works(&open(&terminator, &[ca]).await.unwrap()).await;
}

#[tokio::test]
async fn whom_another_authority_signed_for_is_refused_at_the_start() {
    let (node, authority) = (Node::start(), Authority::new());
    let terminator = Terminator::before(node.address(), &authority, "127.0.0.1", None).await;
    let stranger = Authority::new();
    let other = [named("tlsCaFile", &stranger.certificate())];
    // The system knows the authority no more than the other one does.
    let refused = tokio::join!(open(&terminator, &other), open(&terminator, &[]));
    for refused in [refused.0, refused.1] {
        let refused = refused.err().unwrap().to_string();
        assert!(refused.contains("TLS fails: invalid peer certificate"), "{refused}");
        assert!(refused.contains(&format!("127.0.0.1:{}", terminator.port())), "{refused}");
    }
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused_at_the_start() {
    let (node, authority) = (Node::start(), Authority::new());
    let terminator = Terminator::before(node.address(), &authority, "node1.example", None).await;
    let ca = named("tlsCaFile", &authority.certificate());
    let refused = open(&terminator, &[ca]).await.err().unwrap().to_string();
    assert!(refused.contains("not valid for"), "{refused}");
    // Unless nobody wants to know.
    works(&open(&terminator, &["tlsVerifyCert=false".to_owned()]).await.unwrap()).await;
}

#[tokio::test]
async fn a_node_without_tls_is_told_from_one_with_a_wrong_certificate() {
    let node = Node::start();
    let address: Address = format!("esdb://{}", node.address()).parse().unwrap();
    let refused = ClusterStore::open(address, Uuid::new_v4()).await.err().unwrap().to_string();
    assert!(refused.contains("takes connections, but TLS fails"), "{refused}");
    assert!(!refused.contains("certificate"), "{refused}");
}

#[tokio::test]
async fn a_client_proves_who_it_is_by_its_certificate() {
    let (node, authority, clients) = (Node::start(), Authority::new(), Authority::new());
    let terminator =
        Terminator::before(node.address(), &authority, "127.0.0.1", Some(&clients)).await;
    let ca = named("tlsCaFile", &authority.certificate());
    let refused = open(&terminator, std::slice::from_ref(&ca)).await.err().unwrap().to_string();
    assert!(refused.contains("TLS fails"), "{refused}");
    assert!(refused.contains("CertificateRequired"), "{refused}");
    assert_eq!(terminator.proven(), 0);

    let (certificate, key) = clients.client();
    let own = [named("userCertFile", &certificate), named("userKeyFile", &key)];
    let settings = [&[ca], own.as_slice()].concat();
    works(&open(&terminator, &settings).await.unwrap()).await;
    assert!(terminator.proven() > 0);
}

#[tokio::test]
async fn user_and_password_arrive_through_tls() {
    let node = Node::start_with(|config| config.password = Some(Password::new("s@cret/互")));
    let authority = Authority::new();
    let terminator = Terminator::before(node.address(), &authority, "127.0.0.1", None).await;
    let ca = named("tlsCaFile", &authority.certificate());
    let address = format!("esdb://ops@127.0.0.1:{}?{ca}", terminator.port());
    let address: Address = address.parse().unwrap();
    let known = address.clone().with_password("s@cret/互".to_owned()).unwrap();
    works(&ClusterStore::open(known, Uuid::new_v4()).await.unwrap()).await;
    let refused = ClusterStore::open(address, Uuid::new_v4()).await.err().unwrap().to_string();
    assert!(refused.contains("denies access"), "{refused}");
}
