use proptest::prelude::*;

use super::*;
use crate::decider::replay;
use crate::term::Term;
use crate::testing::{carry_out, given};

#[test]
fn an_organisation_is_registered_below_a_higher_one() {
    given::<Organisation>([]).when(Command::Register(unit())).then([registered()]);
}

#[test]
fn an_organisation_is_not_registered_below_its_own_level() {
    let mut wrong = unit();
    wrong.parent = Some(Parent { id: id("other"), level: Level::Unit });
    given::<Organisation>([])
        .when(Command::Register(wrong))
        .then_rejected(Rejection::ParentNotAbove { level: Level::Unit, parent: Some(Level::Unit) });
    let mut office = unit();
    office.level = Level::Office;
    given::<Organisation>([]).when(Command::Register(office)).then_rejected(
        Rejection::ParentNotAbove { level: Level::Office, parent: Some(Level::District) },
    );
}

#[test]
fn an_organisation_registered_twice_with_the_same_particulars_is_registered_once() {
    given::<Organisation>([registered()]).when(Command::Register(unit())).then_nothing();
    let mut other = unit();
    other.has_union = false;
    given::<Organisation>([registered()])
        .when(Command::Register(other))
        .then_rejected(Rejection::OrganisationAlreadyRegistered { organisation: id("beiyi") });
}

#[test]
fn the_district_of_an_organisation_follows_from_what_stands_above() {
    let district_of = |level, parent: Option<(&str, Level)>, told: Option<&str>| {
        let parent = parent.map(|(parent, level)| Parent { id: id(parent), level });
        let body = Registered { level, parent, district: told.map(id), ..unit() };
        let events = Organisation::default().decide(Command::Register(body)).unwrap();
        let [Event::Registered(registered)] = &events[..] else { panic!("{events:?}") };
        registered.district.as_ref().map(ToString::to_string)
    };
    let itself = Some("beiyi".to_owned());
    assert_eq!(district_of(Level::Office, None, Some("x")), None);
    assert_eq!(district_of(Level::District, Some(("office", Level::Office)), None), itself);
    assert_eq!(district_of(Level::Unit, Some(("office", Level::Office)), Some("x")), None);
    let below_district = district_of(Level::Unit, Some(("miyun", Level::District)), Some("x"));
    assert_eq!(below_district, Some("miyun".to_owned()));
    let below_township = district_of(Level::Unit, Some(("gubeikou", Level::Township)), Some("x"));
    assert_eq!(below_township, Some("x".to_owned()));
}

#[test]
fn workers_are_not_counted_before_the_last_count() {
    given::<Organisation>([registered()])
        .when(Command::CountWorkers(WorkersCounted { workers: 1, on: day("2013-12-31") }))
        .then_rejected(Rejection::OrganisationDateBefore {
            last: day("2014-01-01"),
            given: day("2013-12-31"),
        });
}

#[test]
fn workers_are_counted_once_for_a_number() {
    let counted = WorkersCounted { workers: 1_200, on: day("2015-01-05") };
    given::<Organisation>([registered()])
        .when(Command::CountWorkers(counted.clone()))
        .then([Event::WorkersCounted(counted.clone())]);
    given::<Organisation>([registered(), Event::WorkersCounted(counted.clone())])
        .when(Command::CountWorkers(counted.clone()))
        .then_nothing();
    given::<Organisation>([])
        .when(Command::CountWorkers(counted))
        .then_rejected(Rejection::OrganisationNotRegistered);
}

#[test]
fn a_handler_is_registered_with_duties_of_the_level() {
    given::<Organisation>([registered()])
        .when(Command::RegisterHandler(handler(&[Duty::File, Duty::Endorse])))
        .then([Event::HandlerRegistered(handler(&[Duty::File, Duty::Endorse]))]);
}

#[test]
fn a_handler_is_refused_a_duty_of_another_level_and_none_at_all() {
    given::<Organisation>([registered()])
        .when(Command::RegisterHandler(handler(&[Duty::File, Duty::Finance])))
        .then_rejected(Rejection::DutyOfOtherLevel { duty: Duty::Finance, level: Level::Unit });
    given::<Organisation>([registered()])
        .when(Command::RegisterHandler(handler(&[])))
        .then_rejected(Rejection::NoDuties);
}

