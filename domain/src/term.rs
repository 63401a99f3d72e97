//! Spans of days: the term of a cover, the period of a certificate.

use std::fmt;

use jiff::civil::Date;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A span of days, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Ends", into = "Ends")]
pub struct Term {
    // Invariant: start <= end.
    start: Date,
    end: Date,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Ends {
    #[schemars(with = "String")]
    start: Date,
    #[schemars(with = "String")]
    end: Date,
}

/// The end of a term lies before its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a term that starts on {start} cannot end on {end}")]
pub struct EndBeforeStart {
    start: Date,
    end: Date,
}

impl Term {
    /// The days from `start` to `end`.
    ///
    /// # Errors
    ///
    /// [`EndBeforeStart`].
    pub fn new(start: Date, end: Date) -> Result<Self, EndBeforeStart> {
        if start <= end { Ok(Self { start, end }) } else { Err(EndBeforeStart { start, end }) }
    }

    /// The first day.
    #[must_use]
    pub const fn start(self) -> Date {
        self.start
    }

    /// The last day.
    #[must_use]
    pub const fn end(self) -> Date {
        self.end
    }

    /// Whether `day` is one of its days.
    #[must_use]
    pub fn holds(self, day: Date) -> bool {
        (self.start..=self.end).contains(&day)
    }

    /// Whether the two have a day in common.
    #[must_use]
    pub fn overlaps(self, other: Self) -> bool {
        self.start <= other.end && other.start <= self.end
    }
}

impl TryFrom<Ends> for Term {
    type Error = EndBeforeStart;

    fn try_from(ends: Ends) -> Result<Self, EndBeforeStart> {
        Self::new(ends.start, ends.end)
    }
}

impl From<Term> for Ends {
    fn from(term: Term) -> Self {
        Self { start: term.start, end: term.end }
    }
}

impl JsonSchema for Term {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Term".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        Ends::json_schema(generator)
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", self.start, self.end)
    }
}

/// Whole days from `earlier` to `later`; negative if they stand the other way round.
#[must_use]
pub fn days_between(earlier: Date, later: Date) -> i64 {
    // Two civil dates are at most some seven million days apart.
    earlier.until(later).map_or(0, |span| i64::from(span.get_days()))
}

/// The working day, Monday to Friday, that comes so many working days after `day`; the end of the
/// calendar beyond it. Public holidays are not known here.
#[must_use]
pub fn working_days_after(day: Date, count: u16) -> Date {
    use jiff::civil::Weekday::{Saturday, Sunday};
    let mut on = day;
    let mut left = count;
    while left > 0 {
        let Ok(next) = on.tomorrow() else { break };
        on = next;
        if !matches!(on.weekday(), Saturday | Sunday) {
            left = left.saturating_sub(1);
        }
    }
    on
}

/// Full years of age on `day`. Who was born on 29 February turns a year older on 1 March in a
/// common year.
#[must_use]
pub fn age_on(born: Date, day: Date) -> i16 {
    let years = day.year().saturating_sub(born.year());
    let before_birthday = (day.month(), day.day()) < (born.month(), born.day());
    years.saturating_sub(i16::from(before_birthday))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn working_days_pass_over_saturdays_and_sundays() {
        // 2014-12-01 is a Monday.
        assert_eq!(working_days_after(day("2014-12-01"), 0), day("2014-12-01"));
        assert_eq!(working_days_after(day("2014-12-01"), 4), day("2014-12-05"));
        assert_eq!(working_days_after(day("2014-12-01"), 5), day("2014-12-08"));
        assert_eq!(working_days_after(day("2014-12-05"), 1), day("2014-12-08"));
        assert_eq!(working_days_after(day("2014-12-06"), 1), day("2014-12-08"));
        assert_eq!(working_days_after(day("2014-12-01"), 10), day("2014-12-15"));
        assert_eq!(working_days_after(Date::MAX, 10), Date::MAX);
    }

    fn day(text: &str) -> Date {
        text.parse().unwrap()
    }

    #[test]
    fn a_term_holds_both_its_ends() {
        let term = Term::new(day("2014-01-01"), day("2014-12-31")).unwrap();
        assert!(term.holds(day("2014-01-01")) && term.holds(day("2014-12-31")));
        assert!(!term.holds(day("2013-12-31")) && !term.holds(day("2015-01-01")));
        assert!(Term::new(day("2014-01-02"), day("2014-01-01")).is_err());
    }

    #[test]
    fn who_was_born_on_a_leap_day_ages_on_the_first_of_march() {
        let born = day("1960-02-29");
        assert_eq!(age_on(born, day("2014-02-28")), 53);
        assert_eq!(age_on(born, day("2014-03-01")), 54);
        assert_eq!(age_on(born, day("2016-02-29")), 56);
    }

    #[test]
    fn days_are_counted_across_leap_years() {
        assert_eq!(days_between(day("2016-02-28"), day("2016-03-01")), 2);
        assert_eq!(days_between(day("2014-12-31"), day("2014-01-01")), -364);
    }
}
