//! The cases of the project's article and of the plan texts, to the fen.

use super::*;

#[test]
fn g1_two_units_with_four_days_of_the_first_stay_pay_24208() {
    let terms = published("female-disease.v6");
    let cover = CoverStanding {
        units: 2,
        term: Term::new(date(2013, 1, 1), date(2014, 12, 31)).unwrap(),
        ..cover(&terms, 2014)
    };
    let facts = Facts {
        applied_on: date(2014, 11, 28),
        diagnoses: vec![diagnosis("C50.9", Severity::Ordinary, date(2014, 1, 20))],
        stays: vec![stay("S1", date(2014, 2, 10), 4, "9000")],
        ..illness(2014)
    };
    let assessment = assessed(&terms, &cover, &[], &facts);
    assert_eq!(assessment.total, yuan("24208.00"));
    let amounts: Vec<_> = assessment.lines.iter().map(|line| line.amount.to_string()).collect();
    assert_eq!(amounts, ["20000.00", "4000.00", "208.00"]);
    assert!(assessment.ends_cover);
}

fn above(amount: &str, year: i16) -> Facts {
    let mut facts = illness(year);
    let mut one = stay("S1", date(year, 9, 10), 20, "0");
    one.self_pay_one_above = yuan(amount);
    facts.stays.push(one);
    facts
}

#[test]
fn g2_four_stays_with_260000_above_the_ceiling_pay_189000() {
    let terms = published("nuan-huzhu.2014-revised");
    let mut facts = illness(2013);
    for (i, amount) in ["60000", "70000", "80000", "50000"].into_iter().enumerate() {
        let month = i8::try_from(i).unwrap().saturating_add(9);
        let mut one = stay(&format!("S{i}"), date(2013, month, 2), 20, "0");
        one.self_pay_one_above = yuan(amount);
        facts.stays.push(one);
    }
    pays(&terms, &cover(&terms, 2013), &["above-ceiling"], &facts, "189000.00");
    // The version of 2012 would have stopped at its slices and its year maximum.
    let old = published("nuan-huzhu.2012");
    pays(&old, &cover(&old, 2013), &["above-ceiling"], &facts, "90000.00");
}

#[test]
fn g3_the_year_maximum_binds_all_parts_together() {
    let terms = published("nuan-huzhu.2014-revised");
    let mut facts = above("570000", 2020);
    facts.bills.push(receipt(date(2020, 5, 1), "60000"));
    pays(&terms, &cover(&terms, 2020), &[], &facts, "200653.00");

    // In two claims, the first of receipts, the year is worth the same.
    let asks = ["above-ceiling"];
    let cover = cover(&terms, 2020);
    let first = assessed(&terms, &cover, &["outpatient"], &facts);
    let second = assessed(&terms, &after(cover, &first), &asks, &facts);
    assert_eq!(first.total, yuan("11640.00"));
    assert_eq!(first.total.plus(second.total).unwrap(), yuan("200653.00"));
}

#[test]
fn g4_slices_above_the_ceiling() {
    let cases = [
        ("30000", "12000.00", "12000.00"),
        ("50000", "20000.00", "20000.00"),
        ("80000", "38000.00", "38000.00"),
        ("100000", "50000.00", "50000.00"),
        ("120000", "66000.00", "66000.00"),
        ("150000", "90000.00", "90000.00"),
        ("200000", "135000.00", "90000.00"),
        ("260000", "189000.00", "90000.00"),
        ("300000", "190000.00", "90000.00"),
    ];
    let (revised, old) = (published("nuan-huzhu.2014-revised"), published("nuan-huzhu.2012"));
    for (amount, by_revised, by_old) in cases {
        pays(
            &revised,
            &cover(&revised, 2014),
            &["above-ceiling"],
            &above(amount, 2014),
            by_revised,
        );
        pays(&old, &cover(&old, 2012), &["above-ceiling"], &above(amount, 2012), by_old);
    }
}

#[test]
fn g5_below_the_ceiling() {
    let terms = published("nuan-huzhu.2014-revised");
    let ordinary = cover(&terms, 2014);
    let of = |class| CoverStanding { class, ..ordinary.clone() };
    let outpatient =
        |amount| Facts { bills: vec![receipt(date(2014, 5, 1), amount)], ..illness(2014) };
    let inpatient = |serial, month, amount| Facts {
        stays: vec![stay(serial, date(2014, month, 1), 10, amount)],
        ..illness(2014)
    };
    pays(&terms, &ordinary, &[], &outpatient("5800"), "800.00");
    pays(&terms, &of(MemberClass::ModelWorker), &[], &outpatient("5800"), "1000.00");
    pays(&terms, &ordinary, &[], &outpatient("1800"), "0.00");

    let first = assessed(&terms, &ordinary, &["inpatient"], &inpatient("S1", 2, "9300"));
    assert_eq!(first.total, yuan("1600.00"));
    let used = after(ordinary.clone(), &first);
    pays(&terms, &used, &["inpatient"], &inpatient("S2", 6, "4650"), "800.00");
    let hardship = of(MemberClass::Hardship);
    pays(&terms, &hardship, &["inpatient"], &inpatient("S1", 2, "9300"), "2162.50");
}

