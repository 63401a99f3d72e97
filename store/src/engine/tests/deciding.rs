use std::sync::Arc;

use huzhu_domain::claim::facts::{Diagnosis, Severity};
use huzhu_domain::claim::{Claim, RefusalReason, Wanted};
use huzhu_domain::cover::Outcome;
use huzhu_domain::envelope::Role;
use huzhu_domain::id::CoverId;
use huzhu_domain::id::checked::Icd10;
use huzhu_domain::payout::Payout;
use huzhu_domain::plan::{PlanVersion, catalogue};
use huzhu_domain::step::{Duty, Step};
use jiff::civil::date;

use super::world::*;
use crate::engine::{EngineError, PassStep, RefuseClaim, RegisterHandler, ReturnClaim};

#[tokio::test]
async fn the_last_step_reserves_approves_and_owes() {
    let world = World::new().await;
    let cover = world.free_cover(world.member().await).await;
    let claim = world.file(cover, stay("S1", "9300")).await;
    let receipt = world.approve(claim).await.unwrap();
    let names: Vec<_> = receipt.events.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["ClaimStepPassed", "ClaimApproved"]);
    let Claim::Approved(_, approved) = world.claim(claim).await else { panic!() };
    assert_eq!(approved.amount, yuan("1600"));
    let cover = world.cover(cover).await;
    let entry = &cover.granted().unwrap().entries[&claim];
    assert_eq!((entry.reserved.amount, entry.outcome), (yuan("1600"), Outcome::Reserved));
    let payout = world.payout(claim).await;
    assert!(matches!(payout, Payout::Due(_)));
    assert_eq!(payout.created().unwrap().amount, yuan("1600"));
}

#[tokio::test]
async fn a_step_is_taken_by_its_own_level() {
    let world = World::new().await;
    let cover = world.free_cover(world.member().await).await;
    let claim = world.file(cover, stay("S1", "9300")).await;
    let by = async |step| world.engine.pass_step(&world.decider(step), pass(claim)).await;
    assert_eq!(refused(by(Step::DistrictCheck).await), "WRONG_ORGANISATION");
    by(Step::UnitEndorsement).await.unwrap();
    by(Step::TownshipCheck).await.unwrap();
    by(Step::DistrictCheck).await.unwrap();
    assert_eq!(refused(by(Step::Finance).await), "DUTY_MISSING");
}

#[tokio::test]
async fn a_step_out_of_order_is_refused() {
    let world = World::new().await;
    let cover = world.free_cover(world.member().await).await;
    let claim = world.file(cover, stay("S1", "9300")).await;
    let command = PassStep { step: Some(Step::Finance), ..pass(claim) };
    let answer = world.engine.pass_step(&world.finance(), command).await;
    assert_eq!(refused(answer), "WRONG_STEP");
}

#[tokio::test]
async fn a_handler_without_a_certificate_in_force_decides_nothing() {
    let world = World::new().await;
    world.register_handler("works", "new", &[Duty::Endorse]).await.unwrap();
    let cover = world.free_cover(world.member().await).await;
    let claim = world.file(cover, stay("S1", "9300")).await;
    let new = || world.ask("new", Role::Handler, Some("works"));
    let answer = world.engine.pass_step(&new(), pass(claim)).await;
    assert_eq!(refused(answer), "NOT_CERTIFIED");
    world.certify("works", "new").await;
    world.engine.pass_step(&new(), pass(claim)).await.unwrap();
}

#[tokio::test]
async fn nobody_decides_twice_or_on_a_claim_of_their_own() {
    let world = World::new().await;
    let member = world.member().await;
    let both = RegisterHandler {
        organisation: "office".parse().unwrap(),
        handler: "both".parse().unwrap(),
        member: Some(member),
        duties: [Duty::FirstReview, Duty::SecondReview].into(),
    };
    let early =
        crate::engine::Envelope { at: "2014-01-01T02:00:00Z".parse().unwrap(), ..world.operator() };
    world.engine.register_handler(&early, both).await.unwrap();
    world.certify("office", "both").await;
    let both = || world.ask("both", Role::Handler, Some("office"));

    let own = world.file(world.free_cover(member).await, receipt("R1", "2300", "0")).await;
    assert_eq!(refused(world.engine.pass_step(&both(), pass(own)).await), "OWN_CLAIM");

    let other = world.free_cover(world.member().await).await;
    let other = world.file(other, stay("S1", "9300")).await;
    for step in [Step::UnitEndorsement, Step::TownshipCheck, Step::DistrictCheck] {
        world.engine.pass_step(&world.decider(step), pass(other)).await.unwrap();
    }
    world.engine.pass_step(&both(), pass(other)).await.unwrap();
    assert_eq!(refused(world.engine.pass_step(&both(), pass(other)).await), "DECIDED_BEFORE");
}

