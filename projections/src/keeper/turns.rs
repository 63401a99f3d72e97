//! How editions change places: one is built beside the one that serves, and takes its turn.

use std::sync::Arc;

use super::{Keeper, Make, transaction};
use crate::checkpoint::{Failure, ViewsError};
use crate::edition::{self, Edition, Role, physical};
use crate::rows::DatabaseError;

/// Why an edition does not take its turn.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Turn {
    /// There is no such view.
    #[error("there is no view {0:?}")]
    Unknown(String),
    /// There is no edition to go back to.
    #[error("no edition of the view {0} was kept to go back to")]
    NothingRetired(String),
    /// One is on its way.
    #[error("an edition of the view {0} is being built already")]
    Underway(String),
    /// It goes on.
    #[error("the view {0} does not stand still")]
    GoesOn(String),
    /// It does not stand still there.
    #[error("the view {0} does not stand still at {1}")]
    StandsElsewhere(String, u64),
    /// What is asked for is not one of the things that can be.
    #[error("nobody knows what is asked for")]
    Unreadable,
    /// The database does not answer, or the views do not fit the log.
    #[error("{0}")]
    Views(#[from] Box<ViewsError>),
}

impl From<DatabaseError> for Turn {
    fn from(error: DatabaseError) -> Self {
        Self::Views(Box::new(error.into()))
    }
}

impl From<ViewsError> for Turn {
    fn from(error: ViewsError) -> Self {
        Self::Views(Box::new(error))
    }
}

impl Keeper {
    /// The offset after which events are wanted for editions that are being built.
    #[must_use]
    pub fn builds_after(&self) -> Option<u64> {
        self.going(Role::Building).min()
    }

    /// The edition of a view that is being built and has not stopped.
    #[must_use]
    pub fn building(&self, view: &str) -> Option<&Edition> {
        let mut running = self.running.iter().map(|running| &running.edition);
        running.find(|own| {
            own.role == Role::Building
                && own.checkpoint.projection == view
                && own.checkpoint.failure.is_none()
        })
    }

    /// The views whose editions are built as far as what serves, in a log that ends at `head`.
    #[must_use]
    pub fn ripe(&self, head: u64) -> Vec<String> {
        let building = self.running.iter().filter(|running| {
            let own = &running.edition;
            let serves = |other: &&Edition| {
                other.role == Role::Serving
                    && other.checkpoint.projection == own.checkpoint.projection
            };
            // What was shown once is never taken back by a change of editions.
            let wanted =
                self.editions().find(serves).map_or(head, |edition| edition.checkpoint.offset);
            own.role == Role::Building
                && own.checkpoint.failure.is_none()
                && own.checkpoint.offset >= wanted
        });
        building.map(|running| running.edition.checkpoint.projection.clone()).collect()
    }

    /// Makes this view alone.
    #[must_use]
    pub fn make_only(&self, view: &str) -> Make {
        let (make, view) = (Arc::clone(&self.make), view.to_owned());
        Arc::new(move || make().into_iter().filter(|made| made.name() == view).collect())
    }

    /// Notes up to where the edition of a view that is being built was compared.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`].
    pub fn verified(&mut self, view: &str) -> Result<(), DatabaseError> {
        self.note(view, |edition| edition.verified = Some(edition.checkpoint.offset))
    }

    /// Stops the building of a view.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`].
    pub fn give_up(&mut self, view: &str, failure: Failure) -> Result<(), DatabaseError> {
        self.note(view, |edition| edition.checkpoint.failure = Some(failure))
    }

    fn note(&mut self, view: &str, note: impl FnOnce(&mut Edition)) -> Result<(), DatabaseError> {
        let is = |edition: &Edition| {
            edition.role == Role::Building && edition.checkpoint.projection == view
        };
        let Some(running) = self.running.iter_mut().find(|running| is(&running.edition)) else {
            return Ok(());
        };
        note(&mut running.edition);
        let edition = running.edition.clone();
        transaction(self.database.as_mut(), |database| {
            edition::save(database, &edition, Some(edition.checkpoint.offset))
        })
    }

    /// Adds to a built edition what it needs to serve.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`].
    pub fn complete(&mut self, view: &str) -> Result<(), DatabaseError> {
        let is = |edition: &Edition| {
            edition.role == Role::Building && edition.checkpoint.projection == view
        };
        for running in self.running.iter_mut().filter(|running| is(&running.edition)) {
            for table in running.projection.tables() {
                transaction(self.database.as_mut(), |database| {
                    edition::index(database, running.edition.number, table)?;
                    database.survey(&physical(table.name, running.edition.number))
                })?;
            }
        }
        Ok(())
    }

