//! Claims on the deciders' side: each level passes on, sends back or refuses.

use std::sync::Arc;

use huzhu_domain::approval_policy::ApprovalPolicy;
use huzhu_domain::claim::{
    self, Approval, Assessed, Claim, Confirmation, Decision, Filed, RefusalReason, Review, Wanted,
};
use huzhu_domain::cover::{self, BenefitReserved, Cover};
use huzhu_domain::id::checked::Icd10;
use huzhu_domain::id::{ClaimId, PayoutId};
use huzhu_domain::money::Money;
use huzhu_domain::organisation::Organisation;
use huzhu_domain::payout::{self, Payout};
use huzhu_domain::plan::Plan;
use huzhu_domain::step::Step;

use super::claims::{let_go, release};
use super::draft::Draft;
use super::flow::{Flow, Stop};
use super::judgement::{assessed, worth};
use super::loaded::Loaded;
use super::payouts::Owe;
use super::{Engine, EngineError, Envelope, Receipt, streams};
use crate::port::StreamName;

/// Agrees to a claim at its next step; the last one approves it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PassStep {
    /// The claim.
    pub claim: ClaimId,
    /// The step that the person believes to take; any if absent.
    pub step: Option<Step>,
    /// The amount that the person believes to approve; any if absent.
    pub expected_amount: Option<Money>,
    /// The diagnoses of which the person confirms what their code alone cannot tell.
    pub confirmed: Vec<Icd10>,
    /// A remark.
    pub note: String,
}

/// Sends a claim back for more papers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReturnClaim {
    /// The claim.
    pub claim: ClaimId,
    /// The step that the person believes to take; any if absent.
    pub step: Option<Step>,
    /// What is wanted.
    pub wanted: Vec<Wanted>,
    /// A remark.
    pub note: String,
}

/// Turns a claim down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefuseClaim {
    /// The claim.
    pub claim: ClaimId,
    /// The step that the person believes to take; any if absent.
    pub step: Option<Step>,
    /// Why, as a code.
    pub reason: RefusalReason,
    /// Why, in words.
    pub note: String,
}

impl Flow for PassStep {
    fn target(&self, _: &Envelope) -> StreamName {
        streams::claim(self.claim)
    }

    async fn draft(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        let claim = draft.load::<Claim>(streams::claim(self.claim)).await?;
        draft.meet(&claim)?;
        let review = claim.state.in_review()?;
        let decision = decision(draft, review, self.step, &self.note).await?;
        let confirmation = self.confirmation(draft, review).await?;
        if review.next().is_some_and(|step| review.ends_with(step, confirmation.as_ref())) {
            return self.approve(draft, &claim, decision, confirmation).await;
        }
        let assessed = review.assessed_with(confirmation.as_ref());
        let version = assessed.assessment.version.clone();
        let command = claim::Command::PassStep { decision, confirmation, approval: None };
        draft.decide_under(&claim, command, Some(&version))?;
        Ok(())
    }
}

impl PassStep {
    /// What the person confirms, and what the claim is worth with that.
    async fn confirmation(
        &self,
        draft: &Draft<'_>,
        review: &Review,
    ) -> Result<Option<Confirmation>, Stop> {
        if self.confirmed.is_empty() {
            return Ok(None);
        }
        let (filed, on) = (review.filed(), draft.envelope().on());
        let cover = draft.load::<Cover>(streams::cover(filed.cover)).await?;
        let facts = review.facts().confirming(&self.confirmed);
        let (chain, asks) = (&filed.chain, &filed.asks);
        let assessed = assessed(draft, &cover, self.claim, chain, asks, &facts, on).await?;
        Ok(Some(Confirmation { codes: self.confirmed.clone(), assessed }))
    }

