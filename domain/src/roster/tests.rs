use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::decider::replay;
use crate::id::checked::Sex;
use crate::member::Profile;
use crate::member::tests::woman;
use crate::plan::{AboveMax, Contribution, Enrolment, EnrolmentMode, Participation, Tier, Units};
use crate::term::Term;
use crate::testing::{carry_out, given};

#[test]
fn a_roster_is_opened_once() {
    given::<Roster>([]).when(Command::Open(opened_body())).then([opened()]);
    given::<Roster>([opened()]).when(Command::Open(opened_body())).then_nothing();
    let mut other = opened_body();
    other.unit = "jingliang".parse().unwrap();
    given::<Roster>([opened()])
        .when(Command::Open(other))
        .then_rejected(Rejection::RosterAlreadyOpened { roster: opened_body().roster });
}

#[test]
fn members_are_added_until_the_roster_is_closed() {
    let add = |numbers: &[u32]| Command::AddMembers(MembersAdded { lines: lines(numbers) });
    given::<Roster>([opened()]).when(add(&[1, 2])).then([added(&[1, 2])]);
    given::<Roster>([]).when(add(&[1])).then_rejected(Rejection::RosterNotOpened);
    given::<Roster>(confirmed_history())
        .when(add(&[9]))
        .then_rejected(Rejection::RosterClosed { state: "confirmed" });
    given::<Roster>([opened()])
        .when(add(&[]))
        .then_rejected(Rejection::LineCount { limit: LINES_MAX, given: 0 });
}

#[test]
fn a_member_stands_in_a_roster_once() {
    given::<Roster>([opened(), added(&[1, 2])])
        .when(Command::AddMembers(MembersAdded { lines: lines(&[3, 2]) }))
        .then_rejected(Rejection::MemberTwice { member: member(2), line: 2 });
    given::<Roster>([opened()])
        .when(Command::AddMembers(MembersAdded { lines: lines(&[3, 3]) }))
        .then_rejected(Rejection::MemberTwice { member: member(3), line: 3 });
}

#[test]
fn good_lines_are_kept_and_each_bad_one_is_answered() {
    let Ok(Roster::Open(list)) = replay(&[opened_for_women(), added(&[1])]) else { panic!() };
    let people = [
        (person(2), 1),
        (Profile { sex: Sex::Male, ..person(3) }, 1),
        (person(2), 1),
        (person(1), 1),
        (person(6), 2),
        (person(7), 3),
        (Profile { unit: "jingliang".parse().unwrap(), ..person(8) }, 1),
        (person(9), 1),
    ];
    let candidates =
        people.iter().zip(2..).map(|((member, units), number)| candidate(number, member, *units));
    let (taken, refused) = list.sort_out(candidates);
    let numbers: Vec<_> = taken.iter().map(|line| line.number).collect();
    assert_eq!(numbers, [2, 9]);
    let why: Vec<_> = refused.into_iter().map(|refused| (refused.number, refused.why)).collect();
    assert_eq!(
        why,
        [
            (3, eligibility::Rejection::SexNotTaken { taken: Sex::Female }.into()),
            (4, Rejection::MemberTwice { member: member(2), line: 2 }),
            (5, Rejection::MemberTwice { member: member(1), line: 1 }),
            (6, Rejection::UnitsDiffer { others: 1, given: 2 }),
            (7, Rejection::UnitsNotSold { units: 3, units_max: 2 }),
            (8, Rejection::MemberOfOtherUnit { unit: "jingliang".parse().unwrap() }),
        ]
    );
    given::<Roster>([opened_for_women(), added(&[1])])
        .when(Command::AddMembers(MembersAdded { lines: taken.clone() }))
        .then([Event::MembersAdded(MembersAdded { lines: taken })]);
}

#[test]
fn a_full_roster_takes_nobody_more() {
    let batches = (1..=60_000_u32).collect::<Vec<_>>();
    let history = std::iter::once(opened()).chain(batches.chunks(LINES_MAX).map(added));
    given::<Roster>(history)
        .when(Command::AddMembers(MembersAdded { lines: lines(&[60_001]) }))
        .then_rejected(Rejection::RosterFull { limit: MEMBERS_MAX });
}

#[test]
fn an_event_adds_a_bounded_number_of_lines() {
    let numbers: Vec<_> = (1..=501).collect();
    given::<Roster>([opened()])
        .when(Command::AddMembers(MembersAdded { lines: lines(&numbers) }))
        .then_rejected(Rejection::LineCount { limit: LINES_MAX, given: 501 });
}

