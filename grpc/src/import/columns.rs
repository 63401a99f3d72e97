//! Which column of a sheet says what: known headings, or a mapping by hand.

use std::collections::BTreeMap;

use super::Wrong;
use super::cell::{Cell, Read};
use super::sheet::{Row, Sheet, SheetError};

/// Headings stand in one of the first rows; a title may stand above them.
const HEADING_ROWS_MAX: u32 = 20;

/// What a column can say.
#[derive(Debug)]
pub struct Field {
    /// What mappings call it.
    pub name: &'static str,
    /// Its heading in templates.
    pub heading: &'static str,
    /// Other headings that mean the same.
    pub also: &'static [&'static str],
    /// Whether every sheet has it.
    pub needed: bool,
    /// What it says, for templates.
    pub about: &'static str,
}

/// Why the columns are not known.
#[derive(Debug, thiserror::Error)]
pub enum ColumnsError {
    /// There is no such field.
    #[error("there is no field {given}; there are {offered}")]
    UnknownField {
        /// What was named.
        given: String,
        /// What can be.
        offered: String,
    },
    /// A mapping is not one.
    #[error("a mapping is a heading and a field, such as 姓名=name")]
    Mapping,
    /// No row has the headings that are needed.
    #[error("none of the first {HEADING_ROWS_MAX} rows has the headings {missing}: use --map")]
    NoHeadings {
        /// The headings that the likeliest row lacks.
        missing: String,
    },
    /// Two columns say the same.
    #[error("the columns {first} and {second} both say {field}")]
    Twice {
        /// One of them.
        first: String,
        /// The other.
        second: String,
        /// What they say.
        field: &'static str,
    },
}

/// Headings that somebody mapped to fields by hand.
pub type Mapping = BTreeMap<String, String>;

/// Where the fields stand in a sheet.
#[derive(Clone, Debug)]
pub struct Columns {
    fields: &'static [Field],
    /// The row of the headings.
    pub heading: u32,
    /// How many rows there are below.
    pub rows: u64,
    // By field.
    places: Vec<Option<usize>>,
    /// Columns that say nothing known.
    pub ignored: Vec<String>,
}

impl Columns {
    /// Finds `fields` in `sheet`.
    ///
    /// # Errors
    ///
    /// [`ColumnsError`], or [`SheetError`] as the inner error.
    pub async fn find(
        sheet: &Sheet,
        fields: &'static [Field],
        mapping: &Mapping,
    ) -> Result<Result<Self, ColumnsError>, SheetError> {
        if let Some(given) =
            mapping.values().find(|name| !fields.iter().any(|field| field.name == name.as_str()))
        {
            let given = given.chars().take(40).collect();
            return Ok(Err(ColumnsError::UnknownField { given, offered: names(fields) }));
        }
        let mut rows = sheet.rows();
        let mut found: Option<Self> = None;
        let mut missing: Option<Vec<&str>> = None;
        while let Some(row) = rows.recv().await {
            let row = row?;
            if let Some(columns) = &mut found {
                columns.rows = columns.rows.saturating_add(1);
                continue;
            }
            if row.number > HEADING_ROWS_MAX {
                break;
            }
            let columns = match Self::of(&row, fields, mapping) {
                Ok(columns) => columns,
                Err(twice) => return Ok(Err(twice)),
            };
            let lacks = columns.lacks();
            if lacks.is_empty() {
                found = Some(columns);
            } else if missing.as_ref().is_none_or(|fewest| lacks.len() < fewest.len()) {
                missing = Some(lacks);
            }
        }
        Ok(found.ok_or_else(|| {
            let missing = missing.unwrap_or_else(|| needed(fields).collect());
            ColumnsError::NoHeadings { missing: missing.join(", ") }
        }))
    }

    fn of(row: &Row, fields: &'static [Field], mapping: &Mapping) -> Result<Self, ColumnsError> {
        let mut places = vec![None; fields.len()];
        let mut ignored = Vec::new();
        for (place, cell) in row.cells.iter().enumerate() {
            let Cell::Text(heading) = cell else { continue };
            let Some(index) = meaning(heading, fields, mapping) else {
                ignored.push(letters(place));
                continue;
            };
            let (Some(taken), Some(field)) = (places.get_mut(index), fields.get(index)) else {
                continue;
            };
            if let Some(first) = taken.replace(place) {
                let (first, second) = (letters(first), letters(place));
                return Err(ColumnsError::Twice { first, second, field: field.name });
            }
        }
        Ok(Self { fields, heading: row.number, rows: 0, places, ignored })
    }

    fn lacks(&self) -> Vec<&'static str> {
        let all = self.fields.iter().zip(&self.places);
        let lacks = all.filter(|(field, place)| field.needed && place.is_none());
        lacks.map(|(field, _)| field.heading).collect()
    }

    /// The place of a field's cell in a row, such as `C17`; of the row where the sheet lacks it.
    #[must_use]
    pub fn cell(&self, field: &str, row: u32) -> String {
        let index = self.fields.iter().position(|one| one.name == field);
        let place = index.and_then(|index| self.places.get(index).copied().flatten());
        let first = || self.places.iter().flatten().min().copied().unwrap_or(0);
        format!("{}{row}", letters(place.unwrap_or_else(first)))
    }
}

/// A row that is being read; what does not hold is noted.
pub struct Reading<'r> {
    columns: &'r Columns,
    row: &'r Row,
    /// What does not hold.
    pub wrong: Vec<Wrong>,
}

