//! One test for each shape of terms: all of them are data.

use serde_json::{Value, json};

use super::*;

mod expenses;
mod guards;
mod stays;
mod sums;

/// A plan of one benefit that pays like this.
fn paying(pays: Value) -> Value {
    json!({
        "plan": "shape", "name": { "zh": "形", "en": "Shape" }, "version": "1",
        "effective": { "from": "2014-01-01" }, "selection": "term",
        "enrolment": { "mode": "roster", "units": { "max": 2, "above_max": "void" } },
        "term": { "years": 1 },
        "diseases": [
            { "code": "breast", "name": { "zh": "乳腺癌", "en": "Breast cancer" }, "icd10": ["C50"] },
            { "code": "lung", "name": { "zh": "肺癌", "en": "Lung cancer" }, "icd10": ["C34"] },
            {
                "code": "sarcoma", "name": { "zh": "肉瘤", "en": "Sarcoma" }, "icd10": ["C54-C55"],
                "needs_review": true
            },
        ],
        "benefits": [{
            "code": "it", "name": { "zh": "它", "en": "It" },
            "incidents": ["illness", "work_accident", "non_work_accident", "property_damage"],
            "pays": pays
        }],
        "rounding": "half_up",
        "standings": { "": { "standing": "assumed" } }
    })
}

/// Sets the value at `pointer`, whose parent is there.
fn with(mut terms: Value, pointer: &str, value: Value) -> Value {
    let (parent, last) = pointer.rsplit_once('/').unwrap();
    let parent = terms.pointer_mut(parent).unwrap();
    match parent.as_array_mut() {
        Some(items) => items.push(value),
        None => parent[last] = value,
    }
    terms
}

fn ceiling(terms: Value, per: &str, at_most: Value) -> Value {
    let name = json!({ "zh": "封顶", "en": "Ceiling" });
    let ceiling = json!({ "code": "top", "name": name, "per": per, "at_most": at_most });
    with(terms, "/ceilings", json!([ceiling]))
}

#[track_caller]
fn read(terms: Value) -> PlanVersion {
    PlanVersion::parse(terms).unwrap()
}

fn of_stays(more: Value) -> Value {
    let mut pays = json!({
        "of": "inpatient", "columns": ["self_pay_one"], "settle": "each_item",
        "stays": { "belongs_by": "discharge", "ordinal_per": "year" },
        "rates": [{ "rate": "0.50" }]
    });
    for (name, value) in more.as_object().unwrap() {
        pays[name] = value.clone();
    }
    json!({ "reimbursement": pays })
}

fn of_receipts(more: Value) -> Value {
    let mut pays = json!({
        "of": "outpatient", "columns": ["self_pay_one"], "settle": "claim",
        "rates": [{ "rate": "0.50" }]
    });
    for (name, value) in more.as_object().unwrap() {
        pays[name] = value.clone();
    }
    json!({ "reimbursement": pays })
}

fn per_day(more: Value) -> Value {
    let mut pays = json!({
        "stays": { "belongs_by": "admission", "ordinal_per": "term" },
        "amount": { "per_day": "40.00" }
    });
    for (name, value) in more.as_object().unwrap() {
        pays[name] = value.clone();
    }
    json!({ "daily_allowance": pays })
}

fn with_stays(stays: &[Stay]) -> Facts {
    Facts { stays: stays.to_vec(), ..illness(2014) }
}

fn with_receipts(amounts: &[&str]) -> Facts {
    let day = |i: usize| date(2014, 5, i8::try_from(i).unwrap().saturating_add(1));
    let bills = amounts.iter().enumerate().map(|(i, amount)| receipt(day(i), amount)).collect();
    Facts { bills, ..illness(2014) }
}

fn with_diagnoses(diagnoses: &[(&str, Severity)]) -> Facts {
    let of = |(code, severity): &(&str, _)| diagnosis(code, *severity, date(2014, 3, 1));
    Facts { diagnoses: diagnoses.iter().map(of).collect(), ..illness(2014) }
}

/// Expects a cover of the year to be paid `total`.
#[track_caller]
fn gives(terms: &Value, facts: &Facts, total: &str) {
    let terms = read(terms.clone());
    pays(&terms, &cover(&terms, 2014), &[], facts, total);
}

#[track_caller]
fn refuses(terms: &Value, facts: &Facts, rejection: Rejection) {
    let terms = read(terms.clone());
    assert_eq!(assess(&terms, &cover(&terms, 2014), &[], facts), Err(rejection));
}

/// Expects these claims, one after another on one cover, to be paid these totals.
#[track_caller]
fn give_in_turn(terms: &Value, claims: &[(Facts, &str)]) {
    let terms = read(terms.clone());
    let mut standing = cover(&terms, 2014);
    for (facts, total) in claims {
        let paid = assessed(&terms, &standing, &[], facts);
        assert_eq!(paid.total, yuan(total), "{:#?}", paid.trace);
        standing = after(standing, &paid);
    }
}

fn february(days: i64, amount: &str) -> Stay {
    stay("FEB", date(2014, 2, 1), days, amount)
}

fn june(days: i64, amount: &str) -> Stay {
    stay("JUN", date(2014, 6, 1), days, amount)
}
