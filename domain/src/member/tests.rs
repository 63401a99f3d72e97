use proptest::prelude::*;

use super::*;
use crate::decider::replay;
use crate::testing::{carry_out, given};

#[test]
fn a_person_is_registered() {
    given::<Member>([]).when(Command::Register(body())).then([registered()]);
}

#[test]
fn a_person_registered_with_the_same_particulars_is_registered_once() {
    given::<Member>([registered()]).when(Command::Register(body())).then_nothing();
}

#[test]
fn sex_and_birth_date_are_what_the_resident_id_says() {
    let mut wrong = body();
    (wrong.sex, wrong.born) = (Sex::Male, day("1970-01-01"));
    given::<Member>([]).when(Command::Register(wrong)).then([registered()]);
}

#[test]
fn a_person_registered_before_is_refused_with_the_member() {
    let mut elsewhere = body();
    elsewhere.unit = unit("jingliang");
    given::<Member>([registered()])
        .when(Command::Register(elsewhere))
        .then_rejected(Rejection::MemberAlreadyRegistered { member: body().member });
}

#[test]
fn nobody_is_registered_before_birth() {
    let mut early = body();
    early.on = day("1985-06-14");
    given::<Member>([]).when(Command::Register(early)).then_rejected(Rejection::MemberDateBefore {
        last: day("1985-06-15"),
        given: day("1985-06-14"),
    });
}

#[test]
fn a_card_is_corrected_once() {
    let card: CardNumber = "6221630000000004".parse().unwrap();
    let correct = |card: &CardNumber| Command::CorrectPerson {
        name: None,
        card: Some(card.clone()),
        phone: None,
        on: day("2014-05-01"),
    };
    let corrected = Event::PersonCorrected(Box::new(PersonCorrected {
        person: Person { card: Some(card.clone()), ..body().person },
        on: day("2014-05-01"),
    }));
    given::<Member>([registered()]).when(correct(&card)).then([corrected.clone()]);
    given::<Member>([registered(), corrected]).when(correct(&card)).then_nothing();
    given::<Member>([]).when(correct(&card)).then_rejected(Rejection::MemberNotRegistered);
}

#[test]
fn a_member_is_classified_once() {
    let classify = || Command::Classify { class: MemberClass::Hardship, on: day("2014-05-01") };
    let classified =
        Event::Classified(Classified { class: MemberClass::Hardship, on: day("2014-05-01") });
    given::<Member>([registered()]).when(classify()).then([classified.clone()]);
    given::<Member>([registered(), classified]).when(classify()).then_nothing();
    given::<Member>([registered(), died()])
        .when(classify())
        .then_rejected(Rejection::MemberDied { on: day("2014-09-01") });
}

#[test]
fn nothing_of_a_member_changes_before_registration_or_after_death() {
    let changes = |on: &str| {
        let on = day(on);
        let name = Some("彭某".to_owned());
        [
            Command::CorrectPerson { name, card: None, phone: None, on },
            Command::Classify { class: MemberClass::Hardship, on },
            Command::Transfer { to: unit("jingliang"), on },
            Command::Retire { on },
        ]
    };
    for change in changes("2013-12-31") {
        given::<Member>([registered()]).when(change).then_rejected(Rejection::MemberDateBefore {
            last: day("2014-01-01"),
            given: day("2013-12-31"),
        });
    }
    for change in changes("2014-10-01") {
        given::<Member>([registered(), died()])
            .when(change)
            .then_rejected(Rejection::MemberDied { on: day("2014-09-01") });
    }
}

#[test]
fn a_member_in_service_moves_to_another_unit() {
    let transfer = |on: &str| Command::Transfer { to: unit("jingliang"), on: day(on) };
    let transferred = Event::Transferred(Transferred {
        from: unit("beiyi"),
        to: unit("jingliang"),
        on: day("2014-05-01"),
    });
    given::<Member>([registered()]).when(transfer("2014-05-01")).then([transferred.clone()]);
    given::<Member>([registered(), transferred]).when(transfer("2014-06-01")).then_nothing();
    given::<Member>([registered(), retired()])
        .when(transfer("2014-08-01"))
        .then_rejected(Rejection::MemberRetired { on: day("2014-07-01") });
    given::<Member>([registered()]).when(transfer("2013-12-31")).then_rejected(
        Rejection::MemberDateBefore { last: day("2014-01-01"), given: day("2013-12-31") },
    );
}

#[test]
fn a_member_retires_once() {
    let retire = |on: &str| Command::Retire { on: day(on) };
    given::<Member>([registered()]).when(retire("2014-07-01")).then([retired()]);
    given::<Member>([registered(), retired()]).when(retire("2014-07-01")).then_nothing();
    given::<Member>([registered(), retired()])
        .when(retire("2014-07-02"))
        .then_rejected(Rejection::MemberRetired { on: day("2014-07-01") });
}

