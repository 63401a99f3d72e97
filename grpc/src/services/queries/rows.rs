//! Rows of the views as the contract has them.

use huzhu_domain::assessment::Measure;
use huzhu_projections::query::{Freshness, HandlerInFull, PlanStatistic};
use huzhu_projections::views::claims::{ApprovalStep, Claim, ClaimState, StepOutcome};
use huzhu_projections::views::covers::Cover;
use huzhu_projections::views::joined::CoverBalance;
use huzhu_projections::views::ledger::EntryKind;
use huzhu_projections::views::members::{Member, MemberPerson, MemberState};
use huzhu_projections::views::organisations::Organisation;
use huzhu_projections::views::payouts::{Batch, BatchState, Payout, PayoutState};
use huzhu_projections::views::plans::PlanVersion;
use huzhu_projections::views::rosters::{Roster, RosterState};
use jiff::civil::Date;

use crate::contract::huzhu::query::v1 as query;
use crate::contract::huzhu::r#type::v1 as wire;
use crate::wire::spoken::Spoken;
use crate::wire::value::{date, moment, money};

/// The states of rows, beside those of the contract.
macro_rules! states {
    ($($name:ident { $($variant:ident $(or $also:ident)?),+ })+) => {$(
        impl Spoken for $name {
            fn heard(number: i32) -> Option<Option<Self>> {
                Some(match query::$name::try_from(number).ok()? {
                    query::$name::Unspecified => None,
                    $(query::$name::$variant => Some(Self::$variant),)+
                })
            }

            fn said(self) -> i32 {
                match self {
                    $(Self::$variant $(| Self::$also)? => query::$name::$variant.into(),)+
                }
            }
        }
    )+};
}

states! {
    MemberState { InService, Retired, Died }
    ClaimState {
        InReview or Filed, AwaitingSupplement, Approved, Refused, Withdrawn, Paid, Reversed, Closed
    }
    PayoutState { Due, Batched, Settled, Returned, Reversed }
    BatchState { Open, Sealed, Answered }
    RosterState { Open, Confirmed, Granted, Cancelled }
    EntryKind { Contribution, Reserved, Released, Approved, Paid, Returned, Recovered }
    Measure { Fen, Days, Number }
}

pub(super) fn freshness(freshness: Freshness) -> query::Freshness {
    query::Freshness {
        position: freshness.position.map(|position| position.to_string()).unwrap_or_default(),
        recorded_at: freshness.recorded_at.map(moment),
    }
}

pub(super) fn text(id: Option<impl ToString>) -> String {
    id.map(|id| id.to_string()).unwrap_or_default()
}

/// 0 is how the contract leaves a choice open.
pub(super) fn choice(choice: Option<impl Spoken>) -> i32 {
    choice.map_or(0, Spoken::said)
}

fn span(start: Date, end: Date) -> wire::Term {
    wire::Term { start: Some(date(start)), end: Some(date(end)) }
}

pub(super) fn member(row: &Member, person: Option<&MemberPerson>) -> query::Member {
    let born = person.map(|person| date(person.born));
    let person = person.map(|person| wire::Person {
        name: person.name.clone(),
        resident_id: person.resident_id.reveal().to_owned(),
        card: person.card.as_ref().map(|card| card.reveal().to_owned()).unwrap_or_default(),
        phone: person.phone.as_ref().map(|phone| phone.reveal().to_owned()).unwrap_or_default(),
    });
    query::Member {
        member_id: row.member.to_string(),
        revision: row.revision,
        person,
        sex: row.sex.said(),
        born,
        unit_id: row.unit.to_string(),
        class: row.class.said(),
        insured: row.insured,
        state: row.state.said(),
        registered_on: Some(date(row.registered_on)),
    }
}

pub(super) fn cover(row: Cover) -> query::Cover {
    query::Cover {
        cover_id: row.cover.to_string(),
        revision: row.revision,
        member_id: row.member.to_string(),
        plan: row.plan.to_string(),
        version: row.version.to_string(),
        roster_id: text(row.roster),
        unit_id: row.unit.to_string(),
        district_id: text(row.district),
        units: row.units,
        term: Some(span(row.term_start, row.term_end)),
        contribution: Some(money(row.contribution_fen)),
        reserved: Some(money(row.reserved_fen)),
        paid: Some(money(row.paid_fen)),
        ended_on: row.end_reason.is_some().then(|| date(row.last_day)),
        end_reason: choice(row.end_reason),
    }
}

pub(super) fn balance(row: CoverBalance) -> query::CoverBalance {
    query::CoverBalance {
        accumulator: row.accumulator.to_string(),
        measure: row.measure.said(),
        ceiling: row.ceiling,
        used: row.used,
        remaining: row.remaining,
    }
}

pub(super) fn claim(row: Claim, decisions: Vec<ApprovalStep>) -> query::Claim {
    query::Claim {
        claim_id: row.claim.to_string(),
        revision: row.revision,
        cover_id: row.cover.to_string(),
        member_id: row.member.to_string(),
        case_id: row.case_id.to_string(),
        plan: row.plan.to_string(),
        version: row.version.to_string(),
        unit_id: row.unit.to_string(),
        district_id: text(row.district),
        state: row.state.said(),
        step: choice(row.next_step),
        queue_id: text(row.queue),
        assessed: Some(money(row.assessed_fen)),
        approved: row.approved_fen.map(money),
        filed_on: Some(date(row.filed_on)),
        changed_on: Some(date(row.moved_on)),
        decisions: decisions.into_iter().map(decision).collect(),
        asked: Some(money(row.asked_fen)),
        paid: Some(money(row.paid_fen)),
        due_on: row.due_on.map(date),
        pay_by: row.pay_by.map(date),
    }
}

