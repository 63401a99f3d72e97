//! One test for each shape of terms: all of them are data.

use rust_decimal::RoundingStrategy;
use serde_json::{Value, json};

use super::*;
use crate::claim::facts::{Disability, JoinReason, Joins, Loss, Offset, Payer};

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
fn days_are_paid_after_the_first_up_to_a_stay_and_a_term() {
    let terms = |per| {
        let pays = per_day(json!({ "unpaid_first_days": 3 }));
        ceiling(paying(pays), per, json!({ "days": 10 }))
    };
    let two = with_stays(&[february(20, "0"), june(8, "0")]);
    gives(&terms("stay"), &two, "600.00");
    gives(&terms("claim"), &two, "400.00");
    let first = (with_stays(&[february(8, "0")]), "200.00");
    give_in_turn(&terms("term"), &[first, (with_stays(&[june(20, "0")]), "200.00")]);
}

#[test]
fn both_days_may_count_and_a_table_may_pay_by_length() {
    gives(&paying(per_day(json!({}))), &with_stays(&[june(3, "0")]), "120.00");
    let both = paying(per_day(json!({ "day_count": "both_days" })));
    gives(&both, &with_stays(&[june(3, "0")]), "160.00");

    let rows =
        json!([{ "days_from": 3, "amount": "200.00" }, { "days_from": 8, "amount": "500.00" }]);
    let table = paying(per_day(json!({ "amount": { "by_length": rows } })));
    for (days, total) in [(2, "0.00"), (3, "200.00"), (7, "200.00"), (8, "500.00")] {
        gives(&table, &with_stays(&[june(days, "0")]), total);
    }
}

#[test]
fn a_low_grade_of_hospital_and_mental_illness_do_not_count() {
    let stays =
        json!({ "belongs_by": "admission", "ordinal_per": "term", "hospital_grade_min": 2 });
    let terms = paying(per_day(json!({ "stays": stays })));
    let terms = with(terms, "/exclusions", json!({ "mental_illness": true }));
    gives(&terms, &with_stays(&[Stay { hospital_grade: 1, ..june(5, "0") }]), "0.00");
    gives(&terms, &with_stays(&[Stay { hospital_grade: 2, ..june(5, "0") }]), "200.00");
    gives(&terms, &with_stays(&[Stay { mental_illness: true, ..june(5, "0") }]), "0.00");
}

#[test]
fn stays_for_the_same_cause_are_one_even_in_two_claims() {
    let stays = json!({
        "belongs_by": "admission", "ordinal_per": "term", "same_cause_joins_within_months": 3
    });
    let terms = paying(per_day(json!({ "stays": stays, "unpaid_first_days": 3 })));
    let of = |stay: Stay, code| Stay { cause: Some(id(code)), ..stay };
    let february = of(february(10, "0"), "I21.0");
    let march = of(stay("MAR", date(2014, 4, 30), 5, "0"), "I21.9");
    let other = of(stay("APR", date(2014, 4, 20), 5, "0"), "J18");
    let late = of(stay("SEP", date(2014, 9, 1), 5, "0"), "I21.0");
    gives(&terms, &with_stays(&[february.clone(), march.clone()]), "480.00");
    gives(&terms, &with_stays(&[february.clone(), other.clone()]), "360.00");
    give_in_turn(
        &terms,
        &[
            (with_stays(&[february]), "280.00"),
            (with_stays(&[march]), "200.00"),
            (with_stays(&[other]), "80.00"),
            (with_stays(&[late]), "80.00"),
        ],
    );
}

fn joining(reason: JoinReason, stay: Stay) -> Stay {
    Stay { joins: Some(Joins { serial: id("FEB"), reason }), ..stay }
}

#[test]
fn observation_and_transfer_join_a_stay() {
    let terms = published("hospital-medical.2011");
    let standing = cover(&terms, 2014);
    let first = february(2, "2300");
    let after = |day: i8| stay("NEXT", date(2014, 2, day), 5, "1650");
    let transfer = |slip, hours| JoinReason::Transfer { slip, hours };
    // One deductible and the first rate for 3,950, or two of each.
    let (one, two) = ("1590.00", "1100.00");
    for (reason, day, total) in [
        (transfer(true, 24), 4, one),
        (transfer(true, 25), 4, two),
        (transfer(false, 2), 3, two),
        (JoinReason::Observation, 10, one),
        (JoinReason::Observation, 11, two),
    ] {
        let facts = with_stays(&[first.clone(), joining(reason, after(day))]);
        pays(&terms, &standing, &[], &facts, total);
    }
}

