//! The views in a SQLite file.

mod reading;
mod schema;

use std::collections::HashMap;
use std::path::Path;

use rusqlite::{Connection, OpenFlags, OptionalExtension, params_from_iter};

pub use self::reading::Reading;
use self::reading::{Interrupter, values};
use self::schema::{LAYOUT, Statements};
use crate::checkpoint::{Checkpoint, ViewsError};
use crate::database::{Change, Database, Interrupt, Reader};
use crate::edition::{self, serving};
use crate::files::Claim;
use crate::orders;
use crate::record::Table;
use crate::rows::DatabaseError;
use crate::value::{Kind, Value};
use crate::views::joined::Joined;

/// The file of the views in a data folder.
pub const FILE: &str = "views.db";

/// The oldest SQLite that does not corrupt a file in WAL mode under load.
const SQLITE_MIN: i32 = 3_051_003;

/// How many rows of an index a survey looks at about, so that it takes no time to speak of.
const SURVEYED: u32 = 1_000;

/// The file of the views, open for writing.
pub struct Sqlite {
    connection: Connection,
    statements: HashMap<(u32, &'static str), Statements>,
    _claim: Option<Claim>,
}

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Beside readers: what is committed stays whole whatever happens.
    Live,
    /// By nobody else, from nothing, and thrown away if it is not finished.
    Build,
}

impl Sqlite {
    /// Opens the file of a claimed folder, or makes it.
    ///
    /// # Errors
    ///
    /// [`ViewsError`].
    pub fn claimed(claim: Claim) -> Result<Self, ViewsError> {
        let opened = Self::open(&claim.file(), Mode::Live)?;
        Ok(Self { _claim: Some(claim), ..opened })
    }

    /// Opens the file at `path`, or makes it.
    ///
    /// # Errors
    ///
    /// [`ViewsError`].
    pub fn open(path: &Path, mode: Mode) -> Result<Self, ViewsError> {
        if rusqlite::version_number() < SQLITE_MIN {
            let why = format!("SQLite {} is too old", rusqlite::version());
            return Err(DatabaseError::Refused(why).into());
        }
        let connection = Connection::open(path)?;
        connection.set_prepared_statement_cache_capacity(512);
        connection.busy_timeout(std::time::Duration::from_secs(5))?;
        let set = |name: &str, value: &str| connection.pragma_update(None, name, value);
        match mode {
            Mode::Live => {
                set("journal_mode", "WAL")?;
                // A power cut may cost the last commits, never half of one: they are made again
                // from the log.
                set("synchronous", "NORMAL")?;
                set("cache_size", "-16384")?;
            }
            Mode::Build => {
                set("page_size", "8192")?;
                set("locking_mode", "EXCLUSIVE")?;
                set("journal_mode", "OFF")?;
                set("synchronous", "OFF")?;
                set("cache_size", "-32768")?;
            }
        }
        let mut database = Self { connection, statements: HashMap::new(), _claim: None };
        database.lay_out()?;
        Ok(database)
    }

    /// Opens the file at `path`, which is there, beside the one who keeps the views.
    pub(crate) fn beside(path: &Path) -> Result<Self, DatabaseError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(std::time::Duration::from_secs(5))?;
        Ok(Self { connection, statements: HashMap::new(), _claim: None })
    }

    /// Takes over the tables and editions of the file at `path`, which has others than this one.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`].
    pub(crate) fn adopt(&mut self, path: &Path) -> Result<(), DatabaseError> {
        self.connection.execute("ATTACH ? AS other", [path.to_string_lossy()])?;
        self.begin()?;
        // Into a table that is as empty as its indexes, SQLite copies rows as they lie.
        let made = "SELECT sql FROM other.sqlite_schema
                     WHERE sql IS NOT NULL AND tbl_name NOT IN (?1, ?2) ORDER BY type DESC, name";
        let tables = "SELECT name FROM other.sqlite_schema
                       WHERE type = 'table' AND name <> ?2 AND name NOT LIKE 'sqlite_%' ORDER BY name";
        let own = [edition::TABLE.name, orders::TABLE.name];
        for sql in self.texts(made, own)? {
            self.connection.execute_batch(&sql)?;
        }
        for table in self.texts(tables, own)? {
            let sql = format!("INSERT INTO main.{table} SELECT * FROM other.{table}");
            self.connection.execute_batch(&sql)?;
        }
        self.commit()?;
        Ok(self.connection.execute_batch("DETACH other")?)
    }

    fn texts(&self, sql: &str, with: [&str; 2]) -> Result<Vec<String>, DatabaseError> {
        let mut statement = self.connection.prepare(sql)?;
        let texts = statement.query_map(with, |row| row.get(0))?;
        Ok(texts.collect::<Result<_, _>>()?)
    }

    fn lay_out(&mut self) -> Result<(), ViewsError> {
        let stored = self.connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        match stored {
            LAYOUT => return Ok(()),
            0 => {}
            stored => return Err(ViewsError::OtherLayout { stored, wanted: LAYOUT }),
        }
        self.begin()?;
        self.create(edition::TABLE.name, edition::TABLE)?;
        self.create(orders::TABLE.name, orders::TABLE)?;
        self.connection.pragma_update(None, "user_version", LAYOUT)?;
        self.commit()?;
        Ok(())
    }

    fn statements(
        &mut self,
        edition: u32,
        table: &'static Table,
    ) -> (&Connection, &mut Statements) {
        let statements = self.statements.entry((edition, table.name));
        let statements = statements.or_insert_with(|| Statements::of(edition, table));
        (&self.connection, statements)
    }
}

