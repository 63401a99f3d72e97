//! Who may enrol in a plan, in how many units, and what it costs.

use rust_decimal::RoundingStrategy;
use rust_decimal::prelude::ToPrimitive;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::share::Share;
use super::terms::is_false;
use crate::id::checked::Sex;
use crate::member::MemberClass;
use crate::money::{Money, MoneyError};

/// Who may enrol, and for how much.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Enrolment {
    /// By a unit's roster, or by itself.
    pub mode: EnrolmentMode,
    /// Only members of this sex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sex: Option<Sex>,
    /// The age of women on the first day of the term.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub age_female: Option<Ages>,
    /// The age of men on the first day of the term.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub age_male: Option<Ages>,
    /// Only members of these classes; all of them if none is named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<MemberClass>,
    /// What a member must have or be.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requires: Vec<Requirement>,
    /// How many units (份) may be bought; one if left out.
    #[serde(default)]
    pub units: Units,
    /// The part of the staff that must take part, by the size of the staff.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub participation: Vec<Participation>,
    /// What a term costs; nothing if the plan is free.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contributions: Vec<Contribution>,
    /// The part of the contribution that the union pays; the member pays the rest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub union_pays: Option<Share>,
}

/// How members come into a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EnrolmentMode {
    /// A unit enrols its workers as a group.
    Roster,
    /// Every member who meets the requirements is covered.
    Automatic,
}

/// A span of ages, in full years.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ages {
    /// The youngest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<u8>,
    /// Only those younger than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub below: Option<u8>,
}

impl Ages {
    /// Whether a person of `age` full years may enrol.
    #[must_use]
    pub fn hold(self, age: i16) -> bool {
        self.from.is_none_or(|from| age >= i16::from(from))
            && self.below.is_none_or(|below| age < i16::from(below))
    }
}

/// What a member must have or be.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Requirement {
    /// 北京市基本医疗保险
    MedicalInsurance,
    /// 在职
    InService,
    /// 京卡
    Card,
    /// The unit has a union and pays its dues (缴纳工会经费), or pays the contribution of a unit
    /// without a union.
    UnitUnion,
}

/// How many units may be bought.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Units {
    /// The most units of one member.
    pub max: u32,
    /// What becomes of units above the most.
    pub above_max: AboveMax,
    /// Whether all members of one roster buy the same number.
    #[serde(default, skip_serializing_if = "is_false")]
    pub same_for_group: bool,
}

impl Default for Units {
    fn default() -> Self {
        Self { max: 1, above_max: AboveMax::Refused, same_for_group: false }
    }
}

impl Units {
    /// Whether a member buys one unit, no more.
    #[must_use]
    pub fn is_one(&self) -> bool {
        *self == Self::default()
    }

    /// The units that count of the `asked` ones; none if so many are refused.
    #[must_use]
    pub fn valid(self, asked: u32) -> Option<u32> {
        match self.above_max {
            _ if asked == 0 => None,
            AboveMax::Void => Some(asked.min(self.max)),
            AboveMax::Refused => (asked <= self.max).then_some(asked),
        }
    }
}

/// What becomes of units above the most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AboveMax {
    /// They count for nothing (超过部分无效).
    Void,
    /// The member is refused.
    Refused,
}

/// The part of the staff that must take part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Participation {
    /// The smallest staff that this is asked of.
    pub staff_from: u32,
    /// The part that must take part.
    pub share: Share,
}

/// What a term costs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Contribution {
    /// Who pays it.
    #[serde(default)]
    pub tier: Tier,
    /// For 1 unit, 2 units and so on; one figure alone is the price of each unit.
    pub by_units: Vec<Money>,
}

/// Who pays a contribution.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// Everyone else.
    #[default]
    Ordinary,
    /// High-risk work (高危行业).
    HighRisk,
    /// A unit without a union (未建会单位).
    UnitWithoutUnion,
}

impl Enrolment {
    /// How many of `staff` workers must take part.
    #[must_use]
    pub fn participants_min(&self, staff: u32) -> u32 {
        let asked = self.participation.iter().rfind(|row| staff >= row.staff_from);
        asked.map_or(0, |row| {
            // A part of a person is a person.
            row.share
                .of_count(staff)
                .round_dp_with_strategy(0, RoundingStrategy::AwayFromZero)
                .to_u32()
                .unwrap_or(staff)
        })
    }

    /// Whether the plan has a price for `tier`.
    #[must_use]
    pub fn sells_to(&self, tier: Tier) -> bool {
        self.contributions.iter().any(|row| row.tier == tier)
    }

    /// What the plan sells to such work in such a unit; the ordinary tier where it makes no
    /// difference.
    #[must_use]
    pub fn tier(&self, high_risk: bool, unit_has_union: bool) -> Tier {
        let tiers = [(high_risk, Tier::HighRisk), (!unit_has_union, Tier::UnitWithoutUnion)];
        let applies = |(applies, tier): &(bool, Tier)| *applies && self.sells_to(*tier);
        tiers.into_iter().find(applies).map_or(Tier::Ordinary, |(_, tier)| tier)
    }

    /// What `units` cost a term; none if the plan does not sell that.
    ///
    /// # Errors
    ///
    /// [`MoneyError::OutOfRange`].
    pub fn contribution(&self, tier: Tier, units: u32) -> Result<Option<Money>, MoneyError> {
        if units == 0 || units > self.units.max {
            return Ok(None);
        }
        if self.contributions.is_empty() {
            return Ok(Some(Money::ZERO));
        }
        let Some(row) = self.contributions.iter().find(|row| row.tier == tier) else {
            // Who is covered by itself pays nothing, unless the plan says so.
            let free = self.mode == EnrolmentMode::Automatic;
            return Ok(free.then_some(Money::ZERO));
        };
        match row.by_units.as_slice() {
            [each] => each.times(units).map(Some),
            table => {
                let place = usize::try_from(units.saturating_sub(1)).unwrap_or(usize::MAX);
                Ok(table.get(place).copied())
            }
        }
    }
}