#[test]
fn a_handler_registered_again_changes_nothing() {
    given::<Organisation>(taken_on())
        .when(Command::RegisterHandler(handler(&[Duty::File])))
        .then_nothing();
    given::<Organisation>(taken_on())
        .when(Command::RegisterHandler(handler(&[Duty::Endorse])))
        .then_rejected(Rejection::HandlerAlreadyRegistered { handler: clerk() });
}

#[test]
fn an_organisation_has_a_bounded_number_of_handlers() {
    let others = (0..HANDLERS_MAX).map(|number| {
        let number = format!("other-{number}").parse().unwrap();
        Event::HandlerRegistered(HandlerRegistered { handler: number, ..handler(&[Duty::File]) })
    });
    given::<Organisation>(std::iter::once(registered()).chain(others))
        .when(Command::RegisterHandler(handler(&[Duty::File])))
        .then_rejected(Rejection::TooManyHandlers { limit: HANDLERS_MAX });
}

#[test]
fn a_handler_is_not_registered_before_the_organisation() {
    let early = HandlerRegistered { on: day("2013-12-31"), ..handler(&[Duty::File]) };
    given::<Organisation>([registered()]).when(Command::RegisterHandler(early)).then_rejected(
        Rejection::OrganisationDateBefore { last: day("2014-01-01"), given: day("2013-12-31") },
    );
}

#[test]
fn a_handler_is_certified_for_a_period_once() {
    given::<Organisation>(taken_on())
        .when(Command::CertifyHandler(certified()))
        .then([Event::HandlerCertified(certified())]);
    given::<Organisation>(certified_history())
        .when(Command::CertifyHandler(certified()))
        .then_nothing();
    given::<Organisation>([registered()])
        .when(Command::CertifyHandler(certified()))
        .then_rejected(unknown());
}

#[test]
fn a_handler_holds_a_bounded_number_of_certificates_and_suspensions() {
    let mut history = taken_on();
    for number in 0..CERTIFICATES_MAX {
        let certificate = format!("{number}");
        history.push(Event::HandlerCertified(HandlerCertified { certificate, ..certified() }));
    }
    given::<Organisation>(history)
        .when(Command::CertifyHandler(certified()))
        .then_rejected(Rejection::TooManyCertificates { limit: CERTIFICATES_MAX });

    let (handler, on) = (clerk(), day("2014-07-01"));
    let suspended = HandlerSuspended { handler: handler.clone(), note: String::new(), on };
    let mut history = taken_on();
    for _ in 0..SUSPENSIONS_MAX {
        history.push(Event::HandlerSuspended(suspended.clone()));
        let handler = handler.clone();
        history.push(Event::HandlerReinstated(HandlerReinstated { handler, on }));
    }
    given::<Organisation>(history)
        .when(Command::SuspendHandler(suspended))
        .then_rejected(Rejection::TooManySuspensions { limit: SUSPENSIONS_MAX });
}