impl Database for Sqlite {
    fn begin(&mut self) -> Result<(), DatabaseError> {
        Ok(self.connection.prepare_cached("BEGIN IMMEDIATE")?.execute([]).map(|_| ())?)
    }

    fn commit(&mut self) -> Result<(), DatabaseError> {
        Ok(self.connection.prepare_cached("COMMIT")?.execute([]).map(|_| ())?)
    }

    fn roll_back(&mut self) {
        if !self.connection.is_autocommit() {
            // A transaction that SQLite gave up itself is gone already.
            let _ = self.connection.execute_batch("ROLLBACK");
        }
    }

    fn execute(&mut self, sql: &str, with: &[Value]) -> Result<u64, DatabaseError> {
        let rows = self.connection.prepare_cached(sql)?.execute(params_from_iter(with))?;
        Ok(u64::try_from(rows).unwrap_or(u64::MAX))
    }

    fn create(&mut self, name: &str, table: &'static Table) -> Result<(), DatabaseError> {
        Ok(self.connection.execute_batch(&schema::create_table(name, table))?)
    }

    fn exclude(&mut self) -> Result<(), DatabaseError> {
        // Who reads keeps reading what was there.
        Ok(())
    }

    fn show(&mut self, shown: &str, name: &str) -> Result<(), DatabaseError> {
        let sql = format!("CREATE VIEW {shown} AS SELECT * FROM {name}");
        Ok(self.connection.execute_batch(&sql)?)
    }

    fn join(&mut self, joined: &Joined) -> Result<(), DatabaseError> {
        let shown = joined.table.name;
        self.connection.execute_batch(&schema::create_joined(joined))?;
        if self.connection.prepare(&format!("SELECT * FROM {shown}")).is_err() {
            tracing::warn!(view = shown, "does not fit the views that serve, and is left out");
            self.connection.execute_batch(&format!("DROP VIEW {shown}"))?;
        }
        Ok(())
    }

    fn load(
        &mut self,
        edition: u32,
        table: &'static Table,
        key: &[Value],
    ) -> Result<Option<Vec<Value>>, DatabaseError> {
        let (connection, statements) = self.statements(edition, table);
        let mut statement = connection.prepare_cached(&statements.select)?;
        let columns = table.columns.len();
        let row = statement
            .query_row(params_from_iter(key), |row| Ok(values(row, columns)))
            .optional()?;
        row.transpose()
    }

    fn load_many(
        &mut self,
        edition: u32,
        table: &'static Table,
        keys: &[Vec<Value>],
    ) -> Result<Vec<Vec<Value>>, DatabaseError> {
        let rows = keys.iter().map(|key| self.load(edition, table, key));
        rows.filter_map(Result::transpose).collect()
    }

    fn is_far(&self) -> bool {
        false
    }

    fn write(
        &mut self,
        edition: u32,
        table: &'static Table,
        change: Change,
    ) -> Result<(), DatabaseError> {
        let (connection, statements) = self.statements(edition, table);
        let (sql, values) = match &change {
            Change::Insert(row) => (statements.insert.as_str(), row),
            Change::Update { columns, values } => (statements.update(*columns), values),
            Change::Delete(key) => (statements.delete.as_str(), key),
        };
        match connection.prepare_cached(sql)?.execute(params_from_iter(values))? {
            1 => Ok(()),
            // A row that was read has to be there when it is written.
            rows => {
                let why = format!("{rows} rows of {} instead of one", table.name);
                Err(DatabaseError::Refused(why))
            }
        }
    }

    fn flush(&mut self) -> Result<(), DatabaseError> {
        Ok(())
    }

    fn survey(&mut self, name: &str) -> Result<(), DatabaseError> {
        let sql = format!("PRAGMA analysis_limit = {SURVEYED}; ANALYZE {name}");
        Ok(self.connection.execute_batch(&sql)?)
    }

    fn reader(&mut self) -> &mut dyn Reader {
        self
    }
}

/// Reads within the transaction under way, if there is one.
impl Reader for Sqlite {
    fn select(
        &mut self,
        sql: &str,
        with: &[Value],
        kinds: &[Kind],
        each: &mut dyn FnMut(Vec<Value>) -> Result<(), DatabaseError>,
    ) -> Result<(), DatabaseError> {
        reading::select(&self.connection, sql, with, kinds, each)
    }

    fn columns(&mut self, sql: &str) -> Result<Vec<String>, DatabaseError> {
        reading::columns(&self.connection, sql)
    }

    fn begin_reading(&mut self) -> Result<Vec<Checkpoint>, DatabaseError> {
        serving(self)
    }

    fn end_reading(&mut self) -> Result<(), DatabaseError> {
        Ok(())
    }

    fn interrupter(&self) -> Box<dyn Interrupt> {
        Box::new(Interrupter(self.connection.get_interrupt_handle()))
    }
}
