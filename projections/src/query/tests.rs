#![expect(
    clippy::arithmetic_side_effects,
    reason = "small numbers, and a test that stops is a failed one"
)]

use std::time::Duration;

use huzhu_domain::id::{CaseId, ClaimId, MemberId, PayoutId, derive};
use huzhu_domain::money::Money;
use huzhu_domain::step::Step;
use jiff::civil::date;
use tempfile::TempDir;

use super::*;
use crate::keeper::Keeper;
use crate::sqlite::{FILE, Mode, Sqlite};
use crate::testing::{Figures, History, STORE, time, year};
use crate::value::Kind;
use crate::views;
use crate::views::claims::{Claim, ClaimState, StepOutcome};
use crate::views::covers::{Cover, EntryState};
use crate::views::members::Member;
use crate::views::organisations::Organisation;
use crate::views::payouts::{Batch, BatchState, LineState, Payout, PayoutState};
use crate::views::rosters::{Roster, RosterState};

struct World {
    folder: TempDir,
    queries: Queries,
    head: Position,
}

fn wish() -> Wish {
    Wish { at_least: None, deadline: Instant::now() + Duration::from_secs(20) }
}

fn world(history: &History) -> World {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE);
    let database = Box::new(Sqlite::open(&path, Mode::Live).unwrap());
    let offset = u64::try_from(history.events().len()).unwrap();
    let mut keeper = Keeper::open(database, Arc::new(views::all), STORE, offset).unwrap();
    keeper.take(0, history.events(), time(1)).unwrap();
    let checkpoints = keeper.checkpoints();
    assert!(checkpoints.iter().all(|view| view.failure.is_none()), "{checkpoints:?}");
    let status = Status {
        store: STORE,
        editions: keeper.editions().cloned().collect(),
        checkpoints,
        head: offset,
        built_per_second: 0,
        standing_by: false,
        behind_since: None,
        left: Vec::new(),
        trouble: None,
    };
    let queries = Queries::new(Place::Folder(folder.path().to_owned()), Progress::of(status), 2);
    World { folder, queries, head: Position { store: STORE, offset } }
}

/// One unit of 40 workers, all members; every second one files: in turn (by number / 7) they are
/// paid, refused, paid after a supplement, withdrawn, paid.
fn small() -> World {
    world(&year(Figures { units: 1, members: 40, one_claim_of: 2 }))
}

fn member(number: u32) -> MemberId {
    MemberId::new(derive(&["member", "0", &number.to_string()]))
}

fn claim(number: u32) -> ClaimId {
    ClaimId::new(derive(&["claim", "0", &number.to_string()]))
}

fn yuan(text: &str) -> Money {
    text.parse().unwrap()
}

#[tokio::test]
async fn a_paid_claim_shows_its_whole_way() {
    let world = small();
    let found = world.queries.claim(claim(0), wish()).await.unwrap();
    assert_eq!(found.freshness.position, Some(world.head));
    let found = found.value.unwrap();
    let row = &found.claim;
    assert_eq!(row.state, ClaimState::Paid);
    assert_eq!((row.next_step, row.queue.clone()), (None, None));
    assert_eq!(row.asked_fen, yuan("4200.00"));
    assert_eq!((row.approved_fen, row.paid_fen), (Some(yuan("400.00")), yuan("400.00")));
    assert_eq!(row.payout, Some(PayoutId::of(claim(0))));
    assert_eq!((row.filed_on, row.paid_on), (date(2014, 2, 1), Some(date(2014, 12, 22))));
    assert_eq!((row.diagnosis.as_deref(), row.stays, row.documents), (Some("K35"), 1, 1));
    let decided: Vec<_> = found
        .decisions
        .iter()
        .map(|step| (step.step, step.outcome, step.waited_days, step.decided_by.as_str()))
        .collect();
    assert_eq!(
        decided,
        [
            (Step::UnitEndorsement, StepOutcome::Passed, 1, "U-0"),
            (Step::DistrictCheck, StepOutcome::Passed, 4, "D-1"),
            (Step::FirstReview, StepOutcome::Passed, 1, "O-1"),
        ]
    );
    assert_eq!(found.lines.len(), 1);
    assert_eq!(found.lines[0].subject, "stay S-0-0");
    assert_eq!(found.assessment.unwrap().assessment.0.total, yuan("400.00"));
    assert_eq!(found.facts.unwrap().facts.0.stays.len(), 1);
}

