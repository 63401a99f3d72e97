//! Editions and orders, as a worker carries them out in either database.
#![expect(
    clippy::arithmetic_side_effects,
    reason = "small numbers, and a test that stops is a failed one"
)]

use std::time::Duration;

use huzhu_domain::member;
use huzhu_store::memory::MemoryStore;
use huzhu_store::port::{Append, EventStore};
use jiff::civil::date;
use tempfile::TempDir;
use tokio::sync::Semaphore;

use super::tests::Gated;
use super::*;
use crate::dump::digest;
use crate::edition::Role;
use crate::feed::PortFeed;
use crate::orders::{DONE, Wish, answer, ask};
use crate::projection::{Arrived, Projection, Stop};
use crate::rows::{Buffer, Source};
use crate::testing::{Figures, History, STORE, Scratch, time, year};
use crate::views;

const SMALL: Figures = Figures { units: 1, members: 40, one_claim_of: 2 };
const PATIENCE: Duration = Duration::from_secs(20);

/// Both databases, as far as they are there.
fn places() -> Vec<(Place, (TempDir, Option<Scratch>))> {
    let folder = tempfile::tempdir().unwrap();
    let mut places = vec![(Place::Folder(folder.path().to_owned()), (folder, None))];
    if let Some(scratch) = Scratch::new() {
        places.push((scratch.place(), (tempfile::tempdir().unwrap(), Some(scratch))));
    }
    places
}

/// A projection as another program would have it: of another version, and wrong if so wished.
struct Changed {
    of: Box<dyn Projection>,
    forgets: Option<&'static str>,
}

impl Projection for Changed {
    fn name(&self) -> &'static str {
        self.of.name()
    }

    fn version(&self) -> u32 {
        self.of.version() + 100
    }

    fn takes(&self, event: &str) -> bool {
        self.of.takes(event)
    }

    fn owns(&self, category: &str) -> bool {
        self.of.owns(category)
    }

    fn fold(&mut self, event: &Arrived, source: &mut dyn Source) -> Result<(), Stop> {
        let forgotten = self.forgets == Some(&*event.name) && event.offset.is_multiple_of(2);
        if forgotten { Ok(()) } else { self.of.fold(event, source) }
    }

    fn buffers(&mut self) -> Vec<&mut dyn Buffer> {
        self.of.buffers()
    }
}

fn changed(view: &'static str) -> Make {
    Arc::new(move || {
        let of = views::all().into_iter();
        let change = |of: Box<dyn Projection>| -> Box<dyn Projection> {
            if of.name() == view { Box::new(Changed { of, forgets: None }) } else { of }
        };
        of.map(change).collect()
    })
}

async fn log(history: &History) -> Arc<MemoryStore> {
    let store = Arc::new(MemoryStore::new(STORE.0, || time(1)));
    grow(&store, history.appends()).await;
    store
}

async fn grow(store: &MemoryStore, appends: impl Iterator<Item = Append>) {
    for append in appends {
        store.append(vec![append]).await.unwrap();
    }
}

async fn start(make: Make, place: &Place, store: &Arc<MemoryStore>) -> Views {
    let began = Instant::now();
    loop {
        let feed = Box::new(PortFeed::new(Arc::clone(store) as Arc<dyn EventStore>));
        let clock: Clock = Arc::new(|| time(5));
        match Views::start_with(Arc::clone(&make), place.clone(), feed, clock).await {
            Err(ViewsError::InUse) if began.elapsed() < PATIENCE => {}
            views => return views.unwrap(),
        }
    }
}

async fn until(views: &Views, wanted: impl Fn(&Status) -> bool) -> Arc<Status> {
    let mut status = views.progress().watch();
    let there = status.wait_for(|status| wanted(status));
    let there = tokio::time::timeout(PATIENCE, there).await;
    let status = there.unwrap_or_else(|_| panic!("not in time: {:?}", views.status()));
    Arc::clone(&status.unwrap())
}