#[test]
fn a_roster_is_neither_confirmed_nor_cancelled_before_it_was_opened() {
    let refused =
        || Rejection::RosterDateBefore { last: day("2014-12-01"), given: day("2014-11-30") };
    given::<Roster>([opened(), added(&[1, 2])])
        .when(Command::Confirm { workers: 4, on: day("2014-11-30") })
        .then_rejected(refused());
    given::<Roster>([opened()])
        .when(Command::Cancel(Cancelled { note: "重复".into(), on: day("2014-11-30") }))
        .then_rejected(refused());
}

#[test]
fn a_member_is_removed() {
    let remove = |number| Command::RemoveMember(MemberRemoved { member: member(number) });
    given::<Roster>([opened(), added(&[1])])
        .when(remove(1))
        .then([Event::MemberRemoved(MemberRemoved { member: member(1) })]);
    given::<Roster>([opened(), added(&[1])])
        .when(remove(2))
        .then_rejected(Rejection::MemberNotInRoster { member: member(2) });
}

#[test]
fn a_payment_is_recorded_once_for_its_reference() {
    let record = |amount: &str| Command::RecordContribution(paid(amount));
    given::<Roster>([opened()])
        .when(record("148"))
        .then([Event::ContributionRecorded(paid("148"))]);
    given::<Roster>([opened(), Event::ContributionRecorded(paid("148"))])
        .when(record("148"))
        .then_nothing();
    given::<Roster>([opened(), Event::ContributionRecorded(paid("148"))])
        .when(record("149"))
        .then_rejected(Rejection::ContributionDiffers {
            reference: "20141220".into(),
            amount: yuan("148"),
        });
    given::<Roster>([opened()])
        .when(record("0"))
        .then_rejected(Rejection::ContributionNotPositive { amount: Money::ZERO });
}

#[test]
fn payments_are_bounded_in_number_and_in_sum() {
    let record = |reference: &str, amount| ContributionRecorded {
        amount,
        reference: reference.into(),
        ..paid("1")
    };
    let payments = (0..CONTRIBUTIONS_MAX)
        .map(|number| Event::ContributionRecorded(record(&number.to_string(), yuan("1"))));
    given::<Roster>(std::iter::once(opened()).chain(payments))
        .when(Command::RecordContribution(record("more", yuan("1"))))
        .then_rejected(Rejection::TooManyContributions { limit: CONTRIBUTIONS_MAX });
    let most = Money::exact(crate::money::AMOUNT_MAX).unwrap();
    given::<Roster>([opened(), Event::ContributionRecorded(record("all", most))])
        .when(Command::RecordContribution(record("more", yuan("0.01"))))
        .then_rejected(Rejection::ContributionOutOfRange);
}

#[test]
fn a_roster_with_enough_members_and_money_is_confirmed_once() {
    let confirm = Command::Confirm { workers: 4, on: day("2014-12-25") };
    let history = [opened(), added(&[1, 2]), Event::ContributionRecorded(paid("148"))];
    given::<Roster>(history).when(confirm.clone()).then([confirmed()]);
    given::<Roster>(confirmed_history()).when(confirm).then_nothing();
}

#[test]
fn a_roster_with_too_few_members_or_too_little_money_is_refused() {
    let confirm = |workers| Command::Confirm { workers, on: day("2014-12-25") };
    given::<Roster>([opened()]).when(confirm(4)).then_rejected(Rejection::RosterEmpty);
    given::<Roster>([opened(), added(&[1, 2])])
        .when(confirm(5))
        .then_rejected(Rejection::ParticipationTooLow { members: 2, workers: 5, needed: 3 });
    given::<Roster>([opened(), added(&[1, 2])])
        .when(confirm(3))
        .then_rejected(Rejection::ParticipationTooLow { members: 2, workers: 3, needed: 3 });
    given::<Roster>([opened(), added(&[1, 2])])
        .when(confirm(1))
        .then_rejected(Rejection::MoreMembersThanWorkers { members: 2, workers: 1 });
    given::<Roster>([opened(), added(&[1, 2])])
        .when(confirm(4))
        .then_rejected(Rejection::ContributionNotDue { recorded: Money::ZERO, due: yuan("148") });
}

#[test]
fn an_open_roster_is_cancelled_once() {
    let body = Cancelled { note: "重复".into(), on: day("2014-12-20") };
    let cancel = || Command::Cancel(body.clone());
    given::<Roster>([opened()]).when(cancel()).then([Event::Cancelled(body.clone())]);
    given::<Roster>([opened(), Event::Cancelled(body.clone())]).when(cancel()).then_nothing();
    given::<Roster>(confirmed_history())
        .when(cancel())
        .then_rejected(Rejection::RosterClosed { state: "confirmed" });
}

