//! EventStoreDB's protocol over the embedded log, spoken plainly: what the official clients do not
//! show of it.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a story that cannot go on has failed"
)]

use std::collections::BTreeSet;
use std::time::Duration;

use futures::StreamExt;
use huzhu_grpc::eventstore::Password;
use huzhu_tests::caller::Caller;
use huzhu_tests::contract::event_store::client::streams as wire;
use huzhu_tests::node::{
    Node, all, append, asked, events, following, named, next, one, proposed, revision, uuid, whole,
};
use huzhu_tests::service::connect;
use huzhu_tests::{raw, story};
use tonic::{Code, Request, Status};
use uuid::Uuid;
use wire::append_req::options::ExpectedStreamRevision as Expected;
use wire::batch_append_req::Options;
use wire::batch_append_req::options::ExpectedStreamPosition;
use wire::batch_append_resp::Result as Answer;
use wire::read_req::options::all_options::AllOption;
use wire::read_req::options::filter_options::{Expression, Filter, Window};
use wire::read_req::options::stream_options::RevisionOption;
use wire::read_req::options::{
    AllOptions, CountOption, FilterOption, FilterOptions, ReadDirection, StreamOption,
    SubscriptionOptions,
};
use wire::read_resp::Content;
use wire::success::CurrentRevisionOption;
use wire::{BatchAppendReq, BatchAppendResp, ProposedMessage, ReadReq};

fn numbered(number: u64) -> ProposedMessage {
    proposed("Numbered", &number.to_string())
}

fn numbers(answers: Vec<Content>) -> Vec<u64> {
    let number = |data: &[u8]| std::str::from_utf8(data).unwrap().parse().unwrap();
    events(answers).iter().map(|event| number(&event.data)).collect()
}

fn exception(status: &Status) -> &str {
    status.metadata().get("exception").map_or("", |value| value.to_str().unwrap())
}

#[test]
fn writers_without_an_expectation_lose_and_repeat_nothing() {
    story(async {
        let node = Node::start();
        let writers = (0..16_u64).map(|writer| {
            let mut client = node.client();
            async move {
                let mut revisions = Vec::new();
                for round in 0..50 {
                    let event = numbered(writer * 50 + round);
                    let answer = append(&mut client, "shared", Expected::Any(()), vec![event]);
                    revisions.push(revision(&answer.await.unwrap()));
                }
                revisions
            }
        });
        let revisions = futures::future::join_all(writers).await;
        for of_one in &revisions {
            assert!(of_one.is_sorted(), "a writer's events stand in its order: {of_one:?}");
        }
        let revisions: BTreeSet<_> = revisions.into_iter().flatten().collect();
        assert_eq!(revisions, (0..800).collect());
        let read = node.client().read(whole("shared")).await.unwrap().into_inner();
        let read: BTreeSet<_> = numbers(all(read).await).into_iter().collect();
        assert_eq!(read, (0..800).collect());
    });
}

fn batch(
    stream: &str,
    expected: ExpectedStreamPosition,
    events: Vec<ProposedMessage>,
) -> BatchAppendReq {
    let options = Options {
        stream_identifier: named(stream),
        expected_stream_position: Some(expected),
        deadline_option: None,
    };
    BatchAppendReq {
        correlation_id: uuid(Uuid::new_v4()),
        options: Some(options),
        proposed_messages: events,
        is_final: true,
    }
}

async fn answered(node: &Node, requests: Vec<BatchAppendReq>) -> Vec<BatchAppendResp> {
    let count = requests.len();
    // The client goes on listening: nobody waits for the end of what it sends.
    let requests = futures::stream::iter(requests).chain(futures::stream::pending());
    let answers = node.client().batch_append(requests).await.unwrap().into_inner();
    answers.take(count).map(Result::unwrap).collect().await
}

#[test]
fn appends_of_one_call_take_effect_in_the_order_in_which_they_come() {
    story(async {
        let node = Node::start();
        let requests: Vec<_> = (0..1_000)
            .map(|number: u64| {
                let expected = match number.checked_sub(1) {
                    Some(last) => ExpectedStreamPosition::StreamPosition(last),
                    None => ExpectedStreamPosition::NoStream(()),
                };
                batch("ordered", expected, vec![numbered(number)])
            })
            .collect();
        let sent: BTreeSet<_> =
            requests.iter().map(|one| format!("{:?}", one.correlation_id)).collect();
        let answers = answered(&node, requests).await;
        let heard: BTreeSet<_> =
            answers.iter().map(|one| format!("{:?}", one.correlation_id)).collect();
        assert_eq!(sent, heard);
        for answer in answers {
            assert_eq!(answer.stream_identifier, named("ordered"));
            assert!(matches!(answer.result, Some(Answer::Success(_))), "{answer:?}");
        }
        let read = node.client().read(whole("ordered")).await.unwrap().into_inner();
        assert_eq!(numbers(all(read).await), (0..1_000).collect::<Vec<_>>());
    });
}

