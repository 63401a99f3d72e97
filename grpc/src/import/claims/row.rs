//! One row of a sheet of applications, and the application that its rows make up.

use huzhu_domain::id::checked::{Icd10, ResidentId};
use jiff::civil::Date;

use crate::client::{date, money};
use crate::contract::google;
use crate::contract::huzhu::query::v1 as query;
use crate::contract::huzhu::r#type::v1 as wire;
use crate::import::Wrong;
use crate::import::cell::{self, Read};
use crate::import::columns::{Columns, Reading};
use crate::import::sheet::Row;

/// The longest name of an application, and of a code.
const NAME_MAX: usize = 100;

/// A stay or a receipt.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Paper {
    Stay(wire::Stay),
    Bill(wire::Bill),
}

/// What a row says of the whole application.
#[derive(Clone, Debug, Default, PartialEq)]
struct Head {
    resident_id: Option<String>,
    plan: Option<String>,
    start: Option<Date>,
    benefits: Option<Vec<String>>,
    incident_kind: Option<wire::IncidentKind>,
    incident_on: Option<Date>,
    applied_on: Option<Date>,
    notified_on: Option<Date>,
    death: Option<Date>,
    disability: Option<(u32, Date)>,
}

/// A row that was read.
pub(super) struct Said {
    pub(super) key: Option<String>,
    pub(super) wrong: Vec<Wrong>,
    head: Head,
    diagnosis: Option<wire::Diagnosis>,
    paper: Option<Paper>,
}

/// An application.
#[derive(Clone, Debug)]
pub(super) struct Application {
    pub(super) key: [u8; 32],
    pub(super) name: String,
    pub(super) resident_id: String,
    pub(super) plan: String,
    pub(super) start: Option<Date>,
    pub(super) benefits: Vec<String>,
    pub(super) facts: wire::Facts,
    incident_on: Option<Date>,
    head: Head,
    first: u32,
    rows: u64,
    // The rows that the diagnoses, stays and bills stand in.
    diagnoses: Vec<u32>,
    stays: Vec<u32>,
    bills: Vec<u32>,
    spoilt: bool,
}

/// Reads a row; `plan` is that of rows which name none.
pub(super) fn read(columns: &Columns, row: &Row, plan: Option<&str>) -> Said {
    let mut read = Reading::new(columns, row);
    let key = read.must("application", short);
    let resident_id = read.maybe("resident_id", |cell| {
        let digits = cell::digits(cell)?;
        let holds = digits.parse::<ResidentId>().is_ok();
        if holds {
            Ok(digits)
        } else {
            Err("does not hold: look at its length and its check digit".into())
        }
    });
    let named = read.maybe("plan", short);
    let head = Head {
        resident_id: resident_id.flatten(),
        plan: named.flatten().or_else(|| plan.map(str::to_owned)),
        start: read.maybe("start", cell::date).flatten(),
        benefits: read.maybe("benefits", codes).flatten(),
        incident_kind: read.maybe("incident_kind", incident_kind).flatten(),
        incident_on: read.maybe("incident_on", cell::date).flatten(),
        applied_on: read.maybe("applied_on", cell::date).flatten(),
        notified_on: read.maybe("notified_on", cell::date).flatten(),
        death: read.maybe("death", cell::date).flatten(),
        disability: disability(&mut read),
    };
    let diagnosis = diagnosis(&mut read);
    let paper = paper(&mut read);
    Said { key, wrong: read.wrong, head, diagnosis, paper }
}

fn short(cell: &cell::Cell) -> Read<String> {
    let text = cell::text(cell)?;
    if text.chars().count() > NAME_MAX { Err("is too long".into()) } else { Ok(text) }
}

fn codes(cell: &cell::Cell) -> Read<Vec<String>> {
    let text = cell::text(cell)?;
    let codes = text.split([',', '，', '、', ';', '；']).map(str::trim);
    Ok(codes.filter(|code| !code.is_empty()).map(str::to_owned).collect())
}

fn incident_kind(cell: &cell::Cell) -> Read<wire::IncidentKind> {
    use wire::IncidentKind::{Illness, NonWorkAccident, PropertyDamage, WorkAccident};
    cell::choice(
        cell,
        &[
            ("疾病", Illness),
            ("工伤意外", WorkAccident),
            ("非工伤意外", NonWorkAccident),
            ("家财损失", PropertyDamage),
        ],
    )
}

fn disability(read: &mut Reading<'_>) -> Option<(u32, Date)> {
    let grade = read.maybe("disability_grade", |cell| match cell::count(cell)? {
        grade @ 1..=10 => Ok(grade),
        _ => Err("must be 1 to 10".into()),
    });
    let grade = grade??;
    Some((grade, read.must("disability_on", cell::date)?))
}