fn decision(row: ApprovalStep) -> query::Decision {
    let kind = match row.outcome {
        StepOutcome::Passed => query::DecisionKind::Passed,
        StepOutcome::Returned => query::DecisionKind::Returned,
        StepOutcome::Refused => query::DecisionKind::Refused,
    };
    let wanted = row.wanted.map(|wanted| wanted.0).unwrap_or_default();
    query::Decision {
        step: row.step.said(),
        kind: kind.into(),
        handler: row.decided_by.to_string(),
        organisation_id: row.organisation.to_string(),
        on: Some(date(row.decided_on)),
        note: row.note.unwrap_or_default(),
        refusal_reason: choice(row.refusal),
        wanted: wanted
            .into_iter()
            .map(|wanted| wire::Wanted { document: choice(wanted.document), text: wanted.text })
            .collect(),
    }
}

pub(super) fn payout(row: Payout) -> query::Payout {
    query::Payout {
        payout_id: row.payout.to_string(),
        revision: row.revision,
        claim_id: row.claim.to_string(),
        cover_id: row.cover.to_string(),
        member_id: row.member.to_string(),
        plan: row.plan.to_string(),
        version: row.version.to_string(),
        unit_id: row.unit.to_string(),
        district_id: text(row.district),
        amount: Some(money(row.amount_fen)),
        state: row.state.said(),
        batch_id: text(row.batch),
        reference: row.reference.unwrap_or_default(),
        approved_on: Some(date(row.approved_on)),
        settled_on: row.settled_on.map(date),
        return_reason: choice(row.return_reason),
    }
}

pub(super) fn batch(row: Batch) -> query::Batch {
    query::Batch {
        batch_id: row.batch.to_string(),
        revision: row.revision,
        state: row.state.said(),
        payments: row.lines,
        total: Some(money(row.total_fen)),
        skipped: row.skipped,
        settled: row.settled,
        returned: row.returned,
        opened_by: row.opened_by.to_string(),
        opened_on: Some(date(row.opened_on)),
    }
}

pub(super) fn organisation(row: Organisation) -> query::Organisation {
    query::Organisation {
        organisation_id: row.organisation.to_string(),
        revision: row.revision,
        level: row.level.said(),
        name: Some(wire::Name { zh: row.name_zh, en: row.name_en.unwrap_or_default() }),
        parent_id: text(row.parent),
        district_id: text(row.district),
        credit_code: row.credit_code.unwrap_or_default(),
        has_union: row.has_union,
        workers: row.workers,
    }
}

pub(super) fn handler(full: HandlerInFull) -> query::Handler {
    let certificates = full.certificates.into_iter().map(|row| query::Certificate {
        number: row.certificate,
        period: Some(span(row.valid_from, row.valid_until)),
    });
    query::Handler {
        handler: full.handler.handler.to_string(),
        duties: full.handler.duties.0.iter().map(|duty| duty.said()).collect(),
        since: Some(date(full.handler.registered_on)),
        certificates: certificates.collect(),
        suspended_since: full.handler.suspended_since.map(date),
    }
}

pub(super) fn plan_version(row: PlanVersion) -> query::PlanVersion {
    query::PlanVersion {
        plan: row.plan.to_string(),
        version: row.version.to_string(),
        name: Some(wire::Name { zh: row.name_zh, en: row.name_en }),
        effective_from: Some(date(row.effective_from)),
        effective_until: row.effective_until.map(date),
        revision: row.revision,
    }
}

pub(super) fn roster(row: Roster) -> query::Roster {
    query::Roster {
        roster_id: row.roster.to_string(),
        revision: row.revision,
        plan: row.plan.to_string(),
        version: row.version.to_string(),
        unit_id: row.unit.to_string(),
        term: Some(span(row.term_start, row.term_end)),
        state: row.state.said(),
        members: row.members,
        due: Some(money(row.due_fen)),
        contributed: Some(money(row.recorded_fen)),
        covers_granted: row.covers.unwrap_or(0),
        passed_over: row.passed_over,
    }
}

pub(super) fn statistic(figures: PlanStatistic) -> query::PlanStatistics {
    query::PlanStatistics {
        plan: figures.plan.to_string(),
        contributions: Some(money(figures.contributions)),
        benefits: Some(money(figures.benefits())),
        loss_ratio: text(figures.loss_ratio()),
        coverage: text(figures.coverage()),
        average_days_to_payment: text(figures.average_days_to_payment()),
        district_id: figures.district,
        month: figures.month,
        covers_granted: figures.covers,
        claims_filed: figures.filed,
        claims_approved: figures.approved,
        claims_refused: figures.refused,
        payments: figures.payments,
        persons_paid: figures.persons,
        members_in_force: figures.members_in_force,
    }
}