#[test]
fn a_handler_is_suspended_and_reinstated() {
    let suspended =
        HandlerSuspended {
            handler: clerk(), note: "培训未通过".into(), on: day("2014-07-01")
        };
    let reinstated = HandlerReinstated { handler: clerk(), on: day("2014-08-01") };
    let mut history = certified_history();
    given::<Organisation>(history.clone())
        .when(Command::ReinstateHandler(reinstated.clone()))
        .then_rejected(Rejection::NotSuspended { handler: clerk() });
    given::<Organisation>([registered()])
        .when(Command::SuspendHandler(suspended.clone()))
        .then_rejected(unknown());
    given::<Organisation>(history.clone())
        .when(Command::SuspendHandler(suspended.clone()))
        .then([Event::HandlerSuspended(suspended.clone())]);
    history.push(Event::HandlerSuspended(suspended.clone()));
    given::<Organisation>(history.clone()).when(Command::SuspendHandler(suspended)).then_nothing();
    given::<Organisation>(history.clone())
        .when(Command::ReinstateHandler(HandlerReinstated {
            handler: clerk(),
            on: day("2014-06-30"),
        }))
        .then_rejected(Rejection::OrganisationDateBefore {
            last: day("2014-07-01"),
            given: day("2014-06-30"),
        });
    given::<Organisation>(history.clone())
        .when(Command::ReinstateHandler(reinstated.clone()))
        .then([Event::HandlerReinstated(reinstated.clone())]);
    history.push(Event::HandlerReinstated(reinstated.clone()));
    given::<Organisation>(history.clone())
        .when(Command::ReinstateHandler(reinstated))
        .then_nothing();

    let state: Organisation = replay(&history).unwrap();
    let may = |on: &str| state.authorise(&clerk(), Duty::File, day(on)).map(|_| ());
    assert_eq!(may("2014-06-30"), Ok(()));
    assert_eq!(
        may("2014-07-01"),
        Err(Rejection::HandlerSuspended { handler: clerk(), since: day("2014-07-01") })
    );
    assert_eq!(may("2014-08-01"), Ok(()));
}

#[test]
fn a_handler_acts_only_with_the_duty_and_on_days_of_a_certificate() {
    let state: Organisation = replay(&certified_history()).unwrap();
    let may = |who: Subject, duty, on: &str| state.authorise(&who, duty, day(on)).map(|_| ());
    assert_eq!(may(clerk(), Duty::File, "2014-06-20"), Ok(()));
    assert_eq!(may(clerk(), Duty::File, "2016-06-19"), Ok(()));
    assert_eq!(
        may(clerk(), Duty::File, "2016-06-20"),
        Err(Rejection::NotCertified { handler: clerk(), on: day("2016-06-20") })
    );
    assert_eq!(
        may(clerk(), Duty::Endorse, "2014-06-20"),
        Err(Rejection::DutyMissing { handler: clerk(), duty: Duty::Endorse })
    );
    assert!(matches!(
        may("somebody-else".parse().unwrap(), Duty::File, "2014-06-20"),
        Err(Rejection::HandlerUnknown { .. })
    ));
}

#[test]
fn nobody_acts_before_being_registered_whatever_the_certificate() {
    let early = HandlerCertified {
        period: Term::new(day("2013-01-01"), day("2014-12-31")).unwrap(),
        ..certified()
    };
    let mut history = taken_on();
    history.push(Event::HandlerCertified(early));
    let state: Organisation = replay(&history).unwrap();
    let may = |on: &str| state.authorise(&clerk(), Duty::File, day(on)).map(|_| ());
    assert_eq!(may("2014-01-02"), Ok(()));
    assert_eq!(
        may("2014-01-01"),
        Err(Rejection::HandlerNotYetRegistered { handler: clerk(), since: day("2014-01-02") })
    );
}

#[test]
fn a_handler_twice_or_a_suspension_out_of_turn_is_corrupt() {
    let after = |events: &[Event]| {
        replay::<Organisation, _>(&[certified_history(), events.to_vec()].concat())
    };
    let suspended = Event::HandlerSuspended(HandlerSuspended {
        handler: clerk(),
        note: "培训未通过".into(),
        on: day("2014-07-01"),
    });
    let reinstated =
        Event::HandlerReinstated(HandlerReinstated { handler: clerk(), on: day("2014-08-01") });
    assert!(after(&[suspended.clone(), reinstated.clone(), suspended.clone()]).is_ok());
    assert!(after(&[Event::HandlerRegistered(handler(&[Duty::File]))]).is_err());
    assert!(after(&[suspended.clone(), suspended.clone()]).is_err());
    assert!(after(std::slice::from_ref(&reinstated)).is_err());
    assert!(after(&[suspended, reinstated.clone(), reinstated]).is_err());
}

#[test]
fn a_handler_of_nobody_is_corrupt() {
    assert!(replay::<Organisation, _>(&[Event::HandlerCertified(certified())]).is_err());
    assert!(
        replay::<Organisation, _>(&[registered(), Event::HandlerCertified(certified())]).is_err()
    );
}

