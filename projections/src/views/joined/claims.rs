//! How old claims are, and who has to act on which by when.

use huzhu_domain::id::{ClaimId, MemberId, OrganisationId, PlanCode, VersionLabel};
use huzhu_domain::money::Money;
use huzhu_domain::step::{Level, Step};
use jiff::civil::Date;

use super::Dialect;
use crate::record::record;
use crate::views::claims::ClaimState;

record! {
    /// How old a claim is (案件时长) as of the last event that claims reflect; views have no clock.
    ClaimAge = "claim_ages";
    key {
        /// The claim.
        claim: ClaimId,
    }
    columns {
        /// Where it stands.
        state: ClaimState,
        /// The day it was filed.
        filed_on: Date,
        /// The day it last moved.
        moved_on: Date,
        /// The day to which its age is told: the day in Beijing of the last event.
        as_of: Date,
        /// Days from its filing to that day, or to the day it last moved if it is done.
        age_days: i64,
        /// Days for which it has not moved; none for a claim that is done.
        waiting_days: Option<i64>,
    }
}

record! {
    /// Claims that somebody has to act on (待办), by when, and for how long they have waited as of the
    /// last event that claims reflect.
    WorkItem = "work_queue";
    key {
        /// The claim.
        claim: ClaimId,
    }
    columns {
        /// The organisation that has to act.
        organisation: OrganisationId,
        /// Its level: unit, township, district or office.
        level: Level,
        /// in_review: it has to decide. awaiting_supplement: it has to bring papers.
        state: ClaimState,
        /// The step that is due; while papers are awaited, the one that wants them.
        step: Option<Step>,
        /// The last day to act (办理期限), by the approval policy; none where it sets no deadline.
        due_on: Option<Date>,
        /// The same day, or 9999-12-31 where there is none: to sort by.
        due_sorted: Date,
        /// Days left until then, or fewer than none if it is over.
        days_left: Option<i64>,
        /// The day since which it waits.
        waiting_since: Date,
        /// Days for which it has waited.
        waiting_days: i64,
        /// The day it was filed.
        filed_on: Date,
        /// The unit of the claim.
        unit: OrganisationId,
        /// The district of that unit.
        district: Option<OrganisationId>,
        /// Whose it is.
        member: MemberId,
        /// The plan.
        plan: PlanCode,
        /// The plan version that applies.
        version: VersionLabel,
        /// What it is worth by the last assessment.
        assessed_fen: Money,
        /// How often it was sent back.
        returns: u32,
    }
}

pub(super) fn claim_ages(dialect: Dialect) -> String {
    let (to_now, done) =
        (dialect.days("c.filed_on", "d.recorded_on"), dialect.days("c.filed_on", "c.moved_on"));
    let waiting = dialect.days("c.moved_on", "d.recorded_on");
    let open = "c.state IN ('filed', 'in_review', 'awaiting_supplement', 'approved')";
    format!(
        "SELECT c.claim, c.state, c.filed_on, c.moved_on, d.recorded_on AS as_of,
            CASE WHEN {open} THEN {to_now} ELSE {done} END AS age_days,
            CASE WHEN {open} THEN {waiting} END AS waiting_days
       FROM claims AS c CROSS JOIN claims_day AS d"
    )
}

pub(super) fn work_queue(dialect: Dialect) -> String {
    let left = dialect.days("d.recorded_on", "c.due_on");
    let never = dialect.date("9999-12-31");
    let waiting = dialect.days("c.moved_on", "d.recorded_on");
    format!(
        "SELECT c.claim, c.queue AS organisation, c.queue_level AS level, c.state,
            c.next_step AS step, c.due_on, coalesce(c.due_on, {never}) AS due_sorted, {left} AS days_left, c.moved_on AS waiting_since,
            {waiting} AS waiting_days, c.filed_on, c.unit, c.district, c.member, c.plan, c.version,
            c.assessed_fen, c.returns
       FROM claims AS c CROSS JOIN claims_day AS d
      WHERE c.queue IS NOT NULL"
    )
}
