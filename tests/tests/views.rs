//! What the views show: one's own commands at once, and the same bytes when built anew.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a story that cannot go on has failed"
)]

use std::process::Command;

use huzhu_projections::database::Place;
use huzhu_projections::dump::dump;
use huzhu_tests::facts::{illness, receipt, written};
use huzhu_tests::people::person;
use huzhu_tests::program::{Program, program};
use huzhu_tests::query::{
    ClaimState, GetClaimRequest, GetCoverRequest, GetMemberRequest, ListClaimsRequest,
    ListMembersRequest, ListPayoutsRequest, ListPlanStatisticsRequest, PayoutState,
    get_member_request::Key,
};
use huzhu_tests::union::{DISTRICT, TOWNSHIP, Union, Unit};
use huzhu_tests::wire::{Sex, Step};
use huzhu_tests::{reason, story};
use tonic::Code;

const PLAN: &str = "nuan-huzhu";

async fn filed(unit: &Unit<'_>, serial: &str) -> (String, String, String, String) {
    let member = unit.member(person("彭女士", Sex::Female, "1972-03-08")).await;
    let cover = unit.grant(&member, PLAN, "2014-01-01").await;
    let mut facts = illness("2014-01-02", "2014-11-20");
    facts.bills = vec![receipt(serial, "2014-05-01", "5800")];
    let request = huzhu_tests::union::claim_request(&cover, &["outpatient"], facts, "2014-11-20");
    let filed = unit.filer.must(request).await;
    let position = filed.receipt.unwrap().position;
    (member, cover, filed.claim_id, position)
}

#[test]
fn a_query_at_the_position_of_a_receipt_sees_the_command() {
    story(async {
        let union = Union::found().await;
        let unit = union.unit("unit", "单位", 10).await;
        for number in 0..10 {
            let (_, _, claim_id, at_least) = filed(&unit, &format!("V-{number}")).await;
            let asked = GetClaimRequest { claim_id: claim_id.clone(), at_least };
            let answer = union.analyst.must(asked).await;
            let claim = answer.claim.unwrap();
            assert_eq!(claim.claim_id, claim_id);
            assert_eq!(claim.state(), ClaimState::InReview);
            assert_eq!(claim.step(), Step::UnitEndorsement);
            assert_eq!(claim.queue_id, "unit");
            assert_eq!(written(claim.assessed.as_ref()), "800.00");
            assert!(!answer.freshness.unwrap().position.is_empty());
        }
    });
}

#[test]
fn a_position_that_no_log_of_this_store_has_is_refused() {
    story(async {
        let union = Union::found().await;
        let unit = union.unit("unit", "单位", 1).await;
        let (.., claim_id, _) = filed(&unit, "V-1").await;
        let asked = GetClaimRequest { claim_id, at_least: "no position".to_owned() };
        let status = union.analyst.refused(asked).await;
        assert_eq!(status.code(), Code::InvalidArgument);
        let absent = GetCoverRequest { cover_id: huzhu_tests::new_id(), at_least: String::new() };
        let status = union.analyst.refused(absent).await;
        assert_eq!(status.code(), Code::NotFound, "{}", reason(&status));
    });
}

#[test]
fn the_work_queue_of_an_organisation_follows_the_claim() {
    story(async {
        let union = Union::found().await;
        let unit = union.unit("unit", "单位", 1).await;
        let (.., claim, mut at_least) = filed(&unit, "V-1").await;
        let queue = async |organisation: &str, at_least: &str| -> Vec<String> {
            let asked = ListClaimsRequest {
                queue_id: organisation.to_owned(),
                at_least: at_least.to_owned(),
                ..Default::default()
            };
            let claims = union.analyst.must(asked).await.claims;
            claims.into_iter().map(|claim| claim.claim_id).collect()
        };
        assert_eq!(queue("unit", &at_least).await, std::slice::from_ref(&claim));
        let queues = [TOWNSHIP, DISTRICT];
        for (step, organisation) in queues.into_iter().enumerate() {
            let passed = unit.pass(&claim, step..step + 1, "2014-11-21").await.unwrap().unwrap();
            at_least = passed.position;
            assert_eq!(queue(organisation, &at_least).await, std::slice::from_ref(&claim));
            assert_eq!(queue("unit", &at_least).await, Vec::<String>::new());
        }
    });
}

#[test]
fn an_analyst_never_sees_who_a_member_is() {
    story(async {
        let union = Union::found().await;
        let unit = union.unit("unit", "单位", 1).await;
        let (member, .., at_least) = filed(&unit, "V-1").await;
        let asked = |at_least: &str| GetMemberRequest {
            key: Some(Key::MemberId(member.clone())),
            at_least: at_least.to_owned(),
        };
        let shown = union.operator.must(asked(&at_least)).await.member.unwrap();
        assert_eq!(shown.person.unwrap().name, "彭女士");
        assert!(shown.born.is_some());
        let shown = union.analyst.must(asked("")).await.member.unwrap();
        assert_eq!(shown.person, None);
        assert_eq!(shown.born, None);
        assert_eq!(shown.unit_id, "unit");
        for listed in union.analyst.must(ListMembersRequest::default()).await.members {
            assert_eq!((listed.person, listed.born), (None, None));
        }
        let secret = "110228198506150022".to_owned();
        let by_id =
            GetMemberRequest { key: Some(Key::ResidentId(secret)), at_least: String::new() };
        assert_eq!(union.analyst.refused(by_id).await.code(), Code::PermissionDenied);
    });
}

