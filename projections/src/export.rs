//! Views as files for other programs: CSV and Excel workbooks, and Parquet with that feature.
//!
//! An export is read in one transaction, so that it shows one moment of the log and says which;
//! rows pass through one at a time, so that memory does not grow with them. Amounts, which the
//! database keeps in fen, leave as yuan with two decimal places: the column `paid_fen` becomes
//! `paid`.

mod ask;
mod cell;
mod csv;
#[cfg(feature = "parquet")]
mod parquet;
mod shape;
mod xlsx;

use std::cell::RefCell;
use std::io;

use jiff::Timestamp;

use self::ask::Selection;
pub use self::ask::{Ask, Span};
pub use self::cell::Cell;
pub use self::csv::Csv;
#[cfg(feature = "parquet")]
pub use self::parquet::Parquet;
pub use self::shape::{Column, View, views};
pub use self::xlsx::{SHEET_ROWS_MAX, Xlsx};
use crate::checkpoint::{Checkpoint, Failure};
use crate::database::{Place, Reader};
use crate::query::Freshness;
use crate::rows::DatabaseError;
use crate::sqlite::FILE;
use crate::value::{Kind, Value};

/// How many rows pass between two reports of progress.
const REPORT_ROWS: u64 = 10_000;

/// Why there is no export.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The folder has no views.
    #[error("there are no views in {folder}")]
    Absent {
        /// The folder.
        folder: String,
    },
    /// There is no view of this name.
    #[error("there is no view {given}; there are {offered}")]
    UnknownView {
        /// What was asked for.
        given: String,
        /// What may be asked for.
        offered: String,
    },
    /// The view has no column of this name.
    #[error("{view} has no column {given}; it has {offered}")]
    UnknownColumn {
        /// The view.
        view: String,
        /// What was asked for.
        given: String,
        /// What may be asked for.
        offered: String,
    },
    /// A condition, a span or an order does not hold.
    #[error("{given}: {why}")]
    Ask {
        /// What was asked for.
        given: String,
        /// What is wrong with it.
        why: String,
    },
    /// The view tells who people are, and nobody said that this is meant.
    #[error("{view} holds personal data: say --personal if that is meant")]
    Personal {
        /// The view.
        view: String,
    },
    /// A value has no place in a file of this kind.
    #[error("row {row}, column {column}: {why}")]
    Value {
        /// The row, from 1.
        row: u64,
        /// The column.
        column: String,
        /// Why not, and what to do.
        why: String,
    },
    /// The database does not answer.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The file cannot be written.
    #[error("the file cannot be written: {0}")]
    Write(String),
}

impl From<io::Error> for ExportError {
    fn from(error: io::Error) -> Self {
        Self::Write(error.to_string())
    }
}

/// What a file is told before its first row.
#[derive(Clone, Debug)]
pub struct Heading {
    /// The view.
    pub view: String,
    /// What a row of it is.
    pub about: String,
    /// The columns, in order.
    pub columns: Vec<Column>,
    /// What it reflects.
    pub freshness: Freshness,
    /// What was asked for, in words.
    pub asked: String,
}

/// A file that is being written.
pub trait Writer {
    /// Writes what stands above the rows.
    ///
    /// # Errors
    ///
    /// [`ExportError`].
    fn begin(&mut self, heading: &Heading) -> Result<(), ExportError>;
    /// Writes one row, a cell for each column.
    ///
    /// # Errors
    ///
    /// [`ExportError`].
    fn row(&mut self, cells: &[Cell<'_>]) -> Result<(), ExportError>;
    /// Writes what stands below the rows.
    ///
    /// # Errors
    ///
    /// [`ExportError`].
    fn finish(&mut self) -> Result<(), ExportError>;
}

/// What was exported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exported {
    /// How many rows.
    pub rows: u64,
    /// What they reflect.
    pub freshness: Freshness,
    /// The events at which views that were read stand still, with the name of the view.
    pub stopped: Vec<(String, Failure)>,
}

/// How far an export is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// How many rows were written.
    pub rows: u64,
    /// How many there are.
    pub of: u64,
}

/// The views, for exports.
pub struct Source {
    // One export at a time.
    reader: RefCell<Box<dyn Reader>>,
}

