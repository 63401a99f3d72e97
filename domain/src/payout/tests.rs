use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::decider::replay;
use crate::id::{ClaimId, CoverId, MemberId};
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
    given::<Payout>(history.clone()).when(Command::Return(returned_body(1))).then_nothing();
    given::<Payout>(history)
        .when(Command::Batch(into(3)))
        .then_rejected(Rejection::PayoutNotDue { state: "settled" });
}

#[test]
fn a_payout_never_goes_back_into_a_bank_file_that_it_left() {
    let mut history = in_batch(1);
    history.push(Event::Returned(returned_body(1)));
    history.push(Event::Corrected(corrected_body()));
    given::<Payout>(history.clone())
        .when(Command::Batch(into(1)))
        .then_rejected(Rejection::PayoutLeftBatch { batch: batch(1) });
    given::<Payout>(history.clone())
        .when(settle(1))
        .then_rejected(Rejection::PayoutNotInBatch { state: "due", batch: batch(1) });
    history.push(Event::Batched(into(1)));
    assert!(replay::<Payout, _>(&history).is_err());
}

#[test]
fn a_payout_is_returned_a_bounded_number_of_times() {
    let mut history = vec![created()];
    for number in 0..RETURNS_MAX as u128 {
        history.push(Event::Batched(into(number)));
        history.push(Event::Returned(returned_body(number)));
        history.push(Event::Corrected(corrected_body()));
    }
    history.pop();
    given::<Payout>(history)
        .when(Command::Correct(corrected_body()))
        .then_rejected(Rejection::PayoutReturnedTooOften { limit: RETURNS_MAX });
}

#[test]
fn days_never_go_backwards() {
    let before = |last: &str, given: &str| Rejection::PayoutDateBefore {
        last: day(last),
        given: day(given),
    };
    let early = |on: &str| day(on);
    given::<Payout>([created()])
        .when(Command::Batch(Batched { on: early("2014-11-30"), ..into(1) }))
        .then_rejected(before("2014-12-01", "2014-11-30"));
    let on = early("2014-12-09");
    given::<Payout>(in_batch(1))
        .when(Command::Settle { batch: batch(1), reference: "R1".into(), on })
        .then_rejected(before("2014-12-10", "2014-12-09"));
    given::<Payout>(in_batch(1))
        .when(Command::Return(Returned { on, ..returned_body(1) }))
        .then_rejected(before("2014-12-10", "2014-12-09"));
    let mut returned = in_batch(1);
    returned.push(Event::Returned(returned_body(1)));
    let on = early("2014-12-19");
    given::<Payout>(returned.clone())
        .when(Command::Correct(Corrected { on, ..corrected_body() }))
        .then_rejected(before("2014-12-20", "2014-12-19"));
    returned.push(Event::Corrected(corrected_body()));
    given::<Payout>(returned)
        .when(Command::Batch(Batched { on: early("2014-12-20"), ..into(2) }))
        .then_rejected(before("2014-12-21", "2014-12-20"));
    let mut paid = in_batch(1);
    paid.push(settled(1));
    given::<Payout>(paid)
        .when(Command::Reverse { note: "误付".into(), by: "o3".parse().unwrap(), on })
        .then_rejected(before("2014-12-20", "2014-12-19"));
}

#[test]
fn texts_are_of_bounded_length() {
    for length in [0, REFERENCE_MAX + 1] {
        let (batch, on) = (batch(1), day("2014-12-20"));
        given::<Payout>(in_batch(1))
            .when(Command::Settle { batch, reference: "R".repeat(length), on })
            .then_rejected(Rejection::ReferenceLength { limit: REFERENCE_MAX, given: length });
    }
    let note = "长".repeat(NOTE_MAX + 1);
    let long = || Rejection::PayoutNoteTooLong { limit: NOTE_MAX, given: NOTE_MAX + 1 };
    given::<Payout>(in_batch(1))
        .when(Command::Return(Returned { note: note.clone(), ..returned_body(1) }))
        .then_rejected(long());
    let mut history = in_batch(1);
    history.push(Event::Returned(returned_body(1)));
    given::<Payout>(history)
        .when(Command::Correct(Corrected { note: note.clone(), ..corrected_body() }))
        .then_rejected(long());
    let mut history = in_batch(1);
    history.push(settled(1));
    given::<Payout>(history)
        .when(Command::Reverse { note, by: "o3".parse().unwrap(), on: day("2015-01-20") })
        .then_rejected(long());
}

#[test]
fn nothing_is_asked_of_a_payout_that_does_not_exist() {
    for command in [
        Command::Batch(into(1)),
        settle(1),
        Command::Return(returned_body(1)),
        Command::Correct(corrected_body()),
        reverse(),
    ] {
        given::<Payout>([]).when(command).then_rejected(Rejection::PayoutNotCreated);
    }
}

