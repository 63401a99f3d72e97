//! Clients see claims and queues change as it happens, and lists hold still while it does.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a story that cannot go on has failed"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::{StreamExt, stream};
use huzhu_domain::envelope::Role;
use huzhu_tests::caller::Caller;
use huzhu_tests::command::RegisterOrganisationRequest;
use huzhu_tests::facts::{illness, receipt};
use huzhu_tests::people::{numbered, person};
use huzhu_tests::query::query_service_client::QueryServiceClient;
use huzhu_tests::query::{
    Claim, ClaimOrder, GetOrganisationRequest, ListClaimsRequest, WatchClaimRequest,
    WatchClaimResponse, WatchQueueRequest, WatchQueueResponse,
};
use huzhu_tests::requests::{claim_request, pass_request};
use huzhu_tests::service::Service;
use huzhu_tests::union::{DISTRICT, TOWNSHIP, Union, Unit};
use huzhu_tests::wire::{Level, Name, Sex, Step};
use huzhu_tests::{bad_fields, new_id, reason, story};
use tonic::{Code, Status, Streaming};

const PLAN: &str = "nuan-huzhu";
const DAY: &str = "2014-11-20";

/// Files a claim; answers its id and the position of the receipt.
async fn file_at(unit: &Unit<'_>, member: &str, serial: &str) -> (String, String) {
    let cover = unit.grant(member, PLAN, "2014-01-01").await;
    let mut facts = illness("2014-01-02", DAY);
    facts.bills = vec![receipt(serial, "2014-05-01", "5800")];
    let filed = unit.filer.must(claim_request(&cover, &["outpatient"], facts, DAY)).await;
    (filed.claim_id, filed.receipt.unwrap().position)
}

/// The last of several positions.
fn last(positions: impl Iterator<Item = String>) -> String {
    let offset = |position: &String| position.split('@').nth(1).unwrap().parse::<u64>().unwrap();
    positions.max_by_key(offset).unwrap()
}

async fn watch_claim(
    caller: &Caller,
    claim_id: &str,
    after: &str,
) -> Result<Streaming<WatchClaimResponse>, Status> {
    let mut client = QueryServiceClient::new(caller.channel.clone());
    let asked = WatchClaimRequest { claim_id: claim_id.into(), after: after.into() };
    Ok(client.watch_claim(caller.request(asked)).await?.into_inner())
}

async fn watch_queue(
    caller: &Caller,
    queue_id: &str,
    after: &str,
) -> Result<Streaming<WatchQueueResponse>, Status> {
    let mut client = QueryServiceClient::new(caller.channel.clone());
    let asked = WatchQueueRequest { queue_id: queue_id.into(), after: after.into() };
    Ok(client.watch_queue(caller.request(asked)).await?.into_inner())
}

/// The next answer that shows the claim, and its position.
async fn shown(watch: &mut Streaming<WatchClaimResponse>) -> (Claim, String) {
    loop {
        let answer = watch.message().await.unwrap().unwrap();
        if let Some(claim) = answer.claim {
            return (claim, answer.freshness.unwrap().position);
        }
    }
}

#[test]
fn a_claim_is_seen_at_each_step_and_a_watch_goes_on_where_it_broke() {
    story(async {
        let union = Union::found().await;
        let unit = union.unit("unit", "单位", 10).await;
        let member = unit.member(person("彭女士", Sex::Female, "1972-03-08")).await;
        let (claim, filed) = file_at(&unit, &member, "W-1").await;
        // Whoever has just filed it knows it as it stands.
        let mut watch = watch_claim(&union.analyst, &claim, &filed).await.unwrap();
        let sign = watch.message().await.unwrap().unwrap();
        assert_eq!(sign.claim, None);
        let mut whole = watch_claim(&union.analyst, &claim, "").await.unwrap();
        let (first, _) = shown(&mut whole).await;
        assert_eq!(first.step(), Step::UnitEndorsement);

        let deciders = union.deciders(&unit);
        deciders[0].must(pass_request(&claim, DAY)).await;
        let (second, position) = shown(&mut watch).await;
        assert_eq!((second.step(), second.queue_id.as_str()), (Step::TownshipCheck, TOWNSHIP));
        assert_eq!(second.decisions.len(), 1);
        drop(watch);

        // Nothing happened since: a sign of life, and no claim.
        let mut again = watch_claim(&union.analyst, &claim, &position).await.unwrap();
        let sign = again.message().await.unwrap().unwrap();
        assert_eq!((sign.claim, sign.freshness.unwrap().position), (None, position.clone()));
        drop(again);

        deciders[1].must(pass_request(&claim, DAY)).await;
        let mut again = watch_claim(&union.analyst, &claim, &position).await.unwrap();
        let (third, later) = shown(&mut again).await;
        assert_eq!(third.step(), Step::DistrictCheck);
        assert_ne!(later, position);
    });
}

