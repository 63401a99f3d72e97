//! One row of a unit's list: one worker.

use std::collections::HashMap;

use huzhu_domain::id::checked::{CardNumber, Phone, ResidentId};

use crate::contract::huzhu::r#type::v1 as wire;
use crate::import::cell::{self, Cell};
use crate::import::columns::{Columns, Reading};
use crate::import::sheet::Row;
use crate::import::{Wrong, fingerprint};

/// The longest name.
const NAME_MAX: usize = 80;

/// One worker.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Worker {
    pub(super) row: u32,
    pub(super) person: wire::Person,
    pub(super) class: wire::MemberClass,
    pub(super) insured: bool,
    pub(super) units: u32,
    pub(super) high_risk: bool,
}

/// Reads a row; `persons` are those of the rows before.
pub(super) fn read(
    columns: &Columns,
    row: &Row,
    persons: &mut HashMap<[u8; 32], u32>,
) -> Result<Worker, Vec<Wrong>> {
    let mut read = Reading::new(columns, row);
    let name = read.must("name", |cell| {
        let name = cell::text(cell)?;
        if name.chars().count() > NAME_MAX { Err("is too long".into()) } else { Ok(name) }
    });
    let resident_id = read.must("resident_id", checked::<ResidentId>);
    let card = read.maybe("card", checked::<CardNumber>);
    let phone = read.maybe("phone", checked::<Phone>);
    let units = read.maybe("units", |cell| match cell::count(cell)? {
        0 => Err("must be at least 1".into()),
        units => Ok(units),
    });
    let class = read.maybe("class", |cell| {
        use wire::MemberClass::{Hardship, ModelWorker, Ordinary};
        cell::choice(
            cell,
            &[
                ("普通职工", Ordinary),
                ("普通", Ordinary),
                ("劳模", ModelWorker),
                ("劳动模范", ModelWorker),
                ("特困", Hardship),
                ("特困职工", Hardship),
            ],
        )
    });
    let insured = read.maybe("insured", cell::yes);
    let high_risk = read.maybe("high_risk", cell::yes);
    if let Some(resident_id) = &resident_id {
        match persons.get(&fingerprint(resident_id)) {
            Some(before) => {
                let place = columns.cell("resident_id", *before);
                let _: Option<()> = read.fail("resident_id", format!("is the same as {place}"));
            }
            None => drop(persons.insert(fingerprint(resident_id), row.number)),
        }
    }
    let wrong = read.wrong;
    let all = || {
        Some(Worker {
            row: row.number,
            person: wire::Person {
                name: name?,
                resident_id: resident_id?,
                card: card?.unwrap_or_default(),
                phone: phone?.unwrap_or_default(),
            },
            class: class?.unwrap_or(wire::MemberClass::Ordinary),
            insured: insured?.unwrap_or(true),
            units: units?.unwrap_or(1),
            high_risk: high_risk?.unwrap_or(false),
        })
    };
    if wrong.is_empty() { all().ok_or(wrong) } else { Err(wrong) }
}

/// A number with check digits or a form of its own, as text. Its own error may quote it.
fn checked<T: std::str::FromStr>(cell: &Cell) -> cell::Read<String> {
    let digits = cell::digits(cell)?;
    match digits.parse::<T>() {
        Ok(_) => Ok(digits),
        Err(_) => Err("does not hold: look at its length and its check digit".into()),
    }
}
