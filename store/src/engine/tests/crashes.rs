//! Every flow, cut short after every append: the same command, or the processes, bring it to the
//! end that it would have come to.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;

use huzhu_domain::cover::EndReason;
use huzhu_domain::id::{BatchId, ClaimId, PayoutId};
use jiff::civil::date;

use super::world::*;
use crate::engine::{EngineError, Envelope, GrantCover, PassStep, WithdrawClaim};
use crate::port::StreamName;

type Pending<'a> = Pin<Box<dyn Future<Output = Result<(), EngineError>> + 'a>>;

/// What brings a flow that was cut short to its end.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Rescue {
    SameCommand,
    Processes,
}

/// Runs `flow` in fresh worlds, cut short after 0, 1, 2… appends, until it runs through.
///
/// The same command always finishes it. Processes finish what is on record, from the event on that
/// is the flow's own, `decisive`; what was only prepared waits for the command.
async fn survives<S, P>(
    decisive: &str,
    prepare: impl Fn() -> P,
    flow: impl Fn(&World, S, Envelope) -> Pending<'_>,
) where
    S: Copy,
    P: Future<Output = (World, S, Envelope)>,
{
    let (world, setting, envelope) = prepare().await;
    let before = world.events().await;
    flow(&world, setting, envelope).await.unwrap();
    let whole = world.story().await;
    assert!(world.events().await > before, "the flow recorded nothing");

    for rescue in [Rescue::SameCommand, Rescue::Processes] {
        for appends in 0.. {
            let (mut world, setting, envelope) = prepare().await;
            world.store.dies_after(appends);
            let cut = flow(&world, setting, envelope.clone()).await;
            world.restart().await;
            let decided = count(&world.story().await, decisive) == count(&whole, decisive);
            rescue_from(&world, rescue, &flow, setting, envelope).await;
            let story = world.story().await;
            if decided || rescue == Rescue::SameCommand {
                assert!(story == whole, "{rescue:?}, cut after {appends} appends: {story:#?}");
            }
            if cut.is_ok() {
                assert!(appends > 0, "nothing was cut short");
                break;
            }
        }
    }
}

async fn rescue_from<S: Copy>(
    world: &World,
    rescue: Rescue,
    flow: &impl Fn(&World, S, Envelope) -> Pending<'_>,
    setting: S,
    envelope: Envelope,
) {
    match rescue {
        Rescue::SameCommand => flow(world, setting, envelope).await.unwrap(),
        Rescue::Processes => {
            let first = world.engine.catch_up(None).await.unwrap();
            let again = world.engine.catch_up(first).await.unwrap();
            let story = world.story().await;
            world.engine.catch_up(None).await.unwrap();
            assert_eq!(world.story().await, story, "processes did something twice");
            assert!(again.is_some());
        }
    }
}

fn count(story: &BTreeMap<StreamName, Vec<String>>, event: &str) -> usize {
    story.values().flatten().filter(|name| *name == event).count()
}

#[tokio::test]
async fn registering_a_member() {
    let prepare = || async {
        let world = World::new().await;
        let envelope = world.operator();
        (world, (), envelope)
    };
    survives("MemberRegistered", prepare, |world, (), envelope| {
        Box::pin(async move {
            world.engine.register_member(&envelope, register_member(7)).await.map(drop)
        })
    })
    .await;
}

#[tokio::test]
async fn granting_a_free_cover() {
    let prepare = || async {
        let world = World::new().await;
        let member = world.member().await;
        let envelope = world.operator();
        (world, member, envelope)
    };
    survives("CoverGranted", prepare, |world, member, envelope| {
        Box::pin(async move {
            let plan = "nuan-huzhu".parse().unwrap();
            let grant = GrantCover { plan, member, start: date(2014, 1, 1) };
            world.engine.grant_cover(&envelope, grant).await.map(drop)
        })
    })
    .await;
}

#[tokio::test]
async fn ending_a_cover() {
    let prepare = || async {
        let world = World::new().await;
        let cover = world.free_cover(world.member().await).await;
        let envelope = world.operator();
        (world, cover, envelope)
    };
    survives("CoverEnded", prepare, |world, cover, envelope| {
        Box::pin(async move {
            let on = date(2014, 6, 30);
            world.engine.end_cover(&envelope, cover, EndReason::Requested, on).await.map(drop)
        })
    })
    .await;
}