#[test]
fn granting_is_finished_once_and_only_after_confirmation() {
    let granted = Granted { covers: 2, passed_over: vec![] };
    let finish = || Command::FinishGranting(granted.clone());
    given::<Roster>(confirmed_history()).when(finish()).then([Event::Granted(granted.clone())]);
    given::<Roster>([opened()])
        .when(finish())
        .then_rejected(Rejection::RosterClosed { state: "open" });
    let mut history = confirmed_history();
    history.push(Event::Granted(granted.clone()));
    given::<Roster>(history).when(finish()).then_nothing();
}

#[test]
fn units_over_the_most_are_void_and_not_paid_for_where_the_plan_says_so() {
    let mut body = opened_body();
    Arc::make_mut(&mut body.rules).units =
        Units { max: 4, above_max: AboveMax::Void, same_for_group: false };
    let lines = taken_by(body, &[candidate(1, &person(1), 9)]);
    assert_eq!((lines[0].units, lines[0].contribution), (4, yuan("296")));
}

#[test]
fn work_of_high_risk_and_a_unit_without_a_union_pay_their_own_price_if_there_is_one() {
    let price = |high_risk, unit_has_union, tiers: &[(Tier, &str)]| {
        let mut body = opened_body();
        body.unit_has_union = unit_has_union;
        Arc::make_mut(&mut body.rules).contributions = contributions(tiers);
        let lines = taken_by(body, &[Candidate { high_risk, ..candidate(1, &person(1), 1) }]);
        (lines[0].tier, lines[0].contribution)
    };
    let tiers = [(Tier::Ordinary, "26"), (Tier::HighRisk, "32"), (Tier::UnitWithoutUnion, "60")];
    assert_eq!(price(false, true, &tiers), (Tier::Ordinary, yuan("26")));
    assert_eq!(price(true, true, &tiers), (Tier::HighRisk, yuan("32")));
    assert_eq!(price(false, false, &tiers), (Tier::UnitWithoutUnion, yuan("60")));
    assert_eq!(price(true, false, &tiers[..1]), (Tier::Ordinary, yuan("26")));
}

#[test]
fn everyone_has_the_same_units_where_the_plan_says_so() {
    let mut body = opened_body();
    Arc::make_mut(&mut body.rules).units.same_for_group = true;
    let mut two = lines(&[1, 2]);
    two[1].units = 2;
    given::<Roster>([Event::Opened(body)])
        .when(Command::AddMembers(MembersAdded { lines: two }))
        .then_rejected(Rejection::UnitsDiffer { others: 1, given: 2 });
}

#[test]
fn g11_contributions_of_a_roster_and_of_two_members() {
    let due = |units: u32, per_unit: &str| {
        let mut body = opened_body();
        let terms = Arc::make_mut(&mut body.rules);
        terms.contributions = contributions(&[(Tier::Ordinary, per_unit)]);
        taken_by(body, &[candidate(1, &person(1), units)])[0].contribution
    };
    let sum = |amounts: &[Money]| Money::sum(amounts.iter().copied()).unwrap();
    assert_eq!(sum(&vec![due(1, "74"); 3_497]), yuan("258778"));
    let man = [due(2, "40"), due(1, "60"), due(1, "50")];
    assert_eq!(sum(&man), yuan("190"));
    assert_eq!(sum(&[sum(&man), due(2, "25")]), yuan("240"));
}

#[test]
fn a_member_twice_or_a_reference_twice_in_the_log_is_corrupt() {
    assert!(replay::<Roster, _>(&[opened(), added(&[1]), added(&[2, 1])]).is_err());
    let paid = || Event::ContributionRecorded(paid("74"));
    assert!(replay::<Roster, _>(&[opened(), paid(), paid()]).is_err());
}

#[test]
fn a_confirmed_roster_that_takes_members_is_corrupt() {
    let mut history = confirmed_history();
    history.push(added(&[7]));
    assert!(replay::<Roster, _>(&history).is_err());
}

proptest! {
    #[test]
    fn what_is_confirmed_has_enough_members_and_exactly_its_contributions(
        commands in prop::collection::vec(any_command(), 0..40),
    ) {
        let open = std::iter::once(Command::Open(opened_body()));
        let (state, events) = carry_out::<Roster>(open.chain(commands));
        let list = state.list().unwrap();
        let confirmed = events.iter().position(|event| matches!(event, Event::Confirmed(_)));
        if let Some(confirmed) = confirmed {
            let Event::Confirmed(body) = &events[confirmed] else { unreachable!() };
            prop_assert_eq!(list.recorded().unwrap(), body.contribution);
            prop_assert_eq!(list.due().unwrap(), body.contribution);
            prop_assert_eq!(u32::try_from(list.members.len()).unwrap(), body.members);
            prop_assert!(body.members >= list.opened.rules.participants_min(body.workers));
            let after = &events[confirmed.saturating_add(1)..];
            prop_assert!(after.iter().all(|event| matches!(event, Event::Granted(_))));
        }
    }
}

