//! The seam between the views and the database that keeps them.
//!
//! SQL is the same for both databases as far as it goes: questions are asked in one dialect, with
//! `?` or `?1` where a value stands, and rows come back as [`Value`]s whatever types the database
//! gives them. What differs (types, how many rows are written at once, how a question is given up)
//! stays behind [`Database`] and [`Reader`].

use std::fmt;
use std::path::{Path, PathBuf};

use crate::checkpoint::{Checkpoint, ViewsError};
use crate::files::Claim;
use crate::postgres;
use crate::record::{Columns, Table};
use crate::rows::DatabaseError;
use crate::sqlite;
use crate::value::{Kind, Value};
use crate::views::joined::Joined;

/// A database of views, open for writing. One process at a time has it.
pub trait Database: Send {
    /// Begins a transaction.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`].
    fn begin(&mut self) -> Result<(), DatabaseError>;
    /// Commits it.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`].
    fn commit(&mut self) -> Result<(), DatabaseError>;
    /// Gives it up, if there is one.
    fn roll_back(&mut self);
    /// Does what a statement says; how many rows it changed.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`].
    fn execute(&mut self, sql: &str, with: &[Value]) -> Result<u64, DatabaseError>;
    /// Makes a table, empty and without its further indexes, under this name.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`].
    fn create(&mut self, name: &str, table: &'static Table) -> Result<(), DatabaseError>;
    /// Waits until nobody reads, and keeps who would read waiting until the commit, where a change
    /// of public names would otherwise fail beside readers.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`] when somebody reads for too long.
    fn exclude(&mut self) -> Result<(), DatabaseError>;
    /// Lets the public name `shown` stand for the table `name`.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`].
    fn show(&mut self, shown: &str, name: &str) -> Result<(), DatabaseError>;
    /// Shows a query over other public names. Nothing is shown if it does not fit what it is over.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`].
    fn join(&mut self, joined: &Joined) -> Result<(), DatabaseError>;
    /// The values of the row of a table with this key, if there is one.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`] when the database does not answer, or not sensibly.
    fn load(
        &mut self,
        edition: u32,
        table: &'static Table,
        key: &[Value],
    ) -> Result<Option<Vec<Value>>, DatabaseError>;
    /// The rows of a table with these keys, in any order.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`].
    fn load_many(
        &mut self,
        edition: u32,
        table: &'static Table,
        keys: &[Vec<Value>],
    ) -> Result<Vec<Vec<Value>>, DatabaseError>;
    /// Whether every question takes a while, so that many are better asked as one.
    fn is_far(&self) -> bool;
    /// Writes a changed row. The database may wait with it until [`Self::flush`].
    ///
    /// # Errors
    ///
    /// [`DatabaseError`]; an inserted row that is there already, and another one that is not, are
    /// errors too.
    fn write(
        &mut self,
        edition: u32,
        table: &'static Table,
        change: Change,
    ) -> Result<(), DatabaseError>;
    /// Sees to it that every row of the transaction is written.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`].
    fn flush(&mut self) -> Result<(), DatabaseError>;
    /// Lets the database see how the rows of the table `name` are spread, so that it finds them by
    /// the index that leaves fewest.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`].
    fn survey(&mut self, name: &str) -> Result<(), DatabaseError>;
    /// Reads what is there, the transaction under way included.
    fn reader(&mut self) -> &mut dyn Reader;
}

/// A row that changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The row is new.
    Insert(Vec<Value>),
    /// Some columns of a row change: the values of its key, then those of `columns` in their order.
    Update {
        /// Which columns change, none of them of the key.
        columns: Columns,
        /// The values.
        values: Vec<Value>,
    },
    /// The row with this key goes.
    Delete(Vec<Value>),
}

/// A database of views, open for reading.
pub trait Reader: Send {
    /// Asks a question: `each` gets the rows one by one, their values in the order of `kinds`.
    ///
    /// `?` or `?1` stand for the values of `with`; a question uses either the one or the other.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`], also the one that `each` ends with.
    fn select(
        &mut self,
        sql: &str,
        with: &[Value],
        kinds: &[Kind],
        each: &mut dyn FnMut(Vec<Value>) -> Result<(), DatabaseError>,
    ) -> Result<(), DatabaseError>;
    /// What the columns of a question's answer are called.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`].
    fn columns(&mut self, sql: &str) -> Result<Vec<String>, DatabaseError>;
    /// Begins to read the views as they are now: how far the ones that serve are.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`].
    fn begin_reading(&mut self) -> Result<Vec<Checkpoint>, DatabaseError>;
    /// Ends what [`Self::begin_reading`] began.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`].
    fn end_reading(&mut self) -> Result<(), DatabaseError>;
    /// Gives up, from another thread, what is being asked.
    fn interrupter(&self) -> Box<dyn Interrupt>;
}

/// Gives a question up.
pub trait Interrupt: Send {
    /// Gives up the question that is being asked, if there is one. May block.
    fn interrupt(&self);
}

/// Which database keeps the views.
#[derive(Clone)]
pub enum Place {
    /// A SQLite file in this data folder.
    Folder(PathBuf),
    /// A PostgreSQL server.
    Server(Box<postgres::Server>),
}

impl Place {
    /// The place that `views` names: a `postgres://` URL, or else the data folder itself.
    ///
    /// # Errors
    ///
    /// [`ViewsError`] when it is not one.
    pub fn of(data: &Path, views: Option<&str>) -> Result<Self, ViewsError> {
        match views {
            None => Ok(Self::Folder(data.to_owned())),
            Some(url) => Ok(Self::Server(Box::new(postgres::Server::parse(url)?))),
        }
    }

    /// Opens the views for reading. Blocks: not to be called from a task.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`].
    pub fn open_to_read(&self) -> Result<Box<dyn Reader>, DatabaseError> {
        Ok(match self {
            Self::Folder(folder) => Box::new(sqlite::Reading::open(&folder.join(sqlite::FILE))?),
            Self::Server(server) => Box::new(postgres::Reading::open(server)?),
        })
    }

    /// Opens the database beside whoever keeps the views, to ask something of them. Blocks: not to be
    /// called from a task.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`].
    pub fn open_to_ask(&self) -> Result<Box<dyn Database>, DatabaseError> {
        Ok(match self {
            Self::Folder(folder) => Box::new(sqlite::Sqlite::beside(&folder.join(sqlite::FILE))?),
            Self::Server(server) => Box::new(postgres::Postgres::beside(server)?),
        })
    }

    /// Opens the views for writing, which nobody else may do meanwhile. Blocks: not to be called
    /// from a task.
    ///
    /// # Errors
    ///
    /// [`ViewsError`]; [`ViewsError::InUse`] when somebody else keeps them.
    pub fn open_to_write(&self) -> Result<Box<dyn Database>, ViewsError> {
        Ok(match self {
            Self::Folder(folder) => Box::new(sqlite::Sqlite::claimed(Claim::on(folder)?)?),
            Self::Server(server) => Box::new(postgres::Postgres::open(server)?),
        })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(folder) => write!(f, "{}", folder.join(sqlite::FILE).display()),
            Self::Server(server) => server.fmt(f),
        }
    }
}
