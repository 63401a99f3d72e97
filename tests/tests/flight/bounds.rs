//! What a statement may take, and how it is ended.

use std::time::Duration;

use arrow_flight::sql::{ActionCancelQueryRequest, ActionCancelQueryResult, Any, ProstMessageExt};
use arrow_flight::{CancelFlightInfoRequest, CancelFlightInfoResult, CancelStatus};
use futures::StreamExt;
use huzhu_domain::envelope::Role;
use huzhu_tests::analyst::{Analyst, ticket};
use huzhu_tests::service::Service;
use huzhu_tests::{figure, reason, story};
use prost::Message;
use tonic::{Code, Status};

/// It never ends, and gives one number after another.
const ENDLESS: &str =
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n";

async fn refused(analyst: &Analyst, sql: &str) -> Status {
    analyst.ask(sql).await.err().unwrap_or_else(|| panic!("{sql}"))
}

#[test]
fn time_rows_memory_and_length_are_bounded() {
    story(async {
        let service = Service::start_with(|config| {
            config.sql.time = Duration::from_secs(2);
            config.sql.rows = 1_000;
            config.sql.memory = 8 * 1_024 * 1_024;
            config.sql.length = 10_000;
        });
        let analyst = Analyst::of(&service, Role::Analyst);

        let status = refused(&analyst, ENDLESS).await;
        assert_eq!((status.code(), reason(&status)), (Code::ResourceExhausted, "SQL_ROWS".into()));
        assert_eq!(figure(&status, "limit"), "1000");

        let status = refused(&analyst, &format!("SELECT max(i) FROM ({ENDLESS})")).await;
        assert_eq!((status.code(), reason(&status)), (Code::DeadlineExceeded, "SQL_TIME".into()));
        assert_eq!(figure(&status, "limit"), "2");

        let hoard = format!("SELECT i, count(*) FROM ({ENDLESS}) GROUP BY i");
        let status = refused(&analyst, &hoard).await;
        let known = ["SQL_MEMORY", "SQL_TIME"].contains(&reason(&status).as_str());
        assert!(known, "{status}");
        let numbers = "(VALUES (0),(1),(2),(3),(4),(5),(6),(7),(8),(9))";
        let cross: Vec<_> = ('a'..='f').map(|name| format!("{numbers} AS {name}(n)")).collect();
        let sorted = format!(
            "SELECT count(DISTINCT a.n||'-'||b.n||c.n||d.n||'-'||e.n||f.n) FROM {}",
            cross.join(", ")
        );
        let status = refused(&analyst, &sorted).await;
        assert_eq!(reason(&status), "SQL_MEMORY", "{status}");

        let long = format!("SELECT '{}'", "x".repeat(10_000));
        let status = refused(&analyst, &long).await;
        assert_eq!(reason(&status), "SQL_TOO_LONG");

        assert_eq!(analyst.rows("SELECT 1 + 1").await, [["2"]]);
        let metrics = service.metrics().await;
        assert!(metrics.contains("huzhu_sql_statements_total{code=\"OK\"} 1"), "{metrics}");
        assert!(metrics.contains("huzhu_sql_running 0"), "{metrics}");
    });
}

#[test]
fn the_callers_deadline_holds_too() {
    story(async {
        let service = Service::start();
        let analyst = Analyst::of(&service, Role::Analyst).saying("grpc-timeout", "1500m");
        let status = refused(&analyst, &format!("SELECT max(i) FROM ({ENDLESS})")).await;
        assert_eq!(status.code(), Code::DeadlineExceeded);
        idle(&service).await;
    });
}

