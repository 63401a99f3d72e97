//! Processes: what has to follow elsewhere from an event of one aggregate.
//!
//! ```text
//! claim approved ─────────────────▶ its payout is owed
//! claim refused, withdrawn,
//!   returned; benefit reserved ───▶ what the cover holds for a claim that is not paid is let go of
//! roster confirmed ───────────────▶ its covers are granted
//! batch opened ───────────────────▶ its payouts are gathered and the file closed
//! batch answered ─────────────────▶ each of its payouts is settled or returned
//! payout settled, reversed ───────▶ cover and claim record it
//! ```
//!
//! A follow-up is asked for as often as its event is read, so whoever carries it out looks at where
//! things stand and does what is left to do. It names ids, not figures: those are read then.
//!
//! # Invariants
//!
//! 1. The same event asks for the same follow-ups under the same names, at any time.
//! 2. A follow-up never asks anything of the outside: no file, no message.

use jiff::civil::Date;
use uuid::Uuid;

use crate::batch::AnswerLine;
use crate::history::Event;
use crate::id::{BatchId, ClaimId, CommandId, PayoutId, RosterId};
use crate::{batch, claim, cover, payout, roster};

/// What has to follow from an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FollowUp {
    /// Owe the benefit of an approved claim.
    Owe {
        /// The claim.
        claim: ClaimId,
    },
    /// Let go of what is set aside for a claim, unless it is approved or its last step may still
    /// be on its way.
    ///
    /// The cover is read before the claim, and appended to only where it was read: else a benefit
    /// that is reserved in between, for a claim that came back, would be lost.
    Release {
        /// The claim.
        claim: ClaimId,
    },
    /// Grant the covers of a confirmed roster.
    GrantCovers {
        /// The roster.
        roster: RosterId,
    },
    /// Put the payouts of an open batch into its file, and close it.
    Gather {
        /// The batch.
        batch: BatchId,
    },
    /// Tell a payout what the bank answered.
    CarryAnswer {
        /// The batch.
        batch: BatchId,
        /// What the bank said of the payout.
        line: AnswerLine,
        /// The day.
        on: Date,
    },
    /// Record on cover and claim that a payout was settled.
    CarrySettlement {
        /// The payout.
        payout: PayoutId,
    },
    /// Record on cover and claim that a payout was taken back.
    CarryReversal {
        /// The payout.
        payout: PayoutId,
    },
}

impl FollowUp {
    /// The id of the command that carries it out, if `cause` is the command of the event: one and
    /// the same, whether it is carried out at once or after a crash.
    #[must_use]
    pub fn command(&self, cause: CommandId) -> CommandId {
        match self {
            Self::Owe { claim } => cause.then(&format!("owe-{claim}")),
            Self::Release { claim } => cause.then(&format!("release-{claim}")),
            Self::GrantCovers { roster } => cause.then(&format!("grant-{roster}")),
            Self::Gather { batch } => cause.then(&format!("gather-{batch}")),
            Self::CarryAnswer { line, .. } => cause.then(&format!("answer-{}", line.payout)),
            Self::CarrySettlement { payout } => cause.then(&format!("settled-{payout}")),
            Self::CarryReversal { payout } => cause.then(&format!("reversed-{payout}")),
        }
    }
}

/// What has to follow from `event` of the aggregate `id`, which its stream is named after.
#[must_use]
pub fn react(id: Uuid, event: &Event) -> Vec<FollowUp> {
    match event {
        Event::Claim(event) => after_claim(ClaimId::new(id), event).into_iter().collect(),
        Event::Cover(event) => after_cover(event).into_iter().collect(),
        Event::Roster(event) => after_roster(RosterId::new(id), event).into_iter().collect(),
        Event::Batch(event) => after_batch(BatchId::new(id), event),
        Event::Payout(event) => after_payout(PayoutId::new(id), event).into_iter().collect(),
        Event::Plan(_)
        | Event::ApprovalPolicy(_)
        | Event::Organisation(_)
        | Event::Reservation(_)
        | Event::Member(_)
        | Event::Enrolment(_) => Vec::new(),
    }
}

fn after_claim(claim: ClaimId, event: &claim::Event) -> Option<FollowUp> {
    match event {
        claim::Event::Approved(_) => Some(FollowUp::Owe { claim }),
        claim::Event::Returned(_) | claim::Event::Refused(_) | claim::Event::Withdrawn(_) => {
            Some(FollowUp::Release { claim })
        }
        claim::Event::Filed(_)
        | claim::Event::Assessed(_)
        | claim::Event::StepPassed(_)
        | claim::Event::Supplemented(_)
        | claim::Event::FilingLapsed(_)
        | claim::Event::Paid(_)
        | claim::Event::PaymentReversed(_) => None,
    }
}

fn after_cover(event: &cover::Event) -> Option<FollowUp> {
    match event {
        // The claim may have been refused between its last step's reserve and its approval.
        cover::Event::BenefitReserved(reserved) => {
            Some(FollowUp::Release { claim: reserved.claim })
        }
        cover::Event::Granted(_)
        | cover::Event::BenefitReleased(_)
        | cover::Event::BenefitPaid(_)
        | cover::Event::BenefitReversed(_)
        | cover::Event::Ended(_) => None,
    }
}

fn after_roster(roster: RosterId, event: &roster::Event) -> Option<FollowUp> {
    match event {
        roster::Event::Confirmed(_) => Some(FollowUp::GrantCovers { roster }),
        roster::Event::Opened(_)
        | roster::Event::MembersAdded(_)
        | roster::Event::MemberRemoved(_)
        | roster::Event::ContributionRecorded(_)
        | roster::Event::Cancelled(_)
        | roster::Event::Granted(_) => None,
    }
}

fn after_batch(batch: BatchId, event: &batch::Event) -> Vec<FollowUp> {
    match event {
        batch::Event::Opened(_) => vec![FollowUp::Gather { batch }],
        batch::Event::Answered(answered) => answered
            .lines
            .iter()
            .map(|line| FollowUp::CarryAnswer { batch, line: line.clone(), on: answered.on })
            .collect(),
        batch::Event::Sealed(_) => Vec::new(),
    }
}

fn after_payout(payout: PayoutId, event: &payout::Event) -> Option<FollowUp> {
    match event {
        payout::Event::Settled(_) => Some(FollowUp::CarrySettlement { payout }),
        payout::Event::Reversed(_) => Some(FollowUp::CarryReversal { payout }),
        payout::Event::Created(_)
        | payout::Event::Batched(_)
        | payout::Event::Returned(_)
        | payout::Event::Corrected(_) => None,
    }
}

#[cfg(test)]
mod tests;
