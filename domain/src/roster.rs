//! A roster (投保清单): a unit enrols its members in one plan for one term, as a group.
//!
//! ```text
//!          Open          Confirm                FinishGranting
//! Unopened ────▶ Open ─────────────▶ Confirmed ───────────────▶ Granted
//!                │  ▲ ╲ Cancel
//!                ╰──╯  ╰──────▶ Cancelled
//!   AddMembers, RemoveMember, RecordContribution
//! ```
//!
//! # Invariants
//!
//! 1. A member stands in a roster once.
//! 2. A roster is confirmed only with enough of the unit's workers in it (participation) and its
//!    contributions paid in full.
//! 3. What is confirmed does not change.

mod body;
mod intake;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::civil::Date;
use serde::Serialize;

pub use self::body::*;
pub use self::intake::{Candidate, RefusedLine};

use crate::decider::{Decider, Impossible};
use crate::eligibility;
use crate::enrolment;
use crate::event::{StoredEvent, stored_events};
use crate::id::{MemberId, OrganisationId, RosterId};
use crate::money::{Money, MoneyError};

/// The most members that one roster holds.
pub const MEMBERS_MAX: usize = 60_000;
/// The most lines that one event adds.
pub const LINES_MAX: usize = 500;
/// The most payments of contributions that one roster records.
pub const CONTRIBUTIONS_MAX: usize = 200;

/// What may be asked of a roster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Begin it.
    Open(Box<Opened>),
    /// Put members into it: all of them or none. [`List::sort_out`] leaves out before what does
    /// not hold.
    AddMembers(MembersAdded),
    /// Take a member out of it.
    RemoveMember(MemberRemoved),
    /// Record contributions that the unit paid.
    RecordContribution(ContributionRecorded),
    /// Close it, so that covers are granted.
    Confirm {
        /// How many workers the unit has, members or not.
        workers: u32,
        /// The day.
        on: Date,
    },
    /// Give it up.
    Cancel(Cancelled),
    /// Say that every member has a cover, or was passed over.
    FinishGranting(Granted),
}

/// What has happened to a roster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// It was begun.
    Opened(Box<Opened>),
    /// Members were put into it.
    MembersAdded(MembersAdded),
    /// A member was taken out of it.
    MemberRemoved(MemberRemoved),
    /// The unit paid contributions.
    ContributionRecorded(ContributionRecorded),
    /// It was closed.
    Confirmed(Confirmed),
    /// It was given up.
    Cancelled(Cancelled),
    /// Every member has a cover, or was passed over.
    Granted(Granted),
}

stored_events!(Event {
    Opened => "RosterOpened" @ 1,
    MembersAdded => "RosterMembersAdded" @ 1,
    MemberRemoved => "RosterMemberRemoved" @ 1,
    ContributionRecorded => "RosterContributionRecorded" @ 1,
    Confirmed => "RosterConfirmed" @ 1,
    Cancelled => "RosterCancelled" @ 1,
    Granted => "RosterGranted" @ 1,
});

