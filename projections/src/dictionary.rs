//! The data dictionary: every table and view, and what each column says, for those who query them.

use std::fmt::Write;

use serde::Serialize;

use crate::keeper::tables;
use crate::record::{ColumnDef, Table};
use crate::value::Kind;
use crate::views;
use crate::views::joined::JOINED;

/// A table, or a view over tables.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// What SQL calls it.
    pub name: &'static str,
    /// Whether it is a view over tables, which holds nothing of its own.
    pub view: bool,
    /// What a row of it is.
    pub about: String,
    /// Whether a column of it is personal.
    pub personal: bool,
    /// Its columns, in order.
    pub columns: Vec<Column>,
}

/// A column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Column {
    /// What SQL calls it.
    pub name: &'static str,
    /// What it holds, such as `fen` or `date`.
    pub kind: &'static str,
    /// Whether it is part of what tells rows apart.
    pub key: bool,
    /// Whether it may hold nothing.
    pub nullable: bool,
    /// Whether it tells who somebody is.
    pub personal: bool,
    /// What it says.
    pub about: String,
}

/// Every table in the order of the projections, then every view over tables.
#[must_use]
pub fn entries() -> Vec<Entry> {
    let own = tables(&mut views::all()).into_iter().map(|table| entry(table, false));
    own.chain(JOINED.iter().map(|joined| entry(joined.table, true))).collect()
}

fn entry(table: &'static Table, view: bool) -> Entry {
    let columns = table.columns.iter().enumerate();
    Entry {
        name: table.name,
        view,
        about: line(table.about),
        personal: table.personal,
        columns: columns.map(|(place, column)| described(column, place < table.key)).collect(),
    }
}

fn described(column: &ColumnDef, key: bool) -> Column {
    let ColumnDef { name, about, kind, nullable, personal } = *column;
    Column { name, kind: spelled(kind), key, nullable, personal, about: line(about) }
}

/// Text that was written over several lines, as one.
fn line(about: &str) -> String {
    about.split_whitespace().collect::<Vec<_>>().join(" ")
}

const fn spelled(kind: Kind) -> &'static str {
    match kind {
        Kind::Text => "text",
        Kind::Integer => "integer",
        Kind::Boolean => "boolean",
        Kind::Fen => "fen",
        Kind::Decimal => "decimal",
        Kind::Date => "date",
        Kind::Timestamp => "timestamp",
        Kind::Json => "json",
    }
}

/// What each kind of column holds, for the head of a dictionary.
const KINDS: &str = "fen is money in whole 分 (1/100 yuan), decimal an exact decimal number, date a calendar date, \
                     timestamp an instant in UTC, boolean 0 or 1.";

/// The dictionary as plain text.
#[must_use]
pub fn text(entries: &[Entry]) -> String {
    let mut out = format!("{KINDS}\n");
    for entry in entries {
        // Writing to a String cannot fail.
        let _ = writeln!(out, "\n{} ({})\n  {}", entry.name, what(entry), entry.about);
        for column in &entry.columns {
            let Column { name, kind, about, .. } = column;
            let _ = writeln!(out, "    {name:<26} {kind:<10} {}{about}", marks(column));
        }
    }
    out
}

/// The dictionary as Markdown.
#[must_use]
pub fn markdown(entries: &[Entry]) -> String {
    let mut out = format!("# Views\n\n{KINDS}\n");
    for entry in entries {
        // Writing to a String cannot fail.
        let _ = write!(out, "\n## {}\n\n{} ({})\n\n", entry.name, entry.about, what(entry));
        out.push_str("| column | type | meaning |\n|---|---|---|\n");
        for column in &entry.columns {
            let (about, marks) = (column.about.replace('|', "\\|"), marks(column));
            let _ = writeln!(out, "| `{}` | {} | {marks}{about} |", column.name, column.kind);
        }
    }
    out
}

/// The dictionary as a JSON document.
///
/// # Errors
///
/// None in practice: every part of it has a shape in JSON.
pub fn json(entries: &[Entry]) -> Result<String, serde_json::Error> {
    serde_json::to_string_pretty(entries)
}

const fn what(entry: &Entry) -> &'static str {
    match (entry.view, entry.personal) {
        (true, _) => "view",
        (false, false) => "table",
        (false, true) => "table, personal data",
    }
}

fn marks(column: &Column) -> String {
    let marks = [
        ("key", column.key),
        ("may be empty", column.nullable),
        ("personal data", column.personal),
    ];
    let held: Vec<_> = marks.iter().filter(|(_, holds)| *holds).map(|(mark, _)| *mark).collect();
    if held.is_empty() { String::new() } else { format!("[{}] ", held.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_the_dictionary_names_every_column_and_marks_personal_data() {
        let entries = entries();
        let (text, markdown) = (text(&entries), markdown(&entries));
        let json = json(&entries).unwrap();
        for entry in &entries {
            assert!(text.contains(&format!("\n{} (", entry.name)), "{}", entry.name);
            assert!(markdown.contains(&format!("\n## {}\n", entry.name)), "{}", entry.name);
            assert!(json.contains(&format!("\"name\": \"{}\"", entry.name)), "{}", entry.name);
            for column in &entry.columns {
                assert!(text.contains(&column.about), "{}.{}", entry.name, column.name);
                let row = format!("| `{}` | {} | ", column.name, column.kind);
                assert!(markdown.contains(&row), "{}.{}", entry.name, column.name);
            }
        }
        assert!(text.contains("resident_id                text       [personal data]"), "{text}");
        assert!(text.contains("member_persons (table, personal data)"));
        assert!(markdown.contains("| `loss_ratio` | decimal | [may be empty] "));
    }

    #[test]
    fn meanings_are_one_line_each() {
        for entry in entries() {
            for column in &entry.columns {
                assert!(!column.about.contains('\n') && !column.about.contains("  "));
                assert!(!column.about.is_empty(), "{}.{}", entry.name, column.name);
            }
        }
    }
}
