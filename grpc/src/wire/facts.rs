//! The facts of a claim, both ways.

use huzhu_domain::claim::facts::{
    BILLS_MAX, Bill, DIAGNOSES_MAX, DOCUMENTS_MAX, Diagnosis, Disability, Document, Facts,
    Incident, JoinReason, Joins, LOSSES_MAX, Loss, OFFSETS_MAX, Offset, STAYS_MAX, Stay,
};

use super::Check;
use super::spoken::Spoken;
use super::value::{date, money};
use crate::contract::huzhu::r#type::v1 as wire;

/// The longest name of a document.
const NAME_MAX: usize = 200;

impl Check {
    /// The facts that stand in `facts` of a request.
    pub fn facts(&mut self, facts: Option<wire::Facts>) -> Option<Facts> {
        self.message("facts", facts, |check, facts| {
            let facts = read(check, facts)?;
            match facts.check() {
                Ok(()) => Some(facts),
                Err(wrong) => check.fail(&wrong.path, wrong.why),
            }
        })
    }
}

fn read(check: &mut Check, facts: wire::Facts) -> Option<Facts> {
    let incident = check.message("incident", facts.incident, |check, incident| {
        let kind = check.choice("kind", incident.kind);
        let date = check.date("date", incident.date);
        Some(Incident { kind: kind?, date: date? })
    });
    let applied_on = check.date("applied_on", facts.applied_on);
    let diagnoses = check.each("diagnoses", facts.diagnoses, 0..=DIAGNOSES_MAX, diagnosis);
    let bills = check.each("bills", facts.bills, 0..=BILLS_MAX, bill);
    let stays = check.each("stays", facts.stays, 0..=STAYS_MAX, stay);
    let death = check.date_or_none("death", facts.death);
    let disability = check.maybe("disability", facts.disability, |check, disability| {
        let grade = check.number("grade", disability.grade, 10);
        let assessed_on = check.date("assessed_on", disability.assessed_on);
        Some(Disability { grade: grade?, assessed_on: assessed_on? })
    });
    let losses = check.each("losses", facts.losses, 0..=LOSSES_MAX, |check, loss| {
        let kind = check.choice("kind", loss.kind);
        let amount = check.amount("amount", loss.amount);
        Some(Loss { kind: kind?, amount: amount? })
    });
    let offsets = check.each("offsets", facts.offsets, 0..=OFFSETS_MAX, |check, offset| {
        let payer = check.choice("payer", offset.payer);
        let amount = check.amount("amount", offset.amount);
        Some(Offset { payer: payer?, amount: amount? })
    });
    let notified_on = check.date_or_none("notified_on", facts.notified_on);
    let documents =
        check.each("documents", facts.documents, 0..=DOCUMENTS_MAX, |check, document| {
            let kind = check.choice("kind", document.kind);
            let name = check.text("name", document.name, 1..=NAME_MAX);
            let sha256 = check.parse("sha256", &document.sha256);
            Some(Document { kind: kind?, name: name?, sha256: sha256? })
        });
    Some(Facts {
        incident: incident?,
        applied_on: applied_on?,
        diagnoses: diagnoses?,
        bills: bills?,
        stays: stays?,
        death: death?,
        disability: disability?,
        losses: losses?,
        offsets: offsets?,
        notified_on: notified_on?,
        documents: documents?,
    })
}

fn diagnosis(check: &mut Check, diagnosis: wire::Diagnosis) -> Option<Diagnosis> {
    let code = check.parse("code", &diagnosis.code);
    let severity = check.choice("severity", diagnosis.severity);
    let established_on = check.date("established_on", diagnosis.established_on);
    Some(Diagnosis {
        code: code?,
        severity: severity?,
        established_on: established_on?,
        secondary: diagnosis.secondary,
        pre_existing: diagnosis.pre_existing,
        confirmed_by_review: diagnosis.confirmed_by_review,
    })
}

fn bill(check: &mut Check, bill: wire::Bill) -> Option<Bill> {
    let serial = check.parse("serial", &bill.serial);
    let date = check.date("date", bill.date);
    let self_pay_one = check.amount("self_pay_one", bill.self_pay_one);
    let above = check.amount_or_zero("self_pay_one_above", bill.self_pay_one_above);
    let self_pay_two = check.amount_or_zero("self_pay_two", bill.self_pay_two);
    let own_expense = check.amount_or_zero("own_expense", bill.own_expense);
    Some(Bill {
        serial: serial?,
        date: date?,
        self_pay_one: self_pay_one?,
        self_pay_one_above: above?,
        self_pay_two: self_pay_two?,
        own_expense: own_expense?,
    })
}

