//! What an export is asked for, as people write it, and the SQL that answers it.

use std::fmt;
use std::fmt::Write as _;

use huzhu_domain::money::Money;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::{Offset, TimeZone};

use super::shape::names;
use super::{Column, ExportError, View};
use crate::value::{Column as _, Kind, Value};

/// More conditions than anybody writes by hand.
const CONDITIONS_MAX: usize = 100;

/// What is exported.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ask {
    /// The view.
    pub view: String,
    /// The columns, in this order; all if none.
    pub columns: Vec<String>,
    /// Conditions such as `state=paid` or `paid>=1000.00`; all have to hold. Several equalities
    /// on one column are alternatives.
    pub conditions: Vec<String>,
    /// Which days or months.
    pub span: Span,
    /// Columns to order by, each with ` desc` to go down; the key if none.
    pub order: Vec<String>,
    /// Whether personal data may leave.
    pub personal: bool,
}

/// A span of days or months.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// The column that has to lie in it; the only one with dates if absent.
    pub by: Option<String>,
    /// The first day, or month.
    pub from: Option<String>,
    /// The last day, or month.
    pub until: Option<String>,
}

/// The answer in SQL.
pub(super) struct Selection {
    pub(super) columns: Vec<Column>,
    pub(super) sql: String,
    pub(super) with: Vec<Value>,
    from: String,
}

impl Selection {
    /// Counts what `sql` selects, with the same values.
    pub(super) fn count(&self) -> String {
        format!("SELECT count(*) {}", self.from)
    }
}

impl Ask {
    pub(super) fn selection(&self, view: &View) -> Result<Selection, ExportError> {
        let columns = if self.columns.is_empty() {
            view.columns.clone()
        } else {
            let named = self.columns.iter().map(|name| view.column(name.trim()).cloned());
            named.collect::<Result<Vec<_>, _>>()?
        };
        let (terms, with) = self.terms(view)?;
        let mut from = format!("FROM {}", quoted(&view.name));
        if !terms.is_empty() {
            // Writing to a String cannot fail.
            let _ = write!(from, " WHERE {}", terms.join(" AND "));
        }
        let selected: Vec<_> = columns.iter().map(|column| quoted(&column.stored)).collect();
        let order = self.order(view)?;
        let sql = format!("SELECT {} {from} ORDER BY {order}", selected.join(", "));
        Ok(Selection { columns, sql, with, from })
    }

    fn terms(&self, view: &View) -> Result<(Vec<String>, Vec<Value>), ExportError> {
        if self.conditions.len() > CONDITIONS_MAX {
            return Err(wrong("--where", format!("at most {CONDITIONS_MAX} conditions")));
        }
        let conditions = self.conditions.iter().map(|text| Condition::read(text, view));
        let conditions = conditions.collect::<Result<Vec<_>, _>>()?;
        let (mut terms, mut with) = (Vec::new(), Vec::new());
        let (mut equal, others): (Vec<_>, Vec<_>) =
            conditions.into_iter().partition(|one| one.operator == "=");
        equal.sort_by_key(|one| view.columns.iter().position(|column| column == one.column));
        for alternatives in equal.chunk_by(|one, next| one.column == next.column) {
            let each: Vec<_> = alternatives.iter().map(Condition::term).collect();
            terms.push(format!("({})", each.join(" OR ")));
            with.extend(alternatives.iter().filter_map(|one| one.value.clone()));
        }
        for condition in others {
            terms.push(condition.term());
            with.extend(condition.value);
        }
        self.span.add(view, &mut terms, &mut with)?;
        Ok((terms, with))
    }

    /// The order that was asked for, and the key, so that it is the same every time.
    fn order(&self, view: &View) -> Result<String, ExportError> {
        let mut order = Vec::new();
        for asked in &self.order {
            let asked = asked.trim();
            let (name, direction) = match asked.strip_suffix(" desc") {
                Some(name) => (name, " DESC"),
                None => (asked.strip_suffix(" asc").unwrap_or(asked), ""),
            };
            order.push(format!("{}{direction}", quoted(&view.column(name.trim())?.stored)));
        }
        order.extend(view.columns.iter().take(view.key).map(|column| quoted(&column.stored)));
        Ok(order.join(", "))
    }
}

impl Span {
    fn add(
        &self,
        view: &View,
        terms: &mut Vec<String>,
        with: &mut Vec<Value>,
    ) -> Result<(), ExportError> {
        if self.from.is_none() && self.until.is_none() {
            return match &self.by {
                None => Ok(()),
                Some(by) => Err(wrong(by, "is of use only with --from or --until".into())),
            };
        }
        let column = self.column(view)?;
        let mut add = |operator: &str, value: Value| {
            terms.push(format!("{} {operator} ?", quoted(&column.stored)));
            with.push(value);
        };
        for (text, first) in [(&self.from, true), (&self.until, false)] {
            let Some(text) = text else { continue };
            match column.kind {
                Kind::Date => add(if first { ">=" } else { "<=" }, date(text)?.to_value()),
                Kind::Timestamp if first => add(">=", midnight(date(text)?)?.to_value()),
                Kind::Timestamp => {
                    let after =
                        date(text)?.tomorrow().map_err(|why| wrong(text, why.to_string()))?;
                    add("<", midnight(after)?.to_value());
                }
                // The only others are months.
                Kind::Text
                | Kind::Integer
                | Kind::Boolean
                | Kind::Fen
                | Kind::Decimal
                | Kind::Json => add(if first { ">=" } else { "<=" }, month(text)?),
            }
        }
        Ok(())
    }

