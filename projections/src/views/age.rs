//! Ages, as coarse as statistics need them.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::projection::Poison;
use crate::value::{Column, Kind, Value, words};

/// A band of ages (年龄段).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum AgeBand {
    /// Younger than twenty.
    #[serde(rename = "00-19")]
    BelowTwenty,
    /// In the twenties.
    #[serde(rename = "20-29")]
    Twenties,
    /// In the thirties.
    #[serde(rename = "30-39")]
    Thirties,
    /// In the forties.
    #[serde(rename = "40-49")]
    Forties,
    /// In the fifties.
    #[serde(rename = "50-59")]
    Fifties,
    /// Sixty or older.
    #[serde(rename = "60+")]
    Older,
}

words!(AgeBand);

impl AgeBand {
    /// The name as views spell it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::BelowTwenty => "00-19",
            Self::Twenties => "20-29",
            Self::Thirties => "30-39",
            Self::Forties => "40-49",
            Self::Fifties => "50-59",
            Self::Older => "60+",
        }
    }

    /// The band of who turns `age` in the year.
    #[must_use]
    pub const fn of(age: i16) -> Self {
        match age {
            ..=19 => Self::BelowTwenty,
            20..=29 => Self::Twenties,
            30..=39 => Self::Thirties,
            40..=49 => Self::Forties,
            50..=59 => Self::Fifties,
            60.. => Self::Older,
        }
    }
}

/// The band of age that who was born in `born_year` reaches in the year of `on`.
pub(crate) fn band(born_year: u32, on: Date) -> Result<AgeBand, Poison> {
    let age = i64::from(on.year()).checked_sub(born_year.into());
    let age = age.and_then(|age| i16::try_from(age).ok());
    age.map(AgeBand::of).ok_or(Poison::Count { what: "an age" })
}

pub(crate) fn year(on: Date) -> u32 {
    // No calendar that claims know has a year below zero.
    u32::try_from(on.year()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn a_band_begins_with_the_year_of_a_round_birthday() {
        let bands = [
            (1995, AgeBand::BelowTwenty),
            (1994, AgeBand::Twenties),
            (1985, AgeBand::Twenties),
            (1984, AgeBand::Thirties),
            (1974, AgeBand::Forties),
            (1964, AgeBand::Fifties),
            (1955, AgeBand::Fifties),
            (1954, AgeBand::Older),
        ];
        for (born, expected) in bands {
            assert_eq!(band(born, date(2014, 1, 1)), Ok(expected), "{born}");
            assert_eq!(band(born, date(2014, 12, 31)), Ok(expected), "{born}");
        }
    }

    #[test]
    fn bands_sort_by_age_as_text_too() {
        let bands = [
            AgeBand::BelowTwenty,
            AgeBand::Twenties,
            AgeBand::Thirties,
            AgeBand::Forties,
            AgeBand::Fifties,
            AgeBand::Older,
        ];
        let texts: Vec<_> = bands.iter().map(Column::to_value).collect();
        assert!(texts.is_sorted(), "{texts:?}");
        for band in bands {
            assert_eq!(band.to_value(), Value::Text(band.name().to_owned()));
        }
    }
}
