#![expect(
    clippy::arithmetic_side_effects,
    reason = "small numbers, and a test that stops is a failed one"
)]

use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::database::Place;
use crate::dump::dump;
use crate::export::{self, Ask, Csv, Source};
use crate::keeper::Keeper;
use crate::testing::shown::{queries, shown as shown_by_sqlite};
use crate::testing::{Figures, History, STORE, Scratch, time, year};
use crate::views;

const SMALL: Figures = Figures { units: 2, members: 40, one_claim_of: 2 };

/// Folds `history` into `place`, `size` events a batch; every row of every table then.
fn folded(place: &Place, history: &History, size: usize) -> String {
    let head = u64::try_from(history.events().len()).unwrap();
    let database = place.open_to_write().unwrap();
    let mut keeper = Keeper::open(database, Arc::new(views::all), STORE, head).unwrap();
    for batch in history.events().chunks(size) {
        keeper.take(batch[0].offset - 1, batch, time(1)).unwrap();
    }
    let failed = keeper.checkpoints().into_iter().filter_map(|view| view.failure);
    assert_eq!(failed.collect::<Vec<_>>(), []);
    shown(place)
}

fn shown(place: &Place) -> String {
    let mut text = Vec::new();
    dump(place.open_to_read().unwrap().as_mut(), &mut text).unwrap();
    String::from_utf8(text).unwrap()
}

/// Every view as a file, those over several tables included.
fn exported(place: &Place) -> String {
    let source = Source::open(place).unwrap();
    let mut text = Vec::new();
    for view in export::views() {
        let ask = Ask { view: view.name, personal: true, ..Ask::default() };
        source.export(&ask, &mut Csv::new(&mut text, true).unwrap(), None).unwrap();
    }
    String::from_utf8(text).unwrap()
}

fn folder(path: &Path) -> Place {
    Place::Folder(path.to_owned())
}

#[test]
fn both_databases_hold_the_same_rows() {
    let Some(scratch) = Scratch::new() else { return };
    let history = year(SMALL);
    let file = tempfile::tempdir().unwrap();
    let expected = folded(&folder(file.path()), &history, 300);
    assert!(expected.lines().count() > 500);
    // In batches that are inserted, and in one that is copied.
    let server = folded(&scratch.place(), &history, 17);
    assert!(server == expected, "the rows differ");
    assert!(exported(&scratch.place()) == exported(&folder(file.path())), "the views differ");
    let other = Scratch::new().unwrap();
    let server = folded(&other.place(), &history, 10_000);
    assert!(server == expected, "the rows differ");
}

#[test]
fn columns_have_the_types_that_analysts_expect_and_say_what_they_hold() {
    let Some(scratch) = Scratch::new() else { return };
    folded(&scratch.place(), &year(SMALL), 10_000);
    let mut client = scratch.client();
    let types = "SELECT string_agg(column_name || ' ' || data_type, ', ' ORDER BY column_name)
                   FROM information_schema.columns
                  WHERE table_name = 'claims' AND column_name IN
                        ('claim', 'filed_on', 'recorded_at', 'paid_fen', 'steps')";
    let types: String = client.query_one(types, &[]).unwrap().get(0);
    assert_eq!(
        types,
        "claim text, filed_on date, paid_fen bigint, recorded_at timestamp with time zone, \
         steps json"
    );
    let silent = "SELECT c.relname || '.' || a.attname FROM pg_class c
                    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
                    JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'public'
                   WHERE c.relkind = 'v' AND (obj_description(c.oid) IS NULL OR
                         col_description(c.oid, a.attnum) IS NULL)";
    let silent = client.query(silent, &[]).unwrap();
    let silent: Vec<String> = silent.iter().map(|row| row.get(0)).collect();
    assert_eq!(silent, Vec::<String>::new());
    let about = "SELECT obj_description('member_persons'::regclass)";
    let about: String = client.query_one(about, &[]).unwrap().get(0);
    assert!(about.starts_with("PERSONAL DATA. "), "{about}");
}

