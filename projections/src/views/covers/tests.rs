//! What covers leave, and what coverage they add up to.

use huzhu_domain::assessment::{Accumulators, Waiting};
use huzhu_domain::cover::{self, EndReason};
use huzhu_domain::id::checked::Sex;
use huzhu_domain::id::{CoverId, MemberId, derive};
use huzhu_domain::member::MemberClass;
use huzhu_domain::money::Money;
use huzhu_domain::organisation::{self, Name, Parent, WorkersCounted};
use huzhu_domain::step::Level;
use huzhu_domain::term::Term;
use jiff::civil::{Date, date};
use proptest::prelude::*;

use crate::testing::shown::{Shown, shown};
use crate::testing::{Figures, History, year};

/// One unit of 40 members, each with a cover of 2014; every second one files a claim.
fn small() -> Shown {
    shown(&year(Figures { units: 1, members: 40, one_claim_of: 2 }))
}

fn organisation(history: &mut History, id: &str, level: Level, parent: Option<(&str, Level)>) {
    let registered = organisation::Registered {
        id: id.parse().unwrap(),
        level,
        name: Name { zh: id.to_owned(), en: None },
        parent: parent.map(|(id, level)| Parent { id: id.parse().unwrap(), level }),
        district: None,
        credit_code: None,
        has_union: true,
        workers: 100,
        on: date(2013, 12, 1),
    };
    history.push(format!("organisation-{id}"), organisation::Event::Registered(registered));
}

/// An office with a district of two townships, the first of which has two units.
fn organisations() -> History {
    let mut history = History::default();
    organisation(&mut history, "office", Level::Office, None);
    organisation(&mut history, "district", Level::District, Some(("office", Level::Office)));
    for township in ["town-1", "town-2"] {
        let district = Some(("district", Level::District));
        organisation(&mut history, township, Level::Township, district);
    }
    for (unit, township) in [("unit-1", "town-1"), ("unit-2", "town-1"), ("unit-3", "town-2")] {
        organisation(&mut history, unit, Level::Unit, Some((township, Level::Township)));
    }
    history
}

fn member(number: u32) -> MemberId {
    MemberId::new(derive(&["member", &number.to_string()]))
}

fn grant(history: &mut History, number: usize, of: u32, unit: &str, (start, end): (Date, Date)) {
    let cover = CoverId::new(derive(&["cover", &number.to_string()]));
    let granted = cover::Granted {
        cover,
        member: member(of),
        plan: "hospital-medical".parse().unwrap(),
        version: "2011".parse().unwrap(),
        roster: None,
        unit: unit.parse().unwrap(),
        district: Some("district".parse().unwrap()),
        class: MemberClass::Ordinary,
        sex: Sex::Female,
        born: date(1985, 6, 15),
        units: 1,
        term: Term::new(start, end).unwrap(),
        waiting: Waiting::Waived,
        renews: None,
        carried: Accumulators::new(),
        contribution: Money::ZERO,
        on: date(2013, 12, 16),
    };
    history.push(format!("cover-{cover}"), cover::Event::Granted(granted.into()));
}

fn end(history: &mut History, number: usize, on: Date) {
    let cover = CoverId::new(derive(&["cover", &number.to_string()]));
    let ended = cover::Event::Ended(cover::Ended { reason: EndReason::Requested, on });
    history.push(format!("cover-{cover}"), ended);
}

const GROWTH: &str = "SELECT month, members_change, members_in_force, workers, coverage
                        FROM organisation_growth WHERE organisation = 'miyun' ORDER BY month";

