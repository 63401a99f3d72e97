//! Which of the diagnoses a benefit takes.

use jiff::civil::Date;

use super::sheet::{Moment, Phase, Sheet, key};
use super::{AccumulatorKey, Finding, Rule};
use crate::claim::facts::Diagnosis;
use crate::plan::{Benefit, Disease, DiseaseCode};

/// A diagnosis that a benefit takes.
pub(super) struct Case<'a> {
    pub(super) diagnosis: &'a Diagnosis,
    pub(super) disease: &'a Disease,
    pub(super) phase: Phase,
}

/// The diagnoses that `benefit` takes, in the order of the facts.
pub(super) fn cases<'a>(sheet: &mut Sheet<'a>, benefit: &Benefit) -> Vec<Case<'a>> {
    let facts = sheet.facts;
    facts.diagnoses.iter().filter_map(|diagnosis| case(sheet, benefit, diagnosis)).collect()
}

/// The first disease that `benefit` takes, and how far into the waiting period it was established.
/// One from days of which nothing is paid does not stand before another.
pub(super) fn first<'a>(sheet: &mut Sheet<'a>, benefit: &Benefit) -> Option<Case<'a>> {
    let unpaid = |case: &Case<'_>| matches!(case.phase, Phase::Unpaid { .. });
    let order = |case: &Case<'_>| (unpaid(case), case.diagnosis.established_on);
    cases(sheet, benefit).into_iter().min_by_key(order)
}

fn case<'a>(
    sheet: &mut Sheet<'a>,
    benefit: &Benefit,
    diagnosis: &'a Diagnosis,
) -> Option<Case<'a>> {
    let code = &diagnosis.code;
    // One code may belong to two entries of which one needs a reviewer's word; the plain one is
    // tried first.
    let mut listed: Vec<&Disease> = sheet
        .terms
        .diseases
        .iter()
        .filter(|disease| disease.icd10.iter().any(|group| group.holds(code)))
        .filter(|disease| benefit.cause.takes(&disease.code))
        .collect();
    listed.sort_by_key(|disease| disease.needs_review);
    let refused = match listed.first() {
        None => Some("is not a disease of the list".to_owned()),
        Some(_) if sheet.terms.exclusions.secondary && diagnosis.secondary => {
            Some("spread from another organ, which is excluded".to_owned())
        }
        Some(_) if sheet.terms.exclusions.pre_existing && diagnosis.pre_existing => {
            Some("was known before the cover began, which is excluded".to_owned())
        }
        Some(disease) if disease.needs_review && !diagnosis.confirmed_by_review => {
            let finding =
                Finding::ReviewWanted { code: code.clone(), disease: disease.name.en.clone() };
            if !sheet.findings.contains(&finding) {
                sheet.findings.push(finding);
            }
            Some("does not tell by its code whether it is covered: a reviewer has to".to_owned())
        }
        Some(disease) => {
            let ended = sheet.read_earlier(&ended_key(&disease.code));
            (!ended.is_zero())
                .then(|| "was paid for before; the cover goes on without it".to_owned())
        }
    };
    if let Some(why) = refused {
        sheet.judged = true;
        sheet.note(Rule::Exclusion, Some(benefit), format!("Diagnosis {code} {why}."), &[], "0.00");
        return None;
    }
    let disease = *listed.first()?;
    let day = diagnosis.established_on;
    let settled = last_discharge(sheet).unwrap_or(day);
    let moment = Moment { settled, ..Moment::on(day) };
    let phase = sheet.admit(benefit, &format!("Diagnosis {code} of {day}"), moment)?;
    Some(Case { diagnosis, disease, phase })
}

fn last_discharge(sheet: &Sheet<'_>) -> Option<Date> {
    sheet.facts.stays.iter().map(|stay| stay.discharged).max()
}

/// The accumulator that remembers a disease that the cover goes on without.
pub(super) fn ended_key(disease: &DiseaseCode) -> AccumulatorKey {
    key(&["ended", disease.as_str(), "lifetime"])
}
