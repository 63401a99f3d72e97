//! What claims add up to, asked of the views of a small year.
//!
//! One unit of 40 women born in 1985; every second one files for an appendicitis: in turn (by
//! number / 7) they are paid, refused, paid after a supplement, withdrawn, paid; one payment is
//! taken back.

use std::sync::Arc;

use huzhu_domain::claim;
use huzhu_domain::claim::facts::{Facts, Incident, IncidentKind};
use huzhu_domain::decider::replay;
use huzhu_domain::event::StoredEvent;
use huzhu_domain::history::Event as Any;
use huzhu_domain::id::{ClaimId, derive};
use huzhu_domain::money::Money;
use huzhu_domain::step::{Level, Step};
use jiff::civil::date;

use crate::testing::shown::{Shown, shown};
use crate::testing::{Figures, History, year};

fn history() -> History {
    year(Figures { units: 1, members: 40, one_claim_of: 2 })
}

fn small() -> Shown {
    shown(&history())
}

#[test]
fn diseases_are_counted_by_category_sex_band_district_and_year() {
    let views = small();
    let rows = views.ask(
        "SELECT category, chapter, sex, age_band, district, year, cases, claims, approved, payments,
                benefits_fen, reversals, recovered_fen FROM disease_statistics ORDER BY year",
    );
    let expected = [
        "K35|XI|female|20-29|miyun|2014|20|20|14|13|520000|0|0",
        "K35|XI|female|20-29|miyun|2015|0|0|0|0|0|1|40000",
    ];
    assert_eq!(rows, expected);
}

#[test]
fn the_statistics_of_diseases_add_up_to_those_of_plans() {
    let views = small();
    for column in ["approved", "approved_fen", "payments", "benefits_fen", "recovered_fen"] {
        let sum = |table| views.number(&format!("SELECT sum({column}) FROM {table}"));
        assert_eq!(sum("disease_statistics"), sum("benefit_statistics"), "{column}");
    }
    let filed = views.number("SELECT sum(filed) FROM benefit_statistics");
    assert_eq!(views.number("SELECT sum(claims) FROM disease_statistics"), filed);
    assert_eq!(
        views.number("SELECT sum(cases) FROM disease_statistics"),
        views.number("SELECT count(*) FROM cases")
    );
}

#[test]
fn a_claim_whose_papers_name_another_disease_is_counted_under_that_one() {
    let mut history = history();
    let claim = ClaimId::new(derive(&["claim", "0", "22"]));
    let stream = format!("claim-{claim}");
    // The claim before it was taken back.
    let place = history.events().iter().position(|event| &*event.name == "ClaimWithdrawn").unwrap();
    let mut before = History::default();
    let mut facts = None;
    for event in &history.events()[..place] {
        let body = Any::decode(&event.name, event.version, &event.data).unwrap();
        if let Any::Claim(claim::Event::Filed(filed)) = &body
            && filed.claim == claim
        {
            facts = Some(Facts::clone(&filed.facts));
        }
        before.push(&event.stream, body);
    }
    let mut facts = facts.unwrap();
    facts.diagnoses[0].code = "C50.9".parse().unwrap();
    let (by, on) = ("U-0".parse().unwrap(), "2014-03-01".parse().unwrap());
    let returned = claim::Returned {
        step: Step::UnitEndorsement,
        by,
        organisation: "unit-0".parse().unwrap(),
        wanted: Vec::new(),
        note: String::new(),
        on,
    };
    before.push(&stream, claim::Event::Returned(returned));
    let by = "U-0".parse().unwrap();
    let supplemented = claim::Supplemented { facts: Arc::new(facts), by, on };
    before.push(&stream, claim::Event::Supplemented(supplemented));
    history = before;

    let views = shown(&history);
    let counted = views.ask(
        "SELECT category, chapter, cases, claims FROM disease_statistics
                              WHERE claims > 0 ORDER BY category",
    );
    let others = views.number("SELECT count(*) FROM claims") - 1;
    assert_eq!(counted, ["C50|II|1|1".to_owned(), format!("K35|XI|{others}|{others}")]);
}

#[test]
fn what_handlers_do_is_counted_by_month() {
    let views = small();
    let sums = views.ask(
        "SELECT organisation, handler, sum(filed), sum(passed), sum(returned), sum(refused)
           FROM handler_activity GROUP BY organisation, handler ORDER BY organisation",
    );
    assert_eq!(sums, ["miyun|D-1|0|14|4|3", "office|O-1|0|14|0|0", "unit-0|U-0|20|17|0|0"]);
    let decided = "SELECT count(*), sum(waited_days) FROM approval_steps";
    let counted = "SELECT sum(passed + returned + refused), sum(waited_days) FROM handler_activity";
    assert_eq!(views.ask(decided), views.ask(counted));
}

