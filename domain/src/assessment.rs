//! The benefit that a plan's terms give for the facts of a claim, with every step of the way.
//!
//! [`Assessment`] is what an event stores: the lines, their total, the trace that a lay person can
//! follow, what the claim would use up of the cover's ceilings and the figures it read.
//!
//! # Invariants
//!
//! 1. The lines add up to the total, and none is negative.
//! 2. For every capped accumulator: used before + used by this claim ≤ ceiling.
//! 3. The same terms, cover and facts give the same bytes.

use std::collections::BTreeMap;
use std::fmt;

use jiff::civil::Date;
use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::claim::facts::{DocumentKind, Facts, FactsError, LossKind};
use crate::id::checked::{Icd10, Sex};
use crate::id::{BenefitCode, PlanCode, StatementSerial, VersionLabel};
use crate::money::{Money, MoneyError};
use crate::plan::{Benefit, Pays, PlanVersion};
use crate::term::Term;

mod accumulator;
mod allowance;
mod cover;
mod diseases;
mod expense;
mod findings;
mod limits;
mod reimbursement;
mod sheet;
mod stays;
mod sums;

use sheet::Sheet;

pub use accumulator::{AccumulatorKey, Accumulators, Measure};
pub use cover::{CoverStanding, Waiting};

/// What a claim is worth, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Assessment {
    /// The plan.
    pub plan: PlanCode,
    /// The version whose terms were applied.
    pub version: VersionLabel,
    /// What is paid for what.
    pub lines: Vec<Line>,
    /// The sum of the lines.
    pub total: Money,
    /// Every step, in order.
    pub trace: Vec<TraceStep>,
    /// What the claim adds to the cover's accumulators.
    pub uses: Accumulators,
    /// The accumulators that were read, as they stood.
    pub basis: Accumulators,
    /// The ceiling of every accumulator in `uses` that has one.
    pub ceilings: BTreeMap<AccumulatorKey, Decimal>,
    /// Whether paying this ends the cover.
    pub ends_cover: bool,
    /// What a reviewer should look at.
    pub findings: Vec<Finding>,
}

/// One benefit for one thing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// The benefit.
    pub benefit: BenefitCode,
    /// What it is paid for.
    pub subject: Subject,
    /// How much.
    pub amount: Money,
}

/// What a line is paid for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// One stay in hospital, by its serial.
    Stay(StatementSerial),
    /// One outpatient receipt, by its serial.
    Receipt(StatementSerial),
    /// The expenses of a calendar year.
    Year(i16),
    /// The expenses of the term.
    Term,
    /// The expenses of the claim.
    Claim,
    /// A disease, by the diagnosis.
    Disease(Icd10),
    /// A disability of this grade.
    Disability(u8),
    /// A death.
    Death,
    /// Damage to the home.
    Loss(LossKind),
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stay(serial) => write!(f, "stay {serial}"),
            Self::Receipt(serial) => write!(f, "receipt {serial}"),
            Self::Year(year) => write!(f, "expenses of {year}"),
            Self::Term => f.write_str("expenses of the term"),
            Self::Claim => f.write_str("expenses of the claim"),
            Self::Disease(code) => write!(f, "disease {code}"),
            Self::Disability(grade) => write!(f, "disability of grade {grade}"),
            Self::Death => f.write_str("death"),
            Self::Loss(LossKind::Fire) => f.write_str("loss by fire"),
            Self::Loss(LossKind::BurstPipe) => f.write_str("loss by a burst pipe"),
        }
    }
}

/// One step of the computation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TraceStep {
    /// The rule that was applied.
    pub rule: Rule,
    /// The benefit it was applied to, unless to the claim as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub benefit: Option<BenefitCode>,
    /// The step in a sentence.
    pub text: String,
    /// What went in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<Input>,
    /// What came out.
    pub result: String,
    /// How the result was brought to whole fen, if it had to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rounding: Option<Rounding>,
}

/// A named figure that went into a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// What the figure is.
    pub name: String,
    /// The figure.
    pub value: String,
}

/// The kind of rule that a step applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// What counts: which papers, which columns, which days.
    Base,
    /// What is left out, and why.
    Exclusion,
    /// What other payers paid.
    Offset,
    /// 起付线
    Deductible,
    /// 比例
    Rate,
    /// 日津贴
    DailyAllowance,
    /// 定额
    LumpSum,
    /// 伤残等级表
    GradeTable,
    /// 损失比例
    LossShare,
    /// 免责期 and 减责期
    Waiting,
    /// 份数
    Units,
    /// 封顶线
    Ceiling,
    /// What earlier claims were paid already.
    AlreadyPaid,
    /// 起付金额
    MinimumPayable,
    /// Of several benefits, only one is paid.
    OneOf,
    /// The sum of the lines.
    Total,
}

/// How an amount is brought to whole fen.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Rounding {
    /// To the nearer fen, half a fen up (四舍五入).
    HalfUp,
    /// To the fen below.
    Down,
    /// To the fen above.
    Up,
}

/// What a reviewer should look at. A finding does not change the amount.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "finding", rename_all = "snake_case", deny_unknown_fields)]
pub enum Finding {
    /// The code alone does not tell whether this disease is covered; nothing is paid for it yet.
    ReviewWanted { code: Icd10, disease: String },
    /// The office was told later than the plan asks.
    NotifiedLate { days: i64, days_max: u16 },
    /// The plan asks to be told, and the claim does not say when the office was.
    NotificationMissing { days_max: u16 },
    /// A paper that the plan asks for was not handed in.
    DocumentMissing { document: DocumentKind },
    /// A stay goes on from one that is not part of this claim: an earlier claim is not reopened.
    JoinOutsideClaim { stay: StatementSerial, joins: StatementSerial },
    /// The disability was assessed earlier than the plan waits for treatment to end.
    AssessedEarly { days: i64, days_wanted: u16 },
}

