//! The embedded log served alone, in this process, and its protocol as a client speaks it.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use huzhu_grpc::eventstore::{Config, Running, start};
use tempfile::TempDir;
use tonic::transport::Channel;
use tonic::{Status, Streaming};
use uuid::Uuid;

use crate::contract::event_store::client as protocol;
use crate::service::connect;
use protocol::streams::streams_client::StreamsClient;
use protocol::streams::{self as wire, AppendReq, AppendResp, ReadReq, ReadResp};
use protocol::uuid::Value;
use wire::append_req::options::ExpectedStreamRevision;
use wire::read_req::options::stream_options::RevisionOption;
use wire::read_req::options::{
    CountOption, ReadDirection, StreamOption, StreamOptions, SubscriptionOptions,
};
use wire::read_resp::Content;
use wire::read_resp::read_event::RecordedEvent;

/// A node that runs.
pub struct Node {
    running: Option<Running>,
    address: SocketAddr,
    folder: TempDir,
}

impl Node {
    /// A node over an empty folder.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with(|_| {})
    }

    /// The same, run differently.
    #[must_use]
    pub fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = config(folder.path());
        change(&mut config);
        let running = start(config).unwrap();
        let address = running.address;
        Self { running: Some(running), address, folder }
    }

    /// Stops the node as an operator would, and starts it again at the same address.
    pub fn restart(&mut self) {
        self.stop();
        let mut config = config(self.folder.path());
        config.listen = self.address;
        self.running = Some(start(config).unwrap());
    }

    /// Stops the node.
    pub fn stop(&mut self) {
        let running = self.running.take().unwrap();
        running.stop();
        running.join().unwrap();
    }

    /// Tells the node to stop, and does not wait.
    pub fn begin_to_stop(&self) {
        self.running.as_ref().unwrap().stop();
    }

    /// Where it takes calls.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its log, for a service.
    #[cfg(feature = "cluster")]
    #[must_use]
    pub fn place(&self) -> huzhu_grpc::server::LogPlace {
        let address = format!("esdb://{}?tls=false", self.address);
        huzhu_grpc::server::LogPlace::Cluster(address.parse().unwrap())
    }

    /// A connection of its own.
    #[must_use]
    pub fn client(&self) -> StreamsClient<Channel> {
        StreamsClient::new(connect(&self.address.to_string()))
    }
}

fn config(folder: &Path) -> Config {
    let mut config = Config::new(folder.to_owned());
    config.drain = Duration::from_secs(5);
    config
}

/// The name of a stream.
#[must_use]
pub fn named(stream: &str) -> Option<protocol::StreamIdentifier> {
    Some(protocol::StreamIdentifier { stream_name: Bytes::copy_from_slice(stream.as_bytes()) })
}

/// A UUID as text.
#[must_use]
pub fn uuid(id: Uuid) -> Option<protocol::Uuid> {
    Some(protocol::Uuid { value: Some(Value::String(id.to_string())) })
}

/// A new JSON event.
#[must_use]
pub fn proposed(name: &str, data: &str) -> wire::ProposedMessage {
    let metadata = [("type", name), ("content-type", "application/json")];
    wire::ProposedMessage {
        id: uuid(Uuid::new_v4()),
        metadata: metadata.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
        custom_metadata: Bytes::new(),
        data: Bytes::copy_from_slice(data.as_bytes()),
    }
}

/// Appends events to a stream.
pub async fn append(
    client: &mut StreamsClient<Channel>,
    stream: &str,
    expected: ExpectedStreamRevision,
    events: Vec<wire::ProposedMessage>,
) -> Result<AppendResp, Status> {
    let options = wire::append_req::Options {
        stream_identifier: named(stream),
        expected_stream_revision: Some(expected),
    };
    let first = wire::append_req::Content::Options(options);
    let events = events.into_iter().map(wire::append_req::Content::ProposedMessage);
    let messages = std::iter::once(first).chain(events);
    let messages: Vec<_> = messages.map(|one| AppendReq { content: Some(one) }).collect();
    Ok(client.append(futures::stream::iter(messages)).await?.into_inner())
}

/// The revision of an append that succeeded.
#[must_use]
pub fn revision(answer: &AppendResp) -> u64 {
    match &answer.result {
        Some(wire::append_resp::Result::Success(wire::Success {
            current_revision_option:
                Some(wire::success::CurrentRevisionOption::CurrentRevision(revision)),
            ..
        })) => *revision,
        other => panic!("{other:?}"),
    }
}

/// A subscription to a stream, from its start.
#[must_use]
pub fn following(stream: &str) -> ReadReq {
    let subscription = CountOption::Subscription(SubscriptionOptions {});
    asked(one(stream, RevisionOption::Start(())), ReadDirection::Forwards, subscription)
}

/// Everything of a stream.
#[must_use]
pub fn whole(stream: &str) -> ReadReq {
    let start = one(stream, RevisionOption::Start(()));
    asked(start, ReadDirection::Forwards, CountOption::Count(u64::MAX))
}

/// A stream, from somewhere on.
#[must_use]
pub fn one(stream: &str, from: RevisionOption) -> StreamOption {
    StreamOption::Stream(StreamOptions {
        stream_identifier: named(stream),
        revision_option: Some(from),
    })
}

/// A read or a subscription.
#[must_use]
pub fn asked(of: StreamOption, direction: ReadDirection, count: CountOption) -> ReadReq {
    let options = wire::read_req::Options {
        stream_option: Some(of),
        read_direction: direction.into(),
        count_option: Some(count),
        control_option: Some(wire::read_req::options::ControlOption { compatibility: 1 }),
        ..Default::default()
    };
    ReadReq { options: Some(options) }
}

/// What comes next of a read.
pub async fn next(answers: &mut Streaming<ReadResp>) -> Result<Option<Content>, Status> {
    let next = tokio::time::timeout(Duration::from_secs(30), answers.message()).await.unwrap();
    Ok(next?.map(|answer| answer.content.unwrap()))
}

/// All answers of a read.
pub async fn all(mut answers: Streaming<ReadResp>) -> Vec<Content> {
    let mut all = Vec::new();
    while let Some(content) = next(&mut answers).await.unwrap() {
        all.push(content);
    }
    all
}

/// The events among answers.
#[must_use]
pub fn events(answers: Vec<Content>) -> Vec<RecordedEvent> {
    let event = |content| {
        if let Content::Event(event) = content { event.event } else { None }
    };
    answers.into_iter().filter_map(event).collect()
}
