//! An organisation: a union at one of four levels, and the certified people who act for it.
//!
//! ```text
//!               Register
//! Unregistered ──────────▶ Registered ─╮ CountWorkers, RegisterHandler,
//!                              ▲       │ CertifyHandler, SuspendHandler, ReinstateHandler
//!                              ╰───────╯
//! ```
//!
//! # Invariants
//!
//! 1. A parent stands at a higher level; only the office has none.
//! 2. A handler has duties of the organisation's own level and no others.
//! 3. (Invariant 5 of the engine) A handler acts only with the duty, a certificate in force on the
//!    day, and no suspension.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::decider::{Decider, Impossible};
use crate::event::{StoredEvent, stored_events};
use crate::id::checked::CreditCode;
use crate::id::{MemberId, OrganisationId, Subject};
use crate::step::{Duty, Level};
use crate::term::Term;

/// The most handlers that one organisation registers.
pub const HANDLERS_MAX: usize = 500;

/// What may be asked of an organisation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Take it into the register.
    Register(Registered),
    /// Say how many workers it has, members or not.
    CountWorkers(WorkersCounted),
    /// Take on a person who is to act for it.
    RegisterHandler(HandlerRegistered),
    /// Certify a handler for a period (培训证书).
    CertifyHandler(HandlerCertified),
    /// Let a handler act no more, for now.
    SuspendHandler(HandlerSuspended),
    /// Let a suspended handler act again.
    ReinstateHandler(HandlerReinstated),
}

/// What has happened to an organisation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// It was taken into the register.
    Registered(Registered),
    /// Its workers were counted.
    WorkersCounted(WorkersCounted),
    /// A person was taken on.
    HandlerRegistered(HandlerRegistered),
    /// A handler was certified.
    HandlerCertified(HandlerCertified),
    /// A handler was suspended.
    HandlerSuspended(HandlerSuspended),
    /// A handler may act again.
    HandlerReinstated(HandlerReinstated),
}

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

stored_events!(Event {
    Registered => "OrganisationRegistered" @ 1,
    WorkersCounted => "OrganisationWorkersCounted" @ 1,
    HandlerRegistered => "OrganisationHandlerRegistered" @ 1,
    HandlerCertified => "OrganisationHandlerCertified" @ 1,
    HandlerSuspended => "OrganisationHandlerSuspended" @ 1,
    HandlerReinstated => "OrganisationHandlerReinstated" @ 1,
});

/// Why a command was refused; nothing was recorded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize)]
#[serde(tag = "reason", rename_all = "SCREAMING_SNAKE_CASE", rename_all_fields = "snake_case")]
pub enum Rejection {
    /// It is not in the register.
    #[error("the organisation is not registered")]
    OrganisationNotRegistered,
    /// It was registered before, with other particulars.
    #[error("organisation {organisation} is already registered")]
    OrganisationAlreadyRegistered { organisation: OrganisationId },
    /// Invariant 1: the parent does not stand above.
    #[error("a {level:?} cannot stand below {parent:?}")]
    ParentNotAbove { level: Level, parent: Option<Level> },
    /// Invariant 2: the duty belongs to another level.
    #[error("{duty:?} is not a duty of a {level:?}")]
    DutyOfOtherLevel { duty: Duty, level: Level },
    /// A handler without duties can do nothing.
    #[error("a handler needs at least one duty")]
    NoDuties,
    /// There are as many handlers as there may be.
    #[error("an organisation has at most {limit} handlers")]
    TooManyHandlers { limit: usize },
    /// The person was registered before, with other particulars.
    #[error("handler {handler} is already registered")]
    HandlerAlreadyRegistered { handler: Subject },
    /// Invariant 3: the person does not act for this organisation.
    #[error("{handler} is no handler of {organisation}")]
    HandlerUnknown { handler: Subject, organisation: OrganisationId },
    /// Invariant 3: the person may do other things, not this.
    #[error("{handler} does not have the duty {duty:?}")]
    DutyMissing { handler: Subject, duty: Duty },
    /// Invariant 3: no certificate holds on that day.
    #[error("{handler} holds no certificate in force on {on}")]
    NotCertified { handler: Subject, on: Date },
    /// Invariant 3: the person is suspended.
    #[error("{handler} is suspended since {since}")]
    HandlerSuspended { handler: Subject, since: Date },
    /// Only a suspended handler can be reinstated.
    #[error("{handler} is not suspended")]
    NotSuspended { handler: Subject },
    /// The day lies before the one it has to follow.
    #[error("{given} lies before {last}")]
    OrganisationDateBefore { last: Date, given: Date },
}

