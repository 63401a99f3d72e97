//! The views on a PostgreSQL server: the same names, columns and rows, in PostgreSQL's own types.
//!
//! Money, counts and revisions are `bigint`, dates `date`, times `timestamptz`, exact numbers
//! `numeric`; documents are `json`, which keeps them as they were written. Text sorts by its bytes,
//! as in SQLite, so that lists are in one order everywhere. Connections are not encrypted: the
//! server is on this machine, or behind a tunnel.

mod cells;
mod reading;
mod schema;
mod session;

use std::collections::BTreeMap;
use std::io::Write as _;

use postgres::types::ToSql;

use self::cells::{Cell, Copied};
pub use self::reading::Reading;
pub use self::schema::ANALYST;
pub use self::session::Server;
use self::session::{Session, numbered};
use crate::checkpoint::{Checkpoint, ViewsError};
use crate::database::{Change, Database, Interrupt, Reader};
use crate::edition::{self, physical, serving};
use crate::orders;
use crate::record::{ColumnDef, Columns, Table, names};
use crate::rows::DatabaseError;
use crate::value::{Kind, Value};
use crate::views::joined::{Dialect, Joined};

/// From this many new rows on, they are copied rather than inserted.
const COPIED_MIN: usize = 100;
/// How many bytes of rows are handed to the server at a time.
const COPY_BYTES: usize = 256 * 1024;

/// The views on a server, open for writing: a session that holds the lock which only one may hold.
pub struct Postgres {
    session: Session,
    waiting: Vec<Waiting>,
    begun: bool,
}

/// Rows of one table that are about to be written.
struct Waiting {
    edition: u32,
    table: &'static Table,
    inserts: Vec<Vec<Value>>,
    // By which columns change: one statement for each.
    updates: BTreeMap<Columns, Vec<Vec<Value>>>,
    deletes: Vec<Vec<Value>>,
}

impl Postgres {
    /// Opens the views on `server`, and makes what they need there.
    ///
    /// # Errors
    ///
    /// [`ViewsError::InUse`] while another process keeps them.
    pub fn open(server: &Server) -> Result<Self, ViewsError> {
        let mut database = Self::connect(server)?;
        if !database.lock()? {
            return Err(ViewsError::InUse);
        }
        database.lay_out()?;
        Ok(database)
    }

    /// Opens the views on `server` beside the session that holds the lock, for as long as that one
    /// lives; what both wrote at once, neither commits.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`].
    pub(crate) fn beside(server: &Server) -> Result<Self, DatabaseError> {
        Self::connect(server)
    }

    fn connect(server: &Server) -> Result<Self, DatabaseError> {
        let mut session = Session::open(server)?;
        // What the server forgets in a crash is folded again. Rows are found by their keys, however
        // few the server believes a new table to have.
        session.client.batch_execute(
            "SET synchronous_commit = off; SET enable_hashjoin = off; SET enable_mergejoin = off",
        )?;
        Ok(Self { session, waiting: Vec::new(), begun: false })
    }

    /// Takes the lock that only one session has, and that goes with it.
    fn lock(&mut self) -> Result<bool, DatabaseError> {
        let sql =
            "SELECT pg_try_advisory_lock(hashtext('huzhu.views'), hashtext(current_schema()))";
        Ok(self.session.client.query_one(sql, &[])?.try_get(0)?)
    }

    fn lay_out(&mut self) -> Result<(), DatabaseError> {
        let there = "SELECT to_regclass($1) IS NOT NULL";
        let there = self.session.client.query_one(there, &[&edition::TABLE.name])?;
        if !there.try_get::<_, bool>(0)? {
            self.begin()?;
            self.create(edition::TABLE.name, edition::TABLE)?;
            self.create(orders::TABLE.name, orders::TABLE)?;
            self.commit()?;
        }
        schema::admit_analysts(&mut self.session.client)
    }

    fn waiting(&mut self, edition: u32, table: &'static Table) -> Option<&mut Waiting> {
        let same =
            |waiting: &Waiting| waiting.edition == edition && waiting.table.name == table.name;
        if !self.waiting.last().is_some_and(same) {
            let (inserts, updates, deletes) = (Vec::new(), BTreeMap::new(), Vec::new());
            self.waiting.push(Waiting { edition, table, inserts, updates, deletes });
        }
        self.waiting.last_mut()
    }

    fn insert(
        &mut self,
        name: &str,
        table: &'static Table,
        rows: &[Vec<Value>],
    ) -> Result<u64, DatabaseError> {
        let all = names(table.columns.iter());
        if rows.len() < COPIED_MIN {
            let columns: Vec<_> = table.columns.iter().collect();
            let sql = format!("INSERT INTO {name} ({all}) SELECT * FROM {}", unnest(&columns));
            return self.at_once(&sql, columns.len(), rows);
        }
        let sql = format!("COPY {name} ({all}) FROM STDIN (FORMAT binary)");
        let failed = |error: std::io::Error| DatabaseError::Refused(error.to_string());
        let mut copy = self.session.client.copy_in(&sql)?;
        let mut copied = Copied::new();
        for row in rows {
            copied.push(table.columns, row)?;
            if copied.bytes().len() >= COPY_BYTES {
                copy.write_all(copied.bytes()).map_err(failed)?;
                copied.clear();
            }
        }
        copied.end();
        copy.write_all(copied.bytes()).map_err(failed)?;
        Ok(copy.finish()?)
    }