/// Why a command, or a line, was refused; nothing of it was recorded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize)]
#[serde(tag = "reason", rename_all = "SCREAMING_SNAKE_CASE", rename_all_fields = "snake_case")]
pub enum Rejection {
    /// Nobody opened it.
    #[error("the roster is not open")]
    RosterNotOpened,
    /// It was opened before, with other particulars.
    #[error("roster {roster} is already open")]
    RosterAlreadyOpened { roster: RosterId },
    /// Invariant 3: it takes no changes any more.
    #[error("the roster is {state}")]
    RosterClosed { state: &'static str },
    /// Invariant 1: the member stands in it.
    #[error("member {member} stands in line {line}")]
    MemberTwice { member: MemberId, line: u32 },
    /// The same request was answered before, and the line is not in the roster: it was left out then,
    /// or taken out since.
    #[error("the line is not in the roster, and this request was answered before: send it anew")]
    LineNotTaken,
    /// The member is not in it.
    #[error("member {member} is not in the roster")]
    MemberNotInRoster { member: MemberId },
    /// The member works elsewhere.
    #[error("the member is of unit {unit}")]
    MemberOfOtherUnit { unit: OrganisationId },
    /// The plan does not sell so many units.
    #[error("the plan sells 1 to {units_max} units, not {units}")]
    UnitsNotSold { units: u32, units_max: u32 },
    /// Everyone has to have the same number of units.
    #[error("everyone in the roster has {others} units, not {given}")]
    UnitsDiffer { others: u32, given: u32 },
    /// It is full.
    #[error("a roster holds at most {limit} members")]
    RosterFull { limit: usize },
    /// An event would hold no line, or too many.
    #[error("1 to {limit} lines at a time, not {given}")]
    LineCount { limit: usize, given: usize },
    /// Invariant 2: nobody is in it.
    #[error("the roster is empty")]
    RosterEmpty,
    /// Invariant 2: too few of the workers take part.
    #[error("{members} of {workers} workers take part, {needed} are needed")]
    ParticipationTooLow { members: u32, workers: u32, needed: u32 },
    /// The count of workers cannot be true.
    #[error("{members} members cannot be of {workers} workers")]
    MoreMembersThanWorkers { members: u32, workers: u32 },
    /// Invariant 2: contributions are missing, or too much was paid.
    #[error("{recorded} yuan were recorded, {due} are due")]
    ContributionNotDue { recorded: Money, due: Money },
    /// A payment of nothing.
    #[error("{amount} yuan is no payment")]
    ContributionNotPositive { amount: Money },
    /// The reference stands for another payment.
    #[error("reference {reference} was recorded with {amount} yuan")]
    ContributionDiffers { reference: String, amount: Money },
    /// There are as many payments as there may be.
    #[error("at most {limit} payments of contributions")]
    TooManyContributions { limit: usize },
    /// The day lies before the one it has to follow.
    #[error("{given} lies before {last}, when the roster was opened")]
    RosterDateBefore { last: Date, given: Date },
    /// The amounts do not add up within bounds.
    #[error("the contributions are beyond the largest amount")]
    ContributionOutOfRange,
    /// The plan does not take the member.
    #[error(transparent)]
    #[serde(untagged)]
    Ineligible(#[from] eligibility::Rejection),
    /// The member holds what stands in the way.
    #[error(transparent)]
    #[serde(untagged)]
    Enrolled(#[from] enrolment::Rejection),
}

impl From<MoneyError> for Rejection {
    fn from(_: MoneyError) -> Self {
        Self::ContributionOutOfRange
    }
}

/// Where a roster stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Roster {
    /// Nothing yet.
    #[default]
    Unopened,
    /// It takes members and contributions.
    Open(Arc<List>),
    /// It is closed; covers are being granted.
    Confirmed(Arc<List>),
    /// Every member has a cover, or was passed over.
    Granted(Arc<List>),
    /// It was given up.
    Cancelled(Arc<List>),
}

/// Who and what is in a roster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct List {
    /// Its particulars.
    pub opened: Opened,
    /// Its members.
    pub members: BTreeMap<MemberId, Line>,
    /// The payments of the unit, by reference.
    pub contributions: BTreeMap<String, Money>,
}

impl Decider for Roster {
    type Command = Command;
    type Event = Event;
    type Rejection = Rejection;

    fn decide(&self, command: Command) -> Result<Vec<Event>, Rejection> {
        match command {
            Command::Open(opened) => self.begin(opened),
            Command::AddMembers(added) => intake::add_members(self.open()?, added),
            Command::RemoveMember(removed) => {
                if self.open()?.members.contains_key(&removed.member) {
                    Ok(vec![Event::MemberRemoved(removed)])
                } else {
                    Err(Rejection::MemberNotInRoster { member: removed.member })
                }
            }
            Command::RecordContribution(body) => record_contribution(self.open()?, body),
            Command::Confirm { workers, on } => match self {
                Self::Confirmed(_) | Self::Granted(_) => Ok(Vec::new()),
                Self::Unopened | Self::Open(_) | Self::Cancelled(_) => {
                    confirm(self.open()?, workers, on)
                }
            },
            Command::Cancel(cancelled) => match self {
                Self::Cancelled(_) => Ok(Vec::new()),
                Self::Unopened | Self::Open(_) | Self::Confirmed(_) | Self::Granted(_) => {
                    follows(self.open()?, cancelled.on)?;
                    Ok(vec![Event::Cancelled(cancelled)])
                }
            },
            Command::FinishGranting(granted) => match self {
                Self::Granted(_) => Ok(Vec::new()),
                Self::Confirmed(_) => Ok(vec![Event::Granted(granted)]),
                Self::Unopened => Err(Rejection::RosterNotOpened),
                Self::Open(_) | Self::Cancelled(_) => {
                    Err(Rejection::RosterClosed { state: self.name() })
                }
            },
        }
    }

