//! What people ask of those who keep the views: to try an event again, to leave one out, to build
//! anew, to go back. Asked for and answered in a table of the views' database, so that it works
//! beside the service, by whoever may write that database, and stays on record.

use std::thread::sleep;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::database::{Database, Place, Reader};
use crate::record::{Record, Table, names, record};
use crate::rows::DatabaseError;
use crate::value::{Column, Kind, Value};

/// How often one who asked looks for the answer.
const LOOK: Duration = Duration::from_millis(100);
/// How often asking is tried again when somebody else asks at the same time.
const TRIES: usize = 5;

record! {
    /// What was asked of those who keep the views, by whom, and what came of it.
    Order = "view_orders";
    key {
        /// Its place among all that was asked, from 1.
        number: u64,
    }
    columns {
        /// The view.
        projection: String,
        /// retry, skip, rebuild or rollback.
        wish: String,
        /// The position of the event that is to be left out.
        position: Option<u64>,
        /// The stream of that event: from it on, the view leaves out what the stream says.
        stream: Option<String>,
        /// The place of that event in its stream.
        revision: Option<u64>,
        /// Why.
        reason: Option<String>,
        /// Who asked.
        asked_by: String,
        /// When.
        asked_at: Timestamp,
        /// done, or why not; nothing before the answer.
        answer: Option<String>,
        /// When it was answered.
        answered_at: Option<Timestamp>,
    }
}

/// The table of orders.
pub const TABLE: &Table = Order::TABLE;

/// The answer to what was done.
pub const DONE: &str = "done";

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Try the event again at which a view stands still.
    Retry,
    /// Leave out the event at `position`, at which a view stands still, and what its stream says
    /// after it.
    Skip {
        /// Its place in the log.
        position: u64,
        /// Why.
        reason: String,
    },
    /// Build another edition beside the one that serves, and let it serve then.
    Rebuild,
    /// Let the edition serve again that served before.
    Rollback,
}

impl Wish {
    const fn word(&self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Skip { .. } => "skip",
            Self::Rebuild => "rebuild",
            Self::Rollback => "rollback",
        }
    }
}

/// An order as those who keep the views see it.
impl Order {
    /// What is asked for, if it can be read.
    #[must_use]
    pub fn wish(&self) -> Option<Wish> {
        match self.wish.as_str() {
            "retry" => Some(Wish::Retry),
            "rebuild" => Some(Wish::Rebuild),
            "rollback" => Some(Wish::Rollback),
            "skip" => {
                let (position, reason) = (self.position?, self.reason.clone()?);
                Some(Wish::Skip { position, reason })
            }
            _ => None,
        }
    }
}

/// Asks for `wish` in `place`, as `by`; the number of the order. Blocks: not to be called from a
/// task.
///
/// # Errors
///
/// [`DatabaseError`].
pub fn ask(
    place: &Place,
    view: &str,
    wish: &Wish,
    by: &str,
    now: Timestamp,
) -> Result<u64, DatabaseError> {
    let mut database = place.open_to_ask()?;
    let mut tried = 0;
    loop {
        let number = last(database.reader())?.saturating_add(1);
        let (position, reason) = match wish {
            Wish::Skip { position, reason } => (Some(*position), Some(reason.clone())),
            Wish::Retry | Wish::Rebuild | Wish::Rollback => (None, None),
        };
        let order = Order {
            number,
            projection: view.to_owned(),
            wish: wish.word().to_owned(),
            position,
            stream: None,
            revision: None,
            reason,
            asked_by: by.to_owned(),
            asked_at: now,
            answer: None,
            answered_at: None,
        };
        match insert(database.as_mut(), &order) {
            Ok(()) => return Ok(number),
            // Somebody else asked at the same time, and has the number.
            Err(_) if tried < TRIES => tried = tried.saturating_add(1),
            Err(why) => return Err(why),
        }
    }
}

/// Waits for the answer to an order; none within `patience`. Blocks.
///
/// # Errors
///
/// [`DatabaseError`].
pub fn answer(
    place: &Place,
    number: u64,
    patience: Duration,
) -> Result<Option<String>, DatabaseError> {
    let mut reader = place.open_to_read()?;
    let began = Instant::now();
    loop {
        let found = orders(reader.as_mut(), "number = ?", &[number.to_value()])?;
        let answer = found.into_iter().next().and_then(|order| order.answer);
        if answer.is_some() || began.elapsed() > patience {
            return Ok(answer);
        }
        sleep(LOOK);
    }
}

/// The orders that nobody answered yet, in order.
///
/// # Errors
///
/// [`DatabaseError`].
pub fn waiting(reader: &mut dyn Reader) -> Result<Vec<Order>, DatabaseError> {
    orders(reader, "answer IS NULL", &[])
}

/// The events that views leave out, in the order in which that was asked for.
///
/// # Errors
///
/// [`DatabaseError`].
pub fn skips(reader: &mut dyn Reader) -> Result<Vec<Order>, DatabaseError> {
    orders(reader, "wish = 'skip' AND answer = ?", &[Value::Text(DONE.to_owned())])
}

/// Takes an order over into another database, which does not have one of its number.
///
/// # Errors
///
/// [`DatabaseError`].
pub fn insert(database: &mut dyn Database, order: &Order) -> Result<(), DatabaseError> {
    let places: Vec<_> = (1..=TABLE.columns.len()).map(|n| format!("?{n}")).collect();
    let sql = format!("INSERT INTO {} VALUES ({})", TABLE.name, places.join(", "));
    database.execute(&sql, &order.values()).map(|_| ())
}

/// Writes the answer to an order down.
///
/// # Errors
///
/// [`DatabaseError`].
pub fn settle(database: &mut dyn Database, order: &Order) -> Result<(), DatabaseError> {
    let sql = format!(
        "UPDATE {} SET stream = ?, revision = ?, answer = ?, answered_at = ? WHERE number = ?",
        TABLE.name
    );
    let with = [
        order.stream.to_value(),
        order.revision.to_value(),
        order.answer.to_value(),
        order.answered_at.to_value(),
        order.number.to_value(),
    ];
    database.execute(&sql, &with).map(|_| ())
}

fn last(reader: &mut dyn Reader) -> Result<u64, DatabaseError> {
    let mut last = 0;
    let sql = format!("SELECT max(number) FROM {}", TABLE.name);
    reader.select(&sql, &[], &[Kind::Integer], &mut |values| {
        let value = values.into_iter().next().unwrap_or(Value::Null);
        last = u64::from_value(value).unwrap_or(0);
        Ok(())
    })?;
    Ok(last)
}

fn orders(
    reader: &mut dyn Reader,
    condition: &str,
    with: &[Value],
) -> Result<Vec<Order>, DatabaseError> {
    let kinds: Vec<_> = TABLE.columns.iter().map(|column| column.kind).collect();
    let all = names(TABLE.columns.iter());
    let sql = format!("SELECT {all} FROM {} WHERE {condition} ORDER BY number", TABLE.name);
    let mut orders = Vec::new();
    reader.select(&sql, with, &kinds, &mut |values| {
        orders.push(Order::from_values(values)?);
        Ok(())
    })?;
    Ok(orders)
}
