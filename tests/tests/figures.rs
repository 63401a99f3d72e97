//! Figures that analysts and back offices ask for, through the public contract.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a story that cannot go on has failed"
)]

use huzhu_tests::command::{ApprovalRule, Deadlines, PublishApprovalPolicyRequest};
use huzhu_tests::facts::{at, date, diagnosis, illness, receipt, written};
use huzhu_tests::people::person;
use huzhu_tests::query::{
    Claim, ClaimState, EntryKind, GetCoverRequest, LedgerOrder, ListClaimsRequest,
    ListDiseaseStatisticsRequest, ListHandlerActivityRequest, ListLedgerBalancesRequest,
    ListLedgerEntriesRequest, ListOrganisationGrowthRequest, ListWorkQueueRequest, Measure,
    WorkOrder,
};
use huzhu_tests::union::{DISTRICT, Union, Unit, claim_request};
use huzhu_tests::wire::{Level, Severity, Sex, Step};
use huzhu_tests::{bad_fields, new_id, story};
use tonic::Code;

const FREE: &str = "nuan-huzhu";
const ALLOWANCE: (&str, &str) = ("hospital-allowance", "2013-one-day");
const START: &str = "2014-01-01";

/// Gives every level seven days to decide.
async fn publish_deadlines(union: &Union) {
    let steps = (1..=6).collect();
    union
        .operator
        .must(PublishApprovalPolicyRequest {
            request_id: new_id(),
            business_time: at(START),
            label: "in-time".to_owned(),
            from: date(START),
            rules: vec![ApprovalRule { steps, ..ApprovalRule::default() }],
            deadlines: Some(Deadlines { decide_within_days: 7, ..Deadlines::default() }),
            ..Default::default()
        })
        .await;
}

/// What a small unit did in 2014: four women enrolled for 240.00, the first was paid 800.00 for an
/// illness of the breast, the second's claim waits for the unit.
struct Year {
    covers: Vec<String>,
    waiting: String,
    position: String,
}

async fn lived(union: &Union, unit: &Unit<'_>) -> Year {
    let mut members = Vec::new();
    for _ in 0..4 {
        members.push(unit.member(person("会员", Sex::Female, "1980-05-01")).await);
    }
    let ids: Vec<_> = members.iter().map(String::as_str).collect();
    unit.enrol(ALLOWANCE, START, &ids, 1, "240").await;
    let mut covers = Vec::new();
    for member in &members[..2] {
        covers.push(unit.grant(member, FREE, START).await);
    }
    let facts = |serial| {
        let mut facts = illness("2014-04-02", "2014-11-20");
        facts.diagnoses = vec![diagnosis("C50.9", Severity::Heavy, "2014-04-03")];
        facts.bills = vec![receipt(serial, "2014-05-01", "5800")];
        facts
    };
    let claim = unit.file(&covers[0], &["outpatient"], facts("F-1"), "2014-11-20").await;
    unit.approve(&claim, "2014-11-21").await;
    assert_eq!(union.pay(&[&claim], "2014-12-01").await, "800.00");
    let request = claim_request(&covers[1], &["outpatient"], facts("F-2"), "2014-12-03");
    let filed = unit.filer.must(request).await;
    let position = filed.receipt.unwrap().position;
    Year { covers, waiting: filed.claim_id, position }
}

