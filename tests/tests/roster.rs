//! A unit enrols its members as a group, tens of thousands at a time.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a story that cannot go on has failed"
)]

use std::collections::BTreeMap;

use futures::{StreamExt, stream};
use huzhu_tests::command::RosterLine;
use huzhu_tests::people::{numbered, person};
use huzhu_tests::union::{Union, Unit, cover_id};
use huzhu_tests::wire::Sex;
use huzhu_tests::{figure, new_id, reason, story};
use prost::Message;
use tonic_types::StatusExt;

const ALLOWANCE: (&str, &str) = ("hospital-allowance", "2013-one-day");
const START: &str = "2014-01-01";

fn line(number: u32, member: &str) -> RosterLine {
    RosterLine { number, member_id: member.to_owned(), units: 1, high_risk: false }
}

async fn members(unit: &Unit<'_>, count: u32) -> Vec<String> {
    let people = (0..count).map(|number| numbered("会员", Sex::Male, "1980-05-01", number));
    stream::iter(people).map(|person| unit.member(person)).buffered(64).collect().await
}

#[test]
fn of_50000_lines_the_bad_ones_are_reported_by_number_and_the_good_ones_kept() {
    story(async {
        let union = Union::found().await;
        let unit = union.unit("unit", "单位", 2_000).await;
        let good = members(&unit, 2_000).await;
        let old = unit.member(person("会员", Sex::Male, "1950-05-01")).await;
        let other = union.unit("other", "另一单位", 1).await;
        let elsewhere = other.member(person("会员", Sex::Male, "1980-05-02")).await;
        let roster = unit.open_roster(ALLOWANCE.0, ALLOWANCE.1, START).await;

        // Every 25th line is good; the others are bad in one of four ways.
        let lines: Vec<_> = (1..=50_000)
            .map(|number| {
                let good = &good[usize::try_from((number - 1) / 25).unwrap()];
                match number % 25 {
                    1 => line(number, good),
                    2..=8 => line(number, good),
                    9..=15 => line(number, &new_id()),
                    16..=20 => line(number, &old),
                    _ => line(number, &elsewhere),
                }
            })
            .collect();
        let expected = |number: u32| match number % 25 {
            1 => None,
            2..=8 => Some("MEMBER_TWICE"),
            9..=15 => Some("MEMBER_NOT_REGISTERED"),
            16..=20 => Some("AGE_NOT_TAKEN"),
            _ => Some("MEMBER_OF_OTHER_UNIT"),
        };
        let added = unit.add_lines(&roster, START, lines).await.unwrap();
        assert_eq!(added.taken, 2_000);
        assert!(added.refused.iter().all(|told| !told.message.is_empty()));
        assert_eq!(added.refused.len(), 10_000);
        // A client takes an answer of this size without being told to.
        assert!(added.encoded_len() < 3 * 1024 * 1024, "{} bytes", added.encoded_len());
        let in_full = added.refused.iter().map(|told| (told.number, told.reason.as_str()));
        let beyond = added
            .refused_beyond
            .iter()
            .flat_map(|told| told.numbers.iter().map(|number| (*number, told.reason.as_str())));
        let told: BTreeMap<_, _> = in_full.chain(beyond).collect();
        let expected: BTreeMap<_, _> =
            (1..=50_000).filter_map(|number| Some((number, expected(number)?))).collect();
        assert_eq!(told, expected);

        unit.contribute(&roster, START, "120000").await;
        unit.confirm(&roster, START).await.unwrap();
        let history = union.history(&format!("roster-{roster}")).await;
        let last = history.last().unwrap();
        assert_eq!(last.name, "RosterGranted");
        let body: serde_json::Value = serde_json::from_str(&last.body_json).unwrap();
        assert_eq!(body["covers"], 2_000);
        let cover = cover_id(ALLOWANCE.0, &good[1_999], START);
        assert_eq!(union.history(&format!("cover-{cover}")).await[0].name, "CoverGranted");
    });
}

#[test]
fn lines_without_the_form_of_a_line_are_named_where_no_line_is_good() {
    story(async {
        let union = Union::found().await;
        let unit = union.unit("unit", "单位", 1).await;
        let roster = unit.open_roster(ALLOWANCE.0, ALLOWANCE.1, START).await;
        let lines = (3..=24).map(|number| line(number, "无此人")).collect();
        let status = unit.add_lines(&roster, START, lines).await.unwrap_err();
        let violations = status.get_details_bad_request().unwrap().field_violations;
        assert_eq!(violations.len(), 21);
        assert_eq!(violations[0].field, "lines.lines[number=3]");
        assert!(violations[20].description.starts_with("2 more"), "{violations:?}");
    });
}