#[test]
fn an_append_of_a_batch_fails_alone_and_says_why() {
    story(async {
        let node = Node::start();
        let nothing = Vec::new;
        let nameless = ProposedMessage { metadata: [].into(), ..numbered(1) };
        let large = ProposedMessage { data: vec![b'x'; 1024 * 1024 + 1].into(), ..numbered(1) };
        let many = (0..10_001).map(numbered).collect();
        let any = ExpectedStreamPosition::Any(());
        let of = |stream, expected, events| batch(stream, expected, events);
        let requests = [
            (of("a", any, vec![numbered(1)]), Ok(0)),
            (
                of("a", ExpectedStreamPosition::NoStream(()), vec![numbered(2)]),
                Err((6, "WrongExpectedVersion")),
            ),
            (
                of("b", ExpectedStreamPosition::StreamExists(()), vec![numbered(2)]),
                Err((6, "WrongExpectedVersion")),
            ),
            (of("a", any, vec![nameless]), Err((3, "BadRequest"))),
            (of("a", any, vec![large]), Err((3, "BadRequest"))),
            (of("a", any, many), Err((3, "MaximumAppendSizeExceeded"))),
            (of("", any, vec![numbered(2)]), Err((3, "BadRequest"))),
            (of("$$a", any, vec![numbered(2)]), Err((7, "AccessDenied"))),
            (of("a", ExpectedStreamPosition::StreamPosition(0), nothing()), Ok(0)),
            (of("a", any, vec![numbered(2), numbered(3)]), Ok(2)),
        ];
        for (request, expected) in requests {
            let answer = answered(&node, vec![request]).await.remove(0);
            match (answer.result.unwrap(), expected) {
                (Answer::Success(success), Ok(revision)) => {
                    let at = Some(CurrentRevisionOption::CurrentRevision(revision));
                    assert_eq!(success.current_revision_option, at);
                }
                (Answer::Error(status), Err((code, kind))) => {
                    let url = status.details.unwrap().type_url;
                    let expected = format!("type.googleapis.com/event_store.client.{kind}");
                    assert_eq!((status.code, url), (code, expected), "{}", status.message);
                }
                (answer, expected) => panic!("{answer:?} is not {expected:?}"),
            }
        }
    });
}

#[test]
fn an_append_may_come_in_several_messages_among_others() {
    story(async {
        let node = Node::start();
        let whole_one = batch("parts", ExpectedStreamPosition::NoStream(()), vec![]);
        let part = |events, is_final| BatchAppendReq {
            proposed_messages: events,
            is_final,
            options: None,
            ..whole_one.clone()
        };
        let first = BatchAppendReq { is_final: false, ..whole_one.clone() };
        let requests = vec![
            first,
            part(vec![numbered(0)], false),
            batch("other", ExpectedStreamPosition::Any(()), vec![numbered(9)]),
            part(vec![numbered(1)], true),
        ];
        let requests = futures::stream::iter(requests).chain(futures::stream::pending());
        let answers = node.client().batch_append(requests).await.unwrap().into_inner();
        assert_eq!(answers.take(2).count().await, 2);
        let read = node.client().read(whole("parts")).await.unwrap().into_inner();
        assert_eq!(numbers(all(read).await), [0, 1]);
    });
}

#[test]
fn a_subscription_ends_as_unavailable_when_the_node_stops() {
    story(async {
        let mut node = Node::start();
        let mut client = node.client();
        append(&mut client, "known", Expected::NoStream(()), vec![numbered(0)]).await.unwrap();
        let mut known = client.read(following("known")).await.unwrap().into_inner();
        let mut unknown = client.read(following("unknown")).await.unwrap().into_inner();
        for subscription in [&mut known, &mut unknown] {
            let first = next(subscription).await.unwrap();
            assert!(matches!(first, Some(Content::Confirmation(_))), "{first:?}");
        }
        assert!(matches!(next(&mut known).await, Ok(Some(Content::Event(_)))));
        for subscription in [&mut known, &mut unknown] {
            assert!(matches!(next(subscription).await, Ok(Some(Content::CaughtUp(_)))));
        }
        node.begin_to_stop();
        for subscription in [&mut known, &mut unknown] {
            assert_eq!(next(subscription).await.unwrap_err().code(), Code::Unavailable);
        }
        node.stop();
    });
}

