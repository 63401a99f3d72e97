//! Several services on one log, and the same main job on either kind of log.
#![cfg(feature = "cluster")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a story that cannot go on has failed"
)]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use huzhu_domain::envelope::{Actor, Role};
use huzhu_domain::id::PayoutId;
use huzhu_grpc::server::LogPlace;
use huzhu_projections::database::Place;
use huzhu_projections::feed::{EmbeddedFeed, Feed, PortFeed};
use huzhu_projections::worker::Views;
use huzhu_store::cluster::ClusterStore;
use huzhu_store::embedded::EmbeddedStore;
use huzhu_store::engine::{Engine, EngineError, Envelope, Limits, PassStep, digest};
use huzhu_store::port::{
    Append, AppendError, Appended, Direction, EventStore, Position, Recorded, Revision, StoreError,
    StoreId, StreamName,
};
use huzhu_tests::between::Wire;
use huzhu_tests::command::PublishPlanRequest;
use huzhu_tests::facts::{illness, receipt};
use huzhu_tests::host::adapter;
use huzhu_tests::node::Node;
use huzhu_tests::people::person;
use huzhu_tests::program::Program;
use huzhu_tests::union::{OFFICE, Union};
use huzhu_tests::wire::Sex;
use huzhu_tests::{new_id, story};
use rusqlite::types::Value;
use uuid::Uuid;

const DAY: &str = "2014-12-20";

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn the_demo_comes_to_the_same_on_either_log() {
    let (embedded, shared) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    huzhu_grpc::demo::run(Some(embedded.path().to_owned()), LogPlace::Folder).unwrap();
    let node = Node::start();
    huzhu_grpc::demo::run(Some(shared.path().to_owned()), node.place()).unwrap();
    let (ours, theirs) = story(async {
        let store = EmbeddedStore::open(embedded.path(), jiff::Timestamp::now).unwrap();
        let feed = Box::new(EmbeddedFeed::new(&store).unwrap());
        let ours = rows(embedded.path(), feed, store.head().await.unwrap().unwrap()).await;
        store.close().await;
        let store = adapter(&node).await;
        let (head, feed) = (store.head().await.unwrap().unwrap(), PortFeed::new(Arc::new(store)));
        (ours, rows(shared.path(), Box::new(feed), head).await)
    });
    assert!(ours.len() > 20 && ours["claims_1"].len() > 40, "{:?}", ours.keys());
    for (table, ours) in &ours {
        let theirs = &theirs[table];
        let differs = ours.iter().zip(theirs).find(|(ours, theirs)| ours != theirs);
        assert_eq!(differs, None, "{table}");
        assert_eq!(ours.len(), theirs.len(), "{table}");
    }
    assert_eq!(ours.len(), theirs.len());
}

/// The rows of every view once it reflects `head`, without ids and times of recording.
async fn rows(folder: &Path, feed: Box<dyn Feed>, head: Position) -> BTreeMap<String, Vec<String>> {
    let clock: huzhu_projections::worker::Clock = Arc::new(jiff::Timestamp::now);
    let views = Views::start(Place::Folder(folder.to_owned()), feed, clock).await.unwrap();
    views.reflect(head, tokio::time::Instant::now() + PATIENCE).await.unwrap();
    views.stop();
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
    let database = rusqlite::Connection::open_with_flags(folder.join("views.db"), flags).unwrap();
    let names = "SELECT name FROM sqlite_master WHERE type = 'table' AND name <> 'projections'";
    let mut names = database.prepare(names).unwrap();
    let names = names.query_map([], |row| row.get::<_, String>(0)).unwrap();
    names.map(|name| name.unwrap()).map(|name| (name.clone(), rows_of(&database, &name))).collect()
}