#[test]
fn a_slip_after_payment_does_not_reopen_the_claim() {
    let terms = published("hospital-medical.2011");
    let paid = assessed(&terms, &cover(&terms, 2014), &[], &with_stays(&[february(2, "2300")]));
    let reason = JoinReason::Transfer { slip: true, hours: 2 };
    let late = with_stays(&[joining(reason, stay("NEXT", date(2014, 2, 3), 5, "1650"))]);
    let second = assessed(&terms, &after(cover(&terms, 2014), &paid), &[], &late);
    assert_eq!(second.total, yuan("500.00"));
    let finding = Finding::JoinOutsideClaim { stay: id("NEXT"), joins: id("FEB") };
    assert!(second.findings.contains(&finding));
}

#[test]
fn a_stay_past_its_settlement_cycle_is_one_more_stay() {
    let terms = published("nuan-huzhu.2014-revised");
    let standing = cover(&terms, 2014);
    // Each cycle bears its deductible on its share of the expense: one day of 91 has 102.20.
    for (days, total) in [(90, "1600.00"), (91, "1579.56"), (181, "1459.72")] {
        let facts = with_stays(&[february(days, "9300")]);
        pays(&terms, &standing, &["inpatient"], &facts, total);
    }
}

#[test]
fn a_stay_across_the_year_belongs_where_the_plan_says() {
    let across = with_stays(&[stay("DEC", date(2013, 12, 22), 20, "1000")]);
    let by = |day: &str| {
        let stays = json!({ "belongs_by": day, "ordinal_per": "year" });
        paying(of_stays(json!({ "stays": stays })))
    };
    gives(&by("discharge"), &across, "500.00");
    let term = Term::new(date(2014, 1, 1), date(2014, 12, 31)).unwrap();
    refuses(&by("admission"), &across, Rejection::OutsideTerm { date: date(2013, 12, 22), term });
    // Ten of the twenty nights lie in each year.
    gives(&by("each_day"), &across, "250.00");

    let stays = json!({ "belongs_by": "each_day", "ordinal_per": "term" });
    gives(&paying(per_day(json!({ "stays": stays }))), &across, "400.00");
}

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
fn waiting_reduces_by_a_share_and_is_waived_for_an_accident() {
    let mut terms = paying(per_day(json!({})));
    terms["waiting"] =
        json!({ "unpaid_days": 30, "reduced_days": 60, "waived_for_accident": true });
    terms["benefits"][0]["reduced"] = json!({ "share": "0.25" });
    let terms = read(terms);
    let waiting = CoverStanding { waiting: Waiting::From(date(2014, 1, 1)), ..cover(&terms, 2014) };
    let of =
        |kind, admitted| Facts { stays: vec![stay("S1", admitted, 10, "0")], ..facts(kind, 2014) };
    let ill = IncidentKind::Illness;
    pays(&terms, &waiting, &[], &of(ill, date(2014, 1, 30)), "0.00");
    pays(&terms, &waiting, &[], &of(ill, date(2014, 1, 31)), "100.00");
    pays(&terms, &waiting, &[], &of(ill, date(2014, 4, 1)), "400.00");
    let accident = of(IncidentKind::NonWorkAccident, date(2014, 1, 30));
    pays(&terms, &waiting, &[], &accident, "400.00");
    // A renewal in time does not wait.
    pays(&terms, &cover(&terms, 2014), &[], &of(ill, date(2014, 1, 30)), "400.00");
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
fn a_claim_window_ends_on_its_last_day() {
    let within = |length: Value, since: &str| {
        let mut terms = paying(of_stays(json!({})));
        let window = json!({ "within": { "since": since, "length": length } });
        terms["benefits"][0]["claim_window"] = window;
        terms
    };
    let applied = |applied_on| Facts { applied_on, ..with_stays(&[june(5, "1000")]) };
    let late =
        |applied_on, last_day| Rejection::WindowPassed { benefit: id("it"), applied_on, last_day };
    let days = within(json!({ "days": 30 }), "settlement");
    gives(&days, &applied(date(2014, 7, 6)), "500.00");
    refuses(&days, &applied(date(2014, 7, 7)), late(date(2014, 7, 7), date(2014, 7, 6)));
    let years = within(json!({ "years": 2 }), "incident");
    gives(&years, &applied(date(2016, 1, 2)), "500.00");
    refuses(&years, &applied(date(2016, 1, 3)), late(date(2016, 1, 3), date(2016, 1, 2)));

    let mut by = paying(of_stays(json!({})));
    by["benefits"][0]["claim_window"] = json!({ "by": { "month": 3, "day": 31 } });
    gives(&by, &applied(date(2015, 3, 31)), "500.00");
    refuses(&by, &applied(date(2015, 4, 1)), late(date(2015, 4, 1), date(2015, 3, 31)));
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

#[test]
fn what_lies_outside_the_cover_is_refused_with_its_figures() {
    let terms = paying(of_stays(json!({})));
    let term = Term::new(date(2014, 1, 1), date(2014, 12, 31)).unwrap();
    let early = with_stays(&[stay("S1", date(2013, 6, 1), 5, "100")]);
    refuses(&terms, &early, Rejection::OutsideTerm { date: date(2013, 6, 6), term });
    // What lies within still counts.
    gives(&terms, &with_stays(&[stay("S1", date(2013, 6, 1), 5, "100"), june(5, "100")]), "50.00");

    let terms = read(terms);
    let ended = date(2014, 3, 31);
    let closed = CoverStanding { ended: Some(ended), ..cover(&terms, 2014) };
    assert_eq!(
        assess(&terms, &closed, &[], &with_stays(&[june(5, "100")])),
        Err(Rejection::CoverEnded { date: date(2014, 6, 6), ended })
    );
}

#[test]
fn what_cannot_be_assessed_is_refused() {
    let terms = published("female-disease.v6");
    let standing = cover(&terms, 2014);
    let facts = with_diagnoses(&[("C50", Severity::Ordinary)]);
    let man = CoverStanding { sex: Sex::Male, ..standing.clone() };
    assert_eq!(assess(&terms, &man, &[], &facts), Err(Rejection::NotForSex { sex: Sex::Male }));

    let unborn = CoverStanding { born: date(2014, 1, 3), ..standing.clone() };
    let before = Rejection::BeforeBirth { date: date(2014, 1, 2) };
    assert_eq!(assess(&terms, &unborn, &[], &facts), Err(before));

    let other = CoverStanding { plan: id("accident"), ..standing.clone() };
    let mixed = Rejection::OtherPlan { cover: id("accident"), terms: id("female-disease") };
    assert_eq!(assess(&terms, &other, &[], &facts), Err(mixed));

    let offered = "disease, hospitalisation, hospital-days".to_owned();
    let unknown = Rejection::BenefitUnknown { benefit: id("dental"), offered };
    assert_eq!(assess(&terms, &standing, &[id("dental")], &facts), Err(unknown));

    let impossible = Facts { death: Some(date(2014, 1, 1)), ..facts };
    assert!(matches!(
        assess(&terms, &standing, &[], &impossible),
        Err(Rejection::FactsImpossible { path, .. }) if path == "death"
    ));
}

#[test]
fn late_notice_and_missing_papers_are_found() {
    let terms = published("female-disease.v6");
    let mut facts = with_diagnoses(&[("C50", Severity::Ordinary)]);
    facts.notified_on = Some(date(2014, 1, 13));
    let findings = assessed(&terms, &cover(&terms, 2014), &[], &facts).findings;
    assert!(findings.contains(&Finding::NotifiedLate { days: 11, days_max: 10 }));
    let report = Finding::DocumentMissing { document: DocumentKind::PathologyReport };
    assert!(findings.contains(&report));
    facts.notified_on = Some(date(2014, 1, 12));
    let findings = assessed(&terms, &cover(&terms, 2014), &[], &facts).findings;
    assert!(!findings.iter().any(|f| matches!(f, Finding::NotifiedLate { .. })));
}
