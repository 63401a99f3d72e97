//! How views are read: one row, a page of rows, or a claim, cover or organisation in full.
//!
//! Every question may name a position that the answer has to reflect, and waits for it within a
//! deadline; every answer says what it reflects. A page is read in one transaction, and goes on
//! after the last row of the page before, so that pages neither repeat nor leave out rows that do
//! not change.

mod details;
mod filters;
mod page;
mod pool;
mod statistics;

use std::sync::Arc;

use huzhu_store::port::Position;
use jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::Instant;

pub use self::details::{
    BatchInFull, ClaimInFull, CoverInFull, HandlerInFull, MemberInFull, OrganisationInFull,
};
pub use self::filters::*;
pub use self::page::{Ask, PAGE_ROWS, PAGE_ROWS_MAX, Page};
use self::pool::Pool;
pub use self::statistics::{PlanStatistic, StatisticsFilter};
use crate::checkpoint::Checkpoint;
use crate::database::{Place, Reader};
use crate::record::{Record, names};
use crate::rows::DatabaseError;
use crate::snapshot::Snapshot;
use crate::value::Value;
use crate::worker::{Late, Progress, Status};

/// Reads views. Cheap to clone.
#[derive(Clone)]
pub struct Queries {
    pool: Arc<Pool>,
    progress: Progress,
}

/// What an answer has to reflect, and by when it has to be given.
#[derive(Clone, Copy, Debug)]
pub struct Wish {
    /// The position that the answer has to reflect; any if absent.
    pub at_least: Option<Position>,
    /// When the answer comes too late.
    pub deadline: Instant,
}

/// An answer, and what it reflects.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer<T> {
    /// The answer.
    pub value: T,
    /// What it reflects.
    pub freshness: Freshness,
}

/// How far the views had come that an answer was read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Freshness {
    /// The last event that the answer reflects; none for an empty log.
    pub position: Option<Position>,
    /// When the log took that event.
    pub recorded_at: Option<Timestamp>,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// The views do not reflect the position that was asked for.
    #[error(transparent)]
    Late(#[from] Late),
    /// The page token is not one that this list gave.
    #[error("the page token belongs to another list, filter or order")]
    PageToken,
    /// The list cannot be ordered like that.
    #[error("the list is ordered by {offered}, not by {given:?}")]
    Order {
        /// What was asked for.
        given: String,
        /// What may be asked for.
        offered: String,
    },
    /// The deadline passed while the views were read.
    #[error("the views were not read within the deadline")]
    Deadline,
    /// The database does not answer.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// A row that can be asked for.
pub trait Listed: Record {
    /// The projections that keep it.
    const VIEWS: &'static [&'static str];
    /// The columns that a list can be ordered by, besides the key.
    const ORDERS: &'static [&'static str];
    /// What narrows a list down.
    type Filter: Filter;
}

/// What narrows a list down.
pub trait Filter: Send + Sync {
    /// The conditions, each with the value at its `?`.
    fn conditions(&self) -> Vec<(&'static str, Value)>;
}

impl Queries {
    /// Reads the views in `place`, as far as `progress` says they are.
    ///
    /// `readers` questions are answered at a time; others wait within their deadlines.
    #[must_use]
    pub fn new(place: Place, progress: Progress, readers: usize) -> Self {
        Self { pool: Arc::new(Pool::new(place, readers)), progress }
    }

    /// Where the views are.
    #[must_use]
    pub fn status(&self) -> Arc<Status> {
        self.progress.status()
    }

    /// Where the views are, as it changes.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Arc<Status>> {
        self.progress.watch()
    }

    /// One row.
    ///
    /// # Errors
    ///
    /// [`QueryError`].
    pub async fn get<R: Listed>(
        &self,
        key: R::Key,
        wish: Wish,
    ) -> Result<Answer<Option<R>>, QueryError> {
        self.read(R::VIEWS, wish, move |views| row(views, &key)).await
    }

    /// A page of rows.
    ///
    /// # Errors
    ///
    /// [`QueryError`].
    pub async fn list<R: Listed>(
        &self,
        filter: R::Filter,
        ask: Ask,
        wish: Wish,
    ) -> Result<Answer<Page<R>>, QueryError> {
        let list = page::List::<R>::new(&filter.conditions(), ask)?;
        self.read(R::VIEWS, wish, move |views| list.read(views)).await
    }

    /// Waits for the projections `names` as `wish` says, and opens a snapshot for so many selects.
    ///
    /// # Errors
    ///
    /// [`QueryError`].
    pub async fn snapshot(
        &self,
        names: &[&str],
        selects: usize,
        wish: Wish,
    ) -> Result<Snapshot, QueryError> {
        if let Some(position) = wish.at_least {
            self.progress.reached(names, position, wish.deadline).await?;
        }
        Snapshot::open(self.pool.place(), selects, wish.deadline).await
    }

    /// Waits for `names` as `wish` says, and reads in one transaction.
    async fn read<T: Send + 'static>(
        &self,
        names: &'static [&'static str],
        wish: Wish,
        read: impl FnOnce(&mut dyn Reader) -> Result<T, DatabaseError> + Send + 'static,
    ) -> Result<Answer<T>, QueryError> {
        if let Some(position) = wish.at_least {
            self.progress.reached(names, position, wish.deadline).await?;
        }
        self.pool
            .run(wish.deadline, move |views, checkpoints| {
                let freshness = freshness(&checkpoints, names);
                Ok(Answer { value: read(views)?, freshness })
            })
            .await
    }
}

/// What all of `names` reflect.
pub(crate) fn freshness(checkpoints: &[Checkpoint], names: &[&str]) -> Freshness {
    let asked = checkpoints.iter().filter(|view| names.contains(&view.projection.as_str()));
    let last = asked.min_by_key(|view| view.offset);
    Freshness {
        position: last.and_then(Checkpoint::position),
        recorded_at: last.and_then(|view| view.recorded_at),
    }
}

fn row<R: Record>(views: &mut dyn Reader, key: &R::Key) -> Result<Option<R>, DatabaseError> {
    let found: Vec<_> =
        R::TABLE.key_columns().map(|column| format!("{} = ?", column.name)).collect();
    let condition = found.join(" AND ");
    let mut rows = rows::<R>(views, &condition, &R::key_values(key))?;
    Ok(rows.pop())
}

/// The rows that fit, in the order of their keys.
fn rows<R: Record>(
    views: &mut dyn Reader,
    condition: &str,
    with: &[Value],
) -> Result<Vec<R>, DatabaseError> {
    let (all, name, key) = (columns::<R>(), R::TABLE.name, names(R::TABLE.key_columns()));
    select(views, &format!("SELECT {all} FROM {name} WHERE {condition} ORDER BY {key}"), with)
}

fn select<R: Record>(
    views: &mut dyn Reader,
    sql: &str,
    with: &[Value],
) -> Result<Vec<R>, DatabaseError> {
    let kinds: Vec<_> = R::TABLE.columns.iter().map(|column| column.kind).collect();
    let mut rows = Vec::new();
    views.select(sql, with, &kinds, &mut |values| {
        rows.push(R::from_values(values)?);
        Ok(())
    })?;
    Ok(rows)
}

fn columns<R: Record>() -> String {
    names(R::TABLE.columns.iter())
}

#[cfg(test)]
mod tests;
