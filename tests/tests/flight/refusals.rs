//! What nobody gets with SQL, whatever they say.

use arrow_flight::flight_descriptor::DescriptorType;
use arrow_flight::sql::{
    Any, Command, CommandStatementUpdate, ProstMessageExt, TicketStatementQuery,
};
use arrow_flight::{FlightData, FlightDescriptor, Ticket};
use huzhu_domain::envelope::Role;
use huzhu_tests::analyst::{Analyst, ticket};
use huzhu_tests::service::Service;
use huzhu_tests::{figure, reason, story};
use prost::Message;
use tonic::{Code, Status};

use super::with_two_claims;

/// Statements that would write, or read something else than views.
const FORBIDDEN: &[(&str, &str)] = &[
    ("INSERT INTO claims SELECT * FROM claims", "SQL_NOT_A_SELECT"),
    ("INSERT INTO unit_members VALUES ('x', 1, 1)", "SQL_NOT_A_SELECT"),
    ("UPDATE claims SET state = 'paid'", "SQL_NOT_A_SELECT"),
    ("DELETE FROM claims", "SQL_NOT_A_SELECT"),
    ("TRUNCATE TABLE claims", "SQL_NOT_A_SELECT"),
    ("MERGE INTO claims USING claims c ON true WHEN MATCHED THEN DELETE", "SQL_NOT_A_SELECT"),
    ("DROP TABLE claims", "SQL_NOT_A_SELECT"),
    ("DROP VIEW IF EXISTS claims", "SQL_NOT_A_SELECT"),
    ("ALTER TABLE claims ADD COLUMN x INT", "SQL_NOT_A_SELECT"),
    ("CREATE TABLE mine AS SELECT * FROM claims", "SQL_NOT_A_SELECT"),
    ("CREATE VIEW mine AS SELECT * FROM claims", "SQL_NOT_A_SELECT"),
    ("CREATE OR REPLACE TABLE claims (a INT)", "SQL_NOT_A_SELECT"),
    ("CREATE SCHEMA mine", "SQL_NOT_A_SELECT"),
    ("CREATE DATABASE mine", "SQL_NOT_A_SELECT"),
    ("CREATE FUNCTION f(INT) RETURNS INT RETURN $1", "SQL_NOT_A_SELECT"),
    ("CREATE EXTERNAL TABLE x STORED AS CSV LOCATION '/etc/passwd'", "SQL_NOT_A_SELECT"),
    ("COPY claims TO '/tmp/claims.csv' STORED AS CSV", "SQL_NOT_A_SELECT"),
    ("COPY (SELECT * FROM claims) TO '/tmp/claims.json'", "SQL_NOT_A_SELECT"),
    ("SET datafusion.execution.batch_size = 1", "SQL_NOT_A_SELECT"),
    ("RESET datafusion.execution.batch_size", "SQL_NOT_A_SELECT"),
    ("SHOW ALL", "SQL_NOT_A_SELECT"),
    ("SHOW TABLES", "SQL_NOT_A_SELECT"),
    ("DESCRIBE claims", "SQL_NOT_A_SELECT"),
    ("EXPLAIN SELECT * FROM claims", "SQL_NOT_A_SELECT"),
    ("EXPLAIN ANALYZE SELECT * FROM claims", "SQL_NOT_A_SELECT"),
    ("BEGIN", "SQL_NOT_A_SELECT"),
    ("COMMIT", "SQL_NOT_A_SELECT"),
    ("PREPARE p AS SELECT 1", "SQL_NOT_A_SELECT"),
    ("EXECUTE p", "SQL_NOT_A_SELECT"),
    ("CALL anything()", "SQL_NOT_A_SELECT"),
    ("PRAGMA writable_schema = ON", "SQL_"),
    ("ATTACH DATABASE '/tmp/x' AS x", "SQL_NOT_A_SELECT"),
    ("VACUUM", "SQL_NOT_A_SELECT"),
    ("SELECT 1; DROP TABLE claims", "SQL_NOT_ONE_STATEMENT"),
    ("SELECT 1; SELECT 2", "SQL_NOT_ONE_STATEMENT"),
    ("", "SQL_NOT_ONE_STATEMENT"),
    (" ; ", "SQL_NOT_ONE_STATEMENT"),
    ("-- nothing", "SQL_NOT_ONE_STATEMENT"),
    ("SELECT * INTO mine FROM claims", ""),
    ("WITH gone AS (DELETE FROM claims RETURNING *) SELECT * FROM gone", ""),
    ("WITH new AS (INSERT INTO claims VALUES (1)) SELECT * FROM new", ""),
    ("SELECT * FROM projections", "SQL_INVALID"),
    ("SELECT * FROM sqlite_master", "SQL_INVALID"),
    ("SELECT * FROM main.claims", "SQL_INVALID"),
    ("SELECT * FROM other.views.claims", "SQL_INVALID"),
    ("SELECT * FROM information_schema.df_settings", "SQL_INVALID"),
    ("SELECT * FROM '/etc/passwd'", "SQL_INVALID"),
    ("SELECT * FROM \"/etc/passwd\"", "SQL_INVALID"),
    ("SELECT * FROM read_csv('/etc/passwd')", "SQL_INVALID"),
    ("SELECT * FROM generate_series(1, 1000000000000)", "SQL_INVALID"),
    ("SELECT load_extension('x')", "SQL_INVALID"),
    ("SELECT repeat('x', 1000000000)", "SQL_INVALID"),
    ("SELECT nothing FROM claims", "SQL_INVALID"),
    ("SELECT paid_fen FROM claims", "SQL_INVALID"),
    ("SELEKT 1", ""),
    ("SELECT '", "SQL_INVALID"),
    ("SELECT * FROM claims WHERE claim = ?", "SQL_PARAMETERS"),
    ("SELECT $name", "SQL_PARAMETERS"),
    ("SELECT $99999999999999999999", "SQL_PARAMETERS"),
];

