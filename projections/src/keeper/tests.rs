#![expect(
    clippy::arithmetic_side_effects,
    reason = "small numbers, and a test that stops is a failed one"
)]

use std::path::Path;

use huzhu_domain::member;
use jiff::civil::date;
use proptest::prelude::*;

use super::*;
use crate::dump::digest;
use crate::sqlite::Mode;
use crate::testing::{Figures, History, STORE, time, year};
use crate::views;
use crate::views::claims::Claims;

const SMALL: Figures = Figures { units: 2, members: 40, one_claim_of: 2 };

fn keeper(path: &Path, head: u64) -> Result<Keeper, ViewsError> {
    let mut projections = views::all();
    let database = Database::open(path, Mode::Live, &tables(&mut projections))?;
    Keeper::open(database, projections, STORE, head)
}

fn head(history: &History) -> u64 {
    history.events().last().map_or(0, |event| event.offset)
}

/// The digest of the views after `history`, folded in one go.
fn whole(history: &History) -> String {
    let folder = tempfile::tempdir().unwrap();
    let mut keeper = keeper(&folder.path().join("whole.db"), head(history)).unwrap();
    keeper.take(history.events(), time(1)).unwrap();
    assert_eq!(failures(&keeper), []);
    digest(keeper.database().connection()).unwrap()
}

fn failures(keeper: &Keeper) -> Vec<(String, Failure)> {
    let failed = keeper.checkpoints().into_iter();
    failed.filter_map(|view| Some((view.projection, view.failure?))).collect()
}

