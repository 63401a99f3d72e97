//! What every log has to do, whoever keeps it: one function a promise.
//!
//! [`conforms!`](crate::conforms) makes a test of each. A log under test is empty at the start.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a broken promise is a failed test"
)]

pub mod histories;
pub mod load;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use uuid::Uuid;

pub use self::load::{
    many_writers_lose_nothing, readers_restart_where_they_stopped, slow_readers_hold_nobody_up,
};

use crate::port::{
    APPEND_EVENTS_MAX, Append, AppendError, Appended, Direction, EVENT_BYTES_MAX, EventStore,
    Expected, NewEvent, OtherStore, Position, Recorded, Revision, StoreError, StoreId, StreamName,
};

/// The log under test.
pub type Log = Arc<dyn EventStore>;

/// Makes a test of every promise. The expression makes an empty log and what has to live as long
/// as it, in an async context.
#[macro_export]
macro_rules! conforms {
    ($make:expr) => {
        $crate::conforms!(@each $make;
            expected_revision_must_hold
            refused_append_leaves_those_before_it
            revisions_and_positions_rise
            lists_go_to_many_streams_in_order
            missing_stream_has_no_events
            streams_are_read_both_ways
            log_is_read_both_ways
            everything_comes_back_as_it_was_given
            largest_event_is_kept
            limits_are_told
            many_events_go_in_at_once
            names_may_be_chinese_and_odd
            lost_answer_is_given_again
            repeated_list_is_answered_as_the_first_time
            retries_at_once_are_answered_alike
            other_events_at_the_same_place_are_refused
            same_id_may_stand_in_two_streams
            writers_never_overwrite_each_other
            racing_writers_have_one_winner
            positions_of_another_log_are_refused
            positions_beyond_the_head_are_refused
            readers_are_woken_by_growth
            times_never_go_back
            many_writers_lose_nothing
            readers_restart_where_they_stopped
            slow_readers_hold_nobody_up
        );
    };
    (@each $make:expr; $($promise:ident)*) => {$(
        #[tokio::test]
        async fn $promise() {
            let (log, _kept) = $make;
            $crate::conformance::$promise(log).await;
        }
    )*};
}

/// An append is taken where its stream stands as expected, and nowhere else.
pub async fn expected_revision_must_hold(log: Log) {
    append(&log, "claim-1", Expected::NoStream, 2).await.unwrap();
    for (expected, holds) in [
        (Expected::NoStream, false),
        (at(0), false),
        (at(2), false),
        (at(u64::MAX), false),
        (at(1), true),
        (at(1), false),
        (at(2), true),
    ] {
        let answer = append(&log, "claim-1", expected, 1).await;
        assert_eq!(answer.is_ok(), holds, "{expected:?}: {answer:?}");
    }
    let conflict = append(&log, "claim-2", at(0), 1).await.unwrap_err();
    let AppendError::Conflict { index: 0, stream: refused, expected, actual: None, appended } =
        conflict
    else {
        panic!("{conflict:?}");
    };
    assert_eq!((refused, expected, appended), (stream("claim-2"), at(0), Vec::new()));
}

/// A conflict says where the stream stands; what was before it in the list is recorded.
pub async fn refused_append_leaves_those_before_it(log: Log) {
    append(&log, "cover-1", Expected::NoStream, 3).await.unwrap();
    let list = vec![
        an_append("claim-1", Expected::NoStream, 1),
        an_append("cover-1", at(1), 1),
        an_append("claim-2", Expected::NoStream, 1),
    ];
    let conflict = log.append(list).await.unwrap_err();
    let AppendError::Conflict { index, stream: refused, expected, actual, appended } = conflict
    else {
        panic!("{conflict:?}");
    };
    assert_eq!((index, refused, expected), (1, stream("cover-1"), at(1)));
    assert_eq!(actual, Some(Revision(2)));
    assert_eq!(appended.len(), 1);
    let claim = forwards(&log, "claim-1").await;
    assert_eq!(
        claim.iter().map(|event| event.position).collect::<Vec<_>>(),
        [appended[0].position]
    );
    assert!(forwards(&log, "claim-2").await.is_empty());
    assert_eq!(forwards(&log, "cover-1").await.len(), 3);
}

