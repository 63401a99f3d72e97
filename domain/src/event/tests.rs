//! What the log already holds can be read for ever: a file of `events/` is never edited.
//!
//! `Name.v1.json` has every field that the event had when it was first written, `Name.v1.bare.json`
//! only those that are always there; what came later stands in a file of its own.

use std::collections::BTreeSet;

use super::Unreadable;
use crate::history::Event;
use crate::testing::golden;

#[test]
fn every_golden_event_is_read_and_written_back_byte_for_byte() {
    for (file, body) in golden::files() {
        let event = golden::event(&file, &body);
        assert_eq!((event.name(), event.version()), golden::split(&file));
        assert_eq!(String::from_utf8(event.encode()).unwrap(), body, "{file}");
    }
}

#[test]
fn every_event_has_a_golden_file() {
    let files = golden::files();
    let missing: Vec<_> = Event::NAMES
        .iter()
        .copied()
        .flatten()
        .map(|(name, version)| format!("{name}.v{version}"))
        .filter(|file| !files.contains_key(file))
        .collect();
    assert!(missing.is_empty(), "no golden file for {missing:?}");
}

#[test]
fn no_two_aggregates_record_events_of_one_name() {
    let names: Vec<_> = Event::NAMES.iter().copied().flatten().map(|(name, _)| name).collect();
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
}

#[test]
fn an_event_of_an_unknown_name_version_or_field_is_a_named_error() {
    for (file, body) in golden::files() {
        let (name, _) = golden::split(&file);
        let read = |name: &str, version, body: &str| Event::decode(name, version, body.as_bytes());
        assert_eq!(
            read("NobodyRecordsThis", 1, &body),
            Err(Unreadable::UnknownType { name: "NobodyRecordsThis".into() })
        );
        assert_eq!(
            read(name, 99, &body),
            Err(Unreadable::UnknownVersion { name: name.into(), version: 99 })
        );
        let stranger = format!("{{\"stranger\":1,{}", body.strip_prefix('{').unwrap());
        assert!(matches!(read(name, 1, &stranger), Err(Unreadable::Malformed { .. })), "{file}");
        assert!(matches!(read(name, 1, "null"), Err(Unreadable::Malformed { .. })), "{file}");
    }
}

#[test]
fn an_unreadable_event_says_where_but_repeats_nothing_personal() {
    let body = golden::files()["MemberRegistered.v1"]
        .replace("\"110228198506150022\"", "110228198506150022");
    let unreadable = Event::decode("MemberRegistered", 1, body.as_bytes()).unwrap_err();
    let Unreadable::Malformed { why, .. } = &unreadable else { panic!("{unreadable}") };
    assert!(why.starts_with("Data error at person.resident_id"), "{why}");
    assert!(!unreadable.to_string().contains("1985"), "{unreadable}");
}

#[test]
fn personal_data_stands_in_the_one_sub_object_of_member_events() {
    for (file, body) in golden::files() {
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        let of_a_person = ["MemberRegistered", "MemberPersonCorrected"];
        let expected = of_a_person.iter().any(|name| file.starts_with(name));
        assert_eq!(body.get("person").is_some(), expected, "{file}");
        let outside = ["resident_id", "card", "phone"].map(|field| body.get(field));
        assert_eq!(outside, [None; 3], "{file}");
    }
}
