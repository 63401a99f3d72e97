//! Requests that many stories make, and the ids that follow from them.

use huzhu_domain::id::{ClaimId, CoverId, PayoutId};

use crate::command::bank_answer_line::Outcome;
use crate::command::record_bank_answer_request::Answer;
use crate::command::{
    BankAnswerLine, BankAnswerLines, BankReturned, BankSettled, FileClaimRequest, PassStepRequest,
    RecordBankAnswerRequest,
};
use crate::facts::at;
use crate::new_id;
use crate::wire::{Facts, ReturnReason};

/// A request that files a claim.
#[must_use]
pub fn claim_request(cover: &str, benefits: &[&str], facts: Facts, day: &str) -> FileClaimRequest {
    FileClaimRequest {
        request_id: new_id(),
        business_time: at(day),
        cover_id: cover.to_owned(),
        benefits: benefits.iter().map(|benefit| (*benefit).to_owned()).collect(),
        facts: Some(facts),
        ..FileClaimRequest::default()
    }
}

/// The bank's word that it paid.
#[must_use]
pub fn settled(payout: &str, reference: &str) -> BankAnswerLine {
    let settled = BankSettled { reference: reference.to_owned() };
    BankAnswerLine { payout_id: payout.to_owned(), outcome: Some(Outcome::Settled(settled)) }
}

/// The bank's word that an account is closed.
#[must_use]
pub fn returned(payout: &str) -> BankAnswerLine {
    let reason = ReturnReason::AccountClosed.into();
    let returned = BankReturned { reason, note: "账户已销户".to_owned() };
    BankAnswerLine { payout_id: payout.to_owned(), outcome: Some(Outcome::Returned(returned)) }
}

/// A request that records what the bank answered.
#[must_use]
pub fn answer_request(
    batch: &str,
    lines: Vec<BankAnswerLine>,
    day: &str,
) -> RecordBankAnswerRequest {
    RecordBankAnswerRequest {
        request_id: new_id(),
        business_time: at(day),
        batch_id: batch.to_owned(),
        answer: Some(Answer::Lines(BankAnswerLines { lines })),
        ..Default::default()
    }
}

/// A request that passes whichever step is due.
#[must_use]
pub fn pass_request(claim: &str, day: &str) -> PassStepRequest {
    PassStepRequest {
        request_id: new_id(),
        business_time: at(day),
        claim_id: claim.to_owned(),
        ..PassStepRequest::default()
    }
}

/// The cover that an enrolment gives: its id follows from the plan, the member and the first day.
#[must_use]
pub fn cover_id(plan: &str, member: &str, start: &str) -> String {
    let (plan, start) = (plan.parse().unwrap(), start.parse().unwrap());
    CoverId::of(&plan, member.parse().unwrap(), start).to_string()
}

/// The payout that an approval gives: its id follows from the claim.
#[must_use]
pub fn payout_id(claim: &str) -> String {
    PayoutId::of(claim.parse::<ClaimId>().unwrap()).to_string()
}
