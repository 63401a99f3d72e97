#![expect(
    clippy::arithmetic_side_effects,
    reason = "small numbers, and a test that stops is a failed one"
)]

use std::path::Path;

use huzhu_domain::member;
use jiff::civil::date;

use super::*;
use crate::database::Place;
use crate::dump::digest;
use crate::sqlite::{Mode, Sqlite};
use crate::testing::{Figures, History, STORE, Scratch, time, year};
use crate::views;

const SMALL: Figures = Figures { units: 2, members: 40, one_claim_of: 2 };

fn keeper(path: &Path, head: u64) -> Result<Keeper, ViewsError> {
    let database = Box::new(Sqlite::open(path, Mode::Live)?);
    Keeper::open(database, Arc::new(views::all), STORE, head)
}

fn head(history: &History) -> u64 {
    history.events().last().map_or(0, |event| event.offset)
}

/// The digest of the views after `history`, folded in one go.
fn whole(history: &History) -> String {
    let folder = tempfile::tempdir().unwrap();
    let mut keeper = keeper(&folder.path().join("whole.db"), head(history)).unwrap();
    keeper.take(0, history.events(), time(1)).unwrap();
    assert_eq!(failures(&keeper), []);
    digest(keeper.database().reader()).unwrap()
}

fn failures(keeper: &Keeper) -> Vec<(String, Failure)> {
    let failed = keeper.checkpoints().into_iter();
    failed.filter_map(|view| Some((view.projection, view.failure?))).collect()
}

#[test]
fn the_way_a_log_is_cut_into_batches_does_not_show() {
    let history = year(SMALL);
    let expected = whole(&history);
    for size in [1, 7, 100, 1_000] {
        let folder = tempfile::tempdir().unwrap();
        let mut keeper = keeper(&folder.path().join("views.db"), head(&history)).unwrap();
        for batch in history.events().chunks(size) {
            let after = batch[0].offset - 1;
            keeper.take(after, batch, time(1)).unwrap();
        }
        assert_eq!(digest(keeper.database().reader()).unwrap(), expected, "{size} a batch");
    }
}

#[test]
fn a_worker_that_is_killed_anywhere_a_hundred_times_goes_on_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    killed_a_hundred_times(&Place::Folder(folder.path().to_owned()));
    if let Some(scratch) = Scratch::new() {
        killed_a_hundred_times(&scratch.place());
    }
}

/// Kills the keeper of `place` a hundred times, before and after commits in turn, at places that
/// differ from time to time.
fn killed_a_hundred_times(place: &Place) {
    let history = year(Figures { units: 1, members: 60, one_claim_of: 2 });
    let events = history.events();
    let opened = || reopened(place, head(&history));
    let mut keeper = opened();
    let step = events.len() / 60;
    for kill in 0..100 {
        let after = usize::try_from(keeper.wants_after().unwrap()).unwrap();
        // What was taken in before is delivered again, as after a lost acknowledgement.
        let from = after.saturating_sub(kill % 5);
        let batch = &events[from..(after + 1 + kill % step).min(events.len())];
        let offset = u64::try_from(from).unwrap();
        if kill % 2 == 0 {
            keeper.take(offset, batch, time(1)).unwrap();
        } else {
            write_without_commit(&mut keeper, kill % 7, batch);
        }
        drop(keeper);
        keeper = opened();
    }
    let after = keeper.wants_after().unwrap();
    assert!(after > 100 && after < head(&history), "killed at {after} at last");
    keeper.take(after, &events[usize::try_from(after).unwrap()..], time(1)).unwrap();
    assert_eq!(failures(&keeper), []);
    assert_eq!(digest(keeper.database().reader()).unwrap(), whole(&history));
}

/// Opens the views in `place` as soon as the keeper before is gone.
fn reopened(place: &Place, head: u64) -> Keeper {
    let began = std::time::Instant::now();
    loop {
        // A server hears in a moment that the one before is gone.
        match place.open_to_write() {
            Err(ViewsError::InUse) if began.elapsed().as_secs() < 10 => {}
            database => {
                let make: Make = Arc::new(views::all);
                return Keeper::open(database.unwrap(), make, STORE, head).unwrap();
            }
        }
    }
}

/// Leaves `keeper` as a kill would after some of the rows were written, and before the commit.
fn write_without_commit(keeper: &mut Keeper, skipped: usize, batch: &[Arrived]) {
    keeper.database.begin().unwrap();
    let last = batch.last().unwrap().offset;
    let wanting = keeper.running.iter_mut().filter(|running| running.wants(0, last));
    for running in wanting.skip(skipped) {
        running.fold(batch, &[], keeper.database.as_mut(), time(1)).unwrap();
        let mut tables = Tables::of(keeper.database.as_mut(), &running.edition);
        for rows in running.projection.buffers() {
            rows.write(&mut tables).unwrap();
        }
        keeper.database.flush().unwrap();
    }
}

