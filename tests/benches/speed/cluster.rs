//! The adapter for clusters against `huzhu eventstore` on this machine: durable appends, reads of
//! one stream and of the whole log, and copies of it, each beside what there is without the adapter.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::join_all;
use huzhu_grpc::eventstore::{Config, start};
use huzhu_store::cluster::{Address, ClusterStore, read_by_the_library_alone};
use huzhu_store::copy::{Folder, Writable, copy};
use huzhu_store::embedded::LogReader;
use huzhu_store::port::{Append, Direction, EventStore, Expected, NewEvent};
use uuid::Uuid;

use crate::asked;
use crate::report::{Report, Samples, rate};

const IN_FLIGHT: [usize; 3] = [1, 64, 256];
/// How many events the log holds when it is read as a whole.
const READ: usize = 200_000;
/// How many events one append brings when the log is filled.
const FILL: usize = 1_000;
const COPIES_A_SECOND: u64 = 20_000;

pub(crate) fn measure(report: &mut Report) {
    let folder = tempfile::tempdir().unwrap();
    let node = start(Config::new(folder.path().to_owned())).unwrap();
    let address: Address = format!("esdb://{}?tls=false", node.address).parse().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let store = ClusterStore::open(address.clone(), Uuid::new_v4()).await.unwrap();
        let store: Arc<dyn EventStore> = Arc::new(store);
        for in_flight in IN_FLIGHT {
            let samples = appends(&store, in_flight).await;
            let target = match in_flight {
                1 => Some(("p50 under 3000 µs".to_owned(), samples.percentile(50) < 3_000)),
                64 => Some(("10,000 /s".to_owned(), samples.rate() >= 10_000)),
                _ => None,
            };
            report.samples("durable append, cluster adapter", in_flight, &samples, target);
        }
        report.samples("read of one stream, same", 1, &reads(&store).await, None);
        fill(&store).await;
        let adapter = whole(&store).await;
        let begun = Instant::now();
        let count = read_by_the_library_alone(address).await.unwrap();
        let alone = rate(count, begun.elapsed());
        report.figure("$all, the client library alone", alone, "events/s", None);
        let target = alone.min(150_000);
        // What the adapter adds is within what two runs differ by.
        let met = adapter >= target * 95 / 100;
        let told = Some((format!("{target} events/s"), met));
        report.figure("$all, cluster adapter", adapter, "events/s", told);
    });
    node.stop();
    node.join().unwrap();
    runtime.block_on(copies(folder.path(), report));
}

/// Copies the log to another folder, and then to another node.
async fn copies(source: &Path, report: &mut Report) {
    let target = tempfile::tempdir().unwrap();
    let mut folder = Folder::open(target.path()).unwrap();
    let rate = copied(source, &mut folder).await;
    report.figure("store copy to a folder", rate, "events/s", None);
    let target = tempfile::tempdir().unwrap();
    let node = start(Config::new(target.path().to_owned())).unwrap();
    let address: Address = format!("esdb://{}?tls=false", node.address).parse().unwrap();
    let mut cluster = ClusterStore::open(address, Uuid::new_v4()).await.unwrap();
    let rate = copied(source, &mut cluster).await;
    let told = Some((format!("{COPIES_A_SECOND} events/s"), rate >= COPIES_A_SECOND));
    report.figure("store copy to a cluster", rate, "events/s", told);
    node.stop();
    node.join().unwrap();
}

async fn copied(source: &Path, target: &mut dyn Writable) -> u64 {
    let mut source = LogReader::open(source).unwrap();
    let begun = Instant::now();
    let done = copy(&mut source, target, |_| ()).await.unwrap();
    rate(usize::try_from(done.copied).unwrap(), begun.elapsed())
}

fn one(stream: String, events: usize) -> Append {
    let event = |_| NewEvent {
        id: Uuid::new_v4(),
        name: "ClaimFiled".into(),
        version: 1,
        data: vec![b'7'; 400].into(),
        metadata: format!("{{\"command\":\"{}\"}}", Uuid::new_v4()).into(),
    };
    let events = (0..events).map(event).collect();
    Append { stream: stream.parse().unwrap(), expected: Expected::NoStream, events }
}

/// Appends of one event, each to a stream of its own, by so many writers at a time.
async fn appends(store: &Arc<dyn EventStore>, in_flight: usize) -> Samples {
    let most = usize::try_from(asked("HUZHU_BENCH_CALLS", 1_000)).unwrap();
    let each = most.min(50_000 / in_flight);
    let begun = Instant::now();
    let writers = (0..in_flight).map(|writer| {
        let store = Arc::clone(store);
        tokio::spawn(async move {
            let mut latencies = Vec::with_capacity(each);
            for number in 0..each {
                let append = one(format!("claim-{in_flight}-{writer}-{number}"), 1);
                let asked = Instant::now();
                store.append(vec![append]).await.unwrap();
                latencies.push(asked.elapsed());
            }
            latencies
        })
    });
    let each = join_all(writers).await.into_iter().flat_map(Result::unwrap).collect();
    Samples { each, took: begun.elapsed(), ..Samples::default() }
}

/// Reads of a stream with one event, one after the other.
async fn reads(store: &Arc<dyn EventStore>) -> Samples {
    let begun = Instant::now();
    let mut each = Vec::new();
    for number in 0..500 {
        let stream = format!("claim-1-0-{number}").parse().unwrap();
        let asked = Instant::now();
        store.read_stream(&stream, None, Direction::Forwards, 10).await.unwrap();
        each.push(asked.elapsed());
        // As a quiet service would: nothing else is under way that could carry it along.
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    Samples { each, took: begun.elapsed(), ..Samples::default() }
}

async fn fill(store: &Arc<dyn EventStore>) {
    for number in 0..READ / FILL {
        store.append(vec![one(format!("roster-{number}"), FILL)]).await.unwrap();
    }
}

/// How many events a second the whole log is read at.
async fn whole(store: &Arc<dyn EventStore>) -> u64 {
    let (begun, mut bound, mut count) = (Instant::now(), None, 0);
    loop {
        let events = store.read_all(bound, Direction::Forwards, usize::MAX).await.unwrap();
        let Some(last) = events.last() else { return rate(count, begun.elapsed()) };
        bound = Some(last.position);
        count += events.len();
    }
}
