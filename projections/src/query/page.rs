//! Lists in pages: a page begins after the last row of the page before.

use std::marker::PhantomData;

use sha2::{Digest, Sha256};

use super::{Listed, QueryError, columns, select};
use crate::database::Reader;
use crate::record::Record;
use crate::rows::DatabaseError;
use crate::value::Value;

/// How many rows a page has if nobody says.
pub const PAGE_ROWS: u32 = 50;
/// How many rows a page has at most.
pub const PAGE_ROWS_MAX: u32 = 1_000;
/// Longer than any token that a list gives.
const TOKEN_BYTES_MAX: usize = 4_096;

/// Which page of a list is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ask {
    /// How many rows at most; 0 is [`PAGE_ROWS`], more than [`PAGE_ROWS_MAX`] is that.
    pub rows: u32,
    /// The token that the page before gave; the first page if absent.
    pub token: Option<String>,
    /// A column, or a column and ` desc`; the key if empty.
    pub order_by: String,
}

/// A page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<R> {
    /// Its rows.
    pub rows: Vec<R>,
    /// The token of the next page; none on the last.
    pub next: Option<String>,
}

/// A list, ready to be read.
pub(super) struct List<R> {
    sql: String,
    with: Vec<Value>,
    rows: usize,
    // Places of the columns that a row is ordered by.
    order: Vec<usize>,
    seal: String,
    of: PhantomData<fn() -> R>,
}

impl<R: Listed> List<R> {
    pub(super) fn new(conditions: &[(&'static str, Value)], ask: Ask) -> Result<Self, QueryError> {
        let (by, descending) = order::<R>(&ask.order_by)?;
        let place = |name: &str| R::TABLE.columns.iter().position(|column| column.name == name);
        let key = 0..R::TABLE.key;
        let order: Vec<_> = by.and_then(place).into_iter().chain(key).collect();
        let names: Vec<_> = order
            .iter()
            .filter_map(|place| R::TABLE.columns.get(*place))
            .map(|column| column.name)
            .collect();

        let seal = seal(R::TABLE.name, conditions, &ask.order_by);
        let mut terms: Vec<_> = conditions.iter().map(|(term, _)| (*term).to_owned()).collect();
        let mut with: Vec<_> = conditions.iter().map(|(_, value)| value.clone()).collect();
        if let Some(token) = ask.token.filter(|token| !token.is_empty()) {
            let last = open(&token, &seal, order.len()).ok_or(QueryError::PageToken)?;
            let beyond = if descending { "<" } else { ">" };
            let marks = vec!["?"; last.len()].join(", ");
            terms.push(format!("({}) {beyond} ({marks})", names.join(", ")));
            with.extend(last);
        }
        let direction = if descending { " DESC" } else { "" };
        let directed: Vec<_> = names.iter().map(|name| format!("{name}{direction}")).collect();
        let condition = if terms.is_empty() { "TRUE".to_owned() } else { terms.join(" AND ") };
        let rows = if ask.rows == 0 { PAGE_ROWS } else { ask.rows.min(PAGE_ROWS_MAX) };
        let sql = format!(
            "SELECT {} FROM {} WHERE {condition} ORDER BY {} LIMIT {}",
            columns::<R>(),
            R::TABLE.name,
            directed.join(", "),
            // One more tells whether there is a next page.
            rows.saturating_add(1),
        );
        let rows = usize::try_from(rows).unwrap_or(usize::MAX);
        Ok(Self { sql, with, rows, order, seal, of: PhantomData })
    }

    pub(super) fn read(&self, views: &mut dyn Reader) -> Result<Page<R>, DatabaseError> {
        let mut rows: Vec<R> = select(views, &self.sql, &self.with)?;
        let more = rows.len() > self.rows;
        rows.truncate(self.rows);
        let last = rows.last().filter(|_| more).map(Record::values);
        let next = last.map(|values| {
            let order = self.order.iter().filter_map(|place| values.get(*place));
            token(&self.seal, order)
        });
        Ok(Page { rows, next })
    }
}

/// The column of an order, and whether it goes down.
fn order<R: Listed>(text: &str) -> Result<(Option<&'static str>, bool), QueryError> {
    let text = text.trim();
    let (name, descending) = match text.strip_suffix(" desc") {
        Some(name) => (name.trim_end(), true),
        None => (text.strip_suffix(" asc").unwrap_or(text).trim_end(), false),
    };
    if name.is_empty() {
        return Ok((None, descending));
    }
    let known = R::ORDERS.iter().find(|known| **known == name).copied();
    known.map(|known| (Some(known), descending)).ok_or_else(|| QueryError::Order {
        given: text.chars().take(60).collect(),
        offered: R::ORDERS.join(", "),
    })
}

/// What a token has to carry to be one of this list.
pub(super) fn seal(list: &str, conditions: &[(&str, Value)], order: &str) -> String {
    let digest = Sha256::digest(format!("{list} {conditions:?} {order}"));
    hex(digest.get(..8).unwrap_or(&digest))
}

/// The token of the page after a row with these values.
pub(super) fn token<'a>(seal: &str, last: impl Iterator<Item = &'a Value>) -> String {
    let values = last.map(|value| match value {
        Value::Null => serde_json::Value::Null,
        Value::Integer(number) => (*number).into(),
        Value::Text(text) => text.as_str().into(),
    });
    let values: Vec<serde_json::Value> = std::iter::once(seal.into()).chain(values).collect();
    hex(serde_json::Value::Array(values).to_string().as_bytes())
}

/// The values in a token, if it is one of this list.
pub(super) fn open(token: &str, seal: &str, count: usize) -> Option<Vec<Value>> {
    if token.len() > TOKEN_BYTES_MAX {
        return None;
    }
    let mut values =
        serde_json::from_slice::<Vec<serde_json::Value>>(&unhex(token)?).ok()?.into_iter();
    if values.next()?.as_str()? != seal {
        return None;
    }
    let values = values.map(|value| match value {
        serde_json::Value::String(text) => Some(Value::Text(text)),
        serde_json::Value::Number(number) => number.as_i64().map(Value::Integer),
        serde_json::Value::Null
        | serde_json::Value::Bool(_)
        | serde_json::Value::Array(_)
        | serde_json::Value::Object(_) => None,
    });
    values.collect::<Option<Vec<_>>>().filter(|values| values.len() == count)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<_>> = text.chars().map(|digit| digit.to_digit(16)).collect();
    let digits = digits?;
    let byte = |pair: &[u32]| match pair {
        [high, low] => u8::try_from(high.checked_mul(16)?.checked_add(*low)?).ok(),
        [] | [_] | [_, _, ..] => None,
    };
    digits.chunks(2).map(byte).collect()
}
