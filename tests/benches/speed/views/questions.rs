//! Questions over many claims: those of the log, copied with other ids into earlier years, so that
//! states, sums and organisations are spread as the simulation spreads them.

use std::path::Path;
use std::time::{Duration, Instant};

use huzhu_domain::id::{ClaimId, OrganisationId};
use huzhu_projections::database::{Database, Place, Reader};
use huzhu_projections::edition::{self, Role, physical};
use huzhu_projections::keeper;
use huzhu_projections::query::{
    Ask, ClaimFilter, Listed, Queries, StatisticsFilter, Wish, WorkFilter,
};
use huzhu_projections::record::{ColumnDef, Table};
use huzhu_projections::value::{Kind, Value};
use huzhu_projections::views;
use huzhu_projections::views::claims::{Claim, ClaimState};
use huzhu_projections::views::joined::WorkItem;
use huzhu_projections::worker::{Progress, Status};

use super::Tried;
use crate::asked;
use crate::report::{Report, Samples};

/// How often each question is asked, and for how long at most.
const ASKED: usize = 500;
const PATIENCE: Duration = Duration::from_secs(10);
/// What an answer may take.
const TEN: Duration = Duration::from_millis(10);
/// Into how many years claims are spread.
const YEARS: u32 = 10;
/// Which page is a late one, and how many rows a page has.
const LATE_PAGE: usize = 1_000;
const ROWS: u32 = 50;
/// Ids that are others in each copy.
const SPREAD: [&str; 5] = ["claim", "case_id", "cover", "member", "payout"];
/// What only an open claim has.
const EMPTIED: [&str; 3] = ["queue", "queue_level", "next_step"];
/// The tables that are copied.
const COPIED: [&str; 10] = [
    "claims",
    "claim_facts",
    "claim_assessments",
    "approval_steps",
    "assessment_lines",
    "cases",
    "benefit_statistics",
    "benefit_persons",
    "enrolment_statistics",
    "disease_statistics",
];

pub(super) fn measure(report: &mut Report, folder: &Path, tried: &Tried) {
    let (place, name) = (tried.place(folder), tried.name);
    eprintln!("copying claims in {name}");
    let claims = copy_claims(&place, asked("HUZHU_BENCH_VIEW_CLAIMS", 200_000).into());
    report.figure(&format!("claims to ask about in {name}"), claims, "claims", None);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let asking = Asking::new(&place, name);
    runtime.block_on(async {
        asking.claim(report).await;
        asking.queues(report).await;
        asking.lists(report).await;
        asking.statistics(report).await;
    });
}

/// Copies claims until there are so many; how many there are then.
fn copy_claims(place: &Place, wanted: u64) -> u64 {
    let mut database = place.open_to_write().unwrap();
    let database = database.as_mut();
    let there = number(database.reader(), "SELECT count(*) FROM claims");
    let copies = wanted.saturating_sub(there).div_ceil(there.max(1));
    let tables = keeper::tables(&mut views::all());
    let tables = tables.into_iter().filter(|table| COPIED.contains(&table.name));
    let tables: Vec<_> =
        tables.map(|table| (table, serving(database.reader(), table.name))).collect();
    for (table, edition) in &tables {
        let name = physical(table.name, *edition);
        for number in 1..=table.indexes.len() {
            execute(database, &format!("DROP INDEX {name}_by_{number}"));
        }
        execute(
            database,
            &format!("CREATE TEMP TABLE log_{0} AS SELECT * FROM {name}", table.name),
        );
    }
    let dates = if matches!(place, Place::Folder(_)) { Dates::Text } else { Dates::Own };
    if matches!(dates, Dates::Own) {
        // The session of whoever keeps views has no use for it.
        execute(database, "SET enable_hashjoin = on");
    }
    for copy in 1..=u32::try_from(copies).unwrap() {
        database.begin().unwrap();
        for (table, edition) in &tables {
            execute(database, &copied(table, *edition, copy, dates));
        }
        database.commit().unwrap();
    }
    // A page as late as is asked for needs a queue as long.
    let claims = physical("claims", serving(database.reader(), "claims"));
    let rows = (LATE_PAGE + 50) * usize::try_from(ROWS).unwrap();
    execute(
        database,
        &format!(
            "UPDATE {claims} SET state = 'in_review', queue = office, queue_level = 'office',
                    next_step = 'second_review', payout = NULL
              WHERE claim IN (SELECT claim FROM {claims} ORDER BY filed_on DESC, claim LIMIT {rows})"
        ),
    );
    for (table, edition) in &tables {
        edition::index(database, *edition, table).unwrap();
    }
    number(database.reader(), "SELECT count(*) FROM claims")
}

