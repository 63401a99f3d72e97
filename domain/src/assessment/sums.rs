//! Benefits of a given amount: for a disease, a disability, a loss, an event.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::diseases::{self, Case};
use super::sheet::{Draft, Moment, Phase, Sheet, key, yuan};
use super::{AccumulatorKey, Finding, Rejection, Rule, Subject};
use crate::claim::facts::{IncidentKind, LossKind, Severity};
use crate::plan::{Benefit, Fixed, FixedEvent, GradeTable, LossShare, LumpSum, Once, OnceSpan};
use crate::term::days_between;

pub(super) fn lump_sum<'a>(
    sheet: &mut Sheet<'a>,
    benefit: &'a Benefit,
    pays: &LumpSum,
) -> Result<(), Rejection> {
    let mut priced: Vec<(Case<'a>, Decimal)> = Vec::new();
    for case in diseases::cases(sheet, benefit) {
        let severity = case.diagnosis.severity;
        match pays.amounts.iter().find(|row| row.severities.contains(&severity)) {
            Some(row) => priced.push((case, row.amount.amount())),
            None => {
                let text = format!(
                    "Diagnosis {} is {}, a class that the plan does not cover.",
                    case.diagnosis.code,
                    class_name(severity)
                );
                sheet.note(Rule::Exclusion, Some(benefit), text, &[], "0.00");
            }
        }
    }
    // Where only one of several is paid, it is the one that pays most.
    priced.sort_by_cached_key(|(case, amount)| {
        let full = sheet.times_units(benefit, *amount);
        std::cmp::Reverse(sheet.left_by_waiting(benefit, case.phase, full))
    });
    for (case, amount) in priced {
        let once = once_key(benefit, pays, &case);
        if !sheet.read(&once).is_zero() {
            let text =
                format!("For diagnosis {} nothing is paid a second time.", case.diagnosis.code);
            sheet.note(Rule::AlreadyPaid, Some(benefit), text, &[], "0.00");
            continue;
        }
        let what =
            format!("Diagnosis {} of {}", case.diagnosis.code, case.diagnosis.established_on);
        let subject = Subject::Disease(case.diagnosis.code.clone());
        let event = Event {
            what,
            subject,
            year: case.diagnosis.established_on.year(),
            phase: case.phase,
            once: Some(once),
            disease: Some(case.disease.code.clone()),
        };
        pay(sheet, benefit, Rule::LumpSum, event, amount)?;
    }
    Ok(())
}

fn once_key(benefit: &Benefit, pays: &LumpSum, case: &Case<'_>) -> AccumulatorKey {
    let span = span_name(pays.over);
    let code = benefit.code.as_str();
    match pays.once {
        Once::InAll => key(&["once", code, span]),
        Once::PerClass => key(&["once", code, class_key(case.diagnosis.severity), span]),
        Once::PerDisease => key(&["once", code, case.disease.code.as_str(), span]),
    }
}

const fn span_name(span: OnceSpan) -> &'static str {
    match span {
        OnceSpan::Term => "term",
        OnceSpan::Lifetime => "lifetime",
    }
}

const fn class_key(severity: Severity) -> &'static str {
    match severity {
        Severity::Ordinary => "ordinary",
        Severity::InSitu => "in-situ",
        Severity::Light => "light",
        Severity::Heavy => "heavy",
    }
}

const fn class_name(severity: Severity) -> &'static str {
    match severity {
        Severity::Ordinary => "an ordinary case",
        Severity::InSitu => "a carcinoma in situ",
        Severity::Light => "a light case",
        Severity::Heavy => "a heavy case",
    }
}

pub(super) fn grade_table<'a>(
    sheet: &mut Sheet<'a>,
    benefit: &'a Benefit,
    table: &GradeTable,
) -> Result<(), Rejection> {
    let facts = sheet.facts;
    let Some(disability) = &facts.disability else { return Ok(()) };
    let incident = facts.incident.date;
    let day = if facts.incident.kind.is_accident() { incident } else { disability.assessed_on };
    let moment = Moment {
        event: disability.assessed_on,
        settled: disability.assessed_on,
        ..Moment::on(day)
    };
    let what = format!("The disability of grade {}", disability.grade);
    let Some(phase) = sheet.admit(benefit, &what, moment) else { return Ok(()) };
    let days = days_between(incident, disability.assessed_on);
    if let Some(days_wanted) = table.assess_after_days.filter(|wanted| days < i64::from(*wanted)) {
        sheet.findings.push(Finding::AssessedEarly { days, days_wanted });
    }
    let Some(row) = table.grades.iter().find(|row| row.grade == disability.grade) else {
        let text = format!("{what} is not in the table.");
        sheet.note(Rule::Exclusion, Some(benefit), text, &[], "0.00");
        return Ok(());
    };
    let subject = Subject::Disability(disability.grade);
    let event = Event { what, subject, year: day.year(), phase, once: None, disease: None };
    pay(sheet, benefit, Rule::GradeTable, event, row.amount.amount())
}

