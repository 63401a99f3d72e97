#![expect(
    clippy::arithmetic_side_effects,
    reason = "small numbers, and a test that stops is a failed one"
)]

use futures::future::{BoxFuture, FutureExt};
use huzhu_domain::member;
use huzhu_store::memory::MemoryStore;
use huzhu_store::port::{EventStore, StoreError, StoreId};
use jiff::civil::date;
use tokio::sync::Semaphore;

use std::path::Path;
use std::time::Duration;

use super::*;
use crate::dump::digest;
use crate::feed::{Batch, Budget, Feed, PortFeed};
use crate::rebuild::rebuild;
use crate::testing::{Figures, STORE, time, year};

const SMALL: Figures = Figures { units: 1, members: 40, one_claim_of: 2 };

fn place(folder: &Path) -> Place {
    Place::Folder(folder.to_owned())
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(20)
}

fn clock() -> Clock {
    Arc::new(|| time(5))
}

async fn start(folder: &Path, store: &Arc<MemoryStore>) -> Views {
    let feed = PortFeed::new(Arc::clone(store) as Arc<dyn EventStore>);
    Views::start(place(folder), Box::new(feed), clock()).await.unwrap()
}

fn store() -> Arc<MemoryStore> {
    Arc::new(MemoryStore::new(STORE.0, || time(1)))
}

#[tokio::test]
async fn the_views_follow_the_log_across_restarts() {
    let (folder, fresh, store) =
        (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), store());
    let appends: Vec<_> = year(SMALL).appends().collect();
    let mut head = None;
    for part in appends.chunks(appends.len() / 4) {
        let views = start(folder.path(), &store).await;
        for append in part {
            head =
                store.append(vec![append.clone()]).await.unwrap().pop().map(|done| done.position);
        }
        views.reflect(head.unwrap(), soon()).await.unwrap();
        views.stop();
    }
    let mut feed = PortFeed::new(Arc::clone(&store) as Arc<dyn EventStore>);
    let path = fresh.path().to_owned();
    tokio::task::spawn_blocking(move || {
        rebuild(&place(&path), &mut feed, None, time(1), |_| ()).map(|_| ())
    })
    .await
    .unwrap()
    .unwrap();
    let shown = |folder: &Path| digest(place(folder).open_to_read().unwrap().as_mut()).unwrap();
    assert_eq!(shown(folder.path()), shown(fresh.path()));
}

#[tokio::test]
async fn whoever_waits_for_the_views_ends_the_workers_rest() {
    let (folder, store) = (tempfile::tempdir().unwrap(), store());
    let (hour, feed) = (Duration::from_hours(1), PortFeed::new(Arc::clone(&store) as Arc<_>));
    let rest = Rest { usual: hour, in_a_rush: hour };
    let make: Make = Arc::new(views::all);
    let views =
        Views::start_resting(rest, make, place(folder.path()), Box::new(feed), clock()).await;
    let views = views.unwrap();
    for append in year(SMALL).appends().take(20) {
        let appended = store.append(vec![append]).await.unwrap().pop().unwrap();
        views.reflect(appended.position, soon()).await.unwrap();
    }
}

#[tokio::test]
async fn what_is_not_there_in_time_is_told_with_its_place() {
    let (folder, store) = (tempfile::tempdir().unwrap(), store());
    let views = start(folder.path(), &store).await;
    let position = Position { store: STORE, offset: 3 };
    let deadline = Instant::now() + Duration::from_millis(50);
    let late = views.reflect(position, deadline).await;
    assert!(matches!(late, Err(Late::Behind { at: 0, wanted: 3, .. })), "{late:?}");
    let elsewhere = Position { store: StoreId(uuid::Uuid::from_u128(8)), offset: 3 };
    let late = views.reflect(elsewhere, deadline).await;
    assert!(matches!(late, Err(Late::OtherStore(_))), "{late:?}");
}