fn edition<'a>(status: &'a Status, view: &str, role: Role) -> Option<&'a Edition> {
    let mut editions = status.editions.iter();
    editions.find(|own| own.checkpoint.projection == view && own.role == role)
}

/// Whether the view that serves goes on, and since when it is behind.
fn shows(status: &Status, view: &str) -> (bool, Option<Timestamp>) {
    let view = &edition(status, view, Role::Serving).unwrap().checkpoint;
    (status.goes_on(view), status.lags_since(view))
}

async fn shown(place: &Place) -> String {
    let place = place.clone();
    let shown = tokio::task::spawn_blocking(move || {
        digest(place.open_to_read().unwrap().as_mut()).unwrap()
    });
    shown.await.unwrap()
}

async fn order(place: &Place, view: &'static str, wish: Wish) -> String {
    let place = place.clone();
    let ordered = tokio::task::spawn_blocking(move || {
        let number = ask(&place, view, &wish, "operator", time(7)).unwrap();
        answer(&place, number, PATIENCE).unwrap().expect("an answer")
    });
    ordered.await.unwrap()
}

#[tokio::test]
async fn a_changed_view_is_built_beside_verified_and_takes_its_turn() {
    for (place, _kept) in places() {
        let store = log(&year(SMALL)).await;
        let head = store.head().await.unwrap().unwrap();
        let old = start(Arc::new(views::all), &place, &store).await;
        let deadline = Instant::now() + PATIENCE;
        old.reflect(head, deadline).await.unwrap();
        let before = shown(&place).await;
        old.stop();

        let new = start(changed("claims"), &place, &store).await;
        let turned = |status: &Status| {
            edition(status, "claims", Role::Serving).is_some_and(|own| own.number == 2)
        };
        let status = until(&new, turned).await;
        let serving = edition(&status, "claims", Role::Serving).unwrap();
        assert_eq!(serving.checkpoint.offset, head.offset);
        assert_eq!(serving.verified, Some(head.offset));
        let retired = edition(&status, "claims", Role::Retired).unwrap();
        assert_eq!((retired.number, retired.checkpoint.offset), (1, head.offset));
        assert_eq!(edition(&status, "covers", Role::Serving).unwrap().number, 1);
        assert_eq!(shown(&place).await, before);

        // Back to the one before, which this program does not keep and does not replace again.
        assert_eq!(order(&place, "claims", Wish::Rollback).await, DONE);
        let status = until(&new, |status| !turned(status)).await;
        assert_eq!(edition(&status, "claims", Role::Serving).unwrap().number, 1);
        assert!(edition(&status, "claims", Role::Building).is_none());
        new.stop();
        let again = start(changed("claims"), &place, &store).await;
        assert_eq!(edition(&again.status(), "claims", Role::Serving).unwrap().number, 1);
        assert_eq!(shown(&place).await, before);
        again.stop();
        // The program before goes on with it.
        let old = start(Arc::new(views::all), &place, &store).await;
        old.reflect(head, Instant::now() + PATIENCE).await.unwrap();
        assert!(order(&place, "nothing", Wish::Rebuild).await.contains("no view"));
        assert_eq!(order(&place, "covers", Wish::Rebuild).await, DONE);
        let rebuilt = |status: &Status| {
            edition(status, "covers", Role::Serving).is_some_and(|own| own.number == 2)
        };
        until(&old, rebuilt).await;
        assert_eq!(shown(&place).await, before);
    }
}

