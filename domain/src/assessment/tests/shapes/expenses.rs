//! Rates, deductibles, ceilings, offsets, roundings.

use rust_decimal::RoundingStrategy;
use serde_json::json;

use super::*;
use crate::claim::facts::{Offset, Payer};

#[test]
fn slices_rise_and_bands_take_the_whole_amount() {
    let rates = json!([{ "rate": "0.10" }, { "above": "1000.00", "rate": "0.50" }]);
    let slices = paying(of_receipts(json!({ "rates": rates })));
    gives(&slices, &with_receipts(&["1500"]), "350.00");
    let bands = paying(of_receipts(json!({ "rates": rates, "scale": "bands" })));
    gives(&bands, &with_receipts(&["999.99"]), "100.00");
    gives(&bands, &with_receipts(&["1000"]), "500.00");
}

#[test]
fn a_deductible_is_borne_for_each_receipt_each_claim_or_each_year() {
    let terms = |per: &str, settle: &str| {
        let deductible = json!({ "per": per, "amounts": [{ "amount": "100.00" }] });
        paying(of_receipts(json!({ "settle": settle, "deductible": deductible })))
    };
    let two = with_receipts(&["300", "80"]);
    give_in_turn(&terms("item", "each_item"), &[(two.clone(), "100.00")]);
    give_in_turn(&terms("claim", "claim"), &[(two.clone(), "140.00"), (two.clone(), "140.00")]);
    for (per, settle) in [("year", "year"), ("year", "claim"), ("term", "term")] {
        let claims = [(two.clone(), "140.00"), (two.clone(), "190.00")];
        give_in_turn(&terms(per, settle), &claims);
    }
}

#[test]
fn first_and_later_stays_bear_and_pay_differently() {
    let terms = paying(of_stays(json!({
        "deductible": { "per": "item", "amounts": [
            { "amount": "1000.00", "applies": { "stays_to": 1 } },
            { "amount": "500.00", "applies": { "stays_from": 2 } }
        ] },
        "rates": [
            { "rate": "0.70", "applies": { "stays_to": 1 } },
            { "rate": "0.60", "applies": { "stays_from": 2, "stays_to": 2 } },
            { "rate": "0.50", "applies": { "stays_from": 3 } }
        ]
    })));
    let august = stay("AUG", date(2014, 8, 1), 5, "1500");
    let all = with_stays(&[february(5, "2000"), june(5, "1500"), august.clone()]);
    gives(&terms, &all, "1800.00");
    let in_turn = [
        (with_stays(&[february(5, "2000")]), "700.00"),
        (with_stays(&[june(5, "1500")]), "600.00"),
        (with_stays(&[august]), "500.00"),
    ];
    give_in_turn(&terms, &in_turn);
}

#[test]
fn rates_go_by_class_and_by_grade_of_the_hospital() {
    let terms = read(paying(of_stays(json!({ "rates": [
        { "rate": "0.90", "applies": { "classes": ["hardship"] } },
        { "rate": "0.40", "applies": { "classes": ["ordinary", "model_worker"], "hospital_grades": [3] } },
        { "rate": "0.60", "applies": { "classes": ["ordinary", "model_worker"], "hospital_grades": [1, 2] } }
    ] }))));
    let second_grade = Stay { hospital_grade: 2, ..june(5, "1000") };
    let facts = with_stays(&[february(5, "1000"), second_grade]);
    let ordinary = cover(&terms, 2014);
    pays(&terms, &ordinary, &[], &facts, "1000.00");
    let hardship = CoverStanding { class: MemberClass::Hardship, ..ordinary };
    pays(&terms, &hardship, &[], &facts, "1800.00");
}

#[test]
fn a_special_disease_bears_the_deductible_once() {
    let terms = published("hospital-medical.2011");
    let special = Stay { special_disease: true, ..june(5, "1650") };
    let facts = with_stays(&[february(5, "2300"), special]);
    pays(&terms, &cover(&terms, 2014), &[], &facts, "1425.00");
}

#[test]
fn ceilings_of_a_claim_a_day_and_a_stay() {
    let stays = with_stays(&[february(5, "2000"), june(2, "600")]);
    let terms = |per| ceiling(paying(of_stays(json!({}))), per, json!({ "amount": "150.00" }));
    gives(&terms("claim"), &stays, "150.00");
    // 750 of 1,000 for five days, and 300 for two.
    gives(&terms("day"), &stays, "1050.00");
    gives(&terms("stay"), &stays, "300.00");
}