fn any_command() -> impl Strategy<Value = Command> {
    prop_oneof![
        4 => prop::collection::vec(1..6_u32, 0..3)
            .prop_map(|numbers| Command::AddMembers(MembersAdded { lines: lines(&numbers) })),
        1 => (1..6_u32)
            .prop_map(|number| Command::RemoveMember(MemberRemoved { member: member(number) })),
        4 => ("[a-d]", 0..4_u32).prop_map(|(reference, lines)| {
            let amount = yuan("74").times(lines).unwrap();
            Command::RecordContribution(ContributionRecorded { amount, reference, ..paid("0") })
        }),
        3 => (0..9_u32)
            .prop_map(|workers| Command::Confirm { workers, on: day("2014-12-25") }),
        1 => Just(Command::FinishGranting(Granted { covers: 1, passed_over: vec![] })),
    ]
}

fn opened_body() -> Box<Opened> {
    Box::new(Opened {
        roster: RosterId::new(Uuid::from_u128(1)),
        plan: "accident".parse().unwrap(),
        version: "2014".parse().unwrap(),
        unit: "beiyi".parse().unwrap(),
        term: Term::new(day("2015-01-01"), day("2015-12-31")).unwrap(),
        unit_has_union: true,
        rules: Arc::new(Enrolment {
            mode: EnrolmentMode::Roster,
            sex: None,
            age_female: None,
            age_male: None,
            classes: vec![],
            requires: vec![],
            units: Units { max: 2, above_max: AboveMax::Refused, same_for_group: false },
            participation: [(0, "1"), (4, "0.5")]
                .map(|(staff_from, share)| Participation {
                    staff_from,
                    share: share.parse().unwrap(),
                })
                .into(),
            contributions: contributions(&[(Tier::Ordinary, "74")]),
            union_pays: None,
        }),
        on: day("2014-12-01"),
    })
}

fn opened_for_women() -> Event {
    let mut body = opened_body();
    let rules = Arc::make_mut(&mut body.rules);
    rules.sex = Some(Sex::Female);
    rules.units.same_for_group = true;
    Event::Opened(body)
}

fn opened() -> Event {
    Event::Opened(opened_body())
}

fn contributions(tiers: &[(Tier, &str)]) -> Vec<Contribution> {
    tiers
        .iter()
        .map(|(tier, each)| Contribution { tier: *tier, by_units: vec![yuan(each)] })
        .collect()
}

fn person(number: u32) -> Profile {
    Profile { member: member(number), ..woman() }
}

fn candidate(number: u32, member: &Profile, units: u32) -> Candidate<'_> {
    Candidate { number, member, units, high_risk: false }
}

/// The lines that a roster opened with `body` takes; it refuses none.
fn taken_by(body: Box<Opened>, candidates: &[Candidate<'_>]) -> Vec<Line> {
    let Ok(Roster::Open(list)) = replay(&[Event::Opened(body)]) else { panic!() };
    let (taken, refused) = list.sort_out(candidates.iter().copied());
    assert_eq!(refused, []);
    taken
}

fn lines(numbers: &[u32]) -> Vec<Line> {
    numbers
        .iter()
        .map(|number| Line {
            number: *number,
            member: member(*number),
            units: 1,
            tier: Tier::Ordinary,
            contribution: yuan("74"),
        })
        .collect()
}

fn added(numbers: &[u32]) -> Event {
    Event::MembersAdded(MembersAdded { lines: lines(numbers) })
}

fn paid(amount: &str) -> ContributionRecorded {
    ContributionRecorded {
        amount: yuan(amount),
        reference: "20141220".into(),
        on: day("2014-12-20"),
    }
}

fn confirmed() -> Event {
    Event::Confirmed(Confirmed {
        members: 2,
        contribution: yuan("148"),
        workers: 4,
        on: day("2014-12-25"),
    })
}

fn confirmed_history() -> Vec<Event> {
    vec![opened(), added(&[1, 2]), Event::ContributionRecorded(paid("148")), confirmed()]
}

fn member(number: u32) -> MemberId {
    MemberId::new(Uuid::from_u128(u128::from(number)))
}

fn yuan(amount: &str) -> Money {
    amount.parse().unwrap()
}

fn day(text: &str) -> Date {
    text.parse().unwrap()
}
