//! The official Rust client against a node of the embedded log: eventstore-client ADDRESS
//!
//! It says `subscribed` on standard output when the node may be started again, and goes on when it
//! reads a line; at the end it says `done`.

use std::time::Duration;

use bytes::Bytes;
use kurrentdb::{
    AppendToStreamOptions, Client, CurrentRevision, DeleteStreamOptions, Error, EventData,
    ReadAllOptions, ReadStreamOptions, RetryOptions, StreamPosition, StreamState,
    SubscribeToStreamOptions, SubscriptionFilter,
};
use uuid::Uuid;

const STREAM: &str = "claim-互助-1";

fn event(name: &str, data: &'static str) -> EventData {
    EventData::binary(name, Bytes::from_static(data.as_bytes())).id(Uuid::new_v4())
}

fn at(state: StreamState) -> AppendToStreamOptions {
    AppendToStreamOptions::default().stream_state(state)
}

async fn append(
    client: &Client,
    stream: &str,
    state: StreamState,
    events: Vec<EventData>,
) -> kurrentdb::Result<u64> {
    let written = client.append_to_stream(stream, &at(state), events).await?;
    assert!(written.position.commit > 0 && written.position.commit == written.position.prepare);
    Ok(written.next_expected_version)
}

/// What an append was told of where its stream stands.
fn conflict(refused: kurrentdb::Result<u64>) -> (StreamState, CurrentRevision) {
    match refused {
        Err(Error::WrongExpectedVersion { expected, current }) => (expected, current),
        other => panic!("not refused for its version: {other:?}"),
    }
}

async fn appends(client: &Client) -> kurrentdb::Result<()> {
    let filed = event("ClaimFiled", "100.00").metadata(Bytes::from_static(b"{\"by\":\"clerk\"}"));
    assert_eq!(append(client, STREAM, StreamState::NoStream, vec![filed.clone()]).await?, 0);
    // Sent again, because the answer was lost: it stands where it stood.
    assert_eq!(append(client, STREAM, StreamState::NoStream, vec![filed]).await?, 0);
    let several = vec![event("ClaimAssessed", "1"), event("StepPassed", "2")];
    let first = StreamState::StreamRevision(0);
    assert_eq!(append(client, STREAM, first, several).await?, 2);
    let passed = vec![event("StepPassed", "3")];
    assert_eq!(append(client, STREAM, StreamState::StreamExists, passed).await?, 3);
    assert_eq!(append(client, STREAM, StreamState::Any, vec![event("StepPassed", "4")]).await?, 4);

    let late = append(client, STREAM, first, vec![event("Late", "")]).await;
    assert_eq!(conflict(late), (first, CurrentRevision::Current(4)));
    let missing = append(client, "missing", StreamState::StreamExists, vec![event("L", "")]).await;
    assert_eq!(conflict(missing), (StreamState::StreamExists, CurrentRevision::NoStream));

    let session = client.batch_append(&Default::default()).await?;
    for number in 0..100 {
        let stream = format!("batch-{number}");
        let events = vec![event("First", ""), event("Second", "")];
        let written = session.append_to_stream(stream, StreamState::NoStream, events).await?;
        assert_eq!(written.current_revision(), Some(1));
    }
    Ok(())
}

async fn reads(client: &Client) -> kurrentdb::Result<()> {
    let forwards = ReadStreamOptions::default().position(StreamPosition::Start);
    let mut stream = client.read_stream(STREAM, &forwards).await?;
    let (mut revisions, mut positions) = (Vec::new(), Vec::new());
    while let Some(read) = stream.next().await? {
        let read = read.get_original_event();
        if read.revision == 0 {
            assert_eq!((read.stream_id(), read.event_type.as_str()), (STREAM, "ClaimFiled"));
            assert_eq!(
                (&*read.data, &*read.custom_metadata),
                (b"100.00".as_slice(), b"{\"by\":\"clerk\"}".as_slice())
            );
        }
        revisions.push(read.revision);
        positions.push(read.position.commit);
    }
    assert_eq!(revisions, [0, 1, 2, 3, 4]);
    assert!(positions.is_sorted_by(|one, next| one < next), "{positions:?}");

    let backwards = ReadStreamOptions::default().position(StreamPosition::End).max_count(2);
    let mut stream = client.read_stream(STREAM, &backwards).await?;
    let mut last = Vec::new();
    while let Some(read) = stream.next().await? {
        last.push(read.get_original_event().revision);
    }
    assert_eq!(last, [4, 3]);
    let mut missing = client.read_stream("missing", &forwards).await?;
    assert!(matches!(missing.next().await, Err(Error::ResourceNotFound)));

    let only = SubscriptionFilter::on_event_type().add_prefix("Claim");
    let all = ReadAllOptions::default().position(StreamPosition::Start).filter(only);
    let mut all = client.read_all(&all).await?;
    let mut types = Vec::new();
    while let Some(read) = all.next().await? {
        types.push(read.get_original_event().event_type.clone());
    }
    assert_eq!(types, ["ClaimFiled", "ClaimAssessed"]);
    Ok(())
}

/// Nothing is lost and nothing comes twice, though the node stops in the middle: the client goes on
/// by itself.
async fn across_a_restart(client: &Client) -> kurrentdb::Result<()> {
    let (stream, any) = ("restart", StreamState::Any);
    let many = |range: std::ops::Range<u32>| range.map(|_| event("Numbered", "")).collect();
    append(client, stream, any, many(0..100)).await?;
    let retry = RetryOptions::default().retry_forever().retry_delay(Duration::from_millis(100));
    let options = SubscribeToStreamOptions::default();
    let options = options.start_from(StreamPosition::Start).retry_options(retry);
    let mut subscription = client.subscribe_to_stream(stream, &options).await;
    let mut seen = Vec::new();
    while seen.len() < 60 {
        seen.push(subscription.next().await?.get_original_event().revision);
    }
    println!("subscribed");
    // The client has to see meanwhile that the node ends.
    let line = || std::io::stdin().read_line(&mut String::new());
    tokio::task::spawn_blocking(line).await.unwrap().unwrap();
    while let Err(why) = append(client, stream, any, many(100..150)).await {
        eprintln!("the node is not back: {why}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    while seen.len() < 150 {
        seen.push(subscription.next().await?.get_original_event().revision);
    }
    assert_eq!(seen, (0..150).collect::<Vec<_>>());
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let address = std::env::args().nth(1).expect("the address of a node");
    let settings = format!("kurrentdb://{address}?tls=false").parse().unwrap();
    let client = Client::new(settings).unwrap();
    appends(&client).await.unwrap();
    reads(&client).await.unwrap();
    let denied = client.delete_stream(STREAM, &DeleteStreamOptions::default()).await;
    assert!(matches!(denied, Err(Error::AccessDenied)), "{denied:?}");
    across_a_restart(&client).await.unwrap();
    println!("done");
}