/// What is known of an organisation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Organisation {
    /// Nothing yet.
    #[default]
    Unregistered,
    /// It is in the register.
    Registered(Box<Register>),
}

/// An organisation in the register.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Register {
    /// Its particulars when it was registered.
    pub particulars: Registered,
    /// How many workers it has by the last count.
    pub workers: u32,
    /// The people who act for it.
    pub handlers: BTreeMap<Subject, Handler>,
}

/// A person who acts for an organisation (经办人).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handler {
    /// The member that the person is.
    pub member: Option<MemberId>,
    /// What the person may do.
    pub duties: BTreeSet<Duty>,
    /// From when on.
    pub since: Date,
    /// Certificates, by number.
    pub certificates: BTreeMap<String, Term>,
    /// The periods in which the person may not act; an open one has no end.
    pub suspensions: Vec<(Date, Option<Date>)>,
}

impl Handler {
    /// The day since which the person is suspended on `day`, if so.
    #[must_use]
    pub fn suspended_on(&self, day: Date) -> Option<Date> {
        self.suspensions
            .iter()
            .find(|(from, until)| *from <= day && until.is_none_or(|until| day < until))
            .map(|(from, _)| *from)
    }

    fn open_suspension(&self) -> Option<Date> {
        self.suspensions.iter().find(|(_, until)| until.is_none()).map(|(from, _)| *from)
    }
}

impl Decider for Organisation {
    type Command = Command;
    type Event = Event;
    type Rejection = Rejection;

    fn decide(&self, command: Command) -> Result<Vec<Event>, Rejection> {
        match command {
            Command::Register(registered) => self.register(registered),
            Command::CountWorkers(counted) => count_workers(self.registered()?, counted),
            Command::RegisterHandler(handler) => register_handler(self.registered()?, handler),
            Command::CertifyHandler(certified) => certify(self.registered()?, certified),
            Command::SuspendHandler(suspended) => suspend(self.registered()?, suspended),
            Command::ReinstateHandler(reinstated) => reinstate(self.registered()?, reinstated),
        }
    }

    fn evolve(self, event: &Event) -> Result<Self, Impossible> {
        let impossible = |state| Impossible { event: event.name(), state };
        match (self, event) {
            (Self::Unregistered, Event::Registered(particulars)) => {
                Ok(Self::Registered(Box::new(Register {
                    particulars: particulars.clone(),
                    workers: particulars.workers,
                    handlers: BTreeMap::new(),
                })))
            }
            (Self::Registered(mut register), Event::WorkersCounted(counted)) => {
                register.workers = counted.workers;
                Ok(Self::Registered(register))
            }
            (Self::Registered(mut register), Event::HandlerRegistered(body)) => {
                register.handlers.insert(
                    body.handler.clone(),
                    Handler {
                        member: body.member,
                        duties: body.duties.clone(),
                        since: body.on,
                        certificates: BTreeMap::new(),
                        suspensions: Vec::new(),
                    },
                );
                Ok(Self::Registered(register))
            }
            (Self::Registered(mut register), Event::HandlerCertified(body)) => {
                let handler = register
                    .handlers
                    .get_mut(&body.handler)
                    .ok_or_else(|| impossible("Registered"))?;
                handler.certificates.insert(body.certificate.clone(), body.period);
                Ok(Self::Registered(register))
            }
            (Self::Registered(mut register), Event::HandlerSuspended(body)) => {
                let handler = register
                    .handlers
                    .get_mut(&body.handler)
                    .ok_or_else(|| impossible("Registered"))?;
                handler.suspensions.push((body.on, None));
                Ok(Self::Registered(register))
            }
            (Self::Registered(mut register), Event::HandlerReinstated(body)) => {
                let open = register
                    .handlers
                    .get_mut(&body.handler)
                    .and_then(|handler| handler.suspensions.last_mut())
                    .ok_or_else(|| impossible("Registered"))?;
                open.1 = Some(body.on);
                Ok(Self::Registered(register))
            }
            (Self::Registered(_), Event::Registered(_)) => Err(impossible("Registered")),
            (
                Self::Unregistered,
                Event::WorkersCounted(_)
                | Event::HandlerRegistered(_)
                | Event::HandlerCertified(_)
                | Event::HandlerSuspended(_)
                | Event::HandlerReinstated(_),
            ) => Err(impossible("Unregistered")),
        }
    }
}

impl Organisation {
    /// The organisation in the register.
    ///
    /// # Errors
    ///
    /// [`Rejection::OrganisationNotRegistered`].
    pub const fn registered(&self) -> Result<&Register, Rejection> {
        match self {
            Self::Unregistered => Err(Rejection::OrganisationNotRegistered),
            Self::Registered(register) => Ok(register),
        }
    }

