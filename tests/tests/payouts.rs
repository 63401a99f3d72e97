//! Invariant 4: an approved claim is paid once, for what was approved, and taken back exactly.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a story that cannot go on has failed"
)]

use huzhu_tests::command::payout_service_client::PayoutServiceClient;
use huzhu_tests::command::record_bank_answer_request::Answer;
use huzhu_tests::command::{
    CorrectMemberRequest, CorrectPayoutRequest, CreateBatchRequest, ExportBankFileRequest,
    RecordBankAnswerRequest, ReversePayoutRequest,
};
use huzhu_tests::facts::{at, illness, receipt};
use huzhu_tests::people::{card, person};
use huzhu_tests::union::{Union, Unit, answer_request, payout_id, returned, settled};
use huzhu_tests::wire::Sex;
use huzhu_tests::{new_id, reason, story};

const APPROVED: &str = "2014-11-25";
const SENT: &str = "2014-12-01";
const ANSWERED: &str = "2014-12-03";

struct Approved {
    member: String,
    cover: String,
    claim: String,
    payout: String,
}

/// A member with an approved claim of 800.00.
async fn approved(unit: &Unit<'_>, serial: &str) -> Approved {
    let member = unit.member(person("会员", Sex::Female, "1980-05-01")).await;
    let cover = unit.grant(&member, "nuan-huzhu", "2014-01-01").await;
    let mut facts = illness("2014-01-02", "2014-11-20");
    facts.bills = vec![receipt(serial, "2014-05-01", "5800")];
    let claim = unit.file(&cover, &["outpatient"], facts, "2014-11-20").await;
    unit.approve(&claim, APPROVED).await;
    let payout = payout_id(&claim);
    Approved { member, cover, claim, payout }
}

async fn bank_file(union: &Union, batch: &str) -> Vec<Vec<String>> {
    let mut client = PayoutServiceClient::new(union.finance.channel.clone());
    let asked = ExportBankFileRequest { batch_id: batch.to_owned() };
    let mut file =
        client.export_bank_file(union.finance.request(asked)).await.unwrap().into_inner();
    let mut bytes = Vec::new();
    while let Some(chunk) = file.message().await.unwrap() {
        bytes.extend_from_slice(&chunk.chunk);
    }
    let text = String::from_utf8(bytes).unwrap();
    text.lines().map(|line| line.split(',').map(str::to_owned).collect()).collect()
}

async fn names(union: &Union, stream: String) -> Vec<String> {
    union.history(&stream).await.into_iter().map(|event| event.name).collect()
}

#[test]
fn a_batch_becomes_a_bank_file_and_the_banks_answer_settles_and_returns() {
    story(async {
        let union = Union::found().await;
        let unit = union.unit("unit", "单位", 2).await;
        let (one, two) = (approved(&unit, "P-1").await, approved(&unit, "P-2").await);
        let batch = union.batch(&[one.payout.clone(), two.payout.clone()], SENT).await;

        let file = bank_file(&union, &batch).await;
        assert_eq!(file[0], ["number", "payout", "card", "name", "amount"]);
        assert_eq!(file.len(), 3);
        for (row, payout) in file[1..].iter().zip([&one.payout, &two.payout]) {
            assert_eq!(&row[1], payout);
            assert_eq!((row[3].as_str(), row[4].as_str()), ("会员", "800.00"));
            assert_eq!(row[2].len(), 16);
        }

        // As the bank's own file, one line each way.
        let csv = format!(
            "payout,outcome,reference,reason,note\n{},settled,REF-1,,\n{},returned,,account_closed,账户已销户\n",
            one.payout, two.payout
        );
        union
            .finance
            .must(RecordBankAnswerRequest {
                request_id: new_id(),
                business_time: at(ANSWERED),
                batch_id: batch.clone(),
                answer: Some(Answer::Csv(csv.into_bytes())),
                ..Default::default()
            })
            .await;
        let of_one = names(&union, format!("payout-{}", one.payout)).await;
        assert_eq!(of_one, ["PayoutCreated", "PayoutBatched", "PayoutSettled"]);
        let of_two = names(&union, format!("payout-{}", two.payout)).await;
        assert_eq!(of_two, ["PayoutCreated", "PayoutBatched", "PayoutReturned"]);
        let claim = names(&union, format!("claim-{}", one.claim)).await;
        assert_eq!(claim.last().unwrap(), "ClaimPaid");
        let cover = names(&union, format!("cover-{}", one.cover)).await;
        assert_eq!(cover.last().unwrap(), "CoverBenefitPaid");
        let claim = names(&union, format!("claim-{}", two.claim)).await;
        assert_eq!(claim.last().unwrap(), "ClaimApproved");
    });
}

