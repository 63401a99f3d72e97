//! What the events of a member say.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::{MemberClass, Person};
use crate::id::checked::Sex;
use crate::id::{MemberId, OrganisationId, ResidentKey};

/// The person was taken in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registered {
    /// The id of the member.
    pub member: MemberId,
    /// Who it is: personal data.
    pub person: Person,
    /// The keyed hash of the resident id.
    pub resident_key: ResidentKey,
    /// As the resident id says.
    pub sex: Sex,
    /// As the resident id says.
    pub born: Date,
    /// Where the member works.
    pub unit: OrganisationId,
    /// Which terms of a plan apply.
    pub class: MemberClass,
    /// Whether the member is in Beijing's basic medical insurance (基本医疗保险).
    pub insured: bool,
    /// When it was registered.
    pub on: Date,
}

/// The name, card or phone was put right.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PersonCorrected {
    /// Who it is from now on: personal data.
    pub person: Person,
    /// From which day on.
    pub on: Date,
}

/// The class changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Classified {
    /// The class from now on.
    pub class: MemberClass,
    /// From which day on.
    pub on: Date,
}

/// The member moved to another unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transferred {
    /// The unit before.
    pub from: OrganisationId,
    /// The unit from now on.
    pub to: OrganisationId,
    /// From which day on.
    pub on: Date,
}

/// The member left service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retired {
    /// The first day out of service.
    pub on: Date,
}

/// The member died.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Died {
    /// The day of death.
    pub on: Date,
}
