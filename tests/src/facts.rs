//! Facts of claims, in few words.

use crate::contract::google::r#type::{Date, Money};
use crate::wire::{
    Bill, Diagnosis, Document, DocumentKind, Facts, Incident, IncidentKind, Severity, Stay,
};

/// A date as the contract has it, from `2014-03-01`.
#[must_use]
pub fn date(day: &str) -> Option<Date> {
    let day: jiff::civil::Date = day.parse().unwrap();
    Some(Date { year: day.year().into(), month: day.month().into(), day: day.day().into() })
}

/// Ten in the morning of a day in Beijing.
#[must_use]
pub fn at(day: &str) -> Option<prost_types::Timestamp> {
    let morning: jiff::Timestamp = format!("{day}T02:00:00Z").parse().unwrap();
    Some(prost_types::Timestamp { seconds: morning.as_second(), nanos: 0 })
}

/// An amount of yuan, from `24208.00`.
#[must_use]
pub fn yuan(amount: &str) -> Option<Money> {
    let amount: rust_decimal::Decimal = amount.parse().unwrap();
    let fen = i64::try_from(amount * rust_decimal::Decimal::ONE_HUNDRED).unwrap();
    let nanos = i32::try_from(fen % 100).unwrap() * 10_000_000;
    Some(Money { currency_code: "CNY".to_owned(), units: fen / 100, nanos })
}

/// An amount as people write it.
#[must_use]
pub fn written(money: Option<&Money>) -> String {
    let money = money.expect("an amount");
    assert_eq!(money.currency_code, "CNY");
    format!("{}.{:02}", money.units, money.nanos / 10_000_000)
}

/// An incident of a kind on a day, applied for on another.
#[must_use]
pub fn incident(kind: IncidentKind, day: &str, applied_on: &str) -> Facts {
    Facts {
        incident: Some(Incident { kind: kind.into(), date: date(day) }),
        applied_on: date(applied_on),
        documents: vec![Document {
            kind: DocumentKind::Application.into(),
            name: "互助金申请书.pdf".to_owned(),
            sha256: "5a".repeat(32),
        }],
        ..Facts::default()
    }
}

/// An illness.
#[must_use]
pub fn illness(day: &str, applied_on: &str) -> Facts {
    incident(IncidentKind::Illness, day, applied_on)
}

/// A diagnosis with the day of its pathology report.
#[must_use]
pub fn diagnosis(code: &str, severity: Severity, established_on: &str) -> Diagnosis {
    Diagnosis {
        code: code.to_owned(),
        severity: severity.into(),
        established_on: date(established_on),
        ..Diagnosis::default()
    }
}

/// A stay in a hospital of the highest grade, with what was self-paid (自付一) below the ceiling of
/// the medical insurance.
#[must_use]
pub fn stay(serial: &str, admitted: &str, discharged: &str, self_pay_one: &str) -> Stay {
    Stay {
        serial: serial.to_owned(),
        hospital_grade: 3,
        admitted: date(admitted),
        discharged: date(discharged),
        self_pay_one: yuan(self_pay_one),
        ..Stay::default()
    }
}

/// A stay, with what was self-paid above that ceiling.
#[must_use]
pub fn stay_above(serial: &str, admitted: &str, discharged: &str, above: &str) -> Stay {
    Stay { self_pay_one_above: yuan(above), ..stay(serial, admitted, discharged, "0") }
}

/// A stay that began on a day and lasted so many days.
#[must_use]
pub fn stay_of(serial: &str, admitted: &str, days: i64, self_pay_one: &str) -> Stay {
    let first: jiff::civil::Date = admitted.parse().unwrap();
    let last = first.checked_add(jiff::Span::new().days(days)).unwrap();
    stay(serial, admitted, &last.to_string(), self_pay_one)
}

/// An outpatient receipt.
#[must_use]
pub fn receipt(serial: &str, day: &str, self_pay_one: &str) -> Bill {
    Bill {
        serial: serial.to_owned(),
        date: date(day),
        self_pay_one: yuan(self_pay_one),
        ..Bill::default()
    }
}
