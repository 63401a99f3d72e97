//! The ledger of generated years: its entries, its sums, and the other views that say the same.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::wildcard_enum_match_arm,
    reason = "small sums, and events that move no money are no matter here"
)]

use std::collections::BTreeMap;

use huzhu_domain::cover;
use huzhu_domain::history::Event as Any;
use huzhu_domain::id::{ClaimId, CoverId, derive};
use huzhu_domain::{payout, roster};
use proptest::prelude::*;

use crate::testing::shown::{Shown, shown};
use crate::testing::{Figures, History, time, year};

fn history() -> History {
    year(Figures { units: 1, members: 40, one_claim_of: 2 })
}

#[test]
fn each_amount_that_moves_is_an_entry() {
    let views = shown(&history());
    let kinds = views.ask(
        "SELECT kind, month, plan, version, unit, district, count(*), sum(amount_fen) FROM ledger
          GROUP BY kind, month ORDER BY kind, month",
    );
    let of = "hospital-allowance|2011|unit-0|miyun";
    assert_eq!(
        kinds,
        [
            format!("approved|2014-02|{of}|8|320000"),
            format!("approved|2014-03|{of}|6|240000"),
            format!("contribution|2014-01|{of}|1|240000"),
            format!("paid|2014-12|{of}|13|520000"),
            format!("recovered|2015-01|{of}|1|40000"),
            format!("reserved|2014-02|{of}|8|320000"),
            format!("reserved|2014-03|{of}|6|240000"),
            format!("returned|2014-12|{of}|1|40000"),
        ]
    );
    let paid = "SELECT reference, booked_on, revision FROM ledger
                 WHERE kind = 'paid' AND reference = 'B-0-0'";
    assert_eq!(views.ask(paid), ["B-0-0|2014-12-22|2"]);
}

#[test]
fn what_a_cover_without_a_roster_brings_is_an_entry() {
    let mut history = history();
    let granted = history.events().iter().find(|event| &*event.name == "CoverGranted").unwrap();
    let granted = Any::decode(&granted.name, granted.version, &granted.data).unwrap();
    let Any::Cover(cover::Event::Granted(granted)) = granted else { panic!("{granted:?}") };
    for amount in ["60", "0"] {
        let cover = CoverId::new(derive(&["automatic", amount]));
        let contribution = amount.parse().unwrap();
        let body = cover::Granted { cover, roster: None, contribution, ..(*granted).clone() };
        history.push(format!("cover-{cover}"), cover::Event::Granted(body.into()));
    }
    let brought = "SELECT amount_fen, booked_on FROM ledger
                    WHERE kind = 'contribution' AND stream LIKE 'cover-%'";
    assert_eq!(shown(&history).ask(brought), [format!("6000|{}", granted.on)]);
}

#[test]
fn what_stands_is_what_came_in_less_what_went_out() {
    let views = shown(&history());
    let standing = views.ask(
        "SELECT month, contributed_fen, paid_fen, recovered_fen, balance_fen, set_aside_fen, owed_fen
           FROM ledger_balances WHERE plan = 'hospital-allowance' ORDER BY month",
    );
    assert_eq!(
        standing,
        [
            "2014-01|240000|0|0|240000|0|0",
            "2014-02|0|0|0|240000|320000|320000",
            "2014-03|0|0|0|240000|560000|560000",
            "2014-12|0|520000|0|-280000|40000|40000",
            "2015-01|0|0|40000|-240000|40000|40000",
        ]
    );
}

#[test]
fn what_is_let_go_of_is_set_aside_no_more() {
    let mut history = history();
    let place =
        history.events().iter().position(|event| &*event.name == "CoverBenefitReserved").unwrap();
    history = history.until(place);
    let reserved = history.events().last().unwrap().clone();
    let claim = ClaimId::new(derive(&["claim", "0", "0"]));
    let released = cover::BenefitReleased { claim, amount: "400.00".parse().unwrap() };
    history.push(&reserved.stream, cover::Event::BenefitReleased(released));
    let views = shown(&history);
    let entries = views.ask(
        "SELECT kind, amount_fen, revision FROM ledger
                              WHERE claim IS NOT NULL ORDER BY revision",
    );
    assert_eq!(entries, ["reserved|40000|1", "released|40000|2"]);
    let standing = "SELECT sum(reserved_fen - released_fen - paid_fen) FROM ledger_months";
    assert_eq!(views.number(standing), 0);
    assert_eq!(views.number("SELECT sum(reserved_fen) FROM covers"), 0);
}

#[test]
fn a_page_of_entries_is_read_in_its_order_with_a_plan_and_without() {
    let views = shown(&history());
    for only in ["", "plan = 'hospital-allowance' AND "] {
        let way = views.ask(&format!(
            "EXPLAIN QUERY PLAN SELECT * FROM ledger
              WHERE {only} (booked_on, stream, revision) > ('2014-06-01', '', 0)
              ORDER BY booked_on, stream, revision LIMIT 51"
        ));
        // Who sorts reads everything first.
        assert!(way.iter().all(|step| !step.contains("TEMP B-TREE")), "{way:?}");
    }
}

