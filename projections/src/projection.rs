//! A projection: a pure function from an event and the rows it owns to changed rows.
//!
//! A fold reads rows through [`Source`] and changes them in its [`Rows`](crate::rows::Rows); it
//! has no clock, no randomness and nothing else to look at, so that the same log gives the same
//! rows anywhere, at any time.

use std::str::FromStr;

use bytes::Bytes;
use huzhu_domain::envelope::beijing_date;
use huzhu_domain::event::Unreadable;
use huzhu_domain::money::MoneyError;
use huzhu_store::port::Recorded;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::Deserialize;

use crate::record::Table;
use crate::rows::{Buffer, DatabaseError, Source, Taken};

/// A view: tables, and how events change them.
pub trait Projection: Send {
    /// What it is called, in checkpoints and messages.
    fn name(&self) -> &'static str;
    /// Raised with every change that makes the same log give other rows.
    fn version(&self) -> u32;
    /// Whether an event of this name is its business.
    fn takes(&self, event: &str) -> bool;
    /// Whether a stream of this category is its business, whatever its events are called.
    fn owns(&self, category: &str) -> bool;
    /// Moves the rows past `event`. After [`Stop`] they are worth nothing.
    ///
    /// # Errors
    ///
    /// [`Stop`].
    fn fold(&mut self, event: &Arrived, source: &mut dyn Source) -> Result<(), Stop>;
    /// Its rows, table by table.
    fn buffers(&mut self) -> Vec<&mut dyn Buffer>;

    /// Its tables.
    fn tables(&mut self) -> Vec<&'static Table> {
        self.buffers().iter().map(|buffer| buffer.table()).collect()
    }
}

/// An event on its way into the views.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrived {
    /// Its place in the log.
    pub offset: u64,
    /// The stream it stands in.
    pub stream: Box<str>,
    /// Its place in the stream.
    pub revision: u64,
    /// The stored name of its type.
    pub name: Box<str>,
    /// The version of its body.
    pub version: u32,
    /// The JSON body.
    pub data: Bytes,
    /// The JSON metadata.
    pub metadata: Bytes,
    /// When the log took it.
    pub recorded_at: Timestamp,
}

impl Arrived {
    /// What kind of aggregate the stream belongs to: what stands before the first `-`.
    #[must_use]
    pub fn category(&self) -> &str {
        self.stream.split_once('-').map_or(&self.stream, |(category, _)| category)
    }

    /// The day on which it counts (业务日期): for events whose body does not say it.
    ///
    /// # Errors
    ///
    /// [`Poison::Metadata`].
    pub fn counts_on(&self) -> Result<Date, Poison> {
        /// As much of the metadata as views have a use for.
        #[derive(Deserialize)]
        struct Counted {
            at: Timestamp,
        }
        let counted: Result<Counted, _> = serde_json::from_slice(&self.metadata);
        counted.map(|counted| beijing_date(counted.at)).map_err(|_| Poison::Metadata)
    }
}

impl From<Recorded> for Arrived {
    fn from(event: Recorded) -> Self {
        Self {
            offset: event.position.offset,
            stream: event.stream.as_str().into(),
            revision: event.revision.0,
            name: event.name.as_ref().into(),
            version: event.version,
            data: event.data,
            metadata: event.metadata,
            recorded_at: event.recorded_at,
        }
    }
}

/// Why a fold did not get past an event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Stop {
    /// The event itself: this projection goes no further until the program or the log is mended.
    #[error(transparent)]
    Poison(#[from] Poison),
    /// The database: the same event may go well later.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// Why an event does not fit the rows.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Poison {
    /// The event cannot be read.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// The metadata of the event cannot be read.
    #[error("the metadata does not say when the event counts")]
    Metadata,
    /// An event of the stream is missing, or came twice.
    #[error("the rows reflect {last:?} of the stream, the event is {given}")]
    Gap {
        /// The last revision that the rows reflect.
        last: Option<u64>,
        /// The revision of the event.
        given: u64,
    },
    /// The name of the stream is not of the form that this kind of stream has.
    #[error("the name of the stream holds no id")]
    StreamWithoutId,
    /// The event is about something that no event before it spoke of.
    #[error("{what} is not known")]
    Unknown {
        /// What it is about.
        what: &'static str,
    },
    /// The event says that something began which had begun before.
    #[error(transparent)]
    Taken(#[from] Taken),
    /// Amounts do not add up within bounds.
    #[error("an amount is out of range: {0}")]
    Money(#[from] MoneyError),
    /// A count or a sum does not add up within bounds.
    #[error("{what} cannot be counted")]
    Count {
        /// What is counted.
        what: &'static str,
    },
}

impl From<Unreadable> for Stop {
    fn from(unreadable: Unreadable) -> Self {
        Self::Poison(unreadable.into())
    }
}

impl From<Taken> for Stop {
    fn from(taken: Taken) -> Self {
        Self::Poison(taken.into())
    }
}

impl From<MoneyError> for Stop {
    fn from(error: MoneyError) -> Self {
        Self::Poison(error.into())
    }
}

/// Sees that `event` is the next one after revision `last` of its stream; its revision.
///
/// # Errors
///
/// [`Poison::Gap`].
pub(crate) fn follows(last: Option<u64>, event: &Arrived) -> Result<u64, Poison> {
    let given = event.revision;
    if last.map_or(Some(0), |last| last.checked_add(1)) == Some(given) {
        Ok(given)
    } else {
        Err(Poison::Gap { last, given })
    }
}

/// The id that the name of a stream holds, as in `claim-7f1c0a9e-…`.
///
/// # Errors
///
/// [`Poison::StreamWithoutId`].
pub(crate) fn id_of<T: FromStr>(stream: &str) -> Result<T, Poison> {
    let id = stream.split_once('-').map(|(_, id)| id);
    id.and_then(|id| id.parse().ok()).ok_or(Poison::StreamWithoutId)
}

/// The row that an event of a stream has to find.
///
/// # Errors
///
/// [`Poison::Unknown`].
pub(crate) fn known<T>(row: Option<T>, what: &'static str) -> Result<T, Poison> {
    row.ok_or(Poison::Unknown { what })
}

/// `count`, one up.
///
/// # Errors
///
/// [`Poison::Count`].
pub(crate) fn up(count: &mut u32, what: &'static str) -> Result<(), Poison> {
    *count = count.checked_add(1).ok_or(Poison::Count { what })?;
    Ok(())
}

/// `count`, one down.
///
/// # Errors
///
/// [`Poison::Count`].
pub(crate) fn down(count: &mut u32, what: &'static str) -> Result<(), Poison> {
    *count = count.checked_sub(1).ok_or(Poison::Count { what })?;
    Ok(())
}

/// The calendar month of a date, as `2014-07`.
pub(crate) fn month(date: Date) -> String {
    format!("{:04}-{:02}", date.year(), date.month())
}
