//! Rows of relations as Arrow: money is a decimal number of yuan, dates are dates.
//!
//! | what a column holds | its Arrow type |
//! |---|---|
//! | text, JSON | `Utf8` |
//! | whole number | `Int64` |
//! | boolean | `Boolean` |
//! | money | `Decimal128(18, 2)`, in yuan |
//! | exact decimal number | `Decimal128(38, 10)` |
//! | date | `Date32` |
//! | instant | `Timestamp(Microsecond, "UTC")` |

use std::collections::HashMap;
use std::str::FromStr;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanBuilder, Date32Builder, Decimal128Builder, Int64Builder, StringBuilder,
    TimestampMicrosecondBuilder,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use arrow::error::ArrowError;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use jiff::Timestamp;
use jiff::civil::{Date, date};
use rust_decimal::Decimal;

use crate::catalogue::{Readable, Relation};
use crate::rows::DatabaseError;
use crate::snapshot::Fill;
use crate::value::{Kind, Value};

/// Under this name the comment of a column stands in its field's metadata, as Flight SQL has it.
pub const REMARKS: &str = "ARROW:FLIGHT:SQL:REMARKS";

/// How many digits an amount of money has, two of them after the point.
const MONEY: (u8, i8) = (18, 2);
/// The same for other exact numbers.
const NUMBER: (u8, i8) = (38, 10);
/// More fen than money may be, in either direction.
const FEN_END: u64 = 1_000_000_000_000_000_000;

/// The schema of a relation's rows.
#[must_use]
pub fn schema(relation: &Relation) -> SchemaRef {
    let fields: Vec<_> = relation.columns.iter().map(|column| field(relation, column)).collect();
    let about = HashMap::from([(REMARKS.to_owned(), line(relation.about))]);
    Arc::new(Schema::new_with_metadata(fields, about))
}

fn field(relation: &Relation, column: &Readable) -> Field {
    let metadata = HashMap::from([
        ("ARROW:FLIGHT:SQL:TABLE_NAME".to_owned(), relation.name.to_owned()),
        (REMARKS.to_owned(), line(column.stored.about)),
    ]);
    Field::new(&column.name, data_type(column.stored.kind), column.stored.nullable)
        .with_metadata(metadata)
}

/// Text that was written over several lines, as one.
fn line(about: &str) -> String {
    about.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The Arrow type of a column that holds this.
#[must_use]
pub fn data_type(kind: Kind) -> DataType {
    match kind {
        Kind::Text | Kind::Json => DataType::Utf8,
        Kind::Integer => DataType::Int64,
        Kind::Boolean => DataType::Boolean,
        Kind::Fen => DataType::Decimal128(MONEY.0, MONEY.1),
        Kind::Decimal => DataType::Decimal128(NUMBER.0, NUMBER.1),
        Kind::Date => DataType::Date32,
        Kind::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
    }
}

/// A batch of rows that is being filled.
pub struct Batch {
    schema: SchemaRef,
    columns: Vec<Builder>,
    rows: usize,
}

enum Builder {
    Text(StringBuilder),
    Integer(Int64Builder),
    Boolean(BooleanBuilder),
    Money(Decimal128Builder),
    Number(Decimal128Builder),
    Date(Date32Builder),
    Timestamp(TimestampMicrosecondBuilder),
}

impl Batch {
    /// An empty batch for rows of `schema`, whose columns hold `kinds`, with room for `rows`.
    #[must_use]
    pub fn new(schema: SchemaRef, kinds: &[Kind], rows: usize) -> Self {
        let columns = kinds.iter().map(|kind| Builder::new(*kind, rows)).collect();
        Self { schema, columns, rows: 0 }
    }

    /// The rows that were taken.
    ///
    /// # Errors
    ///
    /// [`ArrowError`] when a column that may not be empty is.
    pub fn finish(mut self) -> Result<RecordBatch, ArrowError> {
        let columns = self.columns.iter_mut().map(Builder::finish).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows));
        RecordBatch::try_new_with_options(self.schema, columns, &options)
    }
}

impl Fill for Batch {
    fn take(&mut self, row: Vec<Value>) -> Result<(), DatabaseError> {
        self.rows = self.rows.saturating_add(1);
        // A select of no columns asks for a constant, so that rows are counted.
        for (column, (builder, value)) in self.columns.iter_mut().zip(row).enumerate() {
            if builder.take(value).is_none() {
                let name = self.schema.fields().get(column).map_or("", |field| field.name());
                let why = format!("a value of {name} is not as it was written");
                return Err(DatabaseError::Refused(why));
            }
        }
        Ok(())
    }
}

impl Builder {
    fn new(kind: Kind, rows: usize) -> Self {
        let decimal = || Decimal128Builder::with_capacity(rows).with_data_type(data_type(kind));
        match kind {
            Kind::Text | Kind::Json => Self::Text(StringBuilder::with_capacity(rows, 0)),
            Kind::Integer => Self::Integer(Int64Builder::with_capacity(rows)),
            Kind::Boolean => Self::Boolean(BooleanBuilder::with_capacity(rows)),
            Kind::Fen => Self::Money(decimal()),
            Kind::Decimal => Self::Number(decimal()),
            Kind::Date => Self::Date(Date32Builder::with_capacity(rows)),
            Kind::Timestamp => Self::Timestamp(
                TimestampMicrosecondBuilder::with_capacity(rows).with_timezone("UTC"),
            ),
        }
    }

