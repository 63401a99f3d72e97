//! Invariant 3: whatever comes in whatever order, no cover gives more than its ceiling.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a story that cannot go on has failed"
)]

use futures::future::join_all;
use huzhu_tests::facts::{illness, receipt, stay_above};
use huzhu_tests::people::person;
use huzhu_tests::union::{Union, Unit, pass_request};
use huzhu_tests::wire::{Facts, Sex};
use huzhu_tests::{reason, story};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};
use rust_decimal::Decimal;

const DAY: &str = "2014-12-20";
/// The year maximum of the free plan (年度最高互助金).
const CEILING: &str = "200653.00";

fn outpatient(serial: &str, self_paid: &str) -> Facts {
    let mut facts = illness("2014-01-02", DAY);
    facts.bills = vec![receipt(serial, "2014-05-01", self_paid)];
    facts
}

/// What a cover has promised and paid, by its own events.
async fn used(union: &Union, cover: &str) -> Decimal {
    let mut used = Decimal::ZERO;
    for event in union.history(&format!("cover-{cover}")).await {
        let body: serde_json::Value = serde_json::from_str(&event.body_json).unwrap();
        let amount = || body["amount"].as_str().unwrap().parse::<Decimal>().unwrap();
        match event.name.as_str() {
            "CoverBenefitReserved" => used += amount(),
            "CoverBenefitReleased" | "CoverBenefitReversed" => used -= amount(),
            _ => {}
        }
    }
    used
}

/// Files a claim and takes it to the last step.
async fn almost_approved(unit: &Unit<'_>, cover: &str, benefit: &str, facts: Facts) -> String {
    let claim = unit.file(cover, &[benefit], facts, DAY).await;
    unit.pass(&claim, 0..5, DAY).await.unwrap();
    claim
}

#[test]
fn sixty_four_approvals_racing_for_the_last_100_yuan_never_overspend() {
    story(async { race_for_the_last_100_yuan(Union::found().await).await });
}

#[test]
fn no_interleaving_of_claims_on_a_cover_passes_its_ceiling() {
    story(async { play_interleavings(Union::found().await).await });
}

/// The same races, where callers meet now one, now the other of two services on one log.
#[cfg(feature = "cluster")]
mod between_two_services {
    use huzhu_tests::node::Node;
    use huzhu_tests::service::Service;

    use super::*;

    #[test]
    fn sixty_four_approvals_racing_for_the_last_100_yuan_never_overspend() {
        story(async {
            let node = Node::start();
            let union = Union::found_with(Service::two_on(&node)).await;
            race_for_the_last_100_yuan(union).await;
        });
    }

    #[test]
    fn no_interleaving_of_claims_on_a_cover_passes_its_ceiling() {
        story(async {
            let node = Node::start();
            let union = Union::found_with(Service::two_on(&node)).await;
            play_interleavings(union).await;
        });
    }
}

async fn race_for_the_last_100_yuan(union: Union) {
    let unit = union.unit("unit", "单位", 1).await;
    let member = unit.member(person("会员", Sex::Female, "1980-05-01")).await;
    let cover = unit.grant(&member, "nuan-huzhu", "2014-01-01").await;
    // 190,000 for a stay, and 10,553 for receipts of 54,565: 100 yuan are left.
    let mut facts = illness("2014-01-02", DAY);
    facts.stays = vec![stay_above("BIG", "2014-02-01", "2014-03-01", "300000")];
    let big = unit.file(&cover, &["above-ceiling"], facts, DAY).await;
    unit.approve(&big, DAY).await;
    let most = unit.file(&cover, &["outpatient"], outpatient("MOST", "54565"), DAY).await;
    unit.approve(&most, DAY).await;
    assert_eq!(used(&union, &cover).await.to_string(), "200553.00");

    // Each of them is worth 100 yuan, as long as no other is approved.
    let mut claims = Vec::new();
    for number in 0..64 {
        let facts = outpatient(&format!("RACE-{number}"), "500");
        claims.push(almost_approved(&unit, &cover, "outpatient", facts).await);
    }
    let approvals = claims.iter().map(|claim| {
        let finance = union.finance.over(union.service.connect());
        async move { finance.call(pass_request(claim, DAY)).await }
    });
    let answers = join_all(approvals).await;
    let approved = answers.iter().filter(|answer| answer.is_ok()).count();
    assert_eq!(approved, 1, "{:?}", answers.iter().find_map(|answer| answer.as_ref().err()));
    for status in answers.iter().filter_map(|answer| answer.as_ref().err()) {
        let allowed = ["NOTHING_PAYABLE", "CEILING_EXCEEDED", "ASSESSMENT_CHANGED", "RACED"];
        assert!(allowed.contains(&reason(status).as_str()), "{status:?}");
    }
    assert_eq!(used(&union, &cover).await, CEILING.parse().unwrap());
}

