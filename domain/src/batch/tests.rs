use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::decider::replay;
use crate::id::MemberId;
use crate::payout::ReturnReason;
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
    let many: Vec<u32> = (0..).take(PAYOUTS_MAX + 1).collect();
    given::<Batch>([])
        .when(Command::Open(opened_body(&many)))
        .then_rejected(Rejection::PayoutCount { limit: PAYOUTS_MAX, given: PAYOUTS_MAX + 1 });
}

#[test]
fn a_batch_shares_out_what_was_asked_for() {
    let seal = |numbers: &[u32], skipped: &[u32]| Command::Seal {
        lines: lines(numbers),
        skipped: skipped.iter().copied().map(payout).collect(),
    };
    given::<Batch>([opened()]).when(seal(&[1], &[2])).then([sealed_with(&[1], &[2])]);
    given::<Batch>([opened()]).when(seal(&[], &[2, 1])).then([sealed_with(&[], &[2, 1])]);
    given::<Batch>([opened()])
        .when(seal(&[1], &[]))
        .then_rejected(Rejection::PayoutLeftOut { payout: payout(2) });
    given::<Batch>([opened()])
        .when(seal(&[1, 2], &[1]))
        .then_rejected(Rejection::PayoutTwice { payout: payout(1) });
    given::<Batch>([opened()])
        .when(seal(&[1], &[2, 3]))
        .then_rejected(Rejection::PayoutNotInFile { payout: payout(3) });
    let mut misnumbered = lines(&[1, 2]);
    misnumbered[1].number = 3;
    given::<Batch>([opened()])
        .when(Command::Seal { lines: misnumbered, skipped: vec![] })
        .then_rejected(Rejection::LineNumber { expected: 2, given: 3 });
}

#[test]
fn a_file_of_nothing_has_no_answer_to_wait_for() {
    let batch: Batch = replay(&[opened(), sealed_with(&[], &[1, 2])]).unwrap();
    assert_eq!(batch.name(), "answered");
}

#[test]
fn a_total_beyond_the_largest_amount_is_refused() {
    let mut lines = lines(&[1, 2]);
    for line in &mut lines {
        line.amount = "1000000000000".parse().unwrap();
    }
    given::<Batch>([opened()])
        .when(Command::Seal { lines, skipped: vec![] })
        .then_rejected(Rejection::TotalOutOfRange);
}

#[test]
fn an_answer_of_an_earlier_day_twice_in_itself_or_without_bounds_is_refused() {
    let answer = |outcomes: Vec<Outcome>, on: &str| {
        let lines = outcomes.into_iter().map(|outcome| AnswerLine { payout: payout(1), outcome });
        Command::Answer(Arc::new(Answered { lines: lines.collect(), on: day(on) }))
    };
    let settled = |length| Outcome::Settled { reference: "R".repeat(length) };
    let sealed = || vec![opened(), sealed()];
    given::<Batch>(sealed()).when(answer(vec![settled(1)], "2014-12-09")).then_rejected(
        Rejection::BatchDateBefore { last: day("2014-12-10"), given: day("2014-12-09") },
    );
    given::<Batch>(sealed())
        .when(answer(vec![settled(1), settled(1)], "2014-12-20"))
        .then_rejected(Rejection::PayoutTwice { payout: payout(1) });
    for given in [0, REFERENCE_MAX + 1] {
        self::given::<Batch>(sealed())
            .when(answer(vec![settled(given)], "2014-12-20"))
            .then_rejected(Rejection::AnswerReferenceLength {
                payout: payout(1),
                limit: REFERENCE_MAX,
                given,
            });
    }
    let note = "长".repeat(NOTE_MAX + 1);
    let returned = Outcome::Returned { reason: ReturnReason::Other, note };
    given::<Batch>(sealed()).when(answer(vec![returned], "2014-12-20")).then_rejected(
        Rejection::AnswerNoteTooLong { payout: payout(1), limit: NOTE_MAX, given: NOTE_MAX + 1 },
    );
}