/// Revisions count from 0 without gaps; positions rise along the log.
pub async fn revisions_and_positions_rise(log: Log) {
    assert_eq!(log.head().await.unwrap(), None);
    let mut last = None;
    for round in 0..5 {
        for name in ["claim-1", "claim-2"] {
            let expected = Expected::after(round_before(round));
            let appended = append(&log, name, expected, 2).await.unwrap();
            assert_eq!(appended.revision, Revision(2 * round + 1));
            assert_eq!(log.head().await.unwrap(), Some(appended.position));
        }
    }
    for event in all(&log).await {
        assert!(last.is_none_or(|last| event.position.is_after(last).unwrap()));
        last = Some(event.position);
    }
    for name in ["claim-1", "claim-2"] {
        let revisions: Vec<_> =
            forwards(&log, name).await.iter().map(|event| event.revision.0).collect();
        assert_eq!(revisions, (0..10).collect::<Vec<_>>());
    }
}

fn round_before(round: u64) -> Option<Revision> {
    round.checked_sub(1).map(|before| Revision(2 * before + 1))
}

/// A list touches streams in its order, the same one more than once if it wants to.
pub async fn lists_go_to_many_streams_in_order(log: Log) {
    let list = vec![
        an_append("claim-1", Expected::NoStream, 2),
        an_append("stay-1", Expected::NoStream, 1),
        an_append("claim-1", at(1), 1),
    ];
    let ids: Vec<_> = list.iter().flat_map(|one| &one.events).map(|event| event.id).collect();
    let appended = log.append(list).await.unwrap();
    assert_eq!(
        appended.iter().map(|one| one.revision).collect::<Vec<_>>(),
        [Revision(1), Revision(0), Revision(2)]
    );
    assert_eq!(all(&log).await.iter().map(|event| event.id).collect::<Vec<_>>(), ids);
}

/// Reading what does not exist is not an error.
pub async fn missing_stream_has_no_events(log: Log) {
    append(&log, "claim-1", Expected::NoStream, 1).await.unwrap();
    for name in ["claim-2", "claim-", "claim-11", "claim"] {
        assert!(forwards(&log, name).await.is_empty());
        let name = stream(name);
        let backwards = log.read_stream(&name, None, Direction::Backwards, 9).await;
        assert!(backwards.unwrap().is_empty());
    }
}

/// Streams are read from any revision, both ways, in pages of any size.
pub async fn streams_are_read_both_ways(log: Log) {
    for (place, expected) in [None, Some(Revision(3)), Some(Revision(7))].into_iter().enumerate() {
        append(&log, "claim-1", Expected::after(expected), 4).await.unwrap();
        append(&log, &format!("claim-2{place}"), Expected::NoStream, 3).await.unwrap();
    }
    let whole = forwards(&log, "claim-1").await;
    assert_eq!(whole.len(), 12);
    let name = stream("claim-1");
    for limit in [0, 1, 5, 12, 13, usize::MAX] {
        for from in [None, Some(0), Some(5), Some(11), Some(12), Some(u64::MAX)] {
            let revision = from.map(Revision);
            let page = log.read_stream(&name, revision, Direction::Forwards, limit).await.unwrap();
            let expected: Vec<_> = whole
                .iter()
                .filter(|event| event.revision.0 >= from.unwrap_or(0))
                .take(limit)
                .cloned()
                .collect();
            assert_eq!(page, expected, "forwards from {from:?}, {limit}");

            let page = log.read_stream(&name, revision, Direction::Backwards, limit).await.unwrap();
            let expected: Vec<_> = whole
                .iter()
                .rev()
                .filter(|event| event.revision.0 <= from.unwrap_or(u64::MAX))
                .take(limit)
                .cloned()
                .collect();
            assert_eq!(page, expected, "backwards from {from:?}, {limit}");
        }
    }
}

/// The log is read from any position, both ways, in pages of any size.
pub async fn log_is_read_both_ways(log: Log) {
    for number in 0..7 {
        append(&log, &format!("claim-{number}"), Expected::NoStream, 3).await.unwrap();
    }
    let whole = all(&log).await;
    assert_eq!(whole.len(), 21);
    for limit in [0, 1, 5, 21, 22, usize::MAX] {
        for bound in std::iter::once(None).chain(whole.iter().map(|event| Some(event.position))) {
            let page = log.read_all(bound, Direction::Forwards, limit).await.unwrap();
            let after = |event: &&Recorded| {
                bound.is_none_or(|bound| event.position.is_after(bound).unwrap())
            };
            let expected: Vec<_> = whole.iter().filter(after).take(limit).cloned().collect();
            assert_eq!(page, expected, "after {bound:?}, {limit}");

            let page = log.read_all(bound, Direction::Backwards, limit).await.unwrap();
            let before = |event: &&Recorded| {
                bound.is_none_or(|bound| bound.is_after(event.position).unwrap())
            };
            let expected: Vec<_> = whole.iter().rev().filter(before).take(limit).cloned().collect();
            assert_eq!(page, expected, "before {bound:?}, {limit}");
        }
    }
}