#[tokio::test]
async fn an_amount_that_changed_is_not_approved_unseen() {
    let world = World::new().await;
    let cover = world.free_cover(world.member().await).await;
    let claim = world.file(cover, stay("S1", "9300")).await;
    world.review(claim).await;
    let seen = |amount| PassStep { expected_amount: Some(yuan(amount)), ..pass(claim) };
    let answer = world.engine.pass_step(&world.finance(), seen("1700")).await;
    let Err(EngineError::Rejected(rejection)) = answer else { panic!("{answer:?}") };
    assert_eq!(rejection.reason(), "ASSESSMENT_CHANGED");
    assert_eq!(rejection.figures()["actual"], "1600.00");
    world.engine.pass_step(&world.finance(), seen("1600")).await.unwrap();
}

#[tokio::test]
async fn a_claim_is_approved_as_the_cover_stands_then() {
    let world = World::new().await;
    let cover = world.free_cover(world.member().await).await;
    // Filed as the first stays of the year, both of them; only one is.
    let first = world.file(cover, stay("S1", "9300")).await;
    let second = world.file(cover, stay("S2", "9300")).await;
    world.approve(first).await.unwrap();
    world.approve(second).await.unwrap();
    let Claim::Approved(review, approved) = world.claim(second).await else { panic!() };
    assert_eq!(review.assessed().assessment.total, yuan("1600"));
    assert_eq!(approved.amount, yuan("1730"));
}

#[tokio::test]
async fn what_a_claim_worth_nothing_bore_counts_once_it_is_closed() {
    let world = World::new().await;
    let cover = world.free_cover(world.member().await).await;
    let first = world.file(cover, receipt("R1", "1500", "0")).await;
    assert_eq!(refused(world.approve(first).await), "NOTHING_PAYABLE");
    let nothing = PassStep { expected_amount: Some(yuan("0")), ..pass(first) };
    let receipt_of = world.engine.pass_step(&world.finance(), nothing).await.unwrap();
    assert_eq!(receipt_of.events.last().unwrap().0, "ClaimApproved");
    assert_eq!(world.claim(first).await.name(), "closed");
    assert_eq!(world.payout(first).await.name(), "uncreated");
    // Together 3,800, of which 1,800 are borne.
    let second = world.file(cover, receipt("R2", "2300", "0")).await;
    let assessed = world.claim(second).await.in_review().unwrap().assessed().assessment.total;
    assert_eq!(assessed, yuan("400"));
    let again = filing(cover, receipt("R1", "1500", "0"));
    let again = world.engine.file_claim(&world.clerk(), again).await;
    assert_eq!(refused(again), "STAY_ALREADY_CLAIMED");
}

#[tokio::test]
async fn a_stay_below_its_deductible_is_the_first_of_the_year_once_it_is_closed() {
    let world = World::new().await;
    let cover = world.free_cover(world.member().await).await;
    let first = world.file(cover, stay("S1", "1300")).await;
    world.review(first).await;
    let nothing = PassStep { expected_amount: Some(yuan("0")), ..pass(first) };
    world.engine.pass_step(&world.finance(), nothing).await.unwrap();
    let second = world.file(cover, stay("S2", "4650")).await;
    let assessed = world.claim(second).await.in_review().unwrap().assessed().assessment.total;
    assert_eq!(assessed, yuan("800"), "G5");
}

#[tokio::test]
async fn what_a_reviewer_confirms_is_assessed_and_approved_by_as_many_as_it_needs() {
    let world = World::new().await;
    let members = world.members(20).await;
    let (plan, start) = ("female-disease", date(2014, 8, 1));
    let (_, terms) =
        catalogue().iter().find(|(name, _)| *name == "female-disease.v8.json").unwrap();
    let terms = PlanVersion::parse(serde_json::from_str(terms).unwrap()).unwrap();
    world.engine.publish_plan(&world.operator(), Arc::new(terms)).await.unwrap();
    let roster = world.roster(plan, &members, start).await;
    world.engine.confirm_roster(&world.clerk(), roster).await.unwrap();
    let cover = CoverId::of(&plan.parse().unwrap(), members[0], start);
    let mut facts = stay("S1", "0");
    facts.stays.clear();
    facts.incident.date = date(2014, 11, 20);
    let sarcoma: Icd10 = "C54.9".parse().unwrap();
    facts.diagnoses.push(Diagnosis {
        code: sarcoma.clone(),
        severity: Severity::Ordinary,
        established_on: date(2014, 11, 20),
        secondary: false,
        pre_existing: false,
        confirmed_by_review: true,
    });
    let by_filer = world.engine.file_claim(&world.clerk(), filing(cover, facts.clone())).await;
    assert_eq!(refused(by_filer), "CONFIRMED_BY_FILER");
    facts.diagnoses[0].confirmed_by_review = false;
    let claim = world.file(cover, facts).await;
    let review = world.claim(claim).await;
    assert_eq!(review.in_review().unwrap().assessed().assessment.total, yuan("0"));
    assert_eq!(review.in_review().unwrap().remaining(), [Step::FirstReview, Step::Finance]);

    let confirm = PassStep { confirmed: vec![sarcoma], ..pass(claim) };
    let first = world.decider(Step::FirstReview);
    let told = world.engine.pass_step(&first, confirm).await.unwrap();
    let names: Vec<_> = told.events.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["ClaimStepPassed", "ClaimAssessed"]);
    let review = world.claim(claim).await;
    let review = review.in_review().unwrap();
    assert_eq!(review.assessed().assessment.total, yuan("10000"));
    assert_eq!(review.next(), Some(Step::UnitEndorsement), "so much needs every level");
    world.approve(claim).await.unwrap();
    let Claim::Approved(_, approved) = world.claim(claim).await else { panic!() };
    assert_eq!(approved.amount, yuan("10000"));
    let explained = world.engine.explain_assessments(claim).await.unwrap();
    assert!(explained.len() == 3 && explained.iter().all(|one| one.agrees));
}