impl Source {
    /// Opens the views in `place` for reading. The service may run.
    ///
    /// # Errors
    ///
    /// [`ExportError::Absent`] or [`ExportError::Database`].
    pub fn open(place: &Place) -> Result<Self, ExportError> {
        if let Place::Folder(folder) = place
            && !folder.join(FILE).is_file()
        {
            return Err(ExportError::Absent { folder: folder.display().to_string() });
        }
        Ok(Self { reader: RefCell::new(place.open_to_read()?) })
    }

    /// Writes what `ask` asks for into `file`. `tell`, if there is one, hears of the progress;
    /// counting the rows beforehand takes one more look at them.
    ///
    /// # Errors
    ///
    /// [`ExportError`]; what was written so far is worth nothing.
    pub fn export(
        &self,
        ask: &Ask,
        file: &mut dyn Writer,
        tell: Option<&mut dyn FnMut(Progress)>,
    ) -> Result<Exported, ExportError> {
        let mut reader = self.reader.borrow_mut();
        let checkpoints = reader.begin_reading()?;
        let exported = within(reader.as_mut(), &checkpoints, ask, file, tell);
        // The transaction only read; whether it ends well says nothing of the rows.
        let _ = reader.end_reading();
        exported
    }
}

fn within(
    reader: &mut dyn Reader,
    checkpoints: &[Checkpoint],
    ask: &Ask,
    file: &mut dyn Writer,
    mut tell: Option<&mut dyn FnMut(Progress)>,
) -> Result<Exported, ExportError> {
    let view = shape::view(&ask.view)?;
    if view.personal && !ask.personal {
        return Err(ExportError::Personal { view: view.name });
    }
    let selection = ask.selection(&view)?;
    let read: Vec<_> = checkpoints.iter().filter(|one| view.is_kept_by(&one.projection)).collect();
    let freshness = freshness(&read);
    let stopped =
        read.iter().filter_map(|one| Some((one.projection.clone(), one.failure.clone()?)));
    let stopped = stopped.collect();

    let of = match tell {
        Some(_) => {
            let mut count = 0;
            let sql = selection.count();
            reader.select(&sql, &selection.with, &[Kind::Integer], &mut |values| {
                if let Some(Value::Integer(found)) = values.first() {
                    count = u64::try_from(*found).unwrap_or(0);
                }
                Ok(())
            })?;
            count
        }
        None => 0,
    };
    let Selection { columns, sql, with, .. } = &selection;
    file.begin(&Heading {
        view: view.name.clone(),
        about: view.about.clone(),
        columns: columns.clone(),
        freshness,
        asked: ask.to_string(),
    })?;
    let kinds: Vec<_> = columns.iter().map(|column| column.kind).collect();
    let (mut rows, mut failed) = (0_u64, None);
    let read = reader.select(sql, with, &kinds, &mut |values| {
        rows = rows.saturating_add(1);
        if let Err(why) = write(file, rows, columns, &values) {
            failed = Some(why);
            return Err(DatabaseError::Refused("nobody takes the rows".into()));
        }
        if let Some(tell) = &mut tell
            && rows.is_multiple_of(REPORT_ROWS)
        {
            tell(Progress { rows, of });
        }
        Ok(())
    });
    if let Some(why) = failed {
        return Err(why);
    }
    read?;
    file.finish()?;
    if let Some(tell) = tell {
        tell(Progress { rows, of });
    }
    Ok(Exported { rows, freshness, stopped })
}

fn write(
    file: &mut dyn Writer,
    row: u64,
    columns: &[Column],
    values: &[Value],
) -> Result<(), ExportError> {
    let cells = columns.iter().zip(values).map(|(column, value)| {
        Cell::of(column.kind, value).ok_or_else(|| ExportError::Value {
            row,
            column: column.name.clone(),
            why: "is not as it was written".into(),
        })
    });
    file.row(&cells.collect::<Result<Vec<_>, _>>()?)
}

/// What all of these reflect.
fn freshness(read: &[&Checkpoint]) -> Freshness {
    let last = read.iter().min_by_key(|view| view.offset);
    Freshness {
        position: last.and_then(|view| view.position()),
        recorded_at: last.and_then(|view| view.recorded_at),
    }
}

/// When the log took the last event that is reflected, for people.
fn moment(at: Option<Timestamp>) -> String {
    at.map_or_else(|| "the beginning of the log".into(), |at| format!("{at:.6}"))
}

#[cfg(test)]
mod tests;
