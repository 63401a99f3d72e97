//! Processes: what has to follow an event in other streams.
//!
//! No log offers a transaction across streams, so a flow that crosses them goes on from its own
//! events: whoever recorded one drives what follows, and after a crash it is driven again. Every
//! reaction is safe to repeat: it looks at what stands and does what is missing.

use std::sync::Arc;

use uuid::Uuid;

use crate::history::Event;
use crate::id::{BatchId, ClaimId, CoverId, PayoutId, RosterId};
use crate::{batch, claim, cover, payout, roster};

/// What follows an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reaction {
    /// Grant the covers of a confirmed roster.
    GrantRoster(RosterId),
    /// Owe the payout of an approved claim.
    Owe(ClaimId),
    /// End the enrolment's term with its cover.
    EndTerm(CoverId),
    /// Let go of what a cover holds for a claim, unless the claim is still on its way to payment.
    Tidy(ClaimId),
    /// Gather the payouts of an open batch and seal its file.
    Gather(BatchId),
    /// Carry the bank's answer to the payouts, covers and claims.
    CarryAnswer(BatchId, Arc<batch::Answered>),
    /// Record on cover and claim that a payout was settled.
    CarrySettlement(PayoutId),
    /// Record on cover and claim that a payout was reversed.
    CarryReversal(PayoutId),
}

/// Whether anything may follow events of this name, so that the others need not be read.
#[must_use]
pub fn reacts_to(name: &str) -> bool {
    matches!(
        name,
        "RosterConfirmed"
            | "CoverBenefitReserved"
            | "CoverEnded"
            | "ClaimApproved"
            | "ClaimRefused"
            | "ClaimWithdrawn"
            | "ClaimReturned"
            | "PayoutSettled"
            | "PayoutReversed"
            | "BatchOpened"
            | "BatchAnswered"
    )
}

/// What follows `event` of the stream whose aggregate is called `of`.
#[must_use]
pub fn react(event: &Event, of: Uuid) -> Option<Reaction> {
    match event {
        Event::Roster(event) => after_roster(event, RosterId::new(of)),
        Event::Cover(event) => after_cover(event, CoverId::new(of)),
        Event::Claim(event) => after_claim(event, ClaimId::new(of)),
        Event::Payout(event) => after_payout(event, PayoutId::new(of)),
        Event::Batch(event) => after_batch(event, BatchId::new(of)),
        Event::Plan(_)
        | Event::ApprovalPolicy(_)
        | Event::Organisation(_)
        | Event::Reservation(_)
        | Event::Member(_)
        | Event::Enrolment(_) => None,
    }
}

fn after_roster(event: &roster::Event, roster: RosterId) -> Option<Reaction> {
    match event {
        roster::Event::Confirmed(_) => Some(Reaction::GrantRoster(roster)),
        roster::Event::Opened(_)
        | roster::Event::MembersAdded(_)
        | roster::Event::MemberRemoved(_)
        | roster::Event::ContributionRecorded(_)
        | roster::Event::Cancelled(_)
        | roster::Event::Granted(_) => None,
    }
}

fn after_cover(event: &cover::Event, cover: CoverId) -> Option<Reaction> {
    match event {
        // The claim may have been refused while its approval was on its way.
        cover::Event::BenefitReserved(body) => Some(Reaction::Tidy(body.claim)),
        cover::Event::Ended(_) => Some(Reaction::EndTerm(cover)),
        cover::Event::Granted(_)
        | cover::Event::BenefitReleased(_)
        | cover::Event::BenefitPaid(_)
        | cover::Event::BenefitReversed(_) => None,
    }
}

fn after_claim(event: &claim::Event, claim: ClaimId) -> Option<Reaction> {
    match event {
        claim::Event::Approved(_) => Some(Reaction::Owe(claim)),
        claim::Event::Refused(_) | claim::Event::Withdrawn(_) | claim::Event::Returned(_) => {
            Some(Reaction::Tidy(claim))
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

fn after_payout(event: &payout::Event, payout: PayoutId) -> Option<Reaction> {
    match event {
        payout::Event::Settled(_) => Some(Reaction::CarrySettlement(payout)),
        payout::Event::Reversed(_) => Some(Reaction::CarryReversal(payout)),
        payout::Event::Created(_)
        | payout::Event::Batched(_)
        | payout::Event::Returned(_)
        | payout::Event::Corrected(_) => None,
    }
}

fn after_batch(event: &batch::Event, batch: BatchId) -> Option<Reaction> {
    match event {
        batch::Event::Opened(_) => Some(Reaction::Gather(batch)),
        batch::Event::Answered(answered) => {
            Some(Reaction::CarryAnswer(batch, Arc::clone(answered)))
        }
        batch::Event::Sealed(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    const OF: Uuid = Uuid::from_u128(7);

    #[test]
    fn a_confirmed_roster_is_granted() {
        let confirmed = roster::Event::Confirmed(roster::Confirmed {
            members: 1,
            contribution: "60".parse().unwrap(),
            workers: 1,
            on: date(2014, 12, 1),
        });
        let expected = Some(Reaction::GrantRoster(RosterId::new(OF)));
        assert_eq!(react(&confirmed.into(), OF), expected);
    }

    #[test]
    fn a_withdrawn_claim_lets_go_of_its_cover() {
        let withdrawn = claim::Event::Withdrawn(claim::Withdrawn {
            by: "h-1".parse().unwrap(),
            note: String::new(),
            on: date(2014, 12, 1),
        });
        let expected = Some(Reaction::Tidy(ClaimId::new(OF)));
        assert_eq!(react(&withdrawn.into(), OF), expected);
    }

    #[test]
    fn a_batch_in_the_making_is_gathered() {
        let opened = batch::Event::Opened(Arc::new(batch::Opened {
            batch: BatchId::new(OF),
            payouts: vec![PayoutId::new(OF)],
            by: "h-1".parse().unwrap(),
            on: date(2014, 12, 1),
        }));
        assert_eq!(react(&opened.into(), OF), Some(Reaction::Gather(BatchId::new(OF))));
    }

    #[test]
    fn only_events_that_are_read_are_reacted_to() {
        let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/events");
        let mut reacting = 0;
        for file in std::fs::read_dir(golden).unwrap().map(Result::unwrap) {
            let name = file.file_name().into_string().unwrap();
            let name = name.split_once('.').unwrap().0;
            let body = std::fs::read(file.path()).unwrap();
            let event = Event::decode(name, 1, body.trim_ascii()).unwrap();
            assert_eq!(react(&event, OF).is_some(), reacts_to(name), "{name}");
            reacting += usize::from(reacts_to(name));
        }
        assert!(reacting >= 10, "{reacting}");
    }

    #[test]
    fn the_lapse_of_a_filing_asks_for_nothing() {
        let lapsed = claim::Event::FilingLapsed(claim::FilingLapsed {});
        assert_eq!(react(&lapsed.into(), OF), None);
    }
}
