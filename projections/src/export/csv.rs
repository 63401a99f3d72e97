//! CSV that spreadsheets open as it is meant.

use std::io::Write;

use csv::{Terminator, WriterBuilder};

use super::cell::yuan;
use super::{Cell, ExportError, Heading, Writer};

/// Tells spreadsheets that the text is UTF-8; without it, Excel shows Chinese as noise.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();
/// A spreadsheet takes a text that begins like this for a formula, and would run it.
const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// A CSV file being written.
pub struct Csv<W: Write> {
    rows: csv::Writer<W>,
    for_spreadsheets: bool,
}

impl<W: Write> Csv<W> {
    /// Writes to `out`. For spreadsheets, the file begins with a byte order mark, and a text that
    /// they would take for a formula begins with an apostrophe, which makes it a text.
    ///
    /// # Errors
    ///
    /// [`ExportError::Write`].
    pub fn new(mut out: W, for_spreadsheets: bool) -> Result<Self, ExportError> {
        if for_spreadsheets {
            out.write_all(BYTE_ORDER_MARK)?;
        }
        let rows = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(out);
        Ok(Self { rows, for_spreadsheets })
    }

    fn field(&mut self, cell: Cell<'_>) -> Result<(), csv::Error> {
        match cell {
            Cell::Empty => self.rows.write_field(""),
            Cell::Text(text) if self.for_spreadsheets && text.starts_with(FORMULA) => {
                self.rows.write_field(format!("'{text}"))
            }
            Cell::Text(text) | Cell::Decimal(text) => self.rows.write_field(text),
            Cell::Integer(number) => self.rows.write_field(number.to_string()),
            Cell::Boolean(yes) => self.rows.write_field(if yes { "true" } else { "false" }),
            Cell::Fen(fen) => self.rows.write_field(yuan(fen)),
            Cell::Date(date) => self.rows.write_field(date.to_string()),
            Cell::Timestamp(at) => self.rows.write_field(format!("{at:.6}")),
        }
    }
}

impl<W: Write> Writer for Csv<W> {
    fn begin(&mut self, heading: &Heading) -> Result<(), ExportError> {
        self.rows.write_record(heading.columns.iter().map(|column| &column.name)).map_err(unwritten)
    }

    fn row(&mut self, cells: &[Cell<'_>]) -> Result<(), ExportError> {
        cells.iter().try_for_each(|cell| self.field(*cell)).map_err(unwritten)?;
        self.rows.write_record(None::<&[u8]>).map_err(unwritten)
    }

    fn finish(&mut self) -> Result<(), ExportError> {
        Ok(self.rows.flush()?)
    }
}

fn unwritten(error: csv::Error) -> ExportError {
    ExportError::Write(error.to_string())
}
