//! What streams are called.

use huzhu_domain::id::{
    BatchId, ClaimId, CoverId, MemberId, OrganisationId, PayoutId, PlanCode, ResidentKey, RosterId,
    StatementSerial, Subject,
};

use crate::port::StreamName;

/// A plan and its versions.
#[must_use]
pub fn plan(plan: &PlanCode) -> StreamName {
    StreamName::built(format!("plan-{plan}"))
}

/// The approval policies of the office.
#[must_use]
pub fn approval_policy() -> StreamName {
    StreamName::built("approval-policy".to_owned())
}

/// An organisation and its handlers.
#[must_use]
pub fn organisation(organisation: &OrganisationId) -> StreamName {
    StreamName::built(format!("organisation-{organisation}"))
}

/// A member.
#[must_use]
pub fn member(member: MemberId) -> StreamName {
    StreamName::built(format!("member-{member}"))
}

/// The terms that a member has held under a plan.
#[must_use]
pub fn enrolment(plan: &PlanCode, member: MemberId) -> StreamName {
    StreamName::built(format!("enrolment-{plan}-{member}"))
}

/// A roster.
#[must_use]
pub fn roster(roster: RosterId) -> StreamName {
    StreamName::built(format!("roster-{roster}"))
}

/// A cover and its accumulators.
#[must_use]
pub fn cover(cover: CoverId) -> StreamName {
    StreamName::built(format!("cover-{cover}"))
}

/// A claim.
#[must_use]
pub fn claim(claim: ClaimId) -> StreamName {
    StreamName::built(format!("claim-{claim}"))
}

/// A payout.
#[must_use]
pub fn payout(payout: PayoutId) -> StreamName {
    StreamName::built(format!("payout-{payout}"))
}

/// A batch.
#[must_use]
pub fn batch(batch: BatchId) -> StreamName {
    StreamName::built(format!("batch-{batch}"))
}

/// Reservation: a stay or receipt is claimed once under a plan.
#[must_use]
pub fn stay(plan: &PlanCode, serial: &StatementSerial) -> StreamName {
    StreamName::built(format!("stay-{plan}-{serial}"))
}

/// Reservation: one person is one member.
#[must_use]
pub fn resident(key: &ResidentKey) -> StreamName {
    StreamName::built(format!("resident-{key}"))
}

/// Reservation: a handler belongs to one organisation.
#[must_use]
pub fn handler(handler: &Subject) -> StreamName {
    StreamName::built(format!("handler-{handler}"))
}
