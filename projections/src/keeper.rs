//! Keeps rows and checkpoints together: folds a batch in memory, writes it in one transaction.
//!
//! # Invariants
//!
//! 1. (Invariant 8 of the engine) Rows and the checkpoint that speaks of them commit together.
//! 2. An event is folded by a projection once: what stands before its checkpoint is passed over.
//! 3. (Invariant 9 of the engine) An event that a projection cannot take stops that projection,
//!    visibly, and no other; the rows reflect everything before it and nothing of it.

use huzhu_domain::event::Unreadable;
use huzhu_domain::history;
use huzhu_store::port::StoreId;
use jiff::Timestamp;

use crate::checkpoint::{Checkpoint, Failure, ViewsError};
use crate::projection::{Arrived, Poison, Projection, Stop};
use crate::record::Table;
use crate::rows::DatabaseError;
use crate::sqlite::Database;

/// Projections over one database.
pub struct Keeper {
    database: Database,
    running: Vec<Running>,
}

struct Running {
    projection: Box<dyn Projection>,
    checkpoint: Checkpoint,
}

/// The tables of projections.
pub fn tables(projections: &mut [Box<dyn Projection>]) -> Vec<&'static Table> {
    projections.iter_mut().flat_map(|projection| projection.tables()).collect()
}

impl Keeper {
    /// Goes on from the checkpoints in `database`, reading the log `store` that ends at `head`.
    ///
    /// A projection that had stopped at an event tries it again: the program may have been mended.
    ///
    /// # Errors
    ///
    /// [`ViewsError`] when a checkpoint does not fit the log or the program.
    pub fn open(
        database: Database,
        projections: Vec<Box<dyn Projection>>,
        store: StoreId,
        head: u64,
    ) -> Result<Self, ViewsError> {
        let stored = database.checkpoints()?;
        let mut running = Vec::with_capacity(projections.len());
        for projection in projections {
            let (name, version) = (projection.name(), projection.version());
            let before = stored.iter().find(|checkpoint| checkpoint.projection == name);
            let mut checkpoint =
                before.cloned().unwrap_or_else(|| Checkpoint::start(name, version, store));
            checkpoint.fits(version, store, head)?;
            checkpoint.failure = None;
            running.push(Running { projection, checkpoint });
        }
        Ok(Self { database, running })
    }

    /// How far each projection is.
    #[must_use]
    pub fn checkpoints(&self) -> Vec<Checkpoint> {
        self.running.iter().map(|running| running.checkpoint.clone()).collect()
    }

    /// The offset after which events are wanted; `None` if every projection has stopped.
    #[must_use]
    pub fn wants_after(&self) -> Option<u64> {
        let going = self.running.iter().filter(|running| running.checkpoint.failure.is_none());
        going.map(|running| running.checkpoint.offset).min()
    }

    /// The database.
    #[must_use]
    pub const fn database(&self) -> &Database {
        &self.database
    }

    /// Takes `events` in, which follow each other in the log. `now` is written down only where a
    /// projection stops.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`]: nothing of the batch was taken in, and it may be tried again.
    pub fn take(&mut self, events: &[Arrived], now: Timestamp) -> Result<(), DatabaseError> {
        let before = self.checkpoints();
        let taken = self.take_within(events, now);
        if taken.is_err() {
            self.database.roll_back();
            for (running, checkpoint) in self.running.iter_mut().zip(before) {
                running.checkpoint = checkpoint;
                running.projection.buffers().into_iter().for_each(|rows| rows.forget());
            }
        }
        taken
    }

    fn take_within(&mut self, events: &[Arrived], now: Timestamp) -> Result<(), DatabaseError> {
        self.database.begin()?;
        for running in &mut self.running {
            running.fold(events, &mut self.database, now)?;
        }
        for running in &mut self.running {
            for rows in running.projection.buffers() {
                rows.write(&mut self.database)?;
            }
            self.database.save(&running.checkpoint)?;
        }
        self.database.commit()?;
        for running in &mut self.running {
            running.projection.buffers().into_iter().for_each(|rows| rows.settle());
        }
        Ok(())
    }
}

impl Running {
    fn fold(
        &mut self,
        events: &[Arrived],
        database: &mut Database,
        now: Timestamp,
    ) -> Result<(), DatabaseError> {
        if self.checkpoint.failure.is_some() {
            return Ok(());
        }
        let after = self.checkpoint.offset;
        let news: Vec<_> = events.iter().filter(|event| event.offset > after).collect();
        for (place, event) in news.iter().enumerate() {
            let poison = match self.fold_one(event, database) {
                Ok(()) => continue,
                Err(Stop::Database(error)) => return Err(error),
                Err(Stop::Poison(poison)) => poison,
            };
            // The event may have left rows half changed: everything before it is folded again.
            self.projection.buffers().into_iter().for_each(|rows| rows.forget());
            for event in news.iter().take(place) {
                self.fold_one(event, database).map_err(|stop| match stop {
                    Stop::Database(error) => error,
                    Stop::Poison(poison) => DatabaseError::Refused(format!(
                        "an event went well once and not again: {poison}"
                    )),
                })?;
            }
            self.checkpoint.failure = Some(failure(event, &poison, now));
            return Ok(());
        }
        self.reached(news.last().copied());
        Ok(())
    }

    fn fold_one(&mut self, event: &Arrived, database: &mut Database) -> Result<(), Stop> {
        if self.projection.takes(&event.name) {
            self.projection.fold(event, database)?;
        } else if !read_by_any(&event.name) && self.responsible(event) {
            let name = event.name.as_ref().to_owned();
            return Err(Poison::Unreadable(Unreadable::UnknownType { name }).into());
        }
        self.reached(Some(event));
        Ok(())
    }

    /// An unknown event of a known kind of stream concerns whoever owns that kind; of an unknown
    /// kind, everybody.
    fn responsible(&self, event: &Arrived) -> bool {
        let category = event.category();
        const WITHOUT_VIEW: [&str; 4] = ["enrolment", "stay", "resident", "handler"];
        const WITH_VIEW: [&str; 9] = [
            "plan",
            "approval",
            "organisation",
            "member",
            "roster",
            "cover",
            "claim",
            "payout",
            "batch",
        ];
        let known = WITHOUT_VIEW.contains(&category) || WITH_VIEW.contains(&category);
        self.projection.owns(category) || !known
    }

    fn reached(&mut self, event: Option<&Arrived>) {
        if let Some(event) = event {
            self.checkpoint.offset = event.offset;
            self.checkpoint.recorded_at = Some(event.recorded_at);
        }
    }
}

/// Whether some aggregate records events of this name.
fn read_by_any(name: &str) -> bool {
    history::Event::NAMES.iter().flat_map(|names| names.iter()).any(|(known, _)| *known == name)
}

fn failure(event: &Arrived, poison: &Poison, now: Timestamp) -> Failure {
    let why = if let Poison::Unreadable(Unreadable::Malformed { name, .. }) = poison
        && event.category() == "member"
    {
        // What serde finds wrong may quote the body, and this body is about a person.
        format!("event {name} has an unreadable body")
    } else {
        poison.to_string()
    };
    Failure {
        offset: event.offset,
        stream: event.stream.as_ref().to_owned(),
        revision: event.revision,
        event: event.name.as_ref().to_owned(),
        why,
        since: now,
    }
}

#[cfg(test)]
mod tests;
