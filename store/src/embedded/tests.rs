use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::memory::MemoryStore;
use crate::port::{Expected, NewEvent};

crate::conforms!(fresh());

fn fresh() -> (crate::conformance::Log, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open(folder.path(), unsteady_clock()).unwrap();
    (Arc::new(store), folder)
}

/// Jumps to and fro.
fn unsteady_clock() -> impl Fn() -> Timestamp + Send + Sync + 'static {
    let ticks = AtomicI64::new(0);
    move || {
        let tick = ticks.fetch_add(1, Ordering::Relaxed).wrapping_mul(7) % 5;
        Timestamp::from_second(1_760_000_000_i64.wrapping_add(tick)).unwrap()
    }
}

fn clock() -> impl Fn() -> Timestamp + Send + Sync + 'static {
    let ticks = AtomicI64::new(1_400_000_000_000_000);
    move || Timestamp::from_microsecond(ticks.fetch_add(1, Ordering::Relaxed)).unwrap()
}

fn event(data: &str) -> NewEvent {
    NewEvent {
        id: Uuid::new_v4(),
        name: "ClaimFiled".into(),
        version: 1,
        data: data.to_owned().into(),
        metadata: "{}".into(),
    }
}

fn append(stream: &str, expected: Option<u64>, events: Vec<NewEvent>) -> Append {
    let expected = Expected::after(expected.map(Revision));
    Append { stream: stream.parse().unwrap(), expected, events }
}

async fn bodies(store: &EmbeddedStore, stream: &str) -> Vec<String> {
    let stream = stream.parse().unwrap();
    let events =
        store.read_stream(&stream, None, Direction::Forwards, READ_EVENTS_MAX).await.unwrap();
    events.iter().map(|event| String::from_utf8(event.data.to_vec()).unwrap()).collect()
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open(folder.path(), clock()).unwrap();
    store.append(vec![append("claim-1", None, vec![event("1"), event("2")])]).await.unwrap();
    let id = store.id();
    store.close().await;

    let store = EmbeddedStore::open(folder.path(), clock()).unwrap();
    assert_eq!(store.id(), id);
    assert_eq!(bodies(&store, "claim-1").await, ["1", "2"]);
    let next = store.append(vec![append("claim-1", Some(1), vec![event("3")])]).await.unwrap();
    assert_eq!((next[0].revision, next[0].position.offset), (Revision(2), 3));
}

#[tokio::test]
async fn a_view_of_the_index_is_renewed_when_the_tail_has_left_for_the_index() {
    let folder = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open(folder.path(), clock()).unwrap();
    let stream = "claim-1".parse().unwrap();
    let mut looking = looking::Looking::over(store.shared());
    assert_eq!(looking.indexed(&stream), Ok(None));
    store.append(vec![append("claim-1", None, vec![event("1")])]).await.unwrap();
    store.settle();
    assert_eq!(looking.indexed(&stream), Ok(Some(Revision(0))));
}

#[tokio::test]
async fn a_lookup_is_planned_once_for_all_streams() {
    let folder = tempfile::tempdir().unwrap();
    let _store = EmbeddedStore::open(folder.path(), clock()).unwrap();
    let connection = log::read_only(&folder.path().join("index.db")).unwrap();
    let sql = "SELECT max(revision) FROM places WHERE stream = ?1";
    let mut statement = connection.prepare(sql).unwrap();
    for stream in ["claim-1", "claim-2", "claim-3"] {
        let last: Option<i64> = statement.query_row([stream], |row| row.get(0)).unwrap();
        assert_eq!(last, None);
    }
    assert_eq!(statement.get_status(rusqlite::StatementStatus::RePrepare), 0);
}

#[tokio::test]
async fn a_second_process_is_told_that_the_folder_is_in_use() {
    let folder = tempfile::tempdir().unwrap();
    let _store = EmbeddedStore::open(folder.path(), clock()).unwrap();
    let second = EmbeddedStore::open(folder.path(), clock()).err().unwrap();
    assert!(second.to_string().contains("in use by another process"), "{second}");
}

