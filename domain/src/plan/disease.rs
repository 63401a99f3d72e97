//! The diseases that a plan's benefits refer to.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::terms::{Name, is_false};
use crate::id::checked::Icd10;
use crate::id::text_ids;

text_ids! {
    /// One entry of a plan's list of diseases, such as `breast-cancer`.
    DiseaseCode: 1..=40 of "a-z, 0-9 and -"
        if |c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
}

/// One entry of a plan's list of diseases.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Disease {
    /// What benefits call it.
    pub code: DiseaseCode,
    /// What people call it.
    pub name: Name,
    /// The diagnoses that are this disease.
    pub icd10: Vec<IcdGroup>,
    /// The code alone cannot tell: a reviewer has to confirm it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub needs_review: bool,
}

/// One code with its subdivisions, such as `C50`, or a run of categories, such as `C00-C97`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct IcdGroup {
    first: Icd10,
    last: Option<Icd10>,
}

/// Why a text is not a group of diagnoses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a code such as C50 or C57.0, or a run of categories such as C00-C97")]
pub struct NotAGroup;

impl IcdGroup {
    /// Whether `code` belongs to the group.
    #[must_use]
    pub fn holds(&self, code: &Icd10) -> bool {
        match &self.last {
            None => code.is_within(&self.first),
            Some(last) => {
                let category = code.as_str().get(..3).unwrap_or_default();
                (self.first.as_str()..=last.as_str()).contains(&category)
            }
        }
    }
}

impl FromStr for IcdGroup {
    type Err = NotAGroup;

    fn from_str(text: &str) -> Result<Self, NotAGroup> {
        let code = |text: &str| text.parse::<Icd10>().map_err(|_| NotAGroup);
        let Some((first, last)) = text.split_once('-') else {
            return Ok(Self { first: code(text)?, last: None });
        };
        let (first, last) = (code(first)?, code(last)?);
        let categories = first.as_str().len() == 3 && last.as_str().len() == 3;
        if !categories || first >= last {
            return Err(NotAGroup);
        }
        Ok(Self { first, last: Some(last) })
    }
}

impl TryFrom<String> for IcdGroup {
    type Error = NotAGroup;

    fn try_from(text: String) -> Result<Self, NotAGroup> {
        text.parse()
    }
}

impl fmt::Display for IcdGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.last {
            None => write!(f, "{}", self.first),
            Some(last) => write!(f, "{}-{last}", self.first),
        }
    }
}

impl From<IcdGroup> for String {
    fn from(group: IcdGroup) -> Self {
        group.to_string()
    }
}
