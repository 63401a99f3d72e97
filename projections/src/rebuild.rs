//! Views from the log alone: built beside those that are there, then put in their place.
//!
//! Memory stays within bounds whatever the length of the log: a batch is bounded in events and
//! bytes, and rows leave memory when others come in.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::runtime::Runtime;

use crate::checkpoint::ViewsError;
use crate::database::Place;
use crate::edition::Role;
use crate::feed::{Budget, Feed};
use crate::files::{Claim, beside, remove};
use crate::keeper::{Keeper, Make};
use crate::orders::{Order, insert, skips};
use crate::postgres::{Postgres, Server};
use crate::projection::{Arrived, Projection};
use crate::sqlite::{Mode, Sqlite};
use crate::views;

/// What one transaction of a rebuild takes in at most.
pub const BUILD: Budget = Budget { events: 20_000, bytes: 16 * 1024 * 1024 };

/// The views that cost about as much to build as all others together.
const LARGE: [&str; 1] = ["claims"];

/// How a rebuild went, or goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// The offset of the last event that was taken in.
    pub offset: u64,
    /// The offset at which it ends.
    pub until: u64,
    /// How many events were taken in.
    pub events: u64,
    /// How long it took so far.
    pub took: Duration,
}

impl Progress {
    /// How many events were taken in a second.
    #[must_use]
    pub fn events_per_second(&self) -> u64 {
        let millis = u64::try_from(self.took.as_millis()).unwrap_or(u64::MAX).max(1);
        self.events.saturating_mul(1_000).checked_div(millis).unwrap_or(0)
    }
}

/// Builds the views in `place` anew from the log `feed`, up to `until` or else to its end, and puts
/// them in the place of the old ones. `tell` hears of the progress. Blocks: not to be called from a
/// task.
///
/// # Errors
///
/// [`ViewsError`]; the old views stay as they were.
pub fn rebuild(
    place: &Place,
    feed: &mut dyn Feed,
    until: Option<u64>,
    now: Timestamp,
    tell: impl FnMut(&Progress),
) -> Result<Progress, ViewsError> {
    let folder = match place {
        Place::Folder(folder) => folder,
        Place::Server(server) => return on_server(server, feed, until, now, tell),
    };
    let claim = Claim::on(folder)?;
    let scaffold = claim.scaffold()?;
    // What views leave out, they leave out again.
    let skipped = match place.open_to_read() {
        Ok(mut reader) => skips(reader.as_mut()).unwrap_or_default(),
        Err(_) => Vec::new(),
    };
    let built = build_without(&scaffold, feed, until, now, tell, &skipped);
    if built.is_ok() {
        claim.replace(&scaffold)?;
    } else {
        // What was not finished is worth nothing, and is removed before the next try anyway.
        let _ = fs::remove_file(&scaffold);
    }
    built
}

/// Builds views at `path`, where there is no file. Blocks: not to be called from a task.
///
/// # Errors
///
/// [`ViewsError`].
pub fn build(
    path: &Path,
    feed: &mut dyn Feed,
    until: Option<u64>,
    now: Timestamp,
    tell: impl FnMut(&Progress),
) -> Result<Progress, ViewsError> {
    build_without(path, feed, until, now, tell, &[])
}

fn build_without(
    path: &Path,
    feed: &mut dyn Feed,
    until: Option<u64>,
    now: Timestamp,
    mut tell: impl FnMut(&Progress),
    skipped: &[Order],
) -> Result<Progress, ViewsError> {
    let began = Instant::now();
    let (other, store) = (beside(path), feed.store());
    let begin = |path: &Path, make: Make| {
        let mut database = Box::new(Sqlite::open(path, Mode::Build)?);
        for order in skipped {
            insert(database.as_mut(), order)?;
        }
        Keeper::anew(database, make, store)
    };
    // A file has one writer: the views are built in two files at once, and put together.
    let halves = [(path, false), (&*other, true)].map(|(path, large)| {
        let begin = &begin;
        move || begin(path, Arc::new(move || half(large)))
    });
    let built =
        at_once(feed, until, now, &mut tell, (Role::Serving, halves), |keeper| Ok(keeper.index()?));
    let adopted = built.and_then(|progress| {
        let mut database = Sqlite::open(path, Mode::Build)?;
        database.adopt(&other)?;
        let mut keeper =
            Keeper::open(Box::new(database), Arc::new(views::all), store, progress.offset)?;
        keeper.finish()?;
        Ok(progress)
    });
    // Of no use any more, whatever became of it, and removed before the next try anyway.
    let _ = remove(&other);
    let mut progress = adopted?;
    progress.took = began.elapsed();
    tell(&progress);
    Ok(progress)
}

/// The views that cost as much to build as all others, or all others.
fn half(large: bool) -> Vec<Box<dyn Projection>> {
    views::all().into_iter().filter(|view| LARGE.contains(&view.name()) == large).collect()
}

