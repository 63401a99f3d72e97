//! What came in and went out under a plan, by district and month.

use huzhu_domain::id::PlanCode;
use huzhu_domain::money::Money;
use rust_decimal::Decimal;

use super::page::{self, Ask, PAGE_ROWS, PAGE_ROWS_MAX, Page};
use super::{Answer, Queries, QueryError, Wish};
use crate::database::Reader;
use crate::record::Unfit;
use crate::rows::DatabaseError;
use crate::value::{Column, Kind, Value};

/// Figures of one plan in one district and month.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanStatistic {
    /// The plan.
    pub plan: PlanCode,
    /// The district; empty for units of none.
    pub district: String,
    /// The calendar month, such as `2014-07`.
    pub month: String,
    /// Covers granted in the month.
    pub covers: u64,
    /// What was contributed for them.
    pub contributions: Money,
    /// Claims filed in the month.
    pub filed: u64,
    /// Claims approved in the month.
    pub approved: u64,
    /// Claims turned down in the month.
    pub refused: u64,
    /// Payments in the month (人次).
    pub payments: u64,
    /// Persons paid in the month, each counted once (人).
    pub persons: u64,
    /// What was paid in the month.
    pub paid: Money,
    /// What was taken back in the month.
    pub recovered: Money,
    /// Days from filing to payment, added up over the payments of the month.
    pub days_to_payment: i64,
    /// Members with a cover in force on the last day of the month.
    pub members_in_force: u64,
    /// Workers of the district's units, by the last counts up to the month.
    pub workers: u64,
}

impl PlanStatistic {
    /// What was paid in the month, less what was taken back.
    #[must_use]
    pub fn benefits(&self) -> Money {
        self.paid.minus(self.recovered).unwrap_or_default()
    }

    /// Benefits over contributions (赔付率), to four places; none where nothing was contributed.
    #[must_use]
    pub fn loss_ratio(&self) -> Option<Decimal> {
        share(self.benefits().amount(), self.contributions.amount(), 4)
    }

    /// Days from filing to payment on average, to one place; none where nothing was paid.
    #[must_use]
    pub fn average_days_to_payment(&self) -> Option<Decimal> {
        share(self.days_to_payment.into(), self.payments.into(), 1)
    }

    /// Members in force over workers (覆盖率), to four places; none where no worker was counted.
    #[must_use]
    pub fn coverage(&self) -> Option<Decimal> {
        share(self.members_in_force.into(), self.workers.into(), 4)
    }
}

fn share(part: Decimal, whole: Decimal, places: u32) -> Option<Decimal> {
    let strategy = rust_decimal::RoundingStrategy::MidpointAwayFromZero;
    part.checked_div(whole).map(|share| share.round_dp_with_strategy(places, strategy))
}

/// Which figures.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StatisticsFilter {
    /// Of this plan.
    pub plan: Option<PlanCode>,
    /// Of this district; empty for units of none.
    pub district: Option<String>,
    /// From this month on, such as `2014-01`.
    pub from_month: Option<String>,
    /// Up to this month.
    pub until_month: Option<String>,
}

const COLUMNS: [Kind; 15] = [
    Kind::Text,
    Kind::Text,
    Kind::Text,
    Kind::Integer,
    Kind::Fen,
    Kind::Integer,
    Kind::Integer,
    Kind::Integer,
    Kind::Integer,
    Kind::Fen,
    Kind::Fen,
    Kind::Integer,
    Kind::Integer,
    Kind::Integer,
    Kind::Integer,
];

impl StatisticsFilter {
    fn conditions(&self) -> Vec<(&'static str, Value)> {
        let conditions = [
            ("plan = ?", self.plan.as_ref().map(Column::to_value)),
            ("district = ?", self.district.as_ref().map(Column::to_value)),
            ("month >= ?", self.from_month.as_ref().map(Column::to_value)),
            ("month <= ?", self.until_month.as_ref().map(Column::to_value)),
        ];
        conditions.into_iter().filter_map(|(term, value)| Some((term, value?))).collect()
    }
}

