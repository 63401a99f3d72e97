use std::sync::Arc;

use huzhu_store::memory::MemoryStore;
use huzhu_store::port::EventStore;

use super::*;
use crate::database::Place;
use crate::dump::{digest, dump};
use crate::feed::PortFeed;
use crate::sqlite::{FILE, Reading};
use crate::testing::{Figures, History, STORE, Scratch, time, year};
use crate::value::{Kind, Value};

fn feed(history: &History) -> PortFeed {
    let store = MemoryStore::new(STORE.0, || time(1));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for append in history.appends() {
        runtime.block_on(store.append(vec![append])).unwrap();
    }
    PortFeed::new(Arc::new(store))
}

fn place(folder: &Path) -> Place {
    Place::Folder(folder.to_owned())
}

fn shown(folder: &Path) -> String {
    let mut text = Vec::new();
    let mut views = Place::Folder(folder.to_owned()).open_to_read().unwrap();
    dump(views.as_mut(), &mut text).unwrap();
    String::from_utf8(text).unwrap()
}

const SMALL: Figures = Figures { units: 2, members: 40, one_claim_of: 2 };

#[test]
fn rebuilt_views_are_the_live_ones_byte_for_byte() {
    let history = year(SMALL);
    let mut feed = feed(&history);
    let live = tempfile::tempdir().unwrap();
    let database = Box::new(Sqlite::open(&live.path().join(FILE), Mode::Live).unwrap());
    let head = u64::try_from(history.events().len()).unwrap();
    let mut keeper = Keeper::open(database, Arc::new(views::all), STORE, head).unwrap();
    for batch in history.events().chunks(17) {
        // As the log hands them out, with its own times.
        let offset = batch[0].offset - 1;
        let budget = Budget { events: batch.len(), bytes: usize::MAX };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let events = runtime.block_on(feed.after(offset, budget)).unwrap().events;
        keeper.take(offset, &events, time(1)).unwrap();
    }
    drop(keeper);

    let fresh = tempfile::tempdir().unwrap();
    let mut steps = 0;
    let progress = rebuild(&place(fresh.path()), &mut feed, None, time(1), |_| steps += 1).unwrap();
    assert_eq!(progress.events, u64::try_from(history.events().len()).unwrap());
    assert!(steps > 1);
    let (live, fresh) = (shown(live.path()), shown(fresh.path()));
    assert!(live.lines().count() > 500);
    assert!(live == fresh, "the views differ");
}

#[test]
fn a_rebuild_takes_the_place_of_what_was_there_and_goes_on_from_there() {
    let history = year(SMALL);
    let mut feed = feed(&history);
    let folder = tempfile::tempdir().unwrap();
    rebuild(&place(folder.path()), &mut feed, Some(200), time(1), |_| ()).unwrap();
    let part = shown(folder.path());
    rebuild(&place(folder.path()), &mut feed, None, time(1), |_| ()).unwrap();
    assert_ne!(part, shown(folder.path()));

    let path = folder.path().join(FILE);
    let database = Box::new(Sqlite::open(&path, Mode::Live).unwrap());
    let head = u64::try_from(history.events().len()).unwrap();
    let mut keeper = Keeper::open(database, Arc::new(views::all), STORE, head).unwrap();
    assert_eq!(keeper.wants_after(), Some(head));
    let mut count = |sql: &str| {
        let mut found = 0;
        let mut take = |values: Vec<Value>| {
            let [Value::Integer(number)] = values.as_slice() else { panic!("{values:?}") };
            found = *number;
            Ok(())
        };
        keeper.database().reader().select(sql, &[], &[Kind::Integer], &mut take).unwrap();
        found
    };
    assert!(count("SELECT count(*) FROM plan_statistics") > 0);
    let indexes = "SELECT count(*) FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL";
    assert!(count(indexes) > 20);
}