/// Reads the log once for several keepers, each begun, used and ended on a thread of its own; what
/// they build are editions of `role`.
fn at_once<B>(
    feed: &mut dyn Feed,
    until: Option<u64>,
    now: Timestamp,
    tell: &mut dyn FnMut(&Progress),
    (role, keepers): (Role, impl IntoIterator<Item = B>),
    end: impl Fn(&mut Keeper) -> Result<(), ViewsError> + Sync,
) -> Result<Progress, ViewsError>
where
    B: FnOnce() -> Result<Keeper, ViewsError> + Send,
{
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    thread::scope(|threads| {
        let (mut takers, mut ends) = (Vec::new(), Vec::new());
        for begin in keepers {
            let (taker, batches) = sync_channel::<(u64, Arc<Vec<Arrived>>)>(1);
            let end = &end;
            takers.push(taker);
            ends.push(threads.spawn(move || {
                let mut keeper = begin()?;
                for (after, events) in batches {
                    keeper.take(after, &events, now)?;
                    stopped(&keeper, role)?;
                }
                end(&mut keeper)
            }));
        }
        let read = read(feed, &runtime, until, tell, |after, events| {
            // A keeper that stopped takes no more; why, it says at the end.
            takers.retain(|taker| taker.send((after, Arc::clone(events))).is_ok());
            Ok(())
        });
        drop(takers);
        for end in ends {
            end.join().map_err(|_| ViewsError::Files("a view's thread panicked".into()))??;
        }
        read
    })
}

/// Reads the log batch by batch.
fn read(
    feed: &mut dyn Feed,
    runtime: &Runtime,
    until: Option<u64>,
    tell: &mut dyn FnMut(&Progress),
    mut take: impl FnMut(u64, &Arc<Vec<Arrived>>) -> Result<(), ViewsError>,
) -> Result<Progress, ViewsError> {
    let began = Instant::now();
    let head = runtime.block_on(feed.head())?;
    let until = until.map_or(head, |until| until.min(head));
    let mut progress = Progress { until, ..Progress::default() };
    while progress.offset < until {
        let left = usize::try_from(until.saturating_sub(progress.offset)).unwrap_or(usize::MAX);
        let budget = Budget { events: BUILD.events.min(left), ..BUILD };
        let mut events = runtime.block_on(feed.after(progress.offset, budget))?.events;
        // Where offsets are not dense, the budget alone may go beyond the end.
        events.retain(|event| event.offset <= until);
        let Some(last) = events.last().map(|event| event.offset) else { break };
        let count = u64::try_from(events.len()).unwrap_or(u64::MAX);
        take(progress.offset, &Arc::new(events))?;
        progress.offset = last;
        progress.events = progress.events.saturating_add(count);
        progress.took = began.elapsed();
        tell(&progress);
    }
    Ok(progress)
}

/// The first view that stands still, of those that are being built here. On a server one that
/// serves beside may stand still, and is often why there is a rebuild.
fn stopped(keeper: &Keeper, role: Role) -> Result<(), ViewsError> {
    for edition in keeper.kept().filter(|edition| edition.role == role) {
        if let Some(failure) = edition.checkpoint.failure.clone() {
            let projection = edition.checkpoint.projection.clone();
            return Err(ViewsError::Stopped { projection, failure: Box::new(failure) });
        }
    }
    Ok(())
}

/// Builds every view on a server beside what serves there, each on a thread and connection of its
/// own, and lets them serve.
fn on_server(
    server: &Server,
    feed: &mut dyn Feed,
    until: Option<u64>,
    now: Timestamp,
    mut tell: impl FnMut(&Progress),
) -> Result<Progress, ViewsError> {
    let began = Instant::now();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let (store, head) = (feed.store(), runtime.block_on(feed.head())?);
    drop(runtime);
    let make: Make = Arc::new(views::all);
    let mut keeper =
        Keeper::open(Box::new(Postgres::open(server)?), Arc::clone(&make), store, head)?;
    let names: Vec<_> = make().iter().map(|view| view.name()).collect();
    for name in &names {
        keeper.build_anew(name, head)?;
    }
    let keepers = names.iter().map(|name| {
        let make = keeper.make_only(name);
        move || Keeper::open(Box::new(Postgres::beside(server)?), make, store, head)
    });
    let keepers: Vec<_> = keepers.collect();
    let mut progress = at_once(feed, until, now, &mut tell, (Role::Building, keepers), |_| Ok(()))?;
    keeper.refresh(head)?;
    for name in &names {
        keeper.complete(name)?;
        keeper.promote(name, head)?;
    }
    progress.took = began.elapsed();
    tell(&progress);
    Ok(progress)
}

#[cfg(test)]
mod tests;