#[test]
fn a_list_and_the_changes_since_are_the_queue_whatever_happens_meanwhile() {
    story(async {
        let union = Union::found().await;
        let unit = union.unit("unit", "单位", 100).await;
        let people = (0..60).map(|number| numbered("会员", Sex::Male, "1980-05-01", number));
        let people = stream::iter(people).map(|person| unit.member(person)).buffered(16);
        let members: Vec<_> = people.collect().await;
        let (early, late) = members.split_at(30);
        let file = |number: usize, member: String| {
            let unit = &unit;
            async move { file_at(unit, &member, &format!("Q-{number}")).await }
        };
        let early: Vec<(String, String)> = stream::iter(early.iter().cloned().enumerate())
            .map(|(number, member)| file(number, member))
            .buffered(8)
            .collect()
            .await;
        let asked =
            ListClaimsRequest { queue_id: "unit".into(), page_size: 500, ..Default::default() };
        let at_least = last(early.iter().map(|(_, position)| position.clone()));
        let listed = union.analyst.must(ListClaimsRequest { at_least, ..asked.clone() }).await;
        let mut queue: BTreeMap<_, _> =
            listed.claims.into_iter().map(|claim| (claim.claim_id.clone(), claim)).collect();
        assert_eq!(queue.len(), 30);
        let from = listed.freshness.unwrap().position;

        // The endorser passes the early ones while the late ones are filed.
        let endorsing = async {
            for (claim, _) in &early {
                unit.endorser.must(pass_request(claim, DAY)).await;
            }
        };
        let filing = stream::iter(late.iter().cloned().enumerate())
            .map(|(number, member)| file(number + 100, member))
            .buffered(4)
            .collect::<Vec<_>>();
        let watcher = union.analyst.clone();
        let watching = async {
            let mut left = BTreeSet::new();
            let mut position = from.clone();
            // The connection breaks after every fifth answer.
            while left.len() < 30 || queue.len() < 30 {
                let mut watch = watch_queue(&watcher, "unit", &position).await.unwrap();
                for _ in 0..5 {
                    let answer = watch.message().await.unwrap().unwrap();
                    for change in answer.changes {
                        let claim = change.claim.unwrap();
                        if change.left {
                            queue.remove(&claim.claim_id);
                            left.insert(claim.claim_id);
                        } else {
                            queue.insert(claim.claim_id.clone(), claim);
                        }
                    }
                    position = answer.freshness.unwrap().position;
                    if left.len() == 30 && queue.len() == 30 {
                        break;
                    }
                }
            }
            (queue, position)
        };
        let ((), late, (queue, position)) = futures::join!(endorsing, filing, watching);
        let listed = union.analyst.must(ListClaimsRequest { at_least: position, ..asked }).await;
        let listed: BTreeMap<_, _> =
            listed.claims.into_iter().map(|claim| (claim.claim_id.clone(), claim)).collect();
        assert_eq!(
            listed.keys().collect::<BTreeSet<_>>(),
            late.iter().map(|(claim, _)| claim).collect()
        );
        assert_eq!(queue, listed);
    });
}