fn all_from(from: AllOption, filter: Option<FilterOptions>) -> ReadReq {
    let all = StreamOption::All(AllOptions { all_option: Some(from) });
    let subscription = CountOption::Subscription(SubscriptionOptions {});
    let mut request = asked(all, ReadDirection::Forwards, subscription);
    request.options.as_mut().unwrap().filter_option = filter.map(FilterOption::Filter);
    request
}

#[test]
fn a_filtered_subscription_says_how_far_it_has_looked() {
    story(async {
        let node = Node::start();
        let mut client = node.client();
        for stream in ["wanted", "other"] {
            let events = (0..50).map(numbered).collect();
            append(&mut client, stream, Expected::NoStream(()), events).await.unwrap();
        }
        let filter = FilterOptions {
            filter: Some(Filter::StreamIdentifier(Expression {
                regex: "^wan".to_owned(),
                prefix: vec!["other".to_owned()],
            })),
            window: Some(Window::Max(10)),
            checkpoint_interval_multiplier: 3,
        };
        let mut answers =
            client.read(all_from(AllOption::Start(()), Some(filter))).await.unwrap().into_inner();
        let (mut wanted, mut checkpoints) = (0, Vec::new());
        loop {
            match next(&mut answers).await.unwrap().unwrap() {
                Content::Event(_) => wanted += 1,
                Content::Checkpoint(checkpoint) => checkpoints.push(checkpoint.commit_position),
                Content::CaughtUp(caught_up) => {
                    assert_eq!(caught_up.position.unwrap().commit_position, 50);
                    break;
                }
                Content::Confirmation(_) => {}
                Content::StreamNotFound(_)
                | Content::FirstStreamPosition(_)
                | Content::LastStreamPosition(_)
                | Content::LastAllStreamPosition(_)
                | Content::FellBehind(_) => panic!("not in a subscription to all"),
            }
        }
        assert_eq!((wanted, checkpoints), (50, vec![30, 60, 90, 100]));
        append(&mut client, "wanted", Expected::Any(()), vec![numbered(50)]).await.unwrap();
        assert!(matches!(next(&mut answers).await, Ok(Some(Content::Event(_)))));
    });
}

#[test]
fn what_does_not_hold_is_refused_and_changes_nothing() {
    story(async {
        let node = Node::start();
        let mut client = node.client();
        append(&mut client, "a", Expected::NoStream(()), vec![numbered(0)]).await.unwrap();
        let count = CountOption::Count(1);
        let forwards = ReadDirection::Forwards;
        let start = || one("a", RevisionOption::Start(()));
        let multiplier = FilterOptions {
            filter: Some(Filter::EventType(Expression::default())),
            window: None,
            checkpoint_interval_multiplier: 0,
        };
        let regex = |regex: &str| FilterOptions {
            filter: Some(Filter::EventType(Expression { regex: regex.to_owned(), prefix: vec![] })),
            window: None,
            checkpoint_interval_multiplier: 1,
        };
        let at = |commit_position, prepare_position| {
            AllOption::Position(wire::Position { commit_position, prepare_position })
        };
        let mut filtered = asked(start(), forwards, count);
        filtered.options.as_mut().unwrap().filter_option = Some(FilterOption::Filter(regex("x")));
        let mut sideways = asked(start(), forwards, count);
        sideways.options.as_mut().unwrap().read_direction = 7;
        let backwards = CountOption::Subscription(SubscriptionOptions {});
        let requests = [
            ReadReq::default(),
            asked(one("", RevisionOption::Start(())), forwards, count),
            asked(one("a\u{7}", RevisionOption::Start(())), forwards, count),
            asked(one(&"x".repeat(201), RevisionOption::Start(())), forwards, count),
            asked(start(), ReadDirection::Backwards, backwards),
            filtered,
            sideways,
            all_from(at(2, 2), None),
            all_from(at(1, 0), None),
            all_from(AllOption::Start(()), Some(multiplier)),
            all_from(AllOption::Start(()), Some(regex("("))),
        ];
        for request in requests {
            let status = client.read(request.clone()).await.unwrap_err();
            assert_eq!(status.code(), Code::InvalidArgument, "{request:?}: {status:?}");
        }
        let untyped = ProposedMessage { metadata: [].into(), ..numbered(1) };
        let status = append(&mut client, "a", Expected::Any(()), vec![untyped]).await.unwrap_err();
        assert_eq!(exception(&status), "missing-required-metadata-property");
        let large = ProposedMessage { data: vec![b'x'; 1024 * 1024 + 1].into(), ..numbered(1) };
        let status = append(&mut client, "a", Expected::Any(()), vec![large]).await.unwrap_err();
        assert_eq!(exception(&status), "maximum-append-event-size-exceeded");
        let much = (0..65).map(|number| ProposedMessage {
            data: vec![b'x'; 1024 * 1024].into(),
            ..numbered(number)
        });
        let status = append(&mut client, "a", Expected::Any(()), much.collect()).await.unwrap_err();
        assert_eq!(exception(&status), "maximum-append-size-exceeded");
        let anonymous = ProposedMessage { id: None, ..numbered(1) };
        let status =
            append(&mut client, "a", Expected::Any(()), vec![anonymous]).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
        let read = client.read(whole("a")).await.unwrap().into_inner();
        assert_eq!(numbers(all(read).await), [0]);
    });
}