    /// Invariant 3: the handler, if the person may do `duty` for this organisation on `on`.
    ///
    /// # Errors
    ///
    /// The [`Rejection`] that says what is missing.
    pub fn authorise(
        &self,
        handler: &Subject,
        duty: Duty,
        on: Date,
    ) -> Result<&Handler, Rejection> {
        let register = self.registered()?;
        let found = register.handler(handler)?;
        if !found.duties.contains(&duty) {
            return Err(Rejection::DutyMissing { handler: handler.clone(), duty });
        }
        if let Some(since) = found.suspended_on(on) {
            return Err(Rejection::HandlerSuspended { handler: handler.clone(), since });
        }
        if !found.certificates.values().any(|period| period.holds(on)) {
            return Err(Rejection::NotCertified { handler: handler.clone(), on });
        }
        Ok(found)
    }

    fn register(&self, registered: Registered) -> Result<Vec<Event>, Rejection> {
        match self {
            Self::Registered(register) if register.particulars == registered => Ok(Vec::new()),
            Self::Registered(_) => {
                Err(Rejection::OrganisationAlreadyRegistered { organisation: registered.id })
            }
            Self::Unregistered => {
                let parent = registered.parent.as_ref().map(|parent| parent.level);
                let stands = match (registered.level, parent) {
                    (Level::Office, None) => true,
                    (Level::Unit | Level::Township | Level::District, Some(parent)) => {
                        parent > registered.level
                    }
                    (Level::Office, Some(_)) | (_, None) => false,
                };
                if stands {
                    Ok(vec![Event::Registered(registered)])
                } else {
                    Err(Rejection::ParentNotAbove { level: registered.level, parent })
                }
            }
        }
    }
}

impl Register {
    fn handler(&self, handler: &Subject) -> Result<&Handler, Rejection> {
        self.handlers.get(handler).ok_or_else(|| Rejection::HandlerUnknown {
            handler: handler.clone(),
            organisation: self.particulars.id.clone(),
        })
    }
}

fn count_workers(register: &Register, counted: WorkersCounted) -> Result<Vec<Event>, Rejection> {
    if counted.workers == register.workers {
        return Ok(Vec::new());
    }
    Ok(vec![Event::WorkersCounted(counted)])
}

fn register_handler(register: &Register, body: HandlerRegistered) -> Result<Vec<Event>, Rejection> {
    if let Some(known) = register.handlers.get(&body.handler) {
        return if known.duties == body.duties && known.member == body.member {
            Ok(Vec::new())
        } else {
            Err(Rejection::HandlerAlreadyRegistered { handler: body.handler })
        };
    }
    let level = register.particulars.level;
    if let Some(duty) = body.duties.iter().find(|duty| duty.level() != level) {
        return Err(Rejection::DutyOfOtherLevel { duty: *duty, level });
    }
    if body.duties.is_empty() {
        return Err(Rejection::NoDuties);
    }
    if register.handlers.len() >= HANDLERS_MAX {
        return Err(Rejection::TooManyHandlers { limit: HANDLERS_MAX });
    }
    Ok(vec![Event::HandlerRegistered(body)])
}

fn certify(register: &Register, body: HandlerCertified) -> Result<Vec<Event>, Rejection> {
    let handler = register.handler(&body.handler)?;
    if handler.certificates.get(&body.certificate) == Some(&body.period) {
        return Ok(Vec::new());
    }
    Ok(vec![Event::HandlerCertified(body)])
}

fn suspend(register: &Register, body: HandlerSuspended) -> Result<Vec<Event>, Rejection> {
    let handler = register.handler(&body.handler)?;
    if handler.open_suspension().is_some() {
        return Ok(Vec::new());
    }
    // A suspension begins after the last one ended, so that periods never overlap.
    let last = handler.suspensions.last().and_then(|(_, until)| *until).unwrap_or(handler.since);
    if body.on < last {
        return Err(Rejection::OrganisationDateBefore { last, given: body.on });
    }
    Ok(vec![Event::HandlerSuspended(body)])
}

fn reinstate(register: &Register, body: HandlerReinstated) -> Result<Vec<Event>, Rejection> {
    let handler = register.handler(&body.handler)?;
    match handler.open_suspension() {
        Some(since) if body.on < since => {
            Err(Rejection::OrganisationDateBefore { last: since, given: body.on })
        }
        Some(_) => Ok(vec![Event::HandlerReinstated(body)]),
        None if handler.suspensions.last().and_then(|(_, until)| *until) == Some(body.on) => {
            Ok(Vec::new())
        }
        None => Err(Rejection::NotSuspended { handler: body.handler }),
    }
}

#[cfg(test)]
mod tests;
