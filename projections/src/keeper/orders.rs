//! What people ask for, done.

use jiff::Timestamp;

use super::{Keeper, Skip, Turn, transaction};
use crate::edition::{self, Edition};
use crate::orders::{DONE, Order, Wish, settle, skips, waiting};
use crate::rows::DatabaseError;

impl Keeper {
    /// Does what people ask for, and answers; how many asked.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`]: who was not answered is asked again.
    pub fn obey(&mut self, head: u64, now: Timestamp) -> Result<usize, DatabaseError> {
        let orders = waiting(self.database.reader())?;
        for order in &orders {
            self.obey_one(order.clone(), head, now)?;
        }
        Ok(orders.len())
    }

    fn obey_one(
        &mut self,
        mut order: Order,
        head: u64,
        now: Timestamp,
    ) -> Result<(), DatabaseError> {
        let view = order.projection.clone();
        let done = match order.wish() {
            Some(Wish::Retry) => self.retry(&view),
            Some(Wish::Rebuild) => self.build_beside(&view, head),
            Some(Wish::Rollback) => self.go_back(&view, head),
            Some(Wish::Skip { position, .. }) => self.skip(&view, position, &mut order),
            None => Err(Turn::Unreadable),
        };
        order.answer = Some(match done {
            Ok(()) => DONE.to_owned(),
            Err(why) => why.to_string(),
        });
        order.answered_at = Some(now);
        tracing::info!(view, wish = order.wish, by = order.asked_by, answer = order.answer);
        // The database holds the order whole before the view goes on.
        settle(self.database.as_mut(), &order)?;
        self.skips = self.skipped()?;
        Ok(())
    }

    /// Lets a view go on after the event at `position`, without it and what its stream says after.
    fn skip(&mut self, view: &str, position: u64, order: &mut Order) -> Result<(), Turn> {
        let stands = |own: &&Edition| {
            let failure = own.checkpoint.failure.as_ref();
            own.checkpoint.projection == view
                && failure.is_some_and(|failure| failure.offset == position)
        };
        let failed = self.editions().find(stands).and_then(|own| own.checkpoint.failure.clone());
        let failure = failed.ok_or_else(|| Turn::StandsElsewhere(view.to_owned(), position))?;
        order.stream = Some(failure.stream);
        order.revision = Some(failure.revision);
        self.retry(view)
    }

    /// What views leave out.
    pub(super) fn skipped(&mut self) -> Result<Vec<Skip>, DatabaseError> {
        let skips = skips(self.database.reader())?;
        let skip = |order: Order| {
            Some(Skip { view: order.projection, stream: order.stream?, from: order.revision? })
        };
        Ok(skips.into_iter().filter_map(skip).collect())
    }

    /// Writes down that views which stood still go on.
    pub(super) fn go_on(&mut self, view: &str) -> Result<(), DatabaseError> {
        let own = self.running.iter().map(|running| running.edition.clone());
        let own: Vec<_> = own.filter(|own| own.checkpoint.projection == view).collect();
        transaction(self.database.as_mut(), |database| {
            for edition in &own {
                edition::save(database, edition, Some(edition.checkpoint.offset))?;
            }
            Ok(())
        })
    }
}
