//! Parquet files: money is DECIMAL(18,2), dates are DATE, instants are UTC to the microsecond.

use std::io::Write;
use std::sync::Arc;

use jiff::civil::date;
use parquet::basic::Compression;
use parquet::data_type::{
    BoolType, ByteArray, ByteArrayType, FixedLenByteArray, FixedLenByteArrayType, Int32Type,
    Int64Type,
};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::parser::parse_message_type;
use rust_decimal::Decimal;

use super::{Cell, ExportError, Heading, Writer, moment};
use crate::value::Kind;

/// Rows wait in memory until a group of them is written.
const GROUP_ROWS: usize = 50_000;
/// The same for the bytes of their texts.
const GROUP_BYTES: usize = 16 * 1024 * 1024;
/// More fen than DECIMAL(18,2) holds, in either direction.
const FEN_END: u64 = 1_000_000_000_000_000_000;
/// The decimal places of exact numbers that are no money.
const PLACES: u32 = 10;

/// A Parquet file being written.
pub struct Parquet<W: Write + Send> {
    out: Option<W>,
    file: Option<SerializedFileWriter<W>>,
    columns: Vec<Column>,
    waiting: usize,
    bytes: usize,
    rows: u64,
}

/// A column of the group that waits.
struct Column {
    name: String,
    values: Values,
    // 1 for a value, 0 for nothing; only where there may be nothing.
    present: Option<Vec<i16>>,
}

enum Values {
    Text(Vec<ByteArray>),
    Integer(Vec<i64>),
    Boolean(Vec<bool>),
    Date(Vec<i32>),
    Decimal(Vec<FixedLenByteArray>),
}

impl<W: Write + Send> Parquet<W> {
    /// Writes to `out`, a group of rows at a time.
    #[must_use]
    pub const fn new(out: W) -> Self {
        let columns = Vec::new();
        Self { out: Some(out), file: None, columns, waiting: 0, bytes: 0, rows: 0 }
    }

    fn write_group(&mut self) -> Result<(), ExportError> {
        let Some(file) = self.file.as_mut().filter(|_| self.waiting > 0) else { return Ok(()) };
        let mut group = file.next_row_group()?;
        for column in &mut self.columns {
            let Some(mut writer) = group.next_column()? else { break };
            column.write(&mut writer)?;
            writer.close()?;
        }
        group.close()?;
        (self.waiting, self.bytes) = (0, 0);
        Ok(())
    }
}

impl<W: Write + Send> Writer for Parquet<W> {
    fn begin(&mut self, heading: &Heading) -> Result<(), ExportError> {
        let fields = heading.columns.iter().map(|column| {
            let repetition = if column.nullable { "OPTIONAL" } else { "REQUIRED" };
            let (physical, logical) = types(column.kind);
            format!("{repetition} {physical} {}{logical};", column.name)
        });
        let fields: Vec<_> = fields.collect();
        let schema = format!("message {} {{ {} }}", heading.view, fields.join(" "));
        let position = heading.freshness.position.map(|at| at.to_string());
        let told = [
            ("huzhu.view", heading.view.clone()),
            ("huzhu.about", heading.about.clone()),
            ("huzhu.asked", heading.asked.clone()),
            ("huzhu.position", position.unwrap_or_default()),
            ("huzhu.recorded_at", moment(heading.freshness.recorded_at)),
        ];
        let told = told.map(|(key, value)| KeyValue::new(key.to_owned(), value));
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_key_value_metadata(Some(told.to_vec()))
            .build();
        let Some(out) = self.out.take() else { return Ok(()) };
        let schema = Arc::new(parse_message_type(&schema)?);
        self.file = Some(SerializedFileWriter::new(out, schema, Arc::new(properties))?);
        self.columns = heading.columns.iter().map(Column::of).collect();
        Ok(())
    }