#[tokio::test]
async fn an_index_that_is_gone_broken_or_behind_is_built_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index.db");
    let store = EmbeddedStore::open(folder.path(), clock()).unwrap();
    store.append(vec![append("claim-1", None, vec![event("1")])]).await.unwrap();
    store.settle();
    let behind = fs::read(&path).unwrap();
    store.append(vec![append("claim-1", Some(0), vec![event("2")])]).await.unwrap();
    store.close().await;

    let damages: [&dyn Fn(); 4] = [
        &|| fs::remove_file(&path).unwrap(),
        &|| fs::write(&path, "not a database").unwrap(),
        &|| fs::write(&path, "").unwrap(),
        &|| fs::write(&path, &behind).unwrap(),
    ];
    for damage in damages {
        for suffix in ["-wal", "-shm"] {
            let _ = fs::remove_file(folder.path().join(format!("index.db{suffix}")));
        }
        damage();
        let store = EmbeddedStore::open(folder.path(), clock()).unwrap();
        assert_eq!(bodies(&store, "claim-1").await, ["1", "2"]);
        store.settle();
        store.close().await;
    }
}

#[tokio::test]
async fn an_index_of_another_log_is_not_believed() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for (folder, body) in [(&one, "one"), (&other, "other")] {
        let store = EmbeddedStore::open(folder.path(), clock()).unwrap();
        store.append(vec![append("claim-1", None, vec![event(body)])]).await.unwrap();
        store.settle();
        store.close().await;
    }
    fs::copy(other.path().join("index.db"), one.path().join("index.db")).unwrap();
    let store = EmbeddedStore::open(one.path(), clock()).unwrap();
    assert_eq!(bodies(&store, "claim-1").await, ["one"]);
}

#[tokio::test]
async fn an_event_is_neither_changed_nor_removed() {
    let folder = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open(folder.path(), clock()).unwrap();
    store.append(vec![append("claim-1", None, vec![event("1")])]).await.unwrap();
    let outsider = rusqlite::Connection::open(folder.path().join("log.db")).unwrap();
    for (statement, why) in [
        ("UPDATE events SET data = x'00'", "never changed"),
        ("DELETE FROM events", "never removed"),
    ] {
        let refused = outsider.execute(statement, []).unwrap_err();
        assert!(refused.to_string().contains(why), "{refused}");
    }
    assert_eq!(bodies(&store, "claim-1").await, ["1"]);
}

#[tokio::test]
async fn an_append_that_conflicts_fails_alone() {
    let folder = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open(folder.path(), clock()).unwrap();
    let lists = (0..100).map(|number| {
        let name = format!("claim-{}", number % 50);
        let store = store.clone();
        async move { store.append(vec![append(&name, None, vec![event("x")])]).await }
    });
    let answers = futures::future::join_all(lists).await;
    let (won, lost): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
    assert_eq!((won.len(), lost.len()), (50, 50));
    assert!(lost.iter().all(|answer| matches!(answer, Err(AppendError::Conflict { .. }))));
    assert_eq!(store.statistics().events, 50);
    assert!(store.statistics().commits < 50, "appends that wait share a commit");
}

#[tokio::test]
async fn a_caller_who_goes_away_takes_nobody_along() {
    let folder = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open(folder.path(), clock()).unwrap();
    for number in 0..20 {
        let name = format!("claim-{number}");
        let abandoned = store.append(vec![append(&name, None, vec![event("x")])]);
        // Polled once, then dropped.
        assert!(futures::future::FutureExt::now_or_never(abandoned).is_none());
    }
    store.append(vec![append("claim-last", None, vec![event("x")])]).await.unwrap();
    assert_eq!(bodies(&store, "claim-last").await, ["x"]);
}