#[tokio::test]
async fn a_view_that_other_code_left_is_told_as_behind_until_somebody_goes_back() {
    for (place, _kept) in places() {
        let mut history = year(SMALL);
        let store = log(&history).await;
        let known = history.events().len();
        let old = start(Arc::new(views::all), &place, &store).await;
        old.reflect(store.head().await.unwrap().unwrap(), Instant::now() + PATIENCE).await.unwrap();
        old.stop();
        let new = start(changed("claims"), &place, &store).await;
        let turned = |status: &Status| {
            edition(status, "claims", Role::Serving).is_some_and(|own| own.number == 2)
        };
        until(&new, turned).await;
        new.stop();

        // The program before: it keeps the edition before, which does not serve.
        let old = start(Arc::new(views::all), &place, &store).await;
        let status = old.status();
        assert!(turned(&status) && edition(&status, "claims", Role::Building).is_none());
        assert_eq!(shows(&status, "claims"), (false, None));
        assert_eq!(shows(&status, "covers"), (true, None));
        let died = member::Event::Died(member::Died { on: date(2014, 6, 1) });
        history.push(format!("member-{}", uuid::Uuid::from_u128(1)), died);
        grow(&store, history.appends().skip(known)).await;
        let head = store.head().await.unwrap().unwrap();
        let status = until(&old, |status| shows(status, "claims") == (false, Some(time(1)))).await;
        assert!(edition(&status, "claims", Role::Serving).unwrap().checkpoint.offset < head.offset);
        let deadline = Instant::now() + PATIENCE;
        let late = old.progress().reached(&["claims"], head, deadline).await;
        assert!(matches!(late, Err(Late::Stopped { .. })), "{late:?}");
        old.progress().reached(&["covers"], head, deadline).await.unwrap();

        assert_eq!(order(&place, "claims", Wish::Rollback).await, DONE);
        let caught_up = |status: &Status| {
            let claims = edition(status, "claims", Role::Serving).unwrap();
            claims.checkpoint.offset == head.offset && shows(status, "claims") == (true, None)
        };
        until(&old, caught_up).await;
    }
}

#[tokio::test]
async fn an_edition_that_is_not_what_the_log_says_never_serves() {
    for (place, _kept) in places() {
        let store = log(&year(SMALL)).await;
        let head = store.head().await.unwrap().unwrap();
        let old = start(Arc::new(views::all), &place, &store).await;
        old.reflect(head, Instant::now() + PATIENCE).await.unwrap();
        let before = shown(&place).await;
        old.stop();
        let made = std::sync::atomic::AtomicUsize::new(0);
        let unsteady: Make = Arc::new(move || {
            // Every other one that is made leaves out some filings.
            let made = made.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let forgets = made.is_multiple_of(2).then_some("ClaimFiled");
            let of = views::all().into_iter();
            let change = |of: Box<dyn Projection>| -> Box<dyn Projection> {
                if of.name() == "claims" { Box::new(Changed { of, forgets }) } else { of }
            };
            of.map(change).collect()
        });
        let new = start(unsteady, &place, &store).await;
        let failed = |status: &Status| {
            edition(status, "claims", Role::Building)
                .is_some_and(|own| own.checkpoint.failure.is_some())
        };
        let status = until(&new, failed).await;
        assert_eq!(edition(&status, "claims", Role::Serving).unwrap().number, 1);
        assert_eq!(shown(&place).await, before);
    }
}