/// Id, name, version, body and metadata come back byte for byte, whichever way they are read.
pub async fn everything_comes_back_as_it_was_given(log: Log) {
    let given = NewEvent {
        id: Uuid::from_u128(7),
        name: "ClaimFiled".into(),
        version: u32::MAX,
        data: Bytes::from_static("{\"name\":\"刘某\",\"zero\":\"\u{0}\"}".as_bytes()),
        metadata: Bytes::from_static(b"{}"),
    };
    let append =
        Append { stream: stream("claim-1"), expected: Expected::NoStream, events: vec![given] };
    let appended = log.append(vec![append.clone()]).await.unwrap()[0];
    let [read] = forwards(&log, "claim-1").await.try_into().unwrap();
    let given = append.events[0].clone();
    assert_eq!((read.id, &read.name, read.version), (given.id, &given.name, given.version));
    assert_eq!((&read.data, &read.metadata), (&given.data, &given.metadata));
    assert_eq!((read.stream.as_str(), read.revision), ("claim-1", Revision(0)));
    assert_eq!(read.position, appended.position);
    assert_eq!(read.position.store, log.id());
    assert_eq!(all(&log).await, [read]);
}

/// An event may be as large as the port says.
pub async fn largest_event_is_kept(log: Log) {
    let mut largest = an_append("claim-1", Expected::NoStream, 1);
    largest.events[0].data = format!("\"{}\"", "x".repeat(EVENT_BYTES_MAX - 2)).into();
    largest.events[0].metadata = vec![b'y'; EVENT_BYTES_MAX].into();
    log.append(vec![largest.clone()]).await.unwrap();
    let read = forwards(&log, "claim-1").await;
    assert!(read[0].data == largest.events[0].data);
    assert!(read[0].metadata == largest.events[0].metadata);
}