#[test]
fn analysts_read_views_and_nothing_else() {
    let Some(scratch) = Scratch::new() else { return };
    folded(&scratch.place(), &year(SMALL), 10_000);
    let mut client = scratch.client();
    client.batch_execute(&format!("SET ROLE {ANALYST}")).unwrap();
    let claims: i64 = client.query_one("SELECT count(*) FROM claims", &[]).unwrap().get(0);
    assert!(claims > 10);
    client.query("SELECT * FROM plan_statistics", &[]).unwrap();
    client.query("SELECT member FROM member_persons", &[]).unwrap();
    for refused in [
        "SELECT * FROM claims_1",
        "SELECT name FROM member_persons",
        "SELECT * FROM member_persons",
        "DELETE FROM claims",
        "UPDATE claims SET paid_fen = 0",
        "INSERT INTO plans VALUES ('x')",
        "DROP VIEW claims",
        "CREATE TABLE own (x int)",
        "UPDATE projections SET position = 0",
    ] {
        let why = client.batch_execute(refused).err().unwrap();
        let code = why.as_db_error().unwrap().code().code();
        assert!(["42501", "55000"].contains(&code), "{refused}: {why}");
    }
}

#[test]
fn analysts_do_not_read_what_the_owner_of_the_views_made_for_others() {
    let Some(scratch) = Scratch::new() else { return };
    folded(&scratch.place(), &year(SMALL), 10_000);
    let own = "CREATE VIEW helpdesk AS SELECT member, name, resident_id FROM member_persons";
    scratch.client().batch_execute(own).unwrap();
    // As at the next start.
    drop(scratch.place().open_to_write().unwrap());
    let mut client = scratch.client();
    client.batch_execute(&format!("SET ROLE {ANALYST}")).unwrap();
    let why = client.query("SELECT name FROM helpdesk", &[]).err().unwrap();
    assert_eq!(why.as_db_error().unwrap().code().code(), "42501", "{why}");
    client.query("SELECT * FROM plan_statistics", &[]).unwrap();
}

#[test]
fn analysts_are_let_out_of_columns_that_a_comment_no_longer_calls_personal() {
    let Some(scratch) = Scratch::new() else { return };
    folded(&scratch.place(), &year(SMALL), 10_000);
    let as_before = format!(
        "COMMENT ON COLUMN member_persons.name IS 'Full name';
         GRANT SELECT (name) ON member_persons TO {ANALYST}"
    );
    scratch.client().batch_execute(&as_before).unwrap();
    // As at the next start.
    drop(scratch.place().open_to_write().unwrap());
    let mut client = scratch.client();
    client.batch_execute(&format!("SET ROLE {ANALYST}")).unwrap();
    let why = client.query("SELECT name FROM member_persons", &[]).err().unwrap();
    assert_eq!(why.as_db_error().unwrap().code().code(), "42501", "{why}");
    client.query("SELECT member FROM member_persons", &[]).unwrap();
}

#[test]
fn every_query_that_analysts_are_shown_is_answered_as_by_sqlite() {
    let Some(scratch) = Scratch::new() else { return };
    let history = year(SMALL);
    folded(&scratch.place(), &history, 10_000);
    let mut client = scratch.client();
    client.batch_execute(&format!("SET ROLE {ANALYST}")).unwrap();
    let file = shown_by_sqlite(&history);
    for query in queries() {
        let rows = client.query(query, &[]).unwrap_or_else(|why| panic!("{query}: {why}"));
        assert_eq!(rows.len(), file.ask(query).len(), "{query}");
    }
}

#[test]
fn one_session_at_a_time_keeps_the_views() {
    let Some(scratch) = Scratch::new() else { return };
    let first = scratch.place().open_to_write().unwrap();
    let second = scratch.place().open_to_write().err();
    assert_eq!(second, Some(ViewsError::InUse));
    drop(first);
    // The server hears of it in a moment.
    let until = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while scratch.place().open_to_write().is_err() {
        assert!(std::time::Instant::now() < until, "the lock outlives its session");
    }
}
