//! Values in PostgreSQL's own types and back, without loss.

use std::error::Error;

use bytes::BytesMut;
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use postgres::Row;
use postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use crate::record::ColumnDef;
use crate::rows::DatabaseError;
use crate::value::{Column, Kind, Value};

type Failure = Box<dyn Error + Sync + Send>;

/// From here PostgreSQL counts days and times.
const EPOCH: Date = Date::constant(2000, 1, 1);
const EPOCH_MICROS: i64 = 946_684_800_000_000;
const HOURS_OF_DAY: i64 = 24;

/// A value on its way to the server.
#[derive(Debug)]
pub(super) struct Cell<'a>(pub(super) &'a Value);

impl ToSql for Cell<'_> {
    fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Result<IsNull, Failure> {
        encode(self.0, kind, out)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

fn encode(value: &Value, kind: &Type, out: &mut BytesMut) -> Result<IsNull, Failure> {
    match (value, kind) {
        (Value::Null, _) => return Ok(IsNull::Yes),
        (Value::Integer(number), kind) if *kind == Type::BOOL => {
            out.extend_from_slice(&[u8::from(*number != 0)]);
        }
        (Value::Integer(number), kind) if *kind == Type::INT4 => {
            out.extend_from_slice(&i32::try_from(*number)?.to_be_bytes());
        }
        (Value::Integer(number), kind) if *kind == Type::NUMERIC => {
            return Decimal::from(*number).to_sql(kind, out);
        }
        (Value::Integer(number), kind) if *kind == Type::INT8 => {
            out.extend_from_slice(&number.to_be_bytes());
        }
        (Value::Integer(_), kind) => return Err(format!("a number for {kind}").into()),
        (Value::Text(text), kind) if *kind == Type::DATE => {
            let days = text.parse::<Date>()?.duration_since(EPOCH).as_hours();
            let days = days.checked_div(HOURS_OF_DAY).unwrap_or(0);
            out.extend_from_slice(&i32::try_from(days)?.to_be_bytes());
        }
        (Value::Text(text), kind) if *kind == Type::TIMESTAMPTZ => {
            let micros = text.parse::<Timestamp>()?.as_microsecond();
            out.extend_from_slice(&micros.saturating_sub(EPOCH_MICROS).to_be_bytes());
        }
        (Value::Text(text), kind) if *kind == Type::NUMERIC => {
            return text.parse::<Decimal>()?.to_sql(kind, out);
        }
        (Value::Text(text), _) => out.extend_from_slice(text.as_bytes()),
    }
    Ok(IsNull::No)
}

/// The values of a row, in the order in which it was asked for.
pub(super) fn values(row: &Row, kinds: &[Kind]) -> Result<Vec<Value>, DatabaseError> {
    let values = kinds.iter().enumerate().map(|(place, kind)| {
        let raw: Option<Raw<'_>> = row.try_get(place)?;
        let Some(raw) = raw else { return Ok(Value::Null) };
        decode(&raw, *kind).map_err(|why| DatabaseError::Refused(why.to_string()))
    });
    values.collect()
}

/// A value as the server sent it.
struct Raw<'a> {
    kind: Type,
    bytes: &'a [u8],
}

impl<'a> FromSql<'a> for Raw<'a> {
    fn from_sql(kind: &Type, bytes: &'a [u8]) -> Result<Self, Failure> {
        Ok(Self { kind: kind.clone(), bytes })
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

fn decode(raw: &Raw<'_>, wanted: Kind) -> Result<Value, Failure> {
    let Raw { kind, bytes } = raw;
    Ok(if *kind == Type::BOOL {
        Value::Integer(i64::from(bool::from_sql(kind, bytes)?))
    } else if *kind == Type::INT8 {
        Value::Integer(i64::from_sql(kind, bytes)?)
    } else if *kind == Type::INT4 {
        Value::Integer(i32::from_sql(kind, bytes)?.into())
    } else if *kind == Type::DATE {
        let days = i64::from(i32::from_be_bytes((*bytes).try_into()?));
        let since = SignedDuration::from_hours(days.saturating_mul(HOURS_OF_DAY));
        EPOCH.checked_add(since)?.to_value()
    } else if *kind == Type::TIMESTAMPTZ {
        let micros = i64::from_be_bytes((*bytes).try_into()?);
        Timestamp::from_microsecond(micros.saturating_add(EPOCH_MICROS))?.to_value()
    } else if *kind == Type::NUMERIC {
        let number = Decimal::from_sql(kind, bytes)?;
        // A sum over whole numbers is a whole number, whatever the server calls its type.
        match (wanted, number.to_i64().filter(|_| number.fract().is_zero())) {
            (Kind::Integer | Kind::Fen, Some(whole)) => Value::Integer(whole),
            _ => number.to_value(),
        }
    } else {
        Value::Text(std::str::from_utf8(bytes)?.to_owned())
    })
}

/// The type of columns of a kind.
pub(super) const fn type_of(kind: Kind) -> Type {
    match kind {
        Kind::Text => Type::TEXT,
        Kind::Integer | Kind::Fen => Type::INT8,
        Kind::Boolean => Type::BOOL,
        Kind::Decimal => Type::NUMERIC,
        Kind::Date => Type::DATE,
        Kind::Timestamp => Type::TIMESTAMPTZ,
        Kind::Json => Type::JSON,
    }
}

/// Rows in the binary form that `COPY` takes.
pub(super) struct Copied(BytesMut);

impl Copied {
    pub(super) fn new() -> Self {
        let mut bytes = BytesMut::new();
        bytes.extend_from_slice(b"PGCOPY\n\xff\r\n\0");
        // No flags, no extension.
        bytes.extend_from_slice(&[0; 8]);
        Self(bytes)
    }

    pub(super) fn push(
        &mut self,
        columns: &[ColumnDef],
        row: &[Value],
    ) -> Result<(), DatabaseError> {
        let failed = |why: Failure| DatabaseError::Refused(why.to_string());
        let count = i16::try_from(row.len()).map_err(|why| failed(why.into()))?;
        self.0.extend_from_slice(&count.to_be_bytes());
        for (column, value) in columns.iter().zip(row) {
            let at = self.0.len();
            self.0.extend_from_slice(&(-1_i32).to_be_bytes());
            let begun = self.0.len();
            let encoded = encode(value, &type_of(column.kind), &mut self.0).map_err(failed)?;
            if matches!(encoded, IsNull::No) {
                let length = self.0.len().saturating_sub(begun);
                let length = i32::try_from(length).map_err(|why| failed(why.into()))?;
                if let Some(place) = self.0.get_mut(at..begun) {
                    place.copy_from_slice(&length.to_be_bytes());
                }
            }
        }
        Ok(())
    }

    pub(super) fn end(&mut self) {
        self.0.extend_from_slice(&(-1_i16).to_be_bytes());
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}
