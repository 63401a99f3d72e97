//! Invariant 6: what the log says is what holds, and the sums come out the same every time.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a story that cannot go on has failed"
)]

use huzhu_tests::audit::audit_service_client::AuditServiceClient;
use huzhu_tests::audit::{ExplainAssessmentRequest, HistoryEvent, ReplayClaimRequest};
use huzhu_tests::command::{ReturnClaimRequest, SupplementClaimRequest};
use huzhu_tests::facts::{at, illness, stay_of, written};
use huzhu_tests::people::person;
use huzhu_tests::union::{DISTRICT, OFFICE, TOWNSHIP, Union};
use huzhu_tests::wire::{DocumentKind, Sex, Wanted};
use huzhu_tests::{new_id, story};
use prost::Message;

async fn replay(union: &Union, claim: &str) -> Vec<HistoryEvent> {
    let mut client = AuditServiceClient::new(union.auditor.channel.clone());
    let asked = ReplayClaimRequest { claim_id: claim.to_owned() };
    let mut events = client.replay_claim(union.auditor.request(asked)).await.unwrap().into_inner();
    let mut history = Vec::new();
    while let Some(answer) = events.message().await.unwrap() {
        history.push(answer.event.unwrap());
    }
    history
}

/// A claim that was sent back once, supplemented with a second stay, approved and paid.
async fn told(union: &Union) -> String {
    let unit = union.unit("unit", "单位", 1).await;
    let member = unit.member(person("会员", Sex::Female, "1980-05-01")).await;
    let plan = ("hospital-medical", "2011");
    let cover = unit.enrol(plan, "2014-01-01", &[&member], 1, "50").await.remove(0);
    let mut facts = illness("2014-01-02", "2014-11-20");
    facts.stays = vec![stay_of("R-1", "2014-02-01", 10, "9300")];
    let claim = unit.file(&cover, &[], facts.clone(), "2014-11-20").await;
    unit.pass(&claim, 0..2, "2014-11-21").await.unwrap();
    let [_, _, district, ..] = union.deciders(&unit);
    let document = DocumentKind::DischargeRecord.into();
    district
        .must(ReturnClaimRequest {
            request_id: new_id(),
            business_time: at("2014-11-22"),
            claim_id: claim.clone(),
            wanted: vec![Wanted { document, text: "第二次出院记录".to_owned() }],
            ..Default::default()
        })
        .await;
    facts.stays.push(stay_of("R-2", "2014-06-01", 10, "4650"));
    unit.filer
        .must(SupplementClaimRequest {
            request_id: new_id(),
            business_time: at("2014-11-24"),
            claim_id: claim.clone(),
            facts: Some(facts),
            ..Default::default()
        })
        .await;
    unit.pass(&claim, 2..6, "2014-11-25").await.unwrap();
    assert_eq!(union.pay(&[&claim], "2014-12-01").await, "6800.00");
    claim
}

#[test]
fn a_replay_tells_who_decided_what_when_and_under_which_authority() {
    story(async {
        let union = Union::found().await;
        let claim = told(&union).await;
        let history = replay(&union, &claim).await;
        let story: Vec<_> = history
            .iter()
            .map(|event| {
                let authority = event.authority.clone().unwrap_or_default();
                let actor = event.actor.as_ref().unwrap().subject.clone();
                (event.name.as_str(), actor, authority.organisation_id, authority.certificate)
            })
            .collect();
        let by = |name: &'static str, who: &str, organisation: &str| {
            let certificate = format!("证-{who}");
            (name, who.to_owned(), organisation.to_owned(), certificate)
        };
        let passed = "ClaimStepPassed";
        let decisions: Vec<_> =
            story.iter().filter(|(_, _, organisation, _)| !organisation.is_empty()).collect();
        let expected = [
            by(passed, "unit-endorse", "unit"),
            by(passed, "township", TOWNSHIP),
            by("ClaimReturned", "district", DISTRICT),
            by(passed, "district", DISTRICT),
            by(passed, "first", OFFICE),
            by(passed, "second", OFFICE),
            by(passed, "finance", OFFICE),
        ];
        let decided: Vec<_> =
            decisions.into_iter().filter(|(name, ..)| *name != "ClaimApproved").cloned().collect();
        assert_eq!(decided, expected);

        let states: Vec<_> = history.iter().map(|event| event.state_after.as_str()).collect();
        assert_eq!(states.last(), Some(&"paid"));
        assert!(states.contains(&"awaiting_supplement"), "{states:?}");
        for (revision, event) in (0..).zip(&history) {
            assert_eq!(event.revision, revision);
            assert!(event.business_time.is_some() && event.recorded_time.is_some());
            assert!(!event.summary.is_empty());
        }
        assert_eq!(history, replay(&union, &claim).await, "twice the same");
    });
}

#[test]
fn every_assessment_of_a_claim_is_computed_again_to_the_byte() {
    story(async {
        let union = Union::found().await;
        let claim = told(&union).await;
        let mut totals = Vec::new();
        for event in replay(&union, &claim).await {
            if !["ClaimAssessed", "ClaimApproved"].contains(&event.name.as_str()) {
                continue;
            }
            let asked = ExplainAssessmentRequest {
                claim_id: claim.clone(),
                revision: Some(event.revision),
            };
            let explained = union.auditor.must(asked).await;
            assert!(explained.same, "{explained:#?}");
            let (recorded, computed) = (explained.recorded.unwrap(), explained.computed.unwrap());
            assert_eq!(recorded.encode_to_vec(), computed.encode_to_vec());
            let sum: i64 = recorded
                .lines
                .iter()
                .map(|line| line.amount.clone().unwrap())
                .map(|money| money.units * 100 + i64::from(money.nanos / 10_000_000))
                .sum();
            let total = recorded.total.clone().unwrap();
            assert_eq!(sum, total.units * 100 + i64::from(total.nanos / 10_000_000));
            assert!(!recorded.trace.is_empty());
            totals.push(written(Some(&total)));
        }
        assert_eq!(totals.first().map(String::as_str), Some("4800.00"));
        assert_eq!(totals.last().map(String::as_str), Some("6800.00"));
    });
}

#[test]
fn a_restart_changes_nothing_of_a_history() {
    story(async {
        let union = Union::found().await;
        let claim = told(&union).await;
        let before = replay(&union, &claim).await;
        let union = union.restarted();
        assert_eq!(replay(&union, &claim).await, before);
    });
}

#[test]
fn no_history_shows_personal_data() {
    story(async {
        let union = Union::found().await;
        let unit = union.unit("unit", "单位", 1).await;
        let person = person("彭女士", Sex::Female, "1972-03-08");
        let member = unit.member(person.clone()).await;
        let history = union.history(&format!("member-{member}")).await;
        assert_eq!(history[0].name, "MemberRegistered");
        for event in history {
            let shown = format!("{event:?}");
            for secret in [&person.name, &person.resident_id, &person.card, &person.phone] {
                assert!(!shown.contains(secret.as_str()), "{shown}");
            }
        }
    });
}