    /// The last step: the benefit is reserved on the cover before the claim is approved, so that
    /// claims which race meet in the cover's stream.
    async fn approve(
        &self,
        draft: &mut Draft<'_>,
        claim: &Loaded<Claim>,
        decision: Decision,
        confirmation: Option<Confirmation>,
    ) -> Result<(), Stop> {
        let review = claim.state.in_review()?;
        let filed = review.filed();
        let facts = review.facts().confirming(&self.confirmed);
        let cover = draft.load::<Cover>(streams::cover(filed.cover)).await?;
        let right = cover.state.granted()?;
        let plan = draft.load::<Plan>(streams::plan(&filed.plan)).await?;
        let assessment = worth(&plan.state, right, self.claim, &filed.asks, &facts)?;
        let assessment = Arc::new(assessment);
        let seen = review.assessed_with(confirmation.as_ref());
        self.expect(draft, filed, seen, assessment.total).await?;
        let reserved = BenefitReserved {
            claim: self.claim,
            amount: assessment.total,
            uses: assessment.uses.clone(),
            ceilings: assessment.ceilings.clone(),
            ends_cover: assessment.ends_cover,
        };
        let version = assessment.version.clone();
        let cover_revision = cover.revision.map_or(0, |revision| revision.0);
        let expected = self.expected_amount;
        let approval = Some(Approval { assessment, cover_revision, expected });
        let on = decision.on;
        let command = claim::Command::PassStep { decision, confirmation, approval };
        // Decided before anything is reserved: a refusal must not leave money set aside.
        draft.check(claim, command.clone())?;
        let amount = reserved.amount;
        if amount.is_positive() || !reserved.uses.is_empty() {
            draft.decide_under(&cover, cover::Command::Reserve(reserved), Some(&version))?;
        } else {
            // What an approval that was cut short reserved, when there was something.
            let_go(draft, &cover, self.claim)?;
        }
        draft.decide_under(claim, command, Some(&version))?;
        if amount.is_zero() {
            return Ok(());
        }
        let payout = streams::payout(PayoutId::of(self.claim));
        let payout = draft.load_new::<Payout>(payout).await?;
        let created = Arc::new(owed(filed, version, amount, on));
        draft.decide(&payout, payout::Command::Create(created))?;
        Ok(())
    }

    /// What is approved is what the person saw, and what the steps taken are enough for.
    async fn expect(
        &self,
        draft: &Draft<'_>,
        filed: &Filed,
        assessed: &Assessed,
        actual: Money,
    ) -> Result<(), Stop> {
        if let Some(expected) = self.expected_amount.filter(|expected| *expected != actual) {
            return Err(claim::Rejection::AssessmentChanged { expected, actual }.into());
        }
        let expected = assessed.assessment.total;
        if actual <= expected {
            return Ok(());
        }
        let on = draft.envelope().on();
        let policy = draft.load::<ApprovalPolicy>(streams::approval_policy()).await?;
        let (_, steps) = policy.state.steps_for(&filed.plan, actual, on)?;
        let mut asked = steps.iter().filter(|step| filed.chain.at(step.level()).is_some());
        if asked.all(|step| assessed.steps.contains(step)) {
            Ok(())
        } else {
            Err(claim::Rejection::AssessmentChanged { expected, actual }.into())
        }
    }
}

impl Flow for ReturnClaim {
    fn target(&self, _: &Envelope) -> StreamName {
        streams::claim(self.claim)
    }

    async fn draft(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        let claim = draft.load::<Claim>(streams::claim(self.claim)).await?;
        draft.meet(&claim)?;
        let review = claim.state.in_review()?;
        let decision = decision(draft, review, self.step, &self.note).await?;
        let wanted = self.wanted.clone();
        draft.decide(&claim, claim::Command::Return { decision, wanted })?;
        release(draft, review.filed()).await
    }
}

impl Flow for RefuseClaim {
    fn target(&self, _: &Envelope) -> StreamName {
        streams::claim(self.claim)
    }

    async fn draft(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        let claim = draft.load::<Claim>(streams::claim(self.claim)).await?;
        draft.meet(&claim)?;
        let review = claim.state.open()?;
        let decision = decision(draft, review, self.step, &self.note).await?;
        let command = claim::Command::Refuse { decision, reason: self.reason };
        let version = review.assessed().assessment.version.clone();
        draft.decide_under(&claim, command, Some(&version))?;
        release(draft, review.filed()).await
    }
}

/// Lets go of what is set aside for a claim that is not on its way to payment.
pub(super) struct Tidy {
    pub(super) claim: ClaimId,
}

impl Flow for Tidy {
    fn target(&self, _: &Envelope) -> StreamName {
        streams::claim(self.claim)
    }

