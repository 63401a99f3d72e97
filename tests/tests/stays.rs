//! One hospital stay is claimed once under a plan, and under as many plans as there are.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a story that cannot go on has failed")]

use futures::future::join_all;
use huzhu_tests::command::PassStepRequest;
use huzhu_tests::facts::{illness, stay_of, yuan};
use huzhu_tests::people::person;
use huzhu_tests::query::{ClaimState, GetClaimRequest};
use huzhu_tests::requests::pass_request;
use huzhu_tests::union::{Union, Unit, claim_request};
use huzhu_tests::wire::{Facts, Sex};
use huzhu_tests::{figure, reason, story};
use tonic::Code;

const MEDICAL: (&str, &str) = ("hospital-medical", "2011");
const DAY: &str = "2014-11-20";

fn with_stay(serial: &str) -> Facts {
    let mut facts = illness("2014-01-02", DAY);
    facts.stays = vec![stay_of(serial, "2014-02-01", 10, "9300")];
    facts
}

async fn two_covers(unit: &Unit<'_>) -> (String, String) {
    let member = unit.member(person("会员", Sex::Female, "1980-05-01")).await;
    let free = unit.grant(&member, "nuan-huzhu", "2014-01-01").await;
    let paid = unit.enrol(MEDICAL, "2014-01-01", &[&member], 1, "50").await.remove(0);
    (free, paid)
}

#[test]
fn the_same_stay_in_a_second_claim_under_one_plan_is_refused() {
    story(async {
        let union = Union::found().await;
        let unit = union.unit("unit", "单位", 1).await;
        let (free, _) = two_covers(&unit).await;
        let first = unit.file(&free, &["inpatient"], with_stay("S-1"), DAY).await;
        let before = union.service.log_length();
        let again = claim_request(&free, &["inpatient"], with_stay("S-1"), DAY);
        let status = unit.filer.refused(again).await;
        assert_eq!(status.code(), Code::AlreadyExists);
        assert_eq!(reason(&status), "STAY_ALREADY_CLAIMED");
        assert_eq!(figure(&status, "serial"), "S-1");
        assert_eq!(figure(&status, "claim"), first);
        assert_eq!(union.service.log_length(), before);

        // Not by another member of another unit either: the serial is the statement's.
        let other = union.unit("other", "另一单位", 1).await;
        let (free, _) = two_covers(&other).await;
        let status =
            other.filer.refused(claim_request(&free, &["inpatient"], with_stay("S-1"), DAY)).await;
        assert_eq!(reason(&status), "STAY_ALREADY_CLAIMED");
    });
}

#[test]
fn the_same_stay_under_two_plans_is_paid_by_both() {
    story(async {
        let union = Union::found().await;
        let unit = union.unit("unit", "单位", 1).await;
        let (free, paid) = two_covers(&unit).await;
        let one = unit.file(&free, &["inpatient"], with_stay("S-1"), DAY).await;
        let two = unit.file(&paid, &[], with_stay("S-1"), DAY).await;
        unit.approve(&one, DAY).await;
        unit.approve(&two, DAY).await;
        assert_eq!(union.pay(&[&one], "2014-12-01").await, "1600.00");
        assert_eq!(union.pay(&[&two], "2014-12-01").await, "4800.00");
    });
}

#[test]
fn of_sixteen_claims_at_once_for_one_stay_one_is_filed() {
    story(async {
        let union = Union::found().await;
        let unit = union.unit("unit", "单位", 1).await;
        let (free, _) = two_covers(&unit).await;
        let requests = (0..16).map(|_| claim_request(&free, &["inpatient"], with_stay("S-1"), DAY));
        let answers = join_all(requests.map(|request| unit.filer.call(request))).await;
        let filed = answers.iter().filter(|answer| answer.is_ok()).count();
        assert_eq!(filed, 1);
        for status in answers.into_iter().filter_map(Result::err) {
            assert_eq!(reason(&status), "STAY_ALREADY_CLAIMED");
        }
    });
}

#[test]
fn a_withdrawn_claim_lets_its_stay_go() {
    story(async {
        let union = Union::found().await;
        let unit = union.unit("unit", "单位", 1).await;
        let (free, _) = two_covers(&unit).await;
        let first = unit.file(&free, &["inpatient"], with_stay("S-1"), DAY).await;
        unit.withdraw(&first, DAY).await;
        let second = unit.file(&free, &["inpatient"], with_stay("S-1"), DAY).await;
        unit.approve(&second, DAY).await;
        assert_eq!(union.pay(&[&second], "2014-12-01").await, "1600.00");
    });
}

#[test]
fn a_stay_that_is_worth_nothing_counts_once_its_claim_is_closed() {
    story(async {
        let union = Union::found().await;
        let unit = union.unit("unit", "单位", 1).await;
        let (free, _) = two_covers(&unit).await;
        let of = |serial: &str, admitted: &str, amount: &str| {
            let mut facts = illness("2014-01-02", DAY);
            facts.stays = vec![stay_of(serial, admitted, 10, amount)];
            facts
        };
        let first = of("S-1", "2014-02-01", "1300");
        let first = unit.file(&free, &["inpatient"], first, DAY).await;
        unit.pass(&first, 0..5, DAY).await.unwrap();
        let [.., finance] = union.deciders(&unit);
        let status = finance.refused(pass_request(&first, DAY)).await;
        assert_eq!(reason(&status), "NOTHING_PAYABLE");
        let expected_amount = yuan("0");
        let close = PassStepRequest { expected_amount, ..pass_request(&first, DAY) };
        let at_least = finance.must(close).await.receipt.unwrap().position;
        let asked = GetClaimRequest { claim_id: first, at_least };
        let claim = unit.filer.must(asked).await.claim.unwrap();
        assert_eq!(claim.state(), ClaimState::Closed);

        // G5: the second stay of the year bears 650, not 1,300.
        let second = of("S-2", "2014-06-01", "4650");
        let second = unit.file(&free, &["inpatient"], second, DAY).await;
        unit.approve(&second, DAY).await;
        assert_eq!(union.pay(&[&second], "2014-12-01").await, "800.00");
    });
}
