//! Excel workbooks, written a row at a time.

use std::io::Write;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use rust_xlsxwriter::{DocProperties, ExcelDateTime, Format, Workbook, Worksheet, XlsxError};

use super::cell::yuan;
use super::{Cell, ExportError, Heading, Writer, moment};
use crate::value::Kind;

/// How many rows a sheet of Excel holds below the heading; what is more goes on in the next sheet.
pub const SHEET_ROWS_MAX: u32 = 1_048_575;
/// The longest text that a cell of Excel holds, counted as Excel does.
const CELL_UNITS_MAX: usize = 32_767;
/// Numbers of so many digits are the same in a spreadsheet, whose numbers are binary fractions.
const DIGITS_MAX: usize = 15;

/// A workbook being written.
pub struct Xlsx<W: Write + Send> {
    out: W,
    book: Workbook,
    formats: Formats,
    heading: Option<Heading>,
    sheets: usize,
    // The next row of the sheet that is being written.
    next: u32,
    rows_max: u32,
    rows: u64,
}

struct Formats {
    heading: Format,
    money: Format,
    date: Format,
    time: Format,
}

impl<W: Write + Send> Xlsx<W> {
    /// Writes to `out`, when it is finished; rows wait in a temporary file.
    #[must_use]
    pub fn new(out: W) -> Self {
        Self::with_rows(out, SHEET_ROWS_MAX)
    }

    pub(super) fn with_rows(out: W, rows_max: u32) -> Self {
        let number = |format: &str| Format::new().set_num_format(format);
        let formats = Formats {
            heading: Format::new().set_bold(),
            money: number("#,##0.00"),
            date: number("yyyy-mm-dd"),
            time: number("yyyy-mm-dd hh:mm:ss"),
        };
        let (book, heading) = (Workbook::new(), None);
        Self { out, book, formats, heading, sheets: 0, next: 0, rows_max, rows: 0 }
    }

    /// Begins a sheet of rows: the first, or one for what the last cannot hold.
    fn begin_sheet(&mut self) -> Result<(), ExportError> {
        let Some(heading) = &self.heading else { return Ok(()) };
        self.sheets = self.sheets.saturating_add(1);
        let name = match self.sheets {
            1 => heading.view.clone(),
            later => format!("{} {later}", heading.view),
        };
        let sheet = self.book.add_worksheet_with_constant_memory()?;
        sheet.set_name(name)?.set_freeze_panes(1, 0)?;
        for (place, column) in (0_u16..).zip(&heading.columns) {
            sheet.set_column_width(place, width(column.kind))?;
            sheet.write_string_with_format(0, place, &column.name, &self.formats.heading)?;
        }
        self.next = 1;
        Ok(())
    }

    /// What the workbook shows, and of when.
    fn tell(&mut self, heading: &Heading) -> Result<(), ExportError> {
        let position = heading.freshness.position;
        let sheet = self.book.add_worksheet();
        sheet.set_name("about")?.set_column_width(0, 22)?.set_column_width(1, 90)?;
        let facts = [
            ("view", heading.view.clone()),
            ("what a row is", heading.about.clone()),
            ("asked for", heading.asked.clone()),
            ("rows", self.rows.to_string()),
            ("as of position", position.map_or_else(String::new, |at| at.to_string())),
            ("recorded at (UTC)", moment(heading.freshness.recorded_at)),
            ("amounts", "yuan".to_owned()),
        ];
        let columns = heading.columns.iter().map(|one| (one.name.as_str(), one.about.clone()));
        for (row, (name, what)) in (0_u32..).zip(facts.into_iter().chain(columns)) {
            sheet.write_string_with_format(row, 0, name, &self.formats.heading)?;
            sheet.write_string(row, 1, what)?;
        }
        Ok(())
    }
}

impl<W: Write + Send> Writer for Xlsx<W> {
    fn begin(&mut self, heading: &Heading) -> Result<(), ExportError> {
        // The same rows make the same workbook: it is dated by what it shows, not by the clock.
        let dated = heading.freshness.recorded_at.unwrap_or(Timestamp::UNIX_EPOCH);
        let properties = DocProperties::new()
            .set_title(heading.view.clone())
            .set_creation_datetime(&second(dated)?);
        self.book.set_properties(&properties);
        self.heading = Some(heading.clone());
        self.begin_sheet()
    }

