//! A value of a view as files show it.

use jiff::Timestamp;
use jiff::civil::Date;

use crate::value::{Kind, Value};

/// A value, typed for files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cell<'a> {
    /// Nothing.
    Empty,
    /// A text.
    Text(&'a str),
    /// A whole number.
    Integer(i64),
    /// Yes or no.
    Boolean(bool),
    /// An amount in fen.
    Fen(i64),
    /// An exact decimal number, as text.
    Decimal(&'a str),
    /// A calendar date.
    Date(Date),
    /// An instant.
    Timestamp(Timestamp),
}

impl<'a> Cell<'a> {
    /// What the database keeps in a column of this kind; `None` if it was never written so.
    #[must_use]
    pub fn of(kind: Kind, value: &'a Value) -> Option<Self> {
        match (value, kind) {
            (Value::Null, _) => Some(Self::Empty),
            (Value::Integer(number), Kind::Integer | Kind::Text) => Some(Self::Integer(*number)),
            (Value::Integer(number), Kind::Fen) => Some(Self::Fen(*number)),
            (Value::Integer(number @ (0 | 1)), Kind::Boolean) => Some(Self::Boolean(*number == 1)),
            (Value::Text(text), Kind::Text | Kind::Json) => Some(Self::Text(text)),
            (Value::Text(text), Kind::Decimal) => Some(Self::Decimal(text)),
            (Value::Text(text), Kind::Date) => text.parse().ok().map(Self::Date),
            (Value::Text(text), Kind::Timestamp) => text.parse().ok().map(Self::Timestamp),
            (Value::Integer(_) | Value::Text(_), _) => None,
        }
    }
}

/// An amount in yuan with two decimal places, exactly.
pub(super) fn yuan(fen: i64) -> String {
    let sign = if fen < 0 { "-" } else { "" };
    let fen = fen.unsigned_abs();
    let (whole, rest) = (fen.checked_div(100).unwrap_or(0), fen.checked_rem(100).unwrap_or(0));
    format!("{sign}{whole}.{rest:02}")
}
