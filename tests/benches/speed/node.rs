//! The log served alone by EventStoreDB's protocol: durable appends over one call of batches, and
//! reads of the whole log, beside what it costs to decode them.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::Bytes;
use huzhu_grpc::contract::event_store::client::{self as protocol, streams as wire};
use huzhu_grpc::eventstore::{self, Config};
use prost::Message;
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::Streaming;
use tonic::transport::{Channel, Endpoint};
use uuid::Uuid;
use wire::batch_append_req::options::ExpectedStreamPosition;
use wire::batch_append_resp::Result as Answer;
use wire::read_req::options::all_options::AllOption;
use wire::read_req::options::{AllOptions, CountOption, StreamOption};
use wire::streams_client::StreamsClient;

use crate::asked;
use crate::report::{Report, Samples, rate};

const IN_FLIGHT: [usize; 3] = [1, 64, 256];
const APPENDS_A_SECOND: u64 = 10_000;
const APPEND_P50_MICROS: u64 = 3_000;
const READS_A_SECOND: u64 = 150_000;
/// About what an event of a claim holds.
const BODY_BYTES: usize = 400;
const METADATA_BYTES: usize = 300;

pub(crate) fn measure(report: &mut Report) {
    let folder = tempfile::tempdir().unwrap();
    let node = eventstore::start(Config::new(folder.path().to_owned())).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let address = format!("http://{}", node.address);
        let channel = Endpoint::from_shared(address).unwrap().tcp_nodelay(true).connect_lazy();
        let mut client = StreamsClient::new(channel);
        for in_flight in IN_FLIGHT {
            let count = in_flight * usize::try_from(asked("HUZHU_BENCH_CALLS", 24)).unwrap() * 10;
            let count = count.clamp(1_000, 40_000);
            eprintln!("appending {count} events, {in_flight} in flight");
            let samples = Batches::open(&mut client).await.append(in_flight, count).await;
            let target = match in_flight {
                1 => {
                    let met = samples.percentile(50) < APPEND_P50_MICROS;
                    Some((format!("p50 under {APPEND_P50_MICROS} µs"), met))
                }
                64 => {
                    let met = samples.rate() >= APPENDS_A_SECOND;
                    Some((format!("{APPENDS_A_SECOND}/s"), met))
                }
                _ => None,
            };
            report.samples("append by the log's protocol", in_flight, &samples, target);
        }
        let decoded = decoded(&mut client).await;
        report.figure("decoding read events, alone", decoded, "/s", None);
        let read = read(&mut client).await;
        let least = READS_A_SECOND.min(decoded);
        let target = Some((format!("{least}/s"), read >= least));
        report.figure("reading $all by the log's protocol", read, "/s", target);
    });
    node.stop();
    node.join().unwrap();
}

/// A call of batches, and when each append that waits was sent.
struct Batches {
    requests: mpsc::UnboundedSender<wire::BatchAppendReq>,
    answers: Streaming<wire::BatchAppendResp>,
    sent: BTreeMap<String, Instant>,
}

impl Batches {
    async fn open(client: &mut StreamsClient<Channel>) -> Self {
        let (requests, receiver) = mpsc::unbounded_channel();
        let call = client.batch_append(UnboundedReceiverStream::new(receiver));
        let answers = call.await.unwrap().into_inner();
        Self { requests, answers, sent: BTreeMap::new() }
    }

    fn send(&mut self) {
        let id = Uuid::new_v4().to_string();
        let uuid =
            |text: String| protocol::Uuid { value: Some(protocol::uuid::Value::String(text)) };
        let metadata = [("type", "ClaimStepPassed"), ("content-type", "application/json")];
        let event = wire::ProposedMessage {
            id: Some(uuid(Uuid::new_v4().to_string())),
            metadata: metadata.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
            custom_metadata: Bytes::from(vec![b' '; METADATA_BYTES]),
            data: Bytes::from(vec![b' '; BODY_BYTES]),
        };
        let options = wire::batch_append_req::Options {
            stream_identifier: Some(protocol::StreamIdentifier {
                stream_name: format!("claim-{id}").into(),
            }),
            expected_stream_position: Some(ExpectedStreamPosition::NoStream(())),
            deadline_option: None,
        };
        let request = wire::BatchAppendReq {
            correlation_id: Some(uuid(id.clone())),
            options: Some(options),
            proposed_messages: vec![event],
            is_final: true,
        };
        self.sent.insert(id, Instant::now());
        self.requests.send(request).unwrap();
    }

    async fn append(mut self, in_flight: usize, count: usize) -> Samples {
        let begun = Instant::now();
        let mut samples = Samples::default();
        for _ in 0..in_flight {
            self.send();
        }
        let mut sent = in_flight;
        while samples.each.len() < count {
            let answer = self.answers.message().await.unwrap().unwrap();
            assert!(matches!(answer.result, Some(Answer::Success(_))), "{answer:?}");
            let Some(protocol::uuid::Value::String(id)) = answer.correlation_id.unwrap().value
            else {
                panic!("the correlation id comes back as it was");
            };
            samples.each.push(self.sent.remove(&id).unwrap().elapsed());
            if sent < count {
                self.send();
                sent += 1;
            }
        }
        samples.took = begun.elapsed();
        samples
    }
}

async fn everything(client: &mut StreamsClient<Channel>, count: u64) -> Streaming<wire::ReadResp> {
    let all = AllOptions { all_option: Some(AllOption::Start(())) };
    let options = wire::read_req::Options {
        stream_option: Some(StreamOption::All(all)),
        count_option: Some(CountOption::Count(count)),
        ..Default::default()
    };
    client.read(wire::ReadReq { options: Some(options) }).await.unwrap().into_inner()
}

async fn read(client: &mut StreamsClient<Channel>) -> u64 {
    let begun = Instant::now();
    let mut answers = everything(client, u64::MAX).await;
    let mut count = 0;
    while answers.message().await.unwrap().is_some() {
        count += 1;
    }
    rate(count, begun.elapsed())
}

/// How many events a second a client takes apart that has them in memory.
async fn decoded(client: &mut StreamsClient<Channel>) -> u64 {
    let mut answers = everything(client, 1).await;
    let bytes = Bytes::from(answers.message().await.unwrap().unwrap().encode_to_vec());
    let (begun, mut count) = (Instant::now(), 0);
    while begun.elapsed() < Duration::from_secs(1) {
        for _ in 0..1_000 {
            std::hint::black_box(wire::ReadResp::decode(bytes.clone()).unwrap());
        }
        count += 1_000;
    }
    rate(count, begun.elapsed())
}
