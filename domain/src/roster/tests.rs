use rust_decimal::Decimal;
use uuid::Uuid;

use super::*;
use crate::decider::replay;
use crate::testing::given;

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
    let candidate = |number: u32, who, sex, units| Candidate {
        number,
        member: member(who),
        sex,
        born: day("1985-06-15"),
        units,
    };
    let (taken, refused) = list.sort_out([
        candidate(2, 2, Sex::Female, 1),
        candidate(3, 3, Sex::Male, 1),
        candidate(4, 2, Sex::Female, 1),
        candidate(5, 1, Sex::Female, 1),
        candidate(6, 6, Sex::Female, 2),
        candidate(7, 7, Sex::Female, 1),
    ]);
    let numbers: Vec<_> = taken.iter().map(|line| line.number).collect();
    assert_eq!(numbers, [2, 7]);
    let why: Vec<_> = refused.into_iter().map(|refused| (refused.number, refused.why)).collect();
    assert_eq!(
        why,
        [
            (3, Rejection::SexNotTaken { taken: Sex::Female }),
            (4, Rejection::MemberTwice { member: member(2), line: 2 }),
            (5, Rejection::MemberTwice { member: member(1), line: 1 }),
            (6, Rejection::UnitsDiffer { others: 1, given: 2 }),
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
fn the_plan_decides_on_sex_age_and_units() {
    let rules = Rules {
        sex: Some(Sex::Female),
        age_female: Some(Ages { min: Some(16), max: Some(60) }),
        units_max: Some(4),
        contribution_per_unit: yuan("40"),
        ..Rules::default()
    };
    let line = |sex, born: &str, units| {
        rules.line(1, member(1), (sex, day(born)), units, day("2014-01-01"))
    };
    assert_eq!(
        line(Sex::Male, "1980-01-01", 1),
        Err(Rejection::SexNotTaken { taken: Sex::Female })
    );
    assert!(line(Sex::Female, "1998-01-01", 1).is_ok());
    assert!(matches!(
        line(Sex::Female, "1998-01-02", 1),
        Err(Rejection::AgeNotTaken { age: 15, .. })
    ));
    assert!(matches!(
        line(Sex::Female, "1952-12-31", 1),
        Err(Rejection::AgeNotTaken { age: 61, .. })
    ));
    assert_eq!(line(Sex::Female, "1980-01-01", 0), Err(Rejection::NoUnits));
    // Units over the most are void, and not paid for.
    let void = line(Sex::Female, "1980-01-01", 9).unwrap();
    assert_eq!((void.units, void.contribution), (4, yuan("160")));
}

#[test]
fn everyone_has_the_same_units_where_the_plan_says_so() {
    let mut body = opened_body();
    body.rules.units_same_for_group = true;
    let mut two = lines(&[1, 2]);
    two[1].units = 2;
    given::<Roster>([Event::Opened(body)])
        .when(Command::AddMembers(MembersAdded { lines: two }))
        .then_rejected(Rejection::UnitsDiffer { others: 1, given: 2 });
}

#[test]
fn as_many_take_part_as_the_plan_asks_for() {
    let half = opened_body().rules;
    let needed = |workers| half.participants_needed(workers);
    assert_eq!([needed(1), needed(3), needed(4), needed(5), needed(6)], [1, 3, 2, 3, 3]);
    assert_eq!(Rules::default().participants_needed(1_119), 1);
}

#[test]
fn g11_contributions_of_a_roster_and_of_two_members() {
    let due = |units_of: &[(u32, &str)]| {
        Money::sum(units_of.iter().map(|(units, per_unit)| {
            let rules = Rules { contribution_per_unit: yuan(per_unit), ..Rules::default() };
            let born = day("1980-01-01");
            rules
                .line(1, member(1), (Sex::Female, born), *units, day("2014-01-01"))
                .unwrap()
                .contribution
        }))
        .unwrap()
    };
    assert_eq!(due(&vec![(1, "74"); 3_497]), yuan("258778"));
    assert_eq!(due(&[(2, "40"), (1, "60"), (1, "50"), (2, "25")]), yuan("240"));
    assert_eq!(due(&[(2, "40"), (1, "60"), (1, "50")]), yuan("190"));
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

fn opened_body() -> Box<Opened> {
    Box::new(Opened {
        roster: RosterId::new(Uuid::from_u128(1)),
        plan: "accident".parse().unwrap(),
        version: "2014".parse().unwrap(),
        unit: "beiyi".parse().unwrap(),
        term: Term::new(day("2015-01-01"), day("2015-12-31")).unwrap(),
        rules: Rules {
            participation: Some(Decimal::new(5, 1)),
            all_up_to_workers: Some(3),
            contribution_per_unit: yuan("74"),
            ..Rules::default()
        },
        on: day("2014-12-01"),
    })
}

fn opened_for_women() -> Event {
    let mut body = opened_body();
    body.rules.sex = Some(Sex::Female);
    body.rules.units_same_for_group = true;
    Event::Opened(body)
}

fn opened() -> Event {
    Event::Opened(opened_body())
}

fn lines(numbers: &[u32]) -> Vec<Line> {
    numbers
        .iter()
        .map(|number| Line {
            number: *number,
            member: member(*number),
            units: 1,
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
