//! What a cover has used up so far, by name.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use crate::id::text_ids;

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

impl AccumulatorKey {
    /// The key of these parts, each of which is within the alphabet.
    pub(super) fn joined(parts: &[&str]) -> Self {
        Self(parts.join(".").into())
    }
}
