use serde::Serialize;

use super::*;

/// Why a command was refused; nothing was recorded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize)]
#[serde(tag = "reason", rename_all = "SCREAMING_SNAKE_CASE", rename_all_fields = "snake_case")]
pub enum Rejection {
    /// Nobody filed it.
    #[error("the claim has not been filed")]
    ClaimNotFiled,
    /// It was filed before.
    #[error("the claim has already been filed")]
    ClaimAlreadyFiled,
    /// The filing never finished, and its stays went to another claim.
    #[error("this filing lapsed: file again with a new request id")]
    FilingLapsed,
    /// The approval policy asks for nothing.
    #[error("the approval policy asks for no step")]
    NoSteps,
    /// Invariant 1: the approval policy asks for a step that the claim has no organisation for.
    #[error("the claim has no organisation that takes {step:?}")]
    StepOfNobody { step: Step },
    /// A note is longer than it may be.
    #[error("a note has at most {limit} characters, not {given}")]
    NoteTooLong { limit: usize, given: usize },
    /// A reason without a meaning of its own is explained.
    #[error("a refusal for {refusal:?} reasons needs a note")]
    NoteMissing { refusal: RefusalReason },
    /// Invariant 4: no level has to decide.
    #[error("the claim is {state}, not in review")]
    ClaimNotInReview { state: &'static str },
    /// No papers are wanted.
    #[error("the claim is {state}: no supplement is wanted")]
    SupplementNotWanted { state: &'static str },
    /// Invariant 2: another step comes first.
    #[error("the next step is {expected:?}, not {given:?}")]
    WrongStep { expected: Step, given: Step },
    /// Invariant 1: the step belongs to another organisation.
    #[error("{step:?} of this claim belongs to {expected}, not to {given}")]
    WrongOrganisation { step: Step, expected: OrganisationId, given: OrganisationId },
    /// Invariant 1: the person decided at another step.
    #[error("{by} decided on this claim before, at {step:?}")]
    DecidedBefore { by: Subject, step: Step },
    /// Invariant 1: nobody decides on a claim of their own.
    #[error("{by} cannot decide on a claim of their own")]
    OwnClaim { by: Subject },
    /// The last step needs an assessment as the cover stands.
    #[error("the last step needs an assessment")]
    AssessmentMissing,
    /// There is nothing to pay, and the person did not say that they expect nothing.
    #[error("{total} yuan are payable: say that you expect nothing to close the claim")]
    NothingPayable { total: Money },
    /// The assessment is no longer what the person saw.
    #[error("the assessment is {actual} yuan, not {expected}")]
    AssessmentChanged { expected: Money, actual: Money },
    /// A return asks for something, and not for too much.
    #[error("1 to {limit} things are asked for, not {given}")]
    WantedCount { limit: usize, given: usize },
    /// It was returned as often as it may be.
    #[error("a claim is returned at most {limit} times")]
    TooManyReturns { limit: usize },
    /// Invariant 5: the day lies before the last one.
    #[error("{given} lies before {last}")]
    ClaimDateBefore { last: Date, given: Date },
    /// Nobody hands in what was applied for on a later day.
    #[error("the application of {applied_on} lies after {on}")]
    AppliedInFuture { applied_on: Date, on: Date },
    /// Invariant 6: the step is no review of the office.
    #[error("{step:?} confirms no diagnosis: a review of the office does")]
    ConfirmedElsewhere { step: Step },
    /// Invariant 6: who files cannot say that a reviewer confirmed something.
    #[error("no reviewer has confirmed diagnosis {code}")]
    ConfirmedByFiler { code: Icd10 },
    /// Invariant 6: the claim has no such diagnosis.
    #[error("the claim has no diagnosis {code}")]
    DiagnosisUnknown { code: Icd10 },
    /// Only an approved claim is paid.
    #[error("the claim is {state}, not approved")]
    ClaimNotApproved { state: &'static str },
    /// Invariant 3: it was paid by another payout.
    #[error("the claim was paid by payout {payout}")]
    ClaimAlreadyPaid { payout: PayoutId },
    /// Only a paid claim is reversed.
    #[error("the claim is {state}, not paid")]
    ClaimNotPaid { state: &'static str },
    /// Invariant 3: another amount than the approved one.
    #[error("{given} yuan do not match the {approved} that stand")]
    PaymentDiffers { approved: Money, given: Money },
    /// The same stay or receipt is part of another claim under this plan.
    #[error("statement {serial} is claimed by {claim} under plan {plan}")]
    StayAlreadyClaimed { serial: String, claim: String, plan: PlanCode },
}
