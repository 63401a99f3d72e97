//! A member (职工): one person, wherever they work.
//!
//! ```text
//!              Register              Retire
//! Unregistered ────────▶ In service ────────▶ Retired
//!                         │  ▲   ╲               │
//!                         ╰──╯    ╲ RecordDeath  │ RecordDeath
//!    CorrectPerson, Classify,      ╰────▶ Died ◀─╯
//!    Transfer
//! ```
//!
//! Personal data stands in the sub-object `person` of member events, and nowhere else.
//!
//! # Invariants
//!
//! 1. One person is one member: the reservation `resident-{key}` holds that.
//! 2. Nothing happens to a member before birth or after death.

mod body;

use std::sync::Arc;

use jiff::civil::Date;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::body::*;
use crate::claim::facts::Facts;
use crate::decider::{Decider, Impossible};
use crate::event::{StoredEvent, stored_events};
use crate::id::checked::{CardNumber, Phone, ResidentId, Sex};
use crate::id::{MemberId, OrganisationId, ResidentKey};

/// Which terms of a plan a member falls under.
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
pub enum MemberClass {
    /// 普通职工
    #[default]
    Ordinary,
    /// Model worker (劳模).
    ModelWorker,
    /// In hardship (特困).
    Hardship,
}

/// Who a member is in life: personal data, shown to nobody by `Debug`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// 姓名
    pub name: String,
    /// 居民身份证号码
    pub resident_id: ResidentId,
    /// The card that benefits are paid to (京卡).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub card: Option<CardNumber>,
    /// 电话
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<Phone>,
}

impl std::fmt::Debug for Person {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Person(…)")
    }
}

/// What may be asked of a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Take the person in.
    Register(Box<Registered>),
    /// Put the name, card or phone right.
    CorrectPerson {
        /// The name from now on; unchanged if absent.
        name: Option<String>,
        /// The card from now on; unchanged if absent.
        card: Option<CardNumber>,
        /// The phone from now on; unchanged if absent.
        phone: Option<Phone>,
        /// From which day on.
        on: Date,
    },
    /// Change the class.
    Classify {
        /// The class from now on.
        class: MemberClass,
        /// From which day on.
        on: Date,
    },
    /// Move to another unit.
    Transfer {
        /// The unit from now on.
        to: OrganisationId,
        /// From which day on.
        on: Date,
    },
    /// Leave service for good.
    Retire {
        /// From which day on.
        on: Date,
    },
    /// Record the death.
    RecordDeath {
        /// The day of death.
        on: Date,
    },
}

/// What has happened to a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The person was taken in.
    Registered(Box<Registered>),
    /// The name, card or phone was put right.
    PersonCorrected(Box<PersonCorrected>),
    /// The class changed.
    Classified(Classified),
    /// The member moved to another unit.
    Transferred(Transferred),
    /// The member left service.
    Retired(Retired),
    /// The member died.
    Died(Died),
}

stored_events!(Event {
    Registered => "MemberRegistered" @ 1,
    PersonCorrected => "MemberPersonCorrected" @ 1,
    Classified => "MemberClassified" @ 1,
    Transferred => "MemberTransferred" @ 1,
    Retired => "MemberRetired" @ 1,
    Died => "MemberDied" @ 1,
});

/// Why a command was refused; nothing was recorded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize)]
#[serde(tag = "reason", rename_all = "SCREAMING_SNAKE_CASE", rename_all_fields = "snake_case")]
pub enum Rejection {
    /// Nobody has this id.
    #[error("the member is not registered")]
    MemberNotRegistered,
    /// Invariant 1: the person is a member already.
    #[error("the person is already member {member}")]
    MemberAlreadyRegistered { member: MemberId },
    /// Only who is in service can change unit or retire.
    #[error("the member retired on {on}")]
    MemberRetired { on: Date },
    /// Invariant 2: nothing happens after death.
    #[error("the member died on {on}")]
    MemberDied { on: Date },
    /// Invariant 2: the day lies before the one it has to follow.
    #[error("{given} lies before {last}")]
    MemberDateBefore { last: Date, given: Date },
}

/// What is known of a member.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Member {
    /// Nothing yet.
    #[default]
    Unregistered,
    /// The person is a member.
    Registered(Arc<Profile>),
}

/// A member's particulars as they stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// The id of the member.
    pub member: MemberId,
    /// Who it is: personal data.
    pub person: Person,
    /// The keyed hash of the resident id.
    pub resident_key: ResidentKey,
    /// Man or woman.
    pub sex: Sex,
    /// The birth date.
    pub born: Date,
    /// Where the member works.
    pub unit: OrganisationId,
    /// Which terms of a plan apply.
    pub class: MemberClass,
    /// Whether the member is in Beijing's basic medical insurance.
    pub insured: bool,
    /// When the member was registered.
    pub since: Date,
    /// The day of the last transfer or the registration.
    pub in_unit_since: Date,
    /// The first day out of service.
    pub retired: Option<Date>,
    /// The day of death.
    pub died: Option<Date>,
}

impl Decider for Member {
    type Command = Command;
    type Event = Event;
    type Rejection = Rejection;

