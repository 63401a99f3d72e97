//! What plan versions say of ceilings, benefits and deadlines, as tables to be joined.

use huzhu_domain::assessment::Measure;
use huzhu_domain::id::{BenefitCode, PlanCode, VersionLabel};
use huzhu_domain::plan::{
    Benefit, Ceiling, CeilingSpan, ClaimWindow, Length, Limit, PlanVersion as Terms, WindowStart,
};
use serde::{Deserialize, Serialize};

use crate::record::record;
use crate::value::{Column, Kind, Value, words};

/// What a ceiling is counted over, where covers count it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Span {
    /// One calendar year.
    Year,
    /// The term of the cover.
    Term,
    /// All covers of the member under the plan.
    Lifetime,
}

/// The unit of a claim window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WindowUnit {
    /// Days.
    Days,
    /// Months.
    Months,
    /// Years.
    Years,
}

words!(Span, WindowStart, WindowUnit);

record! {
    /// A ceiling (限额) of a plan version that a cover counts over a year, its term or a lifetime.
    PlanCeiling = "plan_ceilings";
    key {
        /// The plan.
        plan: PlanCode,
        /// The plan version.
        version: VersionLabel,
        /// What the covers count it by, without the year: days.term-days.term.
        accumulator: String,
    }
    columns {
        /// Its name in Chinese.
        name_zh: String,
        /// Its name in English.
        name_en: String,
        /// year, term or lifetime. What a year counts ends in the year: amount.total.year.2014.
        per: Span,
        /// What it limits: fen, days or number (of claims).
        measure: Measure,
        /// How much at most.
        at_most: i64,
        /// Whether each unit bought (份) brings as much again.
        per_unit: bool,
    }
}

record! {
    /// A benefit (保障责任) of a plan version, and until when it may be claimed.
    PlanBenefit = "plan_benefits";
    key {
        /// The plan.
        plan: PlanCode,
        /// The plan version.
        version: VersionLabel,
        /// What claims call it.
        benefit: BenefitCode,
    }
    columns {
        /// Its name in Chinese.
        name_zh: String,
        /// Its name in English.
        name_en: String,
        /// From what the time to claim it runs (申请时限): incident, event (diagnosis, death,
        /// admission) or settlement (discharge).
        claim_since: Option<WindowStart>,
        /// How long that time is.
        claim_within: Option<u32>,
        /// In days, months or years.
        claim_within_unit: Option<WindowUnit>,
        /// The last day to claim it in the year after the expense, such as 03-31.
        claim_by: Option<String>,
    }
}

/// The ceilings of a plan version that covers count.
pub(super) fn ceilings(terms: &Terms) -> impl Iterator<Item = PlanCeiling> {
    terms.ceilings.iter().filter_map(|ceiling| {
        let per = match ceiling.per {
            CeilingSpan::Day | CeilingSpan::Stay | CeilingSpan::Claim => return None,
            CeilingSpan::Year => Span::Year,
            CeilingSpan::Term => Span::Term,
            CeilingSpan::Lifetime => Span::Lifetime,
        };
        let (measure, at_most) = match ceiling.at_most {
            Limit::Amount(amount) => (Measure::Fen, amount.fen()),
            Limit::Days(days) => (Measure::Days, days.into()),
            Limit::Claims(claims) => (Measure::Number, claims.into()),
        };
        Some(PlanCeiling {
            plan: terms.plan.clone(),
            version: terms.version.clone(),
            accumulator: accumulator(ceiling)?,
            name_zh: ceiling.name.zh.clone(),
            name_en: ceiling.name.en.clone(),
            per,
            measure,
            at_most,
            per_unit: ceiling.per_unit && measure != Measure::Number,
        })
    })
}

/// What covers count a ceiling by, whatever the year.
fn accumulator(ceiling: &Ceiling) -> Option<String> {
    let key = huzhu_domain::assessment::AccumulatorKey::of_ceiling(ceiling, 0)?;
    let key = key.as_str();
    Some(key.strip_suffix(".0").unwrap_or(key).to_owned())
}

/// The benefits of a plan version.
pub(super) fn benefits(terms: &Terms) -> impl Iterator<Item = PlanBenefit> {
    terms.benefits.iter().map(|benefit| row(terms, benefit))
}

fn row(terms: &Terms, benefit: &Benefit) -> PlanBenefit {
    let mut row = PlanBenefit {
        plan: terms.plan.clone(),
        version: terms.version.clone(),
        benefit: benefit.code.clone(),
        name_zh: benefit.name.zh.clone(),
        name_en: benefit.name.en.clone(),
        claim_since: None,
        claim_within: None,
        claim_within_unit: None,
        claim_by: None,
    };
    match benefit.claim_window {
        Some(ClaimWindow::Within { since, length }) => {
            let (within, unit) = match length {
                Length::Days(days) => (days.into(), WindowUnit::Days),
                Length::Months(months) => (months.into(), WindowUnit::Months),
                Length::Years(years) => (years.into(), WindowUnit::Years),
            };
            row.claim_since = Some(since);
            row.claim_within = Some(within);
            row.claim_within_unit = Some(unit);
        }
        Some(ClaimWindow::By { month, day }) => row.claim_by = Some(format!("{month:02}-{day:02}")),
        None => {}
    }
    row
}