#[test]
fn the_way_a_log_is_cut_into_batches_does_not_show() {
    let history = year(SMALL);
    let expected = whole(&history);
    for size in [1, 7, 100, 1_000] {
        let folder = tempfile::tempdir().unwrap();
        let mut keeper = keeper(&folder.path().join("views.db"), head(&history)).unwrap();
        for batch in history.events().chunks(size) {
            keeper.take(batch, time(1)).unwrap();
        }
        assert_eq!(digest(keeper.database().connection()).unwrap(), expected, "{size} a batch");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn a_worker_that_is_killed_anywhere_goes_on_where_it_was(
        cuts in prop::collection::vec((1..400_usize, 0..3_u8), 1..40)
    ) {
        let history = year(Figures { units: 1, members: 30, one_claim_of: 2 });
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("views.db");
        let mut keeper = keeper(&path, head(&history)).unwrap();
        for (size, fate) in cuts.into_iter().cycle() {
            let after = keeper.wants_after().unwrap();
            // What was taken in before is delivered again, as after a lost acknowledgement.
            let from = usize::try_from(after).unwrap().saturating_sub(size);
            let batch: Vec<_> = history.events().iter().skip(from).take(2 * size).cloned().collect();
            if fate == 0 {
                // Killed after the rows were written and before the commit.
                keeper.database.begin().unwrap();
                for running in &mut keeper.running {
                    running.fold(&batch, &mut keeper.database, time(1)).unwrap();
                    for rows in running.projection.buffers() {
                        rows.write(&mut keeper.database).unwrap();
                    }
                }
            } else {
                keeper.take(&batch, time(1)).unwrap();
            }
            if fate < 2 {
                drop(keeper);
                keeper = self::keeper(&path, head(&history)).unwrap();
            }
            if keeper.wants_after() == Some(head(&history)) {
                break;
            }
        }
        let rest = history.events();
        keeper.take(rest, time(1)).unwrap();
        prop_assert_eq!(digest(keeper.database().connection()).unwrap(), whole(&history));
    }
}

#[test]
fn a_missing_event_stops_the_view_that_misses_it_and_no_other() {
    let history = year(SMALL);
    let gone = history.events().iter().rposition(|event| &*event.name == "ClaimAssessed").unwrap();
    let mut events = history.events().to_vec();
    let lost = events.remove(gone);

    let folder = tempfile::tempdir().unwrap();
    let mut keeper = keeper(&folder.path().join("views.db"), head(&history)).unwrap();
    keeper.take(&events, time(99)).unwrap();

    let failures = failures(&keeper);
    let [(view, failure)] = failures.as_slice() else { panic!("{failures:?}") };
    assert_eq!((view.as_str(), failure.stream.as_str()), ("claims", &*lost.stream));
    assert_eq!((failure.revision, failure.since), (2, time(99)));
    assert!(failure.why.contains("Some(0) of the stream, the event is 2"), "{}", failure.why);
    for view in keeper.checkpoints() {
        let expected =
            if view.projection == "claims" { failure.offset - 1 } else { head(&history) };
        assert!(view.offset >= expected.min(failure.offset - 2), "{view:?}");
        assert!(view.projection == "claims" || view.offset == head(&history), "{view:?}");
    }
}

#[test]
fn rows_reflect_everything_before_a_poison_event_and_nothing_of_it() {
    let mut history = year(Figures { units: 1, members: 20, one_claim_of: 2 });
    let good = history.events().len();
    let expected = whole(&history);
    // A member who is nobody dies: the event is readable and cannot be.
    let stranger = "member-00000000-0000-0000-0000-000000000001";
    let died = member::Event::Died(member::Died { on: date(2014, 6, 1) });
    history.push(stranger, died);
    let folder = tempfile::tempdir().unwrap();
    let mut keeper = keeper(&folder.path().join("views.db"), head(&history)).unwrap();
    keeper.take(history.events(), time(1)).unwrap();
    assert_eq!(digest(keeper.database().connection()).unwrap(), expected);
    let failures = failures(&keeper);
    assert_eq!(failures.len(), 1);
    assert_eq!(failures[0].1.offset, u64::try_from(good).unwrap() + 1);
}

#[test]
fn a_view_that_stopped_tries_again_when_the_program_starts_again() {
    let history = year(SMALL);
    let mut broken = history.events().to_vec();
    let place = broken.iter().position(|event| &*event.name == "ClaimAssessed").unwrap();
    broken[place].version = 9;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("views.db");
    let mut first = keeper(&path, head(&history)).unwrap();
    first.take(&broken, time(1)).unwrap();
    let stopped = failures(&first);
    assert!(stopped[0].1.why.contains("unknown version 9 of event type ClaimAssessed"));
    assert_eq!(first.wants_after(), Some(head(&history)), "the others go on");
    drop(first);

    let mut second = keeper(&path, head(&history)).unwrap();
    assert_eq!(second.wants_after(), Some(stopped[0].1.offset - 1));
    second.take(history.events(), time(1)).unwrap();
    assert_eq!(digest(second.database().connection()).unwrap(), whole(&history));
}

#[test]
fn an_unknown_event_stops_whoever_owns_its_kind_of_stream() {
    let mut history = year(SMALL);
    let died = member::Event::Died(member::Died { on: date(2014, 6, 1) });
    history.push("cover-x", died.clone()).push("whatever-y", died);
    let mut events = history.events().to_vec();
    let [.., of_cover, of_nobody] = events.as_mut_slice() else { panic!() };
    of_cover.name = "CoverBlessed".into();
    of_nobody.name = "WhateverHappened".into();
    let folder = tempfile::tempdir().unwrap();
    let mut keeper = keeper(&folder.path().join("views.db"), head(&history)).unwrap();
    keeper.take(&events, time(1)).unwrap();
    for (view, failure) in failures(&keeper) {
        let owns = ["covers", "ledger"].contains(&view.as_str());
        let expected = if owns { "CoverBlessed" } else { "WhateverHappened" };
        assert_eq!(failure.event, expected, "{view}");
        assert!(failure.why.starts_with("unknown event type"), "{}", failure.why);
    }
    assert_eq!(failures(&keeper).len(), views::all().len());
    assert_eq!(keeper.wants_after(), None);
}

#[test]
fn the_reason_of_a_failure_never_quotes_a_person() {
    let mut history = year(SMALL);
    let died = member::Event::Died(member::Died { on: date(2014, 6, 1) });
    history.push("member-00000000-0000-0000-0000-000000000001", died);
    let mut events = history.events().to_vec();
    let last = events.last_mut().unwrap();
    last.data = bytes::Bytes::from_static("{\"on\":\"彭女士\"}".as_bytes());
    let folder = tempfile::tempdir().unwrap();
    let mut keeper = keeper(&folder.path().join("views.db"), head(&history)).unwrap();
    keeper.take(&events, time(1)).unwrap();
    assert_eq!(failures(&keeper)[0].1.why, "event MemberDied has an unreadable body");
}

#[test]
fn a_checkpoint_of_another_log_is_refused() {
    let history = year(SMALL);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("views.db");
    keeper(&path, head(&history)).unwrap().take(history.events(), time(1)).unwrap();

    let mut projections = views::all();
    let database = Database::open(&path, Mode::Live, &tables(&mut projections)).unwrap();
    let other = StoreId(uuid::Uuid::from_u128(8));
    let refused = Keeper::open(database, projections, other, head(&history)).err();
    assert!(matches!(refused, Some(ViewsError::OtherStore { .. })), "{refused:?}");
}

#[test]
fn a_checkpoint_beyond_the_end_of_the_log_is_refused() {
    let history = year(SMALL);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("views.db");
    keeper(&path, head(&history)).unwrap().take(history.events(), time(1)).unwrap();
    let refused = keeper(&path, head(&history) - 1).err();
    assert!(matches!(refused, Some(ViewsError::BeyondHead { .. })), "{refused:?}");
}

#[test]
fn views_of_another_version_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("views.db");
    keeper(&path, 0).unwrap().take(&[], time(1)).unwrap();
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection
        .execute("UPDATE projections SET version = 9 WHERE projection = 'claims'", [])
        .unwrap();
    let refused = keeper(&path, 0).err();
    let wanted = Claims::default().version();
    let expected = ViewsError::OtherVersion { projection: "claims".into(), stored: 9, wanted };
    assert_eq!(refused, Some(expected));
    connection.pragma_update(None, "user_version", 77).unwrap();
    let refused = keeper(&path, 0).err();
    assert!(matches!(refused, Some(ViewsError::OtherLayout { stored: 77, .. })), "{refused:?}");
}

#[test]
fn a_batch_that_the_database_refuses_leaves_nothing_and_can_be_tried_again() {
    let history = year(SMALL);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("views.db");
    let mut keeper = keeper(&path, head(&history)).unwrap();
    let (first, rest) = history.events().split_at(300);
    keeper.take(first, time(1)).unwrap();
    let before = (digest(keeper.database().connection()).unwrap(), keeper.checkpoints());

    let trigger = "CREATE TRIGGER full BEFORE INSERT ON payouts
                   BEGIN SELECT RAISE(ABORT, 'the disk is full'); END";
    keeper.database().connection().execute_batch(trigger).unwrap();
    assert!(keeper.take(rest, time(1)).is_err());
    let after = (digest(keeper.database().connection()).unwrap(), keeper.checkpoints());
    assert_eq!(before, after);

    keeper.database().connection().execute_batch("DROP TRIGGER full").unwrap();
    keeper.take(rest, time(1)).unwrap();
    assert_eq!(digest(keeper.database().connection()).unwrap(), whole(&history));
}