#[tokio::test]
async fn an_event_is_left_out_for_a_reason_that_stays_on_record() {
    for (place, _kept) in places() {
        let mut history = year(SMALL);
        let good = history.events().len();
        let stranger = "member-00000000-0000-0000-0000-000000000001";
        let died = member::Event::Died(member::Died { on: date(2014, 6, 1) });
        history.push(stranger, died.clone()).push(stranger, died);
        let store = log(&history).await;
        let head = store.head().await.unwrap().unwrap();
        let views = start(Arc::new(views::all), &place, &store).await;
        let there = |status: &Status| {
            let members = edition(status, "members", Role::Serving);
            members.is_some_and(|own| own.checkpoint.offset == head.offset)
        };
        let stands = |status: &Status| {
            let members = edition(status, "members", Role::Serving);
            members.is_some_and(|own| own.checkpoint.failure.is_some())
        };
        until(&views, stands).await;
        let before = shown(&place).await;
        let position = u64::try_from(good).unwrap() + 1;

        // Nothing was mended: it stands still again, since then.
        assert_eq!(order(&place, "members", Wish::Retry).await, DONE);
        until(&views, stands).await;
        let skip = |position| Wish::Skip { position, reason: "测试: nobody died".into() };
        let refused = order(&place, "members", skip(3)).await;
        assert_eq!(refused, "the view members does not stand still at 3");
        let refused = order(&place, "claims", Wish::Retry).await;
        assert_eq!(refused, "the view claims does not stand still");
        assert_eq!(order(&place, "members", skip(position)).await, DONE);
        until(&views, there).await;
        assert_eq!(shown(&place).await, before);
        views.stop();

        // After a restart, and built anew, it is left out again.
        let views = start(Arc::new(views::all), &place, &store).await;
        assert_eq!(order(&place, "members", Wish::Rebuild).await, DONE);
        let rebuilt = |status: &Status| {
            edition(status, "members", Role::Serving).is_some_and(|own| own.number == 2)
        };
        until(&views, |status| rebuilt(status) && there(status)).await;
        assert_eq!(shown(&place).await, before);
    }
}

#[tokio::test]
async fn another_process_takes_over_when_the_one_that_keeps_the_views_is_gone() {
    let Some(scratch) = Scratch::new() else { return };
    let place = scratch.place();
    let history = year(SMALL);
    let store = Arc::new(MemoryStore::new(STORE.0, || time(1)));
    let part = history.events().len() / 2;
    grow(&store, history.appends().take(part)).await;
    let head = store.head().await.unwrap().unwrap();
    let first = start(Arc::new(views::all), &place, &store).await;
    first.reflect(head, Instant::now() + PATIENCE).await.unwrap();
    let second = start(Arc::new(views::all), &place, &store).await;
    // Who stands by answers questions, from what the other one keeps.
    assert!(second.status().standing_by);
    second.reflect(head, Instant::now() + PATIENCE).await.unwrap();
    // The server loses the session, as it does when its process dies.
    let killed = tokio::task::spawn_blocking(move || {
        first.stop();
    });
    killed.await.unwrap();
    let status = until(&second, |status| !status.standing_by).await;
    assert_eq!(status.checkpoints.iter().map(|view| view.offset).min(), Some(head.offset));
    grow(&store, history.appends().skip(part)).await;
    let head = store.head().await.unwrap().unwrap();
    second.reflect(head, Instant::now() + PATIENCE).await.unwrap();
    assert!(second.status().checkpoints.iter().all(|view| view.failure.is_none()));
}

#[tokio::test]
async fn a_new_edition_waits_for_somebodys_own_view_over_the_old_one() {
    let Some(scratch) = Scratch::new() else { return };
    let place = scratch.place();
    let history = year(SMALL);
    let store = log(&history).await;
    let head = store.head().await.unwrap().unwrap();
    let old = start(Arc::new(views::all), &place, &store).await;
    old.reflect(head, Instant::now() + PATIENCE).await.unwrap();
    old.stop();
    let run = |sql: &'static str| {
        let scratch = scratch.clone();
        let ran = move || scratch.client().batch_execute(sql).unwrap();
        async { tokio::task::spawn_blocking(ran).await.unwrap() }
    };
    run("CREATE SCHEMA bi; CREATE VIEW bi.mine AS SELECT claim, state FROM claims").await;

    let new = start(changed("claims"), &place, &store).await;
    let waits = |status: &Status| {
        edition(status, "claims", Role::Building)
            .and_then(|own| own.checkpoint.failure.as_ref())
            .is_some_and(|failure| failure.why.contains("view bi.mine depends on view claims"))
    };
    let status = until(&new, waits).await;
    assert_eq!(edition(&status, "claims", Role::Serving).unwrap().number, 1);
    // The other views go on.
    let last = history.events().last().unwrap();
    let died = member::Event::Died(member::Died { on: date(2014, 6, 1) });
    let mut more = history.clone();
    more.push(format!("member-{}", uuid::Uuid::from_u128(1)), died);
    grow(&store, more.appends().skip(history.events().len())).await;
    until(&new, |status| {
        edition(status, "covers", Role::Serving)
            .is_some_and(|own| own.checkpoint.offset > last.offset)
    })
    .await;

    run("DROP VIEW bi.mine").await;
    assert_eq!(order(&place, "claims", Wish::Retry).await, DONE);
    until(&new, |status| {
        edition(status, "claims", Role::Serving).is_some_and(|own| own.number == 2)
    })
    .await;
}