#[test]
fn too_many_open_calls_are_refused_and_hold_up_nobody() {
    story(async {
        let node = Node::start();
        let events = (0..500).map(numbered).collect();
        append(&mut node.client(), "long", Expected::NoStream(()), events).await.unwrap();
        // Nobody takes what they are told; so each has a connection with few others.
        let mut open = Vec::new();
        let refused = 'refused: loop {
            let mut client = node.client();
            for _ in 0..128 {
                match client.read(following("long")).await {
                    Ok(answers) => open.push(answers.into_inner()),
                    Err(status) => break 'refused status,
                }
            }
        };
        assert_eq!((refused.code(), open.len()), (Code::Unavailable, 1_024), "{refused:?}");
        let refused = node.client().read(whole("long")).await.unwrap_err();
        assert_eq!((refused.code(), refused.message()), (Code::Unavailable, "Server Is Too Busy"));
        let mut client = node.client();
        append(&mut client, "other", Expected::NoStream(()), vec![numbered(0)]).await.unwrap();

        open.truncate(512);
        let left = async {
            loop {
                match node.client().read(whole("other")).await {
                    Ok(answers) => break all(answers.into_inner()).await,
                    // The node hears of those who have left a moment later.
                    Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
                }
            }
        };
        let read = tokio::time::timeout(Duration::from_secs(30), left).await.unwrap();
        assert_eq!(numbers(read), [0]);
    });
}

#[test]
fn noise_in_place_of_a_request_is_refused_and_the_node_goes_on() {
    story(async {
        let node = Node::start();
        let caller = Caller::new(connect(&node.address().to_string()), None);
        let mut state = 1_u64;
        let mut noise = |bytes: usize| -> Vec<u8> {
            let next = |_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                u8::try_from(state >> 56).unwrap()
            };
            (0..bytes).map(next).collect()
        };
        for round in 0..60 {
            for rpc in ["Read", "Append", "BatchAppend", "Delete", "Tombstone"] {
                let path = format!("/event_store.client.streams.Streams/{rpc}");
                let messages = vec![noise(round).into(), noise(2 * round).into()];
                let call = raw::send(&caller, &path, messages);
                // A subscription by chance would not end.
                let _ = tokio::time::timeout(Duration::from_millis(200), call).await;
            }
        }
        let mut client = node.client();
        append(&mut client, "a", Expected::NoStream(()), vec![numbered(0)]).await.unwrap();
        let read = client.read(whole("a")).await.unwrap().into_inner();
        assert_eq!(numbers(all(read).await), [0]);
    });
}

#[test]
fn a_node_with_a_password_is_open_to_whoever_brings_it() {
    story(async {
        let node = Node::start_with(|config| config.password = Some(Password::new("secret")));
        let ask = |header: Option<&'static str>| {
            let mut request = Request::new(whole("a"));
            if let Some(header) = header {
                request.metadata_mut().insert("authorization", header.parse().unwrap());
            }
            let mut client = node.client();
            async move { client.read(request).await.map(|_| ()).map_err(|status| status.code()) }
        };
        // Of user `admin`, with `secret` and with `wrong`.
        assert_eq!(ask(Some("Basic YWRtaW46c2VjcmV0")).await, Ok(()));
        assert_eq!(ask(Some("Bearer secret")).await, Ok(()));
        for wrong in [None, Some("Basic YWRtaW46d3Jvbmc="), Some("Bearer wrong")] {
            assert_eq!(ask(wrong).await, Err(Code::Unauthenticated), "{wrong:?}");
        }
        let mut client = node.client();
        let refused = append(&mut client, "a", Expected::Any(()), vec![numbered(0)]).await;
        assert_eq!(refused.unwrap_err().code(), Code::Unauthenticated);
    });
}

#[test]
fn a_node_for_other_machines_needs_a_password() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = huzhu_grpc::eventstore::Config::new(folder.path().to_owned());
    config.listen = "0.0.0.0:0".parse().unwrap();
    let refused = huzhu_grpc::eventstore::start(config).err().unwrap();
    assert!(refused.to_string().contains("0.0.0.0:0"), "{refused}");
}