impl Queries {
    /// Figures by plan, district and month, in that order.
    ///
    /// # Errors
    ///
    /// [`QueryError`].
    pub async fn plan_statistics(
        &self,
        filter: StatisticsFilter,
        ask: Ask,
        wish: Wish,
    ) -> Result<Answer<Page<PlanStatistic>>, QueryError> {
        if !ask.order_by.trim().is_empty() {
            let given = ask.order_by.chars().take(60).collect();
            return Err(QueryError::Order { given, offered: "plan, district and month".into() });
        }
        let conditions = filter.conditions();
        let seal = page::seal("plan_statistics", &conditions, "");
        let mut terms: Vec<_> = conditions.iter().map(|(term, _)| *term).collect();
        let mut with: Vec<_> = conditions.iter().map(|(_, value)| value.clone()).collect();
        if let Some(token) = ask.token.filter(|token| !token.is_empty()) {
            with.extend(page::open(&token, &seal, 3).ok_or(QueryError::PageToken)?);
            terms.push("(plan, district, month) > (?, ?, ?)");
        }
        let condition = if terms.is_empty() { "TRUE".to_owned() } else { terms.join(" AND ") };
        let rows = if ask.rows == 0 { PAGE_ROWS } else { ask.rows.min(PAGE_ROWS_MAX) };
        let sql = sql(&condition, rows.saturating_add(1));
        self.read(&["organisations", "covers", "claims"], wish, move |views| {
            let mut found = read(views, &sql, &with)?;
            let rows = usize::try_from(rows).unwrap_or(usize::MAX);
            let more = found.len() > rows;
            found.truncate(rows);
            let next = found.last().filter(|_| more).map(|last| {
                let key = [last.plan.to_value(), last.district.to_value(), last.month.to_value()];
                page::token(&seal, key.iter())
            });
            Ok(Page { rows: found, next })
        })
        .await
    }
}

fn sql(condition: &str, rows: u32) -> String {
    // Each version knows its persons; only where a month has paid under several are they counted over
    // them, each once (PostgreSQL sorts for count(DISTINCT) and hashes for DISTINCT). Covers and
    // workers as they stood when the month ended.
    format!(
        "SELECT s.plan, s.district, s.month, s.covers, s.contributions_fen, s.filed, s.approved,
            s.refused, s.payments, s.benefits_fen, s.recovered_fen, s.days_to_payment,
            CASE WHEN s.paying_versions > 1 THEN
                (SELECT count(*) FROM (SELECT DISTINCT member FROM benefit_persons p
                  WHERE p.plan = s.plan AND p.district = s.district AND p.month = s.month) persons)
                ELSE s.persons END,
            (SELECT sum(starting) - sum(ending) FROM enrolment_statistics e
              WHERE e.plan = s.plan AND e.district = s.district AND e.month <= s.month),
            (SELECT sum(change) FROM worker_statistics w
              WHERE w.district = s.district AND w.month <= s.month)
         FROM (SELECT plan, district, month, sum(covers) AS covers,
                      sum(contributions_fen) AS contributions_fen, sum(filed) AS filed,
                      sum(approved) AS approved, sum(refused) AS refused,
                      sum(payments) AS payments, sum(persons) AS persons,
                      sum(CASE WHEN persons > 0 THEN 1 ELSE 0 END) AS paying_versions,
                      sum(benefits_fen) AS benefits_fen, sum(recovered_fen) AS recovered_fen,
                      sum(days_to_payment) AS days_to_payment
                 FROM plan_statistics WHERE {condition}
                GROUP BY plan, district, month ORDER BY plan, district, month LIMIT {rows}) s"
    )
}

fn read(
    views: &mut dyn Reader,
    sql: &str,
    with: &[Value],
) -> Result<Vec<PlanStatistic>, DatabaseError> {
    let mut statistics = Vec::new();
    views.select(sql, with, &COLUMNS, &mut |values| {
        statistics.push(statistic(values)?);
        Ok(())
    })?;
    Ok(statistics)
}

fn statistic(values: Vec<Value>) -> Result<PlanStatistic, DatabaseError> {
    let mut cells = values.into_iter();
    let mut cell = || cells.next().unwrap_or(Value::Null);
    Ok(PlanStatistic {
        plan: fit(cell())?,
        district: fit(cell())?,
        month: fit(cell())?,
        covers: fit(cell())?,
        contributions: fit(cell())?,
        filed: fit(cell())?,
        approved: fit(cell())?,
        refused: fit(cell())?,
        payments: fit(cell())?,
        paid: fit(cell())?,
        recovered: fit(cell())?,
        days_to_payment: fit(cell())?,
        persons: fit(cell())?,
        // A sum over no rows is no number.
        members_in_force: fit::<Option<u64>>(cell())?.unwrap_or(0),
        workers: fit::<Option<u64>>(cell())?.unwrap_or(0),
    })
}

fn fit<T: Column>(value: Value) -> Result<T, DatabaseError> {
    T::from_value(value).ok_or(DatabaseError::Unfit(Unfit { table: "plan_statistics" }))
}
