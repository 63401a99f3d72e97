//! A batch (批次): payouts grouped into one bank file, and what the bank answered.
//!
//! ```text
//!          Open           Seal             Answer (every line)
//! Unopened ────▶ Open ───────▶ Sealed ─────────────────────────▶ Answered
//!                               │  ▲
//!                               ╰──╯ Answer (some lines)
//! ```
//!
//! # Invariants
//!
//! 1. The file is what was sealed: its lines add up to its total and do not change. Each payout that
//!    was asked for is a line of it or was skipped.
//! 2. A line is answered once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::civil::Date;
use serde::Serialize;

use crate::decider::{Decider, Impossible};
use crate::event::{StoredEvent, stored_events};
use crate::id::{BatchId, PayoutId};
use crate::money::{Money, MoneyError};
use crate::payout::{NOTE_MAX, REFERENCE_MAX};

mod body;

pub use body::*;

/// The most payouts of one bank file.
pub const PAYOUTS_MAX: usize = 2_000;

/// What may be asked of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Begin it with the payouts it should hold.
    Open(Arc<Opened>),
    /// Close it with the payouts it does hold.
    Seal {
        /// What goes into the bank file.
        lines: Vec<Line>,
        /// Payouts that were not due when they were asked for.
        skipped: Vec<PayoutId>,
    },
    /// Record what the bank answered.
    Answer(Arc<Answered>),
}

/// What has happened to a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// It was begun.
    Opened(Arc<Opened>),
    /// It was closed.
    Sealed(Arc<Sealed>),
    /// The bank answered.
    Answered(Arc<Answered>),
}

stored_events!(Event {
    Opened => "BatchOpened" @ 1,
    Sealed => "BatchSealed" @ 1,
    Answered => "BatchAnswered" @ 1,
});

/// Why a command was refused; nothing was recorded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize)]
#[serde(tag = "reason", rename_all = "SCREAMING_SNAKE_CASE", rename_all_fields = "snake_case")]
pub enum Rejection {
    /// Nobody opened it.
    #[error("the batch is not open")]
    BatchNotOpened,
    /// It was opened before, with other payouts.
    #[error("batch {batch} is already open")]
    BatchAlreadyOpened { batch: BatchId },
    /// A batch holds something, and not too much.
    #[error("a batch holds 1 to {limit} payouts, not {given}")]
    PayoutCount { limit: usize, given: usize },
    /// A payout was named twice.
    #[error("payout {payout} is named twice")]
    PayoutTwice { payout: PayoutId },
    /// Invariant 1: a payout that was asked for is neither a line nor skipped.
    #[error("payout {payout} is neither a line nor skipped")]
    PayoutLeftOut { payout: PayoutId },
    /// Lines are counted from 1.
    #[error("line {expected} has number {given}")]
    LineNumber { expected: u32, given: u32 },
    /// A reference says something, and not too much.
    #[error("the reference for payout {payout} has 1 to {limit} characters, not {given}")]
    AnswerReferenceLength { payout: PayoutId, limit: usize, given: usize },
    /// A note is longer than it may be.
    #[error("the note for payout {payout} has at most {limit} characters, not {given}")]
    AnswerNoteTooLong { payout: PayoutId, limit: usize, given: usize },
    /// Invariant 1: the file was closed with other lines.
    #[error("the batch is {state}")]
    BatchNotOpen { state: &'static str },
    /// The bank answers a file that was closed.
    #[error("the batch is {state}, not sealed")]
    BatchNotSealed { state: &'static str },
    /// Invariant 1: the payout is no line of the file.
    #[error("payout {payout} is not part of the batch")]
    PayoutNotInFile { payout: PayoutId },
    /// Invariant 2: the line was answered in another way.
    #[error("payout {payout} was answered before, in another way")]
    AnswerDiffers { payout: PayoutId },
    /// The day lies before the one it has to follow.
    #[error("{given} lies before {last}")]
    BatchDateBefore { last: Date, given: Date },
    /// The lines do not add up within bounds.
    #[error("the total is beyond the largest amount")]
    TotalOutOfRange,
}

impl From<MoneyError> for Rejection {
    fn from(_: MoneyError) -> Self {
        Self::TotalOutOfRange
    }
}

/// Where a batch stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Batch {
    /// Nothing yet.
    #[default]
    Unopened,
    /// Its payouts are being gathered.
    Open(Arc<Opened>),
    /// Its file is closed, and the bank has answered for some of it.
    Sealed(File),
    /// The bank has answered for all of it.
    Answered(File),
}

/// A closed bank file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// How it began.
    pub opened: Arc<Opened>,
    /// What it holds.
    pub sealed: Arc<Sealed>,
    /// What the bank said.
    pub answers: BTreeMap<PayoutId, Outcome>,
}