#[test]
fn a_stream_that_broke_is_sent_again_and_nobody_stands_twice() {
    story(async {
        let union = Union::found().await;
        let unit = union.unit("unit", "单位", 1_200).await;
        let members = members(&unit, 1_200).await;
        let roster = unit.open_roster(ALLOWANCE.0, ALLOWANCE.1, START).await;
        let lines: Vec<_> = (1..).zip(&members).map(|(number, id)| line(number, id)).collect();
        let request = new_id();
        let most = lines[..1_000].to_vec();
        unit.add_lines_and_break(&request, &roster, START, most).await;
        let taken = union.history(&format!("roster-{roster}")).await;
        assert!(taken.len() > 1, "some of the lines had been taken before");
        let again = unit.add_lines_as(&request, &roster, START, lines).await.unwrap();
        assert_eq!(again.refused, []);
        assert_eq!(again.taken, 1_200);
        unit.contribute(&roster, START, "72000").await;
        unit.confirm(&roster, START).await.unwrap();
        let history = union.history(&format!("roster-{roster}")).await;
        let body: serde_json::Value =
            serde_json::from_str(&history.last().unwrap().body_json).unwrap();
        assert_eq!(body["covers"], 1_200);
    });
}

#[test]
fn a_member_with_a_cover_is_not_enrolled_a_second_time() {
    story(async {
        let union = Union::found().await;
        let unit = union.unit("unit", "单位", 1).await;
        let member = unit.member(person("会员", Sex::Female, "1980-05-01")).await;
        unit.enrol(ALLOWANCE, START, &[&member], 1, "60").await;
        let roster = unit.open_roster(ALLOWANCE.0, ALLOWANCE.1, "2014-07-01").await;
        let added = unit.add_lines(&roster, "2014-07-01", vec![line(1, &member)]).await.unwrap();
        assert_eq!(added.taken, 0);
        assert_eq!(added.refused[0].reason, "ALREADY_ENROLLED");
        assert_eq!(added.refused[0].figures["cover"], cover_id(ALLOWANCE.0, &member, START));
        let status = unit.confirm(&roster, "2014-07-01").await.unwrap_err();
        assert_eq!(reason(&status), "ROSTER_EMPTY");
    });
}

#[test]
fn too_few_participants_and_missing_contributions_are_refused_with_figures() {
    story(async {
        let union = Union::found().await;
        let unit = union.unit("unit", "单位", 3).await;
        let members = members(&unit, 3).await;
        let roster = unit.open_roster(ALLOWANCE.0, ALLOWANCE.1, START).await;
        let two = vec![line(1, &members[0]), line(2, &members[1])];
        unit.add_lines(&roster, START, two).await.unwrap();
        // Under 30 workers, all of them have to take part.
        let status = unit.confirm(&roster, START).await.unwrap_err();
        assert_eq!(reason(&status), "PARTICIPATION_TOO_LOW");
        assert_eq!(
            (figure(&status, "members"), figure(&status, "needed")),
            ("2".into(), "3".into())
        );

        unit.add_lines(&roster, START, vec![line(3, &members[2])]).await.unwrap();
        unit.contribute(&roster, START, "120").await;
        let status = unit.confirm(&roster, START).await.unwrap_err();
        assert_eq!(reason(&status), "CONTRIBUTION_NOT_DUE");
        assert_eq!(figure(&status, "recorded"), "120.00");
        assert_eq!(figure(&status, "due"), "180.00");
        unit.contribute(&roster, START, "60").await;
        unit.confirm(&roster, START).await.unwrap();
    });
}

#[test]
fn a_renewal_within_the_days_of_grace_does_not_wait_again() {
    story(async {
        let union = Union::found().await;
        let unit = union.unit("unit", "单位", 1).await;
        let plan = ("female-disease", "V12");
        let waiting = async |start: &str, member: &str| {
            let cover = unit.enrol(plan, start, &[member], 1, "25").await.remove(0);
            let granted = union.history(&format!("cover-{cover}")).await.remove(0);
            let body: serde_json::Value = serde_json::from_str(&granted.body_json).unwrap();
            body["waiting"].clone()
        };
        let woman = unit.member(person("会员", Sex::Female, "1980-05-01")).await;
        let first = waiting("2019-03-01", &woman).await;
        assert_ne!(first, "waived");
        // The first term ends on 29 February 2020; fifteen days later is still in time.
        assert_eq!(waiting("2020-03-15", &woman).await, "waived");

        let late = unit.member(person("会员", Sex::Female, "1980-05-01")).await;
        waiting("2019-03-01", &late).await;
        assert_ne!(waiting("2020-03-16", &late).await, "waived");
    });
}
