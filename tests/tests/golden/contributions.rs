//! What enrolment costs: G11.

use futures::{StreamExt, stream};
use huzhu_tests::command::RosterLine;
use huzhu_tests::people::{numbered, person};
use huzhu_tests::union::{Union, Unit};
use huzhu_tests::wire::Person;
use huzhu_tests::wire::Sex;
use huzhu_tests::{figure, reason, story};

/// What a roster is short of before anything was paid.
async fn due(unit: &Unit<'_>, plan: (&str, &str), start: &str, lines: Vec<RosterLine>) -> String {
    let (plan, version) = plan;
    let roster = unit.open_roster(plan, version, start).await;
    let added = unit.add_lines(&roster, start, lines).await.unwrap();
    assert_eq!(added.refused, []);
    let status = unit.confirm(&roster, start).await.unwrap_err();
    assert_eq!(reason(&status), "CONTRIBUTION_NOT_DUE");
    let due = figure(&status, "due");
    unit.contribute(&roster, start, &due).await;
    unit.confirm(&roster, start).await.unwrap();
    due
}

fn line(number: u32, member: &str, units: u32) -> RosterLine {
    RosterLine { number, member_id: member.to_owned(), units, high_risk: false }
}

#[test]
fn g11_3497_members_with_three_units_of_the_accident_plan_cost_258778() {
    story(async {
        let union = Union::found().await;
        let unit = union.unit("unit", "单位", 3_497).await;
        let people = (0..3_497).map(|number| numbered("会员", Sex::Male, "1980-05-01", number));
        let register = |person: Person| unit.member(person);
        let members: Vec<String> = stream::iter(people).map(register).buffered(64).collect().await;
        let lines = (1..).zip(&members).map(|(number, member)| line(number, member, 3)).collect();
        let costs = due(&unit, ("accident", "2010-06"), "2014-01-01", lines).await;
        assert_eq!(costs, "258778.00");
    });
}

#[test]
fn g11_a_woman_with_four_plans_pays_240_and_a_man_with_three_190() {
    story(async {
        let union = Union::found().await;
        let unit = union.unit("unit", "单位", 1).await;
        let woman = unit.member(person("会员", Sex::Female, "1980-05-01")).await;
        let man = unit.member(person("会员", Sex::Male, "1980-05-01")).await;
        let three = [
            (("critical-illness", "2014"), 2, "80.00"),
            (("hospital-allowance", "2013-one-day"), 1, "60.00"),
            (("accident", "2010-06"), 2, "50.00"),
        ];
        let start = "2019-01-01";
        for member in [&woman, &man] {
            for (plan, units, costs) in three {
                let lines = vec![line(1, member, units)];
                assert_eq!(due(&unit, plan, start, lines).await, costs);
            }
        }
        let plan = ("female-disease", "V12");
        assert_eq!(due(&unit, plan, start, vec![line(1, &woman, 2)]).await, "50.00");
    });
}