#[test]
fn a_claim_in_a_queue_says_whose_and_of_what_level() {
    let views = small();
    let closed = "SELECT count(*) FROM claims WHERE (queue IS NULL) != (queue_level IS NULL)";
    assert_eq!(views.number(closed), 0);
    let mut history = history();
    let filed = history.events().iter().position(|event| &*event.name == "ClaimAssessed").unwrap();
    history = history.until(filed);
    let views = shown(&history);
    assert_eq!(
        views.ask("SELECT queue, queue_level, next_step FROM claims"),
        ["unit-0|unit|unit_endorsement"]
    );
}

/// The first claim of the year, assessed; its stream, what stands in it, and its facts.
fn first_claim() -> (History, String, Vec<claim::Event>, Facts) {
    let history = history();
    let assessed =
        history.events().iter().position(|event| &*event.name == "ClaimAssessed").unwrap();
    let history = history.until(assessed);
    let stream = history.events()[assessed].stream.to_string();
    let of_claim = history.events().iter().filter(|event| *event.stream == *stream);
    let events: Vec<_> = of_claim
        .map(|event| claim::Event::decode(&event.name, event.version, &event.data).unwrap())
        .collect();
    let claim::Event::Filed(filed) = &events[0] else { panic!("{events:?}") };
    let facts = Facts::clone(&filed.facts);
    (history, stream, events, facts)
}

/// Passed by the unit, sent back at `step`, supplemented, and then asked for these steps.
fn sent_back(step: Step, asked: &[Step], facts: Facts) -> Vec<claim::Event> {
    let (_, _, events, _) = first_claim();
    let claim::Event::Assessed(assessed) = &events[1] else { panic!("{events:?}") };
    let on = "2014-03-01".parse().unwrap();
    let organisation = |level| if level == Level::Unit { "unit-0" } else { "miyun" };
    let organisation = |step: Step| organisation(step.level()).parse().unwrap();
    let unit = Step::UnitEndorsement;
    vec![
        claim::Event::StepPassed(claim::StepPassed {
            step: unit,
            by: "U-0".parse().unwrap(),
            organisation: organisation(unit),
            note: String::new(),
            confirmed: Vec::new(),
            on,
        }),
        claim::Event::Returned(claim::Returned {
            step,
            by: "D-1".parse().unwrap(),
            organisation: organisation(step),
            wanted: Vec::new(),
            note: String::new(),
            on,
        }),
        claim::Event::Supplemented(claim::Supplemented {
            facts: Arc::new(facts),
            by: "U-0".parse().unwrap(),
            on,
        }),
        claim::Event::Assessed(Arc::new(claim::Assessed {
            steps: asked.to_vec(),
            ..claim::Assessed::clone(assessed)
        })),
    ]
}

#[test]
fn a_claim_that_came_back_is_in_the_queue_of_who_decides_next() {
    use Step::{DistrictCheck, Finance, FirstReview, UnitEndorsement};
    let cases = [
        // Worth less: the district sent it back, and is no longer asked for.
        (DistrictCheck, vec![UnitEndorsement, FirstReview], "district_check|miyun"),
        // Worth more: the district was not asked for, and now is.
        (FirstReview, vec![UnitEndorsement, DistrictCheck, Finance], "district_check|miyun"),
        // Only the step that sent it back is left.
        (FirstReview, vec![UnitEndorsement], "first_review|office"),
    ];
    for (step, asked, expected) in cases {
        let (mut history, stream, mut events, facts) = first_claim();
        for event in sent_back(step, &asked, facts) {
            history.push(&stream, event.clone());
            events.push(event);
        }
        let claim: claim::Claim = replay(&events).unwrap();
        let review = claim.in_review().unwrap();
        let decides = (review.next().unwrap(), review.queue().unwrap());
        assert_eq!(format!("{}|{}", decides.0.name(), decides.1), expected);
        let shown = shown(&history).ask("SELECT next_step, queue FROM claims");
        assert_eq!(shown, [expected], "{step:?}, then {asked:?}");
    }
}

