//! Where each figure of a plan comes from.
//!
//! No plan text is complete. A figure that nobody found is still needed to compute with, so it is
//! there, but it says of itself that it was assumed.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::terms::PlanVersion;

/// Where a figure comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Standing {
    /// How well it is known.
    pub standing: Source,
    /// Its source, or why it was assumed.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 400))]
    pub note: String,
}

/// How well a figure is known.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// From the plan's text, a notice or the press.
    Sourced,
    /// From a copy of low authority.
    LowAuthority,
    /// It follows from other figures.
    Inferred,
    /// Not found: an operator has to confirm or change it.
    Assumed,
}

/// One figure of a plan with its standing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Figure {
    /// Its JSON pointer.
    pub path: String,
    /// The figure.
    pub value: String,
    /// Where it comes from; none if the plan does not say.
    pub standing: Option<Standing>,
}

impl PlanVersion {
    /// Every amount, rate, number, day count and date of the terms, in their order.
    #[must_use]
    pub fn figures(&self) -> Vec<Figure> {
        // Terms are plain structs with string keys, which always serialize.
        let value = serde_json::to_value(self).unwrap_or_default();
        let mut found = Vec::new();
        walk(&value, &mut String::new(), &mut found);
        // One unit is the absence of a choice, not a figure that somebody has to know.
        let no_choice = self.enrolment.units.is_one();
        found
            .into_iter()
            .filter(|(path, _)| !(no_choice && path.starts_with("/enrolment/units/")))
            .map(|(path, value)| Figure { standing: self.standing_of(&path), path, value })
            .collect()
    }

    fn standing_of(&self, path: &str) -> Option<Standing> {
        let speaks = |pointer: &str| {
            path.strip_prefix(pointer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        self.standings
            .iter()
            .filter(|(pointer, _)| speaks(pointer))
            .max_by_key(|(pointer, _)| pointer.len())
            .map(|(_, standing)| standing.clone())
    }
}

fn walk(value: &Value, path: &mut String, found: &mut Vec<(String, String)>) {
    // Labels and sources hold digits without being figures.
    if matches!(path.as_str(), "/standings" | "/version" | "/plan") {
        return;
    }
    let length = path.len();
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                path.push('/');
                path.push_str(name);
                walk(field, path, found);
                path.truncate(length);
            }
        }
        Value::Array(items) => {
            for (i, item) in items.iter().enumerate() {
                path.push('/');
                path.push_str(&i.to_string());
                walk(item, path, found);
                path.truncate(length);
            }
        }
        Value::Number(number) => found.push((path.clone(), number.to_string())),
        Value::String(text) if is_figure(text) => found.push((path.clone(), text.clone())),
        Value::String(_) | Value::Bool(_) | Value::Null => {}
    }
}

fn is_figure(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
        && text.bytes().all(|b| b.is_ascii_digit() || b == b'.' || b == b'-')
}