#[test]
fn g6_the_hospital_plan_and_the_free_plan_both_pay_for_one_bill() {
    let terms = published("hospital-medical.2011");
    let one =
        |amount| Facts { stays: vec![stay("S1", date(2014, 2, 1), 10, amount)], ..illness(2014) };
    let both = |amount| Facts {
        stays: vec![
            stay("S0", date(2014, 1, 10), 5, "1300"),
            stay("S1", date(2014, 2, 1), 10, amount),
        ],
        ..illness(2014)
    };
    let standing = cover(&terms, 2014);
    pays(&terms, &standing, &[], &one("9300"), "4800.00");
    pays(&terms, &standing, &[], &both("4650"), "2000.00");
    pays(&terms, &standing, &[], &one("1300"), "0.00");
    pays(&terms, &standing, &[], &both("650"), "0.00");

    let free = published("nuan-huzhu.2014-revised");
    let paid = assessed(&terms, &standing, &[], &one("9300"));
    let free_paid = assessed(&free, &cover(&free, 2014), &["inpatient"], &one("9300"));
    assert_eq!(paid.total.plus(free_paid.total).unwrap(), yuan("6400.00"));
}

#[test]
fn g7_three_plans_on_one_illness_pay_203700() {
    let mut facts = illness(2015);
    facts.diagnoses.push(diagnosis("C34.1", Severity::Ordinary, date(2015, 2, 1)));
    let mut first = stay("S1", date(2015, 2, 10), 30, "54225");
    first.self_pay_one_above = yuan("218330");
    facts.stays = vec![first, stay("S2", date(2015, 6, 1), 10, "4740")];

    let plans = [
        ("nuan-huzhu.2014-revised", "162900.00"),
        ("hospital-medical.2011", "33800.00"),
        ("critical-illness.2014", "7000.00"),
    ];
    let mut sum = Money::ZERO;
    for (file, total) in plans {
        let terms = published(file);
        let assessment = assessed(&terms, &cover(&terms, 2015), &[], &facts);
        assert_eq!(assessment.total, yuan(total), "{file}");
        sum = sum.plus(assessment.total).unwrap();
    }
    assert_eq!(sum, yuan("203700.00"));
}

#[test]
fn g8_days_in_hospital() {
    let three = published("hospital-allowance.2011");
    let one = published("hospital-allowance.2013-one-day");
    let days =
        |days| Facts { stays: vec![stay("S1", date(2012, 2, 1), days, "0")], ..illness(2012) };
    let standing = cover(&three, 2012);
    pays(&three, &standing, &[], &days(13), "400.00");
    pays(&three, &standing, &[], &days(3), "0.00");
    pays(&three, &standing, &[], &days(200), "7200.00");
    pays(&one, &standing, &[], &days(13), "480.00");
    pays(&one, &standing, &[], &days(1), "0.00");

    let used = CoverStanding {
        used: Accumulators::from([(id("days.term-days.term"), Decimal::from(170))]),
        ..standing
    };
    pays(&three, &used, &[], &days(30), "400.00");
}

#[test]
fn g9_six_diseases_with_a_stay_of_any_length() {
    let terms = published("female-disease.v6");
    let standing = cover(&terms, 2014);
    let mut facts = illness(2014);
    facts.diagnoses.push(diagnosis("C53", Severity::Ordinary, date(2014, 1, 20)));
    pays(&terms, &standing, &[], &facts, "10000.00");
    for (days, total) in [(20, "12520.00"), (200, "16680.00")] {
        facts.stays = vec![stay("S1", date(2014, 2, 1), days, "0")];
        pays(&terms, &standing, &[], &facts, total);
    }
}

#[test]
fn g10_the_waiting_period_to_the_day() {
    let terms = published("female-disease.v12");
    let first_day = date(2019, 3, 1);
    let standing = CoverStanding {
        term: Term::new(first_day, date(2020, 2, 29)).unwrap(),
        waiting: Waiting::From(first_day),
        ..cover(&terms, 2019)
    };
    let nth =
        |day: i64| first_day.checked_add(jiff::Span::new().days(day.saturating_sub(1))).unwrap();
    let on_day = |day: i64, severity| Facts {
        diagnoses: vec![diagnosis("C50", severity, nth(day))],
        ..illness(2019)
    };
    let ordinary = Severity::Ordinary;
    for (day, severity, total) in [
        (30, ordinary, "0.00"),
        (31, ordinary, "500.00"),
        (60, ordinary, "500.00"),
        (61, ordinary, "15000.00"),
        (61, Severity::InSitu, "2000.00"),
    ] {
        let assessment = assessed(&terms, &standing, &[], &on_day(day, severity));
        assert_eq!(assessment.total, yuan(total), "day {day}");
        assert_eq!(assessment.ends_cover, assessment.total.is_positive(), "day {day}");
    }
    let two = CoverStanding { units: 2, ..standing };
    pays(&terms, &two, &[], &on_day(61, ordinary), "30000.00");
}

#[test]
fn g11_contributions() {
    use crate::plan::Tier;
    let costs = |file: &str, units| {
        published(file).enrolment.contribution(Tier::Ordinary, units).unwrap().unwrap()
    };
    assert_eq!(costs("accident.2010-06", 3).times(3_497).unwrap(), yuan("258778"));
    let man = [
        costs("critical-illness.2014", 2),
        costs("hospital-allowance.2013-one-day", 1),
        costs("accident.2010-06", 2),
    ];
    let woman = man.into_iter().chain([costs("female-disease.v12", 2)]);
    assert_eq!(Money::sum(woman).unwrap(), yuan("240"));
    assert_eq!(Money::sum(man).unwrap(), yuan("190"));
}
