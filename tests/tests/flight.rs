//! SQL over Arrow Flight: what analysts get, what tools find, and what nobody can do.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::missing_panics_doc,
    reason = "a story that cannot go on has failed"
)]

#[path = "flight/answers.rs"]
mod answers;
#[path = "flight/bounds.rs"]
mod bounds;
#[path = "flight/python.rs"]
mod python;
#[path = "flight/refusals.rs"]
mod refusals;
#[path = "flight/tools.rs"]
mod tools;

use huzhu_tests::facts::{illness, receipt};
use huzhu_tests::people::person;
use huzhu_tests::service::Service;
use huzhu_tests::union::{Union, claim_request};
use huzhu_tests::wire::Sex;

/// A union with two claims: 800.00 paid, and 600.00 on its way.
async fn with_two_claims() -> (Union, String) {
    with_two_claims_at(Service::start()).await
}

async fn with_two_claims_at(service: Service) -> (Union, String) {
    let union = Union::found_with(service).await;
    let unit = union.unit("unit", "单位", 2).await;
    let mut filed = Vec::new();
    for (name, born, cost) in [("彭女士", "1972-03-08", "5800"), ("张女士", "1980-05-01", "4400")]
    {
        let member = unit.member(person(name, Sex::Female, born)).await;
        let cover = unit.grant(&member, "nuan-huzhu", "2014-01-01").await;
        let mut facts = illness("2014-01-02", "2014-11-20");
        facts.bills = vec![receipt(&format!("F-{born}"), "2014-05-01", cost)];
        let request = claim_request(&cover, &["outpatient"], facts, "2014-11-20");
        filed.push(unit.filer.must(request).await);
    }
    let first = filed[0].claim_id.clone();
    unit.approve(&first, "2014-11-25").await;
    union.pay(&[&first], "2014-12-12").await;
    // The last event of the story, so that it is in whatever is asked from there on.
    let unit = union.unit("last", "末", 1).await;
    let last = unit.member(person("末先生", Sex::Male, "1990-01-01")).await;
    let history = union.history(&format!("member-{last}")).await;
    let position = history.last().unwrap().position.clone();
    (union, position)
}
