use std::collections::BTreeMap;

use huzhu_store::engine::{Engine, Limits};
use huzhu_store::memory::MemoryStore;
use huzhu_store::port::{Direction, EventStore, READ_EVENTS_MAX};
use uuid::Uuid;

use super::*;

/// A stream's events, without when and where the log took them.
type Story = BTreeMap<String, Vec<(String, Vec<u8>, Vec<u8>)>>;

async fn story(store: &dyn EventStore) -> Story {
    let (mut story, mut after) = (Story::new(), None);
    loop {
        let events = store.read_all(after, Direction::Forwards, READ_EVENTS_MAX).await.unwrap();
        let Some(last) = events.last() else { return story };
        after = Some(last.position);
        for event in events {
            story.entry(event.stream.to_string()).or_default().push((
                event.name.to_string(),
                event.data.to_vec(),
                event.metadata.to_vec(),
            ));
        }
    }
}

async fn simulated(seed: u64, in_flight: usize, key: &std::path::Path) -> (Story, Tally) {
    let store = Arc::new(MemoryStore::new(Uuid::from_u128(1), || Timestamp::UNIX_EPOCH));
    let engine = Engine::open(store.clone(), Limits::default()).await.unwrap();
    let residents = Arc::new(ResidentHasher::open(key).unwrap());
    let plan = Plan { seed, members: 400, months: 3 };
    let tally = simulate(engine, residents, plan, in_flight, |_, _| {}).await.unwrap();
    (story(store.as_ref()).await, tally)
}

#[tokio::test]
async fn the_same_plan_makes_the_same_streams_however_many_are_under_way() {
    let key = tempfile::tempdir().unwrap();
    let (one, tally) = simulated(7, 1, key.path()).await;
    let (many, _) = simulated(7, 32, key.path()).await;
    assert_eq!(one, many);
    let (other, _) = simulated(8, 1, key.path()).await;
    assert_ne!(one, other);
    for what in ["rosters confirmed", "claims filed", "steps passed", "bank answers taken"] {
        assert!(tally.done.contains_key(what), "{what}: {tally:?}");
    }
}

#[tokio::test]
async fn a_plan_without_members_is_refused() {
    let plan = Plan { seed: 1, members: 0, months: 1 };
    assert!(matches!(Setting::of(&plan), Err(SimulateError::Limit { what: "members", .. })));
}

#[test]
fn every_member_works_in_exactly_one_unit() {
    let setting = Setting::of(&Plan { seed: 1, members: 5_000, months: 0 }).unwrap();
    for number in 0..5_000 {
        assert!(setting.unit_of(number).unwrap().members.contains(&number));
    }
    assert_eq!(setting.unit_of(5_000), None);
}