proptest! {
    #[test]
    fn whoever_may_act_has_the_duty_a_certificate_and_no_suspension(
        commands in prop::collection::vec(any_command(), 0..40),
        on in any_day(),
    ) {
        let register = std::iter::once(Command::Register(unit()));
        let (state, events) = carry_out::<Organisation>(register.chain(commands));
        let may = state.authorise(&clerk(), Duty::File, on).is_ok();
        // Told from the events alone, in the order in which they happened.
        let (mut taken_on, mut certified, mut suspended) = (false, BTreeMap::new(), false);
        for event in &events {
            match event {
                Event::HandlerRegistered(body) => {
                    taken_on = body.on <= on && body.duties.contains(&Duty::File);
                }
                Event::HandlerCertified(body) => {
                    certified.insert(body.certificate.clone(), body.period.holds(on));
                }
                Event::HandlerSuspended(body) if body.on <= on => suspended = true,
                Event::HandlerReinstated(body) if body.on <= on => suspended = false,
                Event::HandlerSuspended(_)
                | Event::HandlerReinstated(_)
                | Event::Registered(_)
                | Event::WorkersCounted(_) => {}
            }
        }
        prop_assert_eq!(may, taken_on && certified.values().any(|holds| *holds) && !suspended);
    }
}

fn any_command() -> impl Strategy<Value = Command> {
    let duties = [vec![Duty::File], vec![Duty::Endorse], vec![Duty::File, Duty::Finance]];
    prop_oneof![
        (prop::sample::select(duties.to_vec()), any_day()).prop_map(|(duties, on)| {
            Command::RegisterHandler(HandlerRegistered { on, ..handler(&duties) })
        }),
        ("[ab]", any_day(), any_day()).prop_map(|(certificate, a, b)| {
            let period = Term::new(a.min(b), a.max(b)).unwrap();
            Command::CertifyHandler(HandlerCertified { handler: clerk(), certificate, period })
        }),
        any_day().prop_map(|on| {
            let note = String::new();
            Command::SuspendHandler(HandlerSuspended { handler: clerk(), note, on })
        }),
        any_day().prop_map(|on| {
            Command::ReinstateHandler(HandlerReinstated { handler: clerk(), on })
        }),
        (0..5_u32, any_day())
            .prop_map(|(workers, on)| Command::CountWorkers(WorkersCounted { workers, on })),
    ]
}

fn any_day() -> impl Strategy<Value = Date> {
    (1..=28_i8, 1..=3_i8).prop_map(|(on, month)| jiff::civil::date(2014, month, on))
}

fn unit() -> Registered {
    Registered {
        id: id("beiyi"),
        level: Level::Unit,
        name: Name { zh: "北一机床".into(), en: None },
        parent: Some(Parent { id: id("shunyi"), level: Level::District }),
        district: Some(id("shunyi")),
        credit_code: None,
        has_union: true,
        workers: 1_119,
        on: day("2014-01-01"),
    }
}

fn registered() -> Event {
    Event::Registered(unit())
}

fn handler(duties: &[Duty]) -> HandlerRegistered {
    HandlerRegistered {
        handler: clerk(),
        member: None,
        duties: duties.iter().copied().collect(),
        on: day("2014-01-02"),
    }
}

fn taken_on() -> Vec<Event> {
    vec![registered(), Event::HandlerRegistered(handler(&[Duty::File]))]
}

fn certified() -> HandlerCertified {
    HandlerCertified {
        handler: clerk(),
        certificate: "2014-0613".into(),
        period: Term::new(day("2014-06-20"), day("2016-06-19")).unwrap(),
    }
}

fn certified_history() -> Vec<Event> {
    let mut history = taken_on();
    history.push(Event::HandlerCertified(certified()));
    history
}

fn unknown() -> Rejection {
    Rejection::HandlerUnknown { handler: clerk(), organisation: id("beiyi") }
}

fn clerk() -> Subject {
    "beiyi-01".parse().unwrap()
}

fn id(text: &str) -> OrganisationId {
    text.parse().unwrap()
}

fn day(text: &str) -> Date {
    text.parse().unwrap()
}