#[tokio::test]
async fn a_claim_that_was_sent_back_shows_what_was_wanted_and_what_came() {
    let world = small();
    let found = world.queries.claim(claim(14), wish()).await.unwrap().value.unwrap();
    assert_eq!((found.claim.returns, found.claim.documents), (1, 2));
    let outcomes: Vec<_> = found.decisions.iter().map(|step| step.outcome).collect();
    assert_eq!(
        outcomes,
        [StepOutcome::Passed, StepOutcome::Returned, StepOutcome::Passed, StepOutcome::Passed]
    );
    let wanted = found.decisions[1].wanted.as_ref().unwrap();
    assert_eq!(wanted.0[0].text, "出院记录");
    assert_eq!(found.lines.len(), 1, "the second assessment takes the place of the first");
}

#[tokio::test]
async fn refused_withdrawn_and_reversed_claims_hold_nothing() {
    let world = small();
    let state = async |number| {
        let found = world.queries.get::<Claim>((claim(number),), wish()).await.unwrap();
        let row = found.value.unwrap();
        (row.state, row.paid_fen, row.queue)
    };
    assert_eq!(state(8).await, (ClaimState::Refused, Money::ZERO, None));
    assert_eq!(state(22).await, (ClaimState::Withdrawn, Money::ZERO, None));
    // The sixth line of the bank file.
    let filter = ClaimFilter { state: Some(ClaimState::Reversed), ..ClaimFilter::default() };
    let page = world.queries.list::<Claim>(filter, Ask::default(), wish()).await.unwrap().value;
    let [reversed] = page.rows.as_slice() else { panic!("{page:?}") };
    assert_eq!(reversed.paid_fen, Money::ZERO);
    let cover = world.queries.cover(reversed.cover, wish()).await.unwrap().value.unwrap();
    assert_eq!((cover.cover.reserved_fen, cover.cover.paid_fen), (Money::ZERO, Money::ZERO));
    assert_eq!(cover.entries[0].state, EntryState::Reversed);
    assert_eq!(cover.accumulators[0].paid, 0);
}

#[tokio::test]
async fn a_cover_shows_what_is_used_up_of_each_ceiling() {
    let world = small();
    let row = world.queries.get::<Claim>((claim(0),), wish()).await.unwrap().value.unwrap();
    let found = world.queries.cover(row.cover, wish()).await.unwrap().value.unwrap();
    assert_eq!((found.cover.reserved_fen, found.cover.paid_fen), (Money::ZERO, yuan("400.00")));
    let [days] = found.accumulators.as_slice() else { panic!("{:?}", found.accumulators) };
    assert_eq!(days.accumulator.as_str(), "days.term-days.term");
    assert_eq!((days.ceiling, days.paid, days.remaining), (Some(180), 10, Some(170)));
    assert_eq!(days.reserved, 0);
}

#[tokio::test]
async fn a_work_queue_holds_what_an_organisation_has_to_act_on() {
    let mut history = History::default();
    let whole = year(Figures { units: 1, members: 16, one_claim_of: 2 });
    // Every claim, stopped where it was sent back or after its first step.
    let kept = [
        "ApprovalPolicyPublished",
        "MemberRegistered",
        "ClaimFiled",
        "ClaimAssessed",
        "ClaimReturned",
    ];
    for event in whole.events() {
        let first_step = &*event.name == "ClaimStepPassed" && event.revision == 2;
        let before_supplement = event.revision < 4 || event.category() != "claim";
        if first_step || kept.contains(&&*event.name) && before_supplement {
            let body =
                huzhu_domain::history::Event::decode(&event.name, event.version, &event.data);
            history.push(&event.stream, body.unwrap());
        }
    }
    let world = world(&history);
    let queue = async |organisation: &str| {
        let filter =
            ClaimFilter { queue: Some(organisation.parse().unwrap()), ..ClaimFilter::default() };
        let page = world.queries.list::<Claim>(filter, Ask::default(), wish()).await.unwrap();
        let rows = page.value.rows.into_iter();
        rows.map(|row| (row.state, row.next_step)).collect::<Vec<_>>()
    };
    let district = queue("miyun").await;
    assert!(!district.is_empty());
    assert!(district.iter().all(|row| *row == (ClaimState::InReview, Some(Step::DistrictCheck))));
    let unit = queue("unit-0").await;
    assert!(unit.iter().any(|(state, _)| *state == ClaimState::AwaitingSupplement), "{unit:?}");
    assert_eq!(queue("office").await, []);
    assert_eq!(district.len() + unit.len(), 8);
}

