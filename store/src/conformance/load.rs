//! What every log has to do while many write and read, and while something restarts.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;

/// How many writers are at it at once.
const WRITERS: usize = 16;

/// How many events they record together: `HUZHU_CONFORMANCE_EVENTS`, or few enough for every day.
fn events() -> usize {
    let asked = std::env::var("HUZHU_CONFORMANCE_EVENTS").ok();
    asked.map_or(3_200, |asked| asked.parse().unwrap())
}

/// A log that can be restarted under those who use it.
pub trait Host: Send + Sync + 'static {
    /// The log as it can be reached now.
    fn log(&self) -> Log;
    /// Ends whatever serves the log, in the middle of what it does, and starts it again.
    fn restart(&self) -> impl Future<Output = ()> + Send;
}

/// A log that is never restarted.
struct Steady(Log);

impl Host for Steady {
    fn log(&self) -> Log {
        Arc::clone(&self.0)
    }

    async fn restart(&self) {}
}

/// Sixteen writers, on streams of their own and on one that they share, with a reader that follows
/// from the beginning: nothing is lost, recorded twice, or out of order.
pub async fn many_writers_lose_nothing(log: Log) {
    writers_and_readers(Arc::new(Steady(log)), events(), 0).await;
}

/// The same while the log is restarted `restarts` times in the middle of it. Writers and readers
/// do what whoever uses a log does: ask again with the same events, go on after the last one.
pub async fn nothing_is_lost_over_restarts<H: Host>(host: Arc<H>, events: usize, restarts: usize) {
    writers_and_readers(host, events, restarts).await;
}

async fn writers_and_readers<H: Host>(host: Arc<H>, events: usize, restarts: usize) {
    let each = events.div_ceil(WRITERS);
    let done = Arc::new(AtomicBool::new(false));
    let reader = tokio::spawn(follow_through(Arc::clone(&host), Arc::clone(&done)));
    let writers: Vec<_> =
        (0..WRITERS).map(|writer| tokio::spawn(write(Arc::clone(&host), writer, each))).collect();
    for _ in 0..restarts {
        tokio::time::sleep(Duration::from_millis(300)).await;
        host.restart().await;
    }
    let mut told: BTreeMap<(String, u64), Uuid> = BTreeMap::new();
    for writer in writers {
        for (stream, revision, id) in writer.await.unwrap() {
            let before = told.insert((stream.clone(), revision), id);
            assert_eq!(before, None, "{stream}@{revision} was given to two events");
        }
    }
    done.store(true, Ordering::SeqCst);
    // Whoever waits for more is woken by one more.
    let last = an_append("last", Expected::NoStream, 1);
    told.insert(("last".to_owned(), 0), last.events[0].id);
    until_taken(&*host, last).await.unwrap();
    let followed = reader.await.unwrap();
    let read: BTreeMap<_, _> = followed
        .iter()
        .map(|event| ((event.stream.as_str().to_owned(), event.revision.0), event.id))
        .collect();
    assert_eq!(followed.len(), read.len(), "an event was read twice");
    assert!(read == told, "what was read is not what was recorded");
    assert!(followed.is_sorted_by(|one, next| next.position.is_after(one.position).unwrap()));
    let mut nexts: BTreeMap<&StreamName, u64> = BTreeMap::new();
    for event in &followed {
        let next = nexts.entry(&event.stream).or_default();
        assert_eq!(event.revision.0, *next, "{} is out of order", event.stream);
        *next += 1;
    }
}

/// Records `many` events, one to five at a time; every fourth append goes to the shared stream.
async fn write<H: Host>(host: Arc<H>, writer: usize, many: usize) -> Vec<(String, u64, Uuid)> {
    let own = format!("claim-{writer}");
    let mut told = Vec::with_capacity(many);
    let mut lasts: BTreeMap<String, Option<Revision>> = BTreeMap::new();
    let mut round = writer;
    while told.len() < many {
        round += 1;
        let name = if round.is_multiple_of(4) { "cover-shared" } else { own.as_str() };
        let size = (round % 5 + 1).min(many - told.len());
        let last = lasts.entry(name.to_owned()).or_default();
        loop {
            let append = an_append(name, Expected::after(*last), size);
            let ids: Vec<_> = append.events.iter().map(|event| event.id).collect();
            match until_taken(&*host, append).await {
                Ok(appended) => {
                    let first = last.map_or(0, |last| last.0 + 1);
                    let places = (first..).zip(ids);
                    told.extend(places.map(|(revision, id)| (name.to_owned(), revision, id)));
                    *last = Some(appended.revision);
                    break;
                }
                Err(actual) => *last = actual,
            }
        }
    }
    told
}

