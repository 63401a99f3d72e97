use uuid::Uuid;

use super::*;
use crate::decider::replay;
use crate::testing::given;

#[test]
fn a_batch_is_opened_once() {
    given::<Batch>([]).when(Command::Open(opened_body(&[1, 2]))).then([opened()]);
    given::<Batch>([opened()]).when(Command::Open(opened_body(&[1, 2]))).then_nothing();
    given::<Batch>([opened()])
        .when(Command::Open(opened_body(&[1])))
        .then_rejected(Rejection::BatchAlreadyOpened { batch: opened_body(&[1]).batch });
}

#[test]
fn a_batch_holds_each_payout_once_and_at_least_one() {
    given::<Batch>([])
        .when(Command::Open(opened_body(&[])))
        .then_rejected(Rejection::PayoutCount { limit: PAYOUTS_MAX, given: 0 });
    given::<Batch>([])
        .when(Command::Open(opened_body(&[1, 1])))
        .then_rejected(Rejection::PayoutTwice { payout: payout(1) });
}

#[test]
fn a_batch_is_sealed_once_with_a_total() {
    let seal = |numbers: &[u32]| Command::Seal { lines: lines(numbers), skipped: vec![] };
    given::<Batch>([opened()]).when(seal(&[1, 2])).then([sealed()]);
    given::<Batch>([opened(), sealed()]).when(seal(&[1, 2])).then_nothing();
    given::<Batch>([opened(), sealed()])
        .when(seal(&[1]))
        .then_rejected(Rejection::BatchNotOpen { state: "sealed" });
    given::<Batch>([opened()])
        .when(seal(&[3]))
        .then_rejected(Rejection::PayoutNotInFile { payout: payout(3) });
    given::<Batch>([]).when(seal(&[1])).then_rejected(Rejection::BatchNotOpened);
}

#[test]
fn the_bank_answers_each_line_once() {
    given::<Batch>([opened(), sealed()]).when(answer(&[1])).then([answered(&[1])]);
    given::<Batch>([opened(), sealed(), answered(&[1])]).when(answer(&[1])).then_nothing();
    // What was answered before is left out of the new answer.
    given::<Batch>([opened(), sealed(), answered(&[1])])
        .when(answer(&[1, 2]))
        .then([answered(&[2])]);
    let other = Arc::new(Answered {
        lines: vec![AnswerLine {
            payout: payout(1),
            outcome: Outcome::Returned { reason: ReturnReason::NameDiffers, note: String::new() },
        }],
        on: day("2014-12-20"),
    });
    given::<Batch>([opened(), sealed(), answered(&[1])])
        .when(Command::Answer(other))
        .then_rejected(Rejection::AnswerDiffers { payout: payout(1) });
    given::<Batch>([opened(), sealed()])
        .when(answer(&[9]))
        .then_rejected(Rejection::PayoutNotInFile { payout: payout(9) });
    given::<Batch>([opened()])
        .when(answer(&[1]))
        .then_rejected(Rejection::BatchNotSealed { state: "open" });
}

#[test]
fn a_batch_is_answered_when_every_line_is() {
    let state = |history: &[Event]| replay::<Batch, _>(history).unwrap().name();
    assert_eq!(state(&[opened(), sealed(), answered(&[1])]), "sealed");
    assert_eq!(state(&[opened(), sealed(), answered(&[1]), answered(&[2])]), "answered");
}

#[test]
fn an_answer_before_the_file_is_corrupt() {
    assert!(replay::<Batch, _>(&[opened(), answered(&[1])]).is_err());
}

fn opened_body(numbers: &[u32]) -> Arc<Opened> {
    Arc::new(Opened {
        batch: BatchId::new(Uuid::from_u128(1)),
        payouts: numbers.iter().map(|number| payout(*number)).collect(),
        by: "o3".parse().unwrap(),
        on: day("2014-12-10"),
    })
}

fn opened() -> Event {
    Event::Opened(opened_body(&[1, 2]))
}

fn lines(numbers: &[u32]) -> Vec<Line> {
    numbers
        .iter()
        .map(|number| Line {
            number: *number,
            payout: payout(*number),
            member: MemberId::new(Uuid::from_u128(9)),
            member_revision: 0,
            amount: "100.50".parse().unwrap(),
        })
        .collect()
}

fn sealed() -> Event {
    Event::Sealed(Arc::new(Sealed {
        lines: lines(&[1, 2]),
        total: "201".parse().unwrap(),
        skipped: vec![],
    }))
}

fn answered_body(numbers: &[u32]) -> Arc<Answered> {
    let outcome = || Outcome::Settled { reference: "R".into() };
    Arc::new(Answered {
        lines: numbers
            .iter()
            .map(|number| AnswerLine { payout: payout(*number), outcome: outcome() })
            .collect(),
        on: day("2014-12-20"),
    })
}

fn answer(numbers: &[u32]) -> Command {
    Command::Answer(answered_body(numbers))
}

fn answered(numbers: &[u32]) -> Event {
    Event::Answered(answered_body(numbers))
}

fn payout(number: u32) -> PayoutId {
    PayoutId::new(Uuid::from_u128(u128::from(number)))
}

fn day(text: &str) -> Date {
    text.parse().unwrap()
}
