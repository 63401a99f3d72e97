//! Values as a database keeps them, and how what the domain knows becomes a value and back.
//!
//! Money is kept as a whole number of fen (分), so that any tool sums it exactly: columns of
//! money end in `_fen`. Dates are `YYYY-MM-DD`, times are UTC with six decimal places, so that
//! both sort as text. What has no shape of its own in SQL is JSON.

use huzhu_domain::assessment::{AccumulatorKey, Measure};
use huzhu_domain::claim::RefusalReason;
use huzhu_domain::claim::facts::{IncidentKind, Severity};
use huzhu_domain::cover::EndReason;
use huzhu_domain::id::checked::{CardNumber, Phone, ResidentId, Sex};
use huzhu_domain::id::{
    BatchId, BenefitCode, CaseId, ClaimId, CoverId, MemberId, OrganisationId, PayoutId, PlanCode,
    ResidentKey, RosterId, Subject, VersionLabel,
};
use huzhu_domain::member::MemberClass;
use huzhu_domain::money::Money;
use huzhu_domain::payout::ReturnReason;
use huzhu_domain::plan::{EnrolmentMode, Selection, Tier};
use huzhu_domain::step::{Level, Step};
use jiff::Timestamp;
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A value of one column.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Value {
    /// Nothing.
    Null,
    /// A whole number.
    Integer(i64),
    /// A text.
    Text(String),
}

/// What a column holds, whatever the database calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A text, such as an id or the name of a state.
    Text,
    /// A whole number.
    Integer,
    /// 0 or 1.
    Boolean,
    /// An amount of money in fen.
    Fen,
    /// An exact decimal number, as text.
    Decimal,
    /// A calendar date.
    Date,
    /// An instant in UTC.
    Timestamp,
    /// A JSON document.
    Json,
}

/// A type that stands in one column.
pub trait Column: Sized {
    /// What the column holds.
    const KIND: Kind;
    /// Whether the column may hold nothing.
    const NULLABLE: bool = false;
    /// As the database keeps it.
    fn to_value(&self) -> Value;
    /// As the database kept it; `None` if it was never written by [`Self::to_value`].
    fn from_value(value: Value) -> Option<Self>;
}

/// A JSON document of a type of the domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Json<T>(pub T);

impl Value {
    pub(crate) fn text(self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text),
            Self::Null | Self::Integer(_) => None,
        }
    }

    fn integer(self) -> Option<i64> {
        match self {
            Self::Integer(number) => Some(number),
            Self::Null | Self::Text(_) => None,
        }
    }
}

/// Types that are written with `Display` and read with `FromStr`.
macro_rules! texts {
    ($kind:ident: $($type:ty),+ $(,)?) => {$(
        impl Column for $type {
            const KIND: Kind = Kind::$kind;

            fn to_value(&self) -> Value {
                Value::Text(self.to_string())
            }

            fn from_value(value: Value) -> Option<Self> {
                value.text()?.parse().ok()
            }
        }
    )+};
}

/// Types that are one word in JSON.
macro_rules! words {
    ($($type:ty),+ $(,)?) => {$(
        impl Column for $type {
            const KIND: Kind = Kind::Text;

            fn to_value(&self) -> Value {
                match serde_json::to_value(self) {
                    Ok(serde_json::Value::String(word)) => Value::Text(word),
                    _ => Value::Null,
                }
            }

            fn from_value(value: Value) -> Option<Self> {
                serde_json::from_value(serde_json::Value::String(value.text()?)).ok()
            }
        }
    )+};
}
pub(crate) use words;

/// Types that only show themselves when asked to.
macro_rules! revealed {
    ($($type:ty),+ $(,)?) => {$(
        impl Column for $type {
            const KIND: Kind = Kind::Text;

            fn to_value(&self) -> Value {
                Value::Text(self.reveal().to_owned())
            }

            fn from_value(value: Value) -> Option<Self> {
                value.text()?.parse().ok()
            }
        }
    )+};
}

macro_rules! integers {
    ($($type:ty),+) => {$(
        impl Column for $type {
            const KIND: Kind = Kind::Integer;

            fn to_value(&self) -> Value {
                // Counts and revisions stay far below 2^63.
                Value::Integer(i64::try_from(*self).unwrap_or(i64::MAX))
            }

            fn from_value(value: Value) -> Option<Self> {
                value.integer()?.try_into().ok()
            }
        }
    )+};
}

