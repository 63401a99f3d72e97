//! The plans of the Beijing office, as the files that come with the program, and their schema.

use serde_json::{Value, json};

use super::PlanVersion;

/// The catalogue: file name and content of each version, in an order that can be published.
#[must_use]
pub const fn catalogue() -> &'static [(&'static str, &'static str)] {
    FILES
}

const FILES: &[(&str, &str)] = &[];

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
