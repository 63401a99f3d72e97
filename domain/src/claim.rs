//! A claim (理赔): one application of one member against one cover.
//!
//! ```text
//!           File             PassStep (last)         RecordPayment
//! Unfiled ───────▶ InReview ────────────────▶ Approved ──────────▶ Paid
//!    │              │ ▲  │ ╲                                         │
//!    │      Return  ▼ │  │  ╲ Refuse, Withdraw         RecordReversal▼
//!    │  AwaitingSupplement│   ╰─────▶ Refused, Withdrawn          Reversed
//!    │          (Supplement)               ▲
//!    │                  ╰──────────────────╯ Refuse, Withdraw
//!    ╰─ Lapse ─▶ Lapsed (a filing that never finished)
//! ```
//!
//! `PassStep` before the last step stays in review, one step further. The last step closes a claim
//! that is worth nothing, if who takes it says so: what the claim uses of the cover, such as a
//! deductible (起付线) that was borne or a place among the stays, then counts for later claims.
//!
//! # Invariants
//!
//! 1. (Invariant 5 of the engine) A step is taken by the organisation of its level in the claim's
//!    chain, by a person who has not decided on this claim before and is not its member.
//! 2. The lowest step that is still to be taken comes next. A claim that comes back from supplement
//!    is decided again where it was, after the levels that its new worth asks for beside.
//! 3. (Invariant 4 of the engine) A claim is paid once; a reversal takes back exactly that payment.
//! 4. Nothing follows refusal, withdrawal, lapse, reversal or closing.
//! 5. Days never go backwards.
//! 6. What the code of a diagnosis cannot tell is confirmed at a review of the office, by who takes
//!    that step, and by nobody who files.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::assessment::Assessment;
use crate::decider::{Decider, Impossible};
use crate::event::{StoredEvent, stored_events};
use crate::id::checked::Icd10;
use crate::id::{
    BenefitCode, CaseId, ClaimId, CoverId, MemberId, OrganisationId, PayoutId, PlanCode, Subject,
    VersionLabel,
};
use crate::money::Money;
use crate::step::{Level, Step};

mod body;
mod decision;
pub mod facts;
mod rejection;
mod review;

use decision::{
    applied_before, confirmed_by_none_but, note_holds, pass, refuse, send_back, steps_exist,
};

pub use body::*;
pub use rejection::Rejection;
pub use review::{Review, outstanding};

/// The most times that one claim is returned for supplement.
pub const RETURNS_MAX: usize = 20;

/// What may be asked of a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Open it.
    File {
        /// What is claimed.
        filed: Arc<Filed>,
        /// What it is worth as the cover stands.
        assessed: Arc<Assessed>,
    },
    /// Agree, at one level; the last one approves.
    PassStep {
        /// Who decides, at which step.
        decision: Decision,
        /// What the person confirms of diagnoses, at a review of the office.
        confirmation: Option<Confirmation>,
        /// The assessment to approve; read only at the last step.
        approval: Option<Approval>,
    },
    /// Send it back for more papers.
    Return {
        /// Who decides, at which step.
        decision: Decision,
        /// What is wanted.
        wanted: Vec<Wanted>,
    },
    /// Bring what was wanted.
    Supplement {
        /// The facts from now on.
        supplemented: Supplemented,
        /// What it is worth with them.
        assessed: Arc<Assessed>,
    },
    /// Turn it down.
    Refuse {
        /// Who decides, at which step.
        decision: Decision,
        /// Why, as a code.
        reason: RefusalReason,
    },
    /// Take it back.
    Withdraw(Withdrawn),
    /// Say that a filing which never finished will never finish.
    Lapse,
    /// Record that the member has the money.
    RecordPayment(Paid),
    /// Record that the money came back.
    RecordReversal(PaymentReversed),
}

/// Where a claim stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Claim {
    /// Nothing has happened yet.
    #[default]
    Unfiled,
    /// Its facts stand, its assessment is about to.
    Filed(Arc<Filed>),
    /// A level has to decide.
    InReview(Review),
    /// The unit has to bring more papers.
    AwaitingSupplement(Review),
    /// Every level agreed; the money is on its way.
    Approved(Review, Arc<Approved>),
    /// Every level agreed that nothing is paid (零给付结案).
    Closed(Review, Arc<Approved>),
    /// The member has the money.
    Paid(Review, Arc<Approved>, Paid),
    /// The money came back.
    Reversed(Review, Arc<Approved>, Paid),
    /// A level turned it down.
    Refused(Review),
    /// The unit took it back.
    Withdrawn(Review),
    /// It was never filed and never will be.
    Lapsed,
}

impl Decider for Claim {
    type Command = Command;
    type Event = Event;
    type Rejection = Rejection;

