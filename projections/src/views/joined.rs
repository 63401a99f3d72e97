//! Views over the tables that projections keep: the figures that people ask for, each one
//! `SELECT` away.
//!
//! They hold nothing of their own, so that they are as true as the tables. Their queries keep to
//! what every database of the views understands; where the databases differ, [`Dialect`] knows how.

mod claims;
mod covers;
mod growth;
mod ledger;
mod plans;

pub use self::claims::{ClaimAge, WorkItem};
pub use self::covers::CoverBalance;
pub use self::growth::{Growth, GrowthOfYear};
pub use self::ledger::LedgerBalance;
pub use self::plans::PlanFigures;

use crate::record::{Record, Table};
use crate::value::Kind;

/// A view over tables.
#[derive(Clone, Copy, Debug)]
pub struct Joined {
    /// Its name, its meaning, its columns and what tells its rows apart.
    pub table: &'static Table,
    /// The `SELECT` that it is, its columns in the order of the table's.
    query: fn(Dialect) -> String,
}

impl Joined {
    /// The `SELECT` that it is, its columns those of its table.
    #[must_use]
    pub fn sql(&self, dialect: Dialect) -> String {
        let query = (self.query)(dialect);
        match dialect {
            Dialect::Sqlite => query,
            Dialect::Postgres => {
                // Sums of whole numbers are of a wider type there, and are made what the table says.
                let columns = self.table.columns.iter().map(|column| {
                    let (name, kind) = (column.name, postgres_type(column.kind));
                    format!("CAST(q.{name} AS {kind}) AS {name}")
                });
                let columns = columns.collect::<Vec<_>>().join(", ");
                format!("SELECT {columns} FROM (\n{query}\n) AS q")
            }
        }
    }
}

const fn postgres_type(kind: Kind) -> &'static str {
    match kind {
        Kind::Text => "text",
        Kind::Integer | Kind::Fen => "bigint",
        Kind::Boolean => "boolean",
        Kind::Decimal => "numeric",
        Kind::Date => "date",
        Kind::Timestamp => "timestamptz",
        Kind::Json => "json",
    }
}

/// Every view over tables.
pub const JOINED: &[Joined] = &[
    Joined { table: PlanFigures::TABLE, query: plans::plan_statistics },
    Joined { table: CoverBalance::TABLE, query: covers::cover_balances },
    Joined { table: ClaimAge::TABLE, query: claims::claim_ages },
    Joined { table: WorkItem::TABLE, query: claims::work_queue },
    Joined { table: Growth::TABLE, query: growth::by_month },
    Joined { table: GrowthOfYear::TABLE, query: growth::by_year },
    Joined { table: LedgerBalance::TABLE, query: ledger::ledger_balances },
];

/// Whose SQL a query is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// SQLite, where dates and decimals are text.
    Sqlite,
    /// PostgreSQL.
    Postgres,
}

impl Dialect {
    /// A date that is written out.
    pub(crate) fn date(self, date: &str) -> String {
        match self {
            Self::Sqlite => format!("'{date}'"),
            Self::Postgres => format!("DATE '{date}'"),
        }
    }

    /// Whole days from one date to another.
    pub(crate) fn days(self, from: &str, to: &str) -> String {
        match self {
            Self::Sqlite => format!("CAST(julianday({to}) - julianday({from}) AS INTEGER)"),
            Self::Postgres => format!("({to} - {from})"),
        }
    }

    /// The calendar year of a date, as a whole number.
    pub(crate) fn year(self, date: &str) -> String {
        // A date is text in one database and none in the other; so read, it is text in both.
        let digits = format!("substr(CAST({date} AS TEXT), 1, 4)");
        match self {
            Self::Sqlite | Self::Postgres => format!("CAST({digits} AS INTEGER)"),
        }
    }

    /// One whole number over another, to `places` decimal places, half away from zero; nothing where
    /// the lower one is not above zero.
    pub(crate) fn ratio(self, upper: &str, lower: &str, places: u32) -> String {
        match self {
            Self::Sqlite => {
                // Whole numbers only: SQLite's own division of others is not exact.
                let one = 10_u64.saturating_pow(places);
                let digits = format!("((2 * abs({upper}) * {one} + {lower}) / (2 * {lower}))");
                format!(
                    "CASE WHEN {lower} > 0 THEN
                 CASE WHEN {upper} < 0 THEN '-' ELSE '' END ||
                 printf('%d.%0{places}d', {digits} / {one}, {digits} % {one}) END"
                )
            }
            Self::Postgres => format!(
                "CASE WHEN {lower} > 0 THEN round(CAST({upper} AS numeric) / {lower}, {places}) END"
            ),
        }
    }
}
