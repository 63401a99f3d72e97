//! The program is killed a hundred times under load: what it acknowledged is there, whole.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a story that cannot go on has failed"
)]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use huzhu_domain::envelope::Role;
use huzhu_tests::caller::Caller;
use huzhu_tests::command::FileClaimRequest;
use huzhu_tests::facts::{illness, receipt};
use huzhu_tests::people::person;
use huzhu_tests::program::Program;
use huzhu_tests::query::ListClaimsRequest;
use huzhu_tests::service::log_length;
use huzhu_tests::story;
use huzhu_tests::union::{Union, claim_request, pass_request};
use huzhu_tests::wire::Sex;

const CYCLES: usize = 100;
const CLIENTS: usize = 8;

/// What one client did: what it asked for, and what it was told.
#[derive(Clone)]
struct Filed {
    request: FileClaimRequest,
    acknowledged: Option<(String, u64)>,
}

fn outpatient(cover: &str, serial: &str) -> FileClaimRequest {
    let mut facts = illness("2014-01-02", "2014-11-20");
    facts.bills = vec![receipt(serial, "2014-05-01", "2000")];
    claim_request(cover, &["outpatient"], facts, "2014-11-20")
}

/// Positions without a gap, revisions of each stream without a gap, nothing twice.
fn assert_whole(program: &Program) {
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
    let log = rusqlite::Connection::open_with_flags(program.folder().join("log.db"), flags);
    let log = log.unwrap();
    let one = |query: &str| -> i64 { log.query_row(query, [], |row| row.get(0)).unwrap() };
    let ok: String = log.query_row("PRAGMA quick_check", [], |row| row.get(0)).unwrap();
    assert_eq!(ok, "ok");
    assert_eq!(one("SELECT count(*) - (max(position) - min(position) + 1) FROM events"), 0);
    let gaps = "SELECT count(*) FROM (SELECT count(*) AS n, max(revision) AS last,
        count(DISTINCT revision) AS distinct_n FROM events GROUP BY stream)
        WHERE n <> last + 1 OR n <> distinct_n";
    assert_eq!(one(gaps), 0);
    // A claim is filed and assessed in one breath, or not at all.
    let halves =
        "SELECT count(*) FROM events AS filed WHERE filed.name = 'ClaimFiled' AND NOT EXISTS
        (SELECT 1 FROM events AS next WHERE next.stream = filed.stream AND next.revision = 1
         AND next.name = 'ClaimAssessed')";
    assert_eq!(one(halves), 0);
}

#[test]
fn killed_a_hundred_times_under_load_it_keeps_every_word_it_gave() {
    story(async {
        let mut program = Program::start_in(tempfile::tempdir().unwrap()).await;
        let union = Union::found_with(program.service()).await;
        let unit = union.unit("unit", "单位", 1).await;
        let mut covers = Vec::new();
        for _ in 0..CLIENTS {
            let member = unit.member(person("会员", Sex::Female, "1980-05-01")).await;
            covers.push(unit.grant(&member, "nuan-huzhu", "2014-01-01").await);
        }
        drop(unit);
        drop(union);

        let all: Arc<Mutex<Vec<Filed>>> = Arc::default();
        let mut retried = 0_usize;
        for cycle in 0..CYCLES {
            let filer = program.caller(Role::Handler, "unit-file", Some("unit"));
            let endorser = program.caller(Role::Handler, "unit-endorse", Some("unit"));
            let clients: Vec<_> = covers
                .iter()
                .enumerate()
                .map(|(client, cover)| {
                    let channel = program.connect();
                    let (filer, endorser) = (filer.over(channel.clone()), endorser.over(channel));
                    let (all, cover) = (Arc::clone(&all), cover.clone());
                    let name = format!("K-{cycle}-{client}");
                    tokio::spawn(async move { work(&filer, &endorser, &cover, &name, &all).await })
                })
                .collect();
            // Never at the same point of the work twice.
            let after = 15 + u64::try_from(cycle).unwrap() * 7 % 60;
            tokio::time::sleep(Duration::from_millis(after)).await;
            program.kill();
            for client in clients {
                client.await.unwrap();
            }
            assert_whole(&program);
            program.restart().await;

            retried += send_again(&program, &all).await;
        }

        let all = all.lock().unwrap().clone();
        assert_eq!(claims_in_view(&program, &all).await, all.len(), "the views caught up");
        assert!(all.len() > CYCLES, "{} commands are no load", all.len());
        assert!(retried > 0, "no kill came in the middle of a command");
        assert_all_there(&program, &all);
        program.kill();
        assert_whole(&program);
    });
}