#[tokio::test]
async fn pages_neither_repeat_nor_leave_out_rows_in_either_direction() {
    let world = small();
    for order_by in ["", "filed_on", "filed_on desc", "assessed_fen", "moved_on desc"] {
        let mut seen = Vec::new();
        let mut token = None;
        loop {
            let ask = Ask { rows: 3, token, order_by: order_by.into() };
            let page = world.queries.list::<Claim>(ClaimFilter::default(), ask, wish()).await;
            let page = page.unwrap().value;
            seen.extend(page.rows);
            token = page.next;
            if token.is_none() {
                break;
            }
        }
        let ids: std::collections::BTreeSet<_> = seen.iter().map(|row| row.claim).collect();
        assert_eq!((seen.len(), ids.len()), (20, 20), "{order_by}");
        match order_by {
            "filed_on" => {
                assert!(seen.is_sorted_by_key(|row| (row.filed_on, row.claim.to_string())))
            }
            "filed_on desc" => {
                assert!(
                    seen.iter().rev().is_sorted_by_key(|row| (row.filed_on, row.claim.to_string()))
                );
            }
            _ => {}
        }
    }
}

#[tokio::test]
async fn a_page_token_serves_its_own_list_only() {
    let world = small();
    let first = Ask { rows: 3, ..Ask::default() };
    let page = world.queries.list::<Claim>(ClaimFilter::default(), first, wish()).await.unwrap();
    let token = page.value.next;
    assert!(token.is_some());
    let other = ClaimFilter { state: Some(ClaimState::Paid), ..ClaimFilter::default() };
    for (filter, token, order_by) in [
        (other, token.clone(), ""),
        (ClaimFilter::default(), token.clone(), "filed_on"),
        (ClaimFilter::default(), Some("zz".into()), ""),
        (ClaimFilter::default(), Some("5b5d".into()), ""),
        (ClaimFilter::default(), Some("0".repeat(9_999)), ""),
        (ClaimFilter::default(), token.map(|token| token.to_uppercase() + "00"), ""),
    ] {
        let ask = Ask { rows: 3, token, order_by: order_by.into() };
        let refused = world.queries.list::<Claim>(filter, ask, wish()).await;
        assert_eq!(refused.err(), Some(QueryError::PageToken));
    }
}

#[tokio::test]
async fn an_order_that_a_list_does_not_have_is_refused() {
    let world = small();
    for order_by in ["claim; DROP TABLE claims", "filed_on sideways", "queue", "desc"] {
        let ask = Ask { order_by: order_by.into(), ..Ask::default() };
        let refused = world.queries.list::<Claim>(ClaimFilter::default(), ask, wish()).await;
        assert!(matches!(refused, Err(QueryError::Order { .. })), "{order_by}: {refused:?}");
    }
}

#[tokio::test]
async fn lists_are_narrowed_down_by_every_field_at_once() {
    let world = small();
    let filter = CoverFilter {
        member: Some(member(0)),
        plan: Some("hospital-allowance".parse().unwrap()),
        unit: Some("unit-0".parse().unwrap()),
        begun_on: Some(date(2014, 6, 1)),
        lasting_on: Some(date(2014, 6, 1)),
        ..CoverFilter::default()
    };
    let page = world.queries.list::<Cover>(filter.clone(), Ask::default(), wish()).await.unwrap();
    assert_eq!(page.value.rows.len(), 1);
    let filter = CoverFilter { lasting_on: Some(date(2015, 1, 1)), ..filter };
    let page = world.queries.list::<Cover>(filter, Ask::default(), wish()).await.unwrap();
    assert_eq!(page.value.rows, []);
    let filter = MemberFilter { unit: Some("unit-0".parse().unwrap()), ..MemberFilter::default() };
    let page = world.queries.list::<Member>(filter, Ask::default(), wish()).await.unwrap().value;
    assert_eq!(page.rows.len(), 40);
}