#[test]
fn a_batch_is_sealed_once_with_a_total() {
    let seal = |numbers: &[u32]| Command::Seal { lines: lines(numbers), skipped: vec![] };
    given::<Batch>([opened()]).when(seal(&[1, 2])).then([sealed()]);
    given::<Batch>([opened(), sealed()]).when(seal(&[1, 2])).then_nothing();
    given::<Batch>([opened(), sealed()])
        .when(seal(&[1]))
        .then_rejected(Rejection::BatchNotOpen { state: "sealed" });
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

#[test]
fn a_file_that_does_not_add_up_or_an_answer_twice_is_corrupt() {
    let Event::Sealed(body) = sealed() else { unreachable!() };
    let wrong = Event::Sealed(Arc::new(Sealed { total: Money::ZERO, ..(*body).clone() }));
    assert!(replay::<Batch, _>(&[opened(), wrong]).is_err());
    let again = [opened(), sealed(), answered(&[1]), answered(&[1])];
    assert!(replay::<Batch, _>(&again).is_err());
    assert!(replay::<Batch, _>(&[opened(), sealed(), answered(&[9])]).is_err());
}

proptest! {
    #[test]
    fn any_commands_keep_the_invariants(commands in prop::collection::vec(any_command(), 0..30)) {
        let mut live = Batch::default();
        let mut history = Vec::new();
        for command in commands {
            let events = live.decide(command.clone()).unwrap_or_default();
            live = events.iter().try_fold(live, Batch::evolve).unwrap();
            if !events.is_empty() {
                prop_assert_eq!(live.decide(command), Ok(Vec::new()), "asked again");
            }
            history.extend(events);
        }
        let mut answered = Vec::new();
        for event in &history {
            match event {
                Event::Sealed(body) => {
                    let sum: i64 = body.lines.iter().map(|line| line.amount.fen()).sum();
                    prop_assert_eq!(body.total.fen(), sum);
                    prop_assert_eq!([body.lines.len(), body.skipped.len()].iter().sum::<usize>(), 2);
                }
                Event::Answered(body) => {
                    answered.extend(body.lines.iter().map(|line| line.payout));
                }
                Event::Opened(_) => {}
            }
        }
        let answers = answered.len();
        answered.sort_unstable();
        answered.dedup();
        prop_assert_eq!(answered.len(), answers, "answered twice");
        prop_assert_eq!(replay::<Batch, _>(&history), Ok(live));
    }
}

fn any_command() -> impl Strategy<Value = Command> {
    let some = || prop::sample::subsequence(vec![1_u32, 2, 3], 0..=2);
    prop_oneof![
        Just(Command::Open(opened_body(&[1, 2]))),
        (some(), some()).prop_map(|(numbers, skipped)| Command::Seal {
            lines: lines(&numbers),
            skipped: skipped.into_iter().map(payout).collect(),
        }),
        Just(Command::Seal { lines: lines(&[1, 2]), skipped: vec![] }),
        some().prop_map(|numbers| answer(&numbers)),
    ]
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
    (1..)
        .zip(numbers)
        .map(|(number, which)| Line {
            number,
            payout: payout(*which),
            member: MemberId::new(Uuid::from_u128(9)),
            member_revision: 0,
            amount: "100.50".parse().unwrap(),
        })
        .collect()
}

fn sealed() -> Event {
    let Event::Sealed(body) = sealed_with(&[1, 2], &[]) else { unreachable!() };
    assert_eq!(body.total, "201".parse().unwrap());
    Event::Sealed(body)
}

fn sealed_with(numbers: &[u32], skipped: &[u32]) -> Event {
    let lines = lines(numbers);
    let total = Money::sum(lines.iter().map(|line| line.amount)).unwrap();
    let skipped = skipped.iter().copied().map(payout).collect();
    Event::Sealed(Arc::new(Sealed { lines, total, skipped }))
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