/// Starts on a log that is read as often as there are permits.
async fn start_gated(
    make: Make,
    place: &Place,
    store: &Arc<MemoryStore>,
    permits: usize,
) -> (Views, Arc<Semaphore>) {
    let gate = Arc::new(Semaphore::new(permits));
    let log = PortFeed::new(Arc::clone(store) as Arc<dyn EventStore>);
    let feed = Box::new(Gated { log, gate: Arc::clone(&gate) });
    let clock: Clock = Arc::new(|| time(5));
    (Views::start_with(make, place.clone(), feed, clock).await.unwrap(), gate)
}

#[tokio::test]
async fn lag_is_known_while_an_edition_is_being_built() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::Folder(folder.path().to_owned());
    let store = log(&year(SMALL)).await;
    let (old, gate) = start_gated(Arc::new(views::all), &place, &store, 2).await;
    until(&old, |status| status.checkpoints.iter().all(|view| view.offset == 6)).await;
    // It waits for the log, and sees only after one more read that it is to stop.
    gate.add_permits(1);
    old.stop();

    // One read for what was left, one for what serves, and one for what is being built.
    let (new, gate) = start_gated(changed("claims"), &place, &store, 3).await;
    let status = until(&new, |status| {
        edition(status, "claims", Role::Building).is_some_and(|own| own.checkpoint.offset == 3)
    })
    .await;
    gate.add_permits(100_000);
    assert_eq!(status.behind_since, Some(time(1)), "what serves has more to take");
}

/// When the worker tells of trouble next.
async fn next_trouble(status: &mut watch::Receiver<Arc<Status>>) -> Instant {
    status.borrow_and_update();
    loop {
        tokio::time::timeout(PATIENCE, status.changed()).await.unwrap().unwrap();
        if status.borrow_and_update().trouble.is_some() {
            return Instant::now();
        }
    }
}

#[tokio::test]
async fn trouble_that_stays_is_met_less_and_less_often() {
    let Some(scratch) = Scratch::new() else { return };
    let place = scratch.place();
    let store = log(&year(SMALL)).await;
    let head = store.head().await.unwrap().unwrap();
    let views = start(Arc::new(views::all), &place, &store).await;
    views.reflect(head, Instant::now() + PATIENCE).await.unwrap();
    let refuse = "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql
                    AS $$ BEGIN RAISE 'no answers today'; END $$;
                  CREATE TRIGGER refuse BEFORE UPDATE ON view_orders
                    FOR EACH ROW EXECUTE FUNCTION refuse()";
    let asked = move || {
        scratch.client().batch_execute(refuse).unwrap();
        ask(&place, "claims", &Wish::Retry, "somebody", time(1)).unwrap();
        scratch
    };
    let _scratch = tokio::task::spawn_blocking(asked).await.unwrap();

    // Orders alone are looked for twice a second; the wait grows beyond that.
    let mut status = views.progress().watch();
    let (mut before, until) = (next_trouble(&mut status).await, Instant::now() + PATIENCE);
    loop {
        let met = next_trouble(&mut status).await;
        if met.duration_since(before) >= Duration::from_millis(1_500) {
            break;
        }
        assert!(met < until, "it is met as often as in the beginning");
        before = met;
    }
}
