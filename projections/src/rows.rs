//! The rows that a fold works on: held in memory while a batch is folded, written once at its end.

use std::collections::HashMap;

use crate::database::Change;
use crate::record::{Columns, Record, Table, Unfit};
use crate::value::Value;

/// Rows that were not touched since this many others came in are let go of after a commit.
const ROWS_KEPT: usize = 4_096;

/// Where rows are read from that are not in memory.
pub trait Source {
    /// The values of the row of `table` with this key, if there is one.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`] when the database does not answer, or not sensibly.
    fn load(
        &mut self,
        table: &'static Table,
        key: &[Value],
    ) -> Result<Option<Vec<Value>>, DatabaseError>;
}

/// Where changed rows are written to.
pub trait Sink {
    /// Writes a changed row of `table`.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`]; an inserted row that is there already, and another one that is not, are
    /// errors too.
    fn write(&mut self, table: &'static Table, change: Change) -> Result<(), DatabaseError>;
}

/// The database of the views does not answer, or not sensibly.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DatabaseError {
    /// It said so.
    #[error("the database of the views: {0}")]
    Refused(String),
    /// What is to go is what something else stands on, which somebody else made.
    #[error("the database of the views: {0}")]
    Depended(String),
    /// A row is not as it was written.
    #[error(transparent)]
    Unfit(#[from] Unfit),
}

impl From<rusqlite::Error> for DatabaseError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Refused(error.to_string())
    }
}

/// A row stands where a new one should go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{table} has this row already")]
pub struct Taken {
    /// The table.
    pub table: &'static str,
}

/// Rows of one table, as far as they are in memory.
pub struct Rows<R: Record> {
    recent: HashMap<R::Key, Held<R>>,
    older: HashMap<R::Key, Held<R>>,
    // Keys of rows that changed since the last commit; a key may stand twice.
    changed: Vec<R::Key>,
    rehearsal: Option<Rehearsal<R>>,
}

/// How the rows were before a rehearsal, as far as it touched them.
struct Rehearsal<R: Record> {
    before: HashMap<R::Key, Option<Held<R>>>,
    changed: usize,
}

#[derive(Clone)]
struct Held<R> {
    // Absent rows are remembered too, until the commit.
    row: Option<R>,
    fate: Fate,
    // The row as the database has it, if it has one and this one is another.
    before: Option<Box<R>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Unchanged,
    Inserted,
    Updated,
    Deleted,
}

impl Fate {
    /// What becomes of a row that is there again: of one that the database has, an update.
    fn begun_again(self) -> Self {
        if self == Self::Deleted { Self::Updated } else { Self::Inserted }
    }
}

impl<R: Record> Held<R> {
    /// Keeps the row as the database has it, before its first change; whether this is the first.
    fn update(&mut self) -> bool {
        let first = self.fate == Fate::Unchanged && self.row.is_some();
        if first {
            self.fate = Fate::Updated;
            self.before = self.row.clone().map(Box::new);
        }
        first
    }

    /// What the database has to be told about the row, if anything.
    fn change(&self, key: &R::Key) -> Option<Change> {
        match (&self.row, self.fate) {
            (_, Fate::Unchanged) | (None, Fate::Inserted | Fate::Updated) => None,
            (Some(row), Fate::Inserted) => Some(Change::Insert(row.values())),
            (Some(row), Fate::Updated | Fate::Deleted) => {
                let before = self.before.as_ref();
                let columns =
                    before.map_or_else(|| Columns::all(R::TABLE), |before| row.changes(before));
                let update = || Change::Update { columns, values: row.values_of(columns) };
                (!columns.is_empty()).then(update)
            }
            (None, Fate::Deleted) => Some(Change::Delete(R::key_values(key))),
        }
    }
}

impl<R: Record> Default for Rows<R> {
    fn default() -> Self {
        Self { recent: HashMap::new(), older: HashMap::new(), changed: Vec::new(), rehearsal: None }
    }
}

impl<R: Record> Rows<R> {
    /// Keeps how the row of this key is, while what happens to it is only tried.
    fn remember(&mut self, key: &R::Key) {
        if let Some(rehearsal) = &mut self.rehearsal
            && !rehearsal.before.contains_key(key)
        {
            let held = self.recent.get(key).or_else(|| self.older.get(key)).cloned();
            rehearsal.before.insert(key.clone(), held);
        }
    }

    fn held(
        &mut self,
        key: &R::Key,
        source: &mut dyn Source,
    ) -> Result<&mut Held<R>, DatabaseError> {
        self.remember(key);
        if !self.recent.contains_key(key) {
            let held = match self.older.remove(key) {
                Some(held) => held,
                None => {
                    let values = source.load(R::TABLE, &R::key_values(key))?;
                    let row = values.map(R::from_values).transpose()?;
                    Held { row, fate: Fate::Unchanged, before: None }
                }
            };
            self.recent.insert(key.clone(), held);
        }
        let gone = || DatabaseError::Refused("a row left memory while it was in use".into());
        self.recent.get_mut(key).ok_or_else(gone)
    }

