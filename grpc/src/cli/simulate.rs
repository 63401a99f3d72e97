//! `huzhu simulate`: a made-up city in a data folder, for trials of any size.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use huzhu_store::embedded::EmbeddedStore;
use huzhu_store::engine::{Engine, Limits};

use super::{Failure, blocking};
use crate::auth::keys::ResidentHasher;
use crate::clock::Clock;
use crate::simulate::{self, Plan};

#[derive(Debug, Args)]
pub(super) struct Simulate {
    /// The data folder; no other process may have it open.
    #[arg(long, value_name = "DIR", default_value = "data")]
    data: PathBuf,
    /// Where the numbers come from: the same seed makes the same city.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many members there are.
    #[arg(long, default_value_t = 2_000)]
    members: u32,
    /// How many months of claims.
    #[arg(long, default_value_t = 12)]
    months: u32,
    /// How many commands are under way at once; with 1, the order of the log is the same too.
    #[arg(long, default_value_t = 256)]
    in_flight: usize,
}

pub(super) fn run(asked: Simulate) -> Result<(), Failure> {
    blocking(simulated(asked)).and_then(|simulated| simulated)
}

async fn simulated(asked: Simulate) -> Result<(), Failure> {
    let Simulate { data, seed, members, months, in_flight } = asked;
    let clock = Clock::system();
    let store = EmbeddedStore::open(&data, move || clock.now()).map_err(Failure::of)?;
    let residents = Arc::new(ResidentHasher::open(&data).map_err(Failure::of)?);
    let engine = Engine::open(Arc::new(store.clone()), Limits::default());
    let engine = engine.await.map_err(Failure::of)?;
    let plan = Plan { seed, members, months };
    let events = || store.statistics().events;
    let tell = |part: &str, _: &simulate::Tally| eprintln!("{part}: {} events recorded", events());
    let tally = simulate::simulate(engine, residents, plan, in_flight, tell).await;
    let tally = tally.map_err(Failure::of)?;
    for (what, count) in &tally.done {
        println!("{count:>10}  {what}");
    }
    for (reason, count) in &tally.refused {
        println!("{count:>10}  refused: {reason}");
    }
    println!("{:>10}  events recorded", events());
    store.close().await;
    Ok(())
}