    fn decide(&self, command: Command) -> Result<Vec<Event>, Rejection> {
        match command {
            Command::File { filed, assessed } => self.file(filed, assessed),
            Command::PassStep { decision, confirmation, approval } => {
                pass(self.in_review()?, decision, confirmation, approval)
            }
            Command::Return { decision, wanted } => send_back(self.in_review()?, decision, wanted),
            Command::Supplement { supplemented, assessed } => {
                self.supplement(supplemented, assessed)
            }
            Command::Refuse { decision, reason } => refuse(self.open()?, decision, reason),
            Command::Withdraw(withdrawn) => self.withdraw(withdrawn),
            Command::Lapse if *self == Self::Lapsed => Ok(Vec::new()),
            Command::Lapse if *self == Self::Unfiled => {
                Ok(vec![Event::FilingLapsed(FilingLapsed {})])
            }
            Command::Lapse => Err(Rejection::ClaimAlreadyFiled),
            Command::RecordPayment(paid) => self.record_payment(paid),
            Command::RecordReversal(reversed) => self.record_reversal(reversed),
        }
    }

    fn evolve(self, event: &Event) -> Result<Self, Impossible> {
        let state = self.name();
        let impossible = || Impossible { event: event.name(), state };
        match (self, event) {
            (Self::Unfiled, Event::Filed(filed)) => Ok(Self::Filed(Arc::clone(filed))),
            (Self::Unfiled, Event::FilingLapsed(_)) => Ok(Self::Lapsed),
            (Self::Filed(filed), Event::Assessed(assessed)) => {
                Ok(Self::InReview(Review::new(filed, assessed)))
            }
            (Self::InReview(review), Event::Assessed(assessed)) => {
                Ok(Self::InReview(review.assessed_again(assessed)))
            }
            (Self::InReview(review), Event::StepPassed(passed)) => {
                review.past_step(passed).map(Self::InReview).ok_or_else(impossible)
            }
            (Self::InReview(review), Event::Returned(returned)) => {
                Ok(Self::AwaitingSupplement(review.past_return(returned)))
            }
            (Self::AwaitingSupplement(review), Event::Supplemented(supplemented)) => {
                Ok(Self::InReview(review.past_supplement(supplemented)))
            }
            (
                Self::InReview(review) | Self::AwaitingSupplement(review),
                Event::Refused(refused),
            ) => Ok(Self::Refused(review.past_refusal(refused))),
            (Self::InReview(review), Event::Approved(approved)) if review.next().is_none() => {
                let approved = Arc::clone(approved);
                Ok(if approved.amount.is_zero() {
                    Self::Closed(review, approved)
                } else {
                    Self::Approved(review, approved)
                })
            }
            (Self::InReview(review) | Self::AwaitingSupplement(review), Event::Withdrawn(_)) => {
                Ok(Self::Withdrawn(review))
            }
            (Self::Approved(review, approved), Event::Paid(paid))
                if paid.amount == approved.amount =>
            {
                Ok(Self::Paid(review, approved, paid.clone()))
            }
            (Self::Paid(review, approved, paid), Event::PaymentReversed(reversed))
                if paid.amount == reversed.amount && paid.payout == reversed.payout =>
            {
                Ok(Self::Reversed(review, approved, paid))
            }
            // Spelled out, so that a new event does not compile until it is placed.
            (
                _,
                Event::Filed(_)
                | Event::Assessed(_)
                | Event::StepPassed(_)
                | Event::Returned(_)
                | Event::Supplemented(_)
                | Event::Refused(_)
                | Event::Approved(_)
                | Event::Withdrawn(_)
                | Event::FilingLapsed(_)
                | Event::Paid(_)
                | Event::PaymentReversed(_),
            ) => Err(impossible()),
        }
    }
}