    /// The row of this key.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`].
    pub fn get(
        &mut self,
        key: &R::Key,
        source: &mut dyn Source,
    ) -> Result<Option<&R>, DatabaseError> {
        Ok(self.held(key, source)?.row.as_ref())
    }

    /// The row of this key, to be changed.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`].
    pub fn edit(
        &mut self,
        key: &R::Key,
        source: &mut dyn Source,
    ) -> Result<Option<&mut R>, DatabaseError> {
        let held = self.held(key, source)?;
        if held.update() {
            self.changed.push(key.clone());
        }
        Ok(self.recent.get_mut(key).and_then(|held| held.row.as_mut()))
    }

    /// The row of this key, to be changed; `otherwise` if there is none.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`].
    pub fn edit_or(
        &mut self,
        key: &R::Key,
        source: &mut dyn Source,
        otherwise: impl FnOnce() -> R,
    ) -> Result<&mut R, DatabaseError> {
        let held = self.held(key, source)?;
        let unchanged = held.fate == Fate::Unchanged;
        if held.row.is_none() {
            held.fate = if unchanged { Fate::Inserted } else { held.fate.begun_again() };
        } else {
            held.update();
        }
        if unchanged {
            self.changed.push(key.clone());
        }
        let gone = || DatabaseError::Refused("a row left memory while it was in use".into());
        let held = self.recent.get_mut(key).ok_or_else(gone)?;
        Ok(held.row.get_or_insert_with(otherwise))
    }

    /// Adds a row that the table cannot have yet. The database is asked only when it is written.
    ///
    /// # Errors
    ///
    /// [`Taken`] if it is known to have it.
    pub fn create(&mut self, row: R) -> Result<(), Taken> {
        let key = row.key();
        self.remember(&key);
        let before = self.recent.remove(&key).or_else(|| self.older.remove(&key));
        let (fate, before) = match before {
            Some(held @ Held { row: Some(_), .. }) => {
                self.recent.insert(key, held);
                return Err(Taken { table: R::TABLE.name });
            }
            Some(held) => (held.fate.begun_again(), held.before),
            None => (Fate::Inserted, None),
        };
        self.changed.push(key.clone());
        self.recent.insert(key, Held { row: Some(row), fate, before });
        Ok(())
    }

    /// Takes a row away; the row as it was.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`].
    pub fn remove(
        &mut self,
        key: &R::Key,
        source: &mut dyn Source,
    ) -> Result<Option<R>, DatabaseError> {
        let held = self.held(key, source)?;
        held.update();
        let row = held.row.take();
        if row.is_some() {
            // A row that the database never saw needs no deletion, only to be forgotten.
            let inserted = held.fate == Fate::Inserted;
            held.fate = if inserted { Fate::Unchanged } else { Fate::Deleted };
            self.changed.push(key.clone());
        }
        Ok(row)
    }
}

/// What the worker does with rows, whatever they are rows of.
pub trait Buffer: Send {
    /// The table.
    fn table(&self) -> &'static Table;
    /// How many rows are waiting to be written.
    fn changed(&self) -> usize;
    /// Writes what changed, in the order of keys.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`].
    fn write(&mut self, sink: &mut dyn Sink) -> Result<(), DatabaseError>;
    /// Takes note that what was written is committed.
    fn settle(&mut self);
    /// Forgets every row: the database alone knows them.
    fn forget(&mut self);
    /// From here on, changes are only tried.
    fn rehearse(&mut self);
    /// Takes back what was tried.
    fn undo(&mut self);
}

impl<R: Record> Buffer for Rows<R> {
    fn table(&self) -> &'static Table {
        R::TABLE
    }

    fn changed(&self) -> usize {
        self.changed.len()
    }

    fn write(&mut self, sink: &mut dyn Sink) -> Result<(), DatabaseError> {
        // Neighbours in the table's tree are written one after the other, in an order that the
        // same log always gives.
        self.changed.sort_unstable();
        self.changed.dedup();
        for key in &self.changed {
            let Some(held) = self.recent.get(key).or_else(|| self.older.get(key)) else {
                continue;
            };
            if let Some(change) = held.change(key) {
                sink.write(R::TABLE, change)?;
            }
        }
        Ok(())
    }

    fn settle(&mut self) {
        for key in self.changed.drain(..) {
            if let Some(held) = self.recent.get_mut(&key).or_else(|| self.older.get_mut(&key)) {
                (held.fate, held.before) = (Fate::Unchanged, None);
            }
        }
        if self.recent.len() > ROWS_KEPT {
            self.older = std::mem::take(&mut self.recent);
        }
    }

    fn forget(&mut self) {
        *self = Self::default();
    }

    fn rehearse(&mut self) {
        let changed = self.changed.len();
        self.rehearsal = Some(Rehearsal { before: HashMap::new(), changed });
    }

    fn undo(&mut self) {
        let Some(Rehearsal { before, changed }) = self.rehearsal.take() else { return };
        self.changed.truncate(changed);
        for (key, held) in before {
            self.older.remove(&key);
            match held {
                Some(held) => self.recent.insert(key, held),
                None => self.recent.remove(&key),
            };
        }
    }
}

#[cfg(test)]
mod tests;