/// What is beyond a limit is refused with the limit, and nothing is recorded.
pub async fn limits_are_told(log: Log) {
    let mut large = an_append("claim-1", Expected::NoStream, 1);
    large.events[0].data = vec![b'x'; EVENT_BYTES_MAX + 1].into();
    let many = an_append("claim-2", Expected::NoStream, APPEND_EVENTS_MAX + 1);
    for (list, at_most) in [(large, EVENT_BYTES_MAX), (many, APPEND_EVENTS_MAX)] {
        let list = vec![an_append("claim-3", Expected::NoStream, 1), list];
        match log.append(list).await {
            Err(AppendError::TooLarge { limit, given, .. }) => {
                assert_eq!(limit, at_most);
                assert!(given > limit);
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(log.append(Vec::new()).await, Err(AppendError::Empty));
    let none = an_append("claim-4", Expected::NoStream, 0);
    assert_eq!(log.append(vec![none]).await, Err(AppendError::Empty));
    assert_eq!(log.head().await.unwrap(), None);
}

/// One append may hold thousands of events.
pub async fn many_events_go_in_at_once(log: Log) {
    let appended = append(&log, "roster-1", Expected::NoStream, APPEND_EVENTS_MAX).await.unwrap();
    let read = forwards(&log, "roster-1").await;
    assert_eq!(read.len(), APPEND_EVENTS_MAX);
    assert_eq!(read.last().map(|last| last.revision), Some(appended.revision));
    assert!(read.iter().zip(0..).all(|(event, place)| event.revision.0 == place));
}

/// Names are any text without control characters; those alike do not mix.
pub async fn names_may_be_chinese_and_odd(log: Log) {
    let long = "长".repeat(66);
    let names =
        ["claim-1", "Claim-1", "claim-1 ", "理赔-刘某", "$all", "$ce-claim", "a'b\"c%_?*", &long];
    for name in names {
        append(&log, name, Expected::NoStream, 1).await.unwrap();
    }
    for name in names {
        let read = forwards(&log, name).await;
        assert_eq!(read.iter().map(|event| event.stream.as_str()).collect::<Vec<_>>(), [name]);
    }
}

/// Whoever did not hear the answer asks again with the same events and hears it.
pub async fn lost_answer_is_given_again(log: Log) {
    append(&log, "claim-1", Expected::NoStream, 1).await.unwrap();
    let lost = an_append("claim-1", at(0), 3);
    let first = log.append(vec![lost.clone()]).await.unwrap();
    append(&log, "claim-1", at(3), 1).await.unwrap();
    assert_eq!(log.append(vec![lost]).await.unwrap(), first);
    assert_eq!(forwards(&log, "claim-1").await.len(), 5);
}

/// A list whose beginning stands is completed, and then always answered alike.
pub async fn repeated_list_is_answered_as_the_first_time(log: Log) {
    let list = vec![
        an_append("stay-1", Expected::NoStream, 1),
        an_append("claim-1", Expected::NoStream, 2),
        an_append("claim-1", at(1), 1),
    ];
    log.append(list[..1].to_vec()).await.unwrap();
    let whole = log.append(list.clone()).await.unwrap();
    assert_eq!(log.append(list).await.unwrap(), whole);
    assert_eq!(all(&log).await.len(), 4);
}

/// Retries may overtake each other: all hear the one answer, and one is recorded.
pub async fn retries_at_once_are_answered_alike(log: Log) {
    let one = an_append("claim-1", Expected::NoStream, 2);
    let tries = (0..16).map(|_| {
        let (log, one) = (Arc::clone(&log), one.clone());
        tokio::spawn(async move { log.append(vec![one]).await })
    });
    let mut answers = Vec::new();
    for answer in tries.collect::<Vec<_>>() {
        answers.push(answer.await.unwrap().unwrap());
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    assert_eq!(forwards(&log, "claim-1").await.len(), 2);
}

/// Other events, or more than stand there, are a conflict.
pub async fn other_events_at_the_same_place_are_refused(log: Log) {
    let standing = an_append("claim-1", Expected::NoStream, 2);
    log.append(vec![standing.clone()]).await.unwrap();
    let mut more = standing.clone();
    more.events.extend(an_append("claim-1", Expected::NoStream, 1).events);
    let mut other = standing.clone();
    other.events[1].id = Uuid::from_u128(1);
    let mut reversed = standing;
    reversed.events.reverse();
    for refused in [more, other, reversed] {
        let answer = log.append(vec![refused]).await;
        assert!(matches!(answer, Err(AppendError::Conflict { .. })), "{answer:?}");
    }
    assert_eq!(all(&log).await.len(), 2);
}

/// Ids are the caller's: the log does not compare them across streams.
pub async fn same_id_may_stand_in_two_streams(log: Log) {
    let mut one = an_append("claim-1", Expected::NoStream, 1);
    log.append(vec![one.clone()]).await.unwrap();
    one.stream = stream("claim-2");
    log.append(vec![one.clone()]).await.unwrap();
    one.expected = at(0);
    log.append(vec![one]).await.unwrap();
    assert_eq!(all(&log).await.len(), 3);
}

/// Sixteen writers on one stream, each trying until it succeeds: nothing is lost or overwritten.
pub async fn writers_never_overwrite_each_other(log: Log) {
    const EACH: usize = 20;
    let writers = (0..16).map(|_| {
        let log = Arc::clone(&log);
        tokio::spawn(async move {
            let mut expected = Expected::NoStream;
            let mut ids = Vec::new();
            while ids.len() < EACH {
                let one = an_append("cover-1", expected, 1);
                let id = one.events[0].id;
                match log.append(vec![one]).await {
                    Ok(appended) => {
                        ids.push((appended[0].revision, id));
                        expected = Expected::Exactly(appended[0].revision);
                    }
                    Err(AppendError::Conflict { actual, .. }) => expected = Expected::after(actual),
                    Err(error) => panic!("{error}"),
                }
            }
            ids
        })
    });
    let mut told = Vec::new();
    for writer in writers.collect::<Vec<_>>() {
        told.extend(writer.await.unwrap());
    }
    told.sort_unstable();
    let read: Vec<_> =
        forwards(&log, "cover-1").await.iter().map(|event| (event.revision, event.id)).collect();
    assert_eq!(read, told);
    assert_eq!(read.len(), 16 * EACH);
}

/// Sixteen writers that believe the same: exactly one is right.
pub async fn racing_writers_have_one_winner(log: Log) {
    let writers = (0..16).map(|_| {
        let log = Arc::clone(&log);
        tokio::spawn(async move { append(&log, "stay-1", Expected::NoStream, 1).await.is_ok() })
    });
    let mut winners = 0;
    for writer in writers.collect::<Vec<_>>() {
        winners += u32::from(writer.await.unwrap());
    }
    assert_eq!(winners, 1);
    assert_eq!(forwards(&log, "stay-1").await.len(), 1);
}

/// A position of another log is an error, never a place in this one.
pub async fn positions_of_another_log_are_refused(log: Log) {
    append(&log, "claim-1", Expected::NoStream, 1).await.unwrap();
    let given = StoreId(Uuid::from_u128(1));
    let foreign = Some(Position { store: given, offset: 1 });
    let refused = StoreError::OtherStore(OtherStore { expected: log.id(), given });
    for direction in [Direction::Forwards, Direction::Backwards] {
        assert_eq!(log.read_all(foreign, direction, 1).await, Err(refused.clone()));
    }
    assert_eq!(log.grown(foreign).await, Err(refused));
}

/// A position that the log never gave is an error: a checkpoint of a log that was cut.
pub async fn positions_beyond_the_head_are_refused(log: Log) {
    let head = append(&log, "claim-1", Expected::NoStream, 1).await.unwrap().position;
    let beyond = Position { offset: head.offset + 1, ..head };
    let answer = log.read_all(Some(beyond), Direction::Forwards, 1).await;
    let expected = StoreError::BeyondHead { given: beyond.offset, head: head.offset };
    assert_eq!(answer, Err(expected));
    assert!(log.read_all(Some(head), Direction::Forwards, 1).await.unwrap().is_empty());
}

/// Who waits at the beginning, in the middle or at the end of the log sees every event once.
pub async fn readers_are_woken_by_growth(log: Log) {
    const EVENTS: usize = 60;
    append(&log, "claim-0", Expected::NoStream, EVENTS / 3).await.unwrap();
    let standing = all(&log).await;
    let starts = [0, 10, 20].map(|seen: usize| {
        (seen.checked_sub(1).map(|last| standing[last].position), EVENTS - seen)
    });
    let followers =
        starts.map(|(start, count)| tokio::spawn(follow(Arc::clone(&log), start, count)));
    for number in 1..=EVENTS - EVENTS / 3 {
        append(&log, &format!("claim-{number}"), Expected::NoStream, 1).await.unwrap();
    }
    let whole = all(&log).await;
    for ((start, _), follower) in starts.into_iter().zip(followers) {
        let seen = follower.await.unwrap();
        let after =
            |event: &&Recorded| start.is_none_or(|start| event.position.is_after(start).unwrap());
        assert_eq!(seen, whole.iter().filter(after).cloned().collect::<Vec<_>>());
    }
    let head = log.head().await.unwrap();
    let idle = tokio::time::timeout(Duration::from_millis(50), log.grown(head)).await;
    assert!(idle.is_err(), "nothing grew, but the reader was woken");
}

async fn follow(log: Log, start: Option<Position>, count: usize) -> Vec<Recorded> {
    let mut seen: Vec<Recorded> = Vec::new();
    while seen.len() < count {
        let bound = seen.last().map(|last| last.position).or(start);
        log.grown(bound).await.unwrap();
        seen.extend(log.read_all(bound, Direction::Forwards, 7).await.unwrap());
    }
    seen
}

/// The recorded times never decrease along the log, whatever the clock does.
pub async fn times_never_go_back(log: Log) {
    for number in 0..20 {
        append(&log, &format!("claim-{number}"), Expected::NoStream, 1).await.unwrap();
    }
    let read = all(&log).await;
    assert!(read.is_sorted_by_key(|event| event.recorded_at));
}

async fn append(
    log: &Log,
    name: &str,
    expected: Expected,
    events: usize,
) -> Result<Appended, AppendError> {
    Ok(log.append(vec![an_append(name, expected, events)]).await?[0])
}

async fn forwards(log: &Log, name: &str) -> Vec<Recorded> {
    log.read_stream(&stream(name), None, Direction::Forwards, usize::MAX).await.unwrap()
}

async fn all(log: &Log) -> Vec<Recorded> {
    log.read_all(None, Direction::Forwards, usize::MAX).await.unwrap()
}

fn an_append(name: &str, expected: Expected, events: usize) -> Append {
    let event = |number| NewEvent {
        id: Uuid::new_v4(),
        name: "ClaimFiled".into(),
        version: 1,
        data: format!("{{\"number\":{number}}}").into(),
        metadata: Bytes::from_static(b"{}"),
    };
    Append { stream: stream(name), expected, events: (0..events).map(event).collect() }
}

fn stream(name: &str) -> StreamName {
    name.parse().unwrap()
}

const fn at(revision: u64) -> Expected {
    Expected::Exactly(Revision(revision))
}
