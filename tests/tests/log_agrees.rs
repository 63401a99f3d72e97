//! The log as an auditor's EventStoreDB client sees it is the history that the audit API tells.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a story that cannot go on has failed"
)]

use std::collections::BTreeMap;

use huzhu_domain::envelope::Role;
use huzhu_tests::audit::HistoryEvent;
use huzhu_tests::caller::Caller;
use huzhu_tests::contract::event_store::client::streams as wire;
use huzhu_tests::node::{all, asked, events, following, next, whole};
use huzhu_tests::people::person;
use huzhu_tests::story;
use huzhu_tests::union::Union;
use huzhu_tests::wire::Sex;
use serde_json::Value;
use tonic::{Code, Status};
use wire::read_req::options::all_options::AllOption;
use wire::read_req::options::{AllOptions, CountOption, ReadDirection, StreamOption};
use wire::read_resp::Content;
use wire::read_resp::read_event::RecordedEvent;
use wire::streams_client::StreamsClient;
use wire::{DeleteReq, ReadReq};

async fn read(caller: &Caller, request: ReadReq) -> Result<Vec<RecordedEvent>, Status> {
    let mut client = StreamsClient::new(caller.channel.clone());
    Ok(events(all(client.read(caller.request(request)).await?.into_inner()).await))
}

fn everything() -> ReadReq {
    let all = StreamOption::All(AllOptions { all_option: Some(AllOption::Start(())) });
    asked(all, ReadDirection::Forwards, CountOption::Count(u64::MAX))
}

fn name_of(event: &RecordedEvent) -> String {
    let name = &event.stream_identifier.as_ref().unwrap().stream_name;
    String::from_utf8(name.to_vec()).unwrap()
}

/// The text of a field of the metadata, or of an object in it.
fn text(metadata: &Value, path: &str) -> String {
    metadata.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn assert_same(event: &RecordedEvent, told: &HistoryEvent) {
    let place = format!("{} at {}", told.stream, told.revision);
    assert_eq!(event.stream_revision, told.revision, "{place}");
    let offset = told.position.split_once('@').unwrap().1;
    assert_eq!(event.commit_position.to_string(), offset, "{place}");
    assert_eq!(event.prepare_position, event.commit_position, "{place}");
    assert_eq!(event.metadata["type"], told.name, "{place}");
    assert_eq!(event.metadata["content-type"], "application/json", "{place}");
    let recorded = told.recorded_time.unwrap();
    let ticks = recorded.seconds * 10_000_000 + i64::from(recorded.nanos) / 100;
    assert_eq!(event.metadata["created"], ticks.to_string(), "{place}");
    let json = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).unwrap();
    assert_eq!(json(&event.data), json(told.body_json.as_bytes()), "{place}");
    let metadata = json(&event.custom_metadata);
    assert_eq!(metadata["version"], told.version, "{place}");
    let actor = told.actor.as_ref().unwrap();
    let expected = [
        ("/actor/subject", &actor.subject),
        ("/actor/organisation", &actor.organisation_id),
        ("/command", &told.request_id),
        ("/correlation", &told.correlation_id),
        ("/causation", &told.causation_id),
        ("/plan_version", &told.plan_version),
    ];
    for (path, expected) in expected {
        assert_eq!(&text(&metadata, path), expected, "{path} of {place}");
    }
}

#[test]
fn places_times_and_metadata_are_those_of_the_audit_api() {
    story(async {
        let union = Union::found().await;
        let unit = union.unit("unit", "单位", 1).await;
        let member = unit.member(person("彭女士", Sex::Female, "1972-03-08")).await;
        let plan = ("female-disease", "V6");
        unit.enrol(plan, "2013-01-01", &[&member], 2, "80").await;

        let log = read(&union.auditor, everything()).await.unwrap();
        let positions: Vec<_> = log.iter().map(|event| event.commit_position).collect();
        assert_eq!(positions, (1..=union.service.log_length()).collect::<Vec<_>>());
        let mut streams: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for event in &log {
            streams.entry(name_of(event)).or_default().push(event);
        }
        assert!(streams.len() > 10, "{}", streams.len());
        for (stream, events) in streams {
            let told = union.history(&stream).await;
            assert_eq!(events.len(), told.len(), "{stream}");
            for (event, told) in events.iter().zip(&told) {
                assert_same(event, told);
            }
            let alone = read(&union.auditor, whole(&stream)).await.unwrap();
            assert!(alone.iter().eq(events), "{stream} is in the log as it is alone");
        }
    });
}

