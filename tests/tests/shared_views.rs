//! Two services on one log, with their views in one database: one of them keeps the views, both
//! answer from them, and when the one dies the other takes over.
#![cfg(feature = "cluster")]
#![allow(clippy::unwrap_used, reason = "a story that cannot go on has failed")]

use huzhu_domain::envelope::Role;
use huzhu_projections::testing::Scratch;
use huzhu_tests::command::RegisterMemberRequest;
use huzhu_tests::node::Node;
use huzhu_tests::people::person;
use huzhu_tests::program::Program;
use huzhu_tests::query::{GetMemberRequest, get_member_request::Key};
use huzhu_tests::union::Union;
use huzhu_tests::wire::{MemberClass, Sex};
use huzhu_tests::{facts, new_id, story};

/// How many sessions of the database have the right to keep views.
async fn keepers(database: &Scratch) -> i64 {
    let database = database.clone();
    // The client has a runtime of its own.
    let asked = tokio::task::spawn_blocking(move || {
        let held = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted";
        database.client().query_one(held, &[]).unwrap().get(0)
    });
    asked.await.unwrap()
}

/// Registers a member at one service and finds it in the views of another.
async fn told_and_seen(told: &Program, seen: &Program) {
    let operator = told.caller(Role::Operator, "operator", None);
    let registered = operator.must(RegisterMemberRequest {
        request_id: new_id(),
        business_time: facts::at("2014-01-02"),
        person: Some(person("会员", Sex::Female, "1980-05-01")),
        unit_id: "unit".to_owned(),
        class: MemberClass::Ordinary.into(),
        insured: true,
        ..Default::default()
    });
    let registered = registered.await;
    let asked = GetMemberRequest {
        key: Some(Key::MemberId(registered.member_id.clone())),
        at_least: registered.receipt.unwrap().position,
    };
    let answer = seen.caller(Role::Auditor, "auditor", None).must(asked).await;
    assert_eq!(answer.member.unwrap().member_id, registered.member_id);
}

#[test]
fn of_two_services_one_keeps_the_views_and_the_other_takes_over() {
    let Some(database) = Scratch::new() else { return };
    story(async {
        let node = Node::start();
        let place = |folder| {
            let store = format!("esdb://{}?tls=false", node.address());
            Program::start_with(folder, Some(store), Some(database.url()))
        };
        let mut first = place(tempfile::tempdir().unwrap()).await;
        let folder = tempfile::tempdir().unwrap();
        for key in ["token.key", "resident.key"] {
            std::fs::copy(first.folder().join(key), folder.path().join(key)).unwrap();
        }
        let mut second = place(folder).await;
        Union::found_with(first.service()).await.unit("unit", "单位", 9).await;
        told_and_seen(&first, &second).await;
        told_and_seen(&second, &first).await;
        assert_eq!(keepers(&database).await, 1);

        first.kill();
        told_and_seen(&second, &second).await;
        assert_eq!(keepers(&database).await, 1);

        first.restart().await;
        told_and_seen(&second, &first).await;
        second.kill();
        told_and_seen(&first, &first).await;
        assert_eq!(keepers(&database).await, 1);
    });
}
