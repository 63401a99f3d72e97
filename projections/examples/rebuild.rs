//! How fast views are built from a log, in SQLite and PostgreSQL, and with how much memory. The first run writes the log:
//! `cargo run --release -p huzhu-projections --features testing --example rebuild -- DIR [MEMBERS]`

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a program run by hand")]

use std::fs;
use std::path::PathBuf;

use huzhu_projections::database::Place;
use huzhu_projections::feed::EmbeddedFeed;
use huzhu_projections::rebuild::rebuild;
use huzhu_projections::testing::{Figures, Scratch, time, year};
use huzhu_store::embedded::EmbeddedStore;
use huzhu_store::port::EventStore;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().unwrap());
    let members = arguments.next().map_or(20_000_u32, |text| text.parse().unwrap());
    let store = EmbeddedStore::open(&folder, || time(1)).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    if runtime.block_on(store.head()).unwrap().is_none() {
        let units = members.div_ceil(1_000);
        let history = year(Figures { units, members: members.div_ceil(units), one_claim_of: 2 });
        let appends: Vec<_> = history.appends().collect();
        for list in appends.chunks(5_000) {
            runtime.block_on(store.append(list.to_vec())).unwrap();
        }
        store.settle();
        println!("{} events written; run again to build views", appends.len());
        return;
    }
    let mut feed = EmbeddedFeed::new(&store).unwrap();
    let server = Scratch::new();
    let places = [Some(Place::Folder(folder.clone())), server.as_ref().map(Scratch::place)];
    for place in places.into_iter().flatten() {
        let done = rebuild(&place, &mut feed, None, time(1), |_| ()).unwrap();
        let (events, took, rate) = (done.events, done.took, done.events_per_second());
        println!("{events} events into {place} in {took:?}: {rate}/s");
    }
    let views = fs::metadata(folder.join("views.db")).unwrap().len() / 1_024;
    println!("the views take {views} KiB");
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    for line in status.lines().filter(|line| line.starts_with("VmHWM")) {
        println!("{line}");
    }
}