/// What somebody does with one of the claims on a cover.
#[derive(Clone, Copy, Debug)]
enum Move {
    Approve(usize),
    Return(usize),
    Refuse(usize),
    Withdraw(usize),
}

const CLAIMS: usize = 4;

fn moves() -> impl Strategy<Value = Vec<Vec<Move>>> {
    let one = prop_oneof![
        6 => (0..CLAIMS).prop_map(Move::Approve),
        1 => (0..CLAIMS).prop_map(Move::Return),
        1 => (0..CLAIMS).prop_map(Move::Refuse),
        1 => (0..CLAIMS).prop_map(Move::Withdraw),
    ];
    // Rounds of moves that are made at once.
    prop::collection::vec(prop::collection::vec(one, 1..5), 1..4)
}

async fn play(union: &Union, unit: &Unit<'_>, claims: &[String], the_move: Move) {
    use huzhu_tests::command::{RefuseClaimRequest, ReturnClaimRequest, WithdrawClaimRequest};
    use huzhu_tests::facts::at;
    use huzhu_tests::wire::{RefusalReason, Wanted};
    let (request_id, business_time) = (huzhu_tests::new_id(), at(DAY));
    let finance = union.finance.over(union.service.connect());
    let answer = match the_move {
        Move::Approve(claim) => finance.call(pass_request(&claims[claim], DAY)).await.map(|_| ()),
        Move::Return(claim) => {
            let wanted = vec![Wanted { document: 0, text: "原件".to_owned() }];
            let request = ReturnClaimRequest {
                request_id,
                business_time,
                claim_id: claims[claim].clone(),
                wanted,
                ..Default::default()
            };
            finance.call(request).await.map(|_| ())
        }
        Move::Refuse(claim) => {
            let request = RefuseClaimRequest {
                request_id,
                business_time,
                claim_id: claims[claim].clone(),
                reason: RefusalReason::Other.into(),
                note: "拒绝".to_owned(),
                ..Default::default()
            };
            finance.call(request).await.map(|_| ())
        }
        Move::Withdraw(claim) => {
            let request = WithdrawClaimRequest {
                request_id,
                business_time,
                claim_id: claims[claim].clone(),
                note: "撤回".to_owned(),
                ..Default::default()
            };
            unit.filer.call(request).await.map(|_| ())
        }
    };
    if let Err(status) = answer {
        // Whoever comes too late is told so; nobody meets an error of the engine.
        let refused = [tonic::Code::FailedPrecondition, tonic::Code::Aborted];
        let denied = status.code() == tonic::Code::PermissionDenied;
        assert!(denied || refused.contains(&status.code()), "{the_move:?}: {status:?}");
    }
}

async fn play_interleavings(union: Union) {
    let unit = union.unit("unit", "单位", 1).await;
    let mut runner = TestRunner::new(Config { cases: 24, ..Config::default() });
    let mut round = 0;
    let strategy = moves();
    // The cases come from the runner; the moves are made on one runtime.
    for _ in 0..runner.config().cases {
        round += 1;
        let rounds = strategy.new_tree(&mut runner).unwrap().current();
        let name = format!("会员{round}");
        let member = unit.member(person(&name, Sex::Male, "1980-05-01")).await;
        let cover = unit.grant(&member, "nuan-huzhu", "2014-01-01").await;
        let mut claims = Vec::new();
        for number in 0..CLAIMS {
            // Each of them alone is worth 90,000: two fit whole under the ceiling.
            let mut facts = illness("2014-01-02", DAY);
            let serial = format!("{round}-{number}");
            facts.stays = vec![stay_above(&serial, "2014-02-01", "2014-03-01", "150000")];
            claims.push(almost_approved(&unit, &cover, "above-ceiling", facts).await);
        }
        for at_once in &rounds {
            let moves = at_once.iter().map(|one| play(&union, &unit, &claims, *one));
            join_all(moves).await;
            let used = used(&union, &cover).await;
            assert!(used <= CEILING.parse().unwrap(), "{used} after {rounds:?}");
            assert!(used >= Decimal::ZERO, "{used} after {rounds:?}");
        }
        let promised = promised(&union, &claims).await;
        assert_eq!(used(&union, &cover).await, promised, "{rounds:?}");
    }
}

/// What the claims that were approved add up to.
async fn promised(union: &Union, claims: &[String]) -> Decimal {
    let mut sum = Decimal::ZERO;
    for claim in claims {
        for event in union.history(&format!("claim-{claim}")).await {
            if event.name == "ClaimApproved" {
                let body: serde_json::Value = serde_json::from_str(&event.body_json).unwrap();
                sum += body["amount"].as_str().unwrap().parse::<Decimal>().unwrap();
            }
        }
    }
    sum
}