fn diagnosis(read: &mut Reading<'_>) -> Option<wire::Diagnosis> {
    use wire::Severity::{Heavy, InSitu, Light, Ordinary};
    let code = read.maybe("diagnosis", |cell| {
        let code = cell::text(cell)?.to_uppercase();
        if code.parse::<Icd10>().is_ok() {
            Ok(code)
        } else {
            Err("is no ICD-10 code such as C50.9".into())
        }
    });
    let severity = read.maybe("severity", |cell| {
        cell::choice(
            cell,
            &[("普通", Ordinary), ("原位癌", InSitu), ("轻症", Light), ("重症", Heavy)],
        )
    });
    let code = code??;
    let established_on = read.must("established_on", cell::date);
    Some(wire::Diagnosis {
        code,
        severity: severity?.unwrap_or(Ordinary).into(),
        established_on: established_on.map(date),
        ..wire::Diagnosis::default()
    })
}

fn paper(read: &mut Reading<'_>) -> Option<Paper> {
    let is_stay =
        read.maybe("paper", |cell| cell::choice(cell, &[("住院", true), ("门诊", false)]));
    let amount = |read: &mut Reading<'_>, field: &str| read.maybe(field, cell::amount);
    match is_stay? {
        None => {
            for field in ["serial", "self_pay_one", "admitted", "treated_on"] {
                if *read.get(field) != cell::Cell::Empty {
                    return read.fail("paper", "must be 住院 or 门诊 where a paper is told of");
                }
            }
            None
        }
        Some(true) => {
            let serial = read.must("serial", cell::digits);
            let hospital_grade = read.must("hospital_grade", |cell| match cell::count(cell)? {
                grade @ 1..=3 => Ok(grade),
                _ => Err("must be 1, 2 or 3".into()),
            });
            let (admitted, discharged) =
                (read.must("admitted", cell::date), read.must("discharged", cell::date));
            let self_pay_one = read.must("self_pay_one", cell::amount);
            let above = amount(read, "self_pay_one_above");
            let (two, own) = (amount(read, "self_pay_two"), amount(read, "own_expense"));
            let special = read.maybe("special_disease", cell::yes);
            let mental = read.maybe("mental_illness", cell::yes);
            Some(Paper::Stay(wire::Stay {
                serial: serial?,
                hospital_grade: hospital_grade?,
                admitted: Some(date(admitted?)),
                discharged: Some(date(discharged?)),
                self_pay_one: Some(money(self_pay_one?)),
                self_pay_one_above: above?.map(money),
                self_pay_two: two?.map(money),
                own_expense: own?.map(money),
                special_disease: special?.unwrap_or(false),
                mental_illness: mental?.unwrap_or(false),
                cause: String::new(),
                joins: None,
            }))
        }
        Some(false) => {
            let serial = read.must("serial", cell::digits);
            let treated_on = read.must("treated_on", cell::date);
            let self_pay_one = read.must("self_pay_one", cell::amount);
            let above = amount(read, "self_pay_one_above");
            let (two, own) = (amount(read, "self_pay_two"), amount(read, "own_expense"));
            Some(Paper::Bill(wire::Bill {
                serial: serial?,
                date: Some(date(treated_on?)),
                self_pay_one: Some(money(self_pay_one?)),
                self_pay_one_above: above?.map(money),
                self_pay_two: two?.map(money),
                own_expense: own?.map(money),
            }))
        }
    }
}

impl Application {
    /// The application that begins with a row, and what its first row lacks.
    pub(super) fn begin(key: [u8; 32], row: u32, said: Said) -> (Self, Vec<Wrong>) {
        let head = said.head.clone();
        let mut application = Self {
            key,
            name: said.key.clone().unwrap_or_default(),
            resident_id: head.resident_id.clone().unwrap_or_default(),
            plan: head.plan.clone().unwrap_or_default(),
            start: head.start,
            benefits: head.benefits.clone().unwrap_or_default(),
            facts: wire::Facts {
                incident: Some(wire::Incident {
                    kind: head.incident_kind.map_or(0, i32::from),
                    date: head.incident_on.map(date),
                }),
                applied_on: head.applied_on.map(date),
                notified_on: head.notified_on.map(date),
                death: head.death.map(date),
                disability: head
                    .disability
                    .map(|(grade, on)| wire::Disability { grade, assessed_on: Some(date(on)) }),
                ..wire::Facts::default()
            },
            incident_on: head.incident_on,
            head,
            first: row,
            rows: 0,
            diagnoses: Vec::new(),
            stays: Vec::new(),
            bills: Vec::new(),
            spoilt: false,
        };
        let wrong = application.take(row, said);
        (application, wrong)
    }

    /// Adds a later row; answers what does not hold in it.
    pub(super) fn add(&mut self, columns: &Columns, row: u32, said: Said) -> Vec<Wrong> {
        let differs = self.differs(&said.head);
        let mut wrong = self.take(row, said);
        wrong.extend(differs.into_iter().map(|field| Wrong {
            cell: columns.cell(field, row),
            why: format!("differs from {}", columns.cell(field, self.first)),
        }));
        self.spoilt |= !wrong.is_empty();
        wrong
    }