#[test]
fn an_edition_built_beside_goes_on_after_every_kill() {
    let folder = tempfile::tempdir().unwrap();
    built_beside_killed_often(&Place::Folder(folder.path().to_owned()));
    if let Some(scratch) = Scratch::new() {
        built_beside_killed_often(&scratch.place());
    }
}

/// Kills the keeper of `place` again and again while it builds claims beside those that serve.
fn built_beside_killed_often(place: &Place) {
    let history = year(SMALL);
    let (events, head) = (history.events(), head(&history));
    let mut keeper = reopened(place, head);
    keeper.take(0, events, time(1)).unwrap();
    let serves = digest(keeper.database().reader()).unwrap();
    keeper.build_beside("claims", head).unwrap();
    let slice = events.len() / 20;
    let mut kills = 0;
    while keeper.ripe(head).is_empty() {
        let offset = keeper.builds_after().unwrap();
        let after = usize::try_from(offset).unwrap();
        let batch = &events[after..(after + slice).min(events.len())];
        write_without_commit(&mut keeper, 0, batch);
        drop(keeper);
        keeper = reopened(place, head);
        kills += 1;
        assert_eq!(keeper.builds_after(), Some(offset), "what was not committed is gone");
        keeper.take(offset, batch, time(1)).unwrap();
        assert_eq!(digest(keeper.database().reader()).unwrap(), serves, "what serves stays");
    }
    assert!(kills >= 20, "killed {kills} times");
    keeper.complete("claims").unwrap();
    drop(keeper);
    let mut keeper = reopened(place, head);
    keeper.promote("claims", head).unwrap();
    let serving =
        |own: &&Edition| own.checkpoint.projection == "claims" && own.role == Role::Serving;
    assert_eq!(keeper.editions().find(serving).unwrap().number, 2);
    assert_eq!(digest(keeper.database().reader()).unwrap(), serves);
}

#[test]
fn a_missing_event_stops_the_view_that_misses_it_and_no_other() {
    let history = year(SMALL);
    let gone = history.events().iter().rposition(|event| &*event.name == "ClaimAssessed").unwrap();
    let mut events = history.events().to_vec();
    let lost = events.remove(gone);

    let folder = tempfile::tempdir().unwrap();
    let mut keeper = keeper(&folder.path().join("views.db"), head(&history)).unwrap();
    keeper.take(0, &events, time(99)).unwrap();

    let failures = failures(&keeper);
    let [(view, failure)] = failures.as_slice() else { panic!("{failures:?}") };
    assert_eq!((view.as_str(), failure.stream.as_str()), ("claims", &*lost.stream));
    assert_eq!((failure.revision, failure.since), (2, time(99)));
    assert!(failure.why.contains("Some(0) of the stream, the event is 2"), "{}", failure.why);
    for view in keeper.checkpoints() {
        let expected =
            if view.projection == "claims" { failure.offset - 1 } else { head(&history) };
        assert!(view.offset >= expected.min(failure.offset - 2), "{view:?}");
        assert!(view.projection == "claims" || view.offset == head(&history), "{view:?}");
    }
}

#[test]
fn rows_reflect_everything_before_a_poison_event_and_nothing_of_it() {
    let mut history = year(Figures { units: 1, members: 20, one_claim_of: 2 });
    let good = history.events().len();
    let expected = whole(&history);
    // A member who is nobody dies: the event is readable and cannot be.
    let stranger = "member-00000000-0000-0000-0000-000000000001";
    let died = member::Event::Died(member::Died { on: date(2014, 6, 1) });
    history.push(stranger, died);
    let folder = tempfile::tempdir().unwrap();
    let mut keeper = keeper(&folder.path().join("views.db"), head(&history)).unwrap();
    keeper.take(0, history.events(), time(1)).unwrap();
    assert_eq!(digest(keeper.database().reader()).unwrap(), expected);
    let failures = failures(&keeper);
    assert_eq!(failures.len(), 1);
    assert_eq!(failures[0].1.offset, u64::try_from(good).unwrap() + 1);
}

#[test]
fn a_view_that_stopped_tries_again_when_the_program_starts_again() {
    let history = year(SMALL);
    let mut broken = history.events().to_vec();
    let place = broken.iter().position(|event| &*event.name == "ClaimAssessed").unwrap();
    broken[place].version = 9;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("views.db");
    let mut first = keeper(&path, head(&history)).unwrap();
    first.take(0, &broken, time(1)).unwrap();
    let stopped = failures(&first);
    assert!(stopped[0].1.why.contains("unknown version 9 of event type ClaimAssessed"));
    assert_eq!(first.wants_after(), Some(head(&history)), "the others go on");
    drop(first);

    let mut second = keeper(&path, head(&history)).unwrap();
    assert_eq!(second.wants_after(), Some(head(&history)), "the others do not wait for it");
    assert_eq!(second.lags_after(), Some(stopped[0].1.offset - 1));
    second.take(0, history.events(), time(1)).unwrap();
    assert_eq!(second.lags_after(), None);
    assert_eq!(digest(second.database().reader()).unwrap(), whole(&history));
}