#[test]
fn what_a_reviewer_confirmed_shows_in_the_facts_and_outlives_a_supplement() {
    let (mut history, stream, mut events, facts) = first_claim();
    let code = facts.diagnoses[0].code.clone();
    let mut other = facts.clone();
    other.diagnoses[0].code = "C50".parse().unwrap();
    let asked = [Step::UnitEndorsement, Step::FirstReview];
    let [first, second] = [other, facts].map(|facts| sent_back(Step::FirstReview, &asked, facts));
    let mut more = first.clone();
    let claim::Event::StepPassed(passed) = &mut more[0] else { panic!("{more:?}") };
    passed.confirmed = vec![code.clone()];
    // Back once with other papers, and once more with those of the beginning.
    more.extend(second.into_iter().skip(1));
    for event in more {
        history.push(&stream, event.clone());
        events.push(event);
    }
    let claim: claim::Claim = replay(&events).unwrap();
    let facts = claim.in_review().unwrap().facts();
    assert!(facts.diagnoses[0].confirmed_by_review);
    let views = shown(&history);
    assert_eq!(
        views.ask("SELECT facts FROM claim_facts"),
        [serde_json::to_string(&**facts).unwrap()]
    );
    let confirmed = views.ask("SELECT confirmed_diagnoses FROM claims");
    assert_eq!(confirmed, [format!("[\"{code}\"]")]);
}

#[test]
fn a_correction_of_the_incident_reaches_the_case_that_the_claim_opened() {
    let (mut history, stream, _, mut facts) = first_claim();
    facts.incident = Incident { kind: IncidentKind::WorkAccident, date: date(2014, 1, 20) };
    for event in sent_back(Step::DistrictCheck, &[Step::UnitEndorsement], facts) {
        history.push(&stream, event);
    }
    let cases = shown(&history).ask("SELECT incident_kind, incident_on FROM cases");
    assert_eq!(cases, ["work_accident|2014-01-20"]);
}

#[test]
fn a_claim_closed_with_nothing_to_pay_is_neither_approved_nor_waits() {
    let whole = history();
    let named = |name: &str| whole.events().iter().position(|event| &*event.name == name).unwrap();
    let event = &whole.events()[named("ClaimApproved")];
    let body = Any::decode(&event.name, event.version, &event.data).unwrap();
    let Any::Claim(claim::Event::Approved(approved)) = body else { panic!("{body:?}") };
    let closing = claim::Approved { amount: Money::ZERO, ..(*approved).clone() };
    // Before its benefit was set aside, and without.
    let mut history = whole.clone().until(named("CoverBenefitReserved") - 1);
    history.push(&event.stream, claim::Event::Approved(Arc::new(closing)));
    let views = shown(&history);
    let closed = "SELECT approved_fen, queue, pay_by FROM claims WHERE state = 'closed'";
    assert_eq!(views.ask(closed), ["0||"]);
    assert_eq!(views.number("SELECT coalesce(sum(approved), 0) FROM benefit_statistics"), 0);
}

#[test]
fn deadlines_are_those_of_the_approval_policy() {
    let mut history = history();
    // The first claim is assessed; the policy gives each level seven days.
    let assessed =
        history.events().iter().position(|event| &*event.name == "ClaimAssessed").unwrap();
    let queue = "SELECT organisation, level, state, step, waiting_since, due_on FROM work_queue";
    let views = shown(&history.clone().until(assessed));
    let expected = "unit-0|unit|in_review|unit_endorsement|2014-02-01|2014-02-08";
    assert_eq!(views.ask(queue), [expected]);

    // A claim that was sent back gives the unit thirty.
    let returned =
        history.events().iter().position(|event| &*event.name == "ClaimReturned").unwrap();
    let views = shown(&history.clone().until(returned));
    let waits = format!("{queue} WHERE state = 'awaiting_supplement'");
    assert_eq!(
        views.ask(&waits),
        ["unit-0|unit|awaiting_supplement|district_check|2014-02-17|2014-03-19"]
    );

    // Ten working days from a Friday to a Friday two weeks later.
    let approved =
        history.events().iter().position(|event| &*event.name == "ClaimApproved").unwrap();
    history = history.until(approved);
    let views = shown(&history);
    let approved = "SELECT approved_on, pay_by, due_on FROM claims WHERE state = 'approved'";
    assert_eq!(views.ask(approved), ["2014-02-07|2014-02-21|"]);
}

#[test]
fn ages_are_told_to_the_day_of_the_last_event() {
    let mut history = history();
    let assessed =
        history.events().iter().position(|event| &*event.name == "ClaimAssessed").unwrap();
    history = history.until(assessed);
    let last = history.events().last().unwrap();
    let as_of = huzhu_domain::envelope::beijing_date(last.recorded_at);
    let views = shown(&history);
    let ages = views.ask("SELECT as_of, age_days, waiting_days FROM claim_ages");
    // Everything is entered on one day, here before the day on which it counts.
    assert_eq!(ages, [format!("{as_of}|-31|-31")]);
    let done = shown(&super::tests::history());
    let ages = done.ask("SELECT age_days, waiting_days FROM claim_ages WHERE state = 'withdrawn'");
    assert_eq!(ages, ["1|", "1|", "1|"]);
}
