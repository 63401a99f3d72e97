//! 暖·互助, which is free: G2 to G5.

use huzhu_tests::facts::{illness, receipt, stay_above, stay_of, written};
use huzhu_tests::people::person;
use huzhu_tests::story;
use huzhu_tests::union::{Union, Unit};
use huzhu_tests::wire::{MemberClass, Sex};

use super::pays;

const PLAN: &str = "nuan-huzhu";

async fn covered(unit: &Unit<'_>, class: MemberClass, year: u32) -> String {
    let member = unit.member_of(person("会员", Sex::Female, "1975-06-01"), class).await;
    unit.grant(&member, PLAN, &format!("{year}-01-01")).await
}

#[test]
fn g2_four_stays_of_liu_with_260000_above_the_ceiling_pay_189000() {
    story(async {
        let union = Union::found().await;
        let unit = union.unit("sinohydro-2", "水电二局", 1).await;
        let liu = unit.member(person("刘某", Sex::Male, "1954-05-02")).await;
        let cover = unit.grant(&liu, PLAN, "2013-01-01").await;
        let mut facts = illness("2013-09-01", "2014-03-20");
        facts.stays = vec![
            stay_above("G2-1", "2013-09-02", "2013-09-20", "60000"),
            stay_above("G2-2", "2013-10-02", "2013-10-20", "70000"),
            stay_above("G2-3", "2013-11-02", "2013-11-20", "80000"),
            stay_above("G2-4", "2013-12-02", "2013-12-20", "50000"),
        ];
        let claim = pays(&unit, &cover, &["above-ceiling"], facts, "2014-03-20", "189000.00")
            .await
            .unwrap();
        unit.approve(&claim, "2014-04-10").await;
        let paid = union.pay(&[&claim], "2014-04-15").await;
        assert_eq!(paid, "189000.00");
    });
}

#[test]
fn g3_570000_above_the_ceiling_meet_the_year_maximum_of_200653() {
    story(async {
        let union = Union::found().await;
        let unit = union.unit("unit", "李先生的单位", 1).await;
        let li = unit.member(person("李先生", Sex::Male, "1975-05-02")).await;
        let cover = unit.grant(&li, PLAN, "2020-01-01").await;
        let mut facts = illness("2020-02-01", "2021-03-20");
        facts.stays = vec![stay_above("G3-1", "2020-09-10", "2020-09-30", "570000")];
        facts.bills = vec![receipt("G3-2", "2020-05-01", "60000")];
        let mut outpatient = facts.clone();
        outpatient.stays.clear();

        // One claim for all of it, or one for the receipts and one for the rest: the same year.
        let all = pays(&unit, &cover, &[], facts.clone(), "2021-03-20", "200653.00").await.unwrap();
        unit.withdraw(&all, "2021-03-21").await;
        let first =
            pays(&unit, &cover, &["outpatient"], outpatient, "2021-03-21", "11640.00").await;
        unit.approve(&first.unwrap(), "2021-03-22").await;
        let mut above = facts;
        above.bills.clear();
        let second =
            pays(&unit, &cover, &["above-ceiling"], above, "2021-03-22", "189013.00").await;
        unit.approve(&second.unwrap(), "2021-03-23").await;
    });
}

#[test]
fn g4_slices_above_the_ceiling_by_both_versions() {
    story(async {
        let union = Union::found().await;
        let unit = union.unit("unit", "单位", 1).await;
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
        for (amount, revised, old) in cases {
            for (year, total) in [(2014, revised), (2012, old)] {
                let cover = covered(&unit, MemberClass::Ordinary, year).await;
                let applied = format!("{}-03-20", year + 1);
                let mut facts = illness(&format!("{year}-09-01"), &applied);
                let serial = format!("G4-{year}-{amount}");
                let (from, to) = (format!("{year}-09-10"), format!("{year}-09-30"));
                facts.stays = vec![stay_above(&serial, &from, &to, amount)];
                pays(&unit, &cover, &["above-ceiling"], facts, &applied, total).await;
            }
        }
    });
}

