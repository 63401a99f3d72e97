//! The steps of an approval, and what a person must be allowed to do to take one.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The level of an organisation, from the workplace up.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// A grass-roots union (单位 / 基层工会).
    Unit,
    /// A township, street or industry union (乡镇·街道工会 / 系统工会).
    Township,
    /// A district union agency (区县总工会代办处).
    District,
    /// The Beijing office (北京办事处).
    Office,
}

/// What a handler may do, each at one level.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Duty {
    /// Enrol members and file claims (申报).
    File,
    /// Endorse a claim for the unit (单位核实).
    Endorse,
    /// Check a claim for the township or industry (乡镇审核).
    TownshipCheck,
    /// Check a claim for the district (区县审核).
    DistrictCheck,
    /// Review a claim first (初审).
    FirstReview,
    /// Review a claim a second time (复审).
    SecondReview,
    /// Release and batch the money (财务).
    Finance,
}

/// One level's decision on a claim, in the order in which they are taken.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// The unit endorses (单位核实).
    UnitEndorsement,
    /// The township or industry checks (乡镇审核).
    TownshipCheck,
    /// The district checks (区县审核).
    DistrictCheck,
    /// The office reviews first (初审).
    FirstReview,
    /// The office reviews a second time (复审).
    SecondReview,
    /// The office's finance releases the money (财务).
    Finance,
}

impl Step {
    /// Every step, in order.
    pub const ALL: [Self; 6] = [
        Self::UnitEndorsement,
        Self::TownshipCheck,
        Self::DistrictCheck,
        Self::FirstReview,
        Self::SecondReview,
        Self::Finance,
    ];

    /// What a handler must be allowed to do to take this step.
    #[must_use]
    pub const fn duty(self) -> Duty {
        match self {
            Self::UnitEndorsement => Duty::Endorse,
            Self::TownshipCheck => Duty::TownshipCheck,
            Self::DistrictCheck => Duty::DistrictCheck,
            Self::FirstReview => Duty::FirstReview,
            Self::SecondReview => Duty::SecondReview,
            Self::Finance => Duty::Finance,
        }
    }

    /// The level whose organisation takes this step.
    #[must_use]
    pub const fn level(self) -> Level {
        self.duty().level()
    }

    /// The name as events and views spell it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::UnitEndorsement => "unit_endorsement",
            Self::TownshipCheck => "township_check",
            Self::DistrictCheck => "district_check",
            Self::FirstReview => "first_review",
            Self::SecondReview => "second_review",
            Self::Finance => "finance",
        }
    }
}

impl Duty {
    /// The level that the duty belongs to.
    #[must_use]
    pub const fn level(self) -> Level {
        match self {
            Self::File | Self::Endorse => Level::Unit,
            Self::TownshipCheck => Level::Township,
            Self::DistrictCheck => Level::District,
            Self::FirstReview | Self::SecondReview | Self::Finance => Level::Office,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_never_go_down_a_level() {
        for pair in Step::ALL.windows(2) {
            assert!(pair[0] < pair[1]);
            assert!(pair[0].level() <= pair[1].level());
        }
    }

    #[test]
    fn a_step_is_stored_under_its_name() {
        for step in Step::ALL {
            assert_eq!(serde_json::to_value(step).unwrap(), step.name());
        }
    }
}