#[tokio::test]
async fn a_worth_that_needs_more_levels_than_were_asked_is_not_approved() {
    let world = World::new().await;
    let cover = world.free_cover(world.member().await).await;
    // 480 yuan with the whole deductible; 840 once another claim has used it up.
    let small = world.file(cover, receipt("R1", "4200", "0")).await;
    let large = world.file(cover, receipt("R2", "9000", "0")).await;
    world.approve(large).await.unwrap();
    let answer = world.approve(small).await;
    assert_eq!(refused(answer), "ASSESSMENT_CHANGED");
    assert!(world.claim(small).await.in_review().is_ok());
    assert!(!world.cover(cover).await.granted().unwrap().entries.contains_key(&small));
}

#[tokio::test]
async fn a_repeated_approval_approves_once() {
    let mut world = World::new().await;
    let cover = world.free_cover(world.member().await).await;
    let claim = world.file(cover, stay("S1", "9300")).await;
    world.review(claim).await;
    let finance = world.finance();
    let first = world.engine.pass_step(&finance, pass(claim)).await.unwrap();
    let story = world.story().await;
    for _ in 0..2 {
        let again = world.engine.pass_step(&finance, pass(claim)).await.unwrap();
        assert_eq!((again.position, &again.events), (first.position, &first.events));
        assert!(again.repeated);
        assert_eq!(world.story().await, story);
        world.restart().await;
    }
}

#[tokio::test]
async fn a_refusal_lets_go_of_what_a_lost_approval_reserved() {
    let mut world = World::new().await;
    let cover = world.free_cover(world.member().await).await;
    let claim = world.file(cover, stay("S1", "9300")).await;
    world.review(claim).await;
    world.store.dies_after(1);
    world.engine.pass_step(&world.finance(), pass(claim)).await.unwrap_err();
    world.restart().await;
    let entries = |cover: &huzhu_domain::cover::Cover| cover.granted().unwrap().entries.len();
    assert_eq!(entries(&world.cover(cover).await), 1);

    let refuse = RefuseClaim {
        claim,
        step: None,
        reason: RefusalReason::DocumentsMissing,
        note: String::new(),
    };
    world.engine.refuse_claim(&world.finance(), refuse).await.unwrap();
    assert_eq!(entries(&world.cover(cover).await), 0);
    assert!(matches!(world.claim(claim).await, Claim::Refused(_)));
}

#[tokio::test]
async fn a_claim_sent_back_goes_on_at_the_step_that_sent_it() {
    let world = World::new().await;
    let cover = world.free_cover(world.member().await).await;
    let claim = world.file(cover, stay("S1", "9300")).await;
    world.engine.pass_step(&world.decider(Step::UnitEndorsement), pass(claim)).await.unwrap();
    let wanted = vec![Wanted { document: None, text: "a legible copy".into() }];
    let back = ReturnClaim { claim, step: None, wanted, note: String::new() };
    world.engine.return_claim(&world.decider(Step::TownshipCheck), back).await.unwrap();
    let answer = world.engine.pass_step(&world.decider(Step::TownshipCheck), pass(claim)).await;
    assert_eq!(refused(answer), "CLAIM_NOT_IN_REVIEW");

    let facts = Arc::new(stay("S1", "9300"));
    let supplement = crate::engine::SupplementClaim { claim, facts };
    world.engine.supplement_claim(&world.clerk(), supplement).await.unwrap();
    world.engine.pass_step(&world.decider(Step::TownshipCheck), pass(claim)).await.unwrap();
}