    fn column<'v>(&self, view: &'v View) -> Result<&'v Column, ExportError> {
        let spans = |column: &&Column| {
            matches!(column.kind, Kind::Date | Kind::Timestamp) || is_month(column)
        };
        let offered = || names(view.columns.iter().filter(spans).map(|one| one.name.as_str()));
        if let Some(by) = &self.by {
            return Some(view.column(by)?)
                .filter(spans)
                .ok_or_else(|| wrong(by, format!("holds no dates; those that do: {}", offered())));
        }
        let dates: Vec<_> = view.columns.iter().filter(spans).collect();
        match dates.as_slice() {
            [only] => Ok(only),
            [] => Err(wrong(&view.name, "has no dates for --from and --until".into())),
            [_, _, ..] => {
                let why =
                    format!("has several dates: say with --by which one counts: {}", offered());
                Err(wrong(&view.name, why))
            }
        }
    }
}

struct Condition<'v> {
    column: &'v Column,
    operator: &'static str,
    // Absent: nothing.
    value: Option<Value>,
}

impl<'v> Condition<'v> {
    fn read(text: &str, view: &'v View) -> Result<Self, ExportError> {
        const OPERATORS: [&str; 6] = ["!=", ">=", "<=", "=", ">", "<"];
        let places = OPERATORS.iter().filter_map(|one| text.find(one).map(|place| (place, *one)));
        // Of those at the same place, the longest stands first in the list.
        let found = places.min_by_key(|(place, _)| *place);
        let parts = found.and_then(|(place, operator)| {
            let (name, rest) = text.split_at_checked(place)?;
            Some((name.trim(), operator, rest.strip_prefix(operator)?.trim()))
        });
        let Some((name, operator, value)) = parts else {
            let why = "must be a column, one of = != < <= > >=, and a value".into();
            return Err(wrong(text, why));
        };
        let column = view.column(name)?;
        if value.is_empty() {
            return if matches!(operator, "=" | "!=") {
                Ok(Self { column, operator, value: None })
            } else {
                Err(wrong(text, "only = and != can be asked of nothing".into()))
            };
        }
        let value = read(value, column.kind).map_err(|why| wrong(text, why))?;
        Ok(Self { column, operator, value: Some(value) })
    }

    fn term(&self) -> String {
        let name = quoted(&self.column.stored);
        match (&self.value, self.operator) {
            (None, "=") => format!("{name} IS NULL"),
            (None, _) => format!("{name} IS NOT NULL"),
            // What is absent is not the value either.
            (Some(_), "!=") => format!("{name} IS DISTINCT FROM ?"),
            (Some(_), operator) => format!("{name} {operator} ?"),
        }
    }
}

/// A value of a condition as the database keeps it.
fn read(text: &str, kind: Kind) -> Result<Value, String> {
    match kind {
        Kind::Text => Ok(Value::Text(text.to_owned())),
        Kind::Integer => text.parse().map(Value::Integer).map_err(|_| "is no whole number".into()),
        Kind::Boolean => match text {
            "true" | "1" => Ok(Value::Integer(1)),
            "false" | "0" => Ok(Value::Integer(0)),
            _ => Err("must be true or false".into()),
        },
        Kind::Fen => text
            .parse::<Money>()
            .map(|amount| amount.to_value())
            .map_err(|_| "is no amount in yuan such as 1200.50".into()),
        Kind::Date => text
            .parse::<Date>()
            .map(|date| date.to_value())
            .map_err(|_| "is no date such as 2014-07-01".into()),
        Kind::Timestamp => text
            .parse::<Timestamp>()
            .map(|at| at.to_value())
            .map_err(|_| "is no time such as 2014-07-01T08:00:00Z".into()),
        Kind::Decimal | Kind::Json => Err("rows cannot be chosen by this column".into()),
    }
}

fn date(text: &str) -> Result<Date, ExportError> {
    text.parse().map_err(|_| wrong(text, "is no date such as 2014-07-01".into()))
}

/// When a day begins in Beijing, where the days of the views are counted.
fn midnight(date: Date) -> Result<Timestamp, ExportError> {
    let begins = TimeZone::fixed(Offset::constant(8)).to_timestamp(date.at(0, 0, 0, 0));
    begins.map_err(|why| wrong(&date.to_string(), why.to_string()))
}

fn month(text: &str) -> Result<Value, ExportError> {
    if text.len() == 7 && format!("{text}-01").parse::<Date>().is_ok() {
        Ok(Value::Text(text.to_owned()))
    } else {
        Err(wrong(text, "is no month such as 2014-07".into()))
    }
}

/// Months are texts that sort.
fn is_month(column: &Column) -> bool {
    column.kind == Kind::Text && column.stored == "month"
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn wrong(given: &str, why: String) -> ExportError {
    ExportError::Ask { given: given.chars().take(80).collect(), why }
}

impl fmt::Display for Ask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        if !self.conditions.is_empty() {
            parts.push(format!("where {}", self.conditions.join(", ")));
        }
        if let Some(by) = &self.span.by {
            parts.push(format!("by {by}"));
        }
        parts.extend(self.span.from.iter().map(|from| format!("from {from}")));
        parts.extend(self.span.until.iter().map(|until| format!("until {until}")));
        if !self.order.is_empty() {
            parts.push(format!("in order of {}", self.order.join(", ")));
        }
        if parts.is_empty() { f.write_str("every row") } else { f.write_str(&parts.join("; ")) }
    }
}