fn count(folder: &std::path::Path) -> Vec<i64> {
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
    let views = rusqlite::Connection::open_with_flags(folder.join("views.db"), flags).unwrap();
    let relations = huzhu_projections::catalogue::relations();
    let count = |name: &str| {
        views.query_row(&format!("SELECT count(*) FROM {name}"), [], |row| row.get(0)).unwrap()
    };
    relations.iter().map(|relation| count(relation.name)).collect()
}

#[test]
fn nothing_is_written_and_nothing_but_views_is_read() {
    story(async {
        let (union, position) = with_two_claims().await;
        let auditor =
            Analyst::of(&union.service, Role::Auditor).saying("huzhu-at-least", &position);
        assert_eq!(auditor.rows("SELECT count(*) FROM claims").await, [["2"]]);
        let before = count(union.service.folder());
        let log = union.service.log_length();
        for (sql, expected) in FORBIDDEN {
            let at_once = auditor.plan(sql).await.expect_err(sql);
            // A ticket of one's own making comes to the same.
            let forged = forged(sql);
            let later = auditor.read(forged).await.err().unwrap();
            for status in [at_once, later] {
                assert_eq!(status.code(), Code::InvalidArgument, "{sql}: {status}");
                assert!(reason(&status).starts_with(expected), "{sql}: {}", reason(&status));
            }
        }
        assert_eq!(count(union.service.folder()), before);
        assert_eq!(union.service.log_length(), log);
        assert_eq!(auditor.rows("SELECT count(*) FROM claims").await, [["2"]]);
    });
}

/// A ticket for any statement, as whoever knows the format makes it.
fn forged(sql: &str) -> Ticket {
    #[derive(Clone, PartialEq, Message)]
    struct Bound {
        #[prost(string, tag = "1")]
        sql: String,
    }
    #[derive(Clone, PartialEq, Message)]
    struct Handle {
        #[prost(message, required, tag = "1")]
        bound: Bound,
        #[prost(bytes = "vec", tag = "2")]
        run: Vec<u8>,
    }
    let handle = Handle { bound: Bound { sql: sql.to_owned() }, run: vec![7; 16] };
    let statement = TicketStatementQuery { statement_handle: handle.encode_to_vec().into() };
    Ticket::new(statement.as_any().encode_to_vec())
}

#[test]
fn personal_data_is_not_for_analysts() {
    story(async {
        let (union, position) = with_two_claims().await;
        let of = |role| Analyst::of(&union.service, role).saying("huzhu-at-least", &position);
        let analyst = of(Role::Analyst);
        for sql in [
            "SELECT * FROM member_persons",
            "SELECT count(*) FROM huzhu.views.member_persons",
            "SELECT 1 WHERE EXISTS (SELECT 1 FROM \"member_persons\" WHERE name = '彭女士')",
            "WITH p AS (SELECT name FROM MEMBER_PERSONS) SELECT * FROM p",
        ] {
            for status in [analyst.plan(sql).await.err(), analyst.read(forged(sql)).await.err()] {
                let status = status.unwrap_or_else(|| panic!("{sql}"));
                assert_eq!(status.code(), Code::PermissionDenied, "{sql}");
                assert_eq!(reason(&status), "PERSONAL_DATA");
                assert_eq!(figure(&status, "table"), "member_persons");
            }
        }
        let names = "SELECT name FROM member_persons ORDER BY name LIMIT 1";
        for role in [Role::Auditor, Role::Operator] {
            assert_eq!(of(role).rows(names).await, [["张女士"]]);
        }
    });
}

