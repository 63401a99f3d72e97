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
//! 3. (Invariant 5 of the engine) A handler acts only from the day of registration on, with the
//!    duty, a certificate in force on the day, and no suspension.

mod body;
mod handler;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::civil::Date;
use serde::Serialize;

pub use self::body::*;
pub use self::handler::Handler;
use crate::decider::{Decider, Impossible};
use crate::event::{StoredEvent, stored_events};
use crate::id::{OrganisationId, Subject};
use crate::step::{Duty, Level};

/// The most handlers that one organisation registers.
pub const HANDLERS_MAX: usize = 500;
/// The most certificates that one handler holds, one after the other.
pub const CERTIFICATES_MAX: usize = 100;
/// The most times that one handler is suspended.
pub const SUSPENSIONS_MAX: usize = 100;

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
    /// Only a unit has members, files claims and enrols.
    #[error("a {level:?} is not a unit")]
    NotAUnit { level: Level },
    /// Invariant 2: the duty belongs to another level.
    #[error("{duty:?} is not a duty of a {level:?}")]
    DutyOfOtherLevel { duty: Duty, level: Level },
    /// A handler without duties can do nothing.
    #[error("a handler needs at least one duty")]
    NoDuties,
    /// There are as many handlers as there may be.
    #[error("an organisation has at most {limit} handlers")]
    TooManyHandlers { limit: usize },
    /// The person holds as many certificates as there may be.
    #[error("a handler has at most {limit} certificates")]
    TooManyCertificates { limit: usize },
    /// The person was suspended as many times as there may be.
    #[error("a handler is suspended at most {limit} times")]
    TooManySuspensions { limit: usize },
    /// The person was registered before, with other particulars.
    #[error("handler {handler} is already registered")]
    HandlerAlreadyRegistered { handler: Subject },
    /// Invariant 3: the person does not act for this organisation.
    #[error("{handler} is no handler of {organisation}")]
    HandlerUnknown { handler: Subject, organisation: OrganisationId },
    /// Invariant 3: the person did not act for this organisation yet.
    #[error("{handler} acts only since {since}")]
    HandlerNotYetRegistered { handler: Subject, since: Date },
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
    Registered(Arc<Register>),
}

/// An organisation in the register.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Register {
    /// Its particulars when it was registered.
    pub particulars: Registered,
    /// How many workers it has by the last count.
    pub workers: u32,
    /// The day of that count.
    pub counted: Date,
    /// The people who act for it.
    pub handlers: BTreeMap<Subject, Handler>,
}

impl Decider for Organisation {
    type Command = Command;
    type Event = Event;
    type Rejection = Rejection;

    fn decide(&self, command: Command) -> Result<Vec<Event>, Rejection> {
        match command {
            Command::Register(registered) => self.register(registered),
            Command::CountWorkers(counted) => count_workers(self.registered()?, counted),
            Command::RegisterHandler(body) => handler::register_handler(self.registered()?, body),
            Command::CertifyHandler(body) => handler::certify(self.registered()?, body),
            Command::SuspendHandler(body) => handler::suspend(self.registered()?, body),
            Command::ReinstateHandler(body) => handler::reinstate(self.registered()?, body),
        }
    }

    fn evolve(self, event: &Event) -> Result<Self, Impossible> {
        let impossible = |state| Impossible { event: event.name(), state };
        match (self, event) {
            (Self::Unregistered, Event::Registered(particulars)) => {
                Ok(Self::Registered(Arc::new(Register {
                    workers: particulars.workers,
                    counted: particulars.on,
                    handlers: BTreeMap::new(),
                    particulars: particulars.clone(),
                })))
            }
            (Self::Registered(mut register), event) => {
                let happened = Arc::make_mut(&mut register).apply(event);
                happened
                    .map(|()| Self::Registered(register))
                    .ok_or_else(|| impossible("Registered"))
            }
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
    pub fn registered(&self) -> Result<&Register, Rejection> {
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
        found.may(handler, duty, on)?;
        Ok(found)
    }

    fn register(&self, mut registered: Registered) -> Result<Vec<Event>, Rejection> {
        registered.district = registered.own_district();
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
    /// Takes `event` in; `None` if it cannot have happened.
    fn apply(&mut self, event: &Event) -> Option<()> {
        match event {
            Event::Registered(_) => None,
            Event::WorkersCounted(body) => {
                self.workers = body.workers;
                self.counted = body.on;
                Some(())
            }
            Event::HandlerRegistered(body) => {
                let before = self.handlers.insert(body.handler.clone(), Handler::of(body));
                before.is_none().then_some(())
            }
            Event::HandlerCertified(body) => {
                let handler = self.handlers.get_mut(&body.handler)?;
                handler.certificates.insert(body.certificate.clone(), body.period);
                Some(())
            }
            Event::HandlerSuspended(body) => {
                let handler = self.handlers.get_mut(&body.handler)?;
                let open = handler.open_suspension();
                handler.suspensions.push((body.on, None));
                open.is_none().then_some(())
            }
            Event::HandlerReinstated(body) => {
                let (_, until) = self.handlers.get_mut(&body.handler)?.suspensions.last_mut()?;
                until.replace(body.on).is_none().then_some(())
            }
        }
    }

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
    follows(register.counted, counted.on)?;
    Ok(vec![Event::WorkersCounted(counted)])
}

fn follows(last: Date, given: Date) -> Result<(), Rejection> {
    if given < last { Err(Rejection::OrganisationDateBefore { last, given }) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