    fn evolve(self, event: &Event) -> Result<Self, Impossible> {
        let state = self.name();
        let impossible = || Impossible { event: event.name(), state };
        match (self, event) {
            (Self::Unopened, Event::Opened(opened)) => Ok(Self::Open(Arc::new(List {
                opened: (**opened).clone(),
                members: BTreeMap::new(),
                contributions: BTreeMap::new(),
            }))),
            (Self::Open(mut list), Event::MembersAdded(added)) => {
                let members = &mut Arc::make_mut(&mut list).members;
                for line in &added.lines {
                    if members.insert(line.member, line.clone()).is_some() {
                        return Err(impossible());
                    }
                }
                Ok(Self::Open(list))
            }
            (Self::Open(mut list), Event::MemberRemoved(removed)) => {
                let members = &mut Arc::make_mut(&mut list).members;
                members.remove(&removed.member).ok_or_else(impossible)?;
                Ok(Self::Open(list))
            }
            (Self::Open(mut list), Event::ContributionRecorded(body)) => {
                let contributions = &mut Arc::make_mut(&mut list).contributions;
                match contributions.insert(body.reference.clone(), body.amount) {
                    Some(_) => Err(impossible()),
                    None => Ok(Self::Open(list)),
                }
            }
            (Self::Open(list), Event::Confirmed(_)) => Ok(Self::Confirmed(list)),
            (Self::Open(list), Event::Cancelled(_)) => Ok(Self::Cancelled(list)),
            (Self::Confirmed(list), Event::Granted(_)) => Ok(Self::Granted(list)),
            (
                Self::Unopened
                | Self::Open(_)
                | Self::Confirmed(_)
                | Self::Granted(_)
                | Self::Cancelled(_),
                Event::Opened(_)
                | Event::MembersAdded(_)
                | Event::MemberRemoved(_)
                | Event::ContributionRecorded(_)
                | Event::Confirmed(_)
                | Event::Cancelled(_)
                | Event::Granted(_),
            ) => Err(impossible()),
        }
    }
}

impl Roster {
    /// The name of the state, as views show it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Unopened => "unopened",
            Self::Open(_) => "open",
            Self::Confirmed(_) => "confirmed",
            Self::Granted(_) => "granted",
            Self::Cancelled(_) => "cancelled",
        }
    }

    /// Who and what is in it, whatever its state.
    ///
    /// # Errors
    ///
    /// [`Rejection::RosterNotOpened`].
    pub fn list(&self) -> Result<&List, Rejection> {
        match self {
            Self::Unopened => Err(Rejection::RosterNotOpened),
            Self::Open(list)
            | Self::Confirmed(list)
            | Self::Granted(list)
            | Self::Cancelled(list) => Ok(list),
        }
    }

    /// The list, if it still takes changes.
    ///
    /// # Errors
    ///
    /// [`Rejection::RosterNotOpened`] or [`Rejection::RosterClosed`].
    pub fn open(&self) -> Result<&List, Rejection> {
        match self {
            Self::Unopened => Err(Rejection::RosterNotOpened),
            Self::Open(list) => Ok(list),
            Self::Confirmed(_) | Self::Granted(_) | Self::Cancelled(_) => {
                Err(Rejection::RosterClosed { state: self.name() })
            }
        }
    }

    fn begin(&self, opened: Box<Opened>) -> Result<Vec<Event>, Rejection> {
        match self {
            Self::Unopened => Ok(vec![Event::Opened(opened)]),
            Self::Open(list)
            | Self::Confirmed(list)
            | Self::Granted(list)
            | Self::Cancelled(list) => {
                if list.opened == *opened {
                    Ok(Vec::new())
                } else {
                    Err(Rejection::RosterAlreadyOpened { roster: opened.roster })
                }
            }
        }
    }
}

impl List {
    /// What is due for everyone in it.
    ///
    /// # Errors
    ///
    /// [`MoneyError`] when the sum leaves the range.
    pub fn due(&self) -> Result<Money, MoneyError> {
        Money::sum(self.members.values().map(|line| line.contribution))
    }

    /// What the unit has paid.
    ///
    /// # Errors
    ///
    /// [`MoneyError`] when the sum leaves the range.
    pub fn recorded(&self) -> Result<Money, MoneyError> {
        Money::sum(self.contributions.values().copied())
    }
}

fn record_contribution(list: &List, body: ContributionRecorded) -> Result<Vec<Event>, Rejection> {
    match list.contributions.get(&body.reference) {
        Some(amount) if *amount == body.amount => return Ok(Vec::new()),
        Some(amount) => {
            return Err(Rejection::ContributionDiffers {
                reference: body.reference,
                amount: *amount,
            });
        }
        None => {}
    }
    if !body.amount.is_positive() {
        return Err(Rejection::ContributionNotPositive { amount: body.amount });
    }
    if list.contributions.len() >= CONTRIBUTIONS_MAX {
        return Err(Rejection::TooManyContributions { limit: CONTRIBUTIONS_MAX });
    }
    list.recorded()?.plus(body.amount)?;
    Ok(vec![Event::ContributionRecorded(body)])
}

fn confirm(list: &List, workers: u32, on: Date) -> Result<Vec<Event>, Rejection> {
    follows(list, on)?;
    let members = u32::try_from(list.members.len()).unwrap_or(u32::MAX);
    if members == 0 {
        return Err(Rejection::RosterEmpty);
    }
    if members > workers {
        return Err(Rejection::MoreMembersThanWorkers { members, workers });
    }
    let needed = list.opened.rules.participants_min(workers);
    if members < needed {
        return Err(Rejection::ParticipationTooLow { members, workers, needed });
    }
    let (recorded, due) = (list.recorded()?, list.due()?);
    if recorded != due {
        return Err(Rejection::ContributionNotDue { recorded, due });
    }
    Ok(vec![Event::Confirmed(Confirmed { members, contribution: due, workers, on })])
}

fn follows(list: &List, given: Date) -> Result<(), Rejection> {
    let last = list.opened.on;
    if given < last { Err(Rejection::RosterDateBefore { last, given }) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
