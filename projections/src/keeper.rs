//! Keeps rows and checkpoints together: folds a batch in memory, writes it in one transaction.
//!
//! # Invariants
//!
//! 1. (Invariant 8 of the engine) Rows and the checkpoint that speaks of them commit together.
//! 2. An event is folded by a projection once: what stands before its checkpoint is passed over.
//! 3. (Invariant 9 of the engine) An event that a projection cannot take stops that projection,
//!    visibly, and no other; the rows reflect everything before it and nothing of it.

mod foresight;
mod orders;
mod turns;

use std::sync::Arc;

use huzhu_domain::event::Unreadable;
use huzhu_domain::history;
use huzhu_store::port::StoreId;
use jiff::Timestamp;

use crate::checkpoint::{Checkpoint, Failure, ViewsError};
use crate::database::{Change, Database};
use crate::edition::{self, Edition, Role, physical, shape};
use crate::projection::{Arrived, Poison, Projection, Stop};
use crate::record::Table;
use crate::rows::{DatabaseError, Sink, Source};
use crate::value::Value;

use self::foresight::Foreseen;
pub use self::turns::Turn;

/// A log no longer than this is taken in by the edition that serves from its first event on.
const SHORT: u64 = 10_000;

/// Makes every projection anew, with no row in memory.
pub type Make = Arc<dyn Fn() -> Vec<Box<dyn Projection>> + Send + Sync>;

/// Projections over one database.
pub struct Keeper {
    database: Box<dyn Database>,
    make: Make,
    store: StoreId,
    anew: bool,
    // Every edition that is kept up to date.
    running: Vec<Running>,
    // Those that are not: of another version, or retired.
    resting: Vec<Edition>,
    skips: Vec<Skip>,
}

/// What a view leaves out: what a stream says from a revision on.
struct Skip {
    view: String,
    stream: String,
    from: u64,
}

struct Running {
    projection: Box<dyn Projection>,
    edition: Edition,
    // Where it stood still when it was last begun.
    stopped: Option<Failure>,
}

/// The tables of projections.
pub fn tables(projections: &mut [Box<dyn Projection>]) -> Vec<&'static Table> {
    projections.iter_mut().flat_map(|projection| projection.tables()).collect()
}

impl Keeper {
    /// Goes on from the checkpoints in `database`, reading the log `store` that ends at `head`.
    ///
    /// A view that the database does not have, or has of another version, is begun beside what
    /// serves. A projection that had stopped at an event tries it again: the program may have been
    /// mended.
    ///
    /// # Errors
    ///
    /// [`ViewsError`] when a checkpoint does not fit the log.
    pub fn open(
        database: Box<dyn Database>,
        make: Make,
        store: StoreId,
        head: u64,
    ) -> Result<Self, ViewsError> {
        Self::begin(database, make, store, head, false)
    }

    /// Begins every view in an empty database that nobody reads before [`Self::finish`].
    ///
    /// # Errors
    ///
    /// [`ViewsError`].
    pub fn anew(
        database: Box<dyn Database>,
        make: Make,
        store: StoreId,
    ) -> Result<Self, ViewsError> {
        Self::begin(database, make, store, 0, true)
    }

    fn begin(
        database: Box<dyn Database>,
        make: Make,
        store: StoreId,
        head: u64,
        anew: bool,
    ) -> Result<Self, ViewsError> {
        let (running, resting) = (Vec::new(), Vec::new());
        let skips = Vec::new();
        let mut keeper = Self { database, make, store, anew, running, resting, skips };
        keeper.load(head)?;
        for running in &mut keeper.running {
            running.stopped = running.edition.checkpoint.failure.take();
        }
        Ok(keeper)
    }

