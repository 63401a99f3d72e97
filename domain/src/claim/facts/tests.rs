use jiff::civil::date;

use super::*;

fn yuan(text: &str) -> Money {
    text.parse().unwrap()
}

fn stay(serial: &str) -> Stay {
    Stay {
        serial: serial.parse().unwrap(),
        hospital_grade: 3,
        admitted: date(2014, 2, 1),
        discharged: date(2014, 2, 5),
        self_pay_one: yuan("9300"),
        self_pay_one_above: Money::ZERO,
        self_pay_two: Money::ZERO,
        own_expense: Money::ZERO,
        special_disease: false,
        mental_illness: false,
        cause: None,
        joins: None,
    }
}

fn facts() -> Facts {
    Facts {
        incident: Incident { kind: IncidentKind::Illness, date: date(2014, 1, 20) },
        applied_on: date(2014, 11, 28),
        diagnoses: vec![Diagnosis {
            code: "C50".parse().unwrap(),
            severity: Severity::Ordinary,
            established_on: date(2014, 1, 20),
            secondary: false,
            pre_existing: false,
            confirmed_by_review: false,
        }],
        bills: vec![Bill {
            serial: "B1".parse().unwrap(),
            date: date(2014, 3, 1),
            self_pay_one: yuan("10"),
            self_pay_one_above: Money::ZERO,
            self_pay_two: Money::ZERO,
            own_expense: Money::ZERO,
        }],
        stays: vec![stay("S1")],
        death: None,
        disability: None,
        losses: Vec::new(),
        offsets: Vec::new(),
        notified_on: None,
        documents: Vec::new(),
    }
}

#[track_caller]
fn refused(change: impl FnOnce(&mut Facts), path: &str, why: &str) {
    let mut changed = facts();
    change(&mut changed);
    let error = changed.check().unwrap_err();
    assert_eq!((error.path.as_str(), error.why.as_str()), (path, why));
}

#[test]
fn facts_that_can_be_are_taken() {
    assert_eq!(facts().check(), Ok(()));
}

#[test]
fn a_day_after_the_application_is_refused() {
    let why = "2014-11-29 lies after the application of 2014-11-28";
    refused(|f| f.incident.date = date(2014, 11, 29), "incident.date", why);
    refused(|f| f.bills[0].date = date(2014, 11, 29), "bills[0].date", why);
    refused(|f| f.stays[0].discharged = date(2014, 11, 29), "stays[0].discharged", why);
    refused(
        |f| f.diagnoses[0].established_on = date(2014, 11, 29),
        "diagnoses[0].established_on",
        why,
    );
}

#[test]
fn a_stay_that_ends_before_it_begins_is_refused() {
    refused(
        |f| f.stays[0].discharged = date(2014, 1, 31),
        "stays[0].discharged",
        "2014-01-31 lies before the admission of 2014-02-01",
    );
}

#[test]
fn a_death_before_the_incident_is_refused() {
    refused(
        |f| f.death = Some(date(2014, 1, 19)),
        "death",
        "2014-01-19 lies before the incident of 2014-01-20",
    );
}

#[test]
fn what_was_treated_after_death_is_refused() {
    let died = |f: &mut Facts| f.death = Some(date(2014, 1, 31));
    let why = "2014-02-01 lies after the death of 2014-01-31";
    refused(died, "stays[0].admitted", why);
    let died_in_hospital = |f: &mut Facts| f.death = Some(date(2014, 2, 5));
    let why = "2014-03-01 lies after the death of 2014-02-05";
    refused(died_in_hospital, "bills[0].date", why);
    let mut found_after = facts();
    found_after.bills.clear();
    died_in_hospital(&mut found_after);
    found_after.diagnoses[0].established_on = date(2014, 2, 10);
    assert_eq!(found_after.check(), Ok(()), "pathology goes on");
    found_after.disability = Some(Disability { grade: 1, assessed_on: date(2014, 2, 6) });
    assert_eq!(found_after.check().unwrap_err().path, "disability.assessed_on");
}

#[test]
fn nobody_is_in_two_hospitals_at_once() {
    let second = |admitted, discharged| Stay { admitted, discharged, ..stay("S2") };
    let why = "2014-02-04 lies within stay S1, from 2014-02-01 to 2014-02-05";
    let overlapping = second(date(2014, 2, 4), date(2014, 2, 9));
    refused(|f| f.stays.push(overlapping.clone()), "stays[1].admitted", why);
    let mut moved = facts();
    moved.stays.push(second(date(2014, 2, 5), date(2014, 2, 9)));
    assert_eq!(moved.check(), Ok(()), "from one to the other on one day");
    let mut dialysis = facts();
    dialysis.stays.push(Stay { special_disease: true, ..overlapping });
    assert_eq!(dialysis.check(), Ok(()), "settled like a stay, without a bed");
}

#[test]
fn a_transfer_takes_as_long_as_the_days_between_the_stays() {
    let moved = |admitted, hours| {
        let reason = JoinReason::Transfer { slip: true, hours };
        let joins = Some(Joins { serial: "S1".parse().unwrap(), reason });
        Stay { admitted, discharged: date(2014, 9, 1), joins, ..stay("S2") }
    };
    let path = "stays[1].joins.reason.transfer.hours";
    let long = moved(date(2014, 8, 1), 2);
    refused(|f| f.stays.push(long), path, "2 hours, but 177 days between the stays");
    for (admitted, hours) in [(date(2014, 2, 5), 0), (date(2014, 2, 6), 2), (date(2014, 2, 7), 30)]
    {
        let mut facts = facts();
        facts.stays.push(moved(admitted, hours));
        assert_eq!(facts.check(), Ok(()), "{hours} hours to {admitted}");
    }
}

#[test]
fn a_serial_that_stands_twice_is_refused() {
    refused(|f| f.stays.push(stay("S1")), "stays[1].serial", "S1 stands twice");
    refused(|f| f.bills[0].serial = "S1".parse().unwrap(), "bills[0].serial", "S1 stands twice");
}

#[test]
fn a_negative_or_boundless_sum_is_refused() {
    refused(
        |f| f.stays[0].self_pay_one = yuan("-0.01"),
        "stays[0].self_pay_one",
        "-0.01 is negative",
    );
    refused(
        |f| f.bills[0].own_expense = yuan("1000000000.01"),
        "bills[0].own_expense",
        "1000000000.01 is above 1000000000.00",
    );
}

#[test]
fn more_than_the_limit_is_refused() {
    refused(
        |f| f.stays = (0..=STAYS_MAX).map(|i| stay(&format!("S{i}"))).collect(),
        "stays",
        "at most 50, not 51",
    );
}

#[test]
fn a_stay_cannot_go_on_from_itself() {
    refused(
        |f| {
            f.stays[0].joins = Some(Joins {
                serial: "S1".parse().unwrap(),
                reason: JoinReason::Transfer { slip: true, hours: 3 },
            });
        },
        "stays[0].joins.serial",
        "a stay cannot go on from itself",
    );
}

#[test]
fn facts_round_trip_to_the_same_bytes_and_know_no_other_field() {
    let bytes = serde_json::to_vec(&facts()).unwrap();
    let back: Facts = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(serde_json::to_vec(&back).unwrap(), bytes);
    let mut value = serde_json::to_value(facts()).unwrap();
    value["stays"][0]["colour"] = "red".into();
    assert!(serde_json::from_value::<Facts>(value).is_err());
}