#[tokio::test]
async fn persons_stand_apart_from_members() {
    let world = small();
    let found = world.queries.member(member(3), wish()).await.unwrap().value.unwrap();
    let person = found.person.unwrap();
    assert_eq!(person.name, "职工3");
    let same = world.queries.member_of_resident(person.resident_key, wish()).await.unwrap();
    assert_eq!(same.value.unwrap().member, found.member);
    let persons = world.queries.persons(vec![member(3), member(4)], wish()).await.unwrap().value;
    assert_eq!(persons.len(), 2);
}

#[tokio::test]
async fn an_organisation_shows_its_people() {
    let world = small();
    let unit = world.queries.organisation("unit-0".parse().unwrap(), wish()).await.unwrap();
    let unit = unit.value.unwrap();
    assert_eq!(unit.organisation.workers, 40);
    let certificate = &unit.handlers[0].certificates[0];
    assert_eq!(certificate.valid_until, date(2014, 12, 31));
    let filter = OrganisationFilter {
        district: Some("miyun".parse().unwrap()),
        ..OrganisationFilter::default()
    };
    let page = world.queries.list::<Organisation>(filter, Ask::default(), wish()).await.unwrap();
    assert_eq!(page.value.rows.len(), 2);
}

#[tokio::test]
async fn a_batch_adds_up() {
    let world = small();
    let filter = BatchFilter { state: Some(BatchState::Answered) };
    let page = world.queries.list::<Batch>(filter, Ask::default(), wish()).await.unwrap().value;
    let batch = page.rows[0].clone();
    let found = world.queries.batch(batch.batch, wish()).await.unwrap().value.unwrap();
    assert_eq!(found.lines.len(), usize::try_from(batch.lines).unwrap());
    assert_eq!(batch.settled_fen.plus(batch.returned_fen).unwrap(), batch.total_fen);
    let sent_back = found.lines.iter().filter(|line| line.state == LineState::Returned).count();
    assert_eq!(sent_back, usize::try_from(batch.returned).unwrap());
    let filter = PayoutFilter { state: Some(PayoutState::Due), ..PayoutFilter::default() };
    let due = world.queries.list::<Payout>(filter, Ask::default(), wish()).await.unwrap().value;
    assert_eq!(due.rows.len(), sent_back, "what was sent back and put right is due again");
    assert!(due.rows.iter().all(|payout| payout.returns == 1));
}

#[tokio::test]
async fn a_roster_shows_what_is_due_and_what_came_of_it() {
    let world = small();
    let page = world
        .queries
        .list::<Roster>(RosterFilter::default(), Ask::default(), wish())
        .await
        .unwrap();
    let [roster] = page.value.rows.as_slice() else { panic!() };
    assert_eq!((roster.state, roster.members, roster.covers), (RosterState::Granted, 40, Some(40)));
    assert_eq!((roster.due_fen, roster.recorded_fen), (yuan("2400.00"), yuan("2400.00")));
}

#[tokio::test]
async fn a_case_adds_up_its_claims() {
    let world = small();
    let case = CaseId::new(derive(&["case", &claim(0).to_string()]));
    let found = world.queries.get::<views::claims::Case>((case,), wish()).await.unwrap();
    let found = found.value.unwrap();
    assert_eq!((found.claims, found.paid_fen), (1, yuan("400.00")));
}

#[tokio::test]
async fn the_latest_version_of_a_plan_is_found_without_its_label() {
    let world = small();
    let plan = || "female-disease".parse().unwrap();
    let latest = world.queries.plan_version(plan(), None, wish()).await.unwrap().value.unwrap();
    assert_eq!(latest.number, 3);
    let named = world.queries.plan_version(plan(), Some(latest.version.clone()), wish()).await;
    assert_eq!(named.unwrap().value, Some(latest));
    let none = world.queries.plan_version("none".parse().unwrap(), None, wish()).await.unwrap();
    assert_eq!(none.value, None);
}

#[tokio::test]
async fn statistics_count_persons_and_payments_apart_and_members_at_the_end_of_the_month() {
    let world = small();
    let filter = StatisticsFilter {
        plan: Some("hospital-allowance".parse().unwrap()),
        district: Some("miyun".into()),
        ..StatisticsFilter::default()
    };
    let page = world.queries.plan_statistics(filter, Ask::default(), wish()).await.unwrap().value;
    let month = |month: &str| page.rows.iter().find(|row| row.month == month).unwrap();
    let january = month("2014-01");
    assert_eq!((january.covers, january.contributions), (40, yuan("2400.00")));
    assert_eq!((january.members_in_force, january.workers), (40, 10));
    let december = month("2014-12");
    assert_eq!((december.payments, december.persons), (13, 13));
    assert_eq!((december.paid, december.loss_ratio()), (yuan("5200.00"), None));
    assert_eq!((december.members_in_force, december.workers), (40, 40));
    assert_eq!(december.coverage(), Some(rust_decimal::Decimal::ONE));
    let after = month("2015-01");
    assert_eq!((after.members_in_force, after.recovered), (0, yuan("400.00")));
    assert_eq!(page.rows.iter().map(|row| row.filed).sum::<u64>(), 20);
    assert_eq!(page.rows.iter().map(|row| row.refused).sum::<u64>(), 3);
}

