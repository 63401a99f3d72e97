//! Claims: where they stand, who decided what, what they are worth, and what they add up to.

mod disease;
mod figures;
mod row;
mod tables;

use std::sync::Arc;

use huzhu_domain::approval_policy;
use huzhu_domain::assessment::Assessment;
use huzhu_domain::claim::{
    Approved, Assessed, Event, Filed, Paid, PaymentReversed, RefusalReason, Refused, Returned,
    StepPassed, Supplemented,
};
use huzhu_domain::envelope::beijing_date;
use huzhu_domain::event::StoredEvent;
use huzhu_domain::id::{ClaimId, OrganisationId, Subject};
use huzhu_domain::member;
use huzhu_domain::money::Money;
use huzhu_domain::step::{Level, Step};
use huzhu_domain::term::{days_between, working_days_after};

use jiff::civil::Date;

pub use self::disease::{Claimant, DiseaseStatistic};
use self::row::filed_row;
pub use self::tables::*;
use crate::projection::{Arrived, Projection, Stop, follows, id_of, known, up};
use crate::rows::{Buffer, Rows, Source};
use crate::value::Json;

/// The one event of members that claims are counted by: it says how old and what sex a member is.
const REGISTERED: &str = "MemberRegistered";
/// What says within what time claims are to be dealt with.
const POLICY: &str = "ApprovalPolicyPublished";

/// Keeps claims and cases.
#[derive(Default)]
pub struct Claims {
    claims: Rows<Claim>,
    facts: Rows<ClaimFacts>,
    assessments: Rows<ClaimAssessment>,
    steps: Rows<ApprovalStep>,
    lines: Rows<AssessmentLine>,
    cases: Rows<Case>,
    statistics: Rows<BenefitStatistic>,
    persons: Rows<BenefitPerson>,
    claimants: Rows<Claimant>,
    diseases: Rows<DiseaseStatistic>,
    activities: Rows<HandlerActivity>,
    deadlines: Rows<ClaimDeadline>,
    day: Rows<ClaimsDay>,
}

impl Projection for Claims {
    fn name(&self) -> &'static str {
        "claims"
    }

    fn version(&self) -> u32 {
        3
    }

    fn takes(&self, event: &str) -> bool {
        Event::knows(event) || event == REGISTERED || event == POLICY
    }

    fn owns(&self, category: &str) -> bool {
        category == "claim"
    }

    fn fold(&mut self, event: &Arrived, source: &mut dyn Source) -> Result<(), Stop> {
        self.reflect(event, source)?;
        if *event.name == *POLICY {
            return self.policy_published(event);
        }
        if *event.name == *REGISTERED {
            let body = member::Event::decode(&event.name, event.version, &event.data)?;
            return if let member::Event::Registered(body) = body {
                self.registered(&body)
            } else {
                Ok(())
            };
        }
        let body = Event::decode(&event.name, event.version, &event.data)?;
        if let Event::Filed(filed) = &body {
            return self.filed(filed, event, source);
        }
        if let Event::FilingLapsed(_) = &body {
            // A claim that was never filed has no row, and nothing ever follows in its stream.
            return follows(None, event).map(|_| ()).map_err(Stop::from);
        }
        let key = (id_of::<ClaimId>(&event.stream)?,);
        let row = known(self.claims.edit(&key, source)?, "the claim")?;
        row.revision = follows(Some(row.revision), event)?;
        match body {
            Event::Filed(_) | Event::FilingLapsed(_) => Ok(()),
            Event::Assessed(body) => self.assessed(key.0, &body, source),
            Event::StepPassed(body) => self.step_passed(key.0, body, event, source),
            Event::Returned(body) => self.returned(key.0, body, event, source),
            Event::Supplemented(body) => self.supplemented(key.0, &body, source),
            Event::Refused(body) => self.refused(key.0, body, event, source),
            Event::Approved(body) => self.approved(key.0, &body, source),
            Event::Withdrawn(body) => {
                row.close(ClaimState::Withdrawn, body.on);
                let row = row.clone();
                self.count_withdrawn(&row, body.on, source)
            }
            Event::Paid(body) => self.paid(key.0, &body, source),
            Event::PaymentReversed(body) => self.payment_reversed(key.0, &body, source),
        }
    }

    fn buffers(&mut self) -> Vec<&mut dyn Buffer> {
        vec![
            &mut self.claims,
            &mut self.facts,
            &mut self.assessments,
            &mut self.steps,
            &mut self.lines,
            &mut self.cases,
            &mut self.statistics,
            &mut self.persons,
            &mut self.claimants,
            &mut self.diseases,
            &mut self.activities,
            &mut self.deadlines,
            &mut self.day,
        ]
    }
}

