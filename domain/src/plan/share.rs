//! A part of a whole, exact.

use std::fmt;
use std::str::FromStr;

use rust_decimal::Decimal;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// A rate between 0 and 1 with at most six decimal places, such as `0.20`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Share(Decimal);

/// Why a text is not a rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a rate from 0 to 1 with at most six decimal places, such as \"0.20\"")]
pub struct NotAShare;

const PLACES_MAX: u32 = 6;

impl Share {
    /// The whole.
    pub const ALL: Self = Self(Decimal::ONE);

    /// The rate as a number.
    #[must_use]
    pub const fn rate(self) -> Decimal {
        self.0
    }

    /// This part of so many.
    #[must_use]
    pub fn of_count(self, count: u32) -> Decimal {
        // At most 2^32 with six places: within the 28 digits of a decimal.
        self.0.saturating_mul(Decimal::from(count))
    }
}

impl FromStr for Share {
    type Err = NotAShare;

    fn from_str(text: &str) -> Result<Self, NotAShare> {
        let plain = text.len() <= 8
            && text.bytes().all(|b| b.is_ascii_digit() || b == b'.')
            && text.bytes().next().is_some_and(|b| b.is_ascii_digit())
            && text.bytes().next_back().is_some_and(|b| b.is_ascii_digit());
        let rate: Decimal = plain.then(|| text.parse().ok()).flatten().ok_or(NotAShare)?;
        if rate > Decimal::ONE || rate.scale() > PLACES_MAX {
            return Err(NotAShare);
        }
        Ok(Self(rate))
    }
}

impl TryFrom<String> for Share {
    type Error = NotAShare;

    fn try_from(text: String) -> Result<Self, NotAShare> {
        text.parse()
    }
}

impl From<Share> for String {
    fn from(share: Share) -> Self {
        share.0.to_string()
    }
}

/// As people say it: `20 %`.
impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} %", self.0.saturating_mul(Decimal::ONE_HUNDRED).normalize())
    }
}

impl JsonSchema for Share {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Share".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": r"^(0(\.[0-9]{1,6})?|1(\.0{1,6})?)$",
            "description": "A rate from 0 to 1, at most six decimal places, such as \"0.20\"."
        })
    }
}