#[tokio::test]
async fn a_reader_of_its_own_sees_the_log_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open(folder.path(), clock()).unwrap();
    for number in 0..10 {
        let name = format!("claim-{number}");
        store.append(vec![append(&name, None, vec![event("x")])]).await.unwrap();
    }
    let reader = store.reader().unwrap();
    let mut seen = Vec::new();
    let last = reader
        .scan::<StoreError>(3, 5, |event| {
            seen.push((event.offset, event.stream.to_owned()));
            Ok(())
        })
        .unwrap();
    assert_eq!((last, seen.len(), seen[0].0, seen[0].1.as_str()), (8, 5, 4, "claim-3"));
    assert_eq!(reader.head().unwrap(), 10);
}

#[tokio::test]
async fn a_position_beyond_the_head_or_of_another_log_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open(folder.path(), clock()).unwrap();
    let beyond = Position { store: store.id(), offset: 1 };
    assert_eq!(
        store.read_all(Some(beyond), Direction::Forwards, 1).await,
        Err(StoreError::BeyondHead { given: 1, head: 0 })
    );
    let other = Position { store: StoreId(Uuid::nil()), offset: 0 };
    assert!(matches!(
        store.read_all(Some(other), Direction::Forwards, 1).await,
        Err(StoreError::OtherStore(_))
    ));
}

#[tokio::test]
async fn whoever_opens_the_folder_next_finds_nobody_in_it() {
    let folder = tempfile::tempdir().unwrap();
    for round in 0..30_u64 {
        let store = EmbeddedStore::open(folder.path(), clock()).unwrap();
        let event = event(&round.to_string());
        store.append(vec![append("claim-1", round.checked_sub(1), vec![event])]).await.unwrap();
        if round % 2 == 0 {
            store.close().await;
        }
    }
    let store = EmbeddedStore::open(folder.path(), clock()).unwrap();
    assert_eq!(bodies(&store, "claim-1").await.len(), 30);
}

#[tokio::test]
async fn other_handles_of_a_closed_log_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open(folder.path(), clock()).unwrap();
    let other = store.clone();
    store.close().await;
    let answer = other.append(vec![append("claim-1", None, vec![event("1")])]).await;
    assert_eq!(answer, Err(log::stopped("the log was closed").into()));
    EmbeddedStore::open(folder.path(), clock()).unwrap();
}

