//! What a plan pays, in the shapes that the texts of mutual-aid plans use.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::disease::DiseaseCode;
use super::reimbursement::{Reimbursement, StayRules};
use super::share::Share;
use super::terms::{Name, is_false};
use crate::claim::facts::{DocumentKind, IncidentKind, LossKind, Severity};
use crate::id::BenefitCode;
use crate::money::Money;

/// One benefit of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Benefit {
    /// What claims call it.
    pub code: BenefitCode,
    /// What people call it.
    pub name: Name,
    /// The incidents it answers.
    pub incidents: Vec<IncidentKind>,
    /// Whether it takes a disease of the plan's list.
    #[serde(default, skip_serializing_if = "Cause::is_any")]
    pub cause: Cause,
    /// How it is computed.
    pub pays: Pays,
    /// Whether each unit bought pays it once more.
    #[serde(default, skip_serializing_if = "is_false")]
    pub per_unit: bool,
    /// Whether it is paid in the waiting period like after it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub waiting_exempt: bool,
    /// What is paid in the second part of the waiting period (减责期).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reduced: Option<Reduced>,
    /// Until when it may be claimed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claim_window: Option<ClaimWindow>,
    /// What becomes of the cover once it was paid.
    #[serde(default, skip_serializing_if = "AfterPayment::is_continues")]
    pub after_payment: AfterPayment,
    /// The papers it needs beside those of every claim.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub documents: Vec<DocumentKind>,
}

/// Which diseases a benefit takes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// Any cause.
    #[default]
    Any,
    /// A disease of the plan's list.
    Listed,
    /// One of these diseases of the list.
    OneOf(Vec<DiseaseCode>),
}

impl Cause {
    /// Whether any cause will do.
    #[must_use]
    pub const fn is_any(&self) -> bool {
        matches!(self, Self::Any)
    }

    /// Whether it takes this disease of the list.
    #[must_use]
    pub fn takes(&self, disease: &DiseaseCode) -> bool {
        match self {
            Self::Any | Self::Listed => true,
            Self::OneOf(codes) => codes.contains(disease),
        }
    }
}

/// What is paid in the second part of the waiting period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reduced {
    /// This amount, per unit if the benefit is.
    Amount(Money),
    /// This part of the full benefit.
    Share(Share),
}

/// What becomes of the cover once a benefit was paid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AfterPayment {
    /// It goes on.
    #[default]
    Continues,
    /// It ends.
    EndsCover,
    /// It goes on without the disease that was paid for.
    EndsDisease,
}

impl AfterPayment {
    /// Whether the cover goes on as before.
    #[must_use]
    pub const fn is_continues(&self) -> bool {
        matches!(self, Self::Continues)
    }
}

/// Until when a benefit may be claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ClaimWindow {
    /// Within a span of time.
    Within {
        /// From what it runs.
        since: WindowStart,
        /// How long it is.
        length: Length,
    },
    /// Until a day of the year after that of the expense or event.
    By {
        /// The month.
        month: i8,
        /// The day of the month.
        day: i8,
    },
}

/// From what a claim window runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WindowStart {
    /// The day of the incident.
    Incident,
    /// The day of diagnosis, death, certified disability, or of admission.
    Event,
    /// The day of discharge, when hospitals settle; for a receipt, its date.
    Settlement,
}

/// A length of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Length {
    /// Days.
    Days(u16),
    /// Months.
    Months(u16),
    /// Years.
    Years(u8),
}

/// How a benefit is computed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Pays {
    /// A part of what the worker paid.
    Reimbursement(Reimbursement),
    /// An amount for each day in hospital.
    DailyAllowance(DailyAllowance),
    /// An amount for a disease of the list.
    LumpSum(LumpSum),
    /// An amount by the grade of a disability.
    GradeTable(GradeTable),
    /// A part of a loss.
    LossShare(LossShare),
    /// An amount for an event.
    Fixed(Fixed),
}

/// An amount for each day in hospital.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DailyAllowance {
    /// How stays are counted.
    pub stays: StayRules,
    /// How the days of a stay are counted.
    #[serde(default)]
    pub day_count: DayCount,
    /// Every stay, or only the first of the claim.
    #[serde(default)]
    pub which: WhichStays,
    /// Days at the beginning of each stay that are not paid.
    #[serde(default)]
    pub unpaid_first_days: u16,
    /// How much.
    pub amount: DayAmount,
}

/// How the days of a stay are counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DayCount {
    /// Nights: the day of discharge does not count.
    #[default]
    Nights,
    /// The day of admission and the day of discharge both count.
    BothDays,
}

/// Which stays of a claim are paid for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WhichStays {
    /// Every stay.
    #[default]
    Every,
    /// The first stay.
    First,
}

/// How much a stay in hospital pays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DayAmount {
    /// For each paid day.
    PerDay(Money),
    /// For the stay as a whole, by its paid days.
    ByLength(Vec<LengthRow>),
}

/// What a stay of some length pays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LengthRow {
    /// From so many days on, up to the next row.
    pub days_from: u16,
    /// How much.
    pub amount: Money,
}

/// An amount for a disease of the list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LumpSum {
    /// How much, by the class of the disease. A class without an amount is not covered.
    pub amounts: Vec<LumpRow>,
    /// How often.
    pub once: Once,
    /// Over what that is counted.
    #[serde(default)]
    pub over: OnceSpan,
}

/// What a disease of some class pays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LumpRow {
    /// The classes.
    pub severities: Vec<Severity>,
    /// How much.
    pub amount: Money,
}

/// How often a lump sum is paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Once {
    /// Once, whatever the disease.
    InAll,
    /// Once for each class: light and heavy are both payable.
    PerClass,
    /// Once for each disease of the list.
    PerDisease,
}

/// Over what a benefit is paid once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnceSpan {
    /// The term.
    #[default]
    Term,
    /// All covers of the member under this plan.
    Lifetime,
}

/// An amount by the grade of a disability.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GradeTable {
    /// How much each grade pays. A grade without an amount is not covered.
    pub grades: Vec<GradeRow>,
    /// A disability assessed earlier than so many days after the incident wants a look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assess_after_days: Option<u16>,
}

/// What a grade pays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GradeRow {
    /// 1, the gravest, to 10.
    pub grade: u8,
    /// How much.
    pub amount: Money,
}

/// A part of a loss.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LossShare {
    /// Which losses.
    pub losses: Vec<LossKind>,
    /// The part that is paid.
    pub rate: Share,
}

/// An amount for an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Fixed {
    /// The event.
    pub on: FixedEvent,
    /// How much.
    pub amount: Money,
    /// Over what it is paid once.
    #[serde(default)]
    pub over: OnceSpan,
}

/// An event that pays a fixed amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FixedEvent {
    /// The worker was in hospital.
    Hospitalisation,
    /// The worker died.
    Death,
}