#[test]
fn the_ledger_shows_what_moved_and_what_stands() {
    story(async {
        let union = Union::found().await;
        let unit = union.unit("unit", "单位", 4).await;
        let Year { position: at_least, .. } = lived(&union, &unit).await;
        let ask = |plan: &str| ListLedgerEntriesRequest {
            plan: plan.to_owned(),
            at_least: at_least.clone(),
            order_by: LedgerOrder::BookedOn.into(),
            ..Default::default()
        };
        let listed = union.analyst.must(ask(FREE)).await.entries;
        let said: Vec<_> = listed
            .iter()
            .map(|entry| (entry.kind(), entry.booked_on, written(entry.amount.as_ref())))
            .collect();
        let of = |kind, day: &str| (kind, date(day), "800.00".to_owned());
        assert_eq!(said[2], of(EntryKind::Paid, "2014-12-01"));
        assert!(said[..2].contains(&of(EntryKind::Reserved, "2014-11-21")), "{said:?}");
        assert!(said[..2].contains(&of(EntryKind::Approved, "2014-11-21")), "{said:?}");
        assert_eq!(
            (listed[2].unit_id.as_str(), listed[2].district_id.as_str()),
            ("unit", DISTRICT)
        );

        let only = ListLedgerEntriesRequest {
            kind: EntryKind::Contribution.into(),
            unit_id: "unit".to_owned(),
            from: date("2014-01-01"),
            until: date("2014-01-01"),
            ..ask(ALLOWANCE.0)
        };
        let contributions = union.analyst.must(only.clone()).await.entries;
        assert_eq!(contributions.len(), 1);
        assert_eq!(written(contributions[0].amount.as_ref()), "240.00");
        let earlier = ListLedgerEntriesRequest { until: date("2013-12-31"), ..only };
        let earlier = ListLedgerEntriesRequest { from: None, ..earlier };
        assert!(union.analyst.must(earlier).await.entries.is_empty());

        // One row a page, in either order, is the same list.
        let mut walked = Vec::new();
        let mut page_token = String::new();
        loop {
            let asked = ListLedgerEntriesRequest { page_size: 1, page_token, ..ask(FREE) };
            let page = union.analyst.must(asked).await;
            assert!(page.entries.len() <= 1);
            walked.extend(page.entries);
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        assert_eq!(walked, listed);

        let balances = ListLedgerBalancesRequest { at_least, ..Default::default() };
        let balances = union.analyst.must(balances).await.balances;
        let said: Vec<_> = balances
            .iter()
            .map(|row| (row.plan.as_str(), row.month.as_str(), written(row.balance.as_ref())))
            .collect();
        assert_eq!(
            said,
            [
                (ALLOWANCE.0, "2014-01", "240.00".to_owned()),
                (FREE, "2014-11", "0.00".to_owned()),
                (FREE, "2014-12", "-800.00".to_owned()),
            ]
        );
        assert_eq!(written(balances[1].owed.as_ref()), "800.00");
        assert_eq!(written(balances[2].owed.as_ref()), "0.00");
    });
}

#[test]
fn a_work_queue_says_by_when_it_is_to_be_done() {
    story(async {
        let union = Union::found().await;
        publish_deadlines(&union).await;
        let unit = union.unit("unit", "单位", 4).await;
        let Year { waiting, position: at_least, .. } = lived(&union, &unit).await;
        let all = ListWorkQueueRequest {
            organisation_id: "unit".to_owned(),
            level: Level::Unit.into(),
            order_by: WorkOrder::DueOn.into(),
            at_least,
            ..Default::default()
        };
        let items = union.analyst.must(all.clone()).await.items;
        let [item] = items.as_slice() else { panic!("{items:?}") };
        assert_eq!((&item.claim_id, item.state()), (&waiting, ClaimState::InReview));
        assert_eq!((item.step(), item.level()), (Step::UnitEndorsement, Level::Unit));
        assert_eq!((item.waiting_since, item.due_on), (date("2014-12-03"), date("2014-12-10")));
        assert_eq!(written(item.assessed.as_ref()), "800.00");

        let due = |day: &str| ListWorkQueueRequest { due_until: date(day), ..all.clone() };
        assert_eq!(union.analyst.must(due("2014-12-10")).await.items.len(), 1);
        assert_eq!(union.analyst.must(due("2014-12-09")).await.items.len(), 0);
        let office = ListWorkQueueRequest { level: Level::Office.into(), ..all };
        assert!(union.analyst.must(office).await.items.is_empty());
    });
}

#[test]
fn coverage_diseases_and_handlers_are_told_in_figures() {
    story(async {
        let union = Union::found().await;
        let unit = union.unit("unit", "单位", 4).await;
        let Year { covers, position: at_least, .. } = lived(&union, &unit).await;

        let growth = ListOrganisationGrowthRequest {
            level: Level::District.into(),
            from_month: "2014-01".to_owned(),
            until_month: "2014-12".to_owned(),
            at_least: at_least.clone(),
            ..Default::default()
        };
        let growth = union.analyst.must(growth).await.growth;
        let [january] = growth.as_slice() else { panic!("{growth:?}") };
        assert_eq!(
            (january.organisation_id.as_str(), january.month.as_str()),
            (DISTRICT, "2014-01")
        );
        assert_eq!((january.members_change, january.members_in_force, january.workers), (4, 4, 4));
        assert_eq!(january.coverage, "1.0000");

        let diseases = ListDiseaseStatisticsRequest {
            category: "C50".to_owned(),
            chapter: "II".to_owned(),
            sex: Sex::Female.into(),
            from_year: 2014,
            until_year: 2014,
            at_least: at_least.clone(),
            ..Default::default()
        };
        let found = union.analyst.must(diseases.clone()).await.statistics;
        let [breast] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!((breast.age_band.as_str(), breast.year), ("30-39", 2014));
        assert_eq!((breast.cases, breast.claims, breast.approved, breast.payments), (2, 2, 1, 1));
        assert_eq!(written(breast.benefits.as_ref()), "800.00");
        let men = ListDiseaseStatisticsRequest { sex: Sex::Male.into(), ..diseases };
        assert!(union.analyst.must(men).await.statistics.is_empty());

        let activity = ListHandlerActivityRequest {
            organisation_id: "unit".to_owned(),
            at_least: at_least.clone(),
            ..Default::default()
        };
        let activity = union.analyst.must(activity).await.activity;
        let did: Vec<_> = activity
            .iter()
            .map(|row| (row.handler.as_str(), row.month.as_str(), row.filed, row.passed))
            .collect();
        assert_eq!(
            did,
            [
                ("unit-endorse", "2014-11", 0, 1),
                ("unit-file", "2014-11", 1, 0),
                ("unit-file", "2014-12", 1, 0),
            ]
        );

        let cover = GetCoverRequest { cover_id: covers[0].clone(), at_least };
        let balances = union.analyst.must(cover).await.balances;
        let year = balances.iter().find(|row| row.accumulator == "amount.year-total.year.2014");
        let year = year.unwrap_or_else(|| panic!("{balances:?}"));
        assert_eq!((year.measure(), year.used), (Measure::Fen, 80_000));
        assert_eq!(year.remaining, year.ceiling.map(|ceiling| ceiling - 80_000));
    });
}

#[test]
fn a_claim_says_what_was_asked_assessed_approved_and_paid() {
    story(async {
        let union = Union::found().await;
        publish_deadlines(&union).await;
        let unit = union.unit("unit", "单位", 4).await;
        let Year { waiting, position: at_least, .. } = lived(&union, &unit).await;
        let asked =
            ListClaimsRequest { unit_id: "unit".to_owned(), at_least, ..Default::default() };
        let claims = union.analyst.must(asked).await.claims;
        let (open, done): (Vec<_>, Vec<_>) =
            claims.into_iter().partition(|claim| claim.claim_id == waiting);
        let amounts = |claim: &Claim| {
            let amounts = [&claim.asked, &claim.assessed, &claim.approved, &claim.paid];
            amounts.map(|amount| amount.as_ref().map(|amount| written(Some(amount))))
        };
        let said = |amount: &str| Some(amount.to_owned());
        let all = [said("5800.00"), said("800.00"), said("800.00"), said("800.00")];
        assert_eq!(amounts(&done[0]), all);
        assert_eq!(amounts(&open[0]), [said("5800.00"), said("800.00"), None, said("0.00")]);
        assert_eq!((open[0].due_on, done[0].due_on), (date("2014-12-10"), None));
    });
}

#[test]
fn what_no_figure_can_be_asked_by_is_named() {
    story(async {
        let union = Union::found().await;
        let asked = ListDiseaseStatisticsRequest {
            category: "C50.9".to_owned(),
            chapter: "XXIII".to_owned(),
            from_year: 10_000,
            ..Default::default()
        };
        let status = union.analyst.refused(asked).await;
        assert_eq!(status.code(), Code::InvalidArgument);
        assert_eq!(bad_fields(&status), ["category", "chapter", "from_year"]);
    });
}
