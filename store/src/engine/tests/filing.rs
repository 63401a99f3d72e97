use std::sync::Arc;

use huzhu_domain::claim::{Claim, Wanted};
use huzhu_domain::decider::Decider;
use huzhu_domain::envelope::Role;
use huzhu_domain::id::ClaimId;
use huzhu_domain::step::Step;
use jiff::civil::date;

use super::world::*;
use crate::engine::{
    EngineError, Envelope, RefuseClaim, ReturnClaim, SupplementClaim, WithdrawClaim, digest,
};
use crate::port::Revision;

#[tokio::test]
async fn a_claim_is_filed_assessed_and_waits_for_its_first_step() {
    let world = World::new().await;
    let cover = world.free_cover(world.member().await).await;
    let envelope = world.clerk();
    let facts = stay("S1", "9300");
    let receipt = world.engine.file_claim(&envelope, filing(cover, facts)).await.unwrap();
    let events = [("ClaimFiled", Revision(0)), ("ClaimAssessed", Revision(1))];
    assert_eq!(receipt.events, events);
    let claim = world.claim(ClaimId::of(envelope.command)).await;
    let review = claim.in_review().unwrap();
    assert_eq!(review.assessed().assessment.total, yuan("1600"));
    assert_eq!(review.assessed().steps, Step::ALL);
    assert_eq!(review.queue().unwrap().as_str(), "works");
}

#[tokio::test]
async fn a_small_claim_needs_fewer_steps() {
    let world = World::new().await;
    let cover = world.free_cover(world.member().await).await;
    let claim = world.file(cover, receipt("R1", "2300", "0")).await;
    let claim = world.claim(claim).await;
    let review = claim.in_review().unwrap();
    assert_eq!(review.assessed().assessment.total, yuan("100"));
    assert_eq!(review.assessed().steps, [Step::FirstReview, Step::Finance]);
}

#[tokio::test]
async fn only_the_units_own_handlers_and_services_file() {
    let world = World::new().await;
    let cover = world.free_cover(world.member().await).await;
    let file = |envelope| {
        let world = &world;
        async move { world.engine.file_claim(&envelope, filing(cover, stay("S1", "9300"))).await }
    };
    let stranger = world.ask("district", Role::Handler, Some("miyun"));
    assert_eq!(refused(file(stranger).await), "HANDLER_UNKNOWN");
    let endorser = world.ask("unit", Role::Handler, Some("works"));
    assert_eq!(refused(file(endorser).await), "DUTY_MISSING");
    let suspended = world.operator();
    let (works, clerk) = ("works".parse().unwrap(), "clerk".parse().unwrap());
    world.engine.suspend_handler(&suspended, &works, clerk, "on leave".into()).await.unwrap();
    assert_eq!(refused(file(world.clerk()).await), "HANDLER_SUSPENDED");
    file(world.ask("app", Role::Service, None)).await.unwrap();
}

#[tokio::test]
async fn what_was_treated_after_the_member_died_is_not_taken() {
    let world = World::new().await;
    let member = world.member().await;
    let cover = world.free_cover(member).await;
    world.engine.record_death(&world.operator(), member, date(2014, 9, 30)).await.unwrap();
    let after = world.engine.file_claim(&world.clerk(), filing(cover, stay("S1", "9300"))).await;
    assert_eq!(refused(after), "MEMBER_DIED");
    let mut before = stay("S1", "9300");
    before.incident.date = date(2014, 9, 1);
    (before.stays[0].admitted, before.stays[0].discharged) = (date(2014, 9, 1), date(2014, 9, 11));
    world.file(cover, before).await;
}

#[tokio::test]
async fn the_same_stay_is_claimed_once_under_a_plan() {
    let world = World::new().await;
    let member = world.member().await;
    let cover = world.free_cover(member).await;
    let first = world.file(cover, stay("S1", "9300")).await;
    let events = world.events().await;
    let answer = world.engine.file_claim(&world.clerk(), filing(cover, stay("S1", "9300"))).await;
    let Err(EngineError::Rejected(rejection)) = answer else { panic!("{answer:?}") };
    assert_eq!(rejection.reason(), "STAY_ALREADY_CLAIMED");
    assert_eq!(rejection.figures()["claim"], first.to_string());
    assert_eq!(rejection.figures()["serial"], "S1");
    assert_eq!(world.events().await, events);
}

#[tokio::test]
async fn the_same_stay_is_claimed_under_two_plans() {
    let world = World::new().await;
    let members = world.members(20).await;
    let roster = world.roster("hospital-medical", &members, date(2014, 1, 1)).await;
    // A unit of 40 needs 20 of its workers.
    world.engine.confirm_roster(&world.clerk(), roster).await.unwrap();
    let paid = huzhu_domain::id::CoverId::of(
        &"hospital-medical".parse().unwrap(),
        members[0],
        date(2014, 1, 1),
    );
    let free = world.free_cover(members[0]).await;
    for (cover, amount) in [(free, "1600"), (paid, "4800")] {
        let claim = world.file(cover, stay("S1", "9300")).await;
        let claim = world.claim(claim).await;
        assert_eq!(claim.review().unwrap().assessed().assessment.total, yuan(amount));
    }
}

