//! The views of a history, asked in SQL as an analyst would.

use std::sync::Arc;

use rusqlite::Connection;
use rusqlite::types::ValueRef;
use tempfile::TempDir;

use super::{History, STORE, time};
use crate::keeper::Keeper;
use crate::sqlite::{FILE, Mode, Sqlite};
use crate::views;

/// The queries that analysts are shown.
pub(crate) fn queries() -> Vec<&'static str> {
    let blocks = include_str!("../../queries.md").split("```sql").skip(1);
    let queries = blocks.filter_map(|block| block.split("```").next());
    queries.map(|query| query.trim().trim_end_matches(';')).collect()
}

/// The views of a history.
pub(crate) struct Shown {
    _folder: TempDir,
    views: Connection,
}

/// Folds `history` into every view; a view that stops is a failed test.
#[track_caller]
pub(crate) fn shown(history: &History) -> Shown {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE);
    let database = Box::new(Sqlite::open(&path, Mode::Live).unwrap());
    // From the first event on, so that the views serve at once however long the history is.
    let mut keeper = Keeper::open(database, Arc::new(views::all), STORE, 0).unwrap();
    // More than one batch, so that rows are read back from the database too.
    for events in history.events().chunks(97) {
        keeper.take(events[0].offset.saturating_sub(1), events, time(1)).unwrap();
    }
    for view in keeper.checkpoints() {
        assert_eq!(view.failure, None, "{}", view.projection);
    }
    Shown { views: Connection::open(&path).unwrap(), _folder: folder }
}

impl Shown {
    /// The rows that `sql` answers with, each as its values with `|` between them.
    #[track_caller]
    pub(crate) fn ask(&self, sql: &str) -> Vec<String> {
        let mut statement = self.views.prepare(sql).unwrap();
        let columns = statement.column_count();
        let mut rows = statement.query([]).unwrap();
        let mut answers = Vec::new();
        while let Some(row) = rows.next().unwrap() {
            let values = (0..columns).map(|column| match row.get_ref(column).unwrap() {
                ValueRef::Null => String::new(),
                ValueRef::Integer(number) => number.to_string(),
                ValueRef::Text(text) => String::from_utf8(text.to_vec()).unwrap(),
                other @ (ValueRef::Real(_) | ValueRef::Blob(_)) => panic!("{sql}: {other:?}"),
            });
            answers.push(values.collect::<Vec<_>>().join("|"));
        }
        answers
    }

    /// The one number that `sql` answers with.
    #[track_caller]
    pub(crate) fn number(&self, sql: &str) -> i64 {
        let answers = self.ask(sql);
        let [one] = answers.as_slice() else { panic!("{sql}: {answers:?}") };
        one.parse().unwrap()
    }
}