    async fn draft(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        let claim = draft.load::<Claim>(streams::claim(self.claim)).await?;
        let Ok(review) = claim.state.review() else {
            return Ok(());
        };
        // The cover before the claim: a benefit that is reserved in between, for a claim that came
        // back, moves the cover on, and this is decided again.
        let cover = draft.load::<Cover>(streams::cover(review.filed().cover)).await?;
        let claim = draft.load::<Claim>(streams::claim(self.claim)).await?;
        if claim.state.has_let_go() || claim.state.awaiting_supplement().is_ok() {
            let_go(draft, &cover, self.claim)?;
        }
        Ok(())
    }
}

/// Invariant 5: the person decides for the organisation whose step it is, with the duty, a
/// certificate in force on the day and no suspension. Whether the organisation is the right one,
/// and the person may decide on this very claim, is for the claim to say.
async fn decision(
    draft: &Draft<'_>,
    review: &Review,
    step: Option<Step>,
    note: &str,
) -> Result<Decision, Stop> {
    let (actor, on) = (&draft.envelope().actor, draft.envelope().on());
    let next = review.next();
    if let (Some(expected), Some(given)) = (next, step)
        && expected != given
    {
        return Err(claim::Rejection::WrongStep { expected, given }.into());
    }
    let expected = review.queue().unwrap_or(&review.filed().chain.office);
    let organisation = actor.organisation.as_ref().unwrap_or(expected);
    let mut member = None;
    if let Some(next) = next.filter(|_| organisation == expected) {
        let organisation = draft.load::<Organisation>(streams::organisation(organisation)).await?;
        member = organisation.state.authorise(&actor.subject, next.duty(), on)?.member;
    }
    let (by, organisation, note) = (actor.subject.clone(), organisation.clone(), note.to_owned());
    Ok(Decision { step, by, organisation, member, note, on })
}

/// The payout that an approval makes.
pub(super) fn owed(
    filed: &Filed,
    version: huzhu_domain::id::VersionLabel,
    amount: Money,
    on: jiff::civil::Date,
) -> payout::Created {
    payout::Created {
        payout: PayoutId::of(filed.claim),
        claim: filed.claim,
        cover: filed.cover,
        member: filed.member,
        plan: filed.plan.clone(),
        version,
        unit: filed.chain.unit.clone(),
        district: filed.chain.district.clone(),
        amount,
        on,
    }
}

impl Engine {
    /// Agrees to a claim at its next step; the last one approves it and owes the payout.
    ///
    /// # Errors
    ///
    /// [`EngineError`].
    pub async fn pass_step(
        &self,
        envelope: &Envelope,
        command: PassStep,
    ) -> Result<Receipt, EngineError> {
        let answer = self.run(envelope, &command).await;
        if answer.as_ref().is_ok_and(|receipt| receipt.repeated) {
            // A crash may have come between the approval and the payout.
            self.run(&envelope.then("owe"), &Owe { claim: command.claim }).await?;
        }
        if let Err(EngineError::Rejected(_) | EngineError::Raced { .. }) = answer {
            // An attempt that lost the race for the claim may have reserved on the cover.
            let tidy = Tidy { claim: command.claim };
            self.run(&envelope.then("tidy"), &tidy).await?;
        }
        answer
    }

    /// Sends a claim back for more papers.
    ///
    /// # Errors
    ///
    /// [`EngineError`].
    pub async fn return_claim(
        &self,
        envelope: &Envelope,
        command: ReturnClaim,
    ) -> Result<Receipt, EngineError> {
        self.run_and_tidy(envelope, command.claim, &command).await
    }

    /// Turns a claim down.
    ///
    /// # Errors
    ///
    /// [`EngineError`].
    pub async fn refuse_claim(
        &self,
        envelope: &Envelope,
        command: RefuseClaim,
    ) -> Result<Receipt, EngineError> {
        self.run_and_tidy(envelope, command.claim, &command).await
    }

    /// Takes a flow to its end that lets go of the cover. One that is repeated may have been cut
    /// short before that.
    pub(super) async fn run_and_tidy<F: Flow>(
        &self,
        envelope: &Envelope,
        claim: ClaimId,
        flow: &F,
    ) -> Result<Receipt, EngineError> {
        let receipt = self.run(envelope, flow).await?;
        if receipt.repeated {
            self.run(&envelope.then("tidy"), &Tidy { claim }).await?;
        }
        Ok(receipt)
    }
}
