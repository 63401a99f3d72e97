//! The yardstick of a rebuild: the same rows, written with nothing but batched upserts. Reading the
//! log, decoding and folding are not timed.
//!
//! A projection that does not fold a batch before it writes it upserts a row whenever an event changes
//! it. Also measured is the upsert of what a whole batch leaves, which nothing that writes the same
//! batches can pass.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use huzhu_grpc::clock::Clock;
use huzhu_projections::database::{Change, Database, Reader};
use huzhu_projections::edition;
use huzhu_projections::feed::{EmbeddedFeed, Feed};
use huzhu_projections::keeper::{Keeper, tables};
use huzhu_projections::postgres::{self as postgres_views, Postgres};
use huzhu_projections::rebuild::BUILD;
use huzhu_projections::record::{ColumnDef, Table};
use huzhu_projections::rows::DatabaseError;
use huzhu_projections::sqlite::{Mode, Sqlite};
use huzhu_projections::value::Value;
use huzhu_projections::views;
use huzhu_projections::views::joined::Joined;
use huzhu_store::embedded::EmbeddedStore;
use postgres::{Client, NoTls};

use crate::report::rate;

/// What was written, and how long it took.
#[derive(Default)]
pub(super) struct Written {
    events: usize,
    rows: usize,
    took: Duration,
}

impl Written {
    pub(super) fn events_per_second(&self) -> u64 {
        rate(self.events, self.took)
    }

    pub(super) fn rows_per_second(&self) -> u64 {
        rate(self.rows, self.took)
    }
}

/// A row as it is to be, or the key of one that is to go.
enum Upsert {
    Row(Vec<Value>),
    Gone(Vec<Value>),
}