impl<'r> Reading<'r> {
    /// Reads `row`.
    #[must_use]
    pub const fn new(columns: &'r Columns, row: &'r Row) -> Self {
        Self { columns, row, wrong: Vec::new() }
    }

    /// What the sheet has of a field.
    #[must_use]
    pub fn get(&self, field: &str) -> &'r Cell {
        const NOTHING: &Cell = &Cell::Empty;
        let index = self.columns.fields.iter().position(|one| one.name == field);
        let place = index.and_then(|index| self.columns.places.get(index).copied().flatten());
        place.and_then(|place| self.row.cells.get(place)).unwrap_or(NOTHING)
    }

    /// A field that has to be there.
    pub fn must<T>(&mut self, field: &str, read: impl FnOnce(&Cell) -> Read<T>) -> Option<T> {
        match self.maybe(field, read)? {
            Some(value) => Some(value),
            None => self.fail(field, "must be there"),
        }
    }

    /// A field that may be empty.
    pub fn maybe<T>(
        &mut self,
        field: &str,
        read: impl FnOnce(&Cell) -> Read<T>,
    ) -> Option<Option<T>> {
        match self.get(field) {
            Cell::Empty => Some(None),
            cell @ (Cell::Text(_) | Cell::Number(_) | Cell::Date(_) | Cell::Unreadable(_)) => {
                match read(cell) {
                    Ok(value) => Some(Some(value)),
                    Err(why) => self.fail(field, why),
                }
            }
        }
    }

    /// Notes that a field does not hold.
    pub fn fail<T>(&mut self, field: &str, why: impl Into<String>) -> Option<T> {
        self.wrong.push(Wrong { cell: self.columns.cell(field, self.row.number), why: why.into() });
        None
    }
}

/// Reads a mapping such as `姓名=name`.
///
/// # Errors
///
/// [`ColumnsError::Mapping`].
pub fn mapped(text: &str) -> Result<(String, String), ColumnsError> {
    let (heading, field) = text.split_once('=').ok_or(ColumnsError::Mapping)?;
    let (heading, field) = (heading.trim(), field.trim());
    if heading.is_empty() || field.is_empty() {
        return Err(ColumnsError::Mapping);
    }
    Ok((heading.to_owned(), field.to_owned()))
}

fn meaning(heading: &str, fields: &[Field], mapping: &Mapping) -> Option<usize> {
    let plain = plain(heading);
    let mapped = mapping.iter().find(|(known, _)| self::plain(known) == plain);
    if let Some((_, name)) = mapped {
        return fields.iter().position(|field| field.name == name);
    }
    fields.iter().position(|field| {
        // What is mapped by hand stands in its own column only.
        let by_hand = mapping.values().any(|name| name == field.name);
        let mut known = std::iter::once(&field.heading).chain(field.also);
        !by_hand && (field.name == plain || known.any(|known| *known == plain))
    })
}

/// A heading without what does not tell headings apart: spaces, stars, notes in brackets.
fn plain(heading: &str) -> String {
    let end = heading.find(['(', '（', '[', '【']).unwrap_or(heading.len());
    let kept = heading.get(..end).unwrap_or(heading).chars();
    kept.filter(|c| !c.is_whitespace() && !matches!(c, '*' | '＊' | ':' | '：')).collect()
}

fn needed(fields: &'static [Field]) -> impl Iterator<Item = &'static str> {
    fields.iter().filter(|field| field.needed).map(|field| field.heading)
}

fn names(fields: &[Field]) -> String {
    let names: Vec<_> = fields.iter().map(|field| field.name).collect();
    names.join(", ")
}

/// The letters of a column, A for the first.
#[must_use]
pub fn letters(place: usize) -> String {
    let mut letters = Vec::new();
    let mut rest = place.saturating_add(1);
    while rest > 0 {
        let letter = rest.saturating_sub(1).checked_rem(26).unwrap_or(0);
        letters.push(char::from(u8::try_from(letter).unwrap_or(0).saturating_add(b'A')));
        rest = rest.saturating_sub(1).checked_div(26).unwrap_or(0);
    }
    letters.iter().rev().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_called_as_excel_calls_them() {
        let expected =
            [(0, "A"), (2, "C"), (25, "Z"), (26, "AA"), (51, "AZ"), (701, "ZZ"), (702, "AAA")];
        for (place, name) in expected {
            assert_eq!(letters(place), name);
        }
    }

    #[test]
    fn headings_are_known_whatever_stands_around_them() {
        const FIELDS: &[Field] = &[
            Field {
                name: "name", heading: "姓名", also: &["职工姓名"], needed: true, about: ""
            },
            Field { name: "units", heading: "份数", also: &[], needed: false, about: "" },
        ];
        let none = Mapping::new();
        for heading in ["姓名", "姓 名", "*姓名", "职工姓名（必填）", "name"] {
            assert_eq!(meaning(heading, FIELDS, &none), Some(0), "{heading}");
        }
        assert_eq!(meaning("备注", FIELDS, &none), None);
        let by_hand: Mapping = [("员工".to_owned(), "name".to_owned())].into();
        assert_eq!(meaning("员 工", FIELDS, &by_hand), Some(0));
        assert_eq!(meaning("姓名", FIELDS, &by_hand), None, "another column says it");
    }
}
