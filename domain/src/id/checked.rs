//! Identifiers with a check digit or a fixed form, refused when they do not hold.
//!
//! An error never repeats the text that it refuses: it may be personal, and errors are logged.

use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Why a text is not the identifier it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckError {
    /// The text has another length than the identifier.
    #[error("must be {expected} characters long, not {length}")]
    Length {
        /// What the length may be.
        expected: &'static str,
        /// What it is.
        length: usize,
    },
    /// A character stands where the identifier has none such.
    #[error("character {place} is not one of {allowed}")]
    Character {
        /// The place, counted from 1.
        place: usize,
        /// What may stand there.
        allowed: &'static str,
    },
    /// The birth date inside a resident id is no date.
    #[error("its birth date does not exist")]
    BirthDate,
    /// The check digit does not fit the rest.
    #[error("its check digit does not hold")]
    CheckDigit,
    /// Another form than the identifier's.
    #[error("is not of the form {form}")]
    Form {
        /// The form.
        form: &'static str,
    },
}

/// Man or woman, as the resident id says.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Sex {
    /// 女
    Female,
    /// 男
    Male,
}

/// A resident identity number (居民身份证号码), GB 11643-1999: 18 characters.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ResidentId(String);

impl ResidentId {
    /// The number itself: personal data.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// The birth date it holds.
    #[must_use]
    pub fn born(&self) -> Date {
        birth_date(&self.0).unwrap_or(Date::ZERO)
    }

    /// Man or woman: digit 17, odd for men.
    #[must_use]
    pub fn sex(&self) -> Sex {
        match self.0.as_bytes().get(16) {
            Some(b'1' | b'3' | b'5' | b'7' | b'9') => Sex::Male,
            _ => Sex::Female,
        }
    }
}

impl FromStr for ResidentId {
    type Err = CheckError;

    fn from_str(text: &str) -> Result<Self, CheckError> {
        let length = text.chars().count();
        if length != 18 {
            return Err(CheckError::Length { expected: "18", length });
        }
        let digits = text.chars().enumerate();
        for (place, c) in digits {
            let last = place == 17;
            if !(c.is_ascii_digit() || last && c == 'X') {
                let allowed = if last { "0-9 or X" } else { "0-9" };
                return Err(CheckError::Character { place: place.saturating_add(1), allowed });
            }
        }
        birth_date(text).ok_or(CheckError::BirthDate)?;
        const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
        let sum = weighted(text, &WEIGHTS, |c| c.to_digit(10));
        let check = "10X98765432".chars().nth(remainder(sum, 11));
        if text.chars().next_back() == check {
            Ok(Self(text.to_owned()))
        } else {
            Err(CheckError::CheckDigit)
        }
    }
}

fn birth_date(text: &str) -> Option<Date> {
    let year = text.get(6..10)?.parse().ok()?;
    let month = text.get(10..12)?.parse().ok()?;
    let day = text.get(12..14)?.parse().ok()?;
    // Nobody alive was born before 1850; an earlier date is a slip.
    Date::new(year, month, day).ok().filter(|date| date.year() >= 1850)
}

/// Σ weight × value of a character, over as many characters as there are weights.
fn weighted(text: &str, weights: &[u32], value: impl Fn(char) -> Option<u32>) -> u32 {
    text.chars()
        .zip(weights)
        .map(|(c, weight)| value(c).unwrap_or(0).saturating_mul(*weight))
        .fold(0, u32::saturating_add)
}

fn remainder(sum: u32, modulus: u32) -> usize {
    usize::try_from(sum.checked_rem(modulus).unwrap_or(0)).unwrap_or(0)
}

/// A unified social credit code (统一社会信用代码), GB 32100-2015, or the nine characters of the
/// organisation code (组织机构代码) that older units still have.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct CreditCode(String);

const CREDIT_ALPHABET: &str = "0123456789ABCDEFGHJKLMNPQRTUWXY";

impl CreditCode {
    /// The code as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for CreditCode {
    type Err = CheckError;