    fn row(&mut self, cells: &[Cell<'_>]) -> Result<(), ExportError> {
        if self.next > self.rows_max {
            self.begin_sheet()?;
        }
        self.rows = self.rows.saturating_add(1);
        let sheet = self.book.worksheet_from_index(self.sheets.saturating_sub(1))?;
        for (place, cell) in (0_u16..).zip(cells) {
            write(sheet, (self.next, place), *cell, &self.formats).map_err(|why| {
                let column = self.heading.as_ref();
                let column = column.and_then(|all| all.columns.get(usize::from(place)));
                ExportError::Value {
                    row: self.rows,
                    column: column.map(|column| column.name.clone()).unwrap_or_default(),
                    why,
                }
            })?;
        }
        self.next = self.next.saturating_add(1);
        Ok(())
    }

    fn finish(&mut self) -> Result<(), ExportError> {
        if let Some(heading) = self.heading.take() {
            self.tell(&heading)?;
        }
        self.book.save_to_writer(&mut self.out)?;
        Ok(self.out.flush()?)
    }
}

fn write(
    sheet: &mut Worksheet,
    (row, place): (u32, u16),
    cell: Cell<'_>,
    formats: &Formats,
) -> Result<(), String> {
    let written = match cell {
        Cell::Empty => return Ok(()),
        Cell::Text(text) => {
            let units = text.encode_utf16().count();
            if units > CELL_UNITS_MAX {
                return Err(format!(
                    "a text of {units} characters; a cell of Excel holds {CELL_UNITS_MAX}: leave \
                     the column out with --columns, or export it as CSV"
                ));
            }
            sheet.write_string(row, place, text)
        }
        Cell::Integer(number) => sheet.write_number(row, place, exact(&number.to_string())?),
        Cell::Boolean(yes) => sheet.write_boolean(row, place, yes),
        Cell::Fen(fen) => {
            sheet.write_number_with_format(row, place, exact(&yuan(fen))?, &formats.money)
        }
        Cell::Decimal(text) => match exact(text) {
            Ok(number) => sheet.write_number(row, place, number),
            // A text keeps what a number would round.
            Err(_) => sheet.write_string(row, place, text),
        },
        Cell::Date(date) => match day(date) {
            Ok(day) => sheet.write_datetime_with_format(row, place, day, &formats.date),
            // Excel's calendar begins with 1900.
            Err(_) => sheet.write_string(row, place, date.to_string()),
        },
        Cell::Timestamp(at) => match second(at) {
            Ok(second) => sheet.write_datetime_with_format(row, place, second, &formats.time),
            Err(_) => sheet.write_string(row, place, format!("{at:.6}")),
        },
    };
    written.map(|_| ()).map_err(|why| why.to_string())
}

/// The number that a spreadsheet shows as these digits, and no others.
fn exact(digits: &str) -> Result<f64, String> {
    let count = digits.trim_start_matches(['-', '0', '.']).chars().filter(char::is_ascii_digit);
    if count.count() > DIGITS_MAX {
        return Err(format!("{digits} has more digits than a spreadsheet keeps; export CSV"));
    }
    digits.parse().map_err(|_| format!("{digits} is not a number"))
}

fn day(date: Date) -> Result<ExcelDateTime, XlsxError> {
    let part = |part: i8| u8::try_from(part).unwrap_or_default();
    let year = u16::try_from(date.year()).unwrap_or_default();
    ExcelDateTime::from_ymd(year, part(date.month()), part(date.day()))
}

fn second(at: Timestamp) -> Result<ExcelDateTime, XlsxError> {
    let at = TimeZone::UTC.to_datetime(at);
    let part = |part: i8| u8::try_from(part).unwrap_or_default();
    let hour = u16::try_from(at.hour()).unwrap_or_default();
    day(at.date())?.and_hms(hour, part(at.minute()), part(at.second()))
}

const fn width(kind: Kind) -> u32 {
    match kind {
        Kind::Text | Kind::Json => 24,
        Kind::Integer | Kind::Boolean => 10,
        Kind::Fen | Kind::Decimal => 16,
        Kind::Date => 12,
        Kind::Timestamp => 20,
    }
}

impl From<XlsxError> for ExportError {
    fn from(error: XlsxError) -> Self {
        Self::Write(error.to_string())
    }
}
