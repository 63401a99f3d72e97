//! A made-up city of any size: the same plan makes the same commands, and so the same events.
//!
//! It sets up the organisations, enrols the members, and lives through months of claims that are
//! returned, supplemented, refused, approved, paid, sent back by the bank and reversed. It asks the
//! engine itself, without the network: it is meant for logs of a million events.
//!
//! What differs between two runs is when the log took an event, and, when several commands are
//! under way at once, the order of streams in the log; never a stream's content. Members' resident
//! keys are as equal as the keys of the data folders.

mod claims;
mod enrolling;
mod facts;
mod payments;
pub(crate) mod people;
mod random;
mod setting;

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use futures::StreamExt;
use huzhu_domain::envelope::{Actor, Role};
use huzhu_domain::id::{CommandId, OrganisationId, PlanCode, Subject, derive};
use huzhu_store::engine::{Engine, EngineError, Envelope, digest};
use jiff::civil::Date;
use jiff::tz::{Offset, TimeZone};
use jiff::{Span, Timestamp};

use crate::auth::keys::ResidentHasher;
use random::Random;
pub use setting::{Setting, Unit};

/// The most members of a simulation.
pub const MEMBERS_MAX: u32 = 2_000_000;
/// The most months of a simulation.
pub const MONTHS_MAX: u32 = 60;
/// The year that a simulation begins in.
const FIRST_YEAR: i16 = 2014;

/// What is to be simulated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Where the numbers come from.
    pub seed: u64,
    /// How many members there are.
    pub members: u32,
    /// How many months of claims; with none, everybody is enrolled and nothing happens.
    pub months: u32,
}

/// Why a simulation cannot be, or did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum SimulateError {
    /// A figure of the plan is beyond its limit.
    #[error("{what} must be {min} to {max}, not {given}")]
    Limit {
        /// Which figure.
        what: &'static str,
        /// The least.
        min: u32,
        /// The most.
        max: u32,
        /// What was given.
        given: u32,
    },
    /// The engine could not take a command.
    #[error("{what}: {why}")]
    Engine {
        /// Which command.
        what: String,
        /// What the engine says.
        why: EngineError,
    },
    /// The simulation made something that is not what it should be.
    #[error("the simulation made a bad {what}: {why}")]
    Made {
        /// What.
        what: &'static str,
        /// What is wrong with it.
        why: String,
    },
}

/// What a simulation has done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many times what was done, by name.
    pub done: BTreeMap<String, u64>,
    /// How many commands the rules refused, by reason.
    pub refused: BTreeMap<String, u64>,
}

/// Simulates `plan` with `in_flight` members or units dealt with at once. `tell` is told each
/// part as it is done.
///
/// # Errors
///
/// [`SimulateError`].
pub async fn simulate(
    engine: Engine,
    residents: Arc<ResidentHasher>,
    plan: Plan,
    in_flight: usize,
    mut tell: impl FnMut(&str, &Tally),
) -> Result<Tally, SimulateError> {
    let setting = Setting::of(&plan)?;
    let in_flight = in_flight.max(1);
    let run = Run { engine, residents, plan, setting, in_flight, tally: Mutex::default() };
    run.set_up().await?;
    tell("set up", &run.tally());
    run.register_members().await?;
    tell("members registered", &run.tally());
    run.enrol(FIRST_YEAR).await?;
    tell("members enrolled", &run.tally());
    for number in 0..plan.months {
        let month = month(number)?;
        if number > 0 && month.month() == 1 {
            run.enrol(month.year()).await?;
        }
        let due = run.claims_of(number, month).await?;
        run.pay(number, due).await?;
        tell(&format!("{:04}-{:02}", month.year(), month.month()), &run.tally());
    }
    Ok(run.tally())
}

/// A simulation under way.
struct Run {
    engine: Engine,
    residents: Arc<ResidentHasher>,
    plan: Plan,
    setting: Setting,
    in_flight: usize,
    tally: Mutex<Tally>,
}

impl Run {
    fn tally(&self) -> Tally {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Counts what became of a command; what the rules refused is part of the story.
    fn count<T>(
        &self,
        what: &str,
        answer: Result<T, EngineError>,
    ) -> Result<Option<T>, SimulateError> {
        let mut tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
        let (counted, answer) = match answer {
            Ok(taken) => (tally.done.entry(what.to_owned()), Some(taken)),
            Err(EngineError::Rejected(why)) => (tally.refused.entry(why.reason()), None),
            Err(why) => return Err(SimulateError::Engine { what: what.to_owned(), why }),
        };
        let count = counted.or_default();
        *count = count.saturating_add(1);
        Ok(answer)
    }

    fn random(&self, what: &str, number: u64) -> Random {
        Random::of(self.plan.seed, what, number)
    }

    /// The command called `what`, which no other command of the simulation is.
    fn ask(&self, what: &str, actor: Actor, at: Timestamp) -> Envelope {
        let command = self.plan.command(what);
        let content = digest(format!("{:?} {what}", self.plan).as_bytes());
        let correlation = command.uuid();
        Envelope { command, content, expected: None, actor, at, correlation, causation: None }
    }

    /// Does `act` for each of `things`, some of them at once, and gathers what they answer in the
    /// order of `things`.
    async fn each<T, A, F>(
        &self,
        things: impl IntoIterator<Item = T>,
        act: impl Fn(T) -> F,
    ) -> Result<Vec<A>, SimulateError>
    where
        F: Future<Output = Result<A, SimulateError>>,
    {
        let mut acting = futures::stream::iter(things).map(act).buffered(self.in_flight);
        let mut answers = Vec::new();
        while let Some(answer) = acting.next().await {
            answers.push(answer?);
        }
        Ok(answers)
    }
}

impl Plan {
    /// The id of the command called `what`.
    #[must_use]
    pub fn command(&self, what: &str) -> CommandId {
        let Self { seed, members, months } = self;
        CommandId::new(derive(&["simulation", &format!("{seed}/{members}/{months}"), what]))
    }
}

fn operator() -> Result<Actor, SimulateError> {
    Ok(Actor { subject: subject("operator")?, role: Role::Operator, organisation: None })
}

fn handler(name: &str, organisation: &OrganisationId) -> Result<Actor, SimulateError> {
    let organisation = Some(organisation.clone());
    Ok(Actor { subject: subject(name)?, role: Role::Handler, organisation })
}

fn subject(name: &str) -> Result<Subject, SimulateError> {
    made("subject", name.parse())
}

fn plan_code(code: &str) -> Result<PlanCode, SimulateError> {
    made("plan code", code.parse())
}

fn made<T, E: std::fmt::Display>(
    what: &'static str,
    answer: Result<T, E>,
) -> Result<T, SimulateError> {
    answer.map_err(|why| SimulateError::Made { what, why: why.to_string() })
}

/// The first day of the month of that number.
fn month(number: u32) -> Result<Date, SimulateError> {
    let months = i32::try_from(number).unwrap_or(i32::MAX);
    made("month", Date::constant(FIRST_YEAR, 1, 1).checked_add(Span::new().months(months)))
}

fn days_after(date: Date, days: u32) -> Result<Date, SimulateError> {
    made("date", date.checked_add(Span::new().days(i64::from(days))))
}

/// Nine o'clock in Beijing.
fn morning(date: Date) -> Result<Timestamp, SimulateError> {
    made("time", TimeZone::fixed(Offset::constant(8)).to_timestamp(date.at(9, 0, 0, 0)))
}

#[cfg(test)]
mod tests;