    fn update(
        &mut self,
        name: &str,
        table: &'static Table,
        changed: Columns,
        rows: &[Vec<Value>],
    ) -> Result<u64, DatabaseError> {
        let set = changed.of(table).map(|set| format!("{0} = n.{0}", set.name));
        let columns: Vec<_> = table.key_columns().chain(changed.of(table)).collect();
        let sql = format!(
            "UPDATE {name} t SET {} FROM {} WHERE {}",
            set.collect::<Vec<_>>().join(", "),
            unnest(&columns),
            same_key(table)
        );
        self.at_once(&sql, columns.len(), rows)
    }

    fn delete(
        &mut self,
        name: &str,
        table: &'static Table,
        keys: &[Vec<Value>],
    ) -> Result<u64, DatabaseError> {
        let key: Vec<_> = table.key_columns().collect();
        let sql = format!("DELETE FROM {name} t USING {} WHERE {}", unnest(&key), same_key(table));
        self.at_once(&sql, key.len(), keys)
    }

    /// One statement over many rows, handed over column by column.
    fn at_once(
        &mut self,
        sql: &str,
        columns: usize,
        rows: &[Vec<Value>],
    ) -> Result<u64, DatabaseError> {
        let statement = self.session.prepare(sql)?;
        let arrays = arrays(columns, rows);
        let arrays: Vec<_> = arrays.iter().map(|array| array as &(dyn ToSql + Sync)).collect();
        Ok(self.session.client.execute(&statement, &arrays)?)
    }
}

/// The values of rows, column by column.
fn arrays(columns: usize, rows: &[Vec<Value>]) -> Vec<Vec<Cell<'_>>> {
    let column = |place| rows.iter().filter_map(move |row| row.get(place)).map(Cell).collect();
    (0..columns).map(column).collect()
}

/// Rows as a table `n` that a statement is given, column by column.
fn unnest(columns: &[&ColumnDef]) -> String {
    let arrays: Vec<_> = columns
        .iter()
        .zip(1..)
        .map(|(column, n)| format!("${n}::{}[]", schema::type_name(column.kind)))
        .collect();
    format!("unnest({}) AS n ({})", arrays.join(", "), names(columns.iter().copied()))
}

fn same_key(table: &'static Table) -> String {
    let key = table.key_columns().map(|key| format!("t.{0} = n.{0}", key.name));
    key.collect::<Vec<_>>().join(" AND ")
}

impl Database for Postgres {
    fn begin(&mut self) -> Result<(), DatabaseError> {
        self.session.client.batch_execute("BEGIN")?;
        self.begun = true;
        Ok(())
    }

    fn commit(&mut self) -> Result<(), DatabaseError> {
        self.session.client.batch_execute("COMMIT")?;
        self.begun = false;
        Ok(())
    }

    fn roll_back(&mut self) {
        self.waiting.clear();
        if std::mem::take(&mut self.begun) {
            // A connection that is gone took its transaction along.
            let _ = self.session.client.batch_execute("ROLLBACK");
        }
    }

    fn execute(&mut self, sql: &str, with: &[Value]) -> Result<u64, DatabaseError> {
        let sql = numbered(sql);
        let cells: Vec<_> = with.iter().map(Cell).collect();
        let cells: Vec<_> = cells.iter().map(|cell| cell as &(dyn ToSql + Sync)).collect();
        if cells.is_empty() {
            return Ok(self.session.client.execute(&sql, &cells)?);
        }
        let statement = self.session.prepare(&sql)?;
        Ok(self.session.client.execute(&statement, &cells)?)
    }

    fn create(&mut self, name: &str, table: &'static Table) -> Result<(), DatabaseError> {
        Ok(self.session.client.batch_execute(&schema::create_table(name, table))?)
    }

    fn exclude(&mut self) -> Result<(), DatabaseError> {
        let sql = format!(
            "SET LOCAL lock_timeout = '2s'; LOCK TABLE {} IN ACCESS EXCLUSIVE MODE",
            edition::TABLE.name
        );
        Ok(self.session.client.batch_execute(&sql)?)
    }

    fn show(&mut self, shown: &str, name: &str) -> Result<(), DatabaseError> {
        let sql = format!("CREATE VIEW {shown} AS SELECT * FROM {name}");
        self.session.client.batch_execute(&sql)?;
        self.session.client.batch_execute(&schema::pass_on_comments(shown, name))?;
        schema::let_analysts_read(&mut self.session.client, shown)
    }

