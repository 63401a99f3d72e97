//! What is kept of claims: tables and their rows.

use std::sync::Arc;

use huzhu_domain::assessment::Assessment;
use huzhu_domain::claim::RefusalReason;
use huzhu_domain::claim::facts::{Facts, IncidentKind};
use huzhu_domain::id::checked::{Icd10, Sex};
use huzhu_domain::id::{
    BenefitCode, CaseId, ClaimId, CoverId, MemberId, OrganisationId, PayoutId, PlanCode, Subject,
    VersionLabel,
};
use huzhu_domain::money::Money;
use huzhu_domain::step::{Level, Step};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::record::record;
use crate::value::{Column, Json, Kind, Value, words};
use crate::views::age::AgeBand;

/// Where a claim stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClaimState {
    /// Its facts stand, its assessment is about to.
    Filed,
    /// A level has to decide.
    InReview,
    /// The unit has to bring more papers.
    AwaitingSupplement,
    /// Every level agreed; the money is on its way.
    Approved,
    /// Every level agreed that nothing is paid; what the claim bore counts for later ones.
    Closed,
    /// The member has the money.
    Paid,
    /// The money came back.
    Reversed,
    /// A level turned it down.
    Refused,
    /// The unit took it back.
    Withdrawn,
}

/// What a level decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepOutcome {
    /// It agreed.
    Passed,
    /// It wants more papers.
    Returned,
    /// It turned the claim down.
    Refused,
}

words!(ClaimState, StepOutcome);

record! {
    /// A claim (理赔): one application against one cover.
    Claim = "claims";
    key {
        /// Its id.
        claim: ClaimId,
    }
    columns {
        /// The incident it is part of.
        case_id: CaseId,
        /// The cover it is against.
        cover: CoverId,
        /// Whose it is.
        member: MemberId,
        /// The plan.
        plan: PlanCode,
        /// The plan version that applies.
        version: VersionLabel,
        /// The unit that filed it.
        unit: OrganisationId,
        /// The township or industry union of its chain.
        township: Option<OrganisationId>,
        /// The district of its chain.
        district: Option<OrganisationId>,
        /// The office.
        office: OrganisationId,
        /// Where it stands.
        state: ClaimState,
        /// The step to be taken next, while a level has to decide.
        next_step: Option<Step>,
        /// The organisation that has to act next (待办): decide, or bring papers.
        queue: Option<OrganisationId>,
        /// The level of that organisation: unit, township, district or office.
        queue_level: Option<Level>,
        /// The last day for that organisation to act (办理期限), by the approval policy; none where the
        /// policy sets no deadline.
        due_on: Option<Date>,
        /// The steps that it needs, by the last assessment.
        steps: Json<Vec<Step>>,
        /// The steps that were passed.
        passed_steps: Json<Vec<Step>>,
        /// The step that last sent it back; it decides again, whatever the claim is worth then.
        returned_step: Option<Step>,
        /// The diagnoses of which reviewers confirmed what their code cannot tell (人工审核).
        confirmed_diagnoses: Json<Vec<Icd10>>,
        /// The approval policy that asks for these steps.
        policy: Option<VersionLabel>,
        /// The benefits that are asked for; all of the plan's if empty.
        asks: Json<Vec<BenefitCode>>,
        /// illness, work_accident, non_work_accident or property_damage.
        incident_kind: IncidentKind,
        /// The day it happened or began.
        incident_on: Date,
        /// The first diagnosis (诊断), a code of the ICD-10.
        diagnosis: Option<String>,
        /// The category (三位类目) of the first diagnosis, or else of the first stay's cause, such as
        /// C50.
        disease_category: Option<String>,
        /// The chapter (章) of that category, such as II for neoplasms.
        disease_chapter: Option<String>,
        /// female or male.
        sex: Sex,
        /// The age (年龄段) that the member reaches in the year of the incident, in bands of ten years.
        age_band: AgeBand,
        /// Whether it is the first claim of its case.
        opens_case: bool,
        /// How many stays in hospital.
        stays: u32,
        /// How many outpatient receipts.
        receipts: u32,
        /// How many papers were handed in.
        documents: u32,
        /// What the member bore by the papers: 自付一 below and above the ceiling of the medical
        /// insurance, and losses of the home.
        asked_fen: Money,
        /// What it is worth by the last assessment.
        assessed_fen: Money,
        /// What was approved.
        approved_fen: Option<Money>,
        /// What was paid and not taken back.
        paid_fen: Money,
        /// The payout, once it was paid.
        payout: Option<PayoutId>,
        /// Why it was turned down, if it was.
        refusal: Option<RefusalReason>,
        /// How many decisions were taken on it.
        decisions: u32,
        /// How many of them sent it back.
        returns: u32,
        /// How many lines the last assessment has.
        lines: u32,
        /// Who filed it.
        filed_by: Subject,
        /// The day it was filed.
        filed_on: Date,
        /// The day it last moved.
        moved_on: Date,
        /// The day it was approved.
        approved_on: Option<Date>,
        /// The last day to pay it (给付期限), by the approval policy: so many working days, Monday to
        /// Friday, after it was approved; none where the policy sets no deadline.
        pay_by: Option<Date>,
        /// The day it was paid.
        paid_on: Option<Date>,
        /// When the log took its filing.
        recorded_at: Timestamp,
        /// The revision of its stream that the row reflects.
        revision: u64,
    }
    index {
        "queue, filed_on, claim WHERE queue IS NOT NULL",
        "queue, moved_on, claim WHERE queue IS NOT NULL",
        "queue, coalesce(due_on, '9999-12-31'), claim WHERE queue IS NOT NULL",
        "filed_on, claim", "state, filed_on, claim", "member, filed_on", "cover", "case_id",
        "unit, filed_on, claim", "district, filed_on, claim", "plan, filed_on, claim",
        "unit, state, filed_on, claim", "district, state, filed_on, claim",
        "plan, state, filed_on, claim"
    }
}