fn rows_of(database: &rusqlite::Connection, table: &str) -> Vec<String> {
    let mut query = database.prepare(&format!("SELECT * FROM {table}")).unwrap();
    let columns: Vec<String> = query.column_names().map(str::to_owned).collect();
    let mut found = query.query([]).unwrap();
    let mut rows = Vec::new();
    while let Some(row) = found.next().unwrap() {
        // The lines of a bank file stand in the order of ids.
        let told = |column: &&String| table != "batch_lines_1" || *column != "number";
        let value = |column: &String| match row.get(column.as_str()).unwrap() {
            Value::Text(text) => format!("{column}={}", without_ids(&text)),
            other @ (Value::Null | Value::Integer(_) | Value::Real(_) | Value::Blob(_)) => {
                format!("{column}={other:?}")
            }
        };
        rows.push(columns.iter().filter(told).map(value).collect::<Vec<_>>().join(" "));
    }
    rows.sort();
    rows
}

/// The text with every id, keyed hash, payment reference and time of recording left out.
fn without_ids(text: &str) -> String {
    let part = |part: &str| {
        let hexadecimal = part.bytes().all(|byte| byte.is_ascii_hexdigit());
        let hash = part.len() == 64 && hexadecimal;
        let time = part.len() > 20 && part.parse::<jiff::Timestamp>().is_ok();
        let day = part.get(..10).filter(|_| part.len() == 15);
        let reference = day.is_some_and(|day| day.parse::<jiff::civil::Date>().is_ok());
        if hash || time || reference { "…".to_owned() } else { without_uuids(part) }
    };
    text.split('"').map(part).collect::<Vec<_>>().join("\"")
}

/// The text with every UUID left out, also where a word stands before it, as in a stream's name.
fn without_uuids(text: &str) -> String {
    const LENGTH: usize = 36;
    let (mut rest, mut without) = (text, String::new());
    while let Some(next) = rest.chars().next() {
        if rest.get(..LENGTH).is_some_and(|part| Uuid::try_parse(part).is_ok()) {
            without.push('…');
            rest = &rest[LENGTH..];
        } else {
            without.push(next);
            rest = &rest[next.len_utf8()..];
        }
    }
    without
}

/// A log whose connection breaks as soon as a claim is approved: what follows is left undone.
struct CutShort(ClusterStore);

#[async_trait::async_trait]
impl EventStore for CutShort {
    fn id(&self) -> StoreId {
        self.0.id()
    }

    fn is_shared(&self) -> bool {
        true
    }

    async fn append(&self, mut appends: Vec<Append>) -> Result<Vec<Appended>, AppendError> {
        let approves = |append: &Append| {
            append.events.iter().any(|event| event.name.as_ref() == "ClaimApproved")
        };
        let Some(approval) = appends.iter().position(approves) else {
            return self.0.append(appends).await;
        };
        appends.truncate(approval + 1);
        self.0.append(appends).await?;
        Err(StoreError::Unavailable { why: "the connection broke".to_owned() }.into())
    }