/// One decision, whatever its outcome.
struct Decision {
    step: Step,
    outcome: StepOutcome,
    organisation: OrganisationId,
    by: Subject,
    on: Date,
    refusal: Option<RefusalReason>,
    wanted: Option<Vec<WantedPaper>>,
    note: String,
}

impl Claims {
    fn filed(
        &mut self,
        body: &Filed,
        event: &Arrived,
        source: &mut dyn Source,
    ) -> Result<(), Stop> {
        let case = self.cases.edit_or(&(body.case,), source, || Case {
            case_id: body.case,
            member: body.member,
            incident_kind: body.facts.incident.kind,
            incident_on: body.facts.incident.date,
            claims: 0,
            approved_fen: Money::ZERO,
            paid_fen: Money::ZERO,
            opened_on: body.on,
        })?;
        let opens_case = case.claims == 0;
        up(&mut case.claims, "the claims of a case")?;
        let claimant = known(self.claimants.get(&(body.member,), source)?, "the member")?;
        let row = filed_row(body, claimant, opens_case, event)?;
        self.count_filed(&row, source)?;
        self.claims.create(row)?;
        self.facts
            .create(ClaimFacts { claim: body.claim, facts: Json(Arc::clone(&body.facts)) })?;
        Ok(())
    }

    fn assessed(
        &mut self,
        claim: ClaimId,
        body: &Assessed,
        source: &mut dyn Source,
    ) -> Result<(), Stop> {
        let row = known(self.claims.edit(&(claim,), source)?, "the claim")?;
        row.state = ClaimState::InReview;
        row.steps = Json(body.steps.clone());
        row.policy = Some(body.policy.clone());
        row.look_ahead();
        self.set_due(claim, source)?;
        self.take_assessment(claim, &body.assessment, source)
    }

    fn policy_published(&mut self, event: &Arrived) -> Result<(), Stop> {
        let approval_policy::Event::Published(policy) =
            approval_policy::Event::decode(&event.name, event.version, &event.data)?;
        let within = policy.deadlines;
        self.deadlines.create(ClaimDeadline {
            policy: policy.label,
            decide_within_days: within.decide_within_days.map(u32::from),
            supplement_within_days: within.supplement_within_days.map(u32::from),
            pay_within_working_days: within.pay_within_working_days.map(u32::from),
        })?;
        Ok(())
    }

    /// Remembers the day of the last event, for ages.
    fn reflect(&mut self, event: &Arrived, source: &mut dyn Source) -> Result<(), Stop> {
        let recorded_on = beijing_date(event.recorded_at);
        let day = self.day.edit_or(&(1,), source, || ClaimsDay { number: 1, recorded_on })?;
        day.recorded_on = recorded_on;
        Ok(())
    }

    /// Says by when somebody has to act on the claim.
    fn set_due(&mut self, claim: ClaimId, source: &mut dyn Source) -> Result<(), Stop> {
        let row = known(self.claims.edit(&(claim,), source)?, "the claim")?;
        // A claim that was not assessed yet is in nobody's queue.
        let Some(policy) = row.policy.clone() else { return Ok(()) };
        let deadlines = known(self.deadlines.get(&(policy,), source)?, "the approval policy")?;
        row.set_due(deadlines);
        Ok(())
    }