#[test]
fn the_log_of_the_service_is_read_by_auditors_and_written_by_nobody() {
    story(async {
        let union = Union::found().await;
        let length = union.service.log_length();
        let mut client = StreamsClient::new(union.auditor.channel.clone());
        let delete = union.auditor.request(DeleteReq::default());
        let status = client.delete(delete).await.unwrap_err();
        assert_eq!((status.code(), status.message()), (Code::PermissionDenied, "Access Denied"));
        assert_eq!(status.metadata().get("exception").unwrap(), "access-denied");

        let analyst = read(&union.analyst, everything()).await.unwrap_err();
        assert_eq!(analyst.code(), Code::PermissionDenied);
        let stranger = read(&union.service.stranger(None), everything()).await.unwrap_err();
        assert_eq!(stranger.code(), Code::Unauthenticated);
        for system in
            ["$all", "$streams", "$users", "$$plan-x", "$stats-127.0.0.1:2113", "$ce-claim"]
        {
            let told = read(&union.auditor, whole(system)).await.unwrap();
            assert!(told.is_empty(), "{system} tells {told:?}");
        }
        assert_eq!(union.service.log_length(), length);
    });
}

#[test]
fn a_token_is_taken_as_the_password_of_any_user() {
    story(async {
        use base64::Engine;
        let union = Union::found().await;
        let token = union.service.token(Role::Auditor, "auditor", None);
        let basic = base64::engine::general_purpose::STANDARD.encode(format!("anybody:{token}"));
        let ask = |header: String| {
            let mut request = tonic::Request::new(whole("approval-policy"));
            request.metadata_mut().insert("authorization", header.parse().unwrap());
            let mut client = StreamsClient::new(union.service.connect());
            async move { client.read(request).await.map(|_| ()).map_err(|status| status.code()) }
        };
        assert_eq!(ask(format!("Basic {basic}")).await, Ok(()));
        let nobody = base64::engine::general_purpose::STANDARD.encode("admin:changeit");
        assert_eq!(ask(format!("Basic {nobody}")).await, Err(Code::Unauthenticated));
    });
}

#[test]
fn a_subscription_ends_as_unavailable_when_the_service_stops() {
    story(async {
        let mut union = Union::found().await;
        let mut client = StreamsClient::new(union.auditor.channel.clone());
        let asked = union.auditor.request(following("approval-policy"));
        let mut answers = client.read(asked).await.unwrap().into_inner();
        while !matches!(next(&mut answers).await.unwrap(), Some(Content::CaughtUp(_))) {}
        let stopping = tokio::task::spawn_blocking(move || union.service.stop());
        assert_eq!(next(&mut answers).await.unwrap_err().code(), Code::Unavailable);
        stopping.await.unwrap();
    });
}

#[test]
fn the_log_shows_no_personal_data() {
    story(async {
        let union = Union::found().await;
        let unit = union.unit("unit", "单位", 1).await;
        let person = person("彭女士", Sex::Female, "1972-03-08");
        unit.member(person.clone()).await;
        let log = read(&union.auditor, everything()).await.unwrap();
        let registered = log.iter().find(|event| event.metadata["type"] == "MemberRegistered");
        assert!(registered.unwrap().data.windows(8).any(|bytes| bytes == b"withheld"));
        for event in log {
            let shown = String::from_utf8_lossy(&event.data).into_owned();
            for secret in [&person.name, &person.resident_id, &person.card, &person.phone] {
                assert!(!shown.contains(secret.as_str()), "{}", event.metadata["type"]);
            }
        }
    });
}