fn execute(database: &mut dyn Database, sql: &str) {
    database.execute(sql, &[]).unwrap();
}

fn number(views: &mut dyn Reader, sql: &str) -> u64 {
    let mut number = 0;
    let each = &mut |values: Vec<Value>| {
        if let [Value::Integer(found)] = values[..] {
            number = u64::try_from(found).unwrap();
        }
        Ok(())
    };
    views.select(sql, &[], &[Kind::Integer], each).unwrap();
    number
}

/// The edition that serves the table of this name.
fn serving(views: &mut dyn Reader, table: &str) -> u32 {
    let editions = edition::editions(views).unwrap();
    let serving = editions.iter().find(|edition| {
        edition.role == Role::Serving && edition.tables.iter().any(|own| own == table)
    });
    serving.unwrap().number
}

/// What a database has dates as.
#[derive(Clone, Copy)]
enum Dates {
    Text,
    Own,
}

/// The statement that copies the rows of the log, with other ids, into an earlier year.
fn copied(table: &Table, edition: u32, copy: u32, dates: Dates) -> String {
    let years = copy % YEARS;
    let column = |column: &ColumnDef| {
        let name = column.name;
        match (column.kind, dates) {
            _ if SPREAD.contains(&name) => {
                format!("substr({name}, 1, 9) || '{copy:04x}' || substr({name}, 14)")
            }
            (Kind::Date, Dates::Text) => format!("date({name}, '-{years} years')"),
            (Kind::Date, Dates::Own) => format!("CAST({name} - interval '{years} years' AS date)"),
            (Kind::Text, _) if name == "month" => {
                format!("(CAST(substr(month, 1, 4) AS INTEGER) - {years}) || substr(month, 5)")
            }
            (Kind::Integer, _) if name == "year" => format!("year - {years}"),
            // What is years old waits for nobody.
            (Kind::Text, _) if years > 0 && name == "state" && table.name == "claims" => {
                "CASE WHEN queue IS NULL THEN state ELSE 'paid' END".to_owned()
            }
            (Kind::Text, _) if years > 0 && EMPTIED.contains(&name) => "NULL".to_owned(),
            _ => name.to_owned(),
        }
    };
    let values: Vec<_> = table.columns.iter().map(column).collect();
    // Sums of a month are there once, however many copies are in it.
    format!(
        "INSERT INTO {} SELECT {} FROM log_{} WHERE TRUE ON CONFLICT DO NOTHING",
        physical(table.name, edition),
        values.join(", "),
        table.name
    )
}

/// Questions, and who answers them.
struct Asking<'a> {
    queries: Queries,
    name: &'a str,
    claims: Vec<ClaimId>,
    queue: OrganisationId,
    unit: OrganisationId,
    district: OrganisationId,
}

impl<'a> Asking<'a> {
    fn new(place: &Place, name: &'a str) -> Self {
        let mut views = place.open_to_read().unwrap();
        let checkpoints = views.begin_reading().unwrap();
        views.end_reading().unwrap();
        let status = Status {
            store: checkpoints[0].store,
            head: checkpoints[0].offset,
            checkpoints,
            editions: Vec::new(),
            built_per_second: 0,
            standing_by: false,
            behind_since: None,
            left: Vec::new(),
            trouble: None,
        };
        let mut text = |sql: &str| {
            let mut texts = Vec::new();
            let each = &mut |values: Vec<Value>| {
                texts.extend(values.into_iter().map(|value| match value {
                    Value::Text(text) => text,
                    Value::Null | Value::Integer(_) => String::new(),
                }));
                Ok(())
            };
            views.select(sql, &[], &[Kind::Text], each).unwrap();
            texts
        };
        let most = |column: &str| {
            format!(
                "SELECT {column} FROM claims WHERE {column} IS NOT NULL
                  GROUP BY {column} ORDER BY count(*) DESC LIMIT 1"
            )
        };
        // Neighbours in the order of ids are strangers in every other order.
        let claims = text("SELECT claim FROM claims ORDER BY substr(claim, 30) LIMIT 5000");
        Self {
            claims: claims.iter().map(|claim| claim.parse().unwrap()).collect(),
            queue: text(&most("queue"))[0].parse().unwrap(),
            unit: text(&most("unit"))[0].parse().unwrap(),
            district: text(&most("district"))[0].parse().unwrap(),
            queries: Queries::new(place.clone(), Progress::of(status), 4),
            name,
        }
    }

    async fn claim(&self, report: &mut Report) {
        let mut claims = self.claims.iter().copied().cycle();
        self.ask(report, "a claim's page", TEN, async || {
            let claim = claims.next().unwrap();
            assert!(self.queries.claim(claim, wish()).await.unwrap().value.is_some());
        })
        .await;
    }

