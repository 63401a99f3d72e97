//! What the events of an organisation say.

use std::collections::BTreeSet;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::id::checked::CreditCode;
use crate::id::{MemberId, OrganisationId, Subject};
use crate::step::{Duty, Level};
use crate::term::Term;

/// The name of an organisation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Name {
    /// In Chinese, as on the seal.
    pub zh: String,
    /// In English, if it has such a name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub en: Option<String>,
}

/// What stands above an organisation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parent {
    /// The next organisation up.
    pub id: OrganisationId,
    /// Its level.
    pub level: Level,
}

/// It was taken into the register.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registered {
    /// Its id.
    pub id: OrganisationId,
    /// Its level.
    pub level: Level,
    /// Its name.
    pub name: Name,
    /// The next organisation up; the office has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<Parent>,
    /// The district it belongs to: itself, or the one above; the office has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub district: Option<OrganisationId>,
    /// Its unified social credit code (统一社会信用代码).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credit_code: Option<CreditCode>,
    /// Whether it has a union that pays dues; some plans ask for that.
    pub has_union: bool,
    /// How many workers it has, members or not.
    pub workers: u32,
    /// When it was registered.
    pub on: Date,
}

impl Registered {
    /// The district as the level and the parent say it; only below a township has it to be told.
    pub(super) fn own_district(&self) -> Option<OrganisationId> {
        match (self.level, &self.parent) {
            (Level::Office, _) => None,
            (Level::District, _) => Some(self.id.clone()),
            (_, Some(Parent { id, level: Level::District })) => Some(id.clone()),
            (_, Some(Parent { level: Level::Office, .. })) => None,
            (Level::Unit | Level::Township, _) => self.district.clone(),
        }
    }
}

/// Its workers were counted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkersCounted {
    /// How many there are.
    pub workers: u32,
    /// The day of the count.
    pub on: Date,
}

/// A person was taken on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HandlerRegistered {
    /// The staff number that the person's tokens carry.
    pub handler: Subject,
    /// The member that the person is, so that nobody decides on a claim of their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member: Option<MemberId>,
    /// What the person may do.
    pub duties: BTreeSet<Duty>,
    /// From when on.
    pub on: Date,
}

/// A handler was certified.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HandlerCertified {
    /// Who.
    pub handler: Subject,
    /// The number of the certificate.
    pub certificate: String,
    /// The days on which it holds.
    pub period: Term,
}

/// A handler was suspended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HandlerSuspended {
    /// Who.
    pub handler: Subject,
    /// Why.
    pub note: String,
    /// From this day on.
    pub on: Date,
}

/// A handler may act again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HandlerReinstated {
    /// Who.
    pub handler: Subject,
    /// From this day on.
    pub on: Date,
}
