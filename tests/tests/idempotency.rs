//! Invariant 2: a command takes effect once, for ever.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a story that cannot go on has failed")]

use std::collections::BTreeSet;

use futures::future::join_all;
use huzhu_tests::facts::{illness, receipt};
use huzhu_tests::people::person;
use huzhu_tests::union::{Union, claim_request, pass_request};
use huzhu_tests::wire::{Receipt, Sex};
use huzhu_tests::{reason, story};
use tonic::Code;

async fn one_cover(union: &Union) -> String {
    let unit = union.unit("unit", "单位", 1).await;
    let member = unit.member(person("会员", Sex::Female, "1980-05-01")).await;
    unit.grant(&member, "nuan-huzhu", "2014-01-01").await
}

fn request(cover: &str, amount: &str) -> huzhu_tests::command::FileClaimRequest {
    let mut facts = illness("2014-01-02", "2014-11-20");
    facts.bills = vec![receipt("A-1", "2014-05-01", amount)];
    claim_request(cover, &["outpatient"], facts, "2014-11-20")
}

fn without_repetition(mut receipt: Receipt) -> Receipt {
    receipt.repeated = false;
    receipt
}

#[test]
fn sixty_four_clients_with_one_request_id_file_one_claim() {
    story(async {
        let union = Union::found().await;
        let cover = one_cover(&union).await;
        let unit = union.known_unit("unit");
        let request = request(&cover, "5800");
        let before = union.service.log_length();
        let clients: Vec<_> = (0..64).map(|_| unit.filer.over(union.service.connect())).collect();
        let answers = join_all(clients.iter().map(|client| client.must(request.clone()))).await;
        let claims: BTreeSet<_> = answers.iter().map(|answer| &answer.claim_id).collect();
        assert_eq!(claims.len(), 1);
        let receipts: Vec<_> = answers.into_iter().map(|answer| answer.receipt.unwrap()).collect();
        let first = receipts.iter().filter(|receipt| !receipt.repeated).count();
        assert_eq!(first, 1, "one of them was first");
        let told = without_repetition(receipts[0].clone());
        for receipt in receipts {
            assert_eq!(without_repetition(receipt), told);
        }
        let stream = told.stream;
        let names: Vec<_> =
            union.history(&stream).await.into_iter().map(|event| event.name).collect();
        assert_eq!(names, ["ClaimFiled", "ClaimAssessed"]);
        // The claim's two events, and the serial of its receipt.
        assert_eq!(union.service.log_length(), before + 3);
    });
}

#[test]
fn a_request_id_with_other_content_is_refused_and_nothing_is_recorded() {
    story(async {
        let union = Union::found().await;
        let cover = one_cover(&union).await;
        let unit = union.known_unit("unit");
        let first = request(&cover, "5800");
        unit.filer.must(first.clone()).await;
        let before = union.service.log_length();

        let mut other = request(&cover, "5900");
        other.request_id.clone_from(&first.request_id);
        let status = unit.filer.refused(other).await;
        assert_eq!(status.code(), Code::AlreadyExists);
        assert_eq!(reason(&status), "REQUEST_ID_REUSED");

        // Another person may not take over a request either.
        let status = union.operator.refused(first).await;
        assert_eq!(reason(&status), "REQUEST_ID_REUSED");
        assert_eq!(union.service.log_length(), before);
    });
}

#[test]
fn a_retry_after_a_restart_meets_the_first_receipt() {
    story(async {
        let mut union = Union::found().await;
        let cover = one_cover(&union).await;
        let request = request(&cover, "5800");
        let filed = union.known_unit("unit").filer.must(request.clone()).await;
        let pass = pass_request(&filed.claim_id, "2014-11-21");
        let passed = union.known_unit("unit").endorser.must(pass.clone()).await.receipt.unwrap();
        for _ in 0..2 {
            let before = union.service.log_length();
            union = union.restarted();
            let unit = union.known_unit("unit");
            let again = unit.filer.must(request.clone()).await;
            assert_eq!(again.claim_id, filed.claim_id);
            let receipt = again.receipt.unwrap();
            assert!(receipt.repeated);
            assert_eq!(without_repetition(receipt), filed.receipt.clone().unwrap());
            let again = unit.endorser.must(pass.clone()).await.receipt.unwrap();
            assert!(again.repeated);
            assert_eq!(without_repetition(again), passed);
            assert_eq!(union.service.log_length(), before);
        }
    });
}

#[test]
fn an_expected_revision_that_does_not_hold_is_told_apart_from_a_race() {
    story(async {
        let union = Union::found().await;
        let cover = one_cover(&union).await;
        let unit = union.known_unit("unit");
        let claim = unit.filer.must(request(&cover, "5800")).await;
        let stands_at = claim.receipt.unwrap().revision.unwrap();

        let mut early = pass_request(&claim.claim_id, "2014-11-21");
        early.expected_revision = Some(stands_at + 7);
        let status = unit.endorser.refused(early.clone()).await;
        assert_eq!(status.code(), Code::Aborted);
        assert_eq!(reason(&status), "REVISION_DIFFERS");

        // The same command with the right revision is still new.
        early.expected_revision = Some(stands_at);
        let receipt = unit.endorser.must(early).await.receipt.unwrap();
        assert_eq!(receipt.revision, Some(stands_at + 1));
        assert!(!receipt.repeated);
    });
}