    fn decide(&self, command: Command) -> Result<Vec<Event>, Rejection> {
        match command {
            Command::Register(registered) => self.register(registered),
            Command::CorrectPerson { name, card, phone, on } => {
                let profile = self.registered()?.alive()?;
                let before = &profile.person;
                let person = Person {
                    name: name.unwrap_or_else(|| before.name.clone()),
                    resident_id: before.resident_id.clone(),
                    card: card.or_else(|| before.card.clone()),
                    phone: phone.or_else(|| before.phone.clone()),
                };
                if person == *before {
                    return Ok(Vec::new());
                }
                follows(profile.since, on)?;
                Ok(vec![Event::PersonCorrected(Box::new(PersonCorrected { person, on }))])
            }
            Command::Classify { class, on } => {
                let profile = self.registered()?.alive()?;
                if profile.class == class {
                    return Ok(Vec::new());
                }
                follows(profile.since, on)?;
                Ok(vec![Event::Classified(Classified { class, on })])
            }
            Command::Transfer { to, on } => transfer(self.registered()?, to, on),
            Command::Retire { on } => retire(self.registered()?, on),
            Command::RecordDeath { on } => {
                let profile = self.registered()?;
                match profile.died {
                    Some(died) if died == on => Ok(Vec::new()),
                    Some(died) => Err(Rejection::MemberDied { on: died }),
                    None => {
                        follows(profile.born, on)?;
                        Ok(vec![Event::Died(Died { on })])
                    }
                }
            }
        }
    }

    fn evolve(self, event: &Event) -> Result<Self, Impossible> {
        let impossible = |state| Impossible { event: event.name(), state };
        match (self, event) {
            (Self::Unregistered, Event::Registered(body)) => {
                Ok(Self::Registered(Arc::new(Profile::of(body))))
            }
            (Self::Registered(mut profile), event) => {
                let now = Arc::make_mut(&mut profile);
                match event {
                    Event::PersonCorrected(body) => now.person = body.person.clone(),
                    Event::Classified(body) => now.class = body.class,
                    Event::Transferred(body) => {
                        now.unit = body.to.clone();
                        now.in_unit_since = body.on;
                    }
                    Event::Retired(body) => now.retired = Some(body.on),
                    Event::Died(body) => now.died = Some(body.on),
                    Event::Registered(_) => return Err(impossible("Registered")),
                }
                Ok(Self::Registered(profile))
            }
            (
                Self::Unregistered,
                Event::PersonCorrected(_)
                | Event::Classified(_)
                | Event::Transferred(_)
                | Event::Retired(_)
                | Event::Died(_),
            ) => Err(impossible("Unregistered")),
        }
    }
}

impl Member {
    /// The member's particulars.
    ///
    /// # Errors
    ///
    /// [`Rejection::MemberNotRegistered`].
    pub fn registered(&self) -> Result<&Profile, Rejection> {
        match self {
            Self::Unregistered => Err(Rejection::MemberNotRegistered),
            Self::Registered(profile) => Ok(profile),
        }
    }

    fn register(&self, mut registered: Box<Registered>) -> Result<Vec<Event>, Rejection> {
        // One number cannot say two things: sex and birth date are what the resident id says.
        registered.sex = registered.person.resident_id.sex();
        registered.born = registered.person.resident_id.born();
        match self {
            Self::Registered(profile) if **profile == Profile::of(&registered) => Ok(Vec::new()),
            Self::Registered(profile) => {
                Err(Rejection::MemberAlreadyRegistered { member: profile.member })
            }
            Self::Unregistered => {
                follows(registered.born, registered.on)?;
                Ok(vec![Event::Registered(registered)])
            }
        }
    }
}

impl Profile {
    fn of(body: &Registered) -> Self {
        Self {
            member: body.member,
            person: body.person.clone(),
            resident_key: body.resident_key.clone(),
            sex: body.sex,
            born: body.born,
            unit: body.unit.clone(),
            class: body.class,
            insured: body.insured,
            since: body.on,
            in_unit_since: body.on,
            retired: None,
            died: None,
        }
    }

    /// The member, if alive.
    ///
    /// # Errors
    ///
    /// [`Rejection::MemberDied`].
    pub fn alive(&self) -> Result<&Self, Rejection> {
        self.died.map_or(Ok(self), |on| Err(Rejection::MemberDied { on }))
    }

    /// The member, if alive through all that `facts` state of treatment.
    ///
    /// # Errors
    ///
    /// [`Rejection::MemberDied`], for invariant 2.
    pub fn lived_through(&self, facts: &Facts) -> Result<&Self, Rejection> {
        match self.died {
            Some(on) if facts.treated_after(on).is_some() => Err(Rejection::MemberDied { on }),
            Some(_) | None => Ok(self),
        }
    }

    /// The member, if in service on `day`.
    ///
    /// # Errors
    ///
    /// [`Rejection::MemberDied`] or [`Rejection::MemberRetired`].
    pub fn in_service_on(&self, day: Date) -> Result<&Self, Rejection> {
        if let Some(on) = self.died.filter(|died| *died < day) {
            return Err(Rejection::MemberDied { on });
        }
        match self.retired {
            Some(on) if on <= day => Err(Rejection::MemberRetired { on }),
            Some(_) | None => Ok(self),
        }
    }
}

fn transfer(profile: &Profile, to: OrganisationId, on: Date) -> Result<Vec<Event>, Rejection> {
    profile.alive()?;
    if profile.unit == to {
        return Ok(Vec::new());
    }
    if let Some(on) = profile.retired {
        return Err(Rejection::MemberRetired { on });
    }
    follows(profile.in_unit_since, on)?;
    Ok(vec![Event::Transferred(Transferred { from: profile.unit.clone(), to, on })])
}

fn retire(profile: &Profile, on: Date) -> Result<Vec<Event>, Rejection> {
    profile.alive()?;
    match profile.retired {
        Some(retired) if retired == on => Ok(Vec::new()),
        Some(retired) => Err(Rejection::MemberRetired { on: retired }),
        None => {
            follows(profile.in_unit_since, on)?;
            Ok(vec![Event::Retired(Retired { on })])
        }
    }
}

fn follows(last: Date, given: Date) -> Result<(), Rejection> {
    if given < last { Err(Rejection::MemberDateBefore { last, given }) } else { Ok(()) }
}

#[cfg(test)]
pub(crate) mod tests;