#[test]
fn a_member_does_not_retire_from_a_unit_before_moving_there() {
    let transferred = Event::Transferred(Transferred {
        from: unit("beiyi"),
        to: unit("jingliang"),
        on: day("2014-05-01"),
    });
    given::<Member>([registered(), transferred])
        .when(Command::Retire { on: day("2014-04-30") })
        .then_rejected(Rejection::MemberDateBefore {
            last: day("2014-05-01"),
            given: day("2014-04-30"),
        });
}

#[test]
fn a_death_is_recorded_once() {
    let death = |on: &str| Command::RecordDeath { on: day(on) };
    given::<Member>([registered(), retired()]).when(death("2014-09-01")).then([died()]);
    given::<Member>([registered(), died()]).when(death("2014-09-01")).then_nothing();
    given::<Member>([registered(), died()])
        .when(death("2014-09-02"))
        .then_rejected(Rejection::MemberDied { on: day("2014-09-01") });
    given::<Member>([registered()]).when(death("1985-06-14")).then_rejected(
        Rejection::MemberDateBefore { last: day("1985-06-15"), given: day("1985-06-14") },
    );
}

#[test]
fn service_ends_on_the_day_of_retirement() {
    let member: Member = replay(&[registered(), retired()]).unwrap();
    let profile = member.registered().unwrap();
    assert!(profile.in_service_on(day("2014-06-30")).is_ok());
    assert!(profile.in_service_on(day("2014-07-01")).is_err());
}

#[test]
fn a_history_that_does_not_begin_with_a_registration_is_corrupt() {
    assert!(replay::<Member, _>(&[retired()]).is_err());
    assert!(replay::<Member, _>(&[registered(), registered()]).is_err());
}

#[test]
fn nothing_personal_is_shown_by_debug() {
    let shown = format!("{:?} {:?}", registered(), Command::Register(body()));
    for personal in ["彭女士", "110228198506150022", "6214200000000000017"] {
        assert!(!shown.contains(personal), "{shown}");
    }
}

proptest! {
    #[test]
    fn nothing_happens_to_a_member_after_death_and_no_transfer_after_retirement(
        commands in prop::collection::vec(any_command(), 0..24),
    ) {
        let (_, events) = carry_out::<Member>(commands);
        let place = |wanted: fn(&Event) -> bool| events.iter().position(wanted);
        if let Some(death) = place(|event| matches!(event, Event::Died(_))) {
            prop_assert_eq!(death.saturating_add(1), events.len());
        }
        if let Some(retirement) = place(|event| matches!(event, Event::Retired(_))) {
            let after = &events[retirement..];
            prop_assert!(!after.iter().any(|event| matches!(event, Event::Transferred(_))));
        }
    }
}

fn any_command() -> impl Strategy<Value = Command> {
    let on = (1..=12_i8).prop_map(|month| jiff::civil::date(2014, month, 1));
    let classes = [MemberClass::Ordinary, MemberClass::ModelWorker, MemberClass::Hardship];
    prop_oneof![
        4 => Just(Command::Register(body())),
        4 => ("[a-c]{2}", on.clone()).prop_map(|(to, on)| Command::Transfer { to: unit(&to), on }),
        2 => (prop::sample::select(classes.to_vec()), on.clone())
            .prop_map(|(class, on)| Command::Classify { class, on }),
        2 => ("[a-c]", on.clone()).prop_map(|(name, on)| Command::CorrectPerson {
            name: Some(name),
            card: None,
            phone: None,
            on,
        }),
        1 => on.clone().prop_map(|on| Command::Retire { on }),
        1 => on.prop_map(|on| Command::RecordDeath { on }),
    ]
}

/// A woman of unit `beiyi`, insured, with a card, born on 1985-06-15.
pub(crate) fn woman() -> Profile {
    Profile::of(&body())
}

fn body() -> Box<Registered> {
    let resident_id: ResidentId = "110228198506150022".parse().unwrap();
    Box::new(Registered {
        member: MemberId::new(uuid::Uuid::from_u128(7)),
        sex: resident_id.sex(),
        born: resident_id.born(),
        person: Person {
            name: "彭女士".into(),
            resident_id,
            card: Some("6214200000000000017".parse().unwrap()),
            phone: None,
        },
        resident_key: "ab".repeat(32).parse().unwrap(),
        unit: unit("beiyi"),
        class: MemberClass::Ordinary,
        insured: true,
        on: day("2014-01-01"),
    })
}

fn registered() -> Event {
    Event::Registered(body())
}

fn retired() -> Event {
    Event::Retired(Retired { on: day("2014-07-01") })
}

fn died() -> Event {
    Event::Died(Died { on: day("2014-09-01") })
}

fn unit(text: &str) -> OrganisationId {
    text.parse().unwrap()
}

fn day(text: &str) -> Date {
    text.parse().unwrap()
}
