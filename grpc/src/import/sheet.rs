//! Sheets, a row at a time: Excel workbooks, and CSV in UTF-8 or GBK.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use calamine::{DataRef, Reader, Xlsx, open_workbook};
use encoding_rs::{Encoding, GB18030, UTF_8};
use tokio::sync::mpsc;

use super::cell::{Cell, from_excel};

/// A larger file is no list of a union office.
const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// More columns than any sheet of ours has.
const COLUMNS_MAX: usize = 512;
/// How many rows wait to be taken.
const ROWS_WAITING: usize = 1_024;

/// Why a sheet cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SheetError {
    /// The system does not give it.
    #[error("{path}: {why}")]
    File {
        /// The file.
        path: String,
        /// What the system says.
        why: String,
    },
    /// It is of no kind that is read here.
    #[error("{path} is neither .xlsx nor .csv: save it as one of them")]
    Kind {
        /// The file.
        path: String,
    },
    /// It is too large.
    #[error("{path} has {bytes} bytes; at most {FILE_BYTES_MAX} are read: split it")]
    TooLarge {
        /// The file.
        path: String,
        /// Its size.
        bytes: u64,
    },
    /// The workbook has no such sheet.
    #[error("there is no sheet of that name; there are {offered}")]
    NoSheet {
        /// The sheets that it has.
        offered: String,
    },
    /// The file breaks off or is no workbook, or no CSV.
    #[error("the file cannot be read after row {row}: {why}")]
    Broken {
        /// The last row that was read.
        row: u32,
        /// What is wrong.
        why: String,
    },
}

/// How the letters of a CSV are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Letters {
    /// UTF-8 if all of the file is, else GBK.
    #[default]
    Auto,
    /// UTF-8, with or without a byte order mark.
    Utf8,
    /// GBK, as Chinese Excel writes it (GB 18030 included).
    Gbk,
}

/// A row of a sheet.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Its number as Excel counts, from 1.
    pub number: u32,
    /// Its cells, from column A on.
    pub cells: Vec<Cell>,
}

/// A sheet that can be read, more than once.
#[derive(Clone, Debug)]
pub struct Sheet {
    path: PathBuf,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    Workbook { sheet: String },
    Csv { letters: &'static Encoding },
}

impl Sheet {
    /// The sheet `name` of the file at `path`; the first if none is named.
    ///
    /// # Errors
    ///
    /// [`SheetError`].
    pub fn open(path: &Path, name: Option<&str>, letters: Letters) -> Result<Self, SheetError> {
        let file = |why: &dyn std::fmt::Display| SheetError::File {
            path: path.display().to_string(),
            why: why.to_string(),
        };
        let bytes = path.metadata().map_err(|why| file(&why))?.len();
        if bytes > FILE_BYTES_MAX {
            return Err(SheetError::TooLarge { path: path.display().to_string(), bytes });
        }
        let ending = path.extension().and_then(|ending| ending.to_str()).map(str::to_lowercase);
        let kind = match ending.as_deref() {
            Some("xlsx") => {
                let book: Xlsx<_> = open_workbook(path).map_err(|why: calamine::XlsxError| {
                    SheetError::Broken { row: 0, why: why.to_string() }
                })?;
                let sheets = book.sheet_names();
                let wanted = |sheet: &&String| name.is_none_or(|name| name == sheet.as_str());
                let none = || SheetError::NoSheet { offered: sheets.join(", ") };
                let sheet = sheets.iter().find(wanted).ok_or_else(none)?.clone();
                Kind::Workbook { sheet }
            }
            Some("csv" | "txt") => {
                let letters = match letters {
                    Letters::Utf8 => UTF_8,
                    Letters::Gbk => GB18030,
                    Letters::Auto if is_utf8(path).map_err(|why| file(&why))? => UTF_8,
                    Letters::Auto => GB18030,
                };
                Kind::Csv { letters }
            }
            Some(_) | None => return Err(SheetError::Kind { path: path.display().to_string() }),
        };
        Ok(Self { path: path.to_owned(), kind })
    }

