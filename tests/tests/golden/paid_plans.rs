//! The plans that units pay for: G1 and G7 to G10.

use huzhu_tests::facts::{date, diagnosis, illness, stay, stay_of, yuan};
use huzhu_tests::people::person;
use huzhu_tests::story;
use huzhu_tests::union::{Union, Unit};
use huzhu_tests::wire::{Facts, Severity, Sex, Stay};

use super::pays;

#[test]
fn g1_peng_with_two_units_and_four_days_is_paid_24208() {
    story(async {
        let union = Union::found().await;
        let unit = union.unit("unit", "彭女士的单位", 1).await;
        let peng = unit.member(person("彭女士", Sex::Female, "1972-03-08")).await;
        let plan = ("female-disease", "V6");
        let cover = unit.enrol(plan, "2013-01-01", &[&peng], 2, "80").await.remove(0);
        let mut facts = illness("2014-01-20", "2014-11-28");
        facts.diagnoses = vec![diagnosis("C50.9", Severity::Ordinary, "2014-01-20")];
        facts.stays = vec![stay("G1", "2014-02-10", "2014-02-14", "9000")];
        let claim = pays(&unit, &cover, &[], facts, "2014-11-28", "24208.00").await.unwrap();
        let assessed = union.assessed(&claim).await;
        assert!(assessed.ends_cover);
        unit.approve(&claim, "2014-12-05").await;
        assert_eq!(union.pay(&[&claim], "2014-12-12").await, "24208.00");
    });
}

#[test]
fn g7_three_plans_pay_tan_203700_for_one_illness() {
    story(async {
        let union = Union::found().await;
        let unit = union.unit("unit", "谭女士的单位", 1).await;
        let tan = unit.member(person("谭女士", Sex::Female, "1975-06-01")).await;
        let start = "2015-01-01";
        let free = unit.grant(&tan, "nuan-huzhu", start).await;
        let medical = unit.enrol(("hospital-medical", "2011"), start, &[&tan], 1, "50").await;
        let critical = unit.enrol(("critical-illness", "2014"), start, &[&tan], 1, "40").await;

        let mut facts = illness("2015-01-02", "2016-03-20");
        facts.diagnoses = vec![diagnosis("C34.1", Severity::Ordinary, "2015-02-01")];
        facts.stays = vec![
            Stay {
                self_pay_one_above: yuan("218330"),
                ..stay_of("G7-1", "2015-02-10", 30, "54225")
            },
            stay_of("G7-2", "2015-06-01", 10, "4740"),
        ];
        let mut claims = Vec::new();
        for (cover, total) in
            [(&free, "162900.00"), (&medical[0], "33800.00"), (&critical[0], "7000.00")]
        {
            let claim = pays(&unit, cover, &[], facts.clone(), "2016-03-20", total).await.unwrap();
            unit.approve(&claim, "2016-04-01").await;
            claims.push(claim);
        }
        let claims: Vec<_> = claims.iter().map(String::as_str).collect();
        assert_eq!(union.pay(&claims, "2016-04-10").await, "203700.00");
    });
}

fn stay_for(serial: &str, admitted: &str, days: i64) -> Facts {
    let day: jiff::civil::Date = admitted.parse().unwrap();
    let mut facts = illness(&day.to_string(), &format!("{}-03-20", day.year().saturating_add(1)));
    facts.stays = vec![stay_of(serial, admitted, days, "0")];
    facts
}

async fn allowance(unit: &Unit<'_>, version: &str, start: &str) -> String {
    let member = unit.member(person("会员", Sex::Female, "1975-06-01")).await;
    unit.enrol(("hospital-allowance", version), start, &[&member], 1, "60").await.remove(0)
}

#[test]
fn g8_days_in_hospital_by_both_versions() {
    story(async {
        let union = Union::found().await;
        let unit = union.unit("unit", "单位", 1).await;
        for (days, total) in [(13, "400.00"), (3, "0.00"), (200, "7200.00")] {
            let cover = allowance(&unit, "2011", "2012-01-01").await;
            let facts = stay_for(&format!("G8-three-{days}"), "2012-02-01", days);
            pays(&unit, &cover, &[], facts, "2013-03-20", total).await;
        }
        for (days, total) in [(13, "480.00"), (1, "0.00")] {
            let cover = allowance(&unit, "2013-one-day", "2013-01-01").await;
            let facts = stay_for(&format!("G8-one-{days}"), "2013-02-01", days);
            pays(&unit, &cover, &[], facts, "2014-03-20", total).await;
        }

        // 170 days are used up: of a stay of 30, ten are left.
        let cover = allowance(&unit, "2011", "2012-01-01").await;
        let facts = stay_for("G8-used", "2012-01-05", 173);
        let long = pays(&unit, &cover, &[], facts, "2013-03-20", "6800.00").await.unwrap();
        unit.approve(&long, "2013-03-21").await;
        let facts = stay_for("G8-left", "2012-08-01", 30);
        pays(&unit, &cover, &[], facts, "2013-03-22", "400.00").await;
    });
}

async fn woman(unit: &Unit<'_>, version: &str, start: &str, units: u32, costs: &str) -> String {
    let member = unit.member(person("会员", Sex::Female, "1975-06-01")).await;
    unit.enrol(("female-disease", version), start, &[&member], units, costs).await.remove(0)
}

#[test]
fn g9_six_diseases_with_a_stay_of_any_length() {
    story(async {
        let union = Union::found().await;
        let unit = union.unit("unit", "单位", 1).await;
        for (days, total) in [(20, "12520.00"), (0, "10000.00"), (200, "16680.00")] {
            let cover = woman(&unit, "V6", "2013-01-01", 1, "40").await;
            let mut facts = illness("2014-01-20", "2014-11-28");
            facts.diagnoses = vec![diagnosis("C53", Severity::Ordinary, "2014-01-20")];
            if days > 0 {
                facts.stays = vec![stay_of(&format!("G9-{days}"), "2014-02-01", days, "0")];
            }
            pays(&unit, &cover, &[], facts, "2014-11-28", total).await;
        }
    });
}

#[test]
fn g10_the_waiting_period_to_the_day() {
    story(async {
        let union = Union::found().await;
        let unit = union.unit("unit", "单位", 1).await;
        let ordinary = Severity::Ordinary;
        let cases = [
            ("2019-03-30", ordinary, 1, "0.00"),     // day 30
            ("2019-03-31", ordinary, 1, "500.00"),   // day 31
            ("2019-04-29", ordinary, 1, "500.00"),   // day 60
            ("2019-04-30", ordinary, 1, "15000.00"), // day 61
            ("2019-04-30", Severity::InSitu, 1, "2000.00"),
            ("2019-04-30", ordinary, 2, "30000.00"),
        ];
        for (day, severity, units, total) in cases {
            let costs = if units == 1 { "25" } else { "50" };
            let cover = woman(&unit, "V12", "2019-03-01", units, costs).await;
            let mut facts = illness(day, "2019-12-20");
            facts.diagnoses = vec![diagnosis("C50", severity, day)];
            facts.notified_on = date(day);
            pays(&unit, &cover, &[], facts, "2019-12-20", total).await;
        }
    });
}