    fn from_str(text: &str) -> Result<Self, CheckError> {
        let length = text.chars().count();
        match length {
            18 => {
                let value =
                    |c| CREDIT_ALPHABET.chars().zip(0..).find(|(a, _)| *a == c).map(|p| p.1);
                if let Some((place, _)) = text
                    .chars()
                    .zip(1..)
                    .find_map(|(c, place)| value(c).is_none().then_some((place, c)))
                {
                    return Err(CheckError::Character {
                        place,
                        allowed: "0-9 and A-Z without I O S V Z",
                    });
                }
                // Powers of 3 modulo 31.
                const WEIGHTS: [u32; 17] =
                    [1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28];
                let rest = remainder(weighted(text, &WEIGHTS, value), 31);
                // A remainder of 0 gives check character 0, not one beyond the alphabet.
                let check =
                    remainder(u32::try_from(31_usize.saturating_sub(rest)).unwrap_or(0), 31);
                if text.chars().next_back() == CREDIT_ALPHABET.chars().nth(check) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(CheckError::CheckDigit)
                }
            }
            9 if text.chars().all(|c| c.is_ascii_digit() || c.is_ascii_uppercase()) => {
                Ok(Self(text.to_owned()))
            }
            9 => Err(CheckError::Form { form: "nine of 0-9 and A-Z" }),
            _ => Err(CheckError::Length { expected: "18 (or 9 for an organisation code)", length }),
        }
    }
}

/// The number of a bank card (京卡), 16 to 19 digits with a Luhn check digit.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CardNumber(String);

impl CardNumber {
    /// The number itself: personal data.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl FromStr for CardNumber {
    type Err = CheckError;

    fn from_str(text: &str) -> Result<Self, CheckError> {
        let length = text.chars().count();
        if !(16..=19).contains(&length) {
            return Err(CheckError::Length { expected: "16 to 19", length });
        }
        if let Some(place) = text.chars().position(|c| !c.is_ascii_digit()) {
            return Err(CheckError::Character { place: place.saturating_add(1), allowed: "0-9" });
        }
        let sum = text
            .chars()
            .rev()
            .filter_map(|c| c.to_digit(10))
            .zip([false, true].into_iter().cycle())
            .map(|(digit, doubled)| match digit.saturating_mul(if doubled { 2 } else { 1 }) {
                two_digits @ 10.. => two_digits.saturating_sub(9),
                one_digit => one_digit,
            })
            .fold(0, u32::saturating_add);
        if remainder(sum, 10) == 0 {
            Ok(Self(text.to_owned()))
        } else {
            Err(CheckError::CheckDigit)
        }
    }
}

/// A mainland telephone number: a mobile of 11 digits, or area code, `-` and number.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Phone(String);

impl Phone {
    /// The number itself: personal data.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl FromStr for Phone {
    type Err = CheckError;

    fn from_str(text: &str) -> Result<Self, CheckError> {
        let digits = |text: &str, lengths: std::ops::RangeInclusive<usize>| {
            lengths.contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
        };
        let mobile = digits(text, 11..=11) && text.starts_with('1');
        let landline = text.split_once('-').is_some_and(|(area, number)| {
            area.starts_with('0') && digits(area, 3..=4) && digits(number, 7..=8)
        });
        if mobile || landline {
            Ok(Self(text.to_owned()))
        } else {
            Err(CheckError::Form { form: "13812345678 or 010-12345678" })
        }
    }
}

/// A diagnosis of ICD-10, such as `C50` or `C54.1`.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct Icd10(String);

impl Icd10 {
    /// The code as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this code is `group` or one of its subdivisions: `C54.1` is within `C54`.
    #[must_use]
    pub fn is_within(&self, group: &Self) -> bool {
        self.0
            .strip_prefix(group.0.as_str())
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.') || group.0.contains('.'))
    }
}

impl FromStr for Icd10 {
    type Err = CheckError;

    fn from_str(text: &str) -> Result<Self, CheckError> {
        let form = CheckError::Form { form: "C50, C50.9 or C50.91" };
        let (category, rest) = match text.split_once('.') {
            None => (text, None),
            Some((category, rest)) => (category, Some(rest)),
        };
        let mut characters = category.chars();
        let category_holds = characters.next().is_some_and(|c| c.is_ascii_uppercase())
            && characters.next().is_some_and(|c| c.is_ascii_digit())
            && characters.next().is_some_and(|c| c.is_ascii_digit())
            && characters.next().is_none();
        let rest_holds = rest.is_none_or(|rest| {
            (1..=3).contains(&rest.len()) && rest.bytes().all(|b| b.is_ascii_digit() || b == b'x')
        });
        if category_holds && rest_holds { Ok(Self(text.to_owned())) } else { Err(form) }
    }
}

macro_rules! texts {
    ($($name:ident $(shown as $shown:literal)?),+) => {$(
        impl TryFrom<String> for $name {
            type Error = CheckError;

            fn try_from(text: String) -> Result<Self, CheckError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(checked: $name) -> Self {
                checked.0
            }
        }

        $(impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str($shown)
            }
        })?
    )+};
}

texts! {
    ResidentId shown as "ResidentId(…)",
    CardNumber shown as "CardNumber(…)",
    Phone shown as "Phone(…)",
    CreditCode,
    Icd10
}

impl fmt::Display for Icd10 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests;
