//! The official clients of EventStoreDB and KurrentDB read, append and subscribe, unchanged.
//!
//! They need an interpreter with the packages of `tests/python/requirements.txt`, named by
//! `HUZHU_PYTHON`, the packages of `tests/node/package.json` in the folder that
//! `HUZHU_NODE_MODULES` names, and what `tests/rust` makes, named by `HUZHU_RUST_CLIENT`; without
//! them the stories say loudly that they did nothing.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a story that cannot go on has failed")]

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use huzhu_tests::node::Node;
use huzhu_tests::outside::{node_modules, python, skipped};
use huzhu_tests::people::person;
use huzhu_tests::service::Service;
use huzhu_tests::story;
use huzhu_tests::union::Union;
use huzhu_tests::wire::Sex;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::Command;

/// How long a client may take for everything.
const PATIENCE: Duration = Duration::from_secs(180);
const NODE: &str = "the Node client of the log";
const PACKAGE: &str = "@kurrent/kurrentdb-client";

fn beside(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(file)
}

fn python_client() -> Option<Command> {
    let python = python("the Python client of the log", "import kurrentdbclient")?;
    let mut command = Command::new(python);
    command.arg(beside("python/eventstore.py"));
    Some(command)
}

fn node_client() -> Option<Command> {
    let modules = node_modules(NODE, PACKAGE)?;
    let mut command = Command::new("node");
    command.arg(beside("node/eventstore.cjs")).env("NODE_PATH", modules);
    Some(command)
}

fn rust_client() -> Option<Command> {
    let client = std::env::var_os("HUZHU_RUST_CLIENT");
    if client.is_none() {
        skipped("the Rust client of the log", "HUZHU_RUST_CLIENT is not set (see tests/rust)");
    }
    client.map(Command::new)
}

/// Lets a client go through its steps; when it says `subscribed`, the node starts anew.
async fn through_its_steps(mut command: Command) {
    let mut node = Node::start();
    command.arg(node.address().to_string());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut client = command.kill_on_drop(true).spawn().unwrap();
    let mut lines = BufReader::new(client.stdout.take().unwrap()).lines();
    let mut input = client.stdin.take().unwrap();
    let mut errors = client.stderr.take().unwrap();
    let mut said = Vec::new();
    let steps = async {
        while let Some(line) = lines.next_line().await.unwrap() {
            if line == "subscribed" {
                node.restart();
                input.write_all(b"started again\n").await.unwrap();
            }
            said.push(line);
        }
        client.wait().await.unwrap()
    };
    let mut complaints = String::new();
    let both = async { tokio::join!(steps, errors.read_to_string(&mut complaints)) };
    let (ended, _) = tokio::time::timeout(PATIENCE, both).await.unwrap();
    assert!(ended.success(), "after {said:?}:\n{complaints}");
    assert_eq!(said, ["subscribed", "done"], "{complaints}");
}

#[test]
fn the_python_client_reads_appends_and_follows_across_a_restart() {
    let Some(client) = python_client() else { return };
    story(through_its_steps(client));
}

#[test]
fn the_node_client_reads_appends_and_follows_across_a_restart() {
    let Some(client) = node_client() else { return };
    story(through_its_steps(client));
}

#[test]
fn the_rust_client_reads_appends_and_follows_across_a_restart() {
    let Some(client) = rust_client() else { return };
    story(through_its_steps(client));
}

#[test]
fn an_auditor_prints_a_history_with_the_python_client_of_the_readme() {
    let Some(python) = python("the auditor's Python", "import kurrentdbclient") else { return };
    story(async {
        let service = Service::start_with(|config| config.open_log = true);
        let union = Union::found_with(service).await;
        let unit = union.unit("unit", "单位", 1).await;
        let someone = person("彭女士", Sex::Female, "1972-03-08");
        let member = unit.member(someone.clone()).await;
        let stream = format!("member-{member}");
        // The lines of the README, for this address and this stream.
        let readme = std::fs::read_to_string(beside("../README.md")).unwrap();
        let lines = readme.split("```python\n").nth(1).unwrap().split("```").next().unwrap();
        let lines = lines.replace("127.0.0.1:50051", union.service.address());
        let lines = lines.replace("claim-CLAIM", &stream);
        let output = Command::new(python).args(["-c", &lines]).output();
        let output = tokio::time::timeout(PATIENCE, output).await.unwrap().unwrap();
        let (said, errors) = (output.stdout, String::from_utf8(output.stderr).unwrap());
        let said = String::from_utf8(said).unwrap();
        assert!(output.status.success(), "{errors}");
        assert!(said.contains("MemberRegistered"), "{said}{errors}");
        for secret in [&someone.name, &someone.resident_id, &someone.card, &someone.phone] {
            assert!(!said.contains(secret.as_str()), "{said}");
        }
    });
}
