//! What may be read of the views with SQL: relations and their columns, as analysts know them.
//!
//! A relation is a table of a projection or a view over such tables. Databases keep money as a
//! whole number of fen under a name that ends in `_fen`; whoever reads money as a decimal number
//! of yuan knows it without that ending.

use crate::record::{ColumnDef, Table};
use crate::value::Kind;
use crate::views;
use crate::views::joined::{Dialect, JOINED};

/// Something that may be selected from.
#[derive(Clone, Debug)]
pub struct Relation {
    /// What SQL calls it.
    pub name: &'static str,
    /// What a row of it is.
    pub about: &'static str,
    /// The columns that may be read; those of the key first.
    pub columns: Vec<Readable>,
    /// How many columns make up the key.
    pub key: usize,
    /// The projections that keep it.
    pub projections: Vec<&'static str>,
}

/// A column that may be selected.
#[derive(Clone, Debug)]
pub struct Readable {
    /// What it is called where money is a decimal number of yuan.
    pub name: String,
    /// The column as the database has it.
    pub stored: &'static ColumnDef,
}

/// The name of a column where amounts are in yuan: `approved_fen` is `approved`, or
/// `approved_yuan` where `approved` counts something else.
pub(crate) fn in_yuan(table: &Table, column: &ColumnDef) -> String {
    let amount = column.name.strip_suffix("_fen").filter(|_| column.kind == Kind::Fen);
    match amount {
        Some(amount) if table.column(amount).is_some() => format!("{amount}_yuan"),
        Some(amount) => amount.to_owned(),
        None => column.name.to_owned(),
    }
}

impl Relation {
    fn of(table: &'static Table, projections: Vec<&'static str>) -> Self {
        let Table { name, about, columns, key, .. } = *table;
        let readable = |stored| Readable { name: in_yuan(table, stored), stored };
        Self { name, about, columns: columns.iter().map(readable).collect(), key, projections }
    }

    /// The relation without the columns that tell who somebody is; nothing if only the key is left.
    #[must_use]
    pub fn impersonal(&self) -> Option<Self> {
        let mut columns = self.columns.clone();
        columns.retain(|column| !column.stored.personal);
        let left = columns.len() == self.columns.len() || columns.len() > self.key;
        left.then(|| Self { columns, ..self.clone() })
    }
}

/// All relations: tables in the order of their projections, then views over them.
#[must_use]
pub fn relations() -> Vec<Relation> {
    let mut relations: Vec<_> = views::all()
        .iter_mut()
        .flat_map(|projection| {
            let name = projection.name();
            projection.tables().into_iter().map(move |table| Relation::of(table, vec![name]))
        })
        .collect();
    for joined in JOINED {
        // Its query names the tables that it is made from.
        let sql = joined.sql(Dialect::Sqlite);
        let words: Vec<_> = sql.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').collect();
        let under = relations.iter().filter(|relation| words.contains(&relation.name));
        let mut projections: Vec<_> =
            under.flat_map(|relation| relation.projections.iter().copied()).collect();
        projections.sort_unstable();
        projections.dedup();
        relations.push(Relation::of(joined.table, projections));
    }
    relations
}

#[cfg(test)]
mod tests {
    use super::*;

    fn relation(name: &str) -> Relation {
        relations().into_iter().find(|relation| relation.name == name).unwrap()
    }

    #[test]
    fn money_is_known_without_its_unit() {
        let claims = relation("claims");
        let names: Vec<_> = claims.columns.iter().map(|column| column.name.as_str()).collect();
        assert!(names.contains(&"paid") && !names.contains(&"paid_fen"), "{names:?}");
        let statistics = relation("plan_statistics");
        let names: Vec<_> = statistics.columns.iter().map(|column| column.name.as_str()).collect();
        assert!(names.contains(&"approved") && names.contains(&"approved_yuan"), "{names:?}");
        for relation in relations() {
            let mut names: Vec<_> =
                relation.columns.iter().map(|column| column.name.as_str()).collect();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), relation.columns.len(), "{}", relation.name);
        }
    }

    #[test]
    fn a_view_is_kept_by_those_who_keep_its_tables() {
        assert_eq!(relation("claims").projections, ["claims"]);
        let statistics = relation("plan_statistics").projections;
        assert!(statistics.contains(&"claims") && statistics.len() > 1, "{statistics:?}");
        assert!(relations().iter().all(|relation| !relation.projections.is_empty()));
    }

    #[test]
    fn nothing_personal_is_left_for_those_who_see_no_persons() {
        assert!(relation("member_persons").impersonal().is_none());
        for relation in relations().iter().filter_map(Relation::impersonal) {
            assert!(
                relation.columns.iter().all(|column| !column.stored.personal),
                "{}",
                relation.name
            );
        }
        let claims = relation("claims");
        assert_eq!(claims.impersonal().unwrap().columns.len(), claims.columns.len());
    }
}