#[test]
fn a_log_outlives_the_runtime_that_used_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open(folder.path(), clock()).unwrap();
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();

    let first = runtime();
    let mut abandoned = store.append(vec![append("claim-1", None, vec![event("1")])]);
    first.block_on(async {
        assert!(futures::poll!(&mut abandoned).is_pending());
    });
    drop(first);
    let told = runtime().block_on(abandoned);
    assert!(matches!(told, Err(AppendError::Store(StoreError::Unavailable { .. }))), "{told:?}");

    runtime().block_on(async {
        let answer = store.append(vec![append("claim-2", None, vec![event("2")])]);
        tokio::time::timeout(Duration::from_secs(5), answer).await.unwrap().unwrap();
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn threads_share_a_log() {
    let folder = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open(folder.path(), clock()).unwrap();
    let writers = (0..8).map(|writer| {
        let store = store.clone();
        tokio::spawn(async move {
            let name = format!("claim-{writer}");
            for round in 0..100_u64 {
                let last = round.checked_sub(1);
                store.append(vec![append(&name, last, vec![event("x")])]).await.unwrap();
                let stream = name.parse().unwrap();
                let read = store.read_stream(&stream, None, Direction::Backwards, 1).await;
                assert_eq!(read.unwrap()[0].revision, Revision(round));
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    let whole = store.read_all(None, Direction::Forwards, READ_EVENTS_MAX).await.unwrap();
    let offsets: Vec<_> = whole.iter().map(|event| event.position.offset).collect();
    assert_eq!(offsets, (1..=800).collect::<Vec<_>>());
}

#[tokio::test]
async fn too_much_that_waits_is_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let limits = Limits { waiting_lists_max: 10, ..Limits::default() };
    let store = EmbeddedStore::open_within(folder.path(), clock(), limits).unwrap();
    let lists = (0..15).map(|number| {
        let name = format!("claim-{number}");
        let store = store.clone();
        async move { store.append(vec![append(&name, None, vec![event("x")])]).await }
    });
    let answers = futures::future::join_all(lists).await;
    let refused = answers.iter().filter(|answer| **answer == Err(AppendError::Overloaded)).count();
    assert_eq!((refused, answers.iter().filter(|answer| answer.is_ok()).count()), (5, 10));
    store.append(vec![append("claim-last", None, vec![event("x")])]).await.unwrap();
}

#[tokio::test]
async fn after_a_failed_commit_nothing_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open(folder.path(), clock()).unwrap();
    store.append(vec![append("claim-1", None, vec![event("1")])]).await.unwrap();
    let outsider = rusqlite::Connection::open(folder.path().join("log.db")).unwrap();
    outsider.execute_batch("ALTER TABLE events RENAME TO stolen").unwrap();

    for name in ["claim-2", "claim-3"] {
        let answer = store.append(vec![append(name, None, vec![event("x")])]).await;
        assert!(matches!(answer, Err(AppendError::Store(_))), "{answer:?}");
    }
    let why = tokio::time::timeout(Duration::from_secs(5), store.failed()).await.unwrap();
    assert!(why.contains("no such table"), "{why}");

    outsider.execute_batch("ALTER TABLE stolen RENAME TO events").unwrap();
    let answer = store.append(vec![append("claim-4", None, vec![event("x")])]).await;
    assert!(answer.is_err(), "the log came back to life: {answer:?}");
}

#[tokio::test]
async fn an_index_that_knows_another_past_is_built_again() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log.db");
    let store = EmbeddedStore::open(folder.path(), clock()).unwrap();
    store.append(vec![append("claim-1", None, vec![event("1")])]).await.unwrap();
    store.close().await;
    let backup = fs::read(&log).unwrap();

    let store = EmbeddedStore::open(folder.path(), clock()).unwrap();
    store.append(vec![append("claim-lost", None, vec![event("2")])]).await.unwrap();
    store.close().await;
    let index = fs::read(folder.path().join("index.db")).unwrap();

    // The backup comes back, goes another way, and meets the index of the way that was lost.
    fs::write(&log, backup).unwrap();
    let store = EmbeddedStore::open(folder.path(), clock()).unwrap();
    store.append(vec![append("claim-2", None, vec![event("3")])]).await.unwrap();
    store.close().await;
    fs::write(folder.path().join("index.db"), index).unwrap();

    let store = EmbeddedStore::open(folder.path(), clock()).unwrap();
    assert_eq!(bodies(&store, "claim-2").await, ["3"]);
    assert!(bodies(&store, "claim-lost").await.is_empty());
}

#[tokio::test]
async fn a_file_of_another_program_is_left_alone() {
    for (statement, why) in [
        ("CREATE TABLE theirs (id INTEGER)", "not a log of this engine"),
        ("PRAGMA user_version = 9", "layout 9"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        if statement.starts_with("PRAGMA") {
            EmbeddedStore::open(folder.path(), clock()).unwrap().close().await;
        }
        let theirs = rusqlite::Connection::open(folder.path().join("log.db")).unwrap();
        theirs.execute_batch(statement).unwrap();
        let refused = EmbeddedStore::open(folder.path(), clock()).err().unwrap();
        assert!(refused.to_string().contains(why), "{refused}");
    }
}

#[tokio::test]
async fn a_hole_in_the_log_is_corrupt() {
    let folder = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open(folder.path(), clock()).unwrap();
    store.append(vec![append("claim-1", None, vec![event("1"), event("2")])]).await.unwrap();
    let outsider = rusqlite::Connection::open(folder.path().join("log.db")).unwrap();
    let forced = "DROP TRIGGER events_are_not_removed; DELETE FROM events WHERE position = 1";
    outsider.execute_batch(forced).unwrap();

    let scanned = store.reader().unwrap().scan::<StoreError>(0, 9, |_| Ok(()));
    assert!(matches!(scanned, Err(StoreError::Corrupt { .. })), "{scanned:?}");
    let stream = "claim-1".parse().unwrap();
    let read = store.read_stream(&stream, None, Direction::Forwards, 9).await;
    assert!(matches!(read, Err(StoreError::Corrupt { .. })), "{read:?}");
}

#[tokio::test]
async fn commits_are_counted_by_their_size() {
    let folder = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open(folder.path(), clock()).unwrap();
    for (number, events) in [1, 2, 3, 4, 10_000].into_iter().enumerate() {
        let events = (0..events).map(|_| event("x")).collect();
        store.append(vec![append(&format!("roster-{number}"), None, events)]).await.unwrap();
    }
    let counted = store.statistics();
    assert_eq!((counted.commits, counted.events), (5, 10_010));
    assert_eq!(counted.commits_by_events[..3], [1, 1, 2]);
    assert_eq!(counted.commits_by_events[14], 1);
}

/// What a caller may do to a log.
#[derive(Clone, Debug)]
enum Act {
    Append(Vec<(u8, Option<u64>, usize, u8)>),
    Settle,
    Restart,
}

fn any_act() -> impl Strategy<Value = Act> {
    let one = (0..3_u8, proptest::option::of(0..6_u64), 1..3_usize, 0..40_u8);
    prop_oneof![
        8 => proptest::collection::vec(one, 1..4).prop_map(Act::Append),
        1 => Just(Act::Settle),
        1 => Just(Act::Restart),
    ]
}

fn of_act(list: &[(u8, Option<u64>, usize, u8)]) -> Vec<Append> {
    let one = |(stream, expected, count, id): &(u8, Option<u64>, usize, u8)| {
        let events = (0..*count).map(|place| {
            let id = u128::from(*id).saturating_add(u128::try_from(place).unwrap());
            NewEvent { id: Uuid::from_u128(id), ..event("x") }
        });
        append(&format!("cover-{stream}"), *expected, events.collect())
    };
    list.iter().map(one).collect()
}

/// The answer without what differs between two logs: their ids.
fn offsets(answer: Result<Vec<Appended>, AppendError>) -> String {
    let of = |appended: &[Appended]| {
        let places = appended.iter().map(|one| (one.revision, one.position.offset));
        places.collect::<Vec<_>>()
    };
    match answer {
        Ok(appended) => format!("{:?}", of(&appended)),
        Err(AppendError::Conflict { index, actual, appended, .. }) => {
            format!("{index} {actual:?} {:?}", of(&appended))
        }
        Err(error) => format!("{error:?}"),
    }
}

async fn both_do_the_same(acts: Vec<Act>) {
    let folder = tempfile::tempdir().unwrap();
    let mut store = EmbeddedStore::open(folder.path(), clock()).unwrap();
    let model = MemoryStore::new(Uuid::nil(), clock());
    for act in acts {
        match act {
            Act::Append(list) => {
                let answer = offsets(store.append(of_act(&list)).await);
                assert_eq!(answer, offsets(model.append(of_act(&list)).await), "{list:?}");
            }
            Act::Settle => store.settle(),
            Act::Restart => {
                store.close().await;
                store = EmbeddedStore::open(folder.path(), clock()).unwrap();
            }
        }
    }
    let events = |read: Vec<Recorded>| {
        let of = |one: Recorded| (one.stream, one.revision, one.position.offset, one.id);
        read.into_iter().map(of).collect::<Vec<_>>()
    };
    for direction in [Direction::Forwards, Direction::Backwards] {
        let read = events(store.read_all(None, direction, 999).await.unwrap());
        assert_eq!(read, events(model.read_all(None, direction, 999).await.unwrap()));
        for stream in ["cover-0", "cover-1", "cover-2"] {
            let stream = stream.parse().unwrap();
            let read = store.read_stream(&stream, Some(Revision(1)), direction, 3).await.unwrap();
            let modelled = model.read_stream(&stream, Some(Revision(1)), direction, 3).await;
            assert_eq!(events(read), events(modelled.unwrap()));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_embedded_log_answers_as_the_model_does(acts in proptest::collection::vec(any_act(), 1..25)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(both_do_the_same(acts));
    }
}