record! {
    /// Within what time an approval policy wants claims dealt with (办理时限).
    ClaimDeadline = "claim_deadlines";
    key {
        /// What claims call the policy.
        policy: VersionLabel,
    }
    columns {
        /// Days that each level has to decide.
        decide_within_days: Option<u32>,
        /// Days that the unit has to bring what is wanted.
        supplement_within_days: Option<u32>,
        /// Working days, Monday to Friday, from approval to payment.
        pay_within_working_days: Option<u32>,
    }
}

record! {
    /// The day to which the ages of claims are told: that of the last event that claims reflect.
    ClaimsDay = "claims_day";
    key {
        /// Always 1: there is one day.
        number: u32,
    }
    columns {
        /// The day in Beijing on which the log took that event.
        recorded_on: Date,
    }
}

record! {
    /// Everything a claim rests on, supplements included.
    ClaimFacts = "claim_facts";
    key {
        /// The claim.
        claim: ClaimId,
    }
    columns {
        /// The bills, stays, diagnoses and documents.
        facts: Json<Arc<Facts>>,
    }
}

record! {
    /// The assessment of a claim as it stands: the approved one, or the last before.
    ClaimAssessment = "claim_assessments";
    key {
        /// The claim.
        claim: ClaimId,
    }
    columns {
        /// Lines, total, trace and what it uses up.
        assessment: Json<Arc<Assessment>>,
    }
}

record! {
    /// One decision on a claim.
    ApprovalStep = "approval_steps";
    key {
        /// The claim.
        claim: ClaimId,
        /// Its place among the claim's decisions, from 1.
        number: u32,
    }
    columns {
        /// Which step.
        step: Step,
        /// passed, returned or refused.
        outcome: StepOutcome,
        /// For which organisation.
        organisation: OrganisationId,
        /// Who.
        decided_by: Subject,
        /// The day.
        decided_on: Date,
        /// Days since the claim last moved.
        waited_days: i64,
        /// Why it was turned down, as a code.
        refusal: Option<RefusalReason>,
        /// What is wanted, if it was sent back.
        wanted: Option<Json<Vec<WantedPaper>>>,
        /// A remark.
        note: Option<String>,
        /// When the log took it.
        recorded_at: Timestamp,
    }
    index { "organisation, decided_on", "decided_by, decided_on" }
}

