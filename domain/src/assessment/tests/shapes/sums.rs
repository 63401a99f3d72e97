//! Lump sums, tables, losses, events, units.

use serde_json::json;

use super::*;
use crate::claim::facts::{Disability, Loss};

#[test]
fn a_lump_sum_is_paid_in_all_for_each_class_or_for_each_disease() {
    let amounts = json!([
        { "severities": ["heavy"], "amount": "10000.00" },
        { "severities": ["light", "in_situ"], "amount": "2000.00" }
    ]);
    let terms = |once: &str| {
        let mut terms = paying(json!({ "lump_sum": { "amounts": amounts, "once": once } }));
        terms["benefits"][0]["cause"] = json!("listed");
        terms
    };
    let all = with_diagnoses(&[
        ("C50", Severity::Light),
        ("C50.1", Severity::Heavy),
        ("C34", Severity::Heavy),
    ]);
    gives(&terms("in_all"), &all, "10000.00");
    gives(&terms("per_class"), &all, "12000.00");
    gives(&terms("per_disease"), &all, "20000.00");
    gives(&terms("in_all"), &with_diagnoses(&[("C50", Severity::Ordinary)]), "0.00");

    let light = with_diagnoses(&[("C50", Severity::Light)]);
    let heavy = with_diagnoses(&[("C34", Severity::Heavy)]);
    let light_then_heavy = |second| [(light.clone(), "2000.00"), (heavy.clone(), second)];
    give_in_turn(&terms("in_all"), &light_then_heavy("0.00"));
    give_in_turn(&terms("per_class"), &light_then_heavy("10000.00"));
    give_in_turn(&terms("per_disease"), &light_then_heavy("10000.00"));
}

#[test]
fn a_cover_may_go_on_without_the_paid_disease() {
    let amounts = json!([{ "severities": ["ordinary"], "amount": "10000.00" }]);
    let mut terms = paying(json!({ "lump_sum": { "amounts": amounts, "once": "per_disease" } }));
    terms["benefits"][0]["cause"] = json!("listed");
    terms["benefits"][0]["after_payment"] = json!("ends_disease");
    let breast = with_diagnoses(&[("C50", Severity::Ordinary)]);
    let lung = with_diagnoses(&[("C34", Severity::Ordinary)]);
    let claims = [(breast.clone(), "10000.00"), (breast, "0.00"), (lung, "10000.00")];
    give_in_turn(&terms, &claims);
}

#[test]
fn what_the_code_cannot_tell_waits_for_a_reviewer() {
    let terms = published("female-disease.v8");
    let mut facts = with_diagnoses(&[("C54.9", Severity::Ordinary)]);
    let unseen = assessed(&terms, &cover(&terms, 2014), &[], &facts);
    assert_eq!(unseen.total, Money::ZERO);
    let disease = "Sarcoma of the uterus".to_owned();
    let finding = Finding::ReviewWanted { code: id("C54.9"), disease };
    assert!(unseen.findings.contains(&finding));
    facts.diagnoses[0].confirmed_by_review = true;
    pays(&terms, &cover(&terms, 2014), &[], &facts, "10000.00");
    // The plain entry of the same code needs no reviewer.
    let plain = with_diagnoses(&[("C54.1", Severity::Ordinary)]);
    pays(&terms, &cover(&terms, 2014), &[], &plain, "10000.00");
}

#[test]
fn secondary_and_pre_existing_disease_are_excluded() {
    let terms = published("female-disease.v6");
    let mut facts = with_diagnoses(&[("C50", Severity::Ordinary)]);
    facts.diagnoses[0].secondary = true;
    pays(&terms, &cover(&terms, 2014), &[], &facts, "0.00");
    facts.diagnoses[0].secondary = false;
    facts.diagnoses[0].pre_existing = true;
    pays(&terms, &cover(&terms, 2014), &[], &facts, "0.00");
}

#[test]
fn a_grade_of_disability_pays_by_the_table() {
    let grades = json!([{ "grade": 1, "amount": "5000.00" }, { "grade": 4, "amount": "1000.00" }]);
    let table = json!({ "grades": grades, "assess_after_days": 180 });
    let terms = read(paying(json!({ "grade_table": table })));
    let of = |grade, assessed_on| Facts {
        disability: Some(Disability { grade, assessed_on }),
        ..facts(IncidentKind::WorkAccident, 2014)
    };
    let standing = cover(&terms, 2014);
    pays(&terms, &standing, &[], &of(1, date(2014, 9, 1)), "5000.00");
    pays(&terms, &standing, &[], &of(4, date(2014, 9, 1)), "1000.00");
    pays(&terms, &standing, &[], &of(5, date(2014, 9, 1)), "0.00");
    let early = assessed(&terms, &standing, &[], &of(1, date(2014, 6, 30)));
    assert_eq!(early.findings, [Finding::AssessedEarly { days: 179, days_wanted: 180 }]);
}

#[test]
fn death_and_disability_are_not_both_paid() {
    let terms = published("accident.2010-06");
    let mut facts = facts(IncidentKind::WorkAccident, 2014);
    facts.disability = Some(Disability { grade: 2, assessed_on: date(2014, 9, 1) });
    let disabled = assessed(&terms, &cover(&terms, 2014), &[], &facts);
    assert_eq!(disabled.total, yuan("13500.00"));
    facts.death = Some(date(2014, 10, 1));
    pays(&terms, &cover(&terms, 2014), &[], &facts, "15000.00");
    pays(&terms, &after(cover(&terms, 2014), &disabled), &[], &facts, "0.00");
}

