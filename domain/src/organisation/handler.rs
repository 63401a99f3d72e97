//! The people who act for an organisation: taken on, certified, suspended, reinstated.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

use super::{
    CERTIFICATES_MAX, Event, HANDLERS_MAX, HandlerCertified, HandlerRegistered, HandlerReinstated,
    HandlerSuspended, Register, Rejection, SUSPENSIONS_MAX, follows,
};
use crate::id::{MemberId, Subject};
use crate::step::Duty;
use crate::term::Term;

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
    pub(super) fn of(body: &HandlerRegistered) -> Self {
        Self {
            member: body.member,
            duties: body.duties.clone(),
            since: body.on,
            certificates: BTreeMap::new(),
            suspensions: Vec::new(),
        }
    }

    /// The day since which the person is suspended on `day`, if so.
    #[must_use]
    pub fn suspended_on(&self, day: Date) -> Option<Date> {
        self.suspensions
            .iter()
            .find(|(from, until)| *from <= day && until.is_none_or(|until| day < until))
            .map(|(from, _)| *from)
    }

    /// Invariant 3 of the organisation, for the person whose staff number is `name`.
    pub(super) fn may(&self, name: &Subject, duty: Duty, on: Date) -> Result<(), Rejection> {
        let handler = || name.clone();
        if on < self.since {
            return Err(Rejection::HandlerNotYetRegistered {
                handler: handler(),
                since: self.since,
            });
        }
        if !self.duties.contains(&duty) {
            return Err(Rejection::DutyMissing { handler: handler(), duty });
        }
        if let Some(since) = self.suspended_on(on) {
            return Err(Rejection::HandlerSuspended { handler: handler(), since });
        }
        if !self.certificates.values().any(|period| period.holds(on)) {
            return Err(Rejection::NotCertified { handler: handler(), on });
        }
        Ok(())
    }

    pub(super) fn open_suspension(&self) -> Option<Date> {
        self.suspensions.iter().find(|(_, until)| until.is_none()).map(|(from, _)| *from)
    }
}

pub(super) fn register_handler(
    register: &Register,
    body: HandlerRegistered,
) -> Result<Vec<Event>, Rejection> {
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
    follows(register.particulars.on, body.on)?;
    if register.handlers.len() >= HANDLERS_MAX {
        return Err(Rejection::TooManyHandlers { limit: HANDLERS_MAX });
    }
    Ok(vec![Event::HandlerRegistered(body)])
}

pub(super) fn certify(
    register: &Register,
    body: HandlerCertified,
) -> Result<Vec<Event>, Rejection> {
    let handler = register.handler(&body.handler)?;
    if handler.certificates.get(&body.certificate) == Some(&body.period) {
        return Ok(Vec::new());
    }
    let more = !handler.certificates.contains_key(&body.certificate);
    if more && handler.certificates.len() >= CERTIFICATES_MAX {
        return Err(Rejection::TooManyCertificates { limit: CERTIFICATES_MAX });
    }
    Ok(vec![Event::HandlerCertified(body)])
}

pub(super) fn suspend(
    register: &Register,
    body: HandlerSuspended,
) -> Result<Vec<Event>, Rejection> {
    let handler = register.handler(&body.handler)?;
    if handler.open_suspension().is_some() {
        return Ok(Vec::new());
    }
    // A suspension begins after the last one ended, so that periods never overlap.
    let last = handler.suspensions.last().and_then(|(_, until)| *until).unwrap_or(handler.since);
    follows(last, body.on)?;
    if handler.suspensions.len() >= SUSPENSIONS_MAX {
        return Err(Rejection::TooManySuspensions { limit: SUSPENSIONS_MAX });
    }
    Ok(vec![Event::HandlerSuspended(body)])
}

pub(super) fn reinstate(
    register: &Register,
    body: HandlerReinstated,
) -> Result<Vec<Event>, Rejection> {
    let handler = register.handler(&body.handler)?;
    match handler.open_suspension() {
        Some(since) => {
            follows(since, body.on)?;
            Ok(vec![Event::HandlerReinstated(body)])
        }
        None if handler.suspensions.last().and_then(|(_, until)| *until) == Some(body.on) => {
            Ok(Vec::new())
        }
        None => Err(Rejection::NotSuspended { handler: body.handler }),
    }
}