    async fn read_stream(
        &self,
        stream: &StreamName,
        from: Option<Revision>,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<Recorded>, StoreError> {
        self.0.read_stream(stream, from, direction, limit).await
    }

    async fn read_all(
        &self,
        bound: Option<Position>,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<Recorded>, StoreError> {
        self.0.read_all(bound, direction, limit).await
    }

    async fn head(&self) -> Result<Option<Position>, StoreError> {
        self.0.head().await
    }

    async fn grown(&self, bound: Option<Position>) -> Result<(), StoreError> {
        self.0.grown(bound).await
    }
}

#[test]
fn what_a_dead_service_left_undone_another_brings_to_its_end() {
    story(async {
        let node = Node::start();
        let log = adapter(&node).await;
        let address = Some(format!("esdb://{}?tls=false", node.address()));
        let folder = tempfile::tempdir().unwrap();
        let mut first = Program::start_on(folder, address.clone()).await;
        let folder = tempfile::tempdir().unwrap();
        for key in ["token.key", "resident.key"] {
            std::fs::copy(first.folder().join(key), folder.path().join(key)).unwrap();
        }
        let mut second = Program::start_on(folder, address).await;

        let union = Union::found_with(first.service()).await;
        let unit = union.unit("unit", "单位", 1).await;
        let member = unit.member(person("会员", Sex::Female, "1980-05-01")).await;
        let cover = unit.grant(&member, "nuan-huzhu", "2014-01-01").await;
        let mut claims = Vec::new();
        for serial in ["ONE", "TWO"] {
            let mut facts = illness("2014-01-02", DAY);
            facts.bills = vec![receipt(serial, "2014-05-01", "5000")];
            let claim = unit.file(&cover, &["outpatient"], facts, DAY).await;
            unit.pass(&claim, 0..5, DAY).await.unwrap();
            claims.push(claim);
        }
        let mut holders = vec![holder(&log).await];

        // Whichever of the two has the turn: each is killed once, while the other lives.
        first.kill();
        approve_and_break(&log, &claims[0]).await;
        payout_of(&log, &claims[0]).await;
        holders.push(log.turn().await.unwrap().unwrap().holder);

        first.restart().await;
        second.kill();
        approve_and_break(&log, &claims[1]).await;
        payout_of(&log, &claims[1]).await;
        holders.push(log.turn().await.unwrap().unwrap().holder);
        holders.dedup();
        assert!(holders.len() > 1, "the turn never changed hands");
    });
}

/// Who has the turn, once somebody has it.
async fn holder(log: &ClusterStore) -> Uuid {
    let taken = async {
        loop {
            match log.turn().await.unwrap() {
                Some(turn) => return turn.holder,
                None => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
    };
    tokio::time::timeout(PATIENCE, taken).await.unwrap()
}

/// Takes the last step of a claim on a connection that breaks before the payout is made.
async fn approve_and_break(log: &ClusterStore, claim: &str) {
    let store = Arc::new(CutShort(log.clone()));
    let engine = Engine::open(store, Limits::default()).await.unwrap();
    let command = Uuid::new_v4();
    let envelope = Envelope {
        command: command.to_string().parse().unwrap(),
        content: digest(claim.as_bytes()),
        expected: None,
        actor: Actor {
            subject: "finance".parse().unwrap(),
            role: Role::Handler,
            organisation: Some(OFFICE.parse().unwrap()),
        },
        at: format!("{DAY}T08:00:00Z").parse().unwrap(),
        correlation: command,
        causation: None,
    };
    let pass = PassStep {
        claim: claim.parse().unwrap(),
        step: None,
        expected_amount: None,
        confirmed: Vec::new(),
        note: String::new(),
    };
    let broken = engine.pass_step(&envelope, pass).await;
    assert!(matches!(broken, Err(EngineError::Down { .. })), "{broken:?}");
}

/// Waits until the payout of a claim is there, made once.
async fn payout_of(log: &ClusterStore, claim: &str) {
    let stream = format!("payout-{}", PayoutId::of(claim.parse().unwrap())).parse().unwrap();
    let made = async {
        loop {
            let read = log.read_stream(&stream, None, Direction::Forwards, 9).await.unwrap();
            if !read.is_empty() {
                return read;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let made = tokio::time::timeout(PATIENCE, made).await.unwrap();
    assert_eq!(made.iter().map(|event| event.name.as_ref()).collect::<Vec<_>>(), ["PayoutCreated"]);
}

#[test]
fn a_service_stops_while_its_cluster_is_gone() {
    story(async {
        let node = Node::start();
        let wire = Wire::to(node.address()).await;
        let address = Some(format!("esdb://{}?tls=false", wire.address()));
        let mut program = Program::start_on(tempfile::tempdir().unwrap(), address).await;
        let operator = program.caller(Role::Operator, "operator", None);
        wire.cut();
        let (_, terms) = huzhu_domain::plan::catalogue()[0];
        let publish = PublishPlanRequest {
            request_id: new_id(),
            terms_json: terms.to_owned(),
            ..Default::default()
        };
        let under_way = tokio::spawn(async move { operator.call(publish).await });
        let service = program.service();
        // Others than the call ask the cluster too.
        while !service.metrics().await.contains("huzhu_calls_in_flight 1")
            || !program.log().contains("a call to the cluster is tried again")
        {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        program.terminate();
        let status = under_way.await.unwrap().unwrap_err();
        let log = program.log();
        assert_eq!(status.code(), tonic::Code::Unavailable, "{status:?}\n{log}");
        assert!(program.wait().await.success(), "{}", program.log());
        let log = program.log();
        assert!(log.contains("the cluster does not answer, and is not waited for"), "{log}");
        assert!(!log.contains("calls under way did not end in time"), "{log}");
    });
}