#[test]
fn ceilings_of_a_year_a_term_and_a_lifetime() {
    let first = with_stays(&[february(5, "1000")]);
    let second = with_stays(&[june(5, "1000")]);
    for per in ["year", "term", "lifetime"] {
        let terms = ceiling(paying(of_stays(json!({}))), per, json!({ "amount": "700.00" }));
        give_in_turn(&terms, &[(first.clone(), "500.00"), (second.clone(), "200.00")]);
    }
    let terms =
        read(ceiling(paying(of_stays(json!({}))), "lifetime", json!({ "amount": "700.00" })));
    let paid = assessed(&terms, &cover(&terms, 2014), &[], &first);
    assert!(paid.uses.keys().any(AccumulatorKey::is_lifetime));
}

#[test]
fn a_ceiling_may_hold_for_some_benefits_and_for_each_unit() {
    let mut terms = paying(of_stays(json!({})));
    let mut other = terms["benefits"][0].clone();
    other["code"] = json!("other");
    terms = with(terms, "/benefits/1", other);
    terms = ceiling(terms, "term", json!({ "amount": "100.00" }));
    terms["ceilings"][0]["benefits"] = json!(["it"]);
    gives(&terms, &with_stays(&[june(5, "1000")]), "600.00");

    terms["ceilings"][0]["per_unit"] = json!(true);
    let terms = read(terms);
    let two = CoverStanding { units: 2, ..cover(&terms, 2014) };
    pays(&terms, &two, &[], &with_stays(&[june(5, "1000")]), "700.00");
}

#[test]
fn less_than_the_minimum_payable_is_not_paid() {
    let terms = with(paying(of_receipts(json!({}))), "/minimum_payable", json!("50.00"));
    gives(&terms, &with_receipts(&["99.98"]), "0.00");
    gives(&terms, &with_receipts(&["100"]), "50.00");
}

#[test]
fn what_others_paid_is_taken_off_once() {
    let net = |code: &str| {
        let pays = of_receipts(json!({ "net_of": ["supplementary_insurance"] }));
        let mut benefit = paying(pays)["benefits"][0].clone();
        benefit["code"] = json!(code);
        benefit
    };
    let mut terms = paying(of_receipts(json!({})));
    terms["benefits"] = json!([net("first"), net("second")]);
    let offset = |payer, amount| Offset { payer, amount: yuan(amount) };
    let facts = Facts {
        offsets: vec![offset(Payer::SupplementaryInsurance, "150"), offset(Payer::Other, "1000")],
        ..with_receipts(&["100"])
    };
    // 100 of the 150 are taken off the first benefit, the other 50 off the second.
    gives(&terms, &facts, "25.00");
}

#[test]
fn relief_pays_the_whole_band_and_less_what_was_paid() {
    let terms = published("secondary-relief.2014");
    let with_aid = |self_pay, aid| Facts {
        offsets: vec![Offset { payer: Payer::MutualAid, amount: yuan(aid) }],
        ..with_stays(&[stay(&format!("S-{self_pay}"), date(2014, 6, 1), 5, self_pay)])
    };
    let standing = cover(&terms, 2014);
    pays(&terms, &standing, &[], &with_aid("60000", "10000.01"), "0.00");
    pays(&terms, &standing, &[], &with_aid("60000", "10000"), "3000.00");
    pays(&terms, &standing, &[], &with_aid("700000", "0"), "30000.00");
    let first = assessed(&terms, &standing, &[], &with_aid("60000", "0"));
    let second = with_aid("50000", "0");
    pays(&terms, &after(standing, &first), &[], &second, "3000.00");
}

#[test]
fn a_part_of_a_fen_is_rounded_as_the_plan_says() {
    for (rounding, total) in [("half_up", "0.51"), ("down", "0.50"), ("up", "0.51")] {
        let terms = with(paying(of_receipts(json!({}))), "/rounding", json!(rounding));
        let terms = read(terms);
        let paid = assessed(&terms, &cover(&terms, 2014), &[], &with_receipts(&["1.01"]));
        assert_eq!(paid.total, yuan(total), "{rounding}");
        let said = paid.trace.iter().find_map(|step| step.rounding);
        assert_eq!(said, Some(terms.rounding), "a rounding names its strategy");
    }
    assert_eq!(Rounding::HalfUp.strategy(), RoundingStrategy::MidpointAwayFromZero);
}