texts!(Text: BatchId, CaseId, ClaimId, CoverId, MemberId, PayoutId, RosterId);
texts!(Text: AccumulatorKey, BenefitCode, OrganisationId, PlanCode, ResidentKey, Subject);
texts!(Text: VersionLabel);
texts!(Date: Date);
texts!(Decimal: Decimal);
words!(EndReason, EnrolmentMode, IncidentKind, Level, Measure, MemberClass, RefusalReason);
words!(ReturnReason);
words!(Selection, Severity, Sex, Step, Tier);
revealed!(CardNumber, Phone, ResidentId);
integers!(u32, u64, i64);

impl Column for String {
    const KIND: Kind = Kind::Text;

    fn to_value(&self) -> Value {
        Value::Text(self.clone())
    }

    fn from_value(value: Value) -> Option<Self> {
        value.text()
    }
}

impl Column for bool {
    const KIND: Kind = Kind::Boolean;

    fn to_value(&self) -> Value {
        Value::Integer(i64::from(*self))
    }

    fn from_value(value: Value) -> Option<Self> {
        match value.integer()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }
}

impl Column for Money {
    const KIND: Kind = Kind::Fen;

    fn to_value(&self) -> Value {
        Value::Integer(self.fen())
    }

    fn from_value(value: Value) -> Option<Self> {
        Self::from_fen(value.integer()?).ok()
    }
}

impl Column for Timestamp {
    const KIND: Kind = Kind::Timestamp;

    fn to_value(&self) -> Value {
        Value::Text(format!("{self:.6}"))
    }

    fn from_value(value: Value) -> Option<Self> {
        value.text()?.parse().ok()
    }
}

impl<T: Column> Column for Option<T> {
    const KIND: Kind = T::KIND;
    const NULLABLE: bool = true;

    fn to_value(&self) -> Value {
        self.as_ref().map_or(Value::Null, T::to_value)
    }

    fn from_value(value: Value) -> Option<Self> {
        if value == Value::Null { Some(None) } else { T::from_value(value).map(Some) }
    }
}

impl<T: Serialize + DeserializeOwned> Column for Json<T> {
    const KIND: Kind = Kind::Json;

    fn to_value(&self) -> Value {
        serde_json::to_string(&self.0).map_or(Value::Null, Value::Text)
    }

    fn from_value(value: Value) -> Option<Self> {
        serde_json::from_str(&value.text()?).ok().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn returns<T: Column + PartialEq + std::fmt::Debug>(given: T, kept: Value) {
        assert_eq!(given.to_value(), kept);
        assert_eq!(T::from_value(kept), Some(given));
    }

    fn text(text: &str) -> Value {
        Value::Text(text.into())
    }

    #[test]
    fn money_is_kept_in_whole_fen() {
        returns::<Money>("24208.00".parse().unwrap(), Value::Integer(2_420_800));
        returns::<Money>("-0.01".parse().unwrap(), Value::Integer(-1));
        assert_eq!(Money::from_value(text("1.00")), None);
    }

    #[test]
    fn dates_and_times_sort_as_text() {
        returns::<Date>("2014-07-01".parse().unwrap(), text("2014-07-01"));
        let whole: Timestamp = "2014-07-01T08:00:00Z".parse().unwrap();
        let later: Timestamp = "2014-07-01T08:00:00.000001Z".parse().unwrap();
        returns(whole, text("2014-07-01T08:00:00.000000Z"));
        assert!(whole.to_value() < later.to_value());
    }

    #[test]
    fn words_are_spelled_as_in_events() {
        returns(Step::FirstReview, text("first_review"));
        returns(Sex::Female, text("female"));
        assert_eq!(Step::from_value(text("guess")), None);
    }

    #[test]
    fn what_is_absent_is_null() {
        returns::<Option<u32>>(None, Value::Null);
        returns(Some(7_u32), Value::Integer(7));
        assert_eq!(u32::from_value(Value::Null), None);
        assert_eq!(u32::from_value(Value::Integer(-1)), None);
    }

    #[test]
    fn a_document_is_json() {
        returns(Json(vec![Step::Finance]), text(r#"["finance"]"#));
    }
}
