//! Days, joined stays, cycles, stays across a year.

use serde_json::json;

use super::*;
use crate::claim::facts::{JoinReason, Joins};

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
fn stays_that_are_one_bear_one_deductible_across_the_turn_of_the_year() {
    let terms = published("hospital-medical.2011");
    let mut standing = cover(&terms, 2014);
    standing.term = Term::new(date(2013, 7, 1), date(2014, 6, 30)).unwrap();
    let observed = stay("OBS", date(2013, 12, 30), 1, "900");
    let admitted = stay("STAY", date(2014, 1, 1), 9, "9300");
    let joins = Some(Joins { serial: id("OBS"), reason: JoinReason::Observation });
    let joined = with_stays(&[observed.clone(), Stay { joins, ..admitted.clone() }]);
    pays(&terms, &standing, &[], &joined, "5340.00");
    // Two stays: 900 lies under the first deductible, and 9,300 bears the one of a later stay.
    pays(&terms, &standing, &[], &with_stays(&[observed, admitted]), "4325.00");
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
