//! What narrows lists down: a field that is absent narrows nothing.

use huzhu_domain::id::checked::Sex;
use huzhu_domain::id::{
    BatchId, CaseId, ClaimId, CoverId, MemberId, OrganisationId, PlanCode, ResidentKey, RosterId,
    Subject,
};
use huzhu_domain::member::MemberClass;
use huzhu_domain::step::{Level, Step};
use jiff::civil::Date;

use super::{Filter, Listed};
use crate::value::{Column, Value};
use crate::views::claims::{
    ApprovalStep, Case, Claim, ClaimState, DiseaseStatistic, HandlerActivity,
};
use crate::views::covers::Cover;
use crate::views::joined::{Growth, LedgerBalance, WorkItem};
use crate::views::ledger::{EntryKind, LedgerEntry};
use crate::views::members::{Member, MemberPerson, MemberState};
use crate::views::organisations::{Handler, Organisation};
use crate::views::payouts::{Batch, BatchLine, BatchState, Payout, PayoutState};
use crate::views::plans::{ApprovalPolicy, Plan, PlanVersion};
use crate::views::rosters::{Roster, RosterMember, RosterState};

macro_rules! filters {
    ($(
        $(#[$about:meta])*
        $filter:ident of $row:ty, kept by $($view:literal)+, ordered by [$($order:literal),*] {
            $($(#[$field_about:meta])* $field:ident: $type:ty => $term:literal,)*
        }
    )+) => {$(
        $(#[$about])*
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct $filter {
            $($(#[$field_about])* pub $field: Option<$type>,)*
        }

        impl Filter for $filter {
            fn conditions(&self) -> Vec<(&'static str, Value)> {
                #[allow(unused_mut, reason = "a filter may have no fields")]
                let mut conditions = Vec::new();
                $(if let Some(value) = &self.$field {
                    conditions.push(($term, value.to_value()));
                })*
                conditions
            }
        }

        impl Listed for $row {
            const VIEWS: &'static [&'static str] = &[$($view),+];
            const ORDERS: &'static [&'static str] = &[$($order),*];
            type Filter = $filter;
        }
    )+};
}

filters! {
    /// Which plans.
    PlanFilter of Plan, kept by "plans", ordered by [] {
    }

    /// Which plan versions.
    PlanVersionFilter of PlanVersion, kept by "plans", ordered by ["effective_from", "number"] {
        /// Of this plan.
        plan: PlanCode => "plan = ?",
        /// That may be chosen on this day or later.
        effective_until: Date => "coalesce(effective_until, '9999-12-31') >= ?",
    }

    /// Which approval policies.
    PolicyFilter of ApprovalPolicy, kept by "plans", ordered by ["in_force_from"] {
    }

    /// Which organisations.
    OrganisationFilter of Organisation, kept by "organisations", ordered by ["registered_on", "workers"] {
        /// Of this level.
        level: Level => "level = ?",
        /// Right below this one.
        parent: OrganisationId => "parent = ?",
        /// Of this district.
        district: OrganisationId => "district = ?",
    }

    /// Which handlers.
    HandlerFilter of Handler, kept by "organisations", ordered by ["registered_on"] {
        /// Of this organisation.
        organisation: OrganisationId => "organisation = ?",
        /// With this staff number.
        handler: Subject => "handler = ?",
    }

    /// Which members.
    MemberFilter of Member, kept by "members", ordered by ["registered_on"] {
        /// Of this unit.
        unit: OrganisationId => "unit = ?",
        /// In this state.
        state: MemberState => "state = ?",
        /// Of this class.
        class: MemberClass => "class = ?",
    }

    /// Whose persons.
    PersonFilter of MemberPerson, kept by "members", ordered by [] {
        /// Of the resident with this key.
        resident_key: ResidentKey => "resident_key = ?",
    }

    /// Which rosters.
    RosterFilter of Roster, kept by "rosters", ordered by ["opened_on", "term_start"] {
        /// Of this unit.
        unit: OrganisationId => "unit = ?",
        /// In this plan.
        plan: PlanCode => "plan = ?",
        /// In this state.
        state: RosterState => "state = ?",
    }

    /// Which lines of rosters.
    RosterMemberFilter of RosterMember, kept by "rosters", ordered by ["number"] {
        /// Of this roster.
        roster: RosterId => "roster = ?",
        /// Of this member.
        member: MemberId => "member = ?",
    }

    /// Which covers.
    CoverFilter of Cover, kept by "covers", ordered by ["term_start", "granted_on"] {
        /// Of this member.
        member: MemberId => "member = ?",
        /// Under this plan.
        plan: PlanCode => "plan = ?",
        /// That came with this roster.
        roster: RosterId => "roster = ?",
        /// Of this unit.
        unit: OrganisationId => "unit = ?",
        /// Of this district.
        district: OrganisationId => "district = ?",
        /// That have begun on this day.
        begun_on: Date => "term_start <= ?",
        /// That have not ended before this day.
        lasting_on: Date => "last_day >= ?",
    }

    /// Which claims.
    ClaimFilter of Claim, kept by "claims",
        ordered by ["filed_on", "moved_on", "assessed_fen", "asked_fen"] {
        /// That this organisation has to act on: the work queue (待办).
        queue: OrganisationId => "queue = ?",
        /// In this state.
        state: ClaimState => "state = ?",
        /// At which this step is due.
        step: Step => "next_step = ?",
        /// Of this member.
        member: MemberId => "member = ?",
        /// Of this unit.
        unit: OrganisationId => "unit = ?",
        /// Of this district.
        district: OrganisationId => "district = ?",
        /// Under this plan.
        plan: PlanCode => "plan = ?",
        /// Against this cover.
        cover: CoverId => "cover = ?",
        /// Of this case.
        case: CaseId => "case_id = ?",
        /// Filed on this day or later.
        filed_from: Date => "filed_on >= ?",
        /// Filed on this day or before.
        filed_until: Date => "filed_on <= ?",
    }

    /// Which decisions.
    StepFilter of ApprovalStep, kept by "claims", ordered by ["decided_on"] {
        /// On this claim.
        claim: ClaimId => "claim = ?",
        /// Of this organisation.
        organisation: OrganisationId => "organisation = ?",
        /// By this person.
        decided_by: Subject => "decided_by = ?",
    }

    /// Which cases.
    CaseFilter of Case, kept by "claims", ordered by ["opened_on", "incident_on"] {
        /// Of this member.
        member: MemberId => "member = ?",
    }

    /// Which payouts.
    PayoutFilter of Payout, kept by "payouts", ordered by ["approved_on", "amount_fen"] {
        /// In this state.
        state: PayoutState => "state = ?",
        /// Of this claim.
        claim: ClaimId => "claim = ?",
        /// To this member.
        member: MemberId => "member = ?",
        /// In this batch.
        batch: BatchId => "batch = ?",
        /// Of this unit's claims.
        unit: OrganisationId => "unit = ?",
        /// Under this plan.
        plan: PlanCode => "plan = ?",
    }

    /// Which batches.
    BatchFilter of Batch, kept by "payouts", ordered by ["opened_on"] {
        /// In this state.
        state: BatchState => "state = ?",
    }

    /// Which entries of the ledger.
    LedgerFilter of LedgerEntry, kept by "ledger", ordered by ["booked_on"] {
        /// Of this kind.
        kind: EntryKind => "kind = ?",
        /// Under this plan.
        plan: PlanCode => "plan = ?",
        /// Of this district.
        district: OrganisationId => "district = ?",
        /// Of this unit.
        unit: OrganisationId => "unit = ?",
        /// For this claim.
        claim: ClaimId => "claim = ?",
        /// That count on this day or later.
        booked_from: Date => "booked_on >= ?",
        /// That count on this day or before.
        booked_until: Date => "booked_on <= ?",
    }

    /// Which balances of the ledger.
    LedgerBalanceFilter of LedgerBalance, kept by "ledger", ordered by [] {
        /// Of this plan.
        plan: PlanCode => "plan = ?",
        /// From this month on.
        from_month: String => "month >= ?",
        /// Up to this month.
        until_month: String => "month <= ?",
    }

    /// Which statistics of diseases.
    DiseaseFilter of DiseaseStatistic, kept by "claims", ordered by [] {
        /// Of this category.
        category: String => "category = ?",
        /// Of this chapter.
        chapter: String => "chapter = ?",
        /// Of women, or of men.
        sex: Sex => "sex = ?",
        /// Of this district; empty for none.
        district: String => "district = ?",
        /// From this year on.
        from_year: u32 => "year >= ?",
        /// Up to this year.
        until_year: u32 => "year <= ?",
    }

    /// Whose growth.
    GrowthFilter of Growth, kept by "covers" "organisations", ordered by [] {
        /// Of this organisation.
        organisation: OrganisationId => "organisation = ?",
        /// Of organisations of this level.
        level: Level => "level = ?",
        /// From this month on.
        from_month: String => "month >= ?",
        /// Up to this month.
        until_month: String => "month <= ?",
    }

    /// Which claims that somebody has to act on.
    WorkFilter of WorkItem, kept by "claims", ordered by ["due_sorted", "waiting_since"] {
        /// This organisation.
        organisation: OrganisationId => "organisation = ?",
        /// An organisation of this level.
        level: Level => "level = ?",
        /// Claims of this district.
        district: OrganisationId => "district = ?",
        /// Claims under this plan.
        plan: PlanCode => "plan = ?",
        /// Claims at which this step is due.
        step: Step => "step = ?",
        /// Claims that are due on this day or before.
        due_until: Date => "due_on <= ?",
    }

    /// What which handlers did.
    HandlerActivityFilter of HandlerActivity, kept by "claims", ordered by [] {
        /// For this organisation.
        organisation: OrganisationId => "organisation = ?",
        /// By this person.
        handler: Subject => "handler = ?",
        /// From this month on.
        from_month: String => "month >= ?",
        /// Up to this month.
        until_month: String => "month <= ?",
    }

    /// Which lines of bank files.
    BatchLineFilter of BatchLine, kept by "payouts", ordered by ["number"] {
        /// Of this batch.
        batch: BatchId => "batch = ?",
    }
}
