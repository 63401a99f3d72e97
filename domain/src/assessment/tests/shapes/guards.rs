//! Waiting, windows, terms, papers, and what is refused.

use serde_json::json;

use super::*;

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