    fn row(&mut self, cells: &[Cell<'_>]) -> Result<(), ExportError> {
        self.rows = self.rows.saturating_add(1);
        for (column, cell) in self.columns.iter_mut().zip(cells) {
            if let Cell::Text(text) = cell {
                self.bytes = self.bytes.saturating_add(text.len());
            }
            column.take(*cell).map_err(|why| ExportError::Value {
                row: self.rows,
                column: column.name.clone(),
                why: why.to_owned(),
            })?;
        }
        self.waiting = self.waiting.saturating_add(1);
        if self.waiting >= GROUP_ROWS || self.bytes >= GROUP_BYTES {
            self.write_group()?;
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<(), ExportError> {
        self.write_group()?;
        if let Some(file) = self.file.take() {
            file.into_inner()?.flush()?;
        }
        Ok(())
    }
}

impl Column {
    fn of(column: &super::Column) -> Self {
        let values = match column.kind {
            Kind::Text | Kind::Json => Values::Text(Vec::new()),
            Kind::Integer | Kind::Fen | Kind::Timestamp => Values::Integer(Vec::new()),
            Kind::Boolean => Values::Boolean(Vec::new()),
            Kind::Date => Values::Date(Vec::new()),
            Kind::Decimal => Values::Decimal(Vec::new()),
        };
        Self { name: column.name.clone(), values, present: column.nullable.then(Vec::new) }
    }

    fn take(&mut self, cell: Cell<'_>) -> Result<(), &'static str> {
        let here = match (&mut self.values, cell) {
            (_, Cell::Empty) if self.present.is_some() => 0,
            (Values::Text(all), Cell::Text(text)) => {
                all.push(ByteArray::from(text));
                1
            }
            (Values::Integer(all), Cell::Integer(number)) => {
                all.push(number);
                1
            }
            (Values::Integer(all), Cell::Fen(fen)) if fen.unsigned_abs() < FEN_END => {
                all.push(fen);
                1
            }
            (Values::Integer(all), Cell::Timestamp(at)) => {
                all.push(at.as_microsecond());
                1
            }
            (Values::Boolean(all), Cell::Boolean(yes)) => {
                all.push(yes);
                1
            }
            (Values::Date(all), Cell::Date(day)) => {
                let since = day.since(date(1970, 1, 1)).map_err(|_| "is beyond the calendar")?;
                all.push(since.get_days());
                1
            }
            (Values::Decimal(all), Cell::Decimal(text)) => {
                let number = decimal(text).ok_or("has too many decimal places: export CSV")?;
                all.push(ByteArray::from(number.to_be_bytes().to_vec()).into());
                1
            }
            _ => return Err("does not fit the type of its column"),
        };
        if let Some(present) = &mut self.present {
            present.push(here);
        }
        Ok(())
    }

    /// Writes what waits, and lets it go.
    fn write(&mut self, writer: &mut SerializedColumnWriter<'_>) -> Result<(), ParquetError> {
        let present = self.present.as_mut().map(std::mem::take);
        let present = present.as_deref();
        match &mut self.values {
            Values::Text(all) => {
                writer.typed::<ByteArrayType>().write_batch(&std::mem::take(all), present, None)?
            }
            Values::Integer(all) => {
                writer.typed::<Int64Type>().write_batch(&std::mem::take(all), present, None)?
            }
            Values::Boolean(all) => {
                writer.typed::<BoolType>().write_batch(&std::mem::take(all), present, None)?
            }
            Values::Date(all) => {
                writer.typed::<Int32Type>().write_batch(&std::mem::take(all), present, None)?
            }
            Values::Decimal(all) => writer.typed::<FixedLenByteArrayType>().write_batch(
                &std::mem::take(all),
                present,
                None,
            )?,
        };
        Ok(())
    }
}

/// The physical and the logical type of a column.
const fn types(kind: Kind) -> (&'static str, &'static str) {
    match kind {
        Kind::Text | Kind::Json => ("BYTE_ARRAY", " (UTF8)"),
        Kind::Integer => ("INT64", ""),
        Kind::Boolean => ("BOOLEAN", ""),
        Kind::Fen => ("INT64", " (DECIMAL(18,2))"),
        Kind::Decimal => ("FIXED_LEN_BYTE_ARRAY (16)", " (DECIMAL(38,10))"),
        Kind::Date => ("INT32", " (DATE)"),
        Kind::Timestamp => ("INT64", " (TIMESTAMP(MICROS,true))"),
    }
}

/// An exact number in units of its last place.
fn decimal(text: &str) -> Option<i128> {
    let number = text.parse::<Decimal>().ok()?.normalize();
    let missing = PLACES.checked_sub(number.scale())?;
    number.mantissa().checked_mul(10_i128.checked_pow(missing)?)
}

impl From<ParquetError> for ExportError {
    fn from(error: ParquetError) -> Self {
        Self::Write(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::Field;

    use super::super::tests::{of, texts, world};
    use super::super::{Ask, Csv};
    use super::*;

    fn shown(field: &Field) -> String {
        if let Field::Str(text) = field {
            text.clone()
        } else if let Field::Date(days) = field {
            let days = jiff::Span::new().days(i64::from(*days));
            date(1970, 1, 1).checked_add(days).unwrap().to_string()
        } else if let Field::TimestampMicros(at) = field {
            format!("{:.6}", jiff::Timestamp::from_microsecond(*at).unwrap())
        } else if *field == Field::Null {
            String::new()
        } else {
            field.to_string()
        }
    }

    #[test]
    fn a_parquet_file_holds_what_the_csv_holds_with_exact_types() {
        let world = world();
        let ask = Ask {
            columns: texts(&["claim", "filed_on", "asked", "approved", "stays", "recorded_at"]),
            ..of("claims")
        };
        let mut bytes = Vec::new();
        let exported = world.source.export(&ask, &mut Parquet::new(&mut bytes), None).unwrap();
        let mut text = Vec::new();
        world.source.export(&ask, &mut Csv::new(&mut text, false).unwrap(), None).unwrap();
        let text = String::from_utf8(text).unwrap();

        let file = SerializedFileReader::new(bytes::Bytes::from(bytes)).unwrap();
        let told = file.metadata().file_metadata().key_value_metadata().unwrap();
        let position = exported.freshness.position.unwrap().to_string();
        assert!(told.iter().any(|one| one.value.as_ref() == Some(&position)), "{told:?}");
        let mut rows = 0;
        for (row, line) in file.get_row_iter(None).unwrap().zip(text.lines().skip(1)) {
            let row = row.unwrap();
            let shown = row.get_column_iter().map(|(_, field)| shown(field));
            assert_eq!(shown.collect::<Vec<_>>().join(","), line);
            rows += 1;
        }
        assert_eq!(rows, exported.rows);
        assert!(rows > 0);
    }

    #[test]
    fn every_view_fits_into_a_parquet_file() {
        let world = world();
        for entry in crate::dictionary::entries() {
            let ask = Ask { personal: true, ..of(entry.name) };
            let mut bytes = Vec::new();
            let exported = world.source.export(&ask, &mut Parquet::new(&mut bytes), None).unwrap();
            let file = SerializedFileReader::new(bytes::Bytes::from(bytes)).unwrap();
            let rows = u64::try_from(file.metadata().file_metadata().num_rows()).unwrap();
            assert_eq!(rows, exported.rows, "{}", entry.name);
        }
    }

    #[test]
    fn exact_numbers_keep_their_places() {
        assert_eq!(decimal("0.75"), Some(7_500_000_000));
        assert_eq!(decimal("-12.0000"), Some(-120_000_000_000));
        assert_eq!(decimal("0.00000000001"), None);
    }
}