#[test]
fn coverage_is_told_for_every_level_by_month() {
    let views = small();
    let expected = ["2014-01|40|40|10|4.0000", "2014-02|0|40|40|1.0000", "2015-01|-40|0|40|0.0000"];
    assert_eq!(views.ask(GROWTH), expected);
    for organisation in ["unit-0", "office"] {
        assert_eq!(views.ask(&GROWTH.replace("miyun", organisation)), expected, "{organisation}");
    }
    let by_year = views.ask(
        "SELECT year, members_before, members_change, members_in_force, workers_before, workers,
                coverage_before, coverage
           FROM organisation_growth_by_year WHERE organisation = 'miyun' ORDER BY year",
    );
    assert_eq!(by_year, ["2014|0|40|40|0|40||1.0000", "2015|40|-40|0|40|40|1.0000|0.0000"]);
}

/// As the district of Miyun told in January 2015: 1,884 new members, 34,306 in all, and a coverage
/// that nearly doubled.
#[test]
fn the_growth_of_a_district_is_one_query() {
    const BEFORE: u32 = 32_422;
    const NEW: u32 = 1_884;
    let mut history = organisations();
    let mut count = |workers, on| {
        let counted = organisation::Event::WorkersCounted(WorkersCounted { workers, on });
        history.push("organisation-unit-1", counted);
    };
    count(119_800, date(2013, 3, 1));
    count(64_800, date(2014, 3, 1));
    for number in 0..BEFORE {
        let term = (date(2013, 1, 1), date(2014, 12, 31));
        grant(&mut history, number as usize, number, "unit-1", term);
    }
    for number in BEFORE..BEFORE + NEW {
        let term = (date(2014, 6, 1), date(2016, 5, 31));
        grant(&mut history, number as usize, number, "unit-3", term);
    }
    let views = shown(&history);
    let growth = "SELECT members_change, members_in_force, coverage_before, coverage
                    FROM organisation_growth_by_year WHERE organisation = 'district' AND year = 2014";
    assert_eq!(views.ask(growth), ["1884|34306|0.2702|0.5278"]);
}

#[test]
fn a_member_with_several_covers_counts_once_and_a_renewal_leaves_no_gap() {
    let mut history = organisations();
    let of_2014 = (date(2014, 1, 1), date(2014, 12, 31));
    grant(&mut history, 1, 1, "unit-1", of_2014);
    grant(&mut history, 2, 1, "unit-1", of_2014);
    grant(&mut history, 3, 1, "unit-2", of_2014);
    grant(&mut history, 4, 1, "unit-1", (date(2015, 1, 1), date(2015, 12, 31)));
    let views = shown(&history);
    let members = |organisation: &str| {
        views.ask(&format!(
            "SELECT month, members FROM coverage_changes
              WHERE organisation = '{organisation}' AND members != 0 ORDER BY month"
        ))
    };
    for organisation in ["unit-1", "town-1", "district", "office"] {
        assert_eq!(members(organisation), ["2014-01|1", "2016-01|-1"], "{organisation}");
    }
    assert_eq!(members("unit-2"), ["2014-01|1", "2015-01|-1"]);
    assert!(members("town-2").is_empty());
}

#[test]
fn a_cover_that_ends_early_is_out_of_the_month_it_ends_in() {
    let mut history = organisations();
    grant(&mut history, 1, 1, "unit-1", (date(2014, 1, 1), date(2014, 12, 31)));
    end(&mut history, 1, date(2014, 6, 29));
    let views = shown(&history);
    let changes = "SELECT month, members FROM coverage_changes
                    WHERE organisation = 'office' AND members != 0 ORDER BY month";
    assert_eq!(views.ask(changes), ["2014-01|1", "2014-06|-1"]);
}

type Bought = (u32, usize, u8, u8, Option<u8>);

