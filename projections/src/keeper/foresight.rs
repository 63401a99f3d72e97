//! Which rows will a batch ask for? Where every question takes a while, the fold is tried first, and
//! what it asks for is loaded at once.
//!
//! It is tried without the rows, so that it asks for some of them only when it has others: it is
//! tried a few times. Whatever it still asks for then is loaded row by row; nothing but speed hangs
//! on it.

use std::collections::HashMap;

use super::Running;
use crate::database::Database;
use crate::projection::Arrived;
use crate::record::Table;
use crate::rows::{DatabaseError, Source};
use crate::value::Value;

/// From this many events on, questions are foreseen.
const EVENTS_MIN: usize = 100;
/// How often the fold is tried at most.
const TRIES: usize = 3;

/// Rows by table and key; none where there is no such row.
pub(super) type Foreseen = HashMap<&'static str, HashMap<Vec<Value>, Option<Vec<Value>>>>;

/// Notes what it is asked for.
#[derive(Default)]
struct Scout {
    foreseen: Foreseen,
    wanted: HashMap<&'static str, (&'static Table, Vec<Vec<Value>>)>,
}

impl Source for Scout {
    fn load(
        &mut self,
        table: &'static Table,
        key: &[Value],
    ) -> Result<Option<Vec<Value>>, DatabaseError> {
        if let Some(row) = self.foreseen.get(table.name).and_then(|rows| rows.get(key)) {
            return Ok(row.clone());
        }
        let (_, keys) = self.wanted.entry(table.name).or_insert_with(|| (table, Vec::new()));
        keys.push(key.to_vec());
        Ok(None)
    }
}

impl Running {
    /// Rows that `events` will ask for, as far as that can be foreseen.
    pub(super) fn foresee(
        &mut self,
        events: &[&Arrived],
        database: &mut dyn Database,
    ) -> Result<Foreseen, DatabaseError> {
        let mut scout = Scout::default();
        if !database.is_far() || events.len() < EVENTS_MIN {
            return Ok(scout.foreseen);
        }
        for _ in 0..TRIES {
            self.projection.buffers().into_iter().for_each(|rows| rows.rehearse());
            for event in events {
                if self.projection.takes(&event.name) {
                    // Without its rows, an event may well not fit.
                    let _ = self.projection.fold(event, &mut scout);
                }
            }
            self.projection.buffers().into_iter().for_each(|rows| rows.undo());
            if scout.wanted.is_empty() {
                break;
            }
            for (name, (table, mut keys)) in std::mem::take(&mut scout.wanted) {
                keys.sort_unstable();
                keys.dedup();
                let found = database.load_many(self.edition.number, table, &keys)?;
                let rows = scout.foreseen.entry(name).or_default();
                rows.extend(keys.into_iter().map(|key| (key, None)));
                for row in found {
                    let key = row.iter().take(table.key).cloned().collect();
                    rows.insert(key, Some(row));
                }
            }
        }
        Ok(scout.foreseen)
    }
}