    /// Takes a value; `None` if the column was never written with such a one.
    fn take(&mut self, value: Value) -> Option<()> {
        match (self, value) {
            (Self::Text(column), Value::Text(text)) => column.append_value(text),
            (Self::Integer(column), Value::Integer(number)) => column.append_value(number),
            (Self::Boolean(column), Value::Integer(number @ (0 | 1))) => {
                column.append_value(number == 1);
            }
            (Self::Money(column), Value::Integer(fen)) if fen.unsigned_abs() < FEN_END => {
                column.append_value(i128::from(fen));
            }
            (Self::Number(column), Value::Text(text)) => column.append_value(number(&text)?),
            (Self::Date(column), Value::Text(text)) => column.append_value(days(&text)?),
            (Self::Timestamp(column), Value::Text(text)) => {
                column.append_value(Timestamp::from_str(&text).ok()?.as_microsecond());
            }
            (column, Value::Null) => column.append_null(),
            (_, Value::Integer(_) | Value::Text(_)) => return None,
        }
        Some(())
    }

    fn append_null(&mut self) {
        match self {
            Self::Text(column) => column.append_null(),
            Self::Integer(column) => column.append_null(),
            Self::Boolean(column) => column.append_null(),
            Self::Money(column) | Self::Number(column) => column.append_null(),
            Self::Date(column) => column.append_null(),
            Self::Timestamp(column) => column.append_null(),
        }
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Text(column) => Arc::new(column.finish()),
            Self::Integer(column) => Arc::new(column.finish()),
            Self::Boolean(column) => Arc::new(column.finish()),
            Self::Money(column) | Self::Number(column) => Arc::new(column.finish()),
            Self::Date(column) => Arc::new(column.finish()),
            Self::Timestamp(column) => Arc::new(column.finish()),
        }
    }
}

/// An exact number, in units of the last decimal place that the column has.
fn number(text: &str) -> Option<i128> {
    let number: Decimal = text.parse().ok()?;
    let missing = u32::try_from(NUMBER.1).ok()?.checked_sub(number.normalize().scale())?;
    number.normalize().mantissa().checked_mul(10_i128.checked_pow(missing)?)
}

/// Days since 1970-01-01.
fn days(text: &str) -> Option<i32> {
    let since = Date::from_str(text).ok()?.since(date(1970, 1, 1)).ok()?;
    Some(since.get_days())
}

#[cfg(test)]
mod tests {
    use arrow::array::{Array, AsArray};
    use arrow::datatypes::{Date32Type, Decimal128Type, TimestampMicrosecondType};

    use super::*;

    fn text(text: &str) -> Value {
        Value::Text(text.to_owned())
    }

    fn column(kind: Kind, values: &[Value]) -> Result<ArrayRef, DatabaseError> {
        let schema = Schema::new(vec![Field::new("it", data_type(kind), true)]);
        let mut batch = Batch::new(Arc::new(schema), &[kind], 4);
        for value in values {
            batch.take(vec![value.clone()])?;
        }
        Ok(Arc::clone(batch.finish().unwrap().column(0)))
    }

    #[test]
    fn fen_become_yuan_with_two_places() {
        let values = [Value::Integer(2_420_800), Value::Null, Value::Integer(-1)];
        let money = column(Kind::Fen, &values).unwrap();
        let money = money.as_primitive::<Decimal128Type>();
        assert_eq!(money.value_as_string(0), "24208.00");
        assert!(money.is_null(1));
        assert_eq!(money.value_as_string(2), "-0.01");
    }

    #[test]
    fn dates_and_instants_are_counted_from_the_epoch() {
        let values = [text("1970-01-02"), text("1969-12-31"), text("2014-07-01")];
        let dates = column(Kind::Date, &values).unwrap();
        assert_eq!(dates.as_primitive::<Date32Type>().values(), &[1, -1, 16_252]);

        let values = [text("1970-01-01T00:00:01.000002Z")];
        let instants = column(Kind::Timestamp, &values).unwrap();
        assert_eq!(instants.as_primitive::<TimestampMicrosecondType>().values(), &[1_000_002]);
    }

    #[test]
    fn exact_numbers_keep_their_places() {
        let values = [text("0.75"), text("-12.0000"), text("0.0000000001")];
        let numbers = column(Kind::Decimal, &values).unwrap();
        let numbers = numbers.as_primitive::<Decimal128Type>();
        assert_eq!(numbers.value_as_string(0), "0.7500000000");
        assert_eq!(numbers.value_as_string(1), "-12.0000000000");
        assert_eq!(numbers.value_as_string(2), "0.0000000001");
    }

    #[test]
    fn a_value_of_another_kind_is_refused() {
        for (kind, value) in [
            (Kind::Fen, text("1.00")),
            (Kind::Fen, Value::Integer(i64::MIN)),
            (Kind::Boolean, Value::Integer(2)),
            (Kind::Date, text("2014-02-30")),
            (Kind::Timestamp, text("2014-07-01")),
            (Kind::Decimal, text("0.00000000001")),
            (Kind::Text, Value::Integer(1)),
        ] {
            assert!(column(kind, std::slice::from_ref(&value)).is_err(), "{kind:?} {value:?}");
        }
    }
}
