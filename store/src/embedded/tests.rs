use std::sync::atomic::{AtomicI64, Ordering};

use uuid::Uuid;

use super::*;
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
    assert_eq!(store.head().await.unwrap().unwrap().offset, 21);
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
