//! Terms that are unknown or contradict themselves, and the path that names them.

use super::*;

/// The catalogue's file with the value at `pointer` replaced; `-` at its end adds a field or item.
fn changed(name: &str, pointer: &str, value: Value) -> Value {
    let mut file = file(name);
    let (parent, last) = pointer.rsplit_once('/').unwrap();
    match file.pointer_mut(parent).unwrap() {
        Value::Object(fields) => {
            fields.insert(last.to_owned(), value);
        }
        Value::Array(items) => {
            let place: usize = last.parse().unwrap();
            if place == items.len() { items.push(value) } else { items[place] = value }
        }
        leaf @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => {
            panic!("{leaf} has no fields")
        }
    }
    file
}

/// Expects the first error to be this one.
#[track_caller]
fn refused(name: &str, pointer: &str, value: Value, path: &str, why: &str) {
    let errors = PlanVersion::parse(changed(name, pointer, value)).unwrap_err();
    let first = &errors[0];
    assert_eq!((first.path.as_str(), first.why.as_str()), (path, why), "{errors:?}");
}

#[test]
fn an_unknown_field_is_named_by_its_path() {
    let path = "/benefits/0/pays/reimbursement/deductible/colour";
    let errors = PlanVersion::parse(changed("nuan-huzhu.2012", path, json!("red"))).unwrap_err();
    assert_eq!(errors.len(), 1);
    assert_eq!(errors[0].path, path);
    assert!(errors[0].why.starts_with("unknown field `colour`"), "{}", errors[0].why);
}

#[test]
fn a_malformed_figure_is_named_by_its_path() {
    let rate = "/benefits/0/pays/reimbursement/rates/0/rate";
    let why = "must be a rate from 0 to 1 with at most six decimal places, such as \"0.20\"";
    refused("nuan-huzhu.2012", rate, json!("1.20"), rate, why);
    let fee = "/enrolment/contributions/0/by_units/0";
    refused("nuan-huzhu.2012", fee, json!("60.001"), fee, "finer than 0.01 yuan");
    let number = PlanVersion::parse(changed("nuan-huzhu.2012", rate, json!(0.2))).unwrap_err();
    assert_eq!(number[0].path, rate);
}

#[test]
fn a_figure_without_a_standing_is_refused() {
    refused(
        "nuan-huzhu.2012",
        "/minimum_payable",
        json!("10.00"),
        "/minimum_payable",
        "10.00 has no standing",
    );
}

#[test]
fn a_standing_that_points_at_nothing_is_refused() {
    refused(
        "nuan-huzhu.2012",
        "/standings",
        json!({ "": { "standing": "assumed" }, "/benefit": { "standing": "assumed" } }),
        "/standings/~1benefit",
        "points at nothing in the terms",
    );
}

#[test]
fn the_head_must_not_contradict_itself() {
    let name = "nuan-huzhu.2012";
    refused(
        name,
        "/effective/until",
        json!("2011-12-31"),
        "/effective/until",
        "2011-12-31 lies before 2012-01-01",
    );
    refused(name, "/term", json!({ "years": 1 }), "/selection", "needs a term of a calendar year");
    refused(
        name,
        "/covers_in_force",
        json!(true),
        "/covers_in_force",
        "only a version that is bound to a term can be revised within it",
    );
    refused(name, "/either_or", json!(["nuan-huzhu"]), "/either_or", "names the plan itself");
    refused("accident.2010-06", "/term", json!({ "years": 5 }), "/term/years", "must be 1 to 4");
    refused("accident.2010-06", "/name/zh", json!(""), "/name/zh", "must be 1 to 120 characters");
}

#[test]
fn enrolment_must_not_contradict_itself() {
    let name = "accident.2010-06";
    refused(
        name,
        "/enrolment/contributions/0/by_units",
        json!(["26.00", "50.00"]),
        "/enrolment/contributions/0/by_units",
        "must hold 1 figure or 4",
    );
    refused(
        name,
        "/enrolment/mode",
        json!("automatic"),
        "/enrolment/participation",
        "nobody takes part by roster in an automatic plan",
    );
    refused(
        "female-disease.v6",
        "/enrolment/age_female",
        json!({ "from": 61, "below": 61 }),
        "/enrolment/age_female",
        "nobody is 61 and below 61",
    );
    refused(
        "non-work-accident.2016",
        "/enrolment/union_pays",
        json!("0.50"),
        "/enrolment/union_pays",
        "there is no contribution to split",
    );
}