type Changes = Vec<(&'static Table, Upsert)>;

/// Folds the log in `folder`, so many events at a time, and writes what each time changes into a
/// database beside, a batch in a transaction.
pub(super) fn write(folder: &Path, folded: usize, url: Option<&str>) -> Written {
    let scratch = tempfile::tempdir().unwrap();
    let clock = Clock::system();
    let now = clock.now();
    let store = EmbeddedStore::open(folder, move || clock.now()).unwrap();
    let mut feed = EmbeddedFeed::new(&store).unwrap();
    let changes = Arc::new(Mutex::new(Changes::new()));
    let shadow = Sqlite::open(&scratch.path().join("shadow.db"), Mode::Build).unwrap();
    let recorder = Recorder { shadow, changes: Arc::clone(&changes) };
    let mut keeper = Keeper::anew(Box::new(recorder), Arc::new(views::all), feed.store()).unwrap();
    let mut upserts: Box<dyn Upserts> = match url {
        Some(url) => Box::new(Server::new(url)),
        None => Box::new(File::new(&scratch.path().join("bare.db"))),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (mut after, mut written) = (0, Written::default());
    loop {
        let events = runtime.block_on(feed.after(after, BUILD)).unwrap().events;
        if events.is_empty() {
            break;
        }
        for events in events.chunks(folded) {
            keeper.take(after, events, now).unwrap();
            after = events.last().unwrap().offset;
        }
        let changes = std::mem::take(&mut *changes.lock().unwrap());
        written.events += events.len();
        written.rows += changes.len();
        let begun = Instant::now();
        upserts.write(changes);
        written.took += begun.elapsed();
    }
    let begun = Instant::now();
    upserts.end();
    written.took += begun.elapsed();
    written
}

/// Takes rows, one transaction for each call.
trait Upserts {
    fn write(&mut self, changes: Changes);
    /// Adds the indexes, as the end of a rebuild does.
    fn end(&mut self);
}

fn upsert(table: &Table, name: &str, from: &str) -> String {
    let (key, rest) = table.columns.split_at(table.key);
    let set = rest.iter().map(|column| format!("{0} = excluded.{0}", column.name));
    let set = set.collect::<Vec<_>>().join(", ");
    let action = if set.is_empty() { "NOTHING".to_owned() } else { format!("UPDATE SET {set}") };
    let all = column_names(table.columns);
    format!("INSERT INTO {name} ({all}) {from} ON CONFLICT ({}) DO {action}", column_names(key))
}

fn column_names(columns: &[ColumnDef]) -> String {
    columns.iter().map(|column| column.name).collect::<Vec<_>>().join(", ")
}

fn found(table: &Table) -> String {
    let found = table.key_columns().map(|column| format!("{} = ?", column.name));
    found.collect::<Vec<_>>().join(" AND ")
}

/// A SQLite file, opened as for a rebuild.
struct File {
    database: Sqlite,
    statements: HashMap<&'static str, (String, String)>,
}

impl File {
    fn new(path: &Path) -> Self {
        let mut database = Sqlite::open(path, Mode::Build).unwrap();
        let mut statements = HashMap::new();
        for table in tables(&mut views::all()) {
            let name = edition::physical(table.name, 1);
            database.create(&name, table).unwrap();
            let marks = vec!["?"; table.columns.len()].join(", ");
            let insert = upsert(table, &name, &format!("VALUES ({marks})"));
            let delete = format!("DELETE FROM {name} WHERE {}", found(table));
            statements.insert(table.name, (insert, delete));
        }
        Self { database, statements }
    }
}

impl Upserts for File {
    fn write(&mut self, changes: Changes) {
        self.database.begin().unwrap();
        for (table, change) in changes {
            let (insert, delete) = &self.statements[table.name];
            let (sql, values) = match &change {
                Upsert::Row(row) => (insert, row),
                Upsert::Gone(key) => (delete, key),
            };
            self.database.execute(sql, values).unwrap();
        }
        self.database.commit().unwrap();
    }

    fn end(&mut self) {
        self.database.begin().unwrap();
        for table in tables(&mut views::all()) {
            edition::index(&mut self.database, 1, table).unwrap();
        }
        self.database.commit().unwrap();
    }
}

/// A PostgreSQL server: what a batch changes is copied into a table beside, and the last change of
/// each row is merged from there.
struct Server {
    client: Client,
    database: Postgres,
}

impl Server {
    fn new(url: &str) -> Self {
        let mut database = Postgres::open(&postgres_views::Server::parse(url).unwrap()).unwrap();
        let mut client = Client::connect(url, NoTls).unwrap();
        client.batch_execute("SET synchronous_commit = off").unwrap();
        for table in tables(&mut views::all()) {
            let name = edition::physical(table.name, 1);
            database.create(&name, table).unwrap();
            let all = column_names(table.columns);
            let beside = format!(
                "CREATE TEMP TABLE new_{0} AS
                 SELECT 0::bigint AS ordinal, FALSE AS gone, {all} FROM {name} LIMIT 0",
                table.name
            );
            client.batch_execute(&beside).unwrap();
        }
        Self { client, database }
    }

    fn merge(&mut self, table: &'static Table, changes: &[Upsert]) {
        let mut copied = String::new();
        for (ordinal, change) in changes.iter().enumerate() {
            let (gone, values) = match change {
                Upsert::Row(row) => ('f', row),
                Upsert::Gone(key) => ('t', key),
            };
            // Writing to a String cannot fail.
            let _ = write!(copied, "{ordinal}\t{gone}");
            for place in 0..table.columns.len() {
                copied.push('\t');
                match values.get(place) {
                    None | Some(Value::Null) => copied.push_str("\\N"),
                    Some(Value::Integer(number)) => drop(write!(copied, "{number}")),
                    Some(Value::Text(text)) => escape(text, &mut copied),
                }
            }
            copied.push('\n');
        }
        let (name, beside) = (edition::physical(table.name, 1), format!("new_{}", table.name));
        let mut copy = self.client.copy_in(&format!("COPY {beside} FROM STDIN")).unwrap();
        copy.write_all(copied.as_bytes()).unwrap();
        copy.finish().unwrap();
        let key = column_names(table.columns.split_at(table.key).0);
        let last =
            format!("(SELECT DISTINCT ON ({key}) * FROM {beside} ORDER BY {key}, ordinal DESC)");
        let all = column_names(table.columns);
        let merge =
            upsert(table, &name, &format!("SELECT {all} FROM {last} AS last WHERE NOT gone"));
        self.client.batch_execute(&merge).unwrap();
        if changes.iter().any(|change| matches!(change, Upsert::Gone(_))) {
            let found = table.key_columns().map(|column| format!("t.{0} = last.{0}", column.name));
            let found = found.collect::<Vec<_>>().join(" AND ");
            let delete =
                format!("DELETE FROM {name} t USING {last} AS last WHERE gone AND {found}");
            self.client.batch_execute(&delete).unwrap();
        }
        self.client.batch_execute(&format!("TRUNCATE {beside}")).unwrap();
    }
}

fn escape(text: &str, out: &mut String) {
    for letter in text.chars() {
        match letter {
            '\\' => out.push_str("\\\\"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            letter => out.push(letter),
        }
    }
}

impl Upserts for Server {
    fn write(&mut self, changes: Changes) {
        self.client.batch_execute("BEGIN").unwrap();
        let mut of_table: BTreeMap<&str, (&'static Table, Vec<Upsert>)> = BTreeMap::new();
        for (table, change) in changes {
            of_table.entry(table.name).or_insert((table, Vec::new())).1.push(change);
        }
        for (table, changes) in of_table.values() {
            self.merge(table, changes);
        }
        self.client.batch_execute("COMMIT").unwrap();
    }

    fn end(&mut self) {
        for table in tables(&mut views::all()) {
            edition::index(&mut self.database, 1, table).unwrap();
        }
    }
}

/// A database that keeps what is written to it also to itself.
struct Recorder {
    shadow: Sqlite,
    changes: Arc<Mutex<Changes>>,
}

impl Database for Recorder {
    fn write(
        &mut self,
        edition: u32,
        table: &'static Table,
        change: Change,
    ) -> Result<(), DatabaseError> {
        let key = match &change {
            Change::Update { values, .. } => Some(values[..table.key].to_vec()),
            Change::Insert(_) | Change::Delete(_) => None,
        };
        let recorded = change.clone();
        self.shadow.write(edition, table, change)?;
        let recorded = match key {
            // An upsert needs the whole row.
            Some(key) => Upsert::Row(self.shadow.load(edition, table, &key)?.unwrap()),
            None => match recorded {
                Change::Insert(row) => Upsert::Row(row),
                Change::Delete(key) | Change::Update { values: key, .. } => Upsert::Gone(key),
            },
        };
        self.changes.lock().unwrap().push((table, recorded));
        Ok(())
    }

    fn begin(&mut self) -> Result<(), DatabaseError> {
        self.shadow.begin()
    }

    fn commit(&mut self) -> Result<(), DatabaseError> {
        self.shadow.commit()
    }

    fn roll_back(&mut self) {
        self.shadow.roll_back();
    }

    fn execute(&mut self, sql: &str, with: &[Value]) -> Result<u64, DatabaseError> {
        self.shadow.execute(sql, with)
    }

    fn create(&mut self, name: &str, table: &'static Table) -> Result<(), DatabaseError> {
        self.shadow.create(name, table)
    }

    fn exclude(&mut self) -> Result<(), DatabaseError> {
        self.shadow.exclude()
    }

    fn show(&mut self, shown: &str, name: &str) -> Result<(), DatabaseError> {
        self.shadow.show(shown, name)
    }

    fn join(&mut self, joined: &Joined) -> Result<(), DatabaseError> {
        self.shadow.join(joined)
    }

    fn load(
        &mut self,
        edition: u32,
        table: &'static Table,
        key: &[Value],
    ) -> Result<Option<Vec<Value>>, DatabaseError> {
        self.shadow.load(edition, table, key)
    }

    fn load_many(
        &mut self,
        edition: u32,
        table: &'static Table,
        keys: &[Vec<Value>],
    ) -> Result<Vec<Vec<Value>>, DatabaseError> {
        self.shadow.load_many(edition, table, keys)
    }

    fn is_far(&self) -> bool {
        self.shadow.is_far()
    }

    fn flush(&mut self) -> Result<(), DatabaseError> {
        self.shadow.flush()
    }

    fn survey(&mut self, name: &str) -> Result<(), DatabaseError> {
        self.shadow.survey(name)
    }

    fn reader(&mut self) -> &mut dyn Reader {
        self.shadow.reader()
    }
}