#[test]
fn views_as_they_were_at_a_position_are_the_same_whenever_they_are_built() {
    let history = year(SMALL);
    let mut feed = feed(&history);
    let build_at = |feed: &mut PortFeed, until| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("at.db");
        build(&path, feed, Some(until), time(1), |_| ()).unwrap();
        digest(&mut Reading::open(&path).unwrap()).unwrap()
    };
    let then = build_at(&mut feed, 333);
    assert_eq!(build_at(&mut feed, 333), then);
    assert_ne!(build_at(&mut feed, 340), then);
}

#[test]
fn a_rebuild_that_fails_leaves_the_old_views_alone() {
    let mut history = year(SMALL);
    let folder = tempfile::tempdir().unwrap();
    rebuild(&place(folder.path()), &mut feed(&history), None, time(1), |_| ()).unwrap();
    let before = shown(folder.path());
    let on = jiff::civil::date(2014, 6, 1);
    let died = huzhu_domain::member::Event::Died(huzhu_domain::member::Died { on });
    history.push("member-00000000-0000-0000-0000-000000000001", died);
    let failed = rebuild(&place(folder.path()), &mut feed(&history), None, time(1), |_| ());
    assert!(matches!(failed, Err(ViewsError::Stopped { .. })), "{failed:?}");
    assert_eq!(shown(folder.path()), before);
    let left: Vec<_> =
        fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().contains("building")), "{left:?}");
}

#[test]
fn views_that_are_being_kept_are_not_rebuilt_beneath_the_worker() {
    let folder = tempfile::tempdir().unwrap();
    let _claim = Claim::on(folder.path()).unwrap();
    let refused = rebuild(&place(folder.path()), &mut feed(&year(SMALL)), None, time(1), |_| ());
    assert_eq!(refused, Err(ViewsError::InUse));
}

#[test]
fn views_on_a_server_are_built_beside_and_are_the_same() {
    let Some(scratch) = Scratch::new() else { return };
    let history = year(SMALL);
    let mut feed = feed(&history);
    let file = tempfile::tempdir().unwrap();
    rebuild(&place(file.path()), &mut feed, None, time(1), |_| ()).unwrap();
    let shown = |place: &Place| {
        let mut text = Vec::new();
        dump(place.open_to_read().unwrap().as_mut(), &mut text).unwrap();
        text
    };
    let expected = shown(&place(file.path()));
    // From nothing, and beside what is there.
    for _ in 0..2 {
        let built = rebuild(&scratch.place(), &mut feed, None, time(1), |_| ()).unwrap();
        assert_eq!(built.events, u64::try_from(history.events().len()).unwrap());
        assert!(shown(&scratch.place()) == expected, "the views differ");
    }
}

#[test]
fn a_rebuild_on_a_server_mends_what_stands_still() {
    let Some(scratch) = Scratch::new() else { return };
    let (server, history) = (scratch.place(), year(SMALL));
    let head = u64::try_from(history.events().len()).unwrap();
    let mut broken = history.events().to_vec();
    let registered = broken.iter().position(|event| &*event.name == "MemberRegistered").unwrap();
    broken[registered].version = 9;
    let database = server.open_to_write().unwrap();
    let mut keeper = Keeper::open(database, Arc::new(views::all), STORE, head).unwrap();
    keeper.take(0, &broken, time(1)).unwrap();
    assert!(keeper.checkpoints().iter().any(|view| view.failure.is_some()));
    drop(keeper);

    // The log is as it should be; so is, by now, the program.
    let built = rebuild(&server, &mut feed(&history), None, time(1), |_| ()).unwrap();
    assert_eq!(built.offset, head);
    let fresh = tempfile::tempdir().unwrap();
    rebuild(&place(fresh.path()), &mut feed(&history), None, time(1), |_| ()).unwrap();
    let mut text = Vec::new();
    dump(server.open_to_read().unwrap().as_mut(), &mut text).unwrap();
    assert!(String::from_utf8(text).unwrap() == shown(fresh.path()), "the views differ");
}