/// Files claims and endorses them, one after the other, until the program is gone.
async fn work(filer: &Caller, endorser: &Caller, cover: &str, name: &str, all: &Mutex<Vec<Filed>>) {
    for number in 0.. {
        let request = outpatient(cover, &format!("{name}-{number}"));
        let answer = filer.call(request.clone()).await;
        let acknowledged = answer.as_ref().ok().map(|answer| {
            (answer.claim_id.clone(), answer.receipt.clone().unwrap().revision.unwrap())
        });
        all.lock().unwrap().push(Filed { request, acknowledged });
        let Ok(answer) = answer else { return };
        let pass = pass_request(&answer.claim_id, "2014-11-21");
        let Ok(passed) = endorser.call(pass).await else { return };
        let revision = passed.receipt.unwrap().revision.unwrap();
        let mut all = all.lock().unwrap();
        let mut acknowledged = all.iter_mut().rev().filter_map(|filed| filed.acknowledged.as_mut());
        let (_, last) = acknowledged.find(|(id, _)| *id == answer.claim_id).unwrap();
        *last = revision;
    }
}

/// What was never answered is sent again: it takes effect once, whatever had become of it.
async fn send_again(program: &Program, all: &Mutex<Vec<Filed>>) -> usize {
    let filer = program.caller(Role::Handler, "unit-file", Some("unit"));
    let open: Vec<_> = {
        let all = all.lock().unwrap();
        let open = all.iter().enumerate().filter(|(_, filed)| filed.acknowledged.is_none());
        open.map(|(at, filed)| (at, filed.request.clone())).collect()
    };
    for (at, request) in &open {
        let answer = filer.must(request.clone()).await;
        let revision = answer.receipt.unwrap().revision.unwrap();
        all.lock().unwrap()[*at].acknowledged = Some((answer.claim_id, revision));
    }
    open.len()
}

/// How many claims the views show, once they are as far as the last command.
async fn claims_in_view(program: &Program, all: &[Filed]) -> usize {
    let filer = program.caller(Role::Handler, "unit-file", Some("unit"));
    let again = filer.must(all.last().unwrap().request.clone()).await;
    let at_least = again.receipt.unwrap().position;
    let analyst = program.caller(Role::Analyst, "analyst", None);
    let (mut seen, mut page_token) = (0, String::new());
    loop {
        let (page_size, at_least) = (500, at_least.clone());
        let asked = ListClaimsRequest { page_size, page_token, at_least, ..Default::default() };
        let page = analyst.must(asked).await;
        seen += page.claims.len();
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return seen;
        }
    }
}

/// Every claim has the events that were acknowledged, and no claim was filed twice.
fn assert_all_there(program: &Program, all: &[Filed]) {
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
    let log = rusqlite::Connection::open_with_flags(program.folder().join("log.db"), flags);
    let log = log.unwrap();
    let mut query = log
        .prepare(
            "SELECT stream, max(revision) FROM events WHERE stream LIKE 'claim-%' GROUP BY stream",
        )
        .unwrap();
    let rows = query.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?)));
    let claims: BTreeMap<_, _> = rows.unwrap().map(Result::unwrap).collect();
    for filed in all {
        let (claim, revision) = filed.acknowledged.as_ref().unwrap();
        let last = claims.get(&format!("claim-{claim}"));
        assert!(
            last.is_some_and(|last| u64::try_from(*last).unwrap() >= *revision),
            "{claim}: {last:?} of {revision}"
        );
    }
    assert_eq!(claims.len(), all.len(), "one claim for each request");
    assert!(log_length(program.folder()) > 0);
}