#[test]
fn pages_hold_each_row_once_in_order() {
    story(async {
        let union = Union::found().await;
        let unit = union.unit("unit", "单位", 30).await;
        let mut expected = Vec::new();
        let mut position = String::new();
        for number in 0..23 {
            let (.., claim, at) = filed(&unit, &format!("V-{number}")).await;
            expected.push(claim);
            position = at;
        }
        expected.sort();
        let mut seen = Vec::new();
        let mut page_token = String::new();
        loop {
            let asked = ListClaimsRequest {
                page_size: 5,
                page_token,
                at_least: position.clone(),
                ..Default::default()
            };
            let page = union.analyst.must(asked).await;
            assert!(page.claims.len() <= 5);
            seen.extend(page.claims.into_iter().map(|claim| claim.claim_id));
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        assert_eq!(seen, expected);

        // A page that is too large is cut, not refused.
        let (page_size, at_least) = (i32::MAX, position);
        let all = ListClaimsRequest { page_size, at_least: at_least.clone(), ..Default::default() };
        assert_eq!(union.analyst.must(all).await.claims.len(), 23);
        let all = ListPlanStatisticsRequest { page_size, at_least, ..Default::default() };
        assert!(!union.analyst.must(all).await.statistics.is_empty());
    });
}

#[test]
fn statistics_tell_persons_from_payments() {
    story(async {
        let union = Union::found().await;
        let unit = union.unit("unit", "单位", 4).await;
        let member = unit.member(person("会员", Sex::Female, "1980-05-01")).await;
        let cover = unit.grant(&member, PLAN, "2014-01-01").await;
        let mut claims = Vec::new();
        for (serial, self_paid) in [("V-1", "5800"), ("V-2", "1000")] {
            let mut facts = illness("2014-01-02", "2014-11-20");
            facts.bills = vec![receipt(serial, "2014-05-01", self_paid)];
            let claim = unit.file(&cover, &["outpatient"], facts, "2014-11-20").await;
            unit.approve(&claim, "2014-11-21").await;
            claims.push(claim);
        }
        let paid = union.pay(&[&claims[0], &claims[1]], "2014-12-01").await;
        assert_eq!(paid, "1000.00");
        let last = union.history(&format!("claim-{}", claims[1])).await.pop().unwrap();
        let asked = ListPlanStatisticsRequest {
            plan: PLAN.to_owned(),
            at_least: last.position.clone(),
            from_month: "2014-12".to_owned(),
            until_month: "2014-12".to_owned(),
            ..Default::default()
        };
        let statistics = union.analyst.must(asked).await.statistics;
        let december = statistics.iter().find(|row| row.district_id == DISTRICT).unwrap();
        assert_eq!((december.persons_paid, december.payments), (1, 2));
        // Filed on 20 November, paid on 1 December.
        assert_eq!(december.average_days_to_payment, "11");
        assert_eq!(written(december.benefits.as_ref()), "1000.00");
        assert_eq!(december.loss_ratio, "", "a free plan has none");

        let settled = ListPayoutsRequest {
            member_id: member,
            state: PayoutState::Settled.into(),
            at_least: last.position,
            ..Default::default()
        };
        assert_eq!(union.analyst.must(settled).await.payouts.len(), 2);
    });
}

#[test]
fn views_built_anew_are_the_live_ones_to_the_byte() {
    story(async {
        let mut program_run = Program::start_in(tempfile::tempdir().unwrap()).await;
        let union = Union::found_with(program_run.service()).await;
        let unit = union.unit("unit", "单位", 4).await;
        let mut position = String::new();
        for number in 0..4 {
            let (.., claim, _) = filed(&unit, &format!("V-{number}")).await;
            position = unit.approve(&claim, "2014-11-21").await.position;
            if number < 2 {
                union.pay(&[&claim], "2014-12-01").await;
            }
        }
        let asked = ListClaimsRequest { at_least: position, ..Default::default() };
        assert_eq!(union.analyst.must(asked).await.claims.len(), 4);
        drop(unit);
        drop(union);
        program_run.terminate();
        assert!(program_run.wait().await.success());

        let views = |arguments: &[&str]| {
            let run = Command::new(program())
                .args(["views"])
                .args(arguments)
                .arg("--data")
                .arg(program_run.folder())
                .output()
                .unwrap();
            let errors = String::from_utf8_lossy(&run.stderr).into_owned();
            assert!(run.status.success(), "views {arguments:?}: {errors}");
            String::from_utf8(run.stdout).unwrap()
        };
        let shown = || {
            let place = Place::Folder(program_run.folder().to_owned());
            let mut rows = Vec::new();
            dump(place.open_to_read().unwrap().as_mut(), &mut rows).unwrap();
            String::from_utf8(rows).unwrap()
        };
        let live = shown();
        assert!(live.lines().count() > 50, "{live}");
        let before = program_run.service().log_length();
        views(&["rebuild"]);
        assert_eq!(program_run.service().log_length(), before, "views never touch the log");
        assert_eq!(shown(), live);

        // From nothing, after the file was lost.
        for file in ["views.db", "views.db-wal", "views.db-shm"] {
            let _ = std::fs::remove_file(program_run.folder().join(file));
        }
        views(&["rebuild"]);
        assert_eq!(shown(), live);
    });
}
