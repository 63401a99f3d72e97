use std::sync::atomic::{AtomicI64, Ordering};

use huzhu_store::embedded::EmbeddedStore;
use huzhu_store::port::EventStore;

use super::*;
use crate::dump::dump;
use crate::edition::serving;
use crate::sqlite::Reading;
use crate::testing::{Figures, History, year};

const BEGAN: i64 = 1_400_000_000;

/// A log in a folder that takes an event every second.
fn log(folder: &Path, history: &History) -> EmbeddedStore {
    let ticks = AtomicI64::new(BEGAN);
    let clock = move || Timestamp::from_second(ticks.fetch_add(1, Ordering::Relaxed)).unwrap();
    let store = EmbeddedStore::open(folder, clock).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for append in history.appends() {
        runtime.block_on(store.append(vec![append])).unwrap();
    }
    store
}

fn history() -> History {
    year(Figures { units: 1, members: 30, one_claim_of: 2 })
}

fn now() -> Timestamp {
    Timestamp::from_second(BEGAN.saturating_mul(2)).unwrap()
}

fn at(log: &Path, out: &Path, place: Place) -> Result<Past, PastError> {
    build_past(out, LogReader::open(log).unwrap(), place, now(), |_| ())
}

fn shown(folder: &Path) -> String {
    let mut text = Vec::new();
    dump(&mut Reading::open(&folder.join(FILE)).unwrap(), &mut text).unwrap();
    String::from_utf8(text).unwrap()
}

#[test]
fn the_same_place_of_the_same_log_gives_the_same_bytes() {
    let (data, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let history = history();
    let store = log(data.path(), &history);
    let until = u64::try_from(history.events().len()).unwrap().saturating_sub(100);
    let (first, second) = (out.path().join("first"), out.path().join("second"));
    let once = at(data.path(), &first, Place::Offset(until)).unwrap();
    // The log goes on in between, and the second one is asked for in other words.
    let more = history.appends().next().unwrap().events;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let stream = "handler-later".parse().unwrap();
    let append = huzhu_store::port::Append {
        stream,
        expected: huzhu_store::port::Expected::NoStream,
        events: more,
    };
    runtime.block_on(store.append(vec![append])).unwrap();
    let again = at(data.path(), &second, Place::Position(once.position)).unwrap();
    assert_eq!(once, again);
    assert_eq!(once.events, until);
    let bytes = |folder: &Path| fs::read(folder.join(FILE)).unwrap();
    assert!(bytes(&first) == bytes(&second), "the files differ");
    assert_eq!(fs::read_dir(&first).unwrap().count(), 1);

    let third = out.path().join("third");
    let by_time = at(data.path(), &third, Place::RecordedBy(once.recorded_at)).unwrap();
    assert_eq!(by_time, once);
    assert!(bytes(&first) == bytes(&third), "the files differ");

    let other = out.path().join("other");
    at(data.path(), &other, Place::Offset(until.saturating_sub(40))).unwrap();
    assert_ne!(shown(&first), shown(&other));
    for view in serving(&mut Reading::open(&first.join(FILE)).unwrap()).unwrap() {
        assert_eq!(view.position(), Some(once.position), "{}", view.projection);
    }
}

#[test]
fn a_time_between_two_events_means_the_first_of_them() {
    let (data, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let _store = log(data.path(), &history());
    let folder = out.path().join("then");
    let time = Timestamp::new(BEGAN.saturating_add(41), 999_999_999).unwrap();
    let past = at(data.path(), &folder, Place::RecordedBy(time)).unwrap();
    let recorded = Timestamp::from_second(BEGAN.saturating_add(41)).unwrap();
    assert_eq!(past.recorded_at, recorded);
    let reader = LogReader::open(data.path()).unwrap();
    assert_eq!(reader.recorded_at(past.position.offset).unwrap(), Some(recorded));
    let next = reader.recorded_at(past.position.offset.saturating_add(1)).unwrap();
    assert!(next > Some(time));
}

#[test]
fn what_cannot_be_built_leaves_nothing_behind() {
    let (data, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let history = history();
    let _store = log(data.path(), &history);
    let head = u64::try_from(history.events().len()).unwrap();
    let folder = out.path().join("views");
    let error = |place| at(data.path(), &folder, place).unwrap_err().to_string();
    let beyond = head.saturating_add(1);
    let told = error(Place::Offset(beyond));
    assert_eq!(told, format!("the log ends with event {head}, before {beyond}"));
    assert_eq!(error(Place::Offset(0)), "the log had no event then");
    let before = Timestamp::from_second(BEGAN.saturating_sub(1)).unwrap();
    assert_eq!(error(Place::RecordedBy(before)), "the log had no event then");
    let later = Timestamp::from_second(BEGAN.saturating_mul(3)).unwrap();
    assert!(error(Place::RecordedBy(later)).contains("has not come yet"));
    let other = Position { store: crate::testing::STORE, offset: 1 };
    assert!(!error(Place::Position(other)).is_empty());
    assert_eq!(fs::read_dir(out.path()).unwrap().count(), 0);

    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("report.txt"), "kept").unwrap();
    assert!(error(Place::Offset(1)).ends_with("is not an empty folder"));
    assert_eq!(fs::read_dir(out.path()).unwrap().count(), 1);
    assert_eq!(fs::read(folder.join("report.txt")).unwrap(), b"kept");

    fs::remove_file(folder.join("report.txt")).unwrap();
    assert!(at(data.path(), &folder, Place::Offset(1)).is_ok(), "an empty folder will do");
}

#[test]
fn an_event_that_a_view_cannot_take_leaves_nothing_behind() {
    let (data, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = log(data.path(), &history());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let event = huzhu_store::port::NewEvent {
        id: uuid::Uuid::from_u128(1),
        name: "ClaimFiled".into(),
        version: 1,
        data: "{}".into(),
        metadata: "{}".into(),
    };
    let stream = "claim-b2c4a6a8-0000-4000-8000-000000000000".parse().unwrap();
    let expected = huzhu_store::port::Expected::NoStream;
    let append = huzhu_store::port::Append { stream, expected, events: vec![event] };
    let appended = runtime.block_on(store.append(vec![append])).unwrap();
    let place = Place::Offset(appended.last().unwrap().position.offset);
    let folder = out.path().join("views");
    let told = at(data.path(), &folder, place).unwrap_err().to_string();
    assert!(told.starts_with("the view claims stops at "), "{told}");
    assert_eq!(fs::read_dir(out.path()).unwrap().count(), 0);
}