#[test]
fn benefits_must_not_contradict_themselves() {
    let name = "female-disease.v12";
    refused(name, "/benefits", json!([]), "/benefits", "a plan needs a benefit");
    refused(
        name,
        "/benefits/0/reduced",
        Value::Null,
        "/benefits/0/reduced",
        "the plan has days of reduced benefit: say what they pay",
    );
    refused(
        name,
        "/benefits/0/cause",
        json!("any"),
        "/benefits/0/cause",
        "a lump sum needs a list of diseases",
    );
    refused(
        name,
        "/benefits/0/cause",
        json!({ "one_of": ["gout"] }),
        "/benefits/0/cause/one_of/0",
        "there is no disease gout",
    );
    refused(
        name,
        "/benefits/0/pays/lump_sum/amounts/1/severities",
        json!(["ordinary"]),
        "/benefits/0/pays/lump_sum/amounts",
        "a class has two amounts",
    );
    refused(
        name,
        "/benefits/0/claim_window",
        json!({ "by": { "month": 2, "day": 29 } }),
        "/benefits/0/claim_window/by",
        "must be a day of every year",
    );
    refused(
        "accident.2010-06",
        "/benefits/1/pays/grade_table/grades/1/amount",
        json!("20000.00"),
        "/benefits/1/pays/grade_table/grades",
        "grades must rise and their amounts must not",
    );
}

#[test]
fn rates_and_deductibles_have_one_answer_for_every_case() {
    let name = "nuan-huzhu.2012";
    let rates = "/benefits/0/pays/reimbursement/rates";
    refused(
        name,
        rates,
        json!([{ "rate": "0.20", "applies": { "classes": ["ordinary"] } }]),
        rates,
        "for model workers, stay 1 in a hospital of grade 1 the rates must begin at 0 and rise",
    );
    refused(
        name,
        rates,
        json!([{ "rate": "0.20" }, { "rate": "0.30" }]),
        rates,
        "for ordinary members, stay 1 in a hospital of grade 1 the rates must begin at 0 and rise",
    );
    refused(
        name,
        rates,
        json!([{ "rate": "0.20", "applies": { "stays_from": 1 } }]),
        "/benefits/0/pays/reimbursement/rates/0/applies",
        "what is settled here is not a single stay",
    );
    let amounts = "/benefits/0/pays/reimbursement/deductible/amounts";
    refused(
        "hospital-medical.2011",
        amounts,
        json!([{ "amount": "1300.00", "applies": { "stays_to": 1 } }]),
        amounts,
        "no row fits ordinary members, stay 2 in a hospital of grade 1",
    );
    refused(
        "hospital-medical.2011",
        "/benefits/0/pays/reimbursement/of",
        json!("outpatient"),
        "/benefits/0/pays/reimbursement/stays",
        "receipts are not stays",
    );
}

#[test]
fn ceilings_and_groups_must_not_contradict_themselves() {
    let name = "accident.2010-06";
    refused(
        name,
        "/ceilings/0/benefits/0",
        json!("dental"),
        "/ceilings/0/benefits/0",
        "there is no benefit dental",
    );
    refused(
        name,
        "/ceilings/0/benefits",
        json!(["death"]),
        "/ceilings/0/benefits",
        "only daily allowances are counted in days",
    );
    refused(
        name,
        "/ceilings/2/at_most",
        json!({ "amount": "0.00" }),
        "/ceilings/2/at_most",
        "must be above zero",
    );
    refused(name, "/ceilings/1/code", json!("hospital-days"), "/ceilings/1/code", "stands twice");
    refused(
        name,
        "/one_of/0/benefits",
        json!(["death"]),
        "/one_of/0/benefits",
        "needs two benefits or more",
    );
}