/// Waits until no statement runs.
async fn idle(service: &Service) {
    while !service.metrics().await.contains("huzhu_sql_running 0") {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[test]
fn a_statement_is_cancelled_by_its_caller_and_by_nobody_else() {
    story(async {
        let service = Service::start();
        let analyst = Analyst::of(&service, Role::Analyst);
        let token = service.token(Role::Analyst, "else", None);
        let other = Analyst::with_token(&service, Some(token));
        let info = analyst.plan(ENDLESS).await.unwrap();
        let request = CancelFlightInfoRequest { info: Some(info.clone()) }.encode_to_vec();
        let cancel = async |who: &Analyst| {
            let answer = who.act("CancelFlightInfo", request.clone().into()).await.unwrap();
            CancelFlightInfoResult::decode(answer[0].clone()).unwrap().status()
        };
        assert_eq!(cancel(&analyst).await, CancelStatus::NotCancellable);
        let (_, mut stream) = analyst.open(ticket(&info)).await.unwrap();
        assert!(stream.next().await.unwrap().unwrap().num_rows() > 0);
        assert_eq!(cancel(&other).await, CancelStatus::NotCancellable);
        assert_eq!(cancel(&analyst).await, CancelStatus::Cancelling);
        let status: Status = loop {
            match stream.next().await.expect("an end that says why") {
                Ok(_) => {}
                Err(why) => break why.into(),
            }
        };
        assert_eq!((status.code(), reason(&status)), (Code::Cancelled, "SQL_CANCELLED".into()));
        idle(&service).await;

        // The older way to say it.
        let info = analyst.plan(ENDLESS).await.unwrap();
        let (_, _stream) = analyst.open(ticket(&info)).await.unwrap();
        let asked = ActionCancelQueryRequest { info: info.encode_to_vec().into() };
        let answer = analyst.act("CancelQuery", asked.as_any().encode_to_vec().into()).await;
        let answer = Any::decode(answer.unwrap()[0].clone()).unwrap();
        let result: ActionCancelQueryResult = answer.unpack().unwrap().unwrap();
        assert_eq!(result.result, i32::from(CancelStatus::Cancelling));
        idle(&service).await;
    });
}

#[test]
fn a_statement_ends_with_whoever_reads_it() {
    story(async {
        let service = Service::start();
        let analyst = Analyst::of(&service, Role::Analyst);
        let info = analyst.plan(ENDLESS).await.unwrap();
        let (_, mut stream) = analyst.open(ticket(&info)).await.unwrap();
        assert!(stream.next().await.unwrap().is_ok());
        drop(stream);
        idle(&service).await;
        let metrics = service.metrics().await;
        assert!(metrics.contains("huzhu_sql_statements_total{code=\"CANCELLED\"} 1"), "{metrics}");
    });
}

#[test]
fn statements_beyond_the_number_wait_for_their_turn() {
    story(async {
        let service = Service::start_with(|config| {
            config.sql.statements = 1;
            config.sql.time = Duration::from_secs(3);
        });
        let analyst = Analyst::of(&service, Role::Analyst);
        let info = analyst.plan(ENDLESS).await.unwrap();
        let (_, mut stream) = analyst.open(ticket(&info)).await.unwrap();
        assert!(stream.next().await.unwrap().is_ok());
        // The first is over, for want of time or of a reader, before the second is.
        drop(stream);
        assert_eq!(analyst.rows("SELECT 1").await, [["1"]]);
    });
}

#[test]
fn statements_of_any_shape_leave_the_service_well() {
    story(async {
        let service = Service::start();
        let analyst = Analyst::of(&service, Role::Analyst);
        let nest = |open: &str, close: &str, times: usize| {
            format!("SELECT {}1{}", open.repeat(times), close.repeat(times))
        };
        let list: Vec<_> = (0..9_000).map(|number| number.to_string()).collect();
        for sql in [
            nest("(", ")", 20_000),
            nest("abs(", ")", 10_000),
            nest("- ", "", 20_000),
            nest("NOT ", "", 15_000),
            nest("1+", "", 30_000),
            nest("CASE WHEN true THEN ", " END", 2_000),
            nest("(SELECT ", ")", 3_000),
            format!("SELECT * FROM claims WHERE {}", vec!["stays = 1"; 4_000].join(" OR ")),
            format!("SELECT * FROM claims WHERE {}", vec!["stays <> 1"; 4_000].join(" AND ")),
            format!("SELECT * FROM claims WHERE stays IN ({})", list.join(",")),
            format!("SELECT 1 {}", "UNION ALL SELECT 1 ".repeat(3_000)),
            format!("SELECT count(*) FROM {}", vec!["claims"; 400].join(" CROSS JOIN ")),
            format!("SELECT count(*) FROM {}", vec!["members"; 65].join(", ")),
            "SELECT '\0' || '互助' || '\u{202e}'".to_owned(),
            "SELECT * FROM 互助".to_owned(),
            "SELECT 1 / 0".to_owned(),
            "SELECT 9223372036854775807 + 1".to_owned(),
            "SELECT CAST('x' AS INT)".to_owned(),
            "SELECT DATE '2014-02-30'".to_owned(),
            "SELECT now() + INTERVAL '99999999999 years'".to_owned(),
            "SELECT * FROM claims LIMIT 9223372036854775807 OFFSET 9223372036854775807".to_owned(),
            "SELECT * FROM claims LIMIT -1".to_owned(),
            "SELECT regexp_replace('aaaaaaaaaaaaaaaaaaaaaaaaaaaa', '(a*)*b', '')".to_owned(),
        ] {
            let shown: String = sql.chars().take(40).collect();
            if let Err(status) = analyst.ask(&sql).await {
                let known = [Code::InvalidArgument, Code::ResourceExhausted];
                assert!(known.contains(&status.code()), "{shown}: {status}");
            }
            assert_eq!(analyst.rows("SELECT 1 + 1").await, [["2"]], "{shown}");
        }
    });
}

#[test]
fn texts_do_not_grow_past_a_bound() {
    story(async {
        let service = Service::start();
        let analyst = Analyst::of(&service, Role::Analyst);
        let grown = |step: &str| {
            let mut sql =
                "WITH t0 AS (SELECT column1 AS t FROM (VALUES ('互助互助'), ('x')))".to_owned();
            for level in 1..=40 {
                sql.push_str(&format!(", t{level} AS (SELECT {step} AS t FROM t{})", level - 1));
            }
            sql + " SELECT max(length(t)) FROM t40"
        };
        for step in [
            "t || t",
            "concat(t, t)",
            "concat_ws(t, t, t)",
            "replace(t, 'x', concat(t, t)) || t",
            "regexp_replace(t, '.', t, 'g') || t",
            "overlay(t placing t from 1 for 1) || t",
        ] {
            let status = refused(&analyst, &grown(step)).await;
            assert_eq!(reason(&status), "SQL_FAILED", "{step}: {status}");
            assert!(status.message().contains("would be made at once"), "{step}: {status}");
        }
        let format = format!("SELECT to_char(now(), concat('{0}', '{0}'))", "%c".repeat(2_000));
        assert!(analyst.ask(&format).await.is_ok());
        let literal = format!("SELECT '{}'", "x".repeat(5_000));
        assert_eq!(reason(&refused(&analyst, &literal).await), "SQL_INVALID");

        let joined = "SELECT 'a' || 1 || 'b', NULL || 'a', concat('a', NULL, 1), 'a' || column1
                        FROM (VALUES ('x'), (NULL)) ORDER BY column1";
        assert_eq!(analyst.rows(joined).await, [["a1b", "-", "a1", "ax"], ["a1b", "-", "a1", "-"]]);
    });
}
