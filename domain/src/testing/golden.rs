//! One stored event of each kind, as the log has held it since it was first written.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::history::Event;

/// Every golden file of `domain/events`: its name without `.json`, and its body.
#[must_use]
pub fn files() -> BTreeMap<String, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("events");
    let entries = fs::read_dir(&folder).unwrap_or_else(|why| panic!("{folder:?}: {why}"));
    entries
        .map(|entry| {
            let path = entry.unwrap_or_else(|why| panic!("{folder:?}: {why}")).path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let name = name.strip_suffix(".json").unwrap_or_else(|| panic!("{name}: not JSON"));
            let body = fs::read_to_string(&path).unwrap_or_else(|why| panic!("{name}: {why}"));
            (name.to_owned(), body.trim_end().to_owned())
        })
        .collect()
}

/// Every golden event, in the order of the files' names.
#[must_use]
pub fn events() -> Vec<Event> {
    files().iter().map(|(file, body)| event(file, body)).collect()
}

/// The event of a golden file.
#[must_use]
pub fn event(file: &str, body: &str) -> Event {
    let (name, version) = split(file);
    Event::decode(name, version, body.as_bytes())
        .unwrap_or_else(|unreadable| panic!("{file}: {unreadable}"))
}

/// The name and version that a golden file is of.
#[must_use]
pub fn split(file: &str) -> (&str, u32) {
    file.split_once(".v")
        .and_then(|(name, rest)| Some((name, rest.split('.').next()?.parse().ok()?)))
        .unwrap_or_else(|| panic!("{file}: not Name.vN"))
}