/// Every call of the service, as somebody makes it.
async fn calls(who: &Analyst) -> Vec<(&'static str, Result<(), Status>)> {
    let mut client = who.client();
    let nothing = FlightDescriptor::new_cmd(Vec::new());
    let put = futures::stream::iter([FlightData::new()]);
    vec![
        ("GetFlightInfo", client.get_flight_info(who.request(nothing.clone())).await.map(|_| ())),
        ("GetSchema", client.get_schema(who.request(nothing)).await.map(|_| ())),
        ("DoGet", client.do_get(who.request(Ticket::default())).await.map(|_| ())),
        ("DoPut", client.do_put(who.request(put)).await.map(|_| ())),
        ("DoAction", client.do_action(who.request(Default::default())).await.map(|_| ())),
        ("ListActions", client.list_actions(who.request(Default::default())).await.map(|_| ())),
    ]
}

#[test]
fn each_role_asks_what_the_table_allows() {
    story(async {
        let service = Service::start();
        let listed = huzhu_grpc::auth::table::FLIGHT.1;
        for role in [Role::Handler, Role::Operator, Role::Auditor, Role::Analyst, Role::Service] {
            for (rpc, answer) in calls(&Analyst::of(&service, role)).await {
                let (_, allowed) = listed.iter().find(|(name, _)| *name == rpc).unwrap();
                let turned_away = answer.is_err_and(|status| reason(&status) == "ROLE_NOT_ALLOWED");
                assert_eq!(turned_away, !allowed.contains(&role), "{role:?} {rpc}");
            }
        }
        let forged = service.forged_token(Role::Operator, "operator");
        for token in [None, Some(forged)] {
            let calls = calls(&Analyst::with_token(&service, token)).await;
            assert_eq!(calls.len(), listed.len());
            for (rpc, answer) in calls {
                assert_eq!(answer.unwrap_err().code(), Code::Unauthenticated, "{rpc}");
            }
        }
    });
}

#[test]
fn what_this_service_did_not_write_is_refused() {
    story(async {
        let service = Service::start();
        let analyst = Analyst::of(&service, Role::Analyst);
        let info = analyst.plan("SELECT 1").await.unwrap();
        let whole = ticket(&info).ticket;
        let message = Any::decode(whole.clone()).unwrap();
        let Command::TicketStatementQuery(statement) = Command::try_from(message).unwrap() else {
            panic!("a ticket")
        };
        let with = |handle: Vec<u8>| {
            let statement = TicketStatementQuery { statement_handle: handle.into() };
            statement.as_any().encode_to_vec()
        };
        let handle = statement.statement_handle.to_vec();
        for bytes in [
            Vec::new(),
            vec![255; 40],
            whole[..whole.len() / 2].to_vec(),
            with(Vec::new()),
            with(vec![9; 100]),
            with(handle[..handle.len() - 1].to_vec()),
            CommandStatementUpdate { query: "DELETE FROM claims".into(), transaction_id: None }
                .as_any()
                .encode_to_vec(),
        ] {
            let status = analyst.read(Ticket::new(bytes.clone())).await.err().unwrap();
            assert_eq!(status.code(), Code::InvalidArgument, "{bytes:?}: {status}");
            let descriptor = FlightDescriptor::new_cmd(bytes);
            let request = analyst.request(descriptor);
            let status = analyst.client().get_flight_info(request).await.unwrap_err();
            assert_eq!(status.code(), Code::InvalidArgument);
        }
        let path = FlightDescriptor {
            r#type: DescriptorType::Path.into(),
            path: vec!["claims".to_owned()],
            ..FlightDescriptor::default()
        };
        let status = analyst.client().get_schema(analyst.request(path)).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
        let update =
            CommandStatementUpdate { query: "DELETE FROM claims".into(), transaction_id: None };
        let descriptor = FlightDescriptor::new_cmd(update.as_any().encode_to_vec());
        let put = futures::stream::iter([FlightData::new().with_descriptor(descriptor)]);
        let status = analyst.client().do_put(analyst.request(put)).await.unwrap_err();
        assert_eq!(reason(&status), "SQL_NOT_A_SELECT");
    });
}
