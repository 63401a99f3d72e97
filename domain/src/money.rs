//! Exact amounts of yuan.

use std::fmt;
use std::iter;
use std::str::FromStr;

use rust_decimal::{Decimal, RoundingStrategy};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The largest amount in either direction: a million million yuan.
///
/// `Decimal` keeps 28 digits and its `checked_add` rounds a sum that needs more
/// without a word; this bound, not the check, is what keeps every sum exact.
pub const AMOUNT_MAX: Decimal = Decimal::from_parts(0xD4A5_1000, 0xE8, 0, false, 0);

/// Fen in a yuan, as a number of decimal places.
const PLACES: u32 = 2;

/// An exact amount of renminbi (元), never finer than one fen (分).
///
/// There is no `+` or `-`: a sum can leave the range, so each operation says how it fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Money(
    // Invariants: scale <= PLACES; |amount| <= AMOUNT_MAX.
    Decimal,
);

/// Why an amount is not money.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// The text is not a plain decimal number.
    #[error("not a decimal number")]
    NotANumber,
    /// The amount is finer than one fen.
    #[error("finer than 0.01 yuan")]
    TooFine,
    /// The amount, or the result of the operation, is beyond [`AMOUNT_MAX`].
    #[error("beyond the largest amount of 1000000000000 yuan")]
    OutOfRange,
}

impl Money {
    /// No money.
    pub const ZERO: Self = Self(Decimal::ZERO);

    /// Takes `amount` as it is.
    ///
    /// # Errors
    ///
    /// [`MoneyError`] when `amount` is finer than one fen or out of range.
    pub fn exact(amount: Decimal) -> Result<Self, MoneyError> {
        let amount = amount.normalize();
        if amount.scale() > PLACES {
            return Err(MoneyError::TooFine);
        }
        if amount.abs() > AMOUNT_MAX {
            return Err(MoneyError::OutOfRange);
        }
        Ok(Self(amount))
    }

    /// Brings `amount` to whole fen, rounding as `strategy` says.
    ///
    /// # Errors
    ///
    /// [`MoneyError::OutOfRange`].
    pub fn rounded(amount: Decimal, strategy: RoundingStrategy) -> Result<Self, MoneyError> {
        Self::exact(amount.round_dp_with_strategy(PLACES, strategy))
    }

    /// An amount counted in fen.
    ///
    /// # Errors
    ///
    /// [`MoneyError::OutOfRange`].
    pub fn from_fen(fen: i64) -> Result<Self, MoneyError> {
        Self::exact(Decimal::new(fen, PLACES))
    }

    /// The amount counted in fen.
    #[must_use]
    pub fn fen(self) -> i64 {
        let mut amount = self.0;
        amount.rescale(PLACES);
        // At most 10^14 by the bound, so it always fits.
        i64::try_from(amount.mantissa()).unwrap_or_default()
    }

    /// The amount as a number of yuan.
    #[must_use]
    pub const fn amount(self) -> Decimal {
        self.0
    }

    /// Whether the amount is above zero.
    #[must_use]
    pub fn is_positive(self) -> bool {
        self.0 > Decimal::ZERO
    }

    /// Whether the amount is below zero.
    #[must_use]
    pub fn is_negative(self) -> bool {
        self.0 < Decimal::ZERO
    }

    /// Whether the amount is zero.
    #[must_use]
    pub fn is_zero(self) -> bool {
        self.0.is_zero()
    }

    /// The sum of two amounts.
    ///
    /// # Errors
    ///
    /// [`MoneyError::OutOfRange`].
    pub fn plus(self, other: Self) -> Result<Self, MoneyError> {
        self.0.checked_add(other.0).ok_or(MoneyError::OutOfRange).and_then(Self::exact)
    }

    /// What is left of `self` after taking `other` away; may be negative.
    ///
    /// # Errors
    ///
    /// [`MoneyError::OutOfRange`].
    pub fn minus(self, other: Self) -> Result<Self, MoneyError> {
        self.0.checked_sub(other.0).ok_or(MoneyError::OutOfRange).and_then(Self::exact)
    }

    /// `self`, `count` times.
    ///
    /// # Errors
    ///
    /// [`MoneyError::OutOfRange`].
    pub fn times(self, count: u32) -> Result<Self, MoneyError> {
        self.0.checked_mul(Decimal::from(count)).ok_or(MoneyError::OutOfRange).and_then(Self::exact)
    }

    /// The sum of many amounts.
    ///
    /// # Errors
    ///
    /// [`MoneyError::OutOfRange`].
    pub fn sum(amounts: impl IntoIterator<Item = Self>) -> Result<Self, MoneyError> {
        amounts.into_iter().try_fold(Self::ZERO, Self::plus)
    }

    /// Zero where the amount is negative, else the amount.
    #[must_use]
    pub fn or_zero(self) -> Self {
        iter::once(self).find(|amount| !amount.is_negative()).unwrap_or(Self::ZERO)
    }
}

impl FromStr for Money {
    type Err = MoneyError;

    fn from_str(text: &str) -> Result<Self, MoneyError> {
        // No exponent, no sign but a leading minus, no separators: one way to write an amount.
        let digits = text.strip_prefix('-').unwrap_or(text);
        let plain = digits.len() <= 20
            && digits.bytes().all(|b| b.is_ascii_digit() || b == b'.')
            && digits.bytes().next().is_some_and(|b| b.is_ascii_digit())
            && digits.bytes().next_back().is_some_and(|b| b.is_ascii_digit());
        if !plain {
            return Err(MoneyError::NotANumber);
        }
        text.parse::<Decimal>().map_err(|_| MoneyError::NotANumber).and_then(Self::exact)
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut amount = self.0;
        amount.rescale(PLACES);
        amount.fmt(f)
    }
}

impl Serialize for Money {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Money {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl serde::de::Visitor<'_> for Text {
            type Value = Money;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an amount of yuan as a string, such as \"24208.00\"")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Money, E> {
                text.parse().map_err(|why: MoneyError| E::custom(why))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

impl JsonSchema for Money {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Money".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": r"^-?[0-9]{1,13}(\.[0-9]{1,2})?$",
            "description": "An amount of yuan (元), at most two decimal places."
        })
    }
}

#[cfg(test)]
mod tests;
