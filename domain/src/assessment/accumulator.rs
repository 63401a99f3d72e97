//! What a cover has used up so far, by name.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::id::text_ids;
use crate::plan::{Ceiling, CeilingSpan, Limit};

text_ids! {
    /// What is counted and over which span, such as `amount.total.year.2014` or `days.term`.
    ///
    /// A key that ends in `.lifetime` goes on from one cover of a member to the next.
    AccumulatorKey: 1..=120 of "a-z, 0-9, . and -"
        if |c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '.' || c == '-';
}

/// Sums by what they count.
pub type Accumulators = BTreeMap<AccumulatorKey, Decimal>;

impl AccumulatorKey {
    /// Whether the sum outlives the cover: it is carried to the member's next one.
    #[must_use]
    pub fn is_lifetime(&self) -> bool {
        self.as_str().ends_with(".lifetime")
    }
}

/// What the sum of an accumulator is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// An amount of money; to the assessment in yuan, in tables in fen.
    Fen,
    /// Days.
    Days,
    /// How many: claims, stays, payments; or the number of a day.
    Number,
}

impl AccumulatorKey {
    /// What its sum is.
    #[must_use]
    pub fn measure(&self) -> Measure {
        match self.as_str().split('.').next().unwrap_or_default() {
            "amount" | "base" | "deductible" | "paid" => Measure::Fen,
            "days" => Measure::Days,
            _ => Measure::Number,
        }
    }

    /// What a ceiling is counted by in `year`; none for one within a single claim.
    #[must_use]
    pub fn of_ceiling(ceiling: &Ceiling, year: i16) -> Option<Self> {
        let span = match ceiling.per {
            CeilingSpan::Day | CeilingSpan::Stay | CeilingSpan::Claim => return None,
            CeilingSpan::Year => format!("year.{year}"),
            CeilingSpan::Term => "term".to_owned(),
            CeilingSpan::Lifetime => "lifetime".to_owned(),
        };
        let what = match ceiling.at_most {
            Limit::Amount(_) => "amount",
            Limit::Days(_) => "days",
            Limit::Claims(_) => "claims",
        };
        Some(Self::joined(&[what, ceiling.code.as_str(), &span]))
    }

    /// The key of these parts, each of which is within the alphabet.
    pub(super) fn joined(parts: &[&str]) -> Self {
        Self(parts.join(".").into())
    }
}
