#![expect(
    clippy::arithmetic_side_effects,
    reason = "small numbers, and a test that stops is a failed one"
)]
#![expect(unreachable_pub, reason = "the macro of tables makes rows that others may use")]

use std::collections::BTreeMap;

use super::*;
use crate::record::record;

record! {
    /// A jar.
    Jar = "jars";
    key {
        /// Its label.
        label: String,
    }
    columns {
        /// What is in it.
        sweets: u32,
        /// Whether it is open.
        open: bool,
    }
}

/// A database in memory that remembers what was done to it.
#[derive(Default)]
struct Shelf {
    rows: BTreeMap<Vec<Value>, Vec<Value>>,
    loads: usize,
    done: Vec<String>,
}

impl Source for Shelf {
    fn load(
        &mut self,
        _: &'static Table,
        key: &[Value],
    ) -> Result<Option<Vec<Value>>, DatabaseError> {
        self.loads += 1;
        Ok(self.rows.get(key).cloned())
    }
}

impl Sink for Shelf {
    fn write(&mut self, _: &'static Table, change: Change) -> Result<(), DatabaseError> {
        let refused = |why: &str| DatabaseError::Refused(why.into());
        match change {
            Change::Insert(row) => {
                self.done.push(format!("insert {row:?}"));
                let before = self.rows.insert(row[..1].to_vec(), row);
                if before.is_none() { Ok(()) } else { Err(refused("it is there")) }
            }
            Change::Update { columns, values } => {
                self.done.push(format!("update {values:?}"));
                let row = self.rows.get_mut(&values[..1]);
                let row = row.ok_or_else(|| refused("it is not there"))?;
                let changed = row.iter_mut().skip(1).zip(columns.each()).filter(|(_, is)| *is);
                changed.zip(&values[1..]).for_each(|((cell, _), value)| *cell = value.clone());
                Ok(())
            }
            Change::Delete(key) => {
                self.done.push(format!("delete {key:?}"));
                self.rows.remove(&key).map(|_| ()).ok_or_else(|| refused("it is not there"))
            }
        }
    }
}

fn jar(label: &str, sweets: u32) -> Jar {
    Jar { label: label.into(), sweets, open: false }
}

fn key(label: &str) -> (String,) {
    (label.into(),)
}

fn commit(rows: &mut Rows<Jar>, shelf: &mut Shelf) -> Vec<String> {
    rows.write(shelf).unwrap();
    rows.settle();
    std::mem::take(&mut shelf.done)
}

#[test]
fn a_row_that_changes_often_is_written_once_and_read_at_most_once() {
    let (mut rows, mut shelf) = (Rows::default(), Shelf::default());
    rows.create(jar("a", 1)).unwrap();
    for _ in 0..5 {
        rows.edit(&key("a"), &mut shelf).unwrap().unwrap().sweets += 1;
    }
    assert_eq!(commit(&mut rows, &mut shelf), [r#"insert [Text("a"), Integer(6), Integer(0)]"#]);
    rows.forget();
    for _ in 0..5 {
        rows.edit(&key("a"), &mut shelf).unwrap().unwrap().sweets += 1;
    }
    assert_eq!(commit(&mut rows, &mut shelf), [r#"update [Text("a"), Integer(11)]"#]);
    assert_eq!(shelf.loads, 1);
    assert_eq!(commit(&mut rows, &mut shelf), Vec::<String>::new());
}

#[test]
fn of_a_row_that_changed_only_what_changed_is_written() {
    let (mut rows, mut shelf) = (Rows::default(), Shelf::default());
    rows.create(jar("a", 1)).unwrap();
    commit(&mut rows, &mut shelf);
    rows.edit(&key("a"), &mut shelf).unwrap().unwrap().open = true;
    assert_eq!(commit(&mut rows, &mut shelf), [r#"update [Text("a"), Integer(1)]"#]);
    let row = rows.edit(&key("a"), &mut shelf).unwrap().unwrap();
    (row.sweets, row.open) = (5, false);
    assert_eq!(commit(&mut rows, &mut shelf), [r#"update [Text("a"), Integer(5), Integer(0)]"#]);
    let row = rows.edit(&key("a"), &mut shelf).unwrap().unwrap();
    row.sweets += 1;
    row.sweets -= 1;
    assert_eq!(commit(&mut rows, &mut shelf), Vec::<String>::new());
    let row = rows.edit_or(&key("a"), &mut shelf, || jar("a", 9)).unwrap();
    row.sweets += 1;
    assert_eq!(commit(&mut rows, &mut shelf), [r#"update [Text("a"), Integer(6)]"#]);
    assert_eq!(shelf.rows[&vec![Value::Text("a".into())]], jar("a", 6).values());
}

#[test]
fn rows_are_written_in_the_order_of_their_keys() {
    let (mut rows, mut shelf) = (Rows::default(), Shelf::default());
    for label in ["c", "a", "b"] {
        rows.create(jar(label, 0)).unwrap();
    }
    let labels: Vec<_> = commit(&mut rows, &mut shelf);
    assert!(labels.is_sorted(), "{labels:?}");
}

#[test]
fn a_row_that_comes_and_goes_within_a_batch_leaves_no_trace() {
    let (mut rows, mut shelf) = (Rows::default(), Shelf::default());
    rows.create(jar("a", 1)).unwrap();
    assert_eq!(rows.remove(&key("a"), &mut shelf).unwrap(), Some(jar("a", 1)));
    assert_eq!(commit(&mut rows, &mut shelf), Vec::<String>::new());
}

#[test]
fn a_row_that_goes_and_comes_again_is_written_over() {
    let (mut rows, mut shelf) = (Rows::default(), Shelf::default());
    rows.create(jar("a", 1)).unwrap();
    commit(&mut rows, &mut shelf);
    rows.remove(&key("a"), &mut shelf).unwrap();
    rows.create(jar("a", 2)).unwrap();
    assert_eq!(commit(&mut rows, &mut shelf), [r#"update [Text("a"), Integer(2)]"#]);
    rows.remove(&key("a"), &mut shelf).unwrap();
    assert_eq!(commit(&mut rows, &mut shelf), [r#"delete [Text("a")]"#]);
    assert_eq!(rows.get(&key("a"), &mut shelf).unwrap(), None);
}

#[test]
fn a_row_is_not_begun_twice() {
    let (mut rows, mut shelf) = (Rows::default(), Shelf::default());
    rows.create(jar("a", 1)).unwrap();
    assert_eq!(rows.create(jar("a", 2)), Err(Taken { table: "jars" }));
    commit(&mut rows, &mut shelf);
    rows.forget();
    rows.create(jar("a", 3)).unwrap();
    assert!(rows.write(&mut shelf).is_err(), "the database has it");
}

#[test]
fn memory_holds_two_generations_of_rows_and_no_change_is_lost() {
    let (mut rows, mut shelf) = (Rows::default(), Shelf::default());
    let many = u32::try_from(ROWS_KEPT).unwrap() * 5;
    for number in 0..many {
        rows.create(jar(&format!("{number:06}"), number)).unwrap();
        if number % 100 == 0 {
            commit(&mut rows, &mut shelf);
        }
    }
    commit(&mut rows, &mut shelf);
    assert!(rows.recent.len() + rows.older.len() <= 2 * (ROWS_KEPT + 100));
    assert_eq!(shelf.rows.len(), 5 * ROWS_KEPT);
}