    fn take_assessment(
        &mut self,
        claim: ClaimId,
        assessment: &Arc<Assessment>,
        source: &mut dyn Source,
    ) -> Result<(), Stop> {
        let row = known(self.claims.edit(&(claim,), source)?, "the claim")?;
        row.assessed_fen = assessment.total;
        for number in 1..=std::mem::take(&mut row.lines) {
            self.lines.remove(&(claim, number), source)?;
        }
        for line in &assessment.lines {
            up(&mut row.lines, "the lines of an assessment")?;
            self.lines.create(AssessmentLine {
                claim,
                number: row.lines,
                benefit: line.benefit.clone(),
                subject: line.subject.to_string(),
                amount_fen: line.amount,
            })?;
        }
        let standing = || ClaimAssessment { claim, assessment: Json(Arc::clone(assessment)) };
        let row = self.assessments.edit_or(&(claim,), source, standing)?;
        row.assessment = Json(Arc::clone(assessment));
        Ok(())
    }

    fn step_passed(
        &mut self,
        claim: ClaimId,
        body: StepPassed,
        event: &Arrived,
        source: &mut dyn Source,
    ) -> Result<(), Stop> {
        let StepPassed { step, by, organisation, note, confirmed, on } = body;
        if !confirmed.is_empty() {
            let facts = known(self.facts.edit(&(claim,), source)?, "the facts of the claim")?;
            facts.facts = Json(facts.facts.0.confirming(&confirmed));
            let row = known(self.claims.edit(&(claim,), source)?, "the claim")?;
            row.confirmed_diagnoses.0.extend(confirmed);
        }
        let (outcome, refusal, wanted) = (StepOutcome::Passed, None, None);
        let decision = Decision { step, outcome, organisation, by, on, refusal, wanted, note };
        let row = self.decided(claim, decision, event, source)?;
        row.passed_steps.0.push(step);
        row.look_ahead();
        self.set_due(claim, source)
    }

    fn returned(
        &mut self,
        claim: ClaimId,
        body: Returned,
        event: &Arrived,
        source: &mut dyn Source,
    ) -> Result<(), Stop> {
        let Returned { step, by, organisation, wanted, note, on } = body;
        let (outcome, refusal, wanted) = (StepOutcome::Returned, None, Some(wanted));
        let decision = Decision { step, outcome, organisation, by, on, refusal, wanted, note };
        let row = self.decided(claim, decision, event, source)?;
        row.state = ClaimState::AwaitingSupplement;
        row.returned_step = Some(step);
        row.queue_at(Some(Level::Unit));
        up(&mut row.returns, "the returns of a claim")?;
        self.set_due(claim, source)
    }

    fn refused(
        &mut self,
        claim: ClaimId,
        body: Refused,
        event: &Arrived,
        source: &mut dyn Source,
    ) -> Result<(), Stop> {
        let Refused { step, by, organisation, reason, note, on } = body;
        let (outcome, refusal, wanted) = (StepOutcome::Refused, Some(reason), None);
        let decision = Decision { step, outcome, organisation, by, on, refusal, wanted, note };
        let row = self.decided(claim, decision, event, source)?;
        row.refusal = refusal;
        row.close(ClaimState::Refused, on);
        let row = row.clone();
        self.count_refused(&row, on, source)
    }

    /// Writes a decision down; the claim, moved to its day.
    fn decided(
        &mut self,
        claim: ClaimId,
        decision: Decision,
        event: &Arrived,
        source: &mut dyn Source,
    ) -> Result<&mut Claim, Stop> {
        let row = known(self.claims.edit(&(claim,), source)?, "the claim")?;
        up(&mut row.decisions, "the decisions on a claim")?;
        let waited_days = days_between(row.moved_on, decision.on);
        let counted = (decision.outcome, decision.on, waited_days);
        row.moved_on = decision.on;
        let number = row.decisions;
        self.count_decided(&decision.organisation, &decision.by, counted, source)?;
        self.steps.create(ApprovalStep {
            claim,
            number,
            step: decision.step,
            outcome: decision.outcome,
            organisation: decision.organisation,
            decided_by: decision.by,
            decided_on: decision.on,
            waited_days,
            refusal: decision.refusal,
            wanted: decision.wanted.map(Json),
            note: Some(decision.note).filter(|note| !note.is_empty()),
            recorded_at: event.recorded_at,
        })?;
        Ok(known(self.claims.edit(&(claim,), source)?, "the claim")?)
    }

