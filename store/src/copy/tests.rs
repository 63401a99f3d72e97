use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::*;
use crate::embedded::EmbeddedStore;
use crate::port::{Append, Expected, NewEvent, Revision};

/// Events in a few streams, each commit a second after the one before.
async fn filled(folder: &Path, commits: u64) {
    let start: Timestamp = "2014-11-20T08:00:00Z".parse().unwrap();
    let ticks = std::sync::atomic::AtomicI64::new(0);
    let clock = move || {
        let seconds = ticks.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        start.checked_add(SignedDuration::from_secs(seconds)).unwrap()
    };
    let store = EmbeddedStore::open(folder, clock).unwrap();
    for number in 0..commits {
        let stream = format!("claim-互助-{}", number % 7);
        let last = (number / 7).checked_mul(2).and_then(|next| next.checked_sub(1));
        let event = |part: u64| NewEvent {
            id: Uuid::new_v4(),
            name: "ClaimFiled".into(),
            version: 2,
            data: format!("{{\"number\":{number},\"part\":{part}}}").into(),
            metadata: Bytes::from_static(b"{\"actor\":1}"),
        };
        let append = Append {
            stream: stream.parse().unwrap(),
            expected: Expected::after(last.map(Revision)),
            events: vec![event(0), event(1)],
        };
        store.append(vec![append]).await.unwrap();
    }
    store.close().await;
}

async fn copied(from: &Path, to: &Path) -> Result<Copied, CopyError> {
    let mut source = LogReader::open(from).unwrap();
    let mut target = Folder::open(to).unwrap();
    copy(&mut source, &mut target, |_| ()).await
}

fn everything(folder: &Path) -> Vec<Recorded> {
    LogReader::open(folder).unwrap().after(0, 100_000).unwrap()
}

#[tokio::test]
async fn a_copy_keeps_ids_times_and_order_and_is_a_log_to_go_on_with() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    filled(from.path(), 40).await;
    let done = copied(from.path(), to.path()).await;
    assert_eq!(done, Ok(Copied { found: 0, copied: 80, verified: 80 }));
    let store = EmbeddedStore::open(to.path(), Timestamp::now).unwrap();
    let id = store.id();
    let expected: Vec<_> = everything(from.path())
        .into_iter()
        .map(|event| Recorded { position: Position { store: id, ..event.position }, ..event })
        .collect();
    let read = store.read_all(None, Direction::Forwards, 1_000).await.unwrap();
    assert_eq!(read, expected);
    let stream = "claim-互助-0".parse().unwrap();
    let last = store.read_stream(&stream, None, Direction::Backwards, 1).await.unwrap().remove(0);
    let event = NewEvent {
        id: Uuid::new_v4(),
        name: "ClaimPaid".into(),
        version: 1,
        data: Bytes::from_static(b"{}"),
        metadata: Bytes::from_static(b"{}"),
    };
    let append = Append { stream, expected: Expected::Exactly(last.revision), events: vec![event] };
    store.append(vec![append]).await.unwrap();
}

#[tokio::test]
async fn a_copy_goes_on_where_it_was_cut_short() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    filled(from.path(), 40).await;
    Folder::open(to.path())
        .unwrap()
        .add(everything(from.path()).drain(..33).collect())
        .await
        .unwrap();
    let done = copied(from.path(), to.path()).await;
    assert_eq!(done, Ok(Copied { found: 33, copied: 47, verified: 80 }));
    let again = copied(from.path(), to.path()).await;
    assert_eq!(again, Ok(Copied { found: 80, copied: 0, verified: 80 }));
}

#[tokio::test]
async fn a_log_that_is_no_copy_is_refused_and_left_alone() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    filled(from.path(), 10).await;
    let mut other = everything(from.path());
    other[7].data = Bytes::from_static(b"{\"amount\":\"1\"}");
    Folder::open(to.path()).unwrap().add(other).await.unwrap();
    let refused = copied(from.path(), to.path()).await.unwrap_err();
    assert!(matches!(refused, CopyError::Differs { number: 8, what: "bodies", .. }), "{refused}");
    assert_eq!(everything(to.path()).len(), 20);

    let (shorter, longer) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    filled(longer.path(), 3).await;
    let part = everything(longer.path()).drain(..4).collect();
    Folder::open(shorter.path()).unwrap().add(part).await.unwrap();
    let refused = copied(shorter.path(), longer.path()).await;
    assert_eq!(refused, Err(CopyError::Ahead(4)));
}

#[tokio::test]
async fn a_folder_in_use_takes_no_copy() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    filled(from.path(), 1).await;
    let _in_use = EmbeddedStore::open(to.path(), Timestamp::now).unwrap();
    assert!(matches!(Folder::open(to.path()), Err(StoreError::Unavailable { .. })));
}