#[tokio::test]
async fn a_view_that_stands_still_is_told_at_once_and_the_others_go_on() {
    let (folder, store) = (tempfile::tempdir().unwrap(), store());
    let mut history = year(SMALL);
    let died = member::Event::Died(member::Died { on: date(2014, 6, 1) });
    history.push("member-00000000-0000-0000-0000-000000000001", died);
    let mut head = None;
    for append in history.appends() {
        head = store.append(vec![append]).await.unwrap().pop().map(|done| done.position);
    }
    let views = start(folder.path(), &store).await;
    let progress = views.progress();
    let stopped = progress.reached(&["members"], head.unwrap(), soon()).await;
    assert!(matches!(stopped, Err(Late::Stopped { .. })), "{stopped:?}");
    progress.reached(&["claims", "payouts"], head.unwrap(), soon()).await.unwrap();
    let status = views.status();
    let view = status.checkpoints.iter().find(|view| view.projection == "members").unwrap();
    assert_eq!(view.failure.as_ref().unwrap().since, time(5));
}

#[tokio::test]
async fn one_worker_at_a_time_keeps_the_views_of_a_folder() {
    let (folder, store) = (tempfile::tempdir().unwrap(), store());
    let first = start(folder.path(), &store).await;
    let feed = PortFeed::new(Arc::clone(&store) as Arc<dyn EventStore>);
    let second = Views::start(place(folder.path()), Box::new(feed), clock()).await.err();
    assert_eq!(second, Some(ViewsError::InUse));
    first.stop();
    start(folder.path(), &store).await.stop();
}

/// A log that is read three events at a time, each time somebody lets it.
pub(super) struct Gated {
    pub(super) log: PortFeed,
    pub(super) gate: Arc<Semaphore>,
}

impl Feed for Gated {
    fn store(&self) -> StoreId {
        self.log.store()
    }

    fn head(&mut self) -> BoxFuture<'_, Result<u64, StoreError>> {
        self.log.head()
    }

    fn after(&mut self, offset: u64, budget: Budget) -> BoxFuture<'_, Result<Batch, StoreError>> {
        async move {
            self.gate.acquire().await.unwrap().forget();
            self.log.after(offset, Budget { events: budget.events.min(3), ..budget }).await
        }
        .boxed()
    }

    fn grown(&mut self, offset: u64) -> BoxFuture<'_, Result<(), StoreError>> {
        self.log.grown(offset)
    }
}

#[tokio::test]
async fn lag_is_known_while_there_is_one() {
    let (folder, store) = (tempfile::tempdir().unwrap(), store());
    for append in year(SMALL).appends() {
        store.append(vec![append]).await.unwrap();
    }
    let head = store.head().await.unwrap().unwrap();
    let gate = Arc::new(Semaphore::new(1));
    let log = PortFeed::new(Arc::clone(&store) as Arc<dyn EventStore>);
    let feed = Box::new(Gated { log, gate: Arc::clone(&gate) });
    let views = Views::start(place(folder.path()), feed, clock()).await.unwrap();
    let mut status = views.progress().watch();
    let began = status.wait_for(|status| status.checkpoints.iter().all(|view| view.offset == 3));
    let began = tokio::time::timeout_at(soon(), began).await.map(|_| views.status().behind_since);
    // Opened before anything can fail: who ends the worker waits for its read.
    gate.add_permits(100_000);
    assert_eq!(began, Ok(Some(time(1))), "between two reads");
    views.reflect(head, soon()).await.unwrap();
    let caught_up = status.wait_for(|status| status.behind_since.is_none());
    tokio::time::timeout_at(soon(), caught_up).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_view_whose_next_edition_is_built_is_behind_and_yet_goes_on() {
    let (folder, store) = (tempfile::tempdir().unwrap(), store());
    let views = start(folder.path(), &store).await;
    let mut status = (*views.status()).clone();
    let claims =
        status.checkpoints.iter().find(|view| view.projection == "claims").unwrap().clone();
    let left = |next_is_built| Left {
        view: "claims".into(),
        at: 0,
        next_is_built,
        behind_since: Some(time(2)),
    };
    status.left = vec![left(true)];
    assert_eq!((status.goes_on(&claims), status.lags_since(&claims)), (true, Some(time(2))));
    status.left = vec![left(false)];
    assert_eq!((status.goes_on(&claims), status.lags_since(&claims)), (false, Some(time(2))));
}
