use huzhu_domain::batch::{AnswerLine, Batch, Outcome};
use huzhu_domain::claim::Claim;
use huzhu_domain::cover;
use huzhu_domain::id::{BatchId, ClaimId, PayoutId};
use huzhu_domain::payout::{Payout, ReturnReason};

use super::world::*;
use crate::engine::streams;

async fn approved(world: &World) -> (huzhu_domain::id::CoverId, ClaimId) {
    let cover = world.free_cover(world.member().await).await;
    let claim = world.file(cover, stay("S1", "9300")).await;
    world.approve(claim).await.unwrap();
    (cover, claim)
}

async fn batch(world: &World, batch: BatchId) -> Batch {
    world.engine.load::<Batch>(streams::batch(batch)).await.unwrap().state.clone()
}

#[tokio::test]
async fn a_settled_payout_is_recorded_on_cover_and_claim() {
    let world = World::new().await;
    let (cover, claim) = approved(&world).await;
    world.settle(claim).await;
    assert!(matches!(world.payout(claim).await, Payout::Settled(..)));
    assert!(matches!(world.claim(claim).await, Claim::Paid(..)));
    let entry = world.cover(cover).await.granted().unwrap().entries[&claim].clone();
    assert_eq!(entry.outcome, cover::Outcome::Paid(PayoutId::of(claim)));
}

#[tokio::test]
async fn a_batch_leaves_out_what_is_not_due() {
    let world = World::new().await;
    let (_, claim) = approved(&world).await;
    let payout = PayoutId::of(claim);
    let nothing = PayoutId::new(uuid::Uuid::nil());
    let envelope = world.finance();
    let receipt = world.engine.create_batch(&envelope, vec![nothing, payout]).await.unwrap();
    let names: Vec<_> = receipt.events.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["BatchOpened", "BatchSealed"]);
    let Batch::Sealed(file) = batch(&world, BatchId::of(envelope.command)).await else { panic!() };
    assert_eq!(file.sealed.total, yuan("1600"));
    assert_eq!((file.sealed.lines[0].number, file.sealed.lines[0].payout), (1, payout));
    assert_eq!(file.sealed.skipped, [nothing]);

    // It stands in one bank file, not in two.
    let second = world.finance();
    world.engine.create_batch(&second, vec![payout]).await.unwrap();
    let Batch::Answered(file) = batch(&world, BatchId::of(second.command)).await else { panic!() };
    assert_eq!(file.sealed.skipped, [payout]);
}

#[tokio::test]
async fn a_batch_asked_for_again_is_told_as_the_first_time() {
    let mut world = World::new().await;
    let (_, claim) = approved(&world).await;
    let (envelope, payouts) = (world.finance(), vec![PayoutId::of(claim)]);
    let first = world.engine.create_batch(&envelope, payouts.clone()).await.unwrap();
    for _ in 0..2 {
        let again = world.engine.create_batch(&envelope, payouts.clone()).await.unwrap();
        assert!(again.repeated);
        assert_eq!((again.revision, again.position), (first.revision, first.position));
        assert_eq!(again.events, first.events);
        world.restart().await;
    }
}

#[tokio::test]
async fn who_records_an_answer_can_wait_for_what_it_settles() {
    let world = World::new().await;
    let (_, claim) = approved(&world).await;
    let payout = PayoutId::of(claim);
    let batch = world.finance();
    world.engine.create_batch(&batch, vec![payout]).await.unwrap();
    let (batch, lines) = (BatchId::of(batch.command), vec![settled(payout)]);
    let told = world.engine.record_bank_answer(&world.finance(), batch, lines, DAY).await.unwrap();
    let paid = world.engine.load::<Claim>(streams::claim(claim)).await.unwrap();
    assert!(matches!(paid.state, Claim::Paid(..)));
    assert!(told.position.offset >= paid.position.unwrap().offset);
}

#[tokio::test]
async fn only_finance_moves_money() {
    let world = World::new().await;
    let (_, claim) = approved(&world).await;
    let payouts = vec![PayoutId::of(claim)];
    let answer = world.engine.create_batch(&world.clerk(), payouts.clone()).await;
    assert_eq!(refused(answer), "DUTY_MISSING");
    // The organisation of a token that names none is the one that the handler belongs to.
    let finance = world.ask("finance", huzhu_domain::envelope::Role::Handler, None);
    world.engine.create_batch(&finance, payouts).await.unwrap();
}

#[tokio::test]
async fn a_returned_payout_is_put_right_and_paid_again_once() {
    let world = World::new().await;
    let (_, claim) = approved(&world).await;
    let payout = PayoutId::of(claim);
    let first = world.finance();
    world.engine.create_batch(&first, vec![payout]).await.unwrap();
    let first = BatchId::of(first.command);
    let returned = AnswerLine {
        payout,
        outcome: Outcome::Returned { reason: ReturnReason::AccountClosed, note: String::new() },
    };
    let answer = world.finance();
    let engine = &world.engine;
    engine.record_bank_answer(&answer, first, vec![returned.clone()], DAY).await.unwrap();
    assert!(matches!(world.payout(claim).await, Payout::Returned(..)));

    engine.correct_payout(&world.finance(), payout, "a new card".to_owned()).await.unwrap();
    // The bank's answer comes once more: the payout has moved on.
    engine.record_bank_answer(&answer, first, vec![returned], DAY).await.unwrap();
    assert!(matches!(world.payout(claim).await, Payout::Due(_)));
    world.settle(claim).await;
    assert!(matches!(world.claim(claim).await, Claim::Paid(..)));
}

#[tokio::test]
async fn a_bank_answer_is_taken_once() {
    let world = World::new().await;
    let (_, claim) = approved(&world).await;
    let envelope = world.finance();
    let payouts = vec![PayoutId::of(claim)];
    world.engine.create_batch(&envelope, payouts).await.unwrap();
    let batch = BatchId::of(envelope.command);
    let lines = vec![settled(PayoutId::of(claim))];
    let engine = &world.engine;
    engine.record_bank_answer(&world.finance(), batch, lines.clone(), DAY).await.unwrap();
    let story = world.story().await;
    let quiet = engine.record_bank_answer(&world.finance(), batch, lines, DAY).await.unwrap();
    assert!(quiet.events.is_empty());
    assert_eq!(world.story().await, story);
}

#[tokio::test]
async fn a_reversal_takes_back_exactly_what_was_paid() {
    let world = World::new().await;
    let (cover, claim) = approved(&world).await;
    let payout = PayoutId::of(claim);
    let early = world.engine.reverse_payout(&world.finance(), payout, "too soon".into()).await;
    assert_eq!(refused(early), "PAYOUT_NOT_SETTLED");
    world.settle(claim).await;
    let envelope = world.finance();
    world.engine.reverse_payout(&envelope, payout, "paid in error".into()).await.unwrap();
    assert!(matches!(world.payout(claim).await, Payout::Reversed(..)));
    assert!(matches!(world.claim(claim).await, Claim::Reversed(..)));
    let entry = world.cover(cover).await.granted().unwrap().entries[&claim].clone();
    assert_eq!(entry.outcome, cover::Outcome::Reversed(payout));
    let story = world.story().await;
    let again = world.engine.reverse_payout(&envelope, payout, "paid in error".into()).await;
    assert!(again.unwrap().repeated);
    assert_eq!(world.story().await, story);
}
