//! The plans of the Beijing office, as the files that come with the program, and their schema.

use serde_json::{Value, json};

use super::PlanVersion;

/// The catalogue: file name and content of each version, in an order that can be published.
#[must_use]
pub const fn catalogue() -> &'static [(&'static str, &'static str)] {
    FILES
}

macro_rules! files {
    ($($name:literal),+ $(,)?) => {
        &[$(($name, include_str!(concat!("../../plans/", $name)))),+]
    };
}

const FILES: &[(&str, &str)] = files![
    "nuan-huzhu.2012.json",
    "nuan-huzhu.2014-revised.json",
    "hospital-medical.2008.json",
    "hospital-medical.2011.json",
    "hospital-allowance.2011.json",
    "hospital-allowance.2013-one-day.json",
    "female-disease.v6.json",
    "female-disease.v8.json",
    "female-disease.v12.json",
    "accident.2010-06.json",
    "critical-illness.2005.json",
    "critical-illness.2010-06.json",
    "critical-illness.2014.json",
    "non-work-accident.2012.json",
    "non-work-accident.2016.json",
    "secondary-relief.2014.json",
    "family-condolence.2015.json",
];

/// The JSON Schema that a plan file follows.
#[must_use]
pub fn schema() -> Value {
    let mut schema = Value::from(schemars::schema_for!(PlanVersion));
    // A file may name its schema for the editor's sake; the name is no term.
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        properties.insert("$schema".to_owned(), json!({ "type": "string" }));
    }
    schema
}
