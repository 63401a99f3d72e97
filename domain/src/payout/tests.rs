use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::decider::replay;
use crate::testing::given;

#[test]
fn a_payout_is_created_once() {
    given::<Payout>([]).when(Command::Create(body(900))).then([created()]);
    given::<Payout>([created()]).when(Command::Create(body(900))).then_nothing();
    given::<Payout>([created()])
        .when(Command::Create(body(901)))
        .then_rejected(Rejection::PayoutAlreadyCreated { payout: body(1).payout });
    given::<Payout>([])
        .when(Command::Create(body(0)))
        .then_rejected(Rejection::PayoutNotPositive { amount: Money::ZERO });
}

#[test]
fn a_due_payout_goes_into_one_batch() {
    given::<Payout>([created()]).when(Command::Batch(into(1))).then([Event::Batched(into(1))]);
    given::<Payout>(in_batch(1)).when(Command::Batch(into(1))).then_nothing();
    given::<Payout>(in_batch(1))
        .when(Command::Batch(into(2)))
        .then_rejected(Rejection::PayoutNotDue { state: "batched" });
    given::<Payout>([]).when(Command::Batch(into(1))).then_rejected(Rejection::PayoutNotCreated);
}

#[test]
fn a_payout_is_settled_once_by_its_batch() {
    given::<Payout>(in_batch(1)).when(settle(1)).then([settled(1)]);
    let mut history = in_batch(1);
    history.push(settled(1));
    given::<Payout>(history).when(settle(1)).then_nothing();
    given::<Payout>(in_batch(1))
        .when(settle(2))
        .then_rejected(Rejection::PayoutNotInBatch { state: "batched", batch: batch(2) });
}

#[test]
fn a_returned_payout_is_corrected_and_paid_again_once() {
    given::<Payout>(in_batch(1))
        .when(Command::Return(returned_body(1)))
        .then([Event::Returned(returned_body(1))]);
    let mut history = in_batch(1);
    history.push(Event::Returned(returned_body(1)));
    given::<Payout>(history.clone()).when(Command::Return(returned_body(1))).then_nothing();
    given::<Payout>(history.clone())
        .when(settle(1))
        .then_rejected(Rejection::PayoutNotInBatch { state: "returned", batch: batch(1) });
    given::<Payout>(history.clone())
        .when(Command::Correct(corrected_body()))
        .then([Event::Corrected(corrected_body())]);
    history.push(Event::Corrected(corrected_body()));
    history.push(Event::Batched(into(2)));
    given::<Payout>(history.clone()).when(settle(2)).then([settled(2)]);
    history.push(settled(2));
    given::<Payout>(history)
        .when(Command::Batch(into(3)))
        .then_rejected(Rejection::PayoutNotDue { state: "settled" });
}

#[test]
fn only_a_returned_payout_is_corrected() {
    given::<Payout>([created()])
        .when(Command::Correct(corrected_body()))
        .then_rejected(Rejection::PayoutNotReturned { state: "due" });
}

#[test]
fn a_reversal_is_the_exact_opposite_and_happens_once() {
    let reverse = || Command::Reverse {
        note: "误付".into(),
        by: "o3".parse().unwrap(),
        on: day("2015-01-20"),
    };
    let reversed = Event::Reversed(Reversed {
        amount: body(900).amount,
        note: "误付".into(),
        by: "o3".parse().unwrap(),
        on: day("2015-01-20"),
    });
    let mut history = in_batch(1);
    given::<Payout>(history.clone())
        .when(reverse())
        .then_rejected(Rejection::PayoutNotSettled { state: "batched" });
    history.push(settled(1));
    given::<Payout>(history.clone()).when(reverse()).then([reversed.clone()]);
    history.push(reversed);
    given::<Payout>(history).when(reverse()).then_nothing();
}

#[test]
fn a_settlement_of_another_amount_is_corrupt() {
    let mut history = in_batch(1);
    let Event::Settled(body) = settled(1) else { unreachable!() };
    history.push(Event::Settled(Settled { amount: Money::ZERO, ..body }));
    assert!(replay::<Payout, _>(&history).is_err());
}

proptest! {
    #[test]
    fn no_commands_settle_a_payout_twice(commands in prop::collection::vec(any_command(), 0..40)) {
        let mut history = vec![created()];
        for command in commands {
            let payout: Payout = replay(&history).unwrap();
            history.extend(payout.decide(command).unwrap_or_default());
        }
        let settled = history.iter().filter(|event| matches!(event, Event::Settled(_))).count();
        prop_assert!(settled <= 1);
    }
}

fn any_command() -> impl Strategy<Value = Command> {
    prop_oneof![
        (1..4_u128).prop_map(|number| Command::Batch(into(number))),
        (1..4_u128).prop_map(settle),
        (1..4_u128).prop_map(|number| Command::Return(returned_body(number))),
        Just(Command::Correct(corrected_body())),
    ]
}

fn body(amount: i64) -> Arc<Created> {
    Arc::new(Created {
        payout: PayoutId::new(Uuid::from_u128(1)),
        claim: ClaimId::new(Uuid::from_u128(2)),
        cover: CoverId::new(Uuid::from_u128(3)),
        member: MemberId::new(Uuid::from_u128(4)),
        plan: "female-disease".parse().unwrap(),
        version: "V6".parse().unwrap(),
        unit: "beiyi".parse().unwrap(),
        district: None,
        amount: Money::exact(amount.into()).unwrap(),
        on: day("2014-12-01"),
    })
}

fn created() -> Event {
    Event::Created(body(900))
}

fn batch(number: u128) -> BatchId {
    BatchId::new(Uuid::from_u128(number))
}

fn into(number: u128) -> Batched {
    Batched { batch: batch(number), on: day("2014-12-10") }
}

fn in_batch(number: u128) -> Vec<Event> {
    vec![created(), Event::Batched(into(number))]
}

fn settle(number: u128) -> Command {
    Command::Settle { batch: batch(number), reference: "R1".into(), on: day("2014-12-20") }
}

fn settled(number: u128) -> Event {
    Event::Settled(Settled {
        batch: batch(number),
        reference: "R1".into(),
        amount: body(900).amount,
        on: day("2014-12-20"),
    })
}

fn returned_body(number: u128) -> Returned {
    Returned {
        batch: batch(number),
        reason: ReturnReason::AccountUnknown,
        note: String::new(),
        on: day("2014-12-20"),
    }
}

fn corrected_body() -> Corrected {
    Corrected { note: "换卡".into(), by: "u0".parse().unwrap(), on: day("2014-12-21") }
}

fn day(text: &str) -> Date {
    text.parse().unwrap()
}
