//! What a plan version asks of a group and of each of its members.

use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::{Line, Rejection};
use crate::id::MemberId;
use crate::id::checked::Sex;
use crate::money::Money;
use crate::term::age_on;

/// What a plan version asks of a group and of each of its members.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    /// Only this sex is enrolled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sex: Option<Sex>,
    /// The ages of women at the start of the term.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub age_female: Option<Ages>,
    /// The ages of men at the start of the term.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub age_male: Option<Ages>,
    /// The most units (份) of one member; those over it are void.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub units_max: Option<u32>,
    /// Whether everyone has to have the same number of units.
    pub units_same_for_group: bool,
    /// The share of the unit's workers that has to take part, as a fraction of 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub participation: Option<Decimal>,
    /// Below this number of workers, or at it, all have to take part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub all_up_to_workers: Option<u32>,
    /// The contribution (互助费) of one unit for the term.
    pub contribution_per_unit: Money,
}

/// A range of ages in full years.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ages {
    /// The youngest age taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<i16>,
    /// The oldest age taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<i16>,
}

impl Rules {
    /// The line of a member with `units`, if the plan takes the member.
    ///
    /// # Errors
    ///
    /// The [`Rejection`] that says why the plan does not.
    pub fn line(
        &self,
        number: u32,
        member: MemberId,
        (sex, born): (Sex, Date),
        units: u32,
        start: Date,
    ) -> Result<Line, Rejection> {
        if let Some(taken) = self.sex.filter(|taken| *taken != sex) {
            return Err(Rejection::SexNotTaken { taken });
        }
        let ages = match sex {
            Sex::Female => self.age_female,
            Sex::Male => self.age_male,
        };
        let age = age_on(born, start);
        if let Some(Ages { min, max }) = ages
            && (min.is_some_and(|min| age < min) || max.is_some_and(|max| age > max))
        {
            return Err(Rejection::AgeNotTaken { age, min, max });
        }
        if units == 0 {
            return Err(Rejection::NoUnits);
        }
        let units = self.units_max.map_or(units, |max| units.min(max));
        let contribution = self.contribution_per_unit.times(units)?;
        Ok(Line { number, member, units, contribution })
    }

    /// How many of `workers` have to take part.
    #[must_use]
    pub fn participants_needed(&self, workers: u32) -> u32 {
        if self.all_up_to_workers.is_some_and(|most| workers <= most) {
            return workers;
        }
        let share = self.participation.unwrap_or_default();
        // Half a person more than the share is a whole person more.
        let needed = Decimal::from(workers).checked_mul(share).map(|needed| needed.ceil());
        needed.and_then(|needed| u32::try_from(needed).ok()).unwrap_or(workers).max(1)
    }
}
