use std::str::FromStr;
use std::sync::Arc;

use jiff::civil::date;
use serde_json::{Value, json};

use super::*;
use crate::event::{StoredEvent, Unreadable};
use crate::id::checked::Sex;
use crate::money::Money;
use crate::testing::given;

mod refusals;
mod selection;

fn id<T: FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().unwrap()
}

fn file(name: &str) -> Value {
    let (_, json) = catalogue().iter().find(|(file, _)| *file == format!("{name}.json")).unwrap();
    serde_json::from_str(json).unwrap()
}

fn terms(name: &str) -> Arc<PlanVersion> {
    Arc::new(PlanVersion::parse(file(name)).unwrap())
}

fn publish(terms: &Arc<PlanVersion>) -> Command {
    Command::Publish { terms: Arc::clone(terms) }
}

fn published(terms: &Arc<PlanVersion>) -> Event {
    Event::VersionPublished(VersionPublished { terms: Arc::clone(terms) })
}

#[test]
fn every_file_of_the_catalogue_can_be_published_in_order() {
    let mut plans: std::collections::BTreeMap<PlanCode, Plan> = std::collections::BTreeMap::new();
    for (name, json) in catalogue() {
        let terms = PlanVersion::parse(serde_json::from_str(json).unwrap());
        let terms = terms.unwrap_or_else(|errors| panic!("{name}: {errors:?}"));
        let label = terms.version.as_str().to_lowercase();
        assert_eq!(*name, format!("{}.{label}.json", terms.plan));
        let plan = plans.remove(&terms.plan).unwrap_or_default();
        let code = terms.plan.clone();
        let events = plan.decide(Command::Publish { terms: Arc::new(terms) }).unwrap();
        plans.insert(code, events.iter().try_fold(plan, Plan::evolve).unwrap());
    }
    assert_eq!(plans.len(), 9);
}

#[test]
fn what_nobody_found_is_said_to_be_assumed() {
    let assumed = |name: &str| -> Vec<String> {
        let figures = terms(name).figures().into_iter();
        let is_assumed = |figure: &Figure| {
            figure.standing.as_ref().is_some_and(|standing| standing.standing == Source::Assumed)
        };
        figures.filter(is_assumed).map(|figure| figure.path).collect()
    };
    assert!(assumed("hospital-medical.2011").contains(&"/ceilings/0/at_most/amount".to_owned()));
    assert!(
        assumed("female-disease.v6").contains(&"/benefits/0/reduced/amount".to_owned()),
        "the reduced amount of V6 was not found"
    );
    assert_eq!(assumed("female-disease.v12"), ["/enrolment/units/max"]);
}

#[test]
fn the_published_schema_is_that_of_the_code() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/plans/plan.schema.json");
    let now = format!("{}\n", serde_json::to_string_pretty(&schema()).unwrap());
    if std::env::var_os("HUZHU_WRITE_SCHEMA").is_some() {
        std::fs::write(path, &now).unwrap();
    }
    let published = std::fs::read_to_string(path).unwrap();
    assert_eq!(published, now, "write it anew with HUZHU_WRITE_SCHEMA=1");
}

#[test]
fn a_version_becomes_known() {
    let (old, new) = (terms("female-disease.v6"), terms("female-disease.v8"));
    given::<Plan>([]).when(publish(&old)).then([published(&old)]);
    given::<Plan>([published(&old)]).when(publish(&new)).then([published(&new)]);
}

#[test]
fn the_same_version_again_is_quiet() {
    let old = terms("female-disease.v6");
    given::<Plan>([published(&old)]).when(publish(&old)).then_nothing();
}

#[test]
fn a_label_never_stands_for_other_terms() {
    let old = terms("female-disease.v6");
    let other = Arc::new(PlanVersion { notify_within_days: None, ..(*old).clone() });
    given::<Plan>([published(&old)])
        .when(publish(&other))
        .then_rejected(Rejection::VersionDiffers { version: id("V6") });
}

#[test]
fn terms_of_another_plan_are_refused() {
    let (plan, other) = (terms("female-disease.v6"), terms("accident.2010-06"));
    given::<Plan>([published(&plan)])
        .when(publish(&other))
        .then_rejected(Rejection::OtherPlan { plan: id("female-disease"), given: id("accident") });
}

#[test]
fn contradictory_terms_are_never_published() {
    let mut contradictory = (*terms("accident.2010-06")).clone();
    contradictory.enrolment.participation.reverse();
    given::<Plan>([]).when(publish(&Arc::new(contradictory))).then_rejected(
        Rejection::TermsContradictory {
            path: "/enrolment/participation".to_owned(),
            why: "the sizes of staff must rise".to_owned(),
        },
    );
}

#[test]
fn a_version_that_was_published_twice_is_corrupt() {
    let old = terms("female-disease.v6");
    let history = [published(&old), published(&old)];
    let corrupt = Impossible { event: "PlanVersionPublished", state: "Published" };
    assert_eq!(crate::decider::replay::<Plan, _>(&history), Err(corrupt));
}

#[test]
fn published_terms_come_back_byte_for_byte() {
    for (name, _) in catalogue() {
        let event = published(&terms(name.trim_end_matches(".json")));
        let body = event.encode();
        let back = Event::decode("PlanVersionPublished", 1, &body).unwrap();
        assert_eq!(back, event);
        assert_eq!(back.encode(), body);
    }
    let unknown = Event::decode("PlanVersionPublished", 2, b"{}");
    assert!(matches!(unknown, Err(Unreadable::UnknownVersion { version: 2, .. })));
}

#[test]
fn ages_units_and_participation_are_those_of_the_plan() {
    let hospital = terms("hospital-medical.2011");
    let women = hospital.enrolment.age_female.unwrap();
    assert!(women.hold(54) && !women.hold(55));
    assert_eq!(terms("female-disease.v6").enrolment.sex, Some(Sex::Female));

    let accident = &terms("accident.2010-06").enrolment;
    let needed = [(29, 29), (30, 15), (31, 16), (1, 1), (0, 0)];
    for (staff, participants) in needed {
        assert_eq!(accident.participants_min(staff), participants, "of {staff}");
    }
    assert_eq!(accident.units.valid(5), None);
    assert_eq!(terms("critical-illness.2005").enrolment.units.valid(5), Some(2));
    assert_eq!(accident.contribution(Tier::HighRisk, 4), Ok(Some("124".parse().unwrap())));
    assert_eq!(accident.contribution(Tier::Ordinary, 5), Ok(None));
    let free = &terms("nuan-huzhu.2012").enrolment;
    assert_eq!(free.contribution(Tier::Ordinary, 1), Ok(Some(Money::ZERO)));
    assert_eq!(free.contribution(Tier::UnitWithoutUnion, 1), Ok(Some("60".parse().unwrap())));
}

#[test]
fn a_term_ends_on_the_day_before_its_anniversary() {
    let two_years = TermLength::Years(2).from(date(2012, 2, 29)).unwrap();
    assert_eq!(two_years.end(), date(2014, 2, 27));
    let rest_of_year = TermLength::CalendarYear.from(date(2014, 7, 1)).unwrap();
    assert_eq!(rest_of_year.end(), date(2014, 12, 31));
}
