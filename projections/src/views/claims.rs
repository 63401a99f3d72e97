//! Claims: where they stand, who decided what, what they are worth, and what they add up to.

mod row;
mod tables;

use std::sync::Arc;

use huzhu_domain::assessment::Assessment;
use huzhu_domain::claim::{
    Approved, Assessed, Event, Filed, Paid, PaymentReversed, RefusalReason, Refused, Returned,
    StepPassed, Supplemented,
};
use huzhu_domain::event::StoredEvent;
use huzhu_domain::id::{ClaimId, OrganisationId, Subject};
use huzhu_domain::money::Money;
use huzhu_domain::step::Step;
use huzhu_domain::term::days_between;

use jiff::civil::Date;

use self::row::filed_row;
pub use self::tables::*;
use crate::projection::{Arrived, Poison, Projection, Stop, follows, id_of, known, month, up};
use crate::rows::{Buffer, Rows, Source};
use crate::value::Json;

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
}

impl Projection for Claims {
    fn name(&self) -> &'static str {
        "claims"
    }

    fn version(&self) -> u32 {
        1
    }

    fn takes(&self, event: &str) -> bool {
        Event::knows(event)
    }

    fn owns(&self, category: &str) -> bool {
        category == "claim"
    }

    fn fold(&mut self, event: &Arrived, source: &mut dyn Source) -> Result<(), Stop> {
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
                up(&mut self.statistic(&row, body.on, source)?.withdrawn, "claims of a month")?;
                Ok(())
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
        up(&mut case.claims, "the claims of a case")?;
        let row = filed_row(body, event)?;
        up(&mut self.statistic(&row, body.on, source)?.filed, "claims of a month")?;
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
        self.take_assessment(claim, &body.assessment, source)
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
        let StepPassed { step, by, organisation, note, on } = body;
        let (outcome, refusal, wanted) = (StepOutcome::Passed, None, None);
        let decision = Decision { step, outcome, organisation, by, on, refusal, wanted, note };
        let row = self.decided(claim, decision, event, source)?;
        row.passed_step = Some(step);
        row.look_ahead();
        Ok(())
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
        row.queue = Some(row.unit.clone());
        up(&mut row.returns, "the returns of a claim")?;
        Ok(())
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
        up(&mut self.statistic(&row, on, source)?.refused, "claims of a month")?;
        Ok(())
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
        self.steps.create(ApprovalStep {
            claim,
            number: row.decisions,
            step: decision.step,
            outcome: decision.outcome,
            organisation: decision.organisation,
            decided_by: decision.by,
            decided_on: decision.on,
            waited_days: days_between(row.moved_on, decision.on),
            refusal: decision.refusal,
            wanted: decision.wanted.map(Json),
            note: Some(decision.note).filter(|note| !note.is_empty()),
            recorded_at: event.recorded_at,
        })?;
        row.moved_on = decision.on;
        Ok(row)
    }

    fn supplemented(
        &mut self,
        claim: ClaimId,
        body: &Supplemented,
        source: &mut dyn Source,
    ) -> Result<(), Stop> {
        let row = known(self.claims.edit(&(claim,), source)?, "the claim")?;
        row.state = ClaimState::InReview;
        row.moved_on = body.on;
        row.take_facts(&body.facts)?;
        row.look_ahead();
        let facts = known(self.facts.edit(&(claim,), source)?, "the facts of the claim")?;
        facts.facts = Json(Arc::clone(&body.facts));
        Ok(())
    }

    fn approved(
        &mut self,
        claim: ClaimId,
        body: &Approved,
        source: &mut dyn Source,
    ) -> Result<(), Stop> {
        let row = known(self.claims.edit(&(claim,), source)?, "the claim")?;
        row.close(ClaimState::Approved, body.on);
        row.approved_fen = Some(body.amount);
        row.approved_on = Some(body.on);
        let row = row.clone();
        self.take_assessment(claim, &body.assessment, source)?;
        let case = known(self.cases.edit(&(row.case_id,), source)?, "the case of the claim")?;
        case.approved_fen = case.approved_fen.plus(body.amount)?;
        let statistic = self.statistic(&row, body.on, source)?;
        up(&mut statistic.approved, "claims of a month")?;
        statistic.approved_fen = statistic.approved_fen.plus(body.amount)?;
        Ok(())
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

        let (plan, version, district, month) = place(&row, body.on);
        let key = (plan, version, district, month, row.member);
        let person = self.persons.edit_or(&key, source, || {
            let (plan, version, district, month, member) = key.clone();
            let (payments, benefits_fen) = (0, Money::ZERO);
            BenefitPerson { plan, version, district, month, member, payments, benefits_fen }
        })?;
        let first = person.payments == 0;
        up(&mut person.payments, "payments of a month")?;
        person.benefits_fen = person.benefits_fen.plus(body.amount)?;

        let statistic = self.statistic(&row, body.on, source)?;
        up(&mut statistic.payments, "payments of a month")?;
        if first {
            up(&mut statistic.persons, "persons of a month")?;
        }
        statistic.benefits_fen = statistic.benefits_fen.plus(body.amount)?;
        let days = days_between(row.filed_on, body.on);
        let days = statistic.days_to_payment.checked_add(days);
        statistic.days_to_payment = days.ok_or(Poison::Count { what: "days to payment" })?;
        Ok(())
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
        // What was paid in a month stays paid in it; what came back is counted when it came back.
        let statistic = self.statistic(&row, body.on, source)?;
        up(&mut statistic.reversals, "payments of a month")?;
        statistic.recovered_fen = statistic.recovered_fen.plus(body.amount)?;
        Ok(())
    }

    fn statistic(
        &mut self,
        claim: &Claim,
        on: Date,
        source: &mut dyn Source,
    ) -> Result<&mut BenefitStatistic, Stop> {
        let key = place(claim, on);
        Ok(self.statistics.edit_or(&key, source, || {
            let (plan, version, district, month) = key.clone();
            BenefitStatistic {
                plan,
                version,
                district,
                month,
                filed: 0,
                approved: 0,
                approved_fen: Money::ZERO,
                refused: 0,
                withdrawn: 0,
                payments: 0,
                persons: 0,
                benefits_fen: Money::ZERO,
                reversals: 0,
                recovered_fen: Money::ZERO,
                days_to_payment: 0,
            }
        })?)
    }
}

/// Where the statistics count a claim.
fn place(claim: &Claim, on: Date) -> <BenefitStatistic as crate::record::Record>::Key {
    let district = claim.district.as_ref().map_or_else(String::new, ToString::to_string);
    (claim.plan.clone(), claim.version.clone(), district, month(on))
}
