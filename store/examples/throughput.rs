#![allow(clippy::arithmetic_side_effects, reason = "figures for people, not money")]

//! How fast the embedded log is on this machine, in one run: appends by callers at once, the scan
//! of a long log, the streams of a long log.
//!
//! `cargo run --release -p huzhu-store --example throughput [events]`

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use huzhu_store::embedded::EmbeddedStore;
use huzhu_store::port::{
    Append, Direction, EventStore, Expected, NewEvent, Revision, StoreError, StreamName,
};
use jiff::Timestamp;
use uuid::Uuid;

const STREAM_EVENTS: u64 = 20;
const APPENDS: u64 = 60_000;

type Answer<T> = Result<T, Box<dyn Error>>;

fn main() -> Answer<()> {
    let events = std::env::args().nth(1).map_or(Ok(1_000_000), |text| text.parse())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        for callers in [1, 8, 64, 256] {
            appends(callers).await?;
        }
        long_log(events).await
    })
}

/// `callers` append an event each to streams of their own, again and again.
async fn appends(callers: u64) -> Answer<()> {
    let folder = tempfile::tempdir()?;
    let store = Arc::new(EmbeddedStore::open(folder.path(), Timestamp::now)?);
    let each = (APPENDS / callers).min(APPENDS / 8);
    let began = Instant::now();
    let tasks = (0..callers).map(|caller| {
        let store = Arc::clone(&store);
        tokio::spawn(async move { append_each(store.as_ref(), caller, each).await })
    });
    let mut waits = Vec::new();
    for task in tasks.collect::<Vec<_>>() {
        waits.extend(task.await?.map_err(|error| error.to_string())?);
    }
    let rate = rate(callers * each, began.elapsed());
    let commits = store.statistics().commits;
    waits.sort_unstable();
    println!(
        "append, {callers:>3} at once: {rate:>7}/s, p50 {:?}, p99 {:?}, max {:?}, {commits} commits",
        at(&waits, 50),
        at(&waits, 99),
        at(&waits, 100),
    );
    Ok(())
}

async fn append_each(
    store: &EmbeddedStore,
    caller: u64,
    count: u64,
) -> Result<Vec<Duration>, huzhu_store::port::AppendError> {
    let mut waits = Vec::new();
    for number in 0..count {
        let stream = name(caller * count + number / STREAM_EVENTS);
        let last = (number % STREAM_EVENTS).checked_sub(1).map(Revision);
        let append = Append { stream, expected: Expected::after(last), events: vec![event()] };
        let began = Instant::now();
        store.append(vec![append]).await?;
        waits.push(began.elapsed());
    }
    Ok(waits)
}

/// Fills a log whose streams lie scattered over it, then reads it.
async fn long_log(events: u64) -> Answer<()> {
    let folder = tempfile::tempdir()?;
    let store = EmbeddedStore::open(folder.path(), Timestamp::now)?;
    let streams = (events / STREAM_EVENTS).max(1);
    let began = Instant::now();
    for round in 0..STREAM_EVENTS {
        let expected = Expected::after(round.checked_sub(1).map(Revision));
        let append = |stream| Append { stream: name(stream), expected, events: vec![event()] };
        let numbers: Vec<_> = (0..streams).collect();
        for some in numbers.chunks(256) {
            store.append(some.iter().copied().map(append).collect()).await?;
        }
    }
    println!("fill, 256 events a list: {:>7}/s", rate(events, began.elapsed()));
    store.settle();

    let reader = store.reader()?;
    let (mut offset, mut bytes) = (0, 0);
    let began = Instant::now();
    loop {
        let last = reader.scan::<StoreError>(offset, 10_000, |event| {
            bytes += event.data.len() + event.metadata.len();
            Ok(())
        })?;
        if last == offset {
            break;
        }
        offset = last;
    }
    println!("scan: {:>7}/s, {bytes} bytes", rate(events, began.elapsed()));

    let mut waits = Vec::new();
    for number in 0..10_000 {
        let stream = name(number * 7919 % streams);
        let began = Instant::now();
        let read = store.read_stream(&stream, None, Direction::Forwards, 10_000).await?;
        waits.push(began.elapsed());
        assert_eq!(read.len(), usize::try_from(STREAM_EVENTS)?);
    }
    waits.sort_unstable();
    println!("stream of 20: p50 {:?}, p99 {:?}", at(&waits, 50), at(&waits, 99));
    store.close().await;
    let began = Instant::now();
    let store = EmbeddedStore::open(folder.path(), Timestamp::now)?;
    println!("open: {:?}", began.elapsed());
    store.close().await;
    std::fs::remove_file(folder.path().join("index.db"))?;
    let began = Instant::now();
    EmbeddedStore::open(folder.path(), Timestamp::now)?;
    println!("open without the index: {:?}", began.elapsed());
    Ok(())
}

fn rate(count: u64, took: Duration) -> u128 {
    u128::from(count) * 1_000_000 / took.as_micros().max(1)
}

fn at(sorted: &[Duration], percent: usize) -> Duration {
    sorted.get((sorted.len() - 1) * percent / 100).copied().unwrap_or_default()
}

fn name(number: u64) -> StreamName {
    let id = Uuid::from_u64_pair(number.wrapping_mul(0x9e37_79b9_7f4a_7c15), number);
    format!("claim-{id}").parse().unwrap_or_else(|_| unreachable!("a UUID fits"))
}

fn event() -> NewEvent {
    NewEvent {
        id: Uuid::new_v4(),
        name: "ClaimFiled".into(),
        version: 1,
        data: Bytes::from(vec![b'd'; 300]),
        metadata: Bytes::from(vec![b'm'; 100]),
    }
}