#[test]
fn an_unknown_event_stops_whoever_owns_its_kind_of_stream() {
    let mut history = year(SMALL);
    let died = member::Event::Died(member::Died { on: date(2014, 6, 1) });
    history.push("cover-x", died.clone()).push("whatever-y", died);
    let mut events = history.events().to_vec();
    let [.., of_cover, of_nobody] = events.as_mut_slice() else { panic!() };
    of_cover.name = "CoverBlessed".into();
    of_nobody.name = "WhateverHappened".into();
    let folder = tempfile::tempdir().unwrap();
    let mut keeper = keeper(&folder.path().join("views.db"), head(&history)).unwrap();
    keeper.take(0, &events, time(1)).unwrap();
    for (view, failure) in failures(&keeper) {
        let owns = ["covers", "ledger"].contains(&view.as_str());
        let expected = if owns { "CoverBlessed" } else { "WhateverHappened" };
        assert_eq!(failure.event, expected, "{view}");
        assert!(failure.why.starts_with("unknown event type"), "{}", failure.why);
    }
    assert_eq!(failures(&keeper).len(), views::all().len());
    assert_eq!(keeper.wants_after(), None);
}

#[test]
fn the_reason_of_a_failure_never_quotes_a_person() {
    let mut history = year(SMALL);
    let died = member::Event::Died(member::Died { on: date(2014, 6, 1) });
    history.push("member-00000000-0000-0000-0000-000000000001", died);
    let mut events = history.events().to_vec();
    let last = events.last_mut().unwrap();
    last.data = bytes::Bytes::from_static("{\"on\":\"彭女士\"}".as_bytes());
    let folder = tempfile::tempdir().unwrap();
    let mut keeper = keeper(&folder.path().join("views.db"), head(&history)).unwrap();
    keeper.take(0, &events, time(1)).unwrap();
    assert_eq!(failures(&keeper)[0].1.why, "event MemberDied has an unreadable body");
}

#[test]
fn a_checkpoint_of_another_log_is_refused() {
    let history = year(SMALL);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("views.db");
    keeper(&path, head(&history)).unwrap().take(0, history.events(), time(1)).unwrap();

    let database = Box::new(Sqlite::open(&path, Mode::Live).unwrap());
    let other = StoreId(uuid::Uuid::from_u128(8));
    let refused = Keeper::open(database, Arc::new(views::all), other, head(&history)).err();
    assert!(matches!(refused, Some(ViewsError::OtherStore { .. })), "{refused:?}");
}

#[test]
fn a_checkpoint_beyond_the_end_of_the_log_is_refused() {
    let history = year(SMALL);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("views.db");
    keeper(&path, head(&history)).unwrap().take(0, history.events(), time(1)).unwrap();
    let refused = keeper(&path, head(&history) - 1).err();
    assert!(matches!(refused, Some(ViewsError::BeyondHead { .. })), "{refused:?}");
}

#[test]
fn a_file_of_another_layout_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("views.db");
    drop(keeper(&path, 0).unwrap());
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.pragma_update(None, "user_version", 77).unwrap();
    let refused = keeper(&path, 0).err();
    assert!(matches!(refused, Some(ViewsError::OtherLayout { stored: 77, .. })), "{refused:?}");
}

#[test]
fn a_batch_that_the_database_refuses_leaves_nothing_and_can_be_tried_again() {
    let history = year(SMALL);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("views.db");
    let mut keeper = keeper(&path, head(&history)).unwrap();
    let (first, rest) = history.events().split_at(300);
    keeper.take(0, first, time(1)).unwrap();
    let before = (digest(keeper.database().reader()).unwrap(), keeper.checkpoints());

    let trigger = "CREATE TRIGGER full BEFORE INSERT ON payouts_1
                   BEGIN SELECT RAISE(ABORT, 'the disk is full'); END";
    keeper.database().execute(trigger, &[]).unwrap();
    assert!(keeper.take(keeper.wants_after().unwrap(), rest, time(1)).is_err());
    let after = (digest(keeper.database().reader()).unwrap(), keeper.checkpoints());
    assert_eq!(before, after);

    keeper.database().execute("DROP TRIGGER full", &[]).unwrap();
    keeper.take(keeper.wants_after().unwrap(), rest, time(1)).unwrap();
    assert_eq!(digest(keeper.database().reader()).unwrap(), whole(&history));
}