    async fn queues(&self, report: &mut Report) {
        let queue = || ClaimFilter { queue: Some(self.queue.clone()), ..ClaimFilter::default() };
        let work =
            || WorkFilter { organisation: Some(self.queue.clone()), ..WorkFilter::default() };
        self.pages::<Claim>(report, "claims of a queue", queue, "filed_on").await;
        for order in ["due_sorted", "waiting_since"] {
            self.pages::<WorkItem>(report, "work queue", work, order).await;
        }
    }

    async fn lists(&self, report: &mut Report) {
        let all = ClaimFilter::default;
        let of_unit = || ClaimFilter { unit: Some(self.unit.clone()), ..all() };
        let of_unit_in = |state| ClaimFilter { state: Some(state), ..of_unit() };
        let district = || ClaimFilter { district: Some(self.district.clone()), ..all() };
        let refused = || ClaimFilter { state: Some(ClaimState::Refused), ..district() };
        let plan = Some("hospital-medical".parse().unwrap());
        let of_plan =
            || ClaimFilter { plan: plan.clone(), state: Some(ClaimState::Reversed), ..all() };
        self.first::<Claim>(report, "claims", all(), "filed_on desc").await;
        self.first::<Claim>(report, "claims of a unit", of_unit(), "filed_on desc").await;
        let settled = of_unit_in(ClaimState::Paid);
        self.first::<Claim>(report, "paid claims of a unit", settled, "filed_on desc").await;
        let withdrawn = of_unit_in(ClaimState::Withdrawn);
        self.first::<Claim>(report, "withdrawn claims of a unit", withdrawn, "filed_on").await;
        self.pages::<Claim>(report, "claims of a district", district, "filed_on").await;
        self.first::<Claim>(report, "refused claims of a district", refused(), "filed_on").await;
        self.first::<Claim>(report, "reversed claims of a plan", of_plan(), "filed_on").await;
    }

    async fn statistics(&self, report: &mut Report) {
        let limit = Duration::from_millis(200);
        self.ask(report, "plan statistics, 500 rows", limit, async || {
            let ask = Ask { rows: 500, ..Ask::default() };
            let filter = StatisticsFilter::default();
            let page = self.queries.plan_statistics(filter, ask, wish()).await.unwrap();
            assert!(!page.value.rows.is_empty());
        })
        .await;
    }

    async fn first<R: Listed>(
        &self,
        report: &mut Report,
        what: &str,
        filter: R::Filter,
        order: &str,
    ) where
        R::Filter: Clone,
    {
        self.page::<R>(report, &format!("{what} by {order}"), filter, order, None).await;
    }

    /// The first page of a list, and a late one.
    async fn pages<R: Listed>(
        &self,
        report: &mut Report,
        what: &str,
        filter: impl Fn() -> R::Filter,
        order: &str,
    ) where
        R::Filter: Clone,
    {
        self.first::<R>(report, what, filter(), order).await;
        let (mut token, mut number) = (None, 1);
        while number < LATE_PAGE {
            let ask = Ask { rows: ROWS, token: token.clone(), order_by: order.to_owned() };
            let page = self.queries.list::<R>(filter(), ask, wish()).await.unwrap().value;
            let Some(next) = page.next else { break };
            token = Some(next);
            number += 1;
        }
        let what = format!("{what} by {order}, page {number}");
        self.page::<R>(report, &what, filter(), order, token).await;
    }

    async fn page<R: Listed>(
        &self,
        report: &mut Report,
        what: &str,
        filter: R::Filter,
        order: &str,
        token: Option<String>,
    ) where
        R::Filter: Clone,
    {
        self.ask(report, what, TEN, async || {
            let ask = Ask { rows: ROWS, token: token.clone(), order_by: order.to_owned() };
            self.queries.list::<R>(filter.clone(), ask, wish()).await.unwrap();
        })
        .await;
    }

    async fn ask(
        &self,
        report: &mut Report,
        what: &str,
        limit: Duration,
        mut question: impl AsyncFnMut(),
    ) {
        let mut samples = Samples::default();
        let begun = Instant::now();
        while samples.each.len() < ASKED && begun.elapsed() < PATIENCE {
            let begun = Instant::now();
            question().await;
            samples.each.push(begun.elapsed());
        }
        samples.took = begun.elapsed();
        eprintln!("{what}: p99 {} µs", samples.percentile(99));
        let limit = u64::try_from(limit.as_micros()).unwrap();
        let target = (format!("p99 under {limit} µs"), samples.percentile(99) < limit);
        report.samples(&format!("{}: {what}", self.name), 1, &samples, Some(target));
    }
}

fn wish() -> Wish {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    Wish { at_least: None, deadline }
}
