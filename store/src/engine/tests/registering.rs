use huzhu_domain::envelope::Role;
use huzhu_domain::id::MemberId;
use huzhu_domain::step::Duty;

use super::world::*;
use crate::engine::{EngineError, Envelope, digest};
use crate::port::Revision;

#[tokio::test]
async fn a_repeated_command_gets_the_first_receipt() {
    let mut world = World::new().await;
    let envelope = world.operator();
    let first = world.engine.register_member(&envelope, register_member(7)).await.unwrap();
    assert!(!first.repeated);
    assert_eq!(first.events, [("MemberRegistered", Revision(0))]);

    let again = world.engine.register_member(&envelope, register_member(7)).await.unwrap();
    assert_eq!((again.position, &again.events), (first.position, &first.events));
    assert!(again.repeated);

    world.restart().await;
    let after = world.engine.register_member(&envelope, register_member(7)).await.unwrap();
    assert_eq!((after.position, &after.events), (first.position, &first.events));
    assert!(after.repeated);
}

#[tokio::test]
async fn a_command_id_with_another_content_is_refused() {
    let mut world = World::new().await;
    let envelope = world.operator();
    world.engine.register_member(&envelope, register_member(7)).await.unwrap();
    let other = Envelope { content: digest(b"other"), ..envelope.clone() };
    for _ in 0..2 {
        let events = world.events().await;
        let answer = world.engine.register_member(&other, register_member(8)).await;
        assert_eq!(answer, Err(EngineError::CommandReused { command: envelope.command }));
        assert_eq!(world.events().await, events, "another person was reserved");
        world.restart().await;
    }
}

#[tokio::test]
async fn one_person_is_one_member() {
    let world = World::new().await;
    let first = world.operator();
    world.engine.register_member(&first, register_member(7)).await.unwrap();
    let events = world.events().await;
    let answer = world.engine.register_member(&world.operator(), register_member(7)).await;
    let Err(EngineError::Rejected(rejection)) = answer else { panic!("{answer:?}") };
    assert_eq!(rejection.reason(), "MEMBER_ALREADY_REGISTERED");
    assert_eq!(rejection.figures()["member"], MemberId::of(first.command).to_string());
    assert_eq!(world.events().await, events);
}

#[tokio::test]
async fn a_member_works_in_a_unit_that_is_registered() {
    let world = World::new().await;
    for (unit, reason) in [("office", "NOT_A_UNIT"), ("nowhere", "ORGANISATION_NOT_REGISTERED")] {
        let mut command = register_member(7);
        command.unit = unit.parse().unwrap();
        let answer = world.engine.register_member(&world.operator(), command).await;
        assert_eq!(refused(answer), reason);
    }
    let member = world.member().await;
    let to = "miyun".parse().unwrap();
    let answer = world.engine.transfer_member(&world.operator(), member, to).await;
    assert_eq!(refused(answer), "NOT_A_UNIT");
}

#[tokio::test]
async fn a_handler_belongs_to_one_organisation() {
    let world = World::new().await;
    let events = world.events().await;
    let answer = world.register_handler("miyun", "clerk", &[Duty::DistrictCheck]).await;
    assert_eq!(refused(answer), "HELD_BY");
    assert_eq!(world.events().await, events);
}

#[tokio::test]
async fn a_refused_handler_is_not_taken() {
    let world = World::new().await;
    let answer = world.register_handler("works", "new", &[Duty::Finance]).await;
    assert_eq!(refused(answer), "DUTY_OF_OTHER_LEVEL");
    world.register_handler("office", "new", &[Duty::Finance]).await.unwrap();
}

#[tokio::test]
async fn a_command_that_has_taken_effect_stays_quiet() {
    let world = World::new().await;
    let works = "works".parse().unwrap();
    let changed = world.engine.count_workers(&world.operator(), &works, 41).await.unwrap();
    let quiet = world.engine.count_workers(&world.operator(), &works, 41).await.unwrap();
    assert!(quiet.events.is_empty() && !quiet.repeated);
    assert_eq!((quiet.revision, quiet.position), (changed.revision, changed.position));
}

#[tokio::test]
async fn a_caller_who_believes_otherwise_is_told_where_the_stream_stands() {
    let world = World::new().await;
    let member = world.member().await;
    let envelope = Envelope { expected: Some(Revision(4)), ..world.operator() };
    let answer = world.engine.retire_member(&envelope, member, DAY).await;
    let Err(EngineError::ExpectedRevision { expected, actual, .. }) = answer else {
        panic!("{answer:?}")
    };
    assert_eq!((expected, actual), (Revision(4), Some(Revision(0))));
    let envelope = Envelope { expected: Some(Revision(0)), ..envelope };
    world.engine.retire_member(&envelope, member, DAY).await.unwrap();
}

#[tokio::test]
async fn events_tell_who_asked_and_when() {
    let world = World::new().await;
    let envelope = world.ask("app", Role::Service, None);
    let receipt = world.engine.register_member(&envelope, register_member(7)).await.unwrap();
    let history = world.engine.replay(&receipt.stream).await.unwrap();
    let metadata = &history[0].metadata;
    assert_eq!(metadata.command, envelope.command);
    assert_eq!(*metadata.content, *envelope.content);
    assert_eq!((&metadata.actor, metadata.at), (&envelope.actor, at()));
}

#[tokio::test]
async fn a_unit_and_its_members_are_handled_by_its_own_people() {
    let world = World::new().await;
    let member = world.member().await;
    let stranger = || world.ask("district", Role::Handler, Some("miyun"));
    let events = world.events().await;
    let (engine, on) = (&world.engine, stranger().on());
    let card = Some("6221630000000004".parse().unwrap());
    assert_eq!(
        refused(engine.register_member(&stranger(), register_member(9)).await),
        "HANDLER_UNKNOWN"
    );
    let corrected = engine.correct_member(&stranger(), member, None, card, None).await;
    assert_eq!(refused(corrected), "HANDLER_UNKNOWN");
    assert_eq!(refused(engine.retire_member(&stranger(), member, on).await), "HANDLER_UNKNOWN");
    assert_eq!(refused(engine.record_death(&stranger(), member, on).await), "HANDLER_UNKNOWN");
    let works = "works".parse().unwrap();
    assert_eq!(refused(engine.count_workers(&stranger(), &works, 41).await), "HANDLER_UNKNOWN");
    assert_eq!(world.events().await, events);

    engine.retire_member(&world.clerk(), member, on).await.unwrap();
}