impl Decider for Batch {
    type Command = Command;
    type Event = Event;
    type Rejection = Rejection;

    fn decide(&self, command: Command) -> Result<Vec<Event>, Rejection> {
        match command {
            Command::Open(opened) => self.open(opened),
            Command::Seal { lines, skipped } => self.seal(lines, skipped),
            Command::Answer(answered) => answer(self.file()?, answered),
        }
    }

    fn evolve(self, event: &Event) -> Result<Self, Impossible> {
        let state = self.name();
        let impossible = || Impossible { event: event.name(), state };
        match (self, event) {
            (Self::Unopened, Event::Opened(opened)) => Ok(Self::Open(Arc::clone(opened))),
            (Self::Open(opened), Event::Sealed(sealed)) if sealed.adds_up() => {
                let (sealed, answers) = (Arc::clone(sealed), BTreeMap::new());
                Ok(File { opened, sealed, answers }.into_state())
            }
            (Self::Sealed(file), Event::Answered(answered)) => {
                file.past(answered).map(File::into_state).ok_or_else(impossible)
            }
            (
                Self::Unopened | Self::Open(_) | Self::Sealed(_) | Self::Answered(_),
                Event::Opened(_) | Event::Sealed(_) | Event::Answered(_),
            ) => Err(impossible()),
        }
    }
}

impl Batch {
    /// The name of the state, as views show it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Unopened => "unopened",
            Self::Open(_) => "open",
            Self::Sealed(_) => "sealed",
            Self::Answered(_) => "answered",
        }
    }

    /// The closed bank file.
    ///
    /// # Errors
    ///
    /// [`Rejection::BatchNotOpened`] or [`Rejection::BatchNotSealed`].
    pub const fn file(&self) -> Result<&File, Rejection> {
        match self {
            Self::Unopened => Err(Rejection::BatchNotOpened),
            Self::Open(_) => Err(Rejection::BatchNotSealed { state: self.name() }),
            Self::Sealed(file) | Self::Answered(file) => Ok(file),
        }
    }

    fn open(&self, opened: Arc<Opened>) -> Result<Vec<Event>, Rejection> {
        let before = match self {
            Self::Unopened => {
                let given = opened.payouts.len();
                if !(1..=PAYOUTS_MAX).contains(&given) {
                    return Err(Rejection::PayoutCount { limit: PAYOUTS_MAX, given });
                }
                let mut seen = BTreeSet::new();
                if let Some(twice) = opened.payouts.iter().find(|payout| !seen.insert(**payout)) {
                    return Err(Rejection::PayoutTwice { payout: *twice });
                }
                return Ok(vec![Event::Opened(opened)]);
            }
            Self::Open(before) => before,
            Self::Sealed(file) | Self::Answered(file) => &file.opened,
        };
        if *before == opened {
            Ok(Vec::new())
        } else {
            Err(Rejection::BatchAlreadyOpened { batch: opened.batch })
        }
    }

    fn seal(&self, lines: Vec<Line>, skipped: Vec<PayoutId>) -> Result<Vec<Event>, Rejection> {
        match self {
            Self::Unopened => Err(Rejection::BatchNotOpened),
            Self::Open(opened) => {
                shares_out(opened, &lines, &skipped)?;
                let total = Money::sum(lines.iter().map(|line| line.amount))?;
                Ok(vec![Event::Sealed(Arc::new(Sealed { lines, total, skipped }))])
            }
            Self::Sealed(file) | Self::Answered(file) => {
                if file.sealed.lines == lines && file.sealed.skipped == skipped {
                    Ok(Vec::new())
                } else {
                    Err(Rejection::BatchNotOpen { state: self.name() })
                }
            }
        }
    }
}

