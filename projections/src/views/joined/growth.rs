//! How coverage grows.

use huzhu_domain::id::OrganisationId;
use huzhu_domain::step::Level;
use rust_decimal::Decimal;

use super::Dialect;
use crate::record::record;

record! {
    /// Coverage (覆盖率) of an organisation, with everything below it, when a month ends. Months in
    /// which nothing changes have no row: what stands is what the last row before says.
    Growth = "organisation_growth";
    key {
        /// The organisation.
        organisation: OrganisationId,
        /// The calendar month, such as 2014-07; one to come tells of covers that will be over.
        month: String,
    }
    columns {
        /// unit, township, district or office.
        level: Option<Level>,
        /// Its name in Chinese.
        name_zh: Option<String>,
        /// How many more members have a cover in force than a month before, or fewer (净增会员).
        members_change: i64,
        /// Members with a cover in force on the last day of the month (在保会员), each counted once.
        members_in_force: i64,
        /// How many more workers there are than a month before, or fewer.
        workers_change: i64,
        /// Workers of its units by the last counts (职工人数).
        workers: i64,
        /// Members in force over workers (覆盖率), to four places; nothing where no worker is counted.
        coverage: Option<Decimal>,
    }
}

record! {
    /// Coverage (覆盖率) of an organisation, with everything below it, when a year ends, beside the
    /// year before. Years in which nothing changes have no row.
    GrowthOfYear = "organisation_growth_by_year";
    key {
        /// The organisation.
        organisation: OrganisationId,
        /// The calendar year.
        year: u32,
    }
    columns {
        /// unit, township, district or office.
        level: Option<Level>,
        /// Its name in Chinese.
        name_zh: Option<String>,
        /// Members with a cover in force when the year before ended.
        members_before: i64,
        /// How many more there are when the year ends, or fewer (净增会员).
        members_change: i64,
        /// Members with a cover in force on the last day of the year (在保会员), each counted once.
        members_in_force: i64,
        /// Workers of its units when the year before ended.
        workers_before: i64,
        /// Workers of its units when the year ends (职工人数).
        workers: i64,
        /// Members in force over workers when the year before ended, to four places.
        coverage_before: Option<Decimal>,
        /// Members in force over workers when the year ends (覆盖率), to four places.
        coverage: Option<Decimal>,
    }
}

pub(super) fn by_month(dialect: Dialect) -> String {
    let coverage = dialect.ratio("s.members_in_force", "s.workers", 4);
    let sum = |column: &str| {
        format!(
            "(SELECT sum(b.{column}) FROM coverage_changes AS b
                WHERE b.organisation = c.organisation AND b.month <= c.month)"
        )
    };
    let (members, workers) = (sum("members"), sum("workers"));
    format!(
        "SELECT s.organisation, s.month, o.level, o.name_zh, s.members_change, s.members_in_force,
            s.workers_change, s.workers, {coverage} AS coverage
       FROM (SELECT c.organisation, c.month, c.members AS members_change,
                    {members} AS members_in_force, c.workers AS workers_change,
                    {workers} AS workers
               FROM coverage_changes AS c) AS s
       LEFT JOIN organisations AS o ON o.organisation = s.organisation"
    )
}

pub(super) fn by_year(dialect: Dialect) -> String {
    let coverage_before = dialect.ratio("members_before", "workers_before", 4);
    let coverage = dialect.ratio("members_in_force", "workers_in_force", 4);
    let year = dialect.year("month");
    let sum = |column: &str, compared: &str| {
        format!(
            "coalesce((SELECT sum(b.{column}) FROM coverage_changes AS b
                WHERE b.organisation = y.organisation AND {} {compared} y.year), 0)",
            dialect.year("b.month")
        )
    };
    format!(
        "SELECT s.organisation, s.year, o.level, o.name_zh, members_before, members_change,
            members_in_force, workers_before, workers_in_force AS workers,
            {coverage_before} AS coverage_before, {coverage} AS coverage
       FROM (SELECT y.organisation, y.year, y.members_change,
                    {} AS members_before, {} AS members_in_force,
                    {} AS workers_before, {} AS workers_in_force
               FROM (SELECT organisation, {year} AS year, sum(members) AS members_change
                       FROM coverage_changes GROUP BY organisation, {year}) AS y) AS s
       LEFT JOIN organisations AS o ON o.organisation = s.organisation",
        sum("members", "<"),
        sum("members", "<="),
        sum("workers", "<"),
        sum("workers", "<="),
    )
}
