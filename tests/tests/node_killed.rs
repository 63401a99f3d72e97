//! A node that is killed keeps every event that it acknowledged, once.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    reason = "a story that cannot go on has failed"
)]

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use huzhu_tests::contract::event_store::client::streams as wire;
use huzhu_tests::node::{all, append, events, proposed, whole};
use huzhu_tests::program::program;
use huzhu_tests::service::connect;
use huzhu_tests::story;
use wire::append_req::options::ExpectedStreamRevision as Expected;
use wire::streams_client::StreamsClient;

const WRITERS: u64 = 16;
const KILLS: u64 = 5;
/// How many events are acknowledged between two kills.
const EVENTS: u64 = 400;

/// The program, serving a log alone; and where.
struct Alone(Child, String);

impl Alone {
    fn start(folder: &Path) -> Self {
        let mut child = Command::new(program())
            .args(["eventstore", "--listen", "127.0.0.1:0", "--data"])
            .arg(folder)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        // huzhu eventstore serves esdb://127.0.0.1:2113?tls=false
        let address = line.split_once("esdb://").unwrap().1.split_once('?').unwrap().0;
        Self(child, address.to_owned())
    }
}

impl Drop for Alone {
    fn drop(&mut self) {
        // As a power cut would.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_node_killed_under_load_keeps_what_it_acknowledged() {
    story(async {
        let folder = tempfile::tempdir().unwrap();
        let acknowledged = Arc::new(Mutex::new(BTreeSet::new()));
        let numbers = Arc::new(AtomicU64::new(0));
        for kill in 1..=KILLS {
            let mut node = Alone::start(folder.path());
            let writers = (0..WRITERS).map(|writer| {
                let mut client = StreamsClient::new(connect(&node.1));
                let (acknowledged, numbers) = (Arc::clone(&acknowledged), Arc::clone(&numbers));
                tokio::spawn(async move {
                    let stream = format!("shared-{}", writer % 2);
                    loop {
                        let number = numbers.fetch_add(1, Ordering::Relaxed);
                        let event = proposed("Numbered", &number.to_string());
                        let any = Expected::Any(());
                        // The node is gone: what was under way may stand or not.
                        if append(&mut client, &stream, any, vec![event]).await.is_err() {
                            return;
                        }
                        acknowledged.lock().unwrap().insert(number);
                    }
                })
            });
            let writers: Vec<_> = writers.collect();
            while u64::try_from(acknowledged.lock().unwrap().len()).unwrap() < kill * EVENTS {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
            node.0.kill().unwrap();
            for writer in writers {
                writer.await.unwrap();
            }
        }
        let node = Alone::start(folder.path());
        let mut found = Vec::new();
        for stream in ["shared-0", "shared-1"] {
            let mut client = StreamsClient::new(connect(&node.1));
            let read = events(all(client.read(whole(stream)).await.unwrap().into_inner()).await);
            for (revision, event) in (0..).zip(read) {
                assert_eq!(event.stream_revision, revision, "{stream}");
                let number: u64 = std::str::from_utf8(&event.data).unwrap().parse().unwrap();
                found.push(number);
            }
        }
        let once: BTreeSet<_> = found.iter().copied().collect();
        assert_eq!(once.len(), found.len(), "nothing stands twice");
        let acknowledged = acknowledged.lock().unwrap();
        let lost: Vec<_> = acknowledged.difference(&once).collect();
        assert!(lost.is_empty(), "{lost:?} were acknowledged and are gone");
    });
}