#[test]
fn only_a_returned_payout_is_corrected() {
    given::<Payout>([created()])
        .when(Command::Correct(corrected_body()))
        .then_rejected(Rejection::PayoutNotReturned { state: "due" });
}

#[test]
fn a_reversal_is_the_exact_opposite_and_happens_once() {
    let reversed = Event::Reversed(Reversed {
        amount: body_amount(),
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
    given::<Payout>(history.clone()).when(reverse()).then_nothing();
    given::<Payout>(history).when(settle(1)).then_nothing();
}

#[test]
fn what_no_payout_decides_is_corrupt() {
    let Event::Settled(body) = settled(1) else { unreachable!() };
    let of_nothing = Event::Settled(Settled { amount: Money::ZERO, ..body });
    let back = |amount| {
        let by = "o3".parse().unwrap();
        Event::Reversed(Reversed { amount, note: String::new(), by, on: day("2015-01-20") })
    };
    let amount = body_amount();
    for after in [
        vec![created()],
        vec![of_nothing],
        vec![settled(2)],
        vec![Event::Returned(returned_body(2))],
        vec![Event::Batched(into(2))],
        vec![settled(1), settled(1)],
        vec![back(amount)],
        vec![settled(1), back(Money::ZERO)],
        vec![settled(1), back(amount), back(amount)],
        vec![Event::Corrected(corrected_body())],
    ] {
        let mut history = in_batch(1);
        history.extend(after);
        let (last, before) = history.split_last().unwrap();
        let state: Payout = replay(before).unwrap();
        let name = state.name();
        let impossible = Impossible { event: last.name(), state: name };
        assert_eq!(state.evolve(last), Err(impossible), "{history:?}");
    }
}

proptest! {
    #[test]
    fn any_commands_keep_the_invariants(commands in prop::collection::vec(any_command(), 0..40)) {
        let mut live = Payout::default();
        let mut history = Vec::new();
        for command in commands {
            let events = live.decide(command.clone()).unwrap_or_default();
            live = events.iter().try_fold(live, Payout::evolve).unwrap();
            if !matches!(command, Command::Correct(_)) && !events.is_empty() {
                prop_assert_eq!(live.decide(command), Ok(Vec::new()), "asked again");
            }
            history.extend(events);
        }
        let mut flow = Vec::new();
        let mut batches = Vec::new();
        for event in &history {
            match event {
                Event::Settled(body) => flow.push(body.amount.fen()),
                Event::Reversed(body) => flow.push(body.amount.fen().wrapping_neg()),
                Event::Batched(body) => batches.push(body.batch),
                Event::Created(_) | Event::Returned(_) | Event::Corrected(_) => {}
            }
        }
        prop_assert!(matches!(flow[..], [] | [90_000] | [90_000, -90_000]), "{flow:?}");
        let files = batches.len();
        batches.sort_unstable();
        batches.dedup();
        prop_assert_eq!(batches.len(), files, "twice in one file");
        prop_assert_eq!(replay::<Payout, _>(&history), Ok(live));
    }
}

fn any_command() -> impl Strategy<Value = Command> {
    prop_oneof![
        (1..4_u128).prop_map(|number| Command::Batch(into(number))),
        (1..4_u128).prop_map(settle),
        (1..4_u128).prop_map(|number| Command::Return(returned_body(number))),
        Just(Command::Correct(corrected_body())),
        Just(Command::Create(body(900))),
        Just(reverse()),
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

fn body_amount() -> Money {
    body(900).amount
}

fn created() -> Event {
    Event::Created(body(900))
}

fn batch(number: u128) -> BatchId {
    BatchId::new(Uuid::from_u128(number))
}

fn into(number: u128) -> Batched {
    // The second and later files follow the correction.
    let on = if number < 2 { "2014-12-10" } else { "2014-12-21" };
    Batched { batch: batch(number), on: day(on) }
}

fn in_batch(number: u128) -> Vec<Event> {
    vec![created(), Event::Batched(into(number))]
}

fn settle(number: u128) -> Command {
    Command::Settle { batch: batch(number), reference: "R1".into(), on: answer_day(number) }
}

fn reverse() -> Command {
    Command::Reverse { note: "误付".into(), by: "o3".parse().unwrap(), on: day("2015-01-20") }
}

fn settled(number: u128) -> Event {
    Event::Settled(Settled {
        batch: batch(number),
        reference: "R1".into(),
        amount: body_amount(),
        on: answer_day(number),
    })
}

fn answer_day(number: u128) -> Date {
    day(if number < 2 { "2014-12-20" } else { "2014-12-21" })
}

fn returned_body(number: u128) -> Returned {
    Returned {
        batch: batch(number),
        reason: ReturnReason::AccountUnknown,
        note: String::new(),
        on: answer_day(number),
    }
}

fn corrected_body() -> Corrected {
    Corrected { note: "换卡".into(), by: "u0".parse().unwrap(), on: day("2014-12-21") }
}

fn day(text: &str) -> Date {
    text.parse().unwrap()
}
