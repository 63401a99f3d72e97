//! Supervision over connections that break, lose answers, name other leaders and go silent.

#![allow(clippy::arithmetic_side_effects, reason = "a test that cannot count has failed")]

mod faulty;

use jiff::Timestamp;

use self::faulty::Faulty;
use super::*;
use crate::conformance::Log;
use crate::memory::MemoryStore;
use crate::port::NewEvent;

/// The whole suite over connections on which every few calls something goes wrong.
mod over_bad_connections {
    use super::*;

    crate::conforms!((over(Faulty::now_and_then()).await, ()));
}

/// And over good ones, where only the translation may be wrong.
mod over_good_connections {
    use super::*;

    crate::conforms!((over(Faulty::never()).await, ()));
}

async fn over(faulty: Faulty) -> Log {
    Arc::new(open(faulty).await.unwrap())
}

async fn open(faulty: Faulty) -> Result<ClusterStore, StoreError> {
    // A connection that never answers is given up after a tenth of a second.
    let supervisor = Supervisor::new(Box::new(faulty)).hasty(100);
    ClusterStore::over(supervisor, None, Uuid::from_u128(7)).await
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
async fn whoever_comes_first_says_which_log_it_is() {
    let faulty = Faulty::never();
    let first = open(faulty.clone()).await.unwrap();
    let again = ClusterStore::over(Supervisor::new(Box::new(faulty)), None, Uuid::from_u128(8));
    assert_eq!(first.id(), StoreId(Uuid::from_u128(7)));
    assert_eq!(again.await.unwrap().id(), first.id());
    assert_eq!(first.head().await, Ok(None));
}

#[tokio::test]
async fn services_agree_on_what_the_first_of_them_said() {
    let faulty = Faulty::never();
    let (ours, theirs) = (open(faulty.clone()).await.unwrap(), open(faulty.clone()).await.unwrap());
    assert_eq!(ours.agree("key", "ours").await.unwrap(), "ours");
    assert_eq!(theirs.agree("key", "theirs").await.unwrap(), "ours");
    assert_eq!(ours.head().await, Ok(None));
}

#[tokio::test]
async fn a_cluster_that_takes_too_little_is_refused_at_the_start() {
    let faulty = Faulty::never();
    faulty.take_at_most(1024 * 1024);
    let refused = open(faulty).await.err().unwrap().to_string();
    assert!(refused.contains("MaxAppendSize"), "{refused}");
}

#[tokio::test]
async fn an_append_beyond_what_a_cluster_takes_is_told_and_leaves_nothing() {
    let log = open(Faulty::never()).await.unwrap();
    let mut large = one("claim-1");
    let event = NewEvent { data: vec![b' '; MEBIBYTE].into(), ..large.events[0].clone() };
    large.events = (0..16).map(|_| NewEvent { id: Uuid::new_v4(), ..event.clone() }).collect();
    let refused = log.append(vec![one("claim-0"), large]).await;
    assert!(matches!(refused, Err(AppendError::TooLarge { limit: APPEND_BYTES_MAX, .. })));
    assert_eq!(log.head().await, Ok(None));
}

#[tokio::test]
async fn an_append_whose_answer_was_lost_takes_effect_once() {
    let faulty = Faulty::never();
    let log = open(faulty.clone()).await.unwrap();
    faulty.lose_answers(3);
    let appended = log.append(vec![one("claim-1")]).await.unwrap();
    let read = log.read_all(None, Direction::Forwards, 9).await.unwrap();
    assert_eq!(read.iter().map(|event| event.position).collect::<Vec<_>>(), [appended[0].position]);
}

#[tokio::test]
async fn a_stream_that_was_deleted_behind_our_back_is_found_out() {
    let faulty = Faulty::never();
    let log = open(faulty.clone()).await.unwrap();
    log.append(vec![one("claim-1")]).await.unwrap();
    faulty.forget_the_first_of("claim-1");
    let read = log.read_stream(&"claim-1".parse().unwrap(), None, Direction::Forwards, 9).await;
    assert!(matches!(read, Ok(read) if read.is_empty()));
    let behind = log.append(vec![one("claim-1")]).await;
    assert!(matches!(behind, Err(AppendError::Store(StoreError::Corrupt { .. }))), "{behind:?}");
}

#[tokio::test]
async fn of_several_that_take_the_turn_one_succeeds() {
    let faulty = Faulty::never();
    let (ours, theirs) = (open(faulty.clone()).await.unwrap(), open(faulty.clone()).await.unwrap());
    let (we, they) = (Uuid::from_u128(1), Uuid::from_u128(2));
    assert_eq!(ours.turn().await, Ok(None));
    let reached = Some(ours.append(vec![one("claim-1")]).await.unwrap()[0].position);
    // The answer to the first try is lost, and it counts all the same.
    faulty.lose_answers(1);
    let first = ours.take_turn(None, we, reached).await.unwrap().unwrap();
    assert_eq!(theirs.take_turn(None, they, None).await, Ok(None));
    assert_eq!(theirs.turn().await, Ok(Some(first)));
    let second = theirs.take_turn(Some(&first), they, reached).await.unwrap().unwrap();
    assert_eq!((second.holder, second.reached), (they, reached));
    assert_eq!(ours.take_turn(Some(&first), we, reached).await, Ok(None));
    assert_eq!(ours.read_all(None, Direction::Forwards, 9).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_cluster_that_is_gone_is_unavailable_in_the_end() {
    let faulty = Faulty::never();
    let log = open(faulty.clone()).await.unwrap();
    faulty.break_for_good();
    let gone = log.append(vec![one("claim-1")]).await;
    assert!(matches!(gone, Err(AppendError::Store(StoreError::Unavailable { .. }))), "{gone:?}");
    faulty.mend();
    assert!(log.append(vec![one("claim-1")]).await.is_ok());
}

#[tokio::test]
async fn a_store_that_was_told_to_end_waits_for_no_cluster() {
    let faulty = Faulty::never();
    let supervisor = Supervisor::new(Box::new(faulty.clone()));
    let log = ClusterStore::over(supervisor, None, Uuid::from_u128(7)).await.unwrap();
    faulty.hang(usize::MAX);
    let under_way = tokio::spawn({
        let log = log.clone();
        async move { log.append(vec![one("claim-1")]).await }
    });
    log.end_within(Duration::from_millis(50));
    let (append, head) = (under_way.await.unwrap(), log.head().await);
    for why in [append.unwrap_err().to_string(), head.unwrap_err().to_string()] {
        assert!(why.contains("is not waited for"), "{why}");
    }
}

#[tokio::test]
async fn a_call_that_is_never_answered_is_asked_elsewhere() {
    let faulty = Faulty::never();
    let log = open(faulty.clone()).await.unwrap();
    let before = faulty.dialled();
    faulty.hang(1);
    assert!(log.append(vec![one("claim-1")]).await.is_ok());
    assert_eq!(faulty.dialled(), before + 1);
}

#[tokio::test]
async fn a_subscription_that_goes_silent_delays_a_reader_and_no_more() {
    let faulty = Faulty::never();
    let (ours, theirs) = (open(faulty.clone()).await.unwrap(), open(faulty.clone()).await.unwrap());
    faulty.fall_silent();
    theirs.append(vec![one("claim-1")]).await.unwrap();
    ours.grown(None).await.unwrap();
}

#[test]
fn any_history_is_the_models_over_bad_connections() {
    crate::conformance::histories::agree_with_the_model(64, async || {
        (over(Faulty::now_and_then()).await, ())
    });
}
