//! Which version judges what.

use super::*;

fn plan(names: &[&str]) -> Plan {
    let history: Vec<Event> = names.iter().map(|name| published(&terms(name))).collect();
    crate::decider::replay(&history).unwrap()
}

#[track_caller]
fn judged_by(plan: &Plan, bound: &str, event: jiff::civil::Date, version: &str) {
    let chosen = plan.version_for(&id(bound), event).unwrap();
    assert_eq!(chosen.version.as_str(), version, "{event}");
}

#[test]
fn a_cover_keeps_the_version_it_was_bought_under() {
    let plan = plan(&["female-disease.v6", "female-disease.v8", "female-disease.v12"]);
    // A two-year term that was sold under six diseases keeps six after July 2014.
    judged_by(&plan, "V6", date(2014, 6, 30), "V6");
    judged_by(&plan, "V6", date(2015, 6, 30), "V6");
}

#[test]
fn a_revision_for_members_in_force_judges_from_its_first_day() {
    let plan =
        plan(&["critical-illness.2005", "critical-illness.2010-06", "critical-illness.2014"]);
    judged_by(&plan, "2005", date(2010, 5, 31), "2005");
    judged_by(&plan, "2005", date(2010, 6, 1), "2010-06");
    // After its last day of sale it still judges whom it covered.
    judged_by(&plan, "2005", date(2014, 1, 1), "2010-06");
    judged_by(&plan, "2014", date(2014, 6, 1), "2014");
    // The later version does not say that it covers members in force, so the earlier terms stay.
    judged_by(&plan, "2010-06", date(2014, 6, 1), "2010-06");
}

#[test]
fn a_free_plan_goes_by_the_year_of_the_expense() {
    let plan = plan(&["nuan-huzhu.2012", "nuan-huzhu.2014-revised"]);
    judged_by(&plan, "2012", date(2012, 12, 31), "2012");
    judged_by(&plan, "2012", date(2013, 1, 1), "2014-revised");
    judged_by(&plan, "2014-revised", date(2012, 7, 1), "2012");
    assert_eq!(
        plan.version_for(&id("2012"), date(2011, 12, 31)),
        Err(NoVersion::NoneHeld { date: date(2011, 12, 31) })
    );
}

#[test]
fn a_free_plan_goes_by_the_day_of_the_event() {
    let plan = plan(&["non-work-accident.2012", "non-work-accident.2016"]);
    judged_by(&plan, "2012", date(2015, 12, 31), "2012");
    judged_by(&plan, "2012", date(2016, 1, 1), "2016");
}

#[test]
fn an_unknown_label_is_named() {
    let plan = plan(&["female-disease.v6"]);
    assert_eq!(
        plan.version_for(&id("V7"), date(2014, 1, 1)),
        Err(NoVersion::VersionUnknown { version: id("V7") })
    );
}

#[test]
fn several_versions_may_be_sold_side_by_side() {
    let mut v6 = (*terms("female-disease.v6")).clone();
    v6.effective.until = None;
    let history = [published(&Arc::new(v6)), published(&terms("female-disease.v8"))];
    let plan: Plan = crate::decider::replay(&history).unwrap();
    let sold = |day| -> Vec<String> {
        plan.versions_on(day).iter().map(|terms| terms.version.to_string()).collect()
    };
    assert_eq!(sold(date(2014, 6, 30)), ["V6"]);
    assert_eq!(sold(date(2014, 7, 1)), ["V8", "V6"]);
}