#[test]
fn g5_below_the_ceiling_by_class_and_stay() {
    story(async {
        let union = Union::found().await;
        let unit = union.unit("unit", "单位", 1).await;
        let outpatient = [
            (MemberClass::Ordinary, "5800", "800.00"),
            (MemberClass::ModelWorker, "5800", "1000.00"),
            (MemberClass::Ordinary, "1800", "0.00"),
        ];
        for (i, (class, amount, total)) in outpatient.into_iter().enumerate() {
            let cover = covered(&unit, class, 2014).await;
            let mut facts = illness("2014-01-02", "2014-12-20");
            facts.bills = vec![receipt(&format!("G5-out-{i}"), "2014-05-01", amount)];
            pays(&unit, &cover, &["outpatient"], facts, "2014-12-20", total).await;
        }

        let inpatient = |serial: &str, admitted: &str, amount: &str| {
            let mut facts = illness("2014-01-02", "2014-12-20");
            facts.stays = vec![stay_of(serial, admitted, 10, amount)];
            facts
        };
        let hardship = covered(&unit, MemberClass::Hardship, 2014).await;
        let stay = inpatient("G5-in-0", "2014-02-01", "9300");
        pays(&unit, &hardship, &["inpatient"], stay, "2014-12-20", "2162.50").await;

        let ordinary = covered(&unit, MemberClass::Ordinary, 2014).await;
        let stay = inpatient("G5-in-1", "2014-02-01", "9300");
        let first = pays(&unit, &ordinary, &["inpatient"], stay, "2014-12-20", "1600.00").await;
        unit.approve(&first.unwrap(), "2014-12-21").await;
        let stay = inpatient("G5-in-2", "2014-06-01", "4650");
        pays(&unit, &ordinary, &["inpatient"], stay, "2014-12-22", "800.00").await;
    });
}

#[test]
fn g6_the_free_and_the_paid_plan_both_pay_for_one_bill() {
    story(async {
        let union = Union::found().await;
        let unit = union.unit("unit", "单位", 1).await;
        let member = unit.member(person("会员", Sex::Female, "1975-06-01")).await;
        let free = unit.grant(&member, PLAN, "2014-01-01").await;
        let plan = ("hospital-medical", "2011");
        let paid = unit.enrol(plan, "2014-01-01", &[&member], 1, "50").await.remove(0);
        let mut facts = illness("2014-01-02", "2014-12-20");
        facts.stays = vec![stay_of("G6", "2014-02-01", 10, "9300")];

        let day = "2014-12-20";
        let from_free = pays(&unit, &free, &["inpatient"], facts.clone(), day, "1600.00").await;
        let from_paid = pays(&unit, &paid, &[], facts, day, "4800.00").await;
        let (from_free, from_paid) = (from_free.unwrap(), from_paid.unwrap());
        unit.approve(&from_free, day).await;
        unit.approve(&from_paid, day).await;
        assert_eq!(union.pay(&[&from_free, &from_paid], "2014-12-30").await, "6400.00");

        // A second stay has the lower deductible, and half of the rest.
        let mut later = illness("2014-01-02", "2014-12-20");
        later.stays = vec![stay_of("G6-2", "2014-06-01", 10, "4650")];
        let preview = unit
            .filer
            .must(huzhu_tests::command::PreviewAssessmentRequest {
                cover_id: paid,
                facts: Some(later),
                ..Default::default()
            })
            .await;
        assert_eq!(written(preview.assessment.unwrap().total.as_ref()), "2000.00");

        // Bills up to the deductibles are worth nothing.
        let other = unit.member(person("会员", Sex::Female, "1975-06-02")).await;
        let cover = unit.enrol(plan, "2014-01-01", &[&other], 1, "50").await.remove(0);
        let mut low = illness("2014-01-02", "2014-12-20");
        low.stays = vec![stay_of("G6-3", "2014-02-01", 10, "1300")];
        pays(&unit, &cover, &[], low.clone(), day, "0.00").await;
        low.stays.push(stay_of("G6-4", "2014-06-01", 10, "650"));
        pays(&unit, &cover, &[], low, day, "0.00").await;
    });
}