    /// Sorts the editions of the database into those to be kept up to date and the others.
    fn load(&mut self, head: u64) -> Result<(), ViewsError> {
        self.skips = self.skipped()?;
        let mut stored = edition::editions(self.database.reader())?;
        let mut shown = false;
        for edition in stored.iter().filter(|edition| edition.role != Role::Retired) {
            edition.checkpoint.fits(self.store, head)?;
        }
        (self.running, self.resting) = (Vec::new(), Vec::new());
        for mut projection in (self.make)() {
            let (name, version) = (projection.name(), projection.version());
            let shape = shape(&projection.tables());
            let (mut own, others): (Vec<_>, _) =
                stored.into_iter().partition(|edition| edition.checkpoint.projection == name);
            stored = others;
            let fits = |own: &Edition| own.checkpoint.version == version && own.shape == shape;
            for left in own.extract_if(.., |own| own.role == Role::Building && !fits(own)) {
                self.remove(&left)?;
            }
            if let Some(role) = self.missing(&own, fits, head) {
                own.push(self.create(projection.as_mut(), &own, role)?);
                shown |= role == Role::Serving && !self.anew;
            }
            for edition in own {
                if edition.role == Role::Retired || !fits(&edition) {
                    self.resting.push(edition);
                    continue;
                }
                // Each edition has rows of its own in memory.
                let fresh = (self.make)().into_iter().find(|fresh| fresh.name() == name);
                let projection = fresh.ok_or_else(|| DatabaseError::Refused(name.to_owned()))?;
                self.running.push(Running { projection, edition, stopped: None });
            }
        }
        // Of views that the program does not have.
        self.resting.append(&mut stored);
        if shown {
            transaction(self.database.as_mut(), edition::join)?;
        }
        Ok(())
    }

    /// What the edition is for that a view with these editions needs, if it needs one.
    fn missing(&self, own: &[Edition], fits: impl Fn(&Edition) -> bool, head: u64) -> Option<Role> {
        let has = |role| own.iter().any(|own| own.role == role);
        let fits = |role| own.iter().any(|own| own.role == role && fits(own));
        if fits(Role::Serving) || has(Role::Building) {
            return None;
        }
        if !has(Role::Serving) {
            let at_once = self.anew || head <= SHORT;
            return Some(if at_once { Role::Serving } else { Role::Building });
        }
        // Who went back to the edition before wants it to stay.
        (!fits(Role::Retired)).then_some(Role::Building)
    }

    /// Makes the tables of one more edition.
    fn create(
        &mut self,
        projection: &mut dyn Projection,
        others: &[Edition],
        role: Role,
    ) -> Result<Edition, DatabaseError> {
        let tables = projection.tables();
        let last = others.iter().map(|edition| edition.number).max().unwrap_or(0);
        let edition = Edition {
            number: last.saturating_add(1),
            role,
            shape: shape(&tables),
            tables: tables.iter().map(|table| table.name.to_owned()).collect(),
            checkpoint: Checkpoint::start(projection.name(), projection.version(), self.store),
            verified: None,
        };
        let anew = self.anew;
        transaction(self.database.as_mut(), |database| {
            for table in tables {
                database.create(&physical(table.name, edition.number), table)?;
                if role == Role::Serving && !anew {
                    edition::index(database, edition.number, table)?;
                }
            }
            edition::save(database, &edition, None)?;
            if role == Role::Serving && !anew {
                edition::show(database, &[], std::slice::from_ref(&edition))?;
            }
            Ok(())
        })?;
        Ok(edition)
    }

    fn remove(&mut self, edition: &Edition) -> Result<(), DatabaseError> {
        transaction(self.database.as_mut(), |database| edition::remove(database, edition))
    }

    /// Adds the indexes of the tables that [`Self::anew`] made.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`].
    pub fn index(&mut self) -> Result<(), DatabaseError> {
        let running = &mut self.running;
        transaction(self.database.as_mut(), |database| {
            for running in running {
                for table in running.projection.tables() {
                    edition::index(database, running.edition.number, table)?;
                }
            }
            Ok(())
        })
    }