#[test]
fn a_returned_payout_is_corrected_and_paid_again_once() {
    story(async {
        let union = Union::found().await;
        let unit = union.unit("unit", "单位", 1).await;
        let paid = approved(&unit, "P-1").await;
        let first = union.batch(std::slice::from_ref(&paid.payout), SENT).await;
        let line = returned(&paid.payout);
        union.finance.must(answer_request(&first, vec![line], ANSWERED)).await;

        let again = CreateBatchRequest {
            request_id: new_id(),
            business_time: at(ANSWERED),
            payout_ids: vec![paid.payout.clone()],
            ..Default::default()
        };
        // Before it is put right it is not due: whichever way the batch says so, nothing is paid.
        if let Ok(batch) = union.finance.call(again).await {
            assert_eq!(bank_file(&union, &batch.batch_id).await.len(), 1);
        }

        let new_card = card(999_999_999);
        unit.filer
            .must(CorrectMemberRequest {
                request_id: new_id(),
                business_time: at(ANSWERED),
                member_id: paid.member.clone(),
                card: Some(new_card.clone()),
                ..Default::default()
            })
            .await;
        union
            .finance
            .must(CorrectPayoutRequest {
                request_id: new_id(),
                business_time: at(ANSWERED),
                payout_id: paid.payout.clone(),
                note: "换卡".to_owned(),
                ..Default::default()
            })
            .await;
        let second = union.batch(std::slice::from_ref(&paid.payout), "2014-12-05").await;
        let file = bank_file(&union, &second).await;
        assert_eq!(file[1][2], new_card);
        let line = settled(&paid.payout, "REF-2");
        let answer = answer_request(&second, vec![line], "2014-12-08");
        union.finance.must(answer.clone()).await;

        // The bank says the same again: nothing more is recorded.
        let before = union.service.log_length();
        let repeated = RecordBankAnswerRequest { request_id: new_id(), ..answer };
        union.finance.must(repeated).await;
        assert_eq!(union.service.log_length(), before);
        // The bank changes its mind: refused.
        let other = answer_request(&second, vec![returned(&paid.payout)], "2014-12-09");
        assert_eq!(reason(&union.finance.refused(other).await), "ANSWER_DIFFERS");
        // It is no longer due, so no batch holds it again.
        let batch = union.batch(std::slice::from_ref(&paid.payout), "2014-12-10").await;
        assert_eq!(bank_file(&union, &batch).await.len(), 1);

        let history = names(&union, format!("payout-{}", paid.payout)).await;
        let expected = [
            "PayoutCreated",
            "PayoutBatched",
            "PayoutReturned",
            "PayoutCorrected",
            "PayoutBatched",
            "PayoutSettled",
        ];
        assert_eq!(history, expected);
        let claim = names(&union, format!("claim-{}", paid.claim)).await;
        assert_eq!(claim.iter().filter(|name| *name == "ClaimPaid").count(), 1);
    });
}

#[test]
fn a_payment_is_taken_back_by_the_exact_opposite() {
    story(async {
        let union = Union::found().await;
        let unit = union.unit("unit", "单位", 1).await;
        let paid = approved(&unit, "P-1").await;
        let reverse = |day: &str| ReversePayoutRequest {
            request_id: new_id(),
            business_time: at(day),
            payout_id: paid.payout.clone(),
            note: "材料不实".to_owned(),
            ..Default::default()
        };
        let status = union.finance.refused(reverse(APPROVED)).await;
        assert_eq!(reason(&status), "PAYOUT_NOT_SETTLED");

        assert_eq!(union.pay(&[&paid.claim], SENT).await, "800.00");
        union.finance.must(reverse("2014-12-20")).await;
        let amount = |body: &str, field: &str| {
            let body: serde_json::Value = serde_json::from_str(body).unwrap();
            body[field].as_str().unwrap().to_owned()
        };
        let cover = union.history(&format!("cover-{}", paid.cover)).await;
        let last = cover.last().unwrap();
        assert_eq!(last.name, "CoverBenefitReversed");
        assert_eq!(amount(&last.body_json, "amount"), "800.00");
        let claim = union.history(&format!("claim-{}", paid.claim)).await;
        assert_eq!(claim.last().unwrap().name, "ClaimPaymentReversed");
        assert_eq!(claim.last().unwrap().state_after, "reversed");

        // A second time, with another command: it is taken back already.
        let before = union.service.log_length();
        let again = union.finance.must(reverse("2014-12-21")).await.receipt.unwrap();
        assert_eq!(again.events, []);
        assert_eq!(union.service.log_length(), before);
    });
}