    /// What is needed of the first row and is not there.
    pub(super) fn lacks(&self) -> Vec<&'static str> {
        let needed = [
            ("resident_id", self.head.resident_id.is_none()),
            ("plan", self.head.plan.is_none()),
            ("incident_kind", self.head.incident_kind.is_none()),
            ("incident_on", self.head.incident_on.is_none()),
            ("applied_on", self.head.applied_on.is_none()),
        ];
        needed.into_iter().filter(|(_, lacks)| *lacks).map(|(field, _)| field).collect()
    }

    fn take(&mut self, row: u32, said: Said) -> Vec<Wrong> {
        self.rows = self.rows.saturating_add(1);
        self.spoilt |= !said.wrong.is_empty();
        if let Some(diagnosis) = said.diagnosis
            && !self.facts.diagnoses.contains(&diagnosis)
        {
            self.facts.diagnoses.push(diagnosis);
            self.diagnoses.push(row);
        }
        match said.paper {
            Some(Paper::Stay(stay)) => {
                self.facts.stays.push(stay);
                self.stays.push(row);
            }
            Some(Paper::Bill(bill)) => {
                self.facts.bills.push(bill);
                self.bills.push(row);
            }
            None => {}
        }
        said.wrong
    }

    /// The fields of the application that a later row says otherwise.
    fn differs(&self, later: &Head) -> Vec<&'static str> {
        fn other<T: PartialEq>(first: &Option<T>, later: &Option<T>) -> bool {
            later.is_some() && first != later
        }
        let head = &self.head;
        let fields = [
            ("resident_id", other(&head.resident_id, &later.resident_id)),
            ("plan", other(&head.plan, &later.plan)),
            ("start", other(&head.start, &later.start)),
            ("benefits", other(&head.benefits, &later.benefits)),
            ("incident_kind", other(&head.incident_kind, &later.incident_kind)),
            ("incident_on", other(&head.incident_on, &later.incident_on)),
            ("applied_on", other(&head.applied_on, &later.applied_on)),
            ("notified_on", other(&head.notified_on, &later.notified_on)),
            ("death", other(&head.death, &later.death)),
            ("disability_grade", other(&head.disability, &later.disability)),
        ];
        fields.into_iter().filter(|(_, differs)| *differs).map(|(field, _)| field).collect()
    }

    /// Notes that the application is not to be filed.
    pub(super) const fn spoil(&mut self) {
        self.spoilt = true;
    }

    /// Whether nothing in it is wrong.
    pub(super) const fn holds(&self) -> bool {
        !self.spoilt
    }

    pub(super) const fn first(&self) -> u32 {
        self.first
    }

    pub(super) const fn rows(&self) -> u64 {
        self.rows
    }

    /// Whether it is against this cover.
    pub(super) fn is_against(&self, cover: &query::Cover) -> bool {
        let Some(term) = &cover.term else { return false };
        let day = |date: &Option<google::r#type::Date>| date.as_ref().map(ordered);
        match (self.start, self.incident_on) {
            (Some(start), _) => day(&term.start) == Some(ordered(&date(start))),
            (None, Some(on)) => {
                let on = Some(ordered(&date(on)));
                day(&term.start) <= on && on <= day(&term.end)
            }
            (None, None) => false,
        }
    }

    /// The row and field that the service means by a field of a request.
    pub(super) fn place(&self, field: &str) -> (u32, &'static str) {
        let parts: Vec<_> = field.split(['.', '[', ']']).filter(|part| !part.is_empty()).collect();
        let row = |rows: &[u32], index: &str| {
            index.parse().ok().and_then(|index: usize| rows.get(index).copied())
        };
        match parts.as_slice() {
            ["facts", "stays", index, rest @ ..] => {
                (row(&self.stays, index).unwrap_or(self.first), paper_field("stays", rest))
            }
            ["facts", "bills", index, rest @ ..] => {
                (row(&self.bills, index).unwrap_or(self.first), paper_field("bills", rest))
            }
            ["facts", "diagnoses", index, ..] => {
                (row(&self.diagnoses, index).unwrap_or(self.first), "diagnosis")
            }
            ["facts", "incident", ..] => (self.first, "incident_on"),
            ["facts", "applied_on", ..] => (self.first, "applied_on"),
            ["facts", "notified_on", ..] => (self.first, "notified_on"),
            ["facts", "death", ..] => (self.first, "death"),
            ["facts", "disability", ..] => (self.first, "disability_grade"),
            ["benefits", ..] => (self.first, "benefits"),
            _ => (self.first, "application"),
        }
    }
}

fn paper_field(list: &str, rest: &[&str]) -> &'static str {
    match (list, rest.first().copied()) {
        ("bills", Some("date")) => "treated_on",
        (_, Some("hospital_grade")) => "hospital_grade",
        (_, Some("admitted")) => "admitted",
        (_, Some("discharged")) => "discharged",
        (_, Some("self_pay_one")) => "self_pay_one",
        (_, Some("self_pay_one_above")) => "self_pay_one_above",
        (_, Some("self_pay_two")) => "self_pay_two",
        (_, Some("own_expense")) => "own_expense",
        _ => "serial",
    }
}

fn ordered(date: &google::r#type::Date) -> (i32, i32, i32) {
    (date.year, date.month, date.day)
}