    /// Ends what [`Self::anew`] began, once there are indexes: lets the public names stand for the
    /// tables.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`].
    pub fn finish(&mut self) -> Result<(), DatabaseError> {
        let now: Vec<_> = self.running.iter().map(|running| running.edition.clone()).collect();
        transaction(self.database.as_mut(), |database| {
            for edition in &now {
                for table in &edition.tables {
                    database.survey(&physical(table, edition.number))?;
                }
            }
            edition::show(database, &[], &now)?;
            edition::join(database)
        })
    }

    /// How far each view is that serves.
    #[must_use]
    pub fn checkpoints(&self) -> Vec<Checkpoint> {
        let serving = self.editions().filter(|edition| edition.role == Role::Serving);
        serving.map(|edition| edition.checkpoint.clone()).collect()
    }

    /// Every edition of every view.
    pub fn editions(&self) -> impl Iterator<Item = &Edition> {
        self.running.iter().map(|running| &running.edition).chain(&self.resting)
    }

    /// The offset after which events are wanted for views that serve: where the furthest of them is.
    /// `None` if every one of them has stopped.
    #[must_use]
    pub fn wants_after(&self) -> Option<u64> {
        self.going(Role::Serving).max()
    }

    /// The offset after which events are wanted for views that serve and are behind the others, as
    /// after they stood still; `None` if there is none.
    #[must_use]
    pub fn lags_after(&self) -> Option<u64> {
        let furthest = self.wants_after();
        self.going(Role::Serving).min().filter(|least| Some(*least) < furthest)
    }

    /// How far the editions are that go on.
    fn going(&self, role: Role) -> impl Iterator<Item = u64> {
        let editions = self.running.iter().map(|running| &running.edition);
        let going =
            editions.filter(move |own| own.role == role && own.checkpoint.failure.is_none());
        going.map(|edition| edition.checkpoint.offset)
    }

    /// The editions that this keeper keeps up to date.
    pub fn kept(&self) -> impl Iterator<Item = &Edition> {
        self.running.iter().map(|running| &running.edition)
    }

    /// The editions that serve and that this keeper does not keep up to date: they are of other code.
    pub fn left(&self) -> impl Iterator<Item = &Edition> {
        self.resting.iter().filter(|edition| edition.role == Role::Serving)
    }

    /// The database.
    pub fn database(&mut self) -> &mut dyn Database {
        self.database.as_mut()
    }

    /// Takes `events` in, which follow each other in the log, the first of them the next one after
    /// offset `after`. Editions that are not there yet are passed over. `now` is written down only
    /// where a projection stops.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`]: nothing of the batch was taken in, and it may be tried again.
    pub fn take(
        &mut self,
        after: u64,
        events: &[Arrived],
        now: Timestamp,
    ) -> Result<(), DatabaseError> {
        let before: Vec<_> =
            self.running.iter().map(|running| running.edition.checkpoint.clone()).collect();
        let taken = self.take_within(after, events, now);
        if taken.is_err() {
            self.database.roll_back();
            for (running, checkpoint) in self.running.iter_mut().zip(before) {
                running.edition.checkpoint = checkpoint;
                running.projection.buffers().into_iter().for_each(|rows| rows.forget());
            }
        }
        taken
    }

    fn take_within(
        &mut self,
        after: u64,
        events: &[Arrived],
        now: Timestamp,
    ) -> Result<(), DatabaseError> {
        let Some(last) = events.last().map(|event| event.offset) else { return Ok(()) };
        self.database.begin()?;
        let mut taking: Vec<_> =
            self.running.iter_mut().filter(|running| running.wants(after, last)).collect();
        for running in &mut taking {
            let before = running.edition.checkpoint.offset;
            running.fold(events, &self.skips, self.database.as_mut(), now)?;
            let mut tables = Tables::of(self.database.as_mut(), &running.edition);
            for rows in running.projection.buffers() {
                rows.write(&mut tables)?;
            }
            self.database.flush()?;
            edition::save(self.database.as_mut(), &running.edition, Some(before))?;
        }
        self.database.commit()?;
        for running in taking {
            running.projection.buffers().into_iter().for_each(|rows| rows.settle());
        }
        Ok(())
    }
}

