//! A million rows of the claims view to a client: `cargo bench -p huzhu-tests --features flight --bench flight`.
//!
//! The rows are made in the database itself, as copies of one real claim that was paid, each with
//! ids, amounts and dates of its own; folding a million claims would measure something else. The
//! client runs in this process, on the same cores, and decodes every batch.
#![allow(
    clippy::unwrap_used,
    clippy::float_arithmetic,
    clippy::cast_precision_loss,
    clippy::arithmetic_side_effects,
    reason = "a benchmark that cannot go on has failed; its figures are to look at"
)]

use std::process::Command;
use std::time::Instant;

use arrow::array::Array as _;
use futures::StreamExt;
use huzhu_domain::envelope::Role;
use huzhu_projections::catalogue::relations;
use huzhu_projections::value::Kind;
use huzhu_tests::analyst::{Analyst, ticket};
use huzhu_tests::facts::{illness, receipt};
use huzhu_tests::people::person;
use huzhu_tests::story;
use huzhu_tests::union::{Union, claim_request};
use huzhu_tests::wire::Sex;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ROWS: u32 = 1_000_000;
/// How long it may take.
const SECONDS: f64 = 5.0;

fn main() {
    // `cargo test --benches` asks for nothing to be measured.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    story(async {
        let union = Union::found().await;
        one_paid_claim(&union).await;
        multiply(&union);
        let analyst = Analyst::of(&union.service, Role::Analyst);
        for sql in ["SELECT * FROM claims", "SELECT claim, state, paid, paid_on FROM claims"] {
            let begun = Instant::now();
            let (rows, bytes) = read(&analyst, sql).await;
            let took = begun.elapsed().as_secs_f64();
            let (rate, size) = (f64::from(rows) / took, bytes as f64 / 1e6);
            let verdict = if took < SECONDS { "within" } else { "OVER" };
            println!(
                "{rows} rows, {size:.0} MB of Arrow, in {took:.2} s ({rate:.0} rows/s), {verdict} {SECONDS} s: {sql}"
            );
        }
        python(&union);
    });
}

async fn one_paid_claim(union: &Union) {
    let unit = union.unit("unit", "单位", 1).await;
    let member = unit.member(person("彭女士", Sex::Female, "1972-03-08")).await;
    let cover = unit.grant(&member, "nuan-huzhu", "2014-01-01").await;
    let mut facts = illness("2014-01-02", "2014-11-20");
    facts.bills = vec![receipt("F-1", "2014-05-01", "5800")];
    let request = claim_request(&cover, &["outpatient"], facts, "2014-11-20");
    let claim = unit.filer.must(request).await.claim_id;
    unit.approve(&claim, "2014-11-25").await;
    union.pay(&[&claim], "2014-12-12").await;
    let analyst = Analyst::of(&union.service, Role::Analyst);
    while analyst.rows("SELECT count(*) FROM claims WHERE state = 'paid'").await != [["1"]] {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

/// Copies the claim until there are so many.
fn multiply(union: &Union) {
    let relations = relations();
    let claims = relations.iter().find(|relation| relation.name == "claims").unwrap();
    let id = "lower(hex(randomblob(4))||'-'||hex(randomblob(2))||'-5'||substr(hex(randomblob(2)),2)
              ||'-8'||substr(hex(randomblob(2)),2)||'-'||hex(randomblob(6)))";
    let cells: Vec<_> = claims
        .columns
        .iter()
        .map(|column| match (column.stored.name, column.stored.kind) {
            ("claim" | "case_id" | "cover" | "member", _) => id.to_owned(),
            (name, Kind::Fen) => format!("{name} + n % 1000000"),
            (name, Kind::Date) => format!("date({name}, '-' || (n % 3000) || ' days')"),
            (name, _) => name.to_owned(),
        })
        .collect();
    let views = rusqlite::Connection::open(union.service.folder().join("views.db")).unwrap();
    let sql = format!(
        "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?)
         INSERT INTO claims_1 SELECT {} FROM numbers CROSS JOIN claims_1",
        cells.join(", ")
    );
    let made = views.execute(&sql, [ROWS - 1]).unwrap();
    assert_eq!(made, usize::try_from(ROWS - 1).unwrap());
}

/// How many rows a statement gives, and how many bytes they take.
async fn read(analyst: &Analyst, sql: &str) -> (u32, usize) {
    let info = analyst.plan(sql).await.unwrap();
    let (_, mut stream) = analyst.open(ticket(&info)).await.unwrap();
    let (mut rows, mut bytes) = (0, 0);
    while let Some(batch) = stream.next().await {
        let batch = batch.unwrap();
        rows += u32::try_from(batch.num_rows()).unwrap();
        // Columns of a batch share its buffer, which the size of an array would count for each.
        let columns = batch.columns().iter();
        bytes += columns.map(|one| one.to_data().get_slice_memory_size().unwrap()).sum::<usize>();
    }
    (rows, bytes)
}

/// The same with the Python driver, if `HUZHU_PYTHON` names an interpreter that has it.
fn python(union: &Union) {
    let Some(python) = huzhu_tests::outside::python(
        "the Python driver",
        "import adbc_driver_flightsql.dbapi, pyarrow",
    ) else {
        return;
    };
    let script = "
import sys, time
from adbc_driver_flightsql import DatabaseOptions, dbapi
kwargs = {DatabaseOptions.AUTHORIZATION_HEADER.value: 'Bearer ' + sys.argv[2]}
with dbapi.connect('grpc://' + sys.argv[1], db_kwargs=kwargs, autocommit=True) as connection:
    with connection.cursor() as cursor:
        begun = time.monotonic()
        cursor.execute('SELECT * FROM claims')
        rows = cursor.fetch_arrow_table().num_rows
        print(f'{rows} rows in {time.monotonic() - begun:.2f} s into pyarrow, with the Python driver')
";
    let token = union.service.token(Role::Analyst, "wang", None);
    let told = Command::new(python).args(["-c", script, union.service.address(), &token]).status();
    assert!(told.unwrap().success());
}