pub(super) fn loss_share<'a>(
    sheet: &mut Sheet<'a>,
    benefit: &'a Benefit,
    pays: &LossShare,
) -> Result<(), Rejection> {
    let facts = sheet.facts;
    let mut sums: BTreeMap<LossKind, Decimal> = BTreeMap::new();
    for loss in facts.losses.iter().filter(|loss| pays.losses.contains(&loss.kind)) {
        let sum = sums.entry(loss.kind).or_default();
        *sum = sum.saturating_add(loss.amount.amount());
    }
    let day = facts.incident.date;
    for (kind, sum) in sums {
        let subject = Subject::Loss(kind);
        let what = format!("The {subject}");
        let Some(phase) = sheet.admit(benefit, &what, Moment::on(day)) else { continue };
        let exact = sum.saturating_mul(pays.rate.rate());
        let text = format!("{what}: {} of {} is {}.", pays.rate, yuan(sum), yuan(exact));
        sheet.note(Rule::LossShare, Some(benefit), text, &[("loss", yuan(sum))], yuan(exact));
        let event = Event { what, subject, year: day.year(), phase, once: None, disease: None };
        pay(sheet, benefit, Rule::LossShare, event, exact)?;
    }
    Ok(())
}

pub(super) fn fixed<'a>(
    sheet: &mut Sheet<'a>,
    benefit: &'a Benefit,
    pays: &Fixed,
) -> Result<(), Rejection> {
    let facts = sheet.facts;
    let (what, subject, day) = match pays.on {
        FixedEvent::Death => {
            let Some(death) = facts.death else { return Ok(()) };
            let accident = facts.incident.kind != IncidentKind::Illness;
            let day = if accident { facts.incident.date } else { death };
            (format!("The death on {death}"), Subject::Death, day)
        }
        FixedEvent::Hospitalisation => {
            let Some(stay) = facts.stays.iter().min_by_key(|stay| stay.admitted) else {
                return Ok(());
            };
            let subject = Subject::Stay(stay.serial.clone());
            (format!("Stay {} in hospital", stay.serial), subject, stay.admitted)
        }
    };
    let (phase, disease) = if benefit.cause.is_any() {
        let moment = Moment {
            event: facts.death.unwrap_or(day),
            settled: facts.stays.iter().map(|stay| stay.discharged).max().unwrap_or(day),
            ..Moment::on(day)
        };
        match sheet.admit(benefit, &what, moment) {
            Some(phase) => (phase, None),
            None => return Ok(()),
        }
    } else {
        match diseases::first(sheet, benefit) {
            Some(case) => (case.phase, Some(case.disease.code.clone())),
            None => return Ok(()),
        }
    };
    let once = key(&["once", benefit.code.as_str(), span_name(pays.over)]);
    if !sheet.read(&once).is_zero() {
        let text = format!("{what} is not paid for a second time.");
        sheet.note(Rule::AlreadyPaid, Some(benefit), text, &[], "0.00");
        return Ok(());
    }
    let event = Event { what, subject, year: day.year(), phase, once: Some(once), disease };
    pay(sheet, benefit, Rule::LumpSum, event, pays.amount.amount())
}

/// Something that a given amount is paid for.
struct Event {
    what: String,
    subject: Subject,
    year: i16,
    phase: Phase,
    once: Option<AccumulatorKey>,
    disease: Option<crate::plan::DiseaseCode>,
}

fn pay<'a>(
    sheet: &mut Sheet<'a>,
    benefit: &'a Benefit,
    rule: Rule,
    event: Event,
    amount: Decimal,
) -> Result<(), Rejection> {
    let full = sheet.times_units(benefit, amount);
    let text = if benefit.per_unit {
        format!(
            "{} pays {} for each of {} units: {}.",
            event.what,
            yuan(amount),
            sheet.units,
            yuan(full)
        )
    } else {
        format!("{} pays {}.", event.what, yuan(full))
    };
    let inputs = [("amount", yuan(amount)), ("units", sheet.units.to_string())];
    let inputs = if benefit.per_unit { &inputs[..] } else { inputs.get(..1).unwrap_or_default() };
    sheet.note(rule, Some(benefit), text, inputs, yuan(full));
    let exact = sheet.after_waiting(benefit, &event.what, event.phase, full);
    let (amount, rounding) = sheet.to_fen(exact)?;
    if rounding.is_some() {
        let text = format!("{} is brought to whole fen.", yuan(exact));
        sheet.note_rounded(rule, Some(benefit), text, &[], amount.to_string(), rounding);
    }
    let marks = event.once.map(|key| (key, Decimal::ONE, Some(Decimal::ONE)));
    sheet.draft(Draft {
        benefit,
        subject: event.subject,
        amount,
        year: event.year,
        days: 0,
        disease: event.disease,
        marks: marks.into_iter().collect(),
        paid_key: None,
    });
    Ok(())
}