/// Does all of `work` or nothing of it.
fn transaction<T>(
    database: &mut dyn Database,
    work: impl FnOnce(&mut dyn Database) -> Result<T, DatabaseError>,
) -> Result<T, DatabaseError> {
    database.begin()?;
    let done = work(database).and_then(|done| database.commit().map(|()| done));
    if done.is_err() {
        database.roll_back();
    }
    done
}

/// The tables of one edition.
struct Tables<'a> {
    database: &'a mut dyn Database,
    edition: u32,
    foreseen: Foreseen,
}

impl<'a> Tables<'a> {
    fn of(database: &'a mut dyn Database, edition: &Edition) -> Self {
        Self { database, edition: edition.number, foreseen: Foreseen::new() }
    }
}

impl Source for Tables<'_> {
    fn load(
        &mut self,
        table: &'static Table,
        key: &[Value],
    ) -> Result<Option<Vec<Value>>, DatabaseError> {
        match self.foreseen.get(table.name).and_then(|rows| rows.get(key)) {
            Some(row) => Ok(row.clone()),
            None => self.database.load(self.edition, table, key),
        }
    }
}

impl Sink for Tables<'_> {
    fn write(&mut self, table: &'static Table, change: Change) -> Result<(), DatabaseError> {
        self.database.write(self.edition, table, change)
    }
}

impl Running {
    /// Whether it goes on from `after` or later, and `last` is beyond where it is.
    fn wants(&self, after: u64, last: u64) -> bool {
        let checkpoint = &self.edition.checkpoint;
        checkpoint.failure.is_none() && (after..last).contains(&checkpoint.offset)
    }

    fn fold(
        &mut self,
        events: &[Arrived],
        skips: &[Skip],
        database: &mut dyn Database,
        now: Timestamp,
    ) -> Result<(), DatabaseError> {
        let after = self.edition.checkpoint.offset;
        let left_out = |event: &Arrived| {
            skips.iter().any(|skip| {
                skip.view == self.edition.checkpoint.projection
                    && *skip.stream == *event.stream
                    && skip.from <= event.revision
            })
        };
        let news = events.iter().filter(|event| event.offset > after && !left_out(event));
        let news: Vec<_> = news.collect();
        let foreseen = self.foresee(&news, database)?;
        let mut tables = Tables { foreseen, ..Tables::of(database, &self.edition) };
        for (place, event) in news.iter().enumerate() {
            let poison = match self.fold_one(event, &mut tables) {
                Ok(()) => continue,
                Err(Stop::Database(error)) => return Err(error),
                Err(Stop::Poison(poison)) => poison,
            };
            // The event may have left rows half changed: everything before it is folded again.
            self.projection.buffers().into_iter().for_each(|rows| rows.forget());
            for event in news.iter().take(place) {
                self.fold_one(event, &mut tables).map_err(|stop| match stop {
                    Stop::Database(error) => error,
                    Stop::Poison(poison) => DatabaseError::Refused(format!(
                        "an event went well once and not again: {poison}"
                    )),
                })?;
            }
            let mut failure = failure(event, &poison, now);
            if let Some(before) = self.stopped.take().filter(|before| before.offset == event.offset)
            {
                failure.since = before.since;
            }
            self.edition.checkpoint.failure = Some(failure);
            return Ok(());
        }
        // Beyond what is left out, too.
        self.reached(events.last());
        Ok(())
    }

    fn fold_one(&mut self, event: &Arrived, tables: &mut Tables<'_>) -> Result<(), Stop> {
        if self.projection.takes(&event.name) {
            self.projection.fold(event, tables)?;
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
        if category.starts_with('%') {
            // What a store says of itself, seen where its log is opened from elsewhere.
            return false;
        }
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
            self.edition.checkpoint.offset = event.offset;
            self.edition.checkpoint.recorded_at = Some(event.recorded_at);
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
