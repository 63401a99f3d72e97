use std::time::Duration;

use tempfile::TempDir;

use super::*;
use crate::keeper::Keeper;
use crate::testing::{Figures, History, STORE, Scratch, time, year};

/// Keeps what it takes.
#[derive(Default)]
struct Kept(Vec<Value>);

impl Fill for Kept {
    fn take(&mut self, row: Vec<Value>) -> Result<(), DatabaseError> {
        self.0.extend(row);
        Ok(())
    }
}

/// Views in a place, and the log that they are kept from.
struct World {
    keeper: Keeper,
    history: History,
    place: Place,
    // Taken away last.
    _folder: Option<TempDir>,
    _scratch: Option<Scratch>,
}

impl World {
    fn in_sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::Folder(folder.path().to_owned());
        Self { _folder: Some(folder), ..Self::at(place) }
    }

    fn in_postgres() -> Option<Self> {
        let scratch = Scratch::new()?;
        Some(Self { _scratch: Some(scratch.clone()), ..Self::at(scratch.place()) })
    }

    fn at(place: Place) -> Self {
        let history = year(Figures { units: 1, members: 20, one_claim_of: 2 });
        let head = u64::try_from(history.events().len()).unwrap();
        let database = place.open_to_write().unwrap();
        let mut keeper = Keeper::open(database, Arc::new(crate::views::all), STORE, head).unwrap();
        keeper.take(0, &history.events()[..most(&history)], time(1)).unwrap();
        Self { keeper, history, place, _folder: None, _scratch: None }
    }

    /// Takes in the rest of the log.
    fn go_on(&mut self) {
        let most = most(&self.history);
        let after = u64::try_from(most).unwrap();
        self.keeper.take(after, &self.history.events()[most..], time(1)).unwrap();
    }

    async fn snapshot(&self, selects: usize) -> Snapshot {
        Snapshot::open(self.place.clone(), selects, soon()).await.unwrap()
    }
}

/// How much of the log there is at first: some claims, not all.
fn most(history: &History) -> usize {
    let claimed = |event: &&crate::projection::Arrived| event.name.as_ref() == "ClaimFiled";
    let fourth = history.events().iter().filter(claimed).nth(3).unwrap();
    usize::try_from(fourth.offset).unwrap()
}

fn soon() -> Instant {
    Instant::now().checked_add(Duration::from_secs(20)).unwrap()
}

fn claims() -> Select {
    let sql = "SELECT claim FROM claims ORDER BY claim".to_owned();
    Select { sql, values: Vec::new(), kinds: [Kind::Text].into() }
}

fn counted() -> Select {
    let sql = "SELECT count(*) FROM claims WHERE asked_fen >= ?".to_owned();
    Select { sql, values: vec![Value::Integer(0)], kinds: [Kind::Integer].into() }
}

async fn next(reading: &Reading<Kept>, rows: usize) -> (Vec<Value>, bool) {
    let (kept, more) = reading.next(Kept::default(), rows).await.unwrap();
    (kept.0, more)
}

fn selects_are_of_one_moment(mut world: World) {
    // Keepers of a server must not be used, nor dropped, where tasks run.
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let snapshot = runtime.block_on(world.snapshot(3));
    let (one, other) = (snapshot.read(claims()).unwrap(), snapshot.read(claims()).unwrap());
    let (first, more) = runtime.block_on(next(&one, 2));
    assert_eq!((first.len(), more), (2, true));
    world.go_on();
    let (all, more) = runtime.block_on(next(&other, 1_000));
    assert_eq!((all.len(), more), (4, false));
    assert_eq!(all[..2], first);
    let (rest, more) = runtime.block_on(next(&one, 1_000));
    assert!(!more);
    assert_eq!(all, [first, rest].concat());
    let counted_later = runtime.block_on(next(&snapshot.read(counted()).unwrap(), 1)).0;
    assert_eq!(counted_later, [Value::Integer(4)]);

    let now = runtime.block_on(world.snapshot(1));
    let later = runtime.block_on(next(&now.read(claims()).unwrap(), 1_000)).0;
    assert!(later.len() > all.len());
    let offset = |freshness: Freshness| freshness.position.map(|position| position.offset);
    assert!(offset(snapshot.freshness(&["claims"])) < offset(now.freshness(&[])));
}

#[test]
fn selects_of_a_snapshot_are_of_one_moment() {
    selects_are_of_one_moment(World::in_sqlite());
}

#[test]
fn selects_of_a_snapshot_are_of_one_moment_in_postgresql_too() {
    let Some(world) = World::in_postgres() else { return };
    selects_are_of_one_moment(world);
}

#[tokio::test]
async fn a_select_that_does_not_hold_is_told_and_others_go_on() {
    let world = World::in_sqlite();
    let snapshot = world.snapshot(3).await;
    for sql in ["SELECT nothing", "DELETE FROM claims_1"] {
        let select = Select { sql: sql.to_owned(), ..claims() };
        let reading = snapshot.read::<Kept>(select).unwrap();
        assert!(reading.next(Kept::default(), 1).await.is_err(), "{sql}");
    }
    assert!(!next(&snapshot.read(claims()).unwrap(), 1_000).await.0.is_empty());
}

#[tokio::test]
async fn a_snapshot_has_as_many_selects_as_it_was_opened_for() {
    let world = World::in_sqlite();
    let snapshot = world.snapshot(1).await;
    let first = snapshot.read(claims()).unwrap();
    assert!(snapshot.read::<Kept>(claims()).is_err());
    // One that has ended makes room for another.
    let all = next(&first, 1_000).await;
    assert_eq!(next(&snapshot.read(claims()).unwrap(), 1_000).await, all);
    let many = Snapshot::open(world.place.clone(), SELECTS_MAX + 1, soon()).await;
    let why = many.err().unwrap().to_string();
    assert_eq!(why, "the database of the views: more than 16 tables are read at once");
}

/// Tells, by being dropped, that the reading has ended.
struct Held(#[expect(dead_code, reason = "it is dropped")] oneshot::Sender<()>);

impl Fill for Held {
    fn take(&mut self, _row: Vec<Value>) -> Result<(), DatabaseError> {
        Ok(())
    }
}

#[tokio::test]
async fn what_nobody_waits_for_is_cut_off() {
    let world = World::in_sqlite();
    let snapshot = world.snapshot(1).await;
    // It would count for hours.
    let sql = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)
               SELECT count(*) FROM n WHERE i < ?";
    let values = vec![Value::Integer(i64::MAX)];
    let select = Select { sql: sql.into(), values, kinds: [Kind::Integer].into() };
    let reading = snapshot.read(select).unwrap();
    let (held, dropped) = oneshot::channel();
    drop(reading.next(Held(held), 1));
    // Once it is under way, so that there is something to cut off.
    tokio::time::sleep(Duration::from_millis(200)).await;
    drop((reading, snapshot));
    assert!(dropped.await.is_err(), "the count has ended");
}
