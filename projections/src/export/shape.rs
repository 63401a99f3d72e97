//! What a view looks like from outside: its columns under the names of files.

use super::ExportError;
use crate::catalogue::in_yuan;
use crate::record::Table;
use crate::value::Kind;
use crate::views;
use crate::views::joined::JOINED;

/// A view that can be exported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// What SQL calls it.
    pub name: String,
    /// What a row of it is.
    pub about: String,
    /// Whether it holds personal data.
    pub personal: bool,
    /// Its columns, those of the key first.
    pub columns: Vec<Column>,
    /// The columns of the key, by which rows are in order; all if there is none.
    pub(super) key: usize,
    // The projection that keeps it; any may if absent.
    kept_by: Option<&'static str>,
}

/// A column of a view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// What files call it.
    pub name: String,
    /// What SQL calls it.
    pub stored: String,
    /// What it says.
    pub about: String,
    /// What it holds.
    pub kind: Kind,
    /// Whether it may hold nothing.
    pub nullable: bool,
}

impl View {
    /// The column of this name, as files or SQL have it.
    ///
    /// # Errors
    ///
    /// [`ExportError::UnknownColumn`].
    pub fn column(&self, name: &str) -> Result<&Column, ExportError> {
        let named = |column: &&Column| column.name == name || column.stored == name;
        self.columns.iter().find(named).ok_or_else(|| ExportError::UnknownColumn {
            view: self.name.clone(),
            given: name.chars().take(60).collect(),
            offered: names(self.columns.iter().map(|column| column.name.as_str())),
        })
    }

    /// Whether what the view shows depends on this projection.
    pub(super) fn is_kept_by(&self, projection: &str) -> bool {
        self.kept_by.is_none_or(|kept_by| kept_by == projection)
    }

    fn of_table(table: &'static Table, kept_by: Option<&'static str>) -> Self {
        let columns = table.columns.iter().map(|column| Column {
            name: in_yuan(table, column),
            stored: column.name.to_owned(),
            about: column.about.trim().to_owned(),
            kind: column.kind,
            nullable: column.nullable,
        });
        Self {
            name: table.name.to_owned(),
            about: table.about.trim().to_owned(),
            personal: table.personal,
            columns: columns.collect(),
            key: table.key,
            kept_by,
        }
    }
}

/// Every view there is, those over several tables last.
#[must_use]
pub fn views() -> Vec<View> {
    let mut all = views::all();
    let tables = all.iter_mut().flat_map(|projection| {
        let kept_by = Some(projection.name());
        let tables = projection.tables().into_iter();
        tables.map(move |table| View::of_table(table, kept_by)).collect::<Vec<_>>()
    });
    let joined = JOINED.iter().map(|joined| View::of_table(joined.table, None));
    tables.chain(joined).collect()
}

/// The view of this name.
pub(super) fn view(name: &str) -> Result<View, ExportError> {
    let views = views();
    let offered = names(views.iter().map(|view| view.name.as_str()));
    let unknown = || ExportError::UnknownView { given: name.chars().take(60).collect(), offered };
    views.into_iter().find(|view| view.name == name).ok_or_else(unknown)
}

pub(super) fn names<'a>(all: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<_> = all.collect();
    names.join(", ")
}
