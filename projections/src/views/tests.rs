use std::collections::BTreeSet;

use super::joined::{Dialect, JOINED};
use super::*;
use crate::keeper::tables;
use crate::record::Table;
use crate::testing::shown::{queries, shown as shown_views};
use crate::testing::{Figures, year};

/// Every table, and every view over tables.
fn shown() -> Vec<&'static Table> {
    let joined = JOINED.iter().map(|joined| joined.table);
    tables(&mut all()).into_iter().chain(joined).collect()
}

#[test]
fn every_table_and_column_says_what_it_holds() {
    for table in shown() {
        assert!(!table.about.trim().is_empty(), "{}", table.name);
        for column in table.columns {
            assert!(!column.about.trim().is_empty(), "{}.{}", table.name, column.name);
        }
        for index in table.indexes {
            let columns = index.split(" WHERE ").next().unwrap();
            // Of what is computed from a column, that column.
            let columns = columns.replace("coalesce(", "").replace(", '9999-12-31')", "");
            for column in columns.split(", ") {
                assert!(table.column(column).is_some(), "{}.{column}", table.name);
            }
        }
    }
}

#[test]
fn no_two_tables_and_no_two_projections_have_one_name() {
    let shown = shown();
    let names: BTreeSet<_> = shown.iter().map(|table| table.name).collect();
    assert_eq!(names.len(), shown.len());
    let projections = all();
    let names: BTreeSet<_> = projections.iter().map(|projection| projection.name()).collect();
    assert_eq!(names.len(), projections.len());
}

/// Every column that tells who somebody is. Whatever else would, stands in a list like this first.
const PERSONAL: &[(&str, &str)] = &[
    ("member_persons", "name"),
    ("member_persons", "resident_id"),
    ("member_persons", "card"),
    ("member_persons", "phone"),
    ("member_persons", "born"),
    ("member_persons", "resident_key"),
    ("claimants", "born_year"),
];

#[test]
fn personal_data_stands_where_it_is_marked_and_nowhere_else() {
    let mut marked = Vec::new();
    for table in shown() {
        for column in table.columns {
            let place = (table.name, column.name);
            if column.personal {
                marked.push(place);
            } else {
                for name in ["name", "resident_id", "card", "phone", "born", "resident_key"] {
                    assert_ne!(column.name, name, "{place:?}");
                }
            }
        }
        let personal = table.columns.iter().any(|column| column.personal);
        assert_eq!(table.personal, personal, "{}", table.name);
    }
    assert_eq!(marked, PERSONAL);
}

#[test]
fn money_is_told_by_the_name_of_its_column() {
    for table in shown() {
        for column in table.columns {
            let fen = column.kind == crate::value::Kind::Fen;
            assert_eq!(fen, column.name.ends_with("_fen"), "{}.{}", table.name, column.name);
        }
    }
}

#[test]
fn every_event_is_some_projections_business_or_needs_no_view() {
    let projections = all();
    let without_view = ["ReservationMade", "EnrolmentEnded", "EnrolmentMade"];
    for (name, _) in huzhu_domain::history::Event::NAMES.iter().flat_map(|names| names.iter()) {
        let takers = projections.iter().filter(|projection| projection.takes(name)).count();
        assert_eq!(takers > 0, !without_view.contains(name), "{name}");
    }
}

#[test]
fn a_query_over_tables_is_written_for_each_database() {
    for joined in JOINED {
        let (sqlite, postgres) = (joined.sql(Dialect::Sqlite), joined.sql(Dialect::Postgres));
        for what in ["printf(", "julianday("] {
            assert!(!postgres.contains(what), "{}: {what}", joined.table.name);
        }
        assert!(!sqlite.contains("numeric"), "{}", joined.table.name);
    }
}

#[test]
fn every_query_that_analysts_are_shown_is_answered() {
    let queries = queries();
    assert!(queries.len() >= 15, "{}", queries.len());
    let views = shown_views(&year(Figures { units: 1, members: 40, one_claim_of: 2 }));
    for query in queries {
        views.ask(query);
    }
}
