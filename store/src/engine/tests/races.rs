use std::sync::Arc;

use futures::future::join_all;
use huzhu_domain::claim::Claim;
use huzhu_domain::id::ClaimId;
use huzhu_domain::money::Money;

use super::world::*;

const AT_ONCE: usize = 64;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_claim_filed_by_many_with_one_id_is_one_claim() {
    let world = Arc::new(World::new().await);
    let cover = world.free_cover(world.member().await).await;
    let before = world.events().await;
    let envelope = world.clerk();
    let answers = join_all((0..AT_ONCE).map(|_| {
        let (world, envelope) = (Arc::clone(&world), envelope.clone());
        tokio::spawn(async move {
            world.engine.file_claim(&envelope, filing(cover, stay("S1", "9300"))).await
        })
    }))
    .await;
    let receipts: Vec<_> = answers.into_iter().map(|answer| answer.unwrap().unwrap()).collect();
    assert_eq!(receipts.iter().filter(|receipt| !receipt.repeated).count(), 1);
    for receipt in &receipts {
        assert_eq!(
            (receipt.position, &receipt.events),
            (receipts[0].position, &receipts[0].events)
        );
    }
    // One reservation, one filing with its assessment.
    assert_eq!(world.events().await, before + 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_stay_claimed_by_many_is_claimed_by_one() {
    let world = Arc::new(World::new().await);
    let cover = world.free_cover(world.member().await).await;
    let answers = join_all((0..AT_ONCE).map(|_| {
        let world = Arc::clone(&world);
        tokio::spawn(async move {
            let facts = stay("S1", "9300");
            world.engine.file_claim(&world.clerk(), filing(cover, facts)).await
        })
    }))
    .await;
    let (filed, refusals): (Vec<_>, Vec<_>) =
        answers.into_iter().map(Result::unwrap).partition(Result::is_ok);
    assert_eq!(filed.len(), 1);
    for refusal in refusals {
        assert_eq!(refused(refusal), "STAY_ALREADY_CLAIMED");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn approvals_that_race_for_the_last_hundred_yuan_never_overspend() {
    let world = Arc::new(World::new().await);
    let cover = world.free_cover(world.member().await).await;
    // 190,000 above the ceiling and 10,553 below it leave 100 of the 200,653 of the year.
    for facts in [receipt("A", "0", "300000"), receipt("B", "54565", "0")] {
        let claim = world.file(cover, facts).await;
        world.approve(claim).await.unwrap();
    }
    let mut claims = Vec::new();
    for number in 0..AT_ONCE {
        let claim = world.file(cover, receipt(&format!("R{number}"), "1000", "0")).await;
        world.review(claim).await;
        claims.push(claim);
    }
    let answers = join_all(claims.iter().copied().map(|claim| {
        let world = Arc::clone(&world);
        tokio::spawn(async move { world.engine.pass_step(&world.finance(), pass(claim)).await })
    }))
    .await;
    let approved = answers.into_iter().map(Result::unwrap).filter(Result::is_ok).count();
    assert_eq!(approved, 1);

    let cover = world.cover(cover).await;
    let entries = &cover.granted().unwrap().entries;
    let held = Money::sum(entries.values().map(|entry| entry.reserved.amount)).unwrap();
    assert_eq!(held, yuan("200653"));
    let mut paid = Money::ZERO;
    for claim in claims {
        if let Claim::Approved(_, approved) = world.claim(claim).await {
            paid = paid.plus(approved.amount).unwrap();
        }
    }
    assert_eq!(paid, yuan("100"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_approval_given_by_many_owes_one_payout() {
    let world = Arc::new(World::new().await);
    let cover = world.free_cover(world.member().await).await;
    let claim = world.file(cover, stay("S1", "9300")).await;
    world.review(claim).await;
    let envelope = world.finance();
    let answers = join_all((0..AT_ONCE).map(|_| {
        let (world, envelope) = (Arc::clone(&world), envelope.clone());
        tokio::spawn(async move { world.engine.pass_step(&envelope, pass(claim)).await })
    }))
    .await;
    let fresh =
        answers.into_iter().filter(|answer| !answer.as_ref().unwrap().as_ref().unwrap().repeated);
    assert_eq!(fresh.count(), 1);
    let story = world.story().await;
    let payouts = story.keys().filter(|stream| stream.category() == "payout").count();
    assert_eq!(payouts, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_claims_of_different_members_do_not_hinder_each_other() {
    let world = Arc::new(World::new().await);
    let mut covers = Vec::new();
    for member in world.members(AT_ONCE).await {
        covers.push(world.free_cover(member).await);
    }
    let claims = join_all(covers.into_iter().zip(0..).map(|(cover, number): (_, u32)| {
        let world = Arc::clone(&world);
        tokio::spawn(async move {
            let envelope = world.clerk();
            let facts = stay(&format!("S{number}"), "9300");
            world.engine.file_claim(&envelope, filing(cover, facts)).await.unwrap();
            let claim = ClaimId::of(envelope.command);
            world.approve(claim).await.unwrap();
            claim
        })
    }))
    .await;
    for claim in claims {
        assert!(matches!(world.claim(claim.unwrap()).await, Claim::Approved(..)));
    }
}