impl Sealed {
    fn adds_up(&self) -> bool {
        Money::sum(self.lines.iter().map(|line| line.amount)) == Ok(self.total)
    }
}

impl File {
    fn lines(&self) -> BTreeSet<PayoutId> {
        self.sealed.lines.iter().map(|line| line.payout).collect()
    }

    /// The file past an answer; none if the answer is of no line, or of one answered before.
    fn past(mut self, answered: &Answered) -> Option<Self> {
        let lines = self.lines();
        for AnswerLine { payout, outcome } in &answered.lines {
            let fresh = self.answers.insert(*payout, outcome.clone()).is_none();
            if !fresh || !lines.contains(payout) {
                return None;
            }
        }
        Some(self)
    }

    fn into_state(self) -> Batch {
        if self.answers.len() == self.sealed.lines.len() {
            Batch::Answered(self)
        } else {
            Batch::Sealed(self)
        }
    }
}

/// Invariant 1: what was asked for is shared out between the lines and what is skipped.
fn shares_out(opened: &Opened, lines: &[Line], skipped: &[PayoutId]) -> Result<(), Rejection> {
    let asked: BTreeSet<_> = opened.payouts.iter().copied().collect();
    let mut seen = BTreeSet::new();
    for payout in lines.iter().map(|line| line.payout).chain(skipped.iter().copied()) {
        if !asked.contains(&payout) {
            return Err(Rejection::PayoutNotInFile { payout });
        }
        if !seen.insert(payout) {
            return Err(Rejection::PayoutTwice { payout });
        }
    }
    if let Some(payout) = asked.difference(&seen).next() {
        return Err(Rejection::PayoutLeftOut { payout: *payout });
    }
    for (expected, Line { number: given, .. }) in (1..).zip(lines) {
        if expected != *given {
            return Err(Rejection::LineNumber { expected, given: *given });
        }
    }
    Ok(())
}

fn bounded(line: &AnswerLine) -> Result<(), Rejection> {
    let payout = line.payout;
    match &line.outcome {
        Outcome::Settled { reference } => {
            let (limit, given) = (REFERENCE_MAX, reference.chars().count());
            if (1..=limit).contains(&given) {
                return Ok(());
            }
            Err(Rejection::AnswerReferenceLength { payout, limit, given })
        }
        Outcome::Returned { note, .. } => {
            let (limit, given) = (NOTE_MAX, note.chars().count());
            if given <= limit {
                return Ok(());
            }
            Err(Rejection::AnswerNoteTooLong { payout, limit, given })
        }
    }
}

fn answer(file: &File, answered: Arc<Answered>) -> Result<Vec<Event>, Rejection> {
    if answered.on < file.opened.on {
        let (last, given) = (file.opened.on, answered.on);
        return Err(Rejection::BatchDateBefore { last, given });
    }
    let lines = file.lines();
    let mut news = Vec::new();
    let mut seen = BTreeSet::new();
    for line in &answered.lines {
        if !lines.contains(&line.payout) {
            return Err(Rejection::PayoutNotInFile { payout: line.payout });
        }
        if !seen.insert(line.payout) {
            return Err(Rejection::PayoutTwice { payout: line.payout });
        }
        bounded(line)?;
        match file.answers.get(&line.payout) {
            None => news.push(line.clone()),
            Some(before) if *before == line.outcome => {}
            Some(_) => return Err(Rejection::AnswerDiffers { payout: line.payout }),
        }
    }
    if news.is_empty() {
        return Ok(Vec::new());
    }
    Ok(vec![Event::Answered(Arc::new(Answered { lines: news, on: answered.on }))])
}

#[cfg(test)]
mod tests;