#[test]
fn pages_neither_repeat_nor_leave_out_claims_while_others_are_filed() {
    story(async {
        let union = Union::found().await;
        let unit = union.unit("unit", "单位", 200).await;
        let people = (0..120).map(|number| numbered("会员", Sex::Male, "1980-05-01", number));
        let people = stream::iter(people).map(|person| unit.member(person)).buffered(16);
        let members: Vec<_> = people.collect().await;
        let file = |number: usize, member: String| {
            let unit = &unit;
            async move { file_at(unit, &member, &format!("P-{number}")).await }
        };
        let (early, late) = members.split_at(60);
        let early: Vec<(String, String)> = stream::iter(early.iter().cloned().enumerate())
            .map(|(number, member)| file(number, member))
            .buffered(8)
            .collect()
            .await;
        let at_least = last(early.iter().map(|(_, position)| position.clone()));
        let early: BTreeSet<_> = early.into_iter().map(|(claim, _)| claim).collect();
        for order in [ClaimOrder::Unspecified, ClaimOrder::FiledOn, ClaimOrder::FiledOnDesc] {
            let filing = async {
                let third = late.len() / 3;
                let part = late.chunks(third).nth(usize::try_from(i32::from(order)).unwrap());
                for (number, member) in part.unwrap().iter().enumerate() {
                    file(1_000 * (1 + order as usize) + number, member.clone()).await;
                }
            };
            let listing = async {
                let mut seen = Vec::new();
                let mut page_token = String::new();
                loop {
                    let asked = ListClaimsRequest {
                        page_size: 7,
                        page_token,
                        at_least: at_least.clone(),
                        order_by: order.into(),
                        unit_id: "unit".into(),
                        ..Default::default()
                    };
                    let page = union.analyst.must(asked).await;
                    seen.extend(page.claims.into_iter().map(|claim| claim.claim_id));
                    page_token = page.next_page_token;
                    if page_token.is_empty() {
                        return seen;
                    }
                }
            };
            let ((), seen) = futures::join!(filing, listing);
            let different: BTreeSet<_> = seen.iter().cloned().collect();
            assert_eq!(different.len(), seen.len(), "{order:?}: no claim stands on two pages");
            assert!(early.is_subset(&different), "{order:?}: none is left out");
        }
    });
}

#[test]
fn a_claim_that_is_taken_back_leaves_the_queue_it_was_in() {
    story(async {
        let union = Union::found().await;
        let unit = union.unit("unit", "某单位", 10).await;
        let member = unit.member(person("周女士", Sex::Female, "1972-03-08")).await;
        let (claim, _) = file_at(&unit, &member, "B-1").await;
        let waits = unit.pass(&claim, 0..2, DAY).await.unwrap().unwrap();
        let watcher = &union.deciders(&unit)[2];
        let mut watch = watch_queue(watcher, DISTRICT, &waits.position).await.unwrap();
        unit.withdraw(&claim, DAY).await;
        let change = loop {
            let told = watch.message().await.unwrap().unwrap();
            if let [change] = told.changes.as_slice() {
                break change.clone();
            }
        };
        assert!(change.left);
        assert_eq!(change.claim.unwrap().claim_id, claim);
    });
}

#[test]
fn a_watch_shows_signs_of_life_and_ends_when_the_service_stops() {
    story(async {
        let mut service = Service::start_with(|config| {
            config.heartbeat = Duration::from_millis(50);
        });
        let operator = service.caller(Role::Operator, "operator", None);
        let registered = operator
            .must(RegisterOrganisationRequest {
                request_id: new_id(),
                organisation_id: "office".into(),
                level: Level::Office.into(),
                name: Some(Name { zh: "办事处".into(), en: String::new() }),
                workers: 3,
                ..Default::default()
            })
            .await;
        let at_least = registered.receipt.unwrap().position;
        let organisation_id = "office".to_owned();
        operator.must(GetOrganisationRequest { organisation_id, at_least }).await;
        let mut watch = watch_queue(&operator, "office", "").await.unwrap();
        for _ in 0..3 {
            let sign = watch.message().await.unwrap().unwrap();
            assert!(sign.changes.is_empty());
        }
        let status = watch_queue(&operator, "nowhere", "").await.unwrap_err();
        assert_eq!((status.code(), reason(&status).as_str()), (Code::NotFound, "NO_SUCH"));
        let elsewhere = format!("{}@1", "0".repeat(32));
        let status = watch_queue(&operator, "office", &elsewhere).await.unwrap_err();
        assert_eq!(
            (status.code(), bad_fields(&status)),
            (Code::InvalidArgument, vec!["after".into()])
        );
        let status = watch_claim(&operator, &new_id(), "").await.unwrap_err();
        assert_eq!(status.code(), Code::NotFound);

        tokio::task::spawn_blocking(move || service.stop()).await.unwrap();
        let status = loop {
            match watch.message().await {
                Ok(Some(_)) => {}
                Ok(None) => panic!("it says why it ends"),
                Err(status) => break status,
            }
        };
        assert_eq!((status.code(), reason(&status).as_str()), (Code::Unavailable, "DOWN"));
    });
}