/// One thing that is wanted: the kind of paper, and what is to be done.
pub type WantedPaper = huzhu_domain::claim::Wanted;

record! {
    /// One line of a claim's last assessment.
    AssessmentLine = "assessment_lines";
    key {
        /// The claim.
        claim: ClaimId,
        /// Its place in the assessment, from 1.
        number: u32,
    }
    columns {
        /// The benefit.
        benefit: BenefitCode,
        /// What it is paid for.
        subject: String,
        /// How much.
        amount_fen: Money,
    }
    index { "benefit" }
}

record! {
    /// A case (事故): one incident of one member, with its claims.
    Case = "cases";
    key {
        /// Its id.
        case_id: CaseId,
    }
    columns {
        /// Whose it is.
        member: MemberId,
        /// illness, work_accident, non_work_accident or property_damage.
        incident_kind: IncidentKind,
        /// The day it happened or began.
        incident_on: Date,
        /// How many claims were filed for it.
        claims: u32,
        /// What was approved for them.
        approved_fen: Money,
        /// What was paid for them and not taken back.
        paid_fen: Money,
        /// The day its first claim was filed.
        opened_on: Date,
    }
    index { "member, opened_on" }
}

record! {
    /// What claims under a plan version come to, by district and month of what is counted.
    BenefitStatistic = "benefit_statistics";
    key {
        /// The plan.
        plan: PlanCode,
        /// The plan version that applies.
        version: VersionLabel,
        /// The district of the claim's chain; empty where there is none.
        district: String,
        /// The calendar month, such as 2014-07.
        month: String,
    }
    columns {
        /// Claims filed in the month.
        filed: u32,
        /// Claims approved in the month; those closed with nothing to pay are not among them.
        approved: u32,
        /// What was approved for them.
        approved_fen: Money,
        /// Claims turned down in the month.
        refused: u32,
        /// Claims taken back in the month.
        withdrawn: u32,
        /// Payments in the month (人次).
        payments: u32,
        /// Persons who were paid in the month, each counted once (人).
        persons: u32,
        /// What was paid in the month.
        benefits_fen: Money,
        /// Payments taken back in the month.
        reversals: u32,
        /// What was taken back in the month.
        recovered_fen: Money,
        /// Days from filing to payment, added up over the payments of the month.
        days_to_payment: i64,
    }
    index { "plan, district, month" }
}

record! {
    /// Who was paid under a plan version, by district and month: to count persons (人) over any span.
    BenefitPerson = "benefit_persons";
    key {
        /// The plan.
        plan: PlanCode,
        /// The plan version that applies.
        version: VersionLabel,
        /// The district of the claim's chain; empty where there is none.
        district: String,
        /// The calendar month, such as 2014-07.
        month: String,
        /// The member.
        member: MemberId,
    }
    columns {
        /// Payments to the member in the month (人次).
        payments: u32,
        /// What was paid to the member in the month.
        benefits_fen: Money,
    }
    index { "plan, district, month, member" }
}

record! {
    /// What a person who acts for an organisation (经办人) did with claims, by month.
    HandlerActivity = "handler_activity";
    key {
        /// The organisation that the person acted for.
        organisation: OrganisationId,
        /// The staff number.
        handler: Subject,
        /// The calendar month, such as 2014-07.
        month: String,
    }
    columns {
        /// Claims that the person filed in the month.
        filed: u32,
        /// Steps that the person passed (通过), approvals included.
        passed: u32,
        /// Claims that the person sent back for more papers (退回补充).
        returned: u32,
        /// Claims that the person turned down (拒绝).
        refused: u32,
        /// Days for which the claims had waited, added up over the decisions of the month.
        waited_days: i64,
    }
    index { "handler, month" }
}
