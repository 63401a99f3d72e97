use std::collections::BTreeSet;

use super::*;
use crate::keeper::tables;

#[test]
fn every_table_and_column_says_what_it_holds() {
    for table in tables(&mut all()) {
        assert!(!table.about.trim().is_empty(), "{}", table.name);
        for column in table.columns {
            assert!(!column.about.trim().is_empty(), "{}.{}", table.name, column.name);
        }
        for index in table.indexes {
            for column in index.split(", ") {
                assert!(table.column(column).is_some(), "{}.{column}", table.name);
            }
        }
    }
}

#[test]
fn no_two_tables_and_no_two_projections_have_one_name() {
    let tables = tables(&mut all());
    let names: BTreeSet<_> = tables.iter().map(|table| table.name).collect();
    assert_eq!(names.len(), tables.len());
    let projections = all();
    let names: BTreeSet<_> = projections.iter().map(|projection| projection.name()).collect();
    assert_eq!(names.len(), projections.len());
}

#[test]
fn personal_data_stands_in_one_table() {
    let tables = tables(&mut all());
    let personal: Vec<_> = tables.iter().filter(|table| table.personal).collect();
    assert_eq!(personal.iter().map(|table| table.name).collect::<Vec<_>>(), ["member_persons"]);
    for table in tables.iter().filter(|table| !table.personal) {
        for name in ["name", "resident_id", "card", "phone"] {
            assert!(table.column(name).is_none(), "{}.{name}", table.name);
        }
    }
}

#[test]
fn money_is_told_by_the_name_of_its_column() {
    for table in tables(&mut all()) {
        for column in table.columns {
            let fen = column.kind == crate::value::Kind::Fen;
            assert_eq!(fen, column.name.ends_with("_fen"), "{}.{}", table.name, column.name);
        }
    }
}

#[test]
fn every_event_is_some_projections_business_or_needs_no_view() {
    let projections = all();
    let without_view = ["ReservationMade", "EnrolmentMade"];
    for (name, _) in huzhu_domain::history::Event::NAMES.iter().flat_map(|names| names.iter()) {
        let takers = projections.iter().filter(|projection| projection.takes(name)).count();
        assert_eq!(takers, usize::from(!without_view.contains(name)), "{name}");
    }
}