    fn join(&mut self, joined: &Joined) -> Result<(), DatabaseError> {
        let shown = joined.table.name;
        let client = &mut self.session.client;
        client.batch_execute("SAVEPOINT query")?;
        let sql = format!("CREATE VIEW {shown} AS {}", joined.sql(Dialect::Postgres));
        if let Err(why) = client.batch_execute(&sql) {
            tracing::warn!(view = shown, %why, "does not fit the views that serve, and is left out");
            client.batch_execute("ROLLBACK TO SAVEPOINT query")?;
            return Ok(());
        }
        client.batch_execute(&schema::comments("VIEW", shown, joined.table))?;
        schema::let_analysts_read(client, shown)
    }

    fn load(
        &mut self,
        edition: u32,
        table: &'static Table,
        key: &[Value],
    ) -> Result<Option<Vec<Value>>, DatabaseError> {
        let name = physical(table.name, edition);
        let found: Vec<_> =
            table.key_columns().zip(1..).map(|(key, n)| format!("{} = ${n}", key.name)).collect();
        let all = names(table.columns.iter());
        let sql = format!("SELECT {all} FROM {name} WHERE {}", found.join(" AND "));
        let statement = self.session.prepare(&sql)?;
        let cells: Vec<_> = key.iter().map(Cell).collect();
        let cells: Vec<_> = cells.iter().map(|cell| cell as &(dyn ToSql + Sync)).collect();
        let row = self.session.client.query_opt(&statement, &cells)?;
        row.map(|row| cells::values(&row, &kinds(table))).transpose()
    }

    fn load_many(
        &mut self,
        edition: u32,
        table: &'static Table,
        keys: &[Vec<Value>],
    ) -> Result<Vec<Vec<Value>>, DatabaseError> {
        let key: Vec<_> = table.key_columns().collect();
        let all: Vec<_> = table.columns.iter().map(|column| format!("t.{}", column.name)).collect();
        let name = physical(table.name, edition);
        let sql = format!(
            "SELECT {} FROM {} JOIN {name} t ON {}",
            all.join(", "),
            unnest(&key),
            same_key(table)
        );
        let statement = self.session.prepare(&sql)?;
        let arrays = arrays(key.len(), keys);
        let arrays: Vec<_> = arrays.iter().map(|array| array as &(dyn ToSql + Sync)).collect();
        let (rows, kinds) = (self.session.client.query(&statement, &arrays)?, kinds(table));
        rows.iter().map(|row| cells::values(row, &kinds)).collect()
    }

    fn is_far(&self) -> bool {
        true
    }

    fn write(
        &mut self,
        edition: u32,
        table: &'static Table,
        change: Change,
    ) -> Result<(), DatabaseError> {
        let Some(waiting) = self.waiting(edition, table) else { return Ok(()) };
        match change {
            Change::Insert(row) => waiting.inserts.push(row),
            Change::Update { columns, values } => {
                waiting.updates.entry(columns).or_default().push(values);
            }
            Change::Delete(key) => waiting.deletes.push(key),
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), DatabaseError> {
        for waiting in std::mem::take(&mut self.waiting) {
            let Waiting { edition, table, inserts, updates, deletes } = waiting;
            let name = physical(table.name, edition);
            if !deletes.is_empty() {
                let rows = self.delete(&name, table, &deletes)?;
                all(table, deletes.len(), rows)?;
            }
            for (columns, updates) in updates {
                let rows = self.update(&name, table, columns, &updates)?;
                all(table, updates.len(), rows)?;
            }
            if !inserts.is_empty() {
                let rows = self.insert(&name, table, &inserts)?;
                all(table, inserts.len(), rows)?;
            }
        }
        Ok(())
    }

    fn survey(&mut self, name: &str) -> Result<(), DatabaseError> {
        Ok(self.session.client.batch_execute(&format!("ANALYZE {name}"))?)
    }

    fn reader(&mut self) -> &mut dyn Reader {
        self
    }
}

fn kinds(table: &Table) -> Vec<Kind> {
    table.columns.iter().map(|column| column.kind).collect()
}

/// A row that was read has to be there when it is written.
fn all(table: &Table, wanted: usize, rows: u64) -> Result<(), DatabaseError> {
    if usize::try_from(rows) == Ok(wanted) {
        Ok(())
    } else {
        let why = format!("{rows} rows of {} instead of {wanted}", table.name);
        Err(DatabaseError::Refused(why))
    }
}

/// Reads within the transaction under way, if there is one.
impl Reader for Postgres {
    fn select(
        &mut self,
        sql: &str,
        with: &[Value],
        kinds: &[Kind],
        each: &mut dyn FnMut(Vec<Value>) -> Result<(), DatabaseError>,
    ) -> Result<(), DatabaseError> {
        self.session.select(sql, with, kinds, each)
    }

    fn columns(&mut self, sql: &str) -> Result<Vec<String>, DatabaseError> {
        self.session.columns(sql)
    }

    fn begin_reading(&mut self) -> Result<Vec<Checkpoint>, DatabaseError> {
        serving(self)
    }

    fn end_reading(&mut self) -> Result<(), DatabaseError> {
        Ok(())
    }

    fn interrupter(&self) -> Box<dyn Interrupt> {
        Box::new(self.session.interrupter())
    }
}

#[cfg(test)]
mod tests;