    /// Lets the built edition of a view serve, and keeps the one that served for the way back.
    ///
    /// # Errors
    ///
    /// [`Turn`]; the view is as it was.
    pub fn promote(&mut self, view: &str, head: u64) -> Result<(), Turn> {
        self.change_places(view, Role::Building, head)
    }

    /// Lets the edition of a view serve that served before, and keeps the other for the way back.
    ///
    /// # Errors
    ///
    /// [`Turn`]; the view is as it was.
    pub fn go_back(&mut self, view: &str, head: u64) -> Result<(), Turn> {
        self.change_places(view, Role::Retired, head)
    }

    fn change_places(&mut self, view: &str, from: Role, head: u64) -> Result<(), Turn> {
        let before = self.of(view)?;
        if !before.iter().any(|own| own.role == from) {
            return Err(Turn::NothingRetired(view.to_owned()));
        }
        let after = |own: &Edition| match own.role {
            role if role == from => Some(Role::Serving),
            Role::Serving => Some(Role::Retired),
            // What was kept for the way back is not needed any more.
            Role::Retired => None,
            // What is being built goes on.
            Role::Building => Some(Role::Building),
        };
        transaction(self.database.as_mut(), |database| {
            let mut now = Vec::new();
            for own in &before {
                if let Some(role) = after(own) {
                    let edition = Edition { role, ..own.clone() };
                    edition::save(database, &edition, Some(own.checkpoint.offset))?;
                    now.push(edition);
                }
            }
            edition::show(database, &before, &now)?;
            edition::join(database)?;
            for own in before.iter().filter(|own| after(own).is_none()) {
                edition::remove(database, own)?;
            }
            Ok(())
        })?;
        Ok(self.load(head)?)
    }

    /// Begins another edition of a view beside the one that serves.
    ///
    /// # Errors
    ///
    /// [`Turn`].
    pub fn build_beside(&mut self, view: &str, head: u64) -> Result<(), Turn> {
        let others = self.own(view);
        if others.iter().any(|own| own.role == Role::Building) {
            return Err(Turn::Underway(view.to_owned()));
        }
        let made = (self.make)().into_iter().find(|made| made.name() == view);
        let mut made = made.ok_or_else(|| Turn::Unknown(view.to_owned()))?;
        self.create(made.as_mut(), &others, Role::Building)?;
        Ok(self.load(head)?)
    }

    /// Begins the edition of a view that is being built from the first event, whether there was one
    /// or not.
    ///
    /// # Errors
    ///
    /// [`Turn`].
    pub fn build_anew(&mut self, view: &str, head: u64) -> Result<(), Turn> {
        for begun in self.own(view).iter().filter(|own| own.role == Role::Building) {
            self.remove(begun)?;
        }
        self.resting.retain(|own| own.checkpoint.projection != view || own.role != Role::Building);
        self.running.retain(|running| {
            let own = &running.edition;
            own.checkpoint.projection != view || own.role != Role::Building
        });
        self.build_beside(view, head)
    }

    /// Looks again where other sessions have brought the editions.
    ///
    /// # Errors
    ///
    /// [`ViewsError`].
    pub fn refresh(&mut self, head: u64) -> Result<(), ViewsError> {
        self.load(head)
    }

    /// Lets every edition of a view that stands still try its event again.
    ///
    /// # Errors
    ///
    /// [`Turn`].
    pub fn retry(&mut self, view: &str) -> Result<(), Turn> {
        self.of(view)?;
        let mut tried = false;
        for running in &mut self.running {
            let checkpoint = &mut running.edition.checkpoint;
            if checkpoint.projection == view && checkpoint.failure.is_some() {
                running.stopped = checkpoint.failure.take();
                tried = true;
            }
        }
        if tried { Ok(self.go_on(view)?) } else { Err(Turn::GoesOn(view.to_owned())) }
    }

    fn own(&self, view: &str) -> Vec<Edition> {
        self.editions().filter(|own| own.checkpoint.projection == view).cloned().collect()
    }

    fn of(&self, view: &str) -> Result<Vec<Edition>, Turn> {
        let own = self.own(view);
        if own.is_empty() { Err(Turn::Unknown(view.to_owned())) } else { Ok(own) }
    }
}
