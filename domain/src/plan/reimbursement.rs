//! Terms of benefits that pay a part of what the worker paid.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::share::Share;
use crate::claim::facts::Payer;
use crate::member::MemberClass;
use crate::money::Money;

/// A part of what the worker paid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reimbursement {
    /// Which papers count.
    pub of: Expense,
    /// Which of their columns count.
    pub columns: Vec<Column>,
    /// What the rates are applied to.
    pub settle: Settle,
    /// How stays are counted; needed where stays count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stays: Option<StayRules>,
    /// Whose payments are taken off the expense first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub net_of: Vec<Payer>,
    /// What the worker bears alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deductible: Option<Deductible>,
    /// Whether each rate is for its own slice, or one rate for the whole.
    #[serde(default)]
    pub scale: Scale,
    /// The rates.
    pub rates: Vec<RateRow>,
}

/// Which papers count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Expense {
    /// 门诊
    Outpatient,
    /// 住院
    Inpatient,
    /// 门诊 and 住院
    Both,
}

/// A column of a bill.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Column {
    /// 自付一 below the ceiling of the medical insurance.
    SelfPayOne,
    /// 自付一 above it.
    SelfPayOneAbove,
    /// 自付二
    SelfPayTwo,
    /// 自费
    OwnExpense,
}

/// What rates are applied to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Settle {
    /// Each stay or receipt by itself.
    EachItem,
    /// All of one claim together.
    Claim,
    /// All of the calendar year to date, less what was paid for it already.
    Year,
    /// All of the term to date, less what was paid for it already.
    Term,
}

/// How stays are counted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StayRules {
    /// Which day says to what year and term a stay belongs.
    pub belongs_by: StayDay,
    /// Over what the first, second and later stays are counted.
    pub ordinal_per: OrdinalSpan,
    /// A stay is settled in cycles of so many days; each cycle beyond the first is one more stay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cycle_days: Option<u16>,
    /// Emergency observation joins a stay that follows within so many days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observation_joins_within_days: Option<u16>,
    /// A transfer with a slip joins a stay that follows within so many hours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transfer_joins_within_hours: Option<u16>,
    /// Stays for the same cause within so many months are one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub same_cause_joins_within_months: Option<u8>,
    /// The lowest grade of hospital that counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hospital_grade_min: Option<u8>,
}

/// Which day says to what year and term a stay belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StayDay {
    /// The day of admission.
    Admission,
    /// The day of discharge, when the hospital settles.
    Discharge,
    /// Each day for itself: a stay across the turn of a year or term is cut there.
    EachDay,
}

/// Over what stays are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OrdinalSpan {
    /// A calendar year.
    Year,
    /// The term.
    Term,
}

/// What the worker bears alone (起付线).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Deductible {
    /// How often it is borne.
    pub per: DeductibleSpan,
    /// How much; the first row that fits holds.
    pub amounts: Vec<DeductibleRow>,
}

/// How often a deductible is borne.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeductibleSpan {
    /// For each stay or receipt.
    Item,
    /// Once a claim.
    Claim,
    /// Once a calendar year.
    Year,
    /// Once a term.
    Term,
}

/// One amount of a deductible.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeductibleRow {
    /// How much.
    pub amount: Money,
    /// For whom and what; for everything if left out.
    #[serde(default, skip_serializing_if = "Applies::is_everything")]
    pub applies: Applies,
}

/// One rate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RateRow {
    /// Where its slice or band begins.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub above: Money,
    /// The part that is paid.
    pub rate: Share,
    /// The most that this slice pays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<Money>,
    /// For whom and what; for everything if left out.
    #[serde(default, skip_serializing_if = "Applies::is_everything")]
    pub applies: Applies,
}

/// How rates and amounts meet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scale {
    /// Each rate is for the slice from its beginning to the next (分段累进).
    #[default]
    Slices,
    /// The rate of the band that the amount lies in is for the whole amount (按档全额). A band
    /// holds the amount that it begins with.
    Bands,
}

/// For whom and what a row holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Applies {
    /// Members of these classes; all of them if none is named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<MemberClass>,
    /// Hospitals of these grades; all of them if none is named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hospital_grades: Vec<u8>,
    /// From this stay on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stays_from: Option<u16>,
    /// To this stay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stays_to: Option<u16>,
    /// Only treatment of special diseases (特殊病), or only other treatment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub special_disease: Option<bool>,
}

impl Applies {
    /// Whether it holds for everything.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        *self == Self::default()
    }
}

fn is_zero(amount: &Money) -> bool {
    amount.is_zero()
}