impl Claim {
    /// The name of the state, as views show it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Unfiled => "unfiled",
            Self::Filed(_) => "filed",
            Self::InReview(_) => "in_review",
            Self::AwaitingSupplement(_) => "awaiting_supplement",
            Self::Approved(..) => "approved",
            Self::Closed(..) => "closed",
            Self::Paid(..) => "paid",
            Self::Reversed(..) => "reversed",
            Self::Refused(_) => "refused",
            Self::Withdrawn(_) => "withdrawn",
            Self::Lapsed => "lapsed",
        }
    }

    /// What is known of the claim from its filing on, whatever its state.
    ///
    /// # Errors
    ///
    /// [`Rejection::ClaimNotFiled`] where there is no such thing.
    pub const fn review(&self) -> Result<&Review, Rejection> {
        match self {
            Self::Unfiled | Self::Filed(_) | Self::Lapsed => Err(Rejection::ClaimNotFiled),
            Self::InReview(review)
            | Self::AwaitingSupplement(review)
            | Self::Approved(review, _)
            | Self::Closed(review, _)
            | Self::Paid(review, _, _)
            | Self::Reversed(review, _, _)
            | Self::Refused(review)
            | Self::Withdrawn(review) => Ok(review),
        }
    }

    /// The review, if a level has to decide.
    ///
    /// # Errors
    ///
    /// [`Rejection::ClaimNotFiled`] or [`Rejection::ClaimNotInReview`].
    pub fn in_review(&self) -> Result<&Review, Rejection> {
        if let Self::InReview(review) = self {
            return Ok(review);
        }
        Err(self.refusal(Rejection::ClaimNotInReview { state: self.name() }))
    }

    /// The review, if it is still open: in review, or waiting for papers.
    ///
    /// # Errors
    ///
    /// [`Rejection::ClaimNotFiled`] or [`Rejection::ClaimNotInReview`].
    pub fn open(&self) -> Result<&Review, Rejection> {
        if let Self::InReview(review) | Self::AwaitingSupplement(review) = self {
            return Ok(review);
        }
        Err(self.refusal(Rejection::ClaimNotInReview { state: self.name() }))
    }

    /// The review, if papers are wanted.
    ///
    /// # Errors
    ///
    /// [`Rejection::ClaimNotFiled`] or [`Rejection::SupplementNotWanted`].
    pub fn awaiting_supplement(&self) -> Result<&Review, Rejection> {
        if let Self::AwaitingSupplement(review) = self {
            return Ok(review);
        }
        Err(self.refusal(Rejection::SupplementNotWanted { state: self.name() }))
    }

    /// Whether the claim will never be paid, so that what it held is free for others.
    #[must_use]
    pub const fn has_let_go(&self) -> bool {
        matches!(self, Self::Refused(_) | Self::Withdrawn(_) | Self::Lapsed | Self::Reversed(..))
    }

    fn file(&self, filed: Arc<Filed>, assessed: Arc<Assessed>) -> Result<Vec<Event>, Rejection> {
        if *self == Self::Lapsed {
            return Err(Rejection::FilingLapsed);
        }
        if *self != Self::Unfiled {
            let same = self.review().is_ok_and(|review| *review.filed() == filed);
            return if same { Ok(Vec::new()) } else { Err(Rejection::ClaimAlreadyFiled) };
        }
        steps_exist(&filed.chain, &assessed.steps)?;
        applied_before(&filed.facts, filed.on)?;
        confirmed_by_none_but(&[], &filed.facts)?;
        Ok(vec![Event::Filed(filed), Event::Assessed(assessed)])
    }

    fn supplement(
        &self,
        supplemented: Supplemented,
        assessed: Arc<Assessed>,
    ) -> Result<Vec<Event>, Rejection> {
        let review = self.awaiting_supplement()?;
        review.follows(supplemented.on)?;
        applied_before(&supplemented.facts, supplemented.on)?;
        confirmed_by_none_but(review.confirmed(), &supplemented.facts)?;
        steps_exist(&review.filed().chain, &assessed.steps)?;
        Ok(vec![Event::Supplemented(supplemented), Event::Assessed(assessed)])
    }

    fn withdraw(&self, withdrawn: Withdrawn) -> Result<Vec<Event>, Rejection> {
        if let Self::Withdrawn(_) = self {
            return Ok(Vec::new());
        }
        self.open()?.follows(withdrawn.on)?;
        note_holds(&withdrawn.note)?;
        Ok(vec![Event::Withdrawn(withdrawn)])
    }

    fn record_payment(&self, paid: Paid) -> Result<Vec<Event>, Rejection> {
        // Paid before, even if it came back since.
        if let Self::Paid(_, _, before) | Self::Reversed(_, _, before) = self {
            return if before.payout == paid.payout && before.amount == paid.amount {
                Ok(Vec::new())
            } else {
                Err(Rejection::ClaimAlreadyPaid { payout: before.payout })
            };
        }
        let Self::Approved(_, approved) = self else {
            return Err(self.refusal(Rejection::ClaimNotApproved { state: self.name() }));
        };
        if approved.amount != paid.amount {
            let (approved, given) = (approved.amount, paid.amount);
            return Err(Rejection::PaymentDiffers { approved, given });
        }
        Ok(vec![Event::Paid(paid)])
    }

    fn record_reversal(&self, reversed: PaymentReversed) -> Result<Vec<Event>, Rejection> {
        let (Self::Paid(_, _, paid) | Self::Reversed(_, _, paid)) = self else {
            return Err(self.refusal(Rejection::ClaimNotPaid { state: self.name() }));
        };
        if paid.payout != reversed.payout {
            return Err(Rejection::ClaimAlreadyPaid { payout: paid.payout });
        }
        if paid.amount != reversed.amount {
            let (approved, given) = (paid.amount, reversed.amount);
            return Err(Rejection::PaymentDiffers { approved, given });
        }
        if let Self::Reversed(..) = self {
            return Ok(Vec::new());
        }
        Ok(vec![Event::PaymentReversed(reversed)])
    }

    /// `otherwise`, unless there is no claim at all.
    fn refusal(&self, otherwise: Rejection) -> Rejection {
        self.review().err().unwrap_or(otherwise)
    }
}

#[cfg(test)]
mod tests;
