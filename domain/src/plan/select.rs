//! Which version of a plan a claim is judged by. Never the date of the claim itself.

use std::sync::Arc;

use jiff::civil::{Date, date};

use super::{Plan, PlanVersion, Selection};
use crate::id::VersionLabel;

/// Why no version of a plan fits.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, serde::Serialize)]
#[serde(tag = "reason", rename_all = "SCREAMING_SNAKE_CASE", rename_all_fields = "snake_case")]
pub enum NoVersion {
    /// The plan has no version of this label.
    #[error("the plan has no version {version}")]
    VersionUnknown { version: VersionLabel },
    /// No version held on that day.
    #[error("no version of the plan held on {date}")]
    NoneHeld { date: Date },
}

impl Plan {
    /// The version that judges what happened on `event` to a cover granted under `bound`.
    ///
    /// A plan that is bought stays with the version it was bought under, unless a later revision
    /// says that it covers members already in force: then the latest such revision judges what
    /// happens from its effective date on. A free plan is judged by the version of the year of
    /// the expense, or of the day of the event, whatever the cover was granted under.
    ///
    /// # Errors
    ///
    /// [`NoVersion`].
    pub fn version_for(
        &self,
        bound: &VersionLabel,
        event: Date,
    ) -> Result<&Arc<PlanVersion>, NoVersion> {
        let granted = self
            .version(bound)
            .ok_or_else(|| NoVersion::VersionUnknown { version: bound.clone() })?;
        match granted.selection {
            Selection::Term => Ok(self.revised(granted, event)),
            Selection::ExpenseYear => self.held_on(new_year(event), event),
            Selection::EventDate => self.held_on(event, event),
        }
    }

    /// The versions under which a cover that starts on `start` may be granted: several may be
    /// sold side by side. The latest comes first.
    #[must_use]
    pub fn versions_on(&self, start: Date) -> Vec<&Arc<PlanVersion>> {
        let mut held: Vec<_> = self
            .versions()
            .iter()
            .filter(|terms| match terms.selection {
                Selection::Term | Selection::EventDate => terms.effective.holds(start),
                Selection::ExpenseYear => terms.effective.holds(new_year(start)),
            })
            .collect();
        held.sort_by_key(|terms| std::cmp::Reverse(terms.effective.from));
        held
    }

    fn revised<'a>(&'a self, granted: &'a Arc<PlanVersion>, event: Date) -> &'a Arc<PlanVersion> {
        self.versions()
            .iter()
            // Its last day is the last on which it is sold; whom it covers, it goes on covering.
            .filter(|terms| terms.covers_in_force && terms.effective.from <= event)
            .filter(|terms| terms.effective.from > granted.effective.from)
            .max_by_key(|terms| terms.effective.from)
            .unwrap_or(granted)
    }

    fn held_on(&self, day: Date, event: Date) -> Result<&Arc<PlanVersion>, NoVersion> {
        self.versions()
            .iter()
            .filter(|terms| terms.selection != Selection::Term && terms.effective.holds(day))
            .max_by_key(|terms| terms.effective.from)
            .ok_or(NoVersion::NoneHeld { date: event })
    }
}

/// A version for expense years holds for whole years, so the first day speaks for all.
fn new_year(event: Date) -> Date {
    date(event.year(), 1, 1)
}
