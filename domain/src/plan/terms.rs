//! The terms of one version of a plan: data that an operator publishes, never code.

use std::collections::BTreeMap;
use std::fmt;

use jiff::civil::Date;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::benefit::Benefit;
use super::disease::Disease;
use super::enrolment::Enrolment;
use super::standing::Standing;
use crate::assessment::Rounding;
use crate::claim::facts::DocumentKind;
use crate::id::{BenefitCode, PlanCode, VersionLabel, text_ids};
use crate::money::Money;
use crate::term::Term;

text_ids! {
    /// What a ceiling or a group is called in the accumulators, such as `year-total`.
    CeilingCode: 1..=40 of "a-z, 0-9 and -"
        if |c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
}

/// One version of a plan (保障计划).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlanVersion {
    /// The plan it is a version of.
    pub plan: PlanCode,
    /// The plan's name.
    pub name: Name,
    /// What tells it from the plan's other versions.
    pub version: VersionLabel,
    /// From when it holds, and until when.
    pub effective: Effective,
    /// How a claim finds its version.
    pub selection: Selection,
    /// Whether members whose cover is bound to an older version get these terms too, for what
    /// happens on or after the effective date.
    #[serde(default, skip_serializing_if = "is_false")]
    pub covers_in_force: bool,
    /// Who may enrol, and for how much.
    pub enrolment: Enrolment,
    /// How long a cover lasts.
    pub term: TermLength,
    /// The waiting period, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting: Option<WaitingTerms>,
    /// The diseases that benefits refer to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub diseases: Vec<Disease>,
    /// What is not covered.
    #[serde(default, skip_serializing_if = "Exclusions::is_empty")]
    pub exclusions: Exclusions,
    /// What is paid.
    pub benefits: Vec<Benefit>,
    /// Groups of benefits of which only one is paid, in a term or for an incident.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub one_of: Vec<OneOf>,
    /// What is paid at most.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ceilings: Vec<Ceiling>,
    /// A claim worth less than this is paid nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum_payable: Option<Money>,
    /// How an amount is brought to whole fen.
    pub rounding: Rounding,
    /// Within how many days of the incident the office wants to be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notify_within_days: Option<u16>,
    /// The papers that every claim needs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub documents: Vec<DocumentKind>,
    /// Plans that a member of this one may not hold at the same time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub either_or: Vec<PlanCode>,
    /// Where each figure comes from: JSON pointer of the figure, or of what it stands in, to
    /// its standing. The longest pointer that fits a figure speaks for it.
    pub standings: BTreeMap<String, Standing>,
}

pub(super) fn is_false(flag: &bool) -> bool {
    !*flag
}

pub(super) fn is_zero_days(days: &u16) -> bool {
    *days == 0
}

/// A name as people see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Name {
    /// In Chinese.
    #[schemars(length(min = 1, max = 80))]
    pub zh: String,
    /// In English.
    #[schemars(length(min = 1, max = 120))]
    pub en: String,
}

/// `Year maximum (年度最高互助金)`
impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.en, self.zh)
    }
}

/// The days on which a version may be chosen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Effective {
    /// The first day.
    #[schemars(with = "String")]
    pub from: Date,
    /// The last day, if one is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub until: Option<Date>,
}

impl Effective {
    /// Whether the version may be chosen on `day`.
    #[must_use]
    pub fn holds(&self, day: Date) -> bool {
        self.from <= day && self.until.is_none_or(|until| day <= until)
    }
}

/// How a claim finds its version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Selection {
    /// The version that the cover was bought under.
    Term,
    /// The version that held in the year of the expenses.
    ExpenseYear,
    /// The version that held on the day of the event.
    EventDate,
}

/// How long a cover lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TermLength {
    /// So many years, from any day: 1 to 4.
    Years(u8),
    /// One calendar year, or what is left of it.
    CalendarYear,
}

impl TermLength {
    /// The term of a cover that starts on `start`; none beyond the calendar.
    #[must_use]
    pub fn from(self, start: Date) -> Option<Term> {
        let end = match self {
            Self::Years(years) => {
                let length = jiff::Span::new().try_years(years).ok()?;
                start.checked_add(length).ok()?.yesterday().ok()?
            }
            Self::CalendarYear => Date::new(start.year(), 12, 31).ok()?,
        };
        Term::new(start, end).ok()
    }
}

/// The waiting period of a first enrolment: first nothing is paid, then less.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WaitingTerms {
    /// Days without benefit (免责期), counted from the first day of the cover as day 1.
    pub unpaid_days: u16,
    /// Days with reduced benefit (减责期), right after those.
    #[serde(default, skip_serializing_if = "is_zero_days")]
    pub reduced_days: u16,
    /// A renewal within so many days of the end of the last term does not wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waived_on_renewal_within_days: Option<u16>,
    /// Accidents do not wait.
    #[serde(default, skip_serializing_if = "is_false")]
    pub waived_for_accident: bool,
}

/// What is not covered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Exclusions {
    /// Cancer that spread from another organ (转移癌).
    #[serde(default, skip_serializing_if = "is_false")]
    pub secondary: bool,
    /// Disease known before the cover began (既往症).
    #[serde(default, skip_serializing_if = "is_false")]
    pub pre_existing: bool,
    /// Stays for mental illness (精神疾病).
    #[serde(default, skip_serializing_if = "is_false")]
    pub mental_illness: bool,
    /// What only a reviewer can judge.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<Name>,
}

impl Exclusions {
    /// Whether nothing is excluded.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Benefits of which only one is paid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OneOf {
    /// What the group is called in the accumulators.
    pub code: CeilingCode,
    /// The benefits.
    pub benefits: Vec<BenefitCode>,
    /// Over what only one is paid.
    #[serde(default, skip_serializing_if = "OneOfSpan::is_term")]
    pub over: OneOfSpan,
}

/// Over what only one benefit of a group is paid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OneOfSpan {
    /// The term.
    #[default]
    Term,
    /// One incident: another one in the same term is paid for itself.
    Incident,
}

impl OneOfSpan {
    fn is_term(&self) -> bool {
        *self == Self::Term
    }
}

/// What is paid at most.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ceiling {
    /// What it is called in the accumulators.
    pub code: CeilingCode,
    /// What people call it.
    pub name: Name,
    /// The benefits that share it; all of them if none is named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub benefits: Vec<BenefitCode>,
    /// What it is counted over.
    pub per: CeilingSpan,
    /// How much.
    pub at_most: Limit,
    /// Whether each unit bought brings its own.
    #[serde(default, skip_serializing_if = "is_false")]
    pub per_unit: bool,
}

impl Ceiling {
    /// Whether `benefit` counts against it.
    #[must_use]
    pub fn counts(&self, benefit: &BenefitCode) -> bool {
        self.benefits.is_empty() || self.benefits.contains(benefit)
    }
}

/// What a ceiling is counted over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CeilingSpan {
    /// One day of a stay.
    Day,
    /// One stay, or one receipt.
    Stay,
    /// One claim.
    Claim,
    /// One calendar year.
    Year,
    /// The term of the cover.
    Term,
    /// All covers of the member under this plan.
    Lifetime,
}

/// What a ceiling limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// Yuan.
    Amount(Money),
    /// Paid days of a daily allowance.
    Days(u32),
    /// Claims that were paid.
    Claims(u32),
}
