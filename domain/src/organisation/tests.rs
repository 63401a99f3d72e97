use super::*;
use crate::decider::replay;
use crate::testing::given;

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
fn a_handler_of_nobody_is_corrupt() {
    assert!(replay::<Organisation, _>(&[Event::HandlerCertified(certified())]).is_err());
    assert!(
        replay::<Organisation, _>(&[registered(), Event::HandlerCertified(certified())]).is_err()
    );
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
