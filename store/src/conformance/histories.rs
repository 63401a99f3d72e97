//! Random histories of operations, each of them done to a log and to the model: they have to tell
//! the same.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};

use super::*;
use crate::memory::MemoryStore;

/// What is done to a log.
#[derive(Clone, Debug)]
pub enum Operation {
    /// A list of appends.
    Append(Vec<Proposed>),
    /// The same list again, as after a lost answer: the one so many operations ago.
    Repeat(usize),
    /// A page of a stream.
    ReadStream(u8, Option<u64>, bool, usize),
    /// A page of the log, from the place of the n-th event on.
    ReadAll(Option<usize>, bool, usize),
    /// Where the log ends.
    Head,
}

/// An append that may or may not fit.
#[derive(Clone, Debug)]
pub struct Proposed {
    stream: u8,
    /// How far the writer is behind or ahead of the stream; mostly not at all.
    off: i8,
    events: u8,
    version: u32,
}

const NAMES: [&str; 6] = ["claim-1", "claim-2", "理赔-刘某", "$all", "%huzhu", "stay-a b'c\"%24"];

fn proposed() -> impl Strategy<Value = Proposed> {
    let off = prop_oneof![6 => Just(0_i8), 1 => -2_i8..=2];
    (0..6_u8, off, 1..4_u8, 1..3_u32).prop_map(|(stream, off, events, version)| Proposed {
        stream,
        off,
        events,
        version,
    })
}

/// Histories of up to `length` operations.
pub fn histories(length: usize) -> impl Strategy<Value = Vec<Operation>> {
    let limit = prop_oneof![Just(0_usize), 1..6_usize, Just(usize::MAX)];
    let operation = prop_oneof![
        6 => prop::collection::vec(proposed(), 1..4).prop_map(Operation::Append),
        2 => (1..6_usize).prop_map(Operation::Repeat),
        2 => (0..7_u8, prop::option::of(prop_oneof![0..9_u64, Just(u64::MAX)]), any::<bool>(), limit.clone())
            .prop_map(|(stream, from, back, limit)| Operation::ReadStream(stream, from, back, limit)),
        2 => (prop::option::of(0..30_usize), any::<bool>(), limit)
            .prop_map(|(bound, back, limit)| Operation::ReadAll(bound, back, limit)),
        1 => Just(Operation::Head),
    ];
    prop::collection::vec(operation, 1..length)
}

/// Plays `cases` random histories, each on a log of its own. A history on which a log differs from
/// the model is made as short as it can be before it is told.
pub fn agree_with_the_model<K>(cases: u32, make: impl AsyncFn() -> (Log, K)) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut runner =
        TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
    let played = runner.run(&histories(40), |history| {
        runtime.block_on(async {
            let (log, _kept) = make().await;
            play(&log, &history).await
        })
    });
    if let Err(differs) = played {
        panic!("{differs}");
    }
}

/// One history from the strategy, for whoever wants to play it differently.
#[must_use]
pub fn any_history(length: usize) -> Vec<Operation> {
    let mut runner = TestRunner::default();
    histories(length).new_tree(&mut runner).unwrap().current()
}

/// Does every operation of `history` to `log` and to the model.
///
/// # Errors
///
/// The first difference.
pub async fn play(log: &Log, history: &[Operation]) -> Result<(), TestCaseError> {
    let model: Log = Arc::new(MemoryStore::new(Uuid::from_u128(1), jiff::Timestamp::now));
    let mut lists: Vec<Vec<Append>> = Vec::new();
    for operation in history {
        match operation {
            Operation::Append(proposed) => {
                let list = list_of(&model, proposed).await;
                append_to_both(log, &model, &list).await?;
                lists.push(list);
            }
            Operation::Repeat(ago) => {
                if let Some(list) = lists.len().checked_sub(*ago).and_then(|place| lists.get(place))
                {
                    append_to_both(log, &model, list).await?;
                }
            }
            Operation::ReadStream(stream, from, back, limit) => {
                let name = NAMES.get(usize::from(*stream)).copied().unwrap_or("nobody-1");
                let (name, from) = (super::stream(name), from.map(Revision));
                let (ours, theirs) = (
                    log.read_stream(&name, from, direction(*back), *limit).await.unwrap(),
                    model.read_stream(&name, from, direction(*back), *limit).await.unwrap(),
                );
                prop_assert_eq!(told(&ours), told(&theirs));
            }
            Operation::ReadAll(bound, back, limit) => {
                let (ours, theirs) = (all(log).await, all(&model).await);
                let at = |events: &[Recorded]| {
                    bound.and_then(|place| events.get(place)).map(|event| event.position)
                };
                let (here, there) = (at(&ours), at(&theirs));
                let ours = log.read_all(here, direction(*back), *limit).await.unwrap();
                let theirs = model.read_all(there, direction(*back), *limit).await.unwrap();
                prop_assert_eq!(told(&ours), told(&theirs));
            }
            Operation::Head => {
                let (ours, head) = (all(log).await, log.head().await.unwrap());
                prop_assert_eq!(ours.last().map(|last| last.position), head);
            }
        }
    }
    prop_assert_eq!(told(&all(log).await), told(&all(&model).await));
    Ok(())
}

/// The appends as a writer would make them who read the model, and may have misread it.
async fn list_of(model: &Log, proposed: &[Proposed]) -> Vec<Append> {
    let mut list: Vec<Append> = Vec::new();
    for one in proposed {
        let name = NAMES[usize::from(one.stream)];
        let standing = i64::try_from(forwards(model, name).await.len()).unwrap();
        let before = list.iter().filter(|append| append.stream.as_str() == name);
        let before: usize = before.map(|append| append.events.len()).sum();
        let next = standing + i64::try_from(before).unwrap() + i64::from(one.off);
        let expected = Expected::after(u64::try_from(next - 1).ok().map(Revision));
        let mut append = an_append(name, expected, usize::from(one.events));
        for event in &mut append.events {
            event.version = one.version;
        }
        list.push(append);
    }
    list
}

async fn append_to_both(log: &Log, model: &Log, list: &[Append]) -> Result<(), TestCaseError> {
    let ours = log.append(list.to_vec()).await;
    let theirs = model.append(list.to_vec()).await;
    prop_assert_eq!(answer(ours), answer(theirs));
    Ok(())
}

/// An answer without the places in the log, which are each log's own.
fn answer(
    answer: Result<Vec<Appended>, AppendError>,
) -> Result<Vec<Revision>, (usize, Option<Revision>, Vec<Revision>)> {
    let revisions =
        |appended: Vec<Appended>| appended.into_iter().map(|one| one.revision).collect();
    match answer {
        Ok(appended) => Ok(revisions(appended)),
        Err(AppendError::Conflict { index, actual, appended, .. }) => {
            Err((index, actual, revisions(appended)))
        }
        Err(error) => panic!("{error}"),
    }
}

type Told = (String, u64, Uuid, String, u32, Bytes, Bytes);

fn told(events: &[Recorded]) -> Vec<Told> {
    let one = |event: &Recorded| {
        let Recorded { stream, revision, id, name, version, data, metadata, .. } = event.clone();
        (stream.as_str().to_owned(), revision.0, id, name.to_string(), version, data, metadata)
    };
    events.iter().map(one).collect()
}

const fn direction(back: bool) -> Direction {
    if back { Direction::Backwards } else { Direction::Forwards }
}