/// Appends until that is answered; a conflict is answered with where the stream stands.
async fn until_taken<H: Host>(host: &H, append: Append) -> Result<Appended, Option<Revision>> {
    loop {
        match host.log().append(vec![append.clone()]).await {
            Ok(appended) => return Ok(appended[0]),
            Err(AppendError::Conflict { actual, .. }) => return Err(actual),
            Err(AppendError::Overloaded | AppendError::Store(StoreError::Unavailable { .. })) => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Err(error) => panic!("{error}"),
        }
    }
}

/// Reads from the beginning until it was told that the last event is recorded, and read it.
async fn follow_through<H: Host>(host: Arc<H>, done: Arc<AtomicBool>) -> Vec<Recorded> {
    let mut seen: Vec<Recorded> = Vec::new();
    while !(done.load(Ordering::SeqCst) && seen.iter().any(|one| one.stream.as_str() == "last")) {
        let (log, bound) = (host.log(), seen.last().map(|last| last.position));
        let read = async {
            log.grown(bound).await?;
            log.read_all(bound, Direction::Forwards, 500).await
        };
        match read.await {
            Ok(events) => seen.extend(events),
            Err(StoreError::Unavailable { .. }) => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Err(error) => panic!("{error}"),
        }
    }
    seen
}

/// A reader that ends and begins anew after the last event that it handled loses and repeats
/// nothing, wherever it began and however small its steps are.
pub async fn readers_restart_where_they_stopped(log: Log) {
    const EVENTS: usize = 90;
    append(&log, "claim-0", Expected::NoStream, EVENTS / 3).await.unwrap();
    let standing = all(&log).await;
    let starts = [None, Some(standing[14].position), standing.last().map(|last| last.position)];
    let readers = starts.map(|start| {
        let log = Arc::clone(&log);
        tokio::spawn(async move {
            let (mut seen, mut bound) = (Vec::new(), start);
            while seen.last().is_none_or(|last: &Recorded| last.stream.as_str() != "claim-60") {
                // A new reader every time, which knows its checkpoint and nothing else.
                let log = Arc::clone(&log);
                let step = tokio::spawn(async move {
                    log.grown(bound).await.unwrap();
                    log.read_all(bound, Direction::Forwards, 4).await.unwrap()
                });
                seen.extend(step.await.unwrap());
                bound = seen.last().map(|last| last.position).or(bound);
            }
            seen
        })
    });
    for number in 1..=EVENTS - EVENTS / 3 {
        append(&log, &format!("claim-{number}"), Expected::NoStream, 1).await.unwrap();
    }
    let whole = all(&log).await;
    for (start, reader) in starts.into_iter().zip(readers) {
        let after =
            |event: &&Recorded| start.is_none_or(|start| event.position.is_after(start).unwrap());
        assert_eq!(reader.await.unwrap(), whole.iter().filter(after).cloned().collect::<Vec<_>>());
    }
}

/// A reader that is slow, or went away while it waited, holds up nobody and misses nothing.
pub async fn slow_readers_hold_nobody_up(log: Log) {
    let gone = tokio::time::timeout(Duration::from_millis(20), log.grown(None)).await;
    assert!(gone.is_err(), "an empty log has grown");
    append(&log, "claim-0", Expected::NoStream, 1).await.unwrap();
    log.grown(None).await.unwrap();
    let first = log.read_all(None, Direction::Forwards, 1).await.unwrap();
    let before = first.last().map(|last| last.position);
    for number in 1..=200 {
        append(&log, &format!("claim-{number}"), Expected::NoStream, 5).await.unwrap();
    }
    let mut seen = first;
    while seen.len() < 1_001 {
        let bound = seen.last().map(|last| last.position);
        log.grown(bound).await.unwrap();
        seen.extend(log.read_all(bound, Direction::Forwards, 3).await.unwrap());
    }
    assert_eq!(seen, all(&log).await);
    // What was missed long ago is still there for whoever asks again.
    log.grown(before).await.unwrap();
}