#[tokio::test]
async fn a_stay_of_a_claim_that_has_let_go_is_free_again() {
    let world = World::new().await;
    let cover = world.free_cover(world.member().await).await;
    let withdrawn = world.file(cover, stay("S1", "9300")).await;
    let withdraw = WithdrawClaim { claim: withdrawn, note: String::new() };
    world.engine.withdraw_claim(&world.clerk(), withdraw).await.unwrap();
    let refused = world.file(cover, stay("S1", "9300")).await;
    let refuse = RefuseClaim {
        claim: refused,
        step: None,
        reason: huzhu_domain::claim::RefusalReason::NotCovered,
        note: String::new(),
    };
    world.engine.refuse_claim(&world.decider(Step::UnitEndorsement), refuse).await.unwrap();
    let third = world.file(cover, stay("S1", "9300")).await;
    assert!(world.claim(third).await.in_review().is_ok());
}

#[tokio::test]
async fn a_filing_that_stopped_half_way_is_fenced_off() {
    let mut world = World::new().await;
    let cover = world.free_cover(world.member().await).await;
    let lost = world.clerk();
    world.store.dies_after(1);
    let answer = world.engine.file_claim(&lost, filing(cover, stay("S1", "9300"))).await;
    assert!(matches!(answer, Err(EngineError::Down { .. })), "{answer:?}");
    world.restart().await;

    let claim = world.file(cover, stay("S1", "9300")).await;
    assert!(world.claim(claim).await.in_review().is_ok());
    assert_eq!(world.claim(ClaimId::of(lost.command)).await, Claim::Lapsed);
    let late = world.engine.file_claim(&lost, filing(cover, stay("S1", "9300"))).await;
    assert_eq!(refused(late), "FILING_LAPSED");
}

#[tokio::test]
async fn a_used_command_id_takes_no_stay_for_good() {
    let mut world = World::new().await;
    let cover = world.free_cover(world.member().await).await;
    let envelope = world.clerk();
    world.engine.file_claim(&envelope, filing(cover, stay("S1", "9300"))).await.unwrap();
    for _ in 0..2 {
        let other = Envelope { content: digest(b"other"), ..envelope.clone() };
        let answer = world.engine.file_claim(&other, filing(cover, stay("S2", "9300"))).await;
        assert_eq!(answer, Err(EngineError::CommandReused { command: envelope.command }));
        world.restart().await;
    }
    world.file(cover, stay("S2", "9300")).await;
}

#[tokio::test]
async fn a_refused_filing_takes_no_stay() {
    let world = World::new().await;
    let cover = world.free_cover(world.member().await).await;
    let events = world.events().await;
    let mut outside = stay("S1", "9300");
    outside.stays[0].admitted = date(2012, 10, 1);
    outside.stays[0].discharged = date(2012, 10, 11);
    outside.incident.date = date(2012, 10, 1);
    let answer = world.engine.file_claim(&world.clerk(), filing(cover, outside)).await;
    assert_eq!(refused(answer), "OUTSIDE_TERM");
    assert_eq!(world.events().await, events);
}

#[tokio::test]
async fn a_supplement_is_assessed_again_and_may_move_its_stays() {
    let world = World::new().await;
    let cover = world.free_cover(world.member().await).await;
    let claim = world.file(cover, stay("S1", "9300")).await;
    let wanted = vec![Wanted { document: None, text: "the statement of the other stay".into() }];
    let back = ReturnClaim { claim, step: None, wanted, note: String::new() };
    world.engine.return_claim(&world.decider(Step::UnitEndorsement), back).await.unwrap();

    let supplement = SupplementClaim { claim, facts: Arc::new(stay("S2", "11300")) };
    let receipt = world.engine.supplement_claim(&world.clerk(), supplement).await.unwrap();
    let names: Vec<_> = receipt.events.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["ClaimSupplemented", "ClaimAssessed"]);
    let after = world.claim(claim).await;
    assert_eq!(after.in_review().unwrap().assessed().assessment.total, yuan("2000"));

    // The stay that the claim rests on now is its own; the other one is free.
    let answer = world.engine.file_claim(&world.clerk(), filing(cover, stay("S2", "11300"))).await;
    assert_eq!(refused(answer), "STAY_ALREADY_CLAIMED");
    world.file(cover, stay("S1", "9300")).await;
}

#[tokio::test]
async fn a_preview_records_nothing() {
    let world = World::new().await;
    let cover = world.free_cover(world.member().await).await;
    let events = world.events().await;
    let facts = stay("S1", "9300");
    let assessment = world.engine.preview_assessment(cover, &[], &facts).await.unwrap();
    assert_eq!(assessment.total, yuan("1600"));
    assert_eq!(world.events().await, events);
}

#[tokio::test]
async fn what_is_remembered_is_what_the_log_says() {
    let mut world = World::new().await;
    let cover = world.free_cover(world.member().await).await;
    let claim = world.file(cover, stay("S1", "9300")).await;
    world.approve(claim).await.unwrap();
    let remembered = (world.claim(claim).await, world.cover(cover).await);
    world.restart().await;
    assert_eq!((world.claim(claim).await, world.cover(cover).await), remembered);
    assert!(remembered.0.decide(huzhu_domain::claim::Command::Lapse).is_err());
}