fn stay(check: &mut Check, stay: wire::Stay) -> Option<Stay> {
    let serial = check.parse("serial", &stay.serial);
    let hospital_grade = check.number("hospital_grade", stay.hospital_grade, 3);
    let admitted = check.date("admitted", stay.admitted);
    let discharged = check.date("discharged", stay.discharged);
    let self_pay_one = check.amount("self_pay_one", stay.self_pay_one);
    let above = check.amount_or_zero("self_pay_one_above", stay.self_pay_one_above);
    let self_pay_two = check.amount_or_zero("self_pay_two", stay.self_pay_two);
    let own_expense = check.amount_or_zero("own_expense", stay.own_expense);
    let cause = check.parse_or_none("cause", &stay.cause);
    let joins = check.maybe("joins", stay.joins, joins);
    Some(Stay {
        serial: serial?,
        hospital_grade: hospital_grade?,
        admitted: admitted?,
        discharged: discharged?,
        self_pay_one: self_pay_one?,
        self_pay_one_above: above?,
        self_pay_two: self_pay_two?,
        own_expense: own_expense?,
        special_disease: stay.special_disease,
        mental_illness: stay.mental_illness,
        cause: cause?,
        joins: joins?,
    })
}

fn joins(check: &mut Check, joins: wire::Joins) -> Option<Joins> {
    let serial = check.parse("serial", &joins.serial);
    let reason = match joins.reason {
        Some(wire::joins::Reason::Transfer(wire::Transfer { slip, hours })) => check
            .number("transfer.hours", hours, u16::MAX.into())
            .map(|hours| JoinReason::Transfer { slip, hours }),
        Some(wire::joins::Reason::Observation(wire::Observation {})) => {
            Some(JoinReason::Observation)
        }
        None => check.fail("reason", "must be transfer or observation"),
    };
    Some(Joins { serial: serial?, reason: reason? })
}

/// Facts as the contract has them.
#[must_use]
pub fn facts(facts: &Facts) -> wire::Facts {
    wire::Facts {
        incident: Some(wire::Incident {
            kind: facts.incident.kind.said(),
            date: Some(date(facts.incident.date)),
        }),
        applied_on: Some(date(facts.applied_on)),
        diagnoses: facts.diagnoses.iter().map(wire_diagnosis).collect(),
        bills: facts.bills.iter().map(wire_bill).collect(),
        stays: facts.stays.iter().map(wire_stay).collect(),
        death: facts.death.map(date),
        disability: facts.disability.as_ref().map(|disability| wire::Disability {
            grade: disability.grade.into(),
            assessed_on: Some(date(disability.assessed_on)),
        }),
        losses: facts
            .losses
            .iter()
            .map(|loss| wire::Loss { kind: loss.kind.said(), amount: Some(money(loss.amount)) })
            .collect(),
        offsets: facts
            .offsets
            .iter()
            .map(|offset| wire::Offset {
                payer: offset.payer.said(),
                amount: Some(money(offset.amount)),
            })
            .collect(),
        notified_on: facts.notified_on.map(date),
        documents: facts
            .documents
            .iter()
            .map(|document| wire::Document {
                kind: document.kind.said(),
                name: document.name.clone(),
                sha256: document.sha256.to_string(),
            })
            .collect(),
    }
}

fn wire_diagnosis(diagnosis: &Diagnosis) -> wire::Diagnosis {
    wire::Diagnosis {
        code: diagnosis.code.to_string(),
        severity: diagnosis.severity.said(),
        established_on: Some(date(diagnosis.established_on)),
        secondary: diagnosis.secondary,
        pre_existing: diagnosis.pre_existing,
        confirmed_by_review: diagnosis.confirmed_by_review,
    }
}

fn wire_bill(bill: &Bill) -> wire::Bill {
    wire::Bill {
        serial: bill.serial.to_string(),
        date: Some(date(bill.date)),
        self_pay_one: Some(money(bill.self_pay_one)),
        self_pay_one_above: Some(money(bill.self_pay_one_above)),
        self_pay_two: Some(money(bill.self_pay_two)),
        own_expense: Some(money(bill.own_expense)),
    }
}

fn wire_stay(stay: &Stay) -> wire::Stay {
    wire::Stay {
        serial: stay.serial.to_string(),
        hospital_grade: stay.hospital_grade.into(),
        admitted: Some(date(stay.admitted)),
        discharged: Some(date(stay.discharged)),
        self_pay_one: Some(money(stay.self_pay_one)),
        self_pay_one_above: Some(money(stay.self_pay_one_above)),
        self_pay_two: Some(money(stay.self_pay_two)),
        own_expense: Some(money(stay.own_expense)),
        special_disease: stay.special_disease,
        mental_illness: stay.mental_illness,
        cause: stay.cause.as_ref().map(ToString::to_string).unwrap_or_default(),
        joins: stay.joins.as_ref().map(|joins| wire::Joins {
            serial: joins.serial.to_string(),
            reason: Some(match joins.reason {
                JoinReason::Transfer { slip, hours } => {
                    wire::joins::Reason::Transfer(wire::Transfer { slip, hours: hours.into() })
                }
                JoinReason::Observation => wire::joins::Reason::Observation(wire::Observation {}),
            }),
        }),
    }
}
