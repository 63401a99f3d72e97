//! A long log: views built from it, its aggregates folded, one claim's history read.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use huzhu_domain::claim::Claim;
use huzhu_domain::cover::Cover;
use huzhu_domain::enrolment::Enrolment;
use huzhu_domain::member::Member;
use huzhu_domain::payout::Payout;
use huzhu_domain::reservation::Reservation;
use huzhu_grpc::auth::keys::ResidentHasher;
use huzhu_grpc::clock::Clock;
use huzhu_grpc::simulate::{Plan, simulate};
use huzhu_projections::database::Place;
use huzhu_projections::feed::EmbeddedFeed;
use huzhu_projections::rebuild::rebuild;
use huzhu_store::embedded::{EmbeddedStore, LogReader};
use huzhu_store::engine::{Aggregate, Engine, Limits, Loaded};
use huzhu_store::port::{Recorded, StreamName};

use crate::asked;
use crate::report::{Report, Samples, rate};

/// About how many events a member gives rise to in a year.
const EVENTS_A_MEMBER: u32 = 13;
/// How many events are folded.
const FOLDED: usize = 200_000;
/// How many histories are read.
const HISTORIES: usize = 2_000;

pub(crate) fn measure(report: &mut Report) {
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let begun = Instant::now();
    let events = runtime.block_on(generate(folder.path(), asked("HUZHU_BENCH_EVENTS", 1_000_000)));
    report.figure("events recorded by the generator", events, "events", None);
    let recorded = rate(usize::try_from(events).unwrap(), begun.elapsed());
    report.figure("generator, in process, durable", recorded, "events/s", None);
    build_views(report, folder.path());

    let clock = Clock::system();
    let store = EmbeddedStore::open(folder.path(), move || clock.now()).unwrap();
    let streams = last_streams(store.reader().unwrap());
    fold(report, &streams);
    let claims: Vec<StreamName> =
        streams.into_keys().filter(|stream| stream.category() == "claim").collect();
    runtime.block_on(async {
        let engine = Engine::open(Arc::new(store.clone()), Limits::default()).await.unwrap();
        let samples = histories(&engine, &claims).await;
        let met = samples.percentile(99) < 5_000;
        let target = Some(("p99 under 5000 µs".to_owned(), met));
        report.samples("one claim's history", 1, &samples, target);
        drop(engine);
        store.close().await;
    });
}

/// Writes a log of about so many events; how many they are.
pub(crate) async fn generate(folder: &Path, events: u32) -> u64 {
    let clock = Clock::system();
    let store = EmbeddedStore::open(folder, move || clock.now()).unwrap();
    let residents = Arc::new(ResidentHasher::open(folder).unwrap());
    let engine = Engine::open(Arc::new(store.clone()), Limits::default()).await.unwrap();
    let members = (events / EVENTS_A_MEMBER).max(100);
    let plan = Plan { seed: 1, members, months: 12 };
    let counted = store.clone();
    let tell = |part: &str, _: &_| eprintln!("{part}: {} events", counted.statistics().events);
    simulate(engine, residents, plan, 256, tell).await.unwrap();
    let events = store.statistics().events;
    drop(counted);
    store.close().await;
    events
}

/// Builds the views in a process of its own, so that the peak is theirs alone.
fn build_views(report: &mut Report, folder: &Path) {
    eprintln!("building the views");
    let program = std::env::current_exe().unwrap();
    let output = Command::new(program).arg("--rebuild").arg(folder).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let told = String::from_utf8(output.stdout).unwrap();
    let figures: Vec<u64> = told.split_whitespace().map(|word| word.parse().unwrap()).collect();
    let [rate, peak_kib] = figures[..] else { panic!("{told}") };
    report.figure("views rebuilt", rate, "events/s", Some(("50000/s".to_owned(), rate >= 50_000)));
    let peak = peak_kib / 1024;
    report.figure(
        "views rebuilt, peak memory",
        peak,
        "MiB",
        Some(("under 512 MiB".into(), peak < 512)),
    );
}

/// What the other process does: says the rate and the peak.
pub(crate) fn rebuild_here(folder: &Path, views: Option<&str>) {
    let clock = Clock::system();
    let now = clock.now();
    let store = EmbeddedStore::open(folder, move || clock.now()).unwrap();
    let mut feed = EmbeddedFeed::new(&store).unwrap();
    let place = Place::of(folder, views).unwrap();
    let progress = rebuild(&place, &mut feed, None, now, |_| {}).unwrap();
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak = peak.and_then(|line| line.split_whitespace().next()).unwrap_or("0");
    println!("{} {peak}", progress.events_per_second());
}

/// Streams that begin in the last part of the log, whole.
fn last_streams(mut reader: LogReader) -> BTreeMap<StreamName, Vec<Recorded>> {
    let mut after = reader.head().unwrap().saturating_sub(u64::try_from(FOLDED).unwrap());
    let mut streams: BTreeMap<StreamName, Vec<Recorded>> = BTreeMap::new();
    loop {
        let events = reader.after(after, 10_000).unwrap();
        let Some(last) = events.last() else { break };
        after = last.position.offset;
        for event in events {
            streams.entry(event.stream.clone()).or_default().push(event);
        }
    }
    streams.retain(|_, events| events[0].revision.0 == 0);
    streams
}

fn fold(report: &mut Report, streams: &BTreeMap<StreamName, Vec<Recorded>>) {
    let mut folded = 0;
    let begun = Instant::now();
    for (stream, events) in streams {
        folded += match stream.category() {
            "claim" => past::<Claim>(stream, events),
            "cover" => past::<Cover>(stream, events),
            "payout" => past::<Payout>(stream, events),
            "member" => past::<Member>(stream, events),
            "enrolment" => past::<Enrolment>(stream, events),
            "stay" | "resident" => past::<Reservation>(stream, events),
            _ => 0,
        };
    }
    let rate = rate(folded, begun.elapsed());
    let target = Some(("500000/s".to_owned(), rate >= 500_000));
    report.figure("replayed: decoded and folded", rate, "events/s", target);
}

fn past<D: Aggregate>(stream: &StreamName, events: &[Recorded]) -> usize {
    let mut loaded = Loaded::<D>::empty(stream.clone());
    for event in events {
        loaded = loaded.fold(event).unwrap();
    }
    std::hint::black_box(loaded);
    events.len()
}

async fn histories(engine: &Engine, claims: &[StreamName]) -> Samples {
    let mut samples = Samples::default();
    let begun = Instant::now();
    // Neighbours in the list of names are strangers in the log.
    for stream in claims.iter().cycle().take(HISTORIES) {
        let begun = Instant::now();
        std::hint::black_box(engine.replay(stream).await.unwrap());
        samples.each.push(begun.elapsed());
    }
    samples.took = begun.elapsed().max(Duration::from_micros(1));
    samples
}
