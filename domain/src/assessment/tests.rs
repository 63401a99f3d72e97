use std::str::FromStr;

use jiff::civil::{Date, date};

use super::*;
use crate::claim::facts::{Bill, Diagnosis, Incident, IncidentKind, Severity, Stay};
use crate::id::CoverId;
use crate::member::MemberClass;
use crate::plan::catalogue;

mod golden;
mod laws;
mod shapes;

fn yuan(amount: &str) -> Money {
    amount.parse().unwrap()
}

fn id<T: FromStr<Err: fmt::Debug>>(text: &str) -> T {
    text.parse().unwrap()
}

/// The terms of a file of the catalogue.
fn published(file: &str) -> PlanVersion {
    let (_, json) = catalogue().iter().find(|(name, _)| *name == format!("{file}.json")).unwrap();
    PlanVersion::parse(serde_json::from_str(json).unwrap()).unwrap()
}

/// A cover of one unit for the calendar year, without waiting and without earlier claims.
fn cover(terms: &PlanVersion, year: i16) -> CoverStanding {
    CoverStanding {
        cover: id::<CoverId>("7f1c0a9e-3b52-4d7e-9a51-0c9a6d1f2b3e"),
        plan: terms.plan.clone(),
        units: 1,
        term: Term::new(date(year, 1, 1), date(year, 12, 31)).unwrap(),
        waiting: Waiting::Waived,
        class: MemberClass::Ordinary,
        sex: terms.enrolment.sex.unwrap_or(Sex::Female),
        born: date(1970, 1, 1),
        used: Accumulators::new(),
        ended: None,
    }
}

/// An incident on the second day of the year, applied for in March of the next.
fn facts(kind: IncidentKind, year: i16) -> Facts {
    Facts {
        incident: Incident { kind, date: date(year, 1, 2) },
        applied_on: date(year.saturating_add(1), 3, 31),
        diagnoses: Vec::new(),
        bills: Vec::new(),
        stays: Vec::new(),
        death: None,
        disability: None,
        losses: Vec::new(),
        offsets: Vec::new(),
        notified_on: None,
        documents: Vec::new(),
    }
}

fn illness(year: i16) -> Facts {
    facts(IncidentKind::Illness, year)
}

fn receipt(day: Date, self_pay_one: &str) -> Bill {
    Bill {
        serial: id(&format!("B-{day}-{}", self_pay_one.replace('.', "-"))),
        date: day,
        self_pay_one: yuan(self_pay_one),
        self_pay_one_above: Money::ZERO,
        self_pay_two: Money::ZERO,
        own_expense: Money::ZERO,
    }
}

/// A stay of `days` days in a hospital of the highest grade.
fn stay(serial: &str, admitted: Date, days: i64, self_pay_one: &str) -> Stay {
    Stay {
        serial: id(serial),
        hospital_grade: 3,
        admitted,
        discharged: admitted.checked_add(jiff::Span::new().days(days)).unwrap(),
        self_pay_one: yuan(self_pay_one),
        self_pay_one_above: Money::ZERO,
        self_pay_two: Money::ZERO,
        own_expense: Money::ZERO,
        special_disease: false,
        mental_illness: false,
        cause: None,
        joins: None,
    }
}

fn diagnosis(code: &str, severity: Severity, day: Date) -> Diagnosis {
    Diagnosis {
        code: id(code),
        severity,
        established_on: day,
        secondary: false,
        pre_existing: false,
        confirmed_by_review: false,
    }
}

/// Assesses the named benefits, or all, and checks what holds for every assessment.
#[track_caller]
fn assessed(
    terms: &PlanVersion,
    cover: &CoverStanding,
    asks: &[&str],
    facts: &Facts,
) -> Assessment {
    let asks: Vec<BenefitCode> = asks.iter().map(|code| id(code)).collect();
    let assessment = assess(terms, cover, &asks, facts).unwrap();
    hold(&assessment, cover);
    assessment
}

/// Invariants 1 and 2.
#[track_caller]
fn hold(assessment: &Assessment, cover: &CoverStanding) {
    let sum = Money::sum(assessment.lines.iter().map(|line| line.amount)).unwrap();
    assert_eq!(sum, assessment.total);
    assert!(assessment.lines.iter().all(|line| line.amount.is_positive()));
    for (key, most) in &assessment.ceilings {
        let used = cover.used.get(key).copied().unwrap_or_default();
        let used = used.checked_add(assessment.uses[key]).unwrap();
        assert!(used <= *most, "{key}: {used} of {most}");
    }
}

#[track_caller]
fn pays(terms: &PlanVersion, cover: &CoverStanding, asks: &[&str], facts: &Facts, total: &str) {
    let assessment = assessed(terms, cover, asks, facts);
    assert_eq!(assessment.total, yuan(total), "{:#?}", assessment.trace);
}

/// The cover after this claim was paid.
fn after(mut cover: CoverStanding, paid: &Assessment) -> CoverStanding {
    for (key, amount) in &paid.uses {
        let sum = cover.used.entry(key.clone()).or_default();
        *sum = sum.checked_add(*amount).unwrap().normalize();
    }
    cover
}