/// Why there is no assessment.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize)]
#[serde(tag = "reason", rename_all = "SCREAMING_SNAKE_CASE", rename_all_fields = "snake_case")]
pub enum Rejection {
    /// The facts state what cannot be.
    #[error("{path}: {why}")]
    FactsImpossible { path: String, why: String },
    /// The terms are of another plan than the cover.
    #[error("the cover is of plan {cover}, the terms are of {terms}")]
    OtherPlan { cover: PlanCode, terms: PlanCode },
    /// The plan has no such benefit.
    #[error("the plan has no benefit {benefit}; it has {offered}")]
    BenefitUnknown { benefit: BenefitCode, offered: String },
    /// The plan is for the other sex.
    #[error("the plan does not cover members of this sex")]
    NotForSex { sex: Sex },
    /// The facts lie before the member's birth.
    #[error("{date} lies before the member's birth")]
    BeforeBirth { date: Date },
    /// Nothing in the facts is of a kind that the asked benefits answer.
    #[error("none of the benefits {benefits} answers these facts")]
    NothingCovered { benefits: String },
    /// Everything that is claimed lies outside the term.
    #[error("{date} lies outside the term {term}")]
    OutsideTerm { date: Date, term: Term },
    /// The cover had ended.
    #[error("{date} lies after the end of the cover on {ended}")]
    CoverEnded { date: Date, ended: Date },
    /// The claim came too late.
    #[error("applied on {applied_on}, after the last day {last_day}")]
    WindowPassed { benefit: BenefitCode, applied_on: Date, last_day: Date },
    /// An amount is beyond what money can be.
    #[error("an amount is beyond the largest of 1000000000000 yuan")]
    AmountOutOfRange,
}

impl From<FactsError> for Rejection {
    fn from(error: FactsError) -> Self {
        Self::FactsImpossible { path: error.path, why: error.why }
    }
}

impl From<MoneyError> for Rejection {
    fn from(_: MoneyError) -> Self {
        Self::AmountOutOfRange
    }
}

/// What the plan's terms give for the facts, to a cover that stands like this.
///
/// `asks` names the benefits that are claimed; all that the facts speak of if it is empty.
///
/// # Errors
///
/// [`Rejection`] when there is nothing to assess. Where there is something, but the terms give
/// nothing for it, the answer is an assessment of zero whose trace says why.
pub fn assess(
    terms: &PlanVersion,
    cover: &CoverStanding,
    asks: &[BenefitCode],
    facts: &Facts,
) -> Result<Assessment, Rejection> {
    facts.check()?;
    guard(terms, cover, facts)?;
    let asked = asked(terms, asks)?;
    let mut sheet = Sheet::new(terms, cover, facts);
    sheet.note_units();
    for benefit in &asked {
        if benefit.incidents.contains(&facts.incident.kind) {
            judge(&mut sheet, benefit)?;
        } else if !asks.is_empty() {
            let text = "This benefit does not answer an incident of this kind.";
            sheet.note(Rule::Exclusion, Some(benefit), text, &[], "0.00");
        }
    }
    if !sheet.judged {
        let benefits = listed(asked.iter().map(|benefit| &benefit.code));
        let miss = sheet.misses.into_iter().next();
        return Err(miss.unwrap_or(Rejection::NothingCovered { benefits }));
    }
    findings::look(&mut sheet, &asked);
    limits::finish(sheet)
}

fn guard(terms: &PlanVersion, cover: &CoverStanding, facts: &Facts) -> Result<(), Rejection> {
    if terms.plan != cover.plan {
        let (cover, terms) = (cover.plan.clone(), terms.plan.clone());
        return Err(Rejection::OtherPlan { cover, terms });
    }
    if terms.enrolment.sex.is_some_and(|sex| sex != cover.sex) {
        return Err(Rejection::NotForSex { sex: cover.sex });
    }
    let date = facts.incident.date;
    if date < cover.born {
        return Err(Rejection::BeforeBirth { date });
    }
    Ok(())
}

/// The asked benefits, in the order of the plan.
fn asked<'a>(terms: &'a PlanVersion, asks: &[BenefitCode]) -> Result<Vec<&'a Benefit>, Rejection> {
    let unknown = asks.iter().find(|code| terms.benefits.iter().all(|b| b.code != **code));
    if let Some(benefit) = unknown {
        let offered = listed(terms.benefits.iter().map(|benefit| &benefit.code));
        return Err(Rejection::BenefitUnknown { benefit: benefit.clone(), offered });
    }
    let chosen = |benefit: &&Benefit| asks.is_empty() || asks.contains(&benefit.code);
    Ok(terms.benefits.iter().filter(chosen).collect())
}

fn judge<'a>(sheet: &mut Sheet<'a>, benefit: &'a Benefit) -> Result<(), Rejection> {
    match &benefit.pays {
        Pays::Reimbursement(pays) => reimbursement::judge(sheet, benefit, pays),
        Pays::DailyAllowance(pays) => allowance::judge(sheet, benefit, pays),
        Pays::LumpSum(pays) => sums::lump_sum(sheet, benefit, pays),
        Pays::GradeTable(table) => sums::grade_table(sheet, benefit, table),
        Pays::LossShare(pays) => sums::loss_share(sheet, benefit, pays),
        Pays::Fixed(pays) => sums::fixed(sheet, benefit, pays),
    }
}

fn listed<'a>(codes: impl Iterator<Item = &'a BenefitCode>) -> String {
    codes.map(BenefitCode::as_str).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