fn any_covers() -> impl Strategy<Value = Vec<Bought>> {
    // Whose, at which unit, from which month, for how many months, and when it ends early.
    prop::collection::vec(
        (0..3_u32, 0..3_usize, 0..24_u8, 0..14_u8, prop::option::of(0..14_u8)),
        0..14,
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn members_in_force_are_those_that_the_covers_say(bought in any_covers()) {
        let units = ["unit-1", "unit-2", "unit-3"];
        let mut history = organisations();
        let months = |count: u8| jiff::Span::new().months(i64::from(count));
        for (number, (of, unit, from, length, ends)) in bought.into_iter().enumerate() {
            let start = date(2014, 1, 16).checked_add(months(from)).unwrap();
            let last = start.checked_add(months(length)).unwrap();
            grant(&mut history, number, of, units[unit], (start, last));
            if let Some(early) = ends.filter(|early| *early < length) {
                end(&mut history, number, start.checked_add(months(early)).unwrap());
            }
        }
        let views = shown(&history);
        let below = [
            ("unit-1", "'unit-1'"),
            ("unit-2", "'unit-2'"),
            ("town-1", "'unit-1', 'unit-2'"),
            ("town-2", "'unit-3'"),
            ("district", "'unit-1', 'unit-2', 'unit-3'"),
            ("office", "'unit-1', 'unit-2', 'unit-3'"),
        ];
        for (organisation, units) in below {
            for month in 0..40 {
                let day = date(2014, 1, 1).checked_add(months(month)).unwrap().last_of_month();
                let counted = views.number(&format!(
                    "SELECT coalesce(sum(members), 0) FROM coverage_changes
                      WHERE organisation = '{organisation}' AND month <= '{}'",
                    day.strftime("%Y-%m")
                ));
                let there = views.number(&format!(
                    "SELECT count(DISTINCT member) FROM covers
                      WHERE unit IN ({units}) AND term_start <= '{day}' AND last_day >= '{day}'"
                ));
                prop_assert_eq!(counted, there, "{} on {}", organisation, day);
            }
        }
    }
}

#[test]
fn every_ceiling_of_a_cover_is_shown_with_what_is_left_of_it() {
    let views = small();
    let balances = views.ask(
        "SELECT b.accumulator, b.measure, b.ceiling, b.used, b.remaining, count(*)
           FROM cover_balances b GROUP BY 1, 2, 3, 4, 5 ORDER BY 4",
    );
    // Who was paid for ten days has 170 left; who never claimed, or paid it back, all 180.
    let expected =
        ["days.term-days.term|days|180|0|180|27", "days.term-days.term|days|180|10|170|13"];
    assert_eq!(balances, expected);
}

#[test]
fn a_ceiling_of_the_year_is_shown_for_each_year_of_the_term() {
    let mut history = year(Figures { units: 1, members: 1, one_claim_of: 2 });
    let term = Term::new(date(2014, 3, 1), date(2016, 2, 29)).unwrap();
    let cover = CoverId::new(derive(&["cover", "years"]));
    let member = history
        .events()
        .iter()
        .find_map(|event| event.stream.strip_prefix("member-"))
        .unwrap()
        .parse()
        .unwrap();
    let granted = cover::Granted {
        cover,
        member,
        plan: "nuan-huzhu".parse().unwrap(),
        version: "2012".parse().unwrap(),
        roster: None,
        unit: "unit-0".parse().unwrap(),
        district: Some("miyun".parse().unwrap()),
        class: MemberClass::Ordinary,
        sex: Sex::Female,
        born: date(1985, 6, 15),
        units: 1,
        term,
        waiting: Waiting::Waived,
        renews: None,
        carried: Accumulators::new(),
        contribution: Money::ZERO,
        on: date(2014, 3, 1),
    };
    history.push(format!("cover-{cover}"), cover::Event::Granted(granted.into()));
    let views = shown(&history);
    let balances = views.ask(&format!(
        "SELECT accumulator, ceiling, used, remaining FROM cover_balances
          WHERE cover = '{cover}' ORDER BY accumulator"
    ));
    let years = ["2014", "2015", "2016"];
    let expected: Vec<_> = years
        .iter()
        .map(|year| format!("amount.year-total.year.{year}|10065300|0|10065300"))
        .collect();
    assert_eq!(balances, expected);
}
