//! What is left of covers.

use huzhu_domain::assessment::{AccumulatorKey, Measure};
use huzhu_domain::id::CoverId;

use super::Dialect;
use crate::record::record;

record! {
    /// What is used and left of every ceiling of a cover (已用与剩余额度), touched or not, and what
    /// covers count without a ceiling. Amounts are fen; days and numbers are what they are.
    CoverBalance = "cover_balances";
    key {
        /// The cover.
        cover: CoverId,
        /// What is counted and over which span, such as amount.total.year.2014.
        accumulator: AccumulatorKey,
    }
    columns {
        /// What the figures are: fen, days or number.
        measure: Measure,
        /// The ceiling (限额): as the last reservation found it, or else as the plan version of the
        /// term has it.
        ceiling: Option<i64>,
        /// What is used of it (已用): carried from earlier covers, reserved or paid.
        used: i64,
        /// What is left of it (剩余).
        remaining: Option<i64>,
    }
}

pub(super) fn cover_balances(dialect: Dialect) -> String {
    let (from, until) = (dialect.year("c.term_start"), dialect.year("c.term_end"));
    // A term lasts at most four years, and so touches at most five calendar years.
    let name = format!(
        "CASE WHEN p.per = 'year' THEN p.accumulator || '.' || ({from} + n.n) ELSE p.accumulator END"
    );
    let ceiling = "coalesce(a.ceiling, p.at_most * CASE WHEN p.per_unit THEN c.units ELSE 1 END)";
    let used = "coalesce(a.carried + a.reserved + a.paid, 0)";
    format!(
        "SELECT c.cover, {name} AS accumulator, p.measure, {ceiling} AS ceiling, {used} AS used,
            {ceiling} - {used} AS remaining
       FROM covers AS c
       JOIN plan_ceilings AS p ON p.plan = c.plan AND p.version = c.version
       JOIN (SELECT 0 AS n UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3
             UNION ALL SELECT 4) AS n
         ON n.n = 0 OR (p.per = 'year' AND {from} + n.n <= {until})
       LEFT JOIN cover_accumulators AS a ON a.cover = c.cover AND a.accumulator = {name}
     UNION ALL
     SELECT a.cover, a.accumulator, a.measure, a.ceiling, a.carried + a.reserved + a.paid,
            a.remaining
       FROM cover_accumulators AS a
       JOIN covers AS c ON c.cover = a.cover
      WHERE NOT EXISTS
            (SELECT 1 FROM plan_ceilings AS p
              WHERE p.plan = c.plan AND p.version = c.version
                AND (p.accumulator = a.accumulator
                     OR (p.per = 'year' AND a.accumulator LIKE p.accumulator || '.%'
                         AND substr(a.accumulator, length(p.accumulator) + 2)
                             BETWEEN substr(CAST(c.term_start AS TEXT), 1, 4)
                                 AND substr(CAST(c.term_end AS TEXT), 1, 4))))"
    )
}
