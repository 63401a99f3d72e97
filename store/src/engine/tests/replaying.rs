use huzhu_domain::cover::EndReason;
use huzhu_domain::id::ClaimId;

use super::world::*;
use crate::engine::{EngineError, streams};
use crate::port::{
    Append, EventStore, Expected, NewEvent, Recorded, Revision, StoreError, StreamName,
};

async fn paid(world: &World) -> ClaimId {
    let cover = world.free_cover(world.member().await).await;
    let first = world.file(cover, stay("S0", "5300")).await;
    let claim = world.file(cover, stay("S1", "9300")).await;
    world.approve(first).await.unwrap();
    world.approve(claim).await.unwrap();
    world.settle(claim).await;
    claim
}

/// An event that says once more what one on record says.
fn again(recorded: &Recorded) -> NewEvent {
    NewEvent {
        id: uuid::Uuid::from_u128(9),
        name: recorded.name.clone(),
        version: recorded.version,
        data: recorded.data.clone(),
        metadata: recorded.metadata.clone(),
    }
}

#[tokio::test]
async fn each_event_is_replayed_with_the_state_after_it() {
    let world = World::new().await;
    let claim = paid(&world).await;
    let history = world.engine.replay(&streams::claim(claim)).await.unwrap();
    let told: Vec<_> = history.iter().map(|one| (one.event.name(), one.state.name)).collect();
    assert_eq!(
        told,
        [
            ("ClaimFiled", "filed"),
            ("ClaimAssessed", "in_review"),
            ("ClaimStepPassed", "in_review"),
            ("ClaimStepPassed", "in_review"),
            ("ClaimStepPassed", "in_review"),
            ("ClaimStepPassed", "in_review"),
            ("ClaimStepPassed", "in_review"),
            ("ClaimStepPassed", "in_review"),
            ("ClaimApproved", "approved"),
            ("ClaimPaid", "paid"),
        ]
    );
    let figures = &history[2].state.figures;
    assert!(figures.contains(&("next_step", "township_check".to_owned())), "{figures:?}");
    assert_eq!(history[2].metadata.actor.subject.as_str(), "unit");
}

#[tokio::test]
async fn every_stream_of_the_log_can_be_replayed() {
    let world = World::new().await;
    paid(&world).await;
    for (stream, names) in world.story().await {
        let history = world.engine.replay(&stream).await.unwrap();
        assert_eq!(history.len(), names.len(), "{stream}");
        let state = serde_json::to_string(&history[0].state).unwrap();
        assert!(!state.contains("某某"), "{state}");
    }
    assert_eq!(world.engine.replay(&"claim-none".parse().unwrap()).await, Ok(Vec::new()));
}

#[tokio::test]
async fn assessments_are_computed_again_from_the_log_alone() {
    let mut world = World::new().await;
    let claim = paid(&world).await;
    world.restart().await;
    let explained = world.engine.explain_assessments(claim).await.unwrap();
    let told: Vec<_> =
        explained.iter().map(|one| (one.event, one.stored.total, one.agrees)).collect();
    assert_eq!(
        told,
        [("ClaimAssessed", yuan("1600"), true), ("ClaimApproved", yuan("1730"), true)]
    );
    let answer = world.engine.explain_assessments(ClaimId::new(uuid::Uuid::nil())).await;
    assert_eq!(refused(answer), "CLAIM_NOT_FILED");
}

#[tokio::test]
async fn what_the_log_cannot_explain_is_named_with_its_place() {
    let mut world = World::new().await;
    let claim = paid(&world).await;
    let history = world.engine.replay(&streams::claim(claim)).await.unwrap();
    // A second payment of the same claim: no decision makes that.
    let last = history.last().unwrap().recorded.clone();
    let event = again(&last);
    let expected = Expected::Exactly(last.revision);
    let append = Append { stream: last.stream, expected, events: vec![event] };
    world.store.append(vec![append]).await.unwrap();
    world.restart().await;
    let answer = world.engine.pass_step(&world.finance(), pass(claim)).await;
    let Err(EngineError::Corrupt { stream, revision, .. }) = answer else { panic!("{answer:?}") };
    assert_eq!((stream, revision), (streams::claim(claim), Revision(10)));
}

#[tokio::test]
async fn an_event_of_an_unknown_type_is_named_with_its_place() {
    let mut world = World::new().await;
    let receipt =
        world.engine.register_member(&world.operator(), register_member(7)).await.unwrap();
    let first = world.engine.replay(&receipt.stream).await.unwrap().remove(0).recorded;
    let event = NewEvent {
        id: uuid::Uuid::from_u128(9),
        name: "MemberCloned".into(),
        version: 1,
        data: first.data,
        metadata: first.metadata,
    };
    let expected = Expected::Exactly(first.revision);
    let append = Append { stream: first.stream.clone(), expected, events: vec![event] };
    world.store.append(vec![append]).await.unwrap();
    world.restart().await;
    let answer = world.engine.replay(&first.stream).await;
    let Err(EngineError::Corrupt { revision, why, .. }) = answer else { panic!("{answer:?}") };
    assert_eq!((revision, why.as_str()), (Revision(1), "unknown event type MemberCloned"));
}

#[tokio::test]
async fn an_event_in_a_stream_without_an_id_stops_the_processes() {
    let world = World::new().await;
    let cover = world.free_cover(world.member().await).await;
    let on = jiff::civil::date(2014, 6, 30);
    let (reason, operator) = (EndReason::Requested, world.operator());
    let ended = world.engine.end_cover(&operator, cover, reason, on).await.unwrap();
    let last = world.engine.replay(&ended.stream).await.unwrap().pop().unwrap().recorded;
    let event = again(&last);
    let stream = "cover-of-nobody".parse::<StreamName>().unwrap();
    let append =
        Append { stream: stream.clone(), expected: Expected::NoStream, events: vec![event] };
    world.store.append(vec![append]).await.unwrap();
    let stopped = world.engine.catch_up(None).await.unwrap_err();
    let EngineError::Corrupt { stream: named, .. } = stopped.why else { panic!("{stopped:?}") };
    assert_eq!(named, stream);
}

#[test]
fn a_corrupt_log_is_not_told_as_one_that_does_not_answer() {
    let corrupt = EngineError::of_store(StoreError::Corrupt { why: "page 7".to_owned() });
    assert_eq!(corrupt, EngineError::LogCorrupt { why: "page 7".to_owned() });
}
