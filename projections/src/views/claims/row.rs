//! A claim's row: as it is filed, and how it moves on.

use huzhu_domain::claim::facts::Facts;
use huzhu_domain::claim::{Filed, outstanding};
use huzhu_domain::money::{Money, MoneyError};
use huzhu_domain::step::{Level, Step};
use jiff::civil::Date;

use super::disease::{Claimant, disease};
use super::tables::{Claim, ClaimDeadline, ClaimState};
use crate::projection::{Arrived, Poison, Stop, follows};
use crate::value::Json;
use crate::views::age::band;

pub(super) fn filed_row(
    body: &Filed,
    claimant: &Claimant,
    opens_case: bool,
    event: &Arrived,
) -> Result<Claim, Stop> {
    let mut row = Claim {
        claim: body.claim,
        case_id: body.case,
        cover: body.cover,
        member: body.member,
        plan: body.plan.clone(),
        version: body.version.clone(),
        unit: body.chain.unit.clone(),
        township: body.chain.township.clone(),
        district: body.chain.district.clone(),
        office: body.chain.office.clone(),
        state: ClaimState::Filed,
        next_step: None,
        queue: None,
        queue_level: None,
        due_on: None,
        steps: Json(Vec::new()),
        passed_steps: Json(Vec::new()),
        returned_step: None,
        confirmed_diagnoses: Json(Vec::new()),
        policy: None,
        asks: Json(body.asks.clone()),
        incident_kind: body.facts.incident.kind,
        incident_on: body.facts.incident.date,
        diagnosis: None,
        disease_category: None,
        disease_chapter: None,
        sex: claimant.sex,
        age_band: band(claimant.born_year, body.facts.incident.date)?,
        opens_case,
        stays: 0,
        receipts: 0,
        documents: 0,
        asked_fen: Money::ZERO,
        assessed_fen: Money::ZERO,
        approved_fen: None,
        paid_fen: Money::ZERO,
        payout: None,
        refusal: None,
        decisions: 0,
        returns: 0,
        lines: 0,
        filed_by: body.by.clone(),
        filed_on: body.on,
        moved_on: body.on,
        approved_on: None,
        pay_by: None,
        paid_on: None,
        recorded_at: event.recorded_at,
        revision: follows(None, event)?,
    };
    row.take_facts(&body.facts, claimant)?;
    Ok(row)
}

impl Claim {
    pub(super) fn take_facts(&mut self, facts: &Facts, of: &Claimant) -> Result<(), Poison> {
        let count = |length: usize| {
            u32::try_from(length).map_err(|_| Poison::Count { what: "the papers of a claim" })
        };
        self.incident_kind = facts.incident.kind;
        self.incident_on = facts.incident.date;
        self.age_band = band(of.born_year, facts.incident.date)?;
        self.disease_category = disease(facts).map(|code| code.category().to_owned());
        self.disease_chapter = disease(facts).map(|code| code.chapter().to_owned());
        self.diagnosis = facts.diagnoses.first().map(|diagnosis| diagnosis.code.to_string());
        self.stays = count(facts.stays.len())?;
        self.receipts = count(facts.bills.len())?;
        self.documents = count(facts.documents.len())?;
        self.asked_fen = borne(facts)?;
        Ok(())
    }

    /// Says which step comes next, and whose it is.
    pub(super) fn look_ahead(&mut self) {
        let passed = |step| self.passed_steps.0.contains(&step);
        self.next_step = outstanding(&self.steps.0, self.returned_step, passed).next();
        let level = self.next_step.map(Step::level);
        self.queue_at(level);
    }

    /// Puts the claim into the queue of its chain's organisation of a level.
    pub(super) fn queue_at(&mut self, level: Option<Level>) {
        self.queue = level.and_then(|level| match level {
            Level::Unit => Some(self.unit.clone()),
            Level::Township => self.township.clone(),
            Level::District => self.district.clone(),
            Level::Office => Some(self.office.clone()),
        });
        self.queue_level = level.filter(|_| self.queue.is_some());
    }

    /// Says by when the organisation in whose queue the claim is has to act.
    pub(super) fn set_due(&mut self, deadlines: &ClaimDeadline) {
        let days = match self.state {
            ClaimState::InReview => deadlines.decide_within_days,
            ClaimState::AwaitingSupplement => deadlines.supplement_within_days,
            ClaimState::Filed
            | ClaimState::Approved
            | ClaimState::Closed
            | ClaimState::Paid
            | ClaimState::Reversed
            | ClaimState::Refused
            | ClaimState::Withdrawn => None,
        };
        let due = |days: u32| self.moved_on.checked_add(jiff::Span::new().days(days)).ok();
        self.due_on = days.and_then(due);
    }

    /// Moves to a state in which no organisation has to act on the claim.
    pub(super) fn close(&mut self, state: ClaimState, on: Date) {
        self.state = state;
        self.next_step = None;
        self.queue_at(None);
        self.due_on = None;
        self.moved_on = on;
    }
}

/// What the member bore by the papers.
fn borne(facts: &Facts) -> Result<Money, MoneyError> {
    let stays = facts.stays.iter().flat_map(|stay| [stay.self_pay_one, stay.self_pay_one_above]);
    let bills = facts.bills.iter().flat_map(|bill| [bill.self_pay_one, bill.self_pay_one_above]);
    let losses = facts.losses.iter().map(|loss| loss.amount);
    Money::sum(stays.chain(bills).chain(losses))
}
