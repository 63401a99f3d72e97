//! What is kept of covers: tables and their rows.

use huzhu_domain::assessment::{AccumulatorKey, Accumulators, Measure};
use huzhu_domain::cover::EndReason;
use huzhu_domain::id::checked::Sex;
use huzhu_domain::id::{
    ClaimId, CoverId, MemberId, OrganisationId, PayoutId, PlanCode, RosterId, VersionLabel,
};
use huzhu_domain::member::MemberClass;
use huzhu_domain::money::Money;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::record::record;
use crate::value::{Column, Json, Kind, Value, words};
use crate::views::age::AgeBand;

/// What became of a benefit that was set aside for a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryState {
    /// Nothing yet.
    Reserved,
    /// It was paid.
    Paid,
    /// It was paid and taken back.
    Reversed,
}

words!(EntryState);

record! {
    /// A cover (保障): one member's right under one plan version for one term.
    Cover = "covers";
    key {
        /// Its id.
        cover: CoverId,
    }
    columns {
        /// Whose it is.
        member: MemberId,
        /// The plan.
        plan: PlanCode,
        /// The plan version of the term.
        version: VersionLabel,
        /// The roster it came with, if it came with one.
        roster: Option<RosterId>,
        /// The unit the member belonged to when it was granted.
        unit: OrganisationId,
        /// The district of that unit.
        district: Option<OrganisationId>,
        /// The class of the member when it was granted.
        class: MemberClass,
        /// female or male.
        sex: Sex,
        /// The age (年龄段) that the member reaches in the year in which the term begins, in bands of
        /// ten years.
        age_band: AgeBand,
        /// Units bought (份数).
        units: u32,
        /// The first day of the right.
        term_start: Date,
        /// The last day of the term.
        term_end: Date,
        /// The last day of the right: that of the term, or the day it ended before.
        last_day: Date,
        /// Why it ended before its term, if it did.
        end_reason: Option<EndReason>,
        /// The first day of the waiting period, if one applies.
        waits_from: Option<Date>,
        /// The cover that it renews (续保).
        renews: Option<CoverId>,
        /// What was contributed for it.
        contribution_fen: Money,
        /// What is set aside for claims and not paid yet.
        reserved_fen: Money,
        /// What was paid and not taken back.
        paid_fen: Money,
        /// When it was granted.
        granted_on: Date,
        /// The revision of its stream that the row reflects.
        revision: u64,
    }
    index { "member, term_start", "unit, plan, last_day", "roster", "plan, term_start" }
}

record! {
    /// What a cover has used up of one ceiling, or counts without one. Amounts are fen; days and
    /// numbers are what they are.
    Accumulator = "cover_accumulators";
    key {
        /// The cover.
        cover: CoverId,
        /// What is counted and over which span, such as amount.total.year.2014.
        accumulator: AccumulatorKey,
    }
    columns {
        /// What the figures are: fen, days or number.
        measure: Measure,
        /// The ceiling (限额), as the last reservation found it.
        ceiling: Option<i64>,
        /// Carried from the member's earlier covers.
        carried: i64,
        /// Set aside for claims and not paid yet.
        reserved: i64,
        /// Paid and not taken back.
        paid: i64,
        /// What is left of the ceiling (剩余): less what was carried, is reserved and was paid.
        remaining: Option<i64>,
    }
}

record! {
    /// What one claim holds of a cover.
    Entry = "cover_entries";
    key {
        /// The cover.
        cover: CoverId,
        /// The claim.
        claim: ClaimId,
    }
    columns {
        /// reserved, paid or reversed.
        state: EntryState,
        /// How much.
        amount_fen: Money,
        /// What it adds to the accumulators.
        uses: Json<Accumulators>,
        /// The payout, once it was paid.
        payout: Option<PayoutId>,
        /// Whether paying it ends the cover.
        ends_cover: bool,
    }
    index { "claim" }
}

record! {
    /// Enrolment under a plan version, by district and month.
    EnrolmentStatistic = "enrolment_statistics";
    key {
        /// The plan.
        plan: PlanCode,
        /// The plan version of the term.
        version: VersionLabel,
        /// The district; empty for units of none.
        district: String,
        /// The calendar month, such as 2014-07.
        month: String,
    }
    columns {
        /// Covers granted in the month.
        covers: u32,
        /// What was contributed for them.
        contributions_fen: Money,
        /// Covers whose first day lies in the month.
        starting: u32,
        /// Covers that are over since a day of the month: their last day was the day before.
        ending: u32,
    }
    index { "plan, district, month" }
}