    fn supplemented(
        &mut self,
        claim: ClaimId,
        body: &Supplemented,
        source: &mut dyn Source,
    ) -> Result<(), Stop> {
        let row = known(self.claims.edit(&(claim,), source)?, "the claim")?;
        let before = row.clone();
        row.state = ClaimState::InReview;
        row.moved_on = body.on;
        let claimant = known(self.claimants.get(&(row.member,), source)?, "the member")?;
        row.take_facts(&body.facts, claimant)?;
        row.look_ahead();
        let after = row.clone();
        if after.opens_case {
            let case = known(self.cases.edit(&(after.case_id,), source)?, "the case of the claim")?;
            (case.incident_kind, case.incident_on) = (after.incident_kind, after.incident_on);
        }
        self.count_changed(&before, &after, source)?;
        self.set_due(claim, source)?;
        let facts = known(self.facts.edit(&(claim,), source)?, "the facts of the claim")?;
        // What reviewers confirmed stays so.
        facts.facts = Json(body.facts.confirming(&after.confirmed_diagnoses.0));
        Ok(())
    }

    fn approved(
        &mut self,
        claim: ClaimId,
        body: &Approved,
        source: &mut dyn Source,
    ) -> Result<(), Stop> {
        let row = known(self.claims.edit(&(claim,), source)?, "the claim")?;
        row.approved_fen = Some(body.amount);
        row.approved_on = Some(body.on);
        if body.amount.is_zero() {
            row.close(ClaimState::Closed, body.on);
            return self.take_assessment(claim, &body.assessment, source);
        }
        row.close(ClaimState::Approved, body.on);
        if let Some(policy) = row.policy.clone() {
            let deadlines = known(self.deadlines.get(&(policy,), source)?, "the approval policy")?;
            let days = deadlines.pay_within_working_days.and_then(|days| u16::try_from(days).ok());
            row.pay_by = days.map(|days| working_days_after(body.on, days));
        }
        let row = row.clone();
        self.take_assessment(claim, &body.assessment, source)?;
        let case = known(self.cases.edit(&(row.case_id,), source)?, "the case of the claim")?;
        case.approved_fen = case.approved_fen.plus(body.amount)?;
        self.count_approved(&row, (body.amount, body.on), source)
    }

    fn paid(&mut self, claim: ClaimId, body: &Paid, source: &mut dyn Source) -> Result<(), Stop> {
        let row = known(self.claims.edit(&(claim,), source)?, "the claim")?;
        row.close(ClaimState::Paid, body.on);
        row.paid_fen = body.amount;
        row.payout = Some(body.payout);
        row.paid_on = Some(body.on);
        let row = row.clone();
        let case = known(self.cases.edit(&(row.case_id,), source)?, "the case of the claim")?;
        case.paid_fen = case.paid_fen.plus(body.amount)?;
        self.count_paid(&row, (body.amount, body.on), source)
    }

    fn payment_reversed(
        &mut self,
        claim: ClaimId,
        body: &PaymentReversed,
        source: &mut dyn Source,
    ) -> Result<(), Stop> {
        let row = known(self.claims.edit(&(claim,), source)?, "the claim")?;
        row.close(ClaimState::Reversed, body.on);
        row.paid_fen = row.paid_fen.minus(body.amount)?;
        let row = row.clone();
        let case = known(self.cases.edit(&(row.case_id,), source)?, "the case of the claim")?;
        case.paid_fen = case.paid_fen.minus(body.amount)?;
        self.count_reversed(&row, (body.amount, body.on), source)
    }
}

#[cfg(test)]
mod tests;