#[tokio::test]
async fn who_is_paid_under_two_versions_in_one_month_is_one_person() {
    let world = small();
    let views = rusqlite::Connection::open(world.folder.path().join(FILE)).unwrap();
    views
        .execute_batch(
            "CREATE TEMP TABLE paid AS
                SELECT * FROM benefit_persons WHERE month = '2014-12' ORDER BY member LIMIT 5;
             INSERT INTO benefit_persons_1
                SELECT plan, 'another', district, month, member, payments, benefits_fen FROM paid;
             INSERT INTO benefit_statistics_1
                SELECT plan, 'another', district, month, 5, 5, 200000, 0, 0, 5, 5, 200000, 0, 0, 50
                  FROM benefit_statistics WHERE month = '2014-12'",
        )
        .unwrap();
    let (filter, ask) = (StatisticsFilter::default(), Ask { rows: 100, ..Ask::default() });
    let page = world.queries.plan_statistics(filter, ask, wish()).await.unwrap().value;
    let december = page.rows.iter().find(|row| row.month == "2014-12").unwrap();
    assert_eq!((december.payments, december.persons), (18, 13));
}

#[tokio::test]
async fn statistics_come_in_pages_too() {
    let world = small();
    let mut months = Vec::new();
    let mut token = None;
    loop {
        let ask = Ask { rows: 2, token, order_by: String::new() };
        let page = world.queries.plan_statistics(StatisticsFilter::default(), ask, wish()).await;
        let page = page.unwrap().value;
        months.extend(page.rows.into_iter().map(|row| row.month));
        token = page.next;
        if token.is_none() {
            break;
        }
    }
    assert_eq!(months, ["2014-01", "2014-02", "2014-03", "2014-12", "2015-01"]);
}

#[tokio::test]
async fn an_answer_waits_for_the_position_it_has_to_reflect() {
    let world = small();
    let wish = |offset, millis| Wish {
        at_least: Some(Position { store: STORE, offset }),
        deadline: Instant::now() + Duration::from_millis(millis),
    };
    let there = wish(world.head.offset, 20_000);
    assert!(world.queries.claim(claim(0), there).await.unwrap().value.is_some());
    let late = world.queries.claim(claim(0), wish(world.head.offset + 1, 30)).await;
    assert!(matches!(late, Err(QueryError::Late(_))), "{late:?}");
}

/// Counts for ever.
fn endless(views: &mut dyn Reader) -> Result<(), DatabaseError> {
    let sql = "WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n)
               SELECT count(*) FROM n";
    views.select(sql, &[], &[Kind::Integer], &mut |_| Ok(()))
}

#[tokio::test]
async fn a_question_that_takes_too_long_is_given_up_and_the_next_one_is_answered() {
    let world = small();
    let wish_now = Wish { at_least: None, deadline: Instant::now() + Duration::from_millis(60) };
    let endless = world.queries.read(&["claims"], wish_now, endless).await;
    assert_eq!(endless.err(), Some(QueryError::Deadline));
    assert!(world.queries.claim(claim(0), wish()).await.unwrap().value.is_some());
}

#[tokio::test]
async fn a_question_that_nobody_waits_for_any_more_gives_its_place_to_the_next() {
    let world = small();
    // As many as there are places, each given up by its caller long before its own deadline.
    for _ in 0..4 {
        let asked = world.queries.read(&["claims"], wish(), endless);
        let given_up = tokio::time::timeout(Duration::from_millis(100), asked).await;
        assert!(given_up.is_err());
    }
    let asked = world.queries.claim(claim(0), wish());
    let answered = tokio::time::timeout(Duration::from_secs(5), asked).await;
    assert!(answered.expect("a place is free").unwrap().value.is_some());
}
