use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn any_commands_keep_the_invariants(commands in prop::collection::vec(any_command(), 0..40)) {
        let mut live = Claim::default();
        let mut history = Vec::new();
        for command in commands {
            let before = history.len();
            history.extend(live.decide(command).unwrap_or_default());
            live = history[before..].iter().try_fold(live, Claim::evolve).unwrap();
        }
        prop_assert_eq!(replay::<Claim, _>(&history), Ok(live));
        held(&history)?;
    }
}

/// What may be said of every history, whatever was asked.
fn held(history: &[Event]) -> Result<(), TestCaseError> {
    let mut people = BTreeMap::new();
    let (mut last, mut approved, mut paid, mut over) = (day("0001-01-01"), None, None, false);
    for event in history {
        prop_assert!(!over, "{} follows the end", event.name());
        let on = match event {
            Event::Filed(body) => body.on,
            Event::StepPassed(StepPassed { step, by, on, organisation, .. })
            | Event::Returned(Returned { step, by, on, organisation, .. })
            | Event::Refused(Refused { step, by, on, organisation, .. }) => {
                prop_assert_eq!(people.entry(by.clone()).or_insert(*step), step, "decided twice");
                let filed = filed_body();
                prop_assert_eq!(filed.chain.at(step.level()), Some(organisation));
                over = matches!(event, Event::Refused(_));
                *on
            }
            Event::Supplemented(body) => body.on,
            Event::Approved(body) => {
                prop_assert_eq!(approved.replace(body.amount), None);
                over = body.amount.is_zero();
                body.on
            }
            Event::Withdrawn(body) => {
                over = true;
                body.on
            }
            Event::Paid(body) => {
                prop_assert_eq!(Some(body.amount), approved);
                prop_assert_eq!(paid.replace(body.payout), None, "paid twice");
                body.on
            }
            Event::PaymentReversed(body) => {
                prop_assert_eq!(Some(body.amount), approved);
                prop_assert_eq!(Some(body.payout), paid);
                over = true;
                body.on
            }
            Event::Assessed(_) => last,
            Event::FilingLapsed(_) => {
                over = true;
                last
            }
        };
        prop_assert!(last <= on);
        last = on;
    }
    Ok(())
}

fn any_command() -> impl Strategy<Value = Command> {
    let who = || prop_oneof![Just("u1"), Just("d1"), Just("o1"), Just("o2"), Just("o3")];
    let step = || prop::sample::select(&Step::ALL[..]);
    let on = || (1..4_i8).prop_map(|date| day("2014-12-01").with().day(date).build().unwrap());
    let decided = move || {
        (step(), who(), on()).prop_map(|(step, who, on)| {
            let organisation = filed_body().chain.at(step.level()).cloned();
            let organisation = organisation.unwrap_or_else(|| "machinery".parse().unwrap());
            // Most people do not say which step they believe to take.
            let step = (who == "o3").then_some(step);
            Decision { step, organisation, on, ..decision(Step::Finance, who) }
        })
    };
    let steps = || prop::sample::subsequence(filed_body().chain.steps(&Step::ALL), 0..=5);
    prop_oneof![
        2 => steps().prop_map(|steps| Command::File {
            filed: filed_body(),
            assessed: with_steps(500, &steps),
        }),
        12 => (decided(), 0..3_i64, any::<bool>()).prop_map(|(decision, amount, says)| {
            let expected = says.then(|| yuan(amount));
            let approval = Approval { assessment: worth(amount), cover_revision: 7, expected };
            Command::PassStep { decision, confirmation: None, approval: Some(approval) }
        }),
        2 => decided().prop_map(|decision| Command::Return { decision, wanted: vec![wanted()] }),
        2 => (steps(), on()).prop_map(|(steps, on)| Command::Supplement {
            supplemented: Supplemented { on, ..supplemented() },
            assessed: with_steps(600, &steps),
        }),
        1 => decided()
            .prop_map(|decision| Command::Refuse { decision, reason: RefusalReason::Waiting }),
        1 => on().prop_map(|on| Command::Withdraw(Withdrawn {
            by: "u0".parse().unwrap(),
            note: String::new(),
            on,
        })),
        1 => Just(Command::Lapse),
        2 => (0..3_i64).prop_map(|amount| Command::RecordPayment(paid(amount))),
        2 => (0..3_i64).prop_map(|amount| Command::RecordReversal(reversed(amount))),
    ]
}