    /// The rows that hold something, as they are read by a thread of its own.
    #[must_use]
    pub fn rows(&self) -> mpsc::Receiver<Result<Row, SheetError>> {
        let (send, rows) = mpsc::channel(ROWS_WAITING);
        let sheet = self.clone();
        tokio::task::spawn_blocking(move || {
            let read = match &sheet.kind {
                Kind::Workbook { sheet: name } => workbook(&sheet.path, name, &send),
                Kind::Csv { letters } => csv(&sheet.path, letters, &send),
            };
            if let Err(error) = read {
                // Nobody waits for the rest any more.
                let _ = send.blocking_send(Err(error));
            }
        });
        rows
    }
}

type Send = mpsc::Sender<Result<Row, SheetError>>;

/// Hands a row on; whether somebody still takes rows.
fn give(send: &Send, row: Row) -> bool {
    let empty = row.cells.iter().all(|cell| *cell == Cell::Empty);
    empty || send.blocking_send(Ok(row)).is_ok()
}

fn workbook(path: &Path, name: &str, send: &Send) -> Result<(), SheetError> {
    let broken =
        |row: u32, why: &dyn std::fmt::Display| SheetError::Broken { row, why: why.to_string() };
    let mut book: Xlsx<BufReader<File>> =
        open_workbook(path).map_err(|why: calamine::XlsxError| broken(0, &why))?;
    let mut cells = book.worksheet_cells_reader(name).map_err(|why| broken(0, &why))?;
    let mut row = Row { number: 0, cells: Vec::new() };
    while let Some(cell) = cells.next_cell().map_err(|why| broken(row.number, &why))? {
        let (at, column) = cell.get_position();
        let (number, column) =
            (at.saturating_add(1), usize::try_from(column).unwrap_or(usize::MAX));
        if number != row.number {
            let done = std::mem::replace(&mut row, Row { number, cells: Vec::new() });
            if done.number > 0 && !give(send, done) {
                return Ok(());
            }
        }
        let value = from_excel(cell.get_value());
        if value == Cell::Empty || *cell.get_value() == DataRef::Empty {
            continue;
        }
        if column >= COLUMNS_MAX {
            return Err(broken(number, &format!("more than {COLUMNS_MAX} columns")));
        }
        if row.cells.len() <= column {
            row.cells.resize(column.saturating_add(1), Cell::Empty);
        }
        if let Some(place) = row.cells.get_mut(column) {
            *place = value;
        }
    }
    if row.number > 0 {
        give(send, row);
    }
    Ok(())
}

fn csv(path: &Path, letters: &'static Encoding, send: &Send) -> Result<(), SheetError> {
    let broken =
        |row: u32, why: &dyn std::fmt::Display| SheetError::Broken { row, why: why.to_string() };
    let file = File::open(path).map_err(|why| broken(0, &why))?;
    // Neither encoding uses the bytes of commas, quotes and line ends for anything else.
    let mut records = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(BufReader::new(file));
    let mut record = csv::ByteRecord::new();
    let mut number = 0_u32;
    while records.read_byte_record(&mut record).map_err(|why| broken(number, &why))? {
        number = number.saturating_add(1);
        if record.len() > COLUMNS_MAX {
            return Err(broken(number, &format!("more than {COLUMNS_MAX} columns")));
        }
        let cells = record.iter().map(|field| match letters.decode_without_bom_handling(field) {
            (_, true) => Cell::Unreadable("is not written in the letters of the file"),
            (text, false) => Cell::text(&text),
        });
        if !give(send, Row { number, cells: cells.collect() }) {
            return Ok(());
        }
    }
    Ok(())
}

/// Whether all of a file is UTF-8, read a piece at a time.
fn is_utf8(path: &Path) -> std::io::Result<bool> {
    let mut file = File::open(path)?;
    let mut piece = vec![0; 1 << 16];
    let mut kept = 0_usize;
    loop {
        let Some(room) = piece.get_mut(kept..) else { return Ok(false) };
        let read = file.read(room)?;
        let filled = kept.saturating_add(read);
        let bytes = piece.get(..filled).unwrap_or_default();
        match std::str::from_utf8(bytes) {
            Ok(_) if read == 0 => return Ok(true),
            Ok(_) => kept = 0,
            // A letter may go on in the next piece.
            Err(error) if error.error_len().is_none() && read > 0 => {
                let valid = error.valid_up_to();
                piece.copy_within(valid..filled, 0);
                kept = filled.saturating_sub(valid);
            }
            Err(_) => return Ok(false),
        }
    }
}
