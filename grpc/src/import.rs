//! Spreadsheets of union offices as commands of the public contract.
//!
//! A sheet is read a row at a time; each cell that does not hold is reported by its place, never by
//! its content; good rows go to the service. A second run records nothing new: a person is one
//! member by the service's own rule, and every other request has an id that follows from what it
//! is about. That of a member does not, since ids are seen by those who may not see persons, and
//! one made from a resident id could be guessed back.

pub mod call;
pub mod cell;
pub mod claims;
pub mod columns;
pub mod roster;
pub mod sheet;
pub mod template;

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};
use uuid::Uuid;

/// Where the ids of imported requests come from.
const NAMESPACE: Uuid = Uuid::from_u128(0x5b0c_2f5e_8f0a_4d0b_9d43_6a2f_1c7e_90d4);

/// A cell that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// Its place, such as `C17`.
    pub cell: String,
    /// Why, without its content.
    pub why: String,
}

/// What became of a sheet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// How many rows there were below the headings.
    pub rows: u64,
    /// How many of them hold.
    pub good: u64,
    /// What does not hold, by row.
    pub wrong: BTreeMap<u32, Vec<Wrong>>,
    /// What was counted, by what it is, in the order of the words.
    pub counts: BTreeMap<&'static str, u64>,
    /// What else is to be said.
    pub notes: Vec<String>,
}

/// Why nothing more was imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file cannot be read.
    #[error(transparent)]
    Sheet(#[from] sheet::SheetError),
    /// The columns are not known.
    #[error(transparent)]
    Columns(#[from] columns::ColumnsError),
    /// The service refuses what the whole file asks for.
    #[error("{0}")]
    Refused(String),
    /// The service does not answer.
    #[error("{0}: run the import again later, nothing is recorded twice")]
    Down(String),
}

impl Outcome {
    fn count(&mut self, what: &'static str) {
        let count = self.counts.entry(what).or_default();
        *count = count.saturating_add(1);
    }

    fn wrong(&mut self, row: u32, wrong: impl IntoIterator<Item = Wrong>) {
        self.wrong.entry(row).or_default().extend(wrong);
    }
}

/// The id of the request that is about these things: the same every time.
fn request_id(about: &[&str]) -> String {
    Uuid::new_v5(&NAMESPACE, about.join("\0").as_bytes()).to_string()
}

/// What stands for a text where the text itself is not kept.
fn fingerprint(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}
