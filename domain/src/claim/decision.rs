//! What a person's decision makes of a claim in review.

use super::facts::Facts;
use super::*;

pub(super) fn pass(
    review: &Review,
    decision: Decision,
    confirmation: Option<Confirmation>,
    approval: Option<Approval>,
) -> Result<Vec<Event>, Rejection> {
    let step = review.decidable(&decision)?;
    note_holds(&decision.note)?;
    if let Some(Confirmation { codes, assessed }) = &confirmation {
        confirmable(review, step, codes)?;
        steps_exist(&review.filed().chain, &assessed.steps)?;
    }
    let last = review.ends_with(step, confirmation.as_ref());
    let confirmed = confirmation.as_ref().map_or_else(Vec::new, |given| given.codes.clone());
    let (by, organisation, on) = (decision.by.clone(), decision.organisation.clone(), decision.on);
    let mut events = vec![Event::StepPassed(StepPassed {
        step,
        by: decision.by,
        organisation: decision.organisation,
        note: decision.note,
        confirmed,
        on,
    })];
    events.extend(confirmation.map(|given| Event::Assessed(given.assessed)));
    if last {
        let Approval { assessment, cover_revision, expected } =
            approval.ok_or(Rejection::AssessmentMissing)?;
        let total = assessment.total;
        if !total.is_positive() && expected != Some(total) {
            return Err(Rejection::NothingPayable { total });
        }
        let amount = assessment.total;
        events.push(Event::Approved(Arc::new(Approved {
            step,
            by,
            organisation,
            amount,
            assessment,
            cover_revision,
            on,
        })));
    }
    Ok(events)
}

pub(super) fn send_back(
    review: &Review,
    decision: Decision,
    wanted: Vec<Wanted>,
) -> Result<Vec<Event>, Rejection> {
    if !(1..=WANTED_MAX).contains(&wanted.len()) {
        return Err(Rejection::WantedCount { limit: WANTED_MAX, given: wanted.len() });
    }
    for item in &wanted {
        note_holds(&item.text)?;
    }
    let step = review.decidable(&decision)?;
    note_holds(&decision.note)?;
    if review.returns() >= RETURNS_MAX {
        return Err(Rejection::TooManyReturns { limit: RETURNS_MAX });
    }
    let Decision { by, organisation, note, on, .. } = decision;
    Ok(vec![Event::Returned(Returned { step, by, organisation, wanted, note, on })])
}

pub(super) fn refuse(
    review: &Review,
    decision: Decision,
    reason: RefusalReason,
) -> Result<Vec<Event>, Rejection> {
    let step = review.decidable(&decision)?;
    note_holds(&decision.note)?;
    if reason == RefusalReason::Other && decision.note.trim().is_empty() {
        return Err(Rejection::NoteMissing { refusal: reason });
    }
    Ok(vec![Event::Refused(Refused::new(step, decision, reason))])
}

/// Invariant 1: every step has an organisation to take it, and there is one.
pub(super) fn steps_exist(chain: &Chain, steps: &[Step]) -> Result<(), Rejection> {
    if steps.is_empty() {
        return Err(Rejection::NoSteps);
    }
    match steps.iter().find(|step| chain.at(step.level()).is_none()) {
        Some(step) => Err(Rejection::StepOfNobody { step: *step }),
        None => Ok(()),
    }
}

/// Everything that facts state lies before the application, and so before the day it is handed in.
pub(super) fn applied_before(facts: &Facts, on: Date) -> Result<(), Rejection> {
    let applied_on = facts.applied_on;
    if applied_on > on { Err(Rejection::AppliedInFuture { applied_on, on }) } else { Ok(()) }
}

/// Invariant 6: a reviewer of the office confirms diagnoses that the claim has.
fn confirmable(review: &Review, step: Step, codes: &[Icd10]) -> Result<(), Rejection> {
    if !matches!(step, Step::FirstReview | Step::SecondReview) {
        return Err(Rejection::ConfirmedElsewhere { step });
    }
    let told = |code: &&Icd10| review.facts().diagnoses.iter().any(|told| told.code == **code);
    match codes.iter().find(|code| !told(code)) {
        Some(code) => Err(Rejection::DiagnosisUnknown { code: code.clone() }),
        None => Ok(()),
    }
}

/// Invariant 6: facts call no other diagnosis confirmed than those that were.
pub(super) fn confirmed_by_none_but(confirmed: &[Icd10], facts: &Facts) -> Result<(), Rejection> {
    let told = facts.diagnoses.iter().filter(|diagnosis| diagnosis.confirmed_by_review);
    match told.map(|diagnosis| &diagnosis.code).find(|code| !confirmed.contains(code)) {
        Some(code) => Err(Rejection::ConfirmedByFiler { code: code.clone() }),
        None => Ok(()),
    }
}

pub(super) fn note_holds(note: &str) -> Result<(), Rejection> {
    let given = note.chars().count();
    if given > NOTE_MAX { Err(Rejection::NoteTooLong { limit: NOTE_MAX, given }) } else { Ok(()) }
}
