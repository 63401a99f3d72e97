//! How long after a command's acknowledgement the views reflect it, read as an analyst reads them:
//! from the database, on another connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use huzhu_grpc::server::{self, Config};
use huzhu_projections::database::Place;

use crate::asked;
use crate::calls::{Caller, enrol};
use crate::echo;
use crate::processor::Processor;
use crate::report::{Report, Samples};

/// How many commands a second.
const RATE: u32 = 1_000;
/// How often the database is asked.
const LOOK: Duration = Duration::from_millis(1);
/// How long the views may take to come to where the commands ended.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) fn measure(report: &mut Report, name: &str, views: Option<String>) {
    let seconds = asked("HUZHU_BENCH_LAG_SECONDS", 10);
    eprintln!("{RATE} commands a second for {seconds} s, views in {name}");
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let covers = runtime.block_on(enrol(folder.path()));
    let place = Place::of(folder.path(), views.as_deref()).unwrap();
    let mut config = Config::new(folder.path().to_owned());
    (config.backdate_days_max, config.views) = (None, views);
    let service = server::start(config).unwrap();
    // Where the last command's events end, once it is known.
    let end = Arc::new(AtomicU64::new(u64::MAX));
    let ((acknowledged, used), seen) = runtime.block_on(async {
        let mut caller = Caller::new(&service, echo::serve(), &covers).await;
        caller.warm_up().await;
        tokio::time::sleep(Duration::from_secs(2)).await;
        let until = Arc::clone(&end);
        let looking = thread::Builder::new().name("analyst".into());
        let looking = looking.spawn(move || look(&place, &until)).unwrap();
        let used = Processor::used();
        let acknowledged = caller.paced(RATE, RATE * seconds).await;
        let used = Processor::used() - used;
        (((acknowledged), used), looking)
    });
    let offsets = acknowledged.iter().map(|(_, offset)| *offset);
    end.store(offsets.max().unwrap(), Ordering::Relaxed);
    let seen = seen.join().unwrap();
    service.stop();
    service.join().unwrap();

    let times = acknowledged.iter().map(|(at, _)| *at);
    let took = times.clone().max().unwrap() - times.min().unwrap();
    let each = acknowledged.iter().map(|(at, offset)| {
        let there = seen.partition_point(|(_, reflected)| reflected < offset);
        seen[there].0.saturating_duration_since(*at)
    });
    let samples = Samples { each: each.collect(), took, processor: used };
    let met = samples.percentile(99) < 50_000;
    let target = Some(("p99 under 50000 µs".to_owned(), met));
    report.samples(&format!("from command to view, {name}"), 1, &samples, target);
}

/// When the views that serve were seen where, until all of them are at `end`.
fn look(place: &Place, end: &AtomicU64) -> Vec<(Instant, u64)> {
    let mut views = place.open_to_read().unwrap();
    let mut seen = Vec::new();
    let mut began = Instant::now();
    loop {
        let checkpoints = views.begin_reading().unwrap();
        views.end_reading().unwrap();
        let at = Instant::now();
        let offset = checkpoints.iter().map(|view| view.offset).min().unwrap();
        if seen.last().is_none_or(|(_, before)| *before < offset) {
            seen.push((at, offset));
            began = at;
        }
        if offset >= end.load(Ordering::Relaxed) {
            return seen;
        }
        assert!(began.elapsed() < PATIENCE, "the views stand still at {offset}");
        thread::sleep(LOOK);
    }
}