#[tokio::test]
async fn confirming_a_roster() {
    let prepare = || async {
        let world = World::new().await;
        let members = world.members(20).await;
        let roster = world.roster("hospital-allowance", &members, date(2015, 1, 1)).await;
        let envelope = world.clerk();
        (world, roster, envelope)
    };
    survives("RosterConfirmed", prepare, |world, roster, envelope| {
        Box::pin(async move { world.engine.confirm_roster(&envelope, roster).await.map(drop) })
    })
    .await;
}

#[tokio::test]
async fn filing_a_claim() {
    let prepare = || async {
        let world = World::new().await;
        let cover = world.free_cover(world.member().await).await;
        let envelope = world.clerk();
        (world, cover, envelope)
    };
    survives("ClaimFiled", prepare, |world, cover, envelope| {
        Box::pin(async move {
            let mut facts = stay("S1", "9300");
            facts.bills = receipt("R1", "5800", "0").bills;
            world.engine.file_claim(&envelope, filing(cover, facts)).await.map(drop)
        })
    })
    .await;
}

async fn reviewed() -> (World, ClaimId, Envelope) {
    let world = World::new().await;
    let cover = world.free_cover(world.member().await).await;
    let claim = world.file(cover, stay("S1", "9300")).await;
    world.review(claim).await;
    let envelope = world.finance();
    (world, claim, envelope)
}

#[tokio::test]
async fn approving_a_claim() {
    survives("ClaimApproved", reviewed, |world, claim, envelope| {
        Box::pin(async move { world.engine.pass_step(&envelope, pass(claim)).await.map(drop) })
    })
    .await;
}

#[tokio::test]
async fn closing_a_claim_that_is_worth_nothing() {
    let prepare = || async {
        let world = World::new().await;
        let cover = world.free_cover(world.member().await).await;
        let claim = world.file(cover, receipt("R1", "1500", "0")).await;
        world.review(claim).await;
        let envelope = world.finance();
        (world, claim, envelope)
    };
    survives("ClaimApproved", prepare, |world, claim, envelope| {
        let close = PassStep { expected_amount: Some(yuan("0")), ..pass(claim) };
        Box::pin(async move { world.engine.pass_step(&envelope, close).await.map(drop) })
    })
    .await;
}

#[tokio::test]
async fn withdrawing_a_claim_whose_approval_was_cut_short() {
    let prepare = || async {
        let (mut world, claim, envelope) = reviewed().await;
        world.store.dies_after(1);
        world.engine.pass_step(&envelope, pass(claim)).await.unwrap_err();
        world.restart().await;
        let envelope = world.clerk();
        (world, claim, envelope)
    };
    survives("ClaimWithdrawn", prepare, |world, claim, envelope| {
        Box::pin(async move {
            let command = WithdrawClaim { claim, note: String::new() };
            world.engine.withdraw_claim(&envelope, command).await.map(drop)
        })
    })
    .await;
}

async fn approved() -> (World, ClaimId, Envelope) {
    let (world, claim, envelope) = reviewed().await;
    world.engine.pass_step(&envelope, pass(claim)).await.unwrap();
    let envelope = world.finance();
    (world, claim, envelope)
}

#[tokio::test]
async fn creating_a_batch() {
    survives("BatchOpened", approved, |world, claim, envelope| {
        Box::pin(async move {
            let payouts = vec![PayoutId::of(claim)];
            world.engine.create_batch(&envelope, payouts).await.map(drop)
        })
    })
    .await;
}

#[tokio::test]
async fn recording_the_answer_of_a_bank() {
    let prepare = || async {
        let (world, claim, envelope) = approved().await;
        let payout = PayoutId::of(claim);
        world.engine.create_batch(&envelope, vec![payout]).await.unwrap();
        let batch = BatchId::of(envelope.command);
        let envelope = world.finance();
        (world, (batch, payout), envelope)
    };
    survives("BatchAnswered", prepare, |world, (batch, payout), envelope| {
        Box::pin(async move {
            let lines = vec![settled(payout)];
            world.engine.record_bank_answer(&envelope, batch, lines, DAY).await.map(drop)
        })
    })
    .await;
}

#[tokio::test]
async fn reversing_a_payout() {
    let prepare = || async {
        let (world, claim, _) = approved().await;
        world.settle(claim).await;
        let envelope = world.finance();
        (world, PayoutId::of(claim), envelope)
    };
    survives("PayoutReversed", prepare, |world, payout, envelope| {
        Box::pin(async move {
            let note = "paid in error".to_owned();
            world.engine.reverse_payout(&envelope, payout, note).await.map(drop)
        })
    })
    .await;
}