#[test]
fn another_accident_of_the_term_is_paid_for_itself() {
    let terms = published("accident.2010-06");
    let accident = |day, grade| Facts {
        incident: Incident { kind: IncidentKind::WorkAccident, date: day },
        disability: Some(Disability { grade, assessed_on: date(2014, 12, 1) }),
        ..facts(IncidentKind::WorkAccident, 2014)
    };
    let standing = cover(&terms, 2014);
    let slight = assessed(&terms, &standing, &[], &accident(date(2014, 3, 1), 10));
    assert_eq!(slight.total, yuan("1500.00"));
    let standing = after(standing, &slight);
    pays(&terms, &standing, &[], &accident(date(2014, 3, 1), 1), "0.00");
    pays(&terms, &standing, &[], &accident(date(2014, 10, 1), 2), "13500.00");
}

#[test]
fn a_group_of_benefits_may_be_paid_once_in_a_term() {
    let mut terms = serde_json::to_value(published("accident.2010-06")).unwrap();
    terms["one_of"][0]["over"] = json!("term");
    terms["standings"] = json!({ "": { "standing": "assumed" } });
    let accident = |day| {
        let mut claim = facts(IncidentKind::WorkAccident, 2014);
        claim.incident.date = day;
        claim.disability = Some(Disability { grade: 10, assessed_on: date(2014, 12, 1) });
        claim
    };
    let claims = [(accident(date(2014, 3, 1)), "1500.00"), (accident(date(2014, 10, 1)), "0.00")];
    give_in_turn(&terms, &claims);
}

#[test]
fn a_diagnosis_that_still_waits_takes_nothing_from_another() {
    let terms = published("female-disease.v12");
    let mut standing = cover(&terms, 2019);
    standing.waiting = Waiting::From(date(2019, 1, 1));
    let waits = diagnosis("C73", Severity::Ordinary, date(2019, 1, 20));
    let reduced = diagnosis("C56", Severity::Ordinary, date(2019, 2, 20));
    let full = diagnosis("C50", Severity::Ordinary, date(2019, 3, 20));
    let of = |diagnoses: &[&Diagnosis]| Facts {
        diagnoses: diagnoses.iter().copied().cloned().collect(),
        ..illness(2019)
    };
    for order in [[&waits, &full], [&full, &waits], [&reduced, &full], [&full, &reduced]] {
        pays(&terms, &standing, &[], &of(&order), "15000.00");
    }
    pays(&terms, &standing, &[], &of(&[&waits, &reduced]), "500.00");
}

#[test]
fn a_disease_that_is_paid_brings_its_stay_though_another_still_waits() {
    let terms = published("female-disease.v6");
    let mut standing = cover(&terms, 2014);
    standing.waiting = Waiting::From(date(2014, 1, 1));
    let facts = Facts {
        diagnoses: vec![
            diagnosis("C53", Severity::Ordinary, date(2014, 1, 20)),
            diagnosis("C50", Severity::Ordinary, date(2014, 6, 1)),
        ],
        stays: vec![june(4, "0")],
        ..illness(2014)
    };
    pays(&terms, &standing, &[], &facts, "12104.00");
}

#[test]
fn a_loss_is_shared_up_to_a_ceiling() {
    let terms = published("non-work-accident.2016");
    let lost = |kind, amount| Facts {
        losses: vec![Loss { kind, amount: yuan(amount) }],
        ..facts(IncidentKind::PropertyDamage, 2016)
    };
    let standing = cover(&terms, 2016);
    pays(&terms, &standing, &[], &lost(LossKind::Fire, "12345.67"), "1234.57");
    pays(&terms, &standing, &[], &lost(LossKind::Fire, "50000"), "3000.00");
    pays(&terms, &standing, &[], &lost(LossKind::BurstPipe, "12000"), "10000.00");
    let earlier = published("non-work-accident.2012");
    let refused = assess(&earlier, &cover(&earlier, 2016), &[], &lost(LossKind::BurstPipe, "1"));
    assert_eq!(
        refused,
        Err(Rejection::NothingCovered { benefits: "death, disability, fire".to_owned() })
    );
}

#[test]
fn a_term_has_so_many_claims() {
    let terms = ceiling(paying(of_receipts(json!({}))), "term", json!({ "claims": 2 }));
    let claim = with_receipts(&["100"]);
    let claims = [(claim.clone(), "50.00"), (claim.clone(), "50.00"), (claim, "0.00")];
    give_in_turn(&terms, &claims);
}

#[test]
fn units_above_the_most_are_void() {
    let mut terms = paying(json!({ "fixed": { "on": "death", "amount": "1000.00" } }));
    terms["benefits"][0]["per_unit"] = json!(true);
    let terms = read(terms);
    let facts = Facts { death: Some(date(2014, 2, 1)), ..illness(2014) };
    for (units, total) in [(1, "1000.00"), (2, "2000.00"), (5, "2000.00")] {
        pays(&terms, &CoverStanding { units, ..cover(&terms, 2014) }, &[], &facts, total);
    }
}