/// What the events themselves say that moved, by kind.
fn moved(history: &History) -> BTreeMap<&'static str, i64> {
    let mut sums = BTreeMap::new();
    let mut owed = BTreeMap::new();
    for event in history.events() {
        let body = Any::decode(&event.name, event.version, &event.data).unwrap();
        let (kind, amount) = match body {
            Any::Roster(roster::Event::ContributionRecorded(body)) => ("contribution", body.amount),
            Any::Cover(cover::Event::BenefitReserved(body)) => ("reserved", body.amount),
            Any::Cover(cover::Event::BenefitReleased(body)) => ("released", body.amount),
            Any::Payout(payout::Event::Created(body)) => {
                owed.insert(event.stream.clone(), body.amount);
                ("approved", body.amount)
            }
            Any::Payout(payout::Event::Settled(body)) => ("paid", body.amount),
            Any::Payout(payout::Event::Returned(_)) => ("returned", owed[&event.stream]),
            Any::Payout(payout::Event::Reversed(body)) => ("recovered", body.amount),
            _ => continue,
        };
        *sums.entry(kind).or_default() += amount.fen();
    }
    sums
}

fn every_total_is_the_sum_of_its_lines(views: &Shown) {
    let sums = |table: &str, columns: &str| {
        let groups = "plan, version, coalesce(district, ''), month";
        views.ask(&format!(
            "SELECT {groups}, {columns} FROM {table} GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4"
        ))
    };
    let kinds = [
        ("contribution", "contributed_fen"),
        ("reserved", "reserved_fen"),
        ("released", "released_fen"),
        ("approved", "approved_fen"),
        ("paid", "paid_fen"),
        ("returned", "returned_fen"),
        ("recovered", "recovered_fen"),
    ];
    let lines: Vec<_> = kinds
        .iter()
        .map(|(kind, _)| format!("sum(CASE WHEN kind = '{kind}' THEN amount_fen ELSE 0 END)"))
        .collect();
    let totals: Vec<_> = kinds.iter().map(|(_, column)| format!("sum({column})")).collect();
    assert_eq!(
        sums("ledger", &format!("count(*), {}", lines.join(", "))),
        sums("ledger_months", &format!("sum(entries), {}", totals.join(", ")))
    );
}

fn the_other_views_say_the_same(views: &Shown) {
    let same = |one: &str, other: &str| assert_eq!(views.ask(one), views.ask(other), "{one}");
    same(
        "SELECT coalesce(sum(contributed_fen), 0) FROM ledger_months",
        "SELECT coalesce(sum(amount_fen), 0) FROM roster_contributions",
    );
    same(
        "SELECT coalesce(sum(reserved_fen - released_fen - paid_fen), 0) FROM ledger_months",
        "SELECT coalesce(sum(reserved_fen), 0) FROM covers",
    );
    same(
        "SELECT coalesce(sum(paid_fen - recovered_fen), 0) FROM ledger_months",
        "SELECT coalesce(sum(paid_fen), 0) FROM covers",
    );
    same(
        "SELECT coalesce(sum(paid_fen - recovered_fen), 0) FROM ledger_months",
        "SELECT coalesce(sum(paid_fen), 0) FROM claims",
    );
    same(
        "SELECT plan, version, district, month, approved_fen, paid_fen, recovered_fen
           FROM ledger_months WHERE approved_fen + paid_fen + recovered_fen > 0 ORDER BY 1, 2, 3, 4",
        "SELECT plan, version, district, month, approved_fen, benefits_fen, recovered_fen
           FROM benefit_statistics WHERE approved_fen + benefits_fen + recovered_fen > 0
          ORDER BY 1, 2, 3, 4",
    );
    same(
        "SELECT plan, sum(contributed_fen), sum(paid_fen), sum(recovered_fen)
           FROM ledger_balances GROUP BY plan ORDER BY plan",
        "SELECT plan, sum(contributed_fen), sum(paid_fen), sum(recovered_fen)
           FROM ledger_months GROUP BY plan ORDER BY plan",
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn totals_of_any_year_are_the_sums_of_its_entries(
        units in 1..4_u32,
        members in 1..60_u32,
        one_claim_of in 1..5_u32,
    ) {
        let history = year(Figures { units, members, one_claim_of });
        let views = shown(&history);
        every_total_is_the_sum_of_its_lines(&views);
        the_other_views_say_the_same(&views);
        let mut booked = BTreeMap::new();
        for (kind, sum) in moved(&history) {
            let asked = format!("SELECT sum(amount_fen) FROM ledger WHERE kind = '{kind}'");
            booked.insert(kind, (sum, views.number(&asked)));
        }
        for (kind, (moved, sum)) in booked {
            prop_assert_eq!(moved, sum, "{}", kind);
        }
    }

    #[test]
    fn totals_hold_wherever_a_year_is_cut_off(cut in 100..700_usize) {
        let views = shown(&history().until(cut));
        every_total_is_the_sum_of_its_lines(&views);
    }
}

#[test]
fn an_entry_counts_on_the_day_of_its_command_not_of_the_log() {
    let mut history = history();
    let place =
        history.events().iter().position(|event| &*event.name == "CoverBenefitReserved").unwrap();
    history = history.until(place);
    let last = history.events().last().unwrap();
    let on = last.counts_on().unwrap();
    assert_ne!(huzhu_domain::envelope::beijing_date(time(last.offset)), on);
    let views = shown(&history);
    let booked = "SELECT booked_on FROM ledger WHERE kind = 'reserved'";
    assert_eq!(views.ask(booked), [on.to_string()]);
    let _: CoverId = last.stream.strip_prefix("cover-").unwrap().parse().unwrap();
}
