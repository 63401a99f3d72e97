//! Whether a plan takes a member.

use jiff::civil::Date;
use serde::Serialize;

use crate::id::checked::Sex;
use crate::member::{self, MemberClass, Profile};
use crate::plan::{Ages, Enrolment, EnrolmentMode, Requirement, Tier};
use crate::term::age_on;

/// Why a plan does not take a member.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize)]
#[serde(tag = "reason", rename_all = "SCREAMING_SNAKE_CASE", rename_all_fields = "snake_case")]
pub enum Rejection {
    /// The plan is for the other sex.
    #[error("the plan takes {taken:?} members only")]
    SexNotTaken { taken: Sex },
    /// Too young or too old.
    #[error("age {age} is not from {from:?} to below {below:?}")]
    AgeNotTaken { age: i16, from: Option<u8>, below: Option<u8> },
    /// Members come into the plan in another way.
    #[error("members come into the plan by {mode:?}")]
    ModeDiffers { mode: EnrolmentMode },
    /// The plan is for other classes of members.
    #[error("the plan does not take {class:?} members")]
    ClassNotTaken { class: MemberClass },
    /// The member lacks what the plan asks for.
    #[error("the plan asks for {requirement:?}")]
    RequirementMissing { requirement: Requirement },
    /// The member died, or left service where the plan asks for it.
    #[error(transparent)]
    #[serde(untagged)]
    Member(#[from] member::Rejection),
}

/// Whether `terms` take the member whose cover would begin on `start`.
///
/// # Errors
///
/// The [`Rejection`] that says why not.
pub fn check(
    terms: &Enrolment,
    profile: &Profile,
    unit_has_union: bool,
    start: Date,
) -> Result<(), Rejection> {
    profile.alive()?;
    if let Some(taken) = terms.sex.filter(|taken| *taken != profile.sex) {
        return Err(Rejection::SexNotTaken { taken });
    }
    let ages = match profile.sex {
        Sex::Female => terms.age_female,
        Sex::Male => terms.age_male,
    };
    let age = age_on(profile.born, start);
    if let Some(Ages { from, below }) = ages.filter(|ages| !ages.hold(age)) {
        return Err(Rejection::AgeNotTaken { age, from, below });
    }
    if !(terms.classes.is_empty() || terms.classes.contains(&profile.class)) {
        return Err(Rejection::ClassNotTaken { class: profile.class });
    }
    for requirement in &terms.requires {
        let met = match requirement {
            Requirement::MedicalInsurance => profile.insured,
            Requirement::InService => profile.in_service_on(start).map(|_| true)?,
            Requirement::Card => profile.person.card.is_some(),
            Requirement::UnitUnion => unit_has_union || terms.sells_to(Tier::UnitWithoutUnion),
        };
        if !met {
            return Err(Rejection::RequirementMissing { requirement: *requirement });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::member::tests::woman;
    use crate::plan::{Contribution, Units};

    #[test]
    fn a_plan_without_conditions_takes_everyone_alive() {
        assert_eq!(answer(&open_to_all(), &woman()), Ok(()));
        let mut dead = woman();
        dead.died = Some(day("2014-09-01"));
        let died = member::Rejection::MemberDied { on: day("2014-09-01") };
        assert_eq!(answer(&open_to_all(), &dead), Err(Rejection::Member(died)));
    }

    #[test]
    fn a_plan_for_the_other_sex_refuses() {
        let terms = Enrolment { sex: Some(Sex::Male), ..open_to_all() };
        assert_eq!(answer(&terms, &woman()), Err(Rejection::SexNotTaken { taken: Sex::Male }));
    }

    #[test]
    fn the_age_counts_on_the_first_day_of_the_term() {
        let age_female = Some(Ages { from: Some(16), below: Some(55) });
        let terms = Enrolment { age_female, ..open_to_all() };
        for (born, age) in [("1999-01-01", None), ("1999-01-02", Some(15))]
            .into_iter()
            .chain([("1960-01-02", None), ("1960-01-01", Some(55))])
        {
            let member = Profile { born: day(born), ..woman() };
            let refused =
                age.map(|age| Rejection::AgeNotTaken { age, from: Some(16), below: Some(55) });
            assert_eq!(answer(&terms, &member).err(), refused, "{born}");
        }
        let man = Profile { sex: Sex::Male, born: day("1950-01-01"), ..woman() };
        assert_eq!(answer(&terms, &man), Ok(()));
    }

    #[test]
    fn a_plan_for_a_class_refuses_the_others() {
        let terms = Enrolment { classes: vec![MemberClass::Hardship], ..open_to_all() };
        let class = MemberClass::Ordinary;
        assert_eq!(answer(&terms, &woman()), Err(Rejection::ClassNotTaken { class }));
        assert_eq!(answer(&terms, &Profile { class: MemberClass::Hardship, ..woman() }), Ok(()));
    }

    #[test]
    fn what_a_plan_asks_for_has_to_be_there() {
        let mut without = woman();
        without.insured = false;
        without.person.card = None;
        for requirement in
            [Requirement::MedicalInsurance, Requirement::Card, Requirement::UnitUnion]
        {
            let terms = Enrolment { requires: vec![requirement], ..open_to_all() };
            assert_eq!(answer(&terms, &woman()), Ok(()));
            let refused = check(&terms, &without, false, day("2015-01-01"));
            assert_eq!(refused, Err(Rejection::RequirementMissing { requirement }));
        }
    }

    #[test]
    fn a_unit_without_a_union_joins_where_its_contribution_has_a_price() {
        let contributions = vec![Contribution {
            tier: Tier::UnitWithoutUnion,
            by_units: vec!["60".parse().unwrap()],
        }];
        let requires = vec![Requirement::UnitUnion];
        let terms = Enrolment { requires, contributions, ..open_to_all() };
        assert_eq!(check(&terms, &woman(), false, day("2015-01-01")), Ok(()));
    }

    #[test]
    fn who_left_service_is_told_since_when() {
        let terms = Enrolment { requires: vec![Requirement::InService], ..open_to_all() };
        let retired = |on: &str| Profile { retired: Some(day(on)), ..woman() };
        assert_eq!(answer(&terms, &retired("2015-01-02")), Ok(()));
        let on = day("2015-01-01");
        let refused = Rejection::Member(member::Rejection::MemberRetired { on });
        assert_eq!(answer(&terms, &retired("2015-01-01")), Err(refused.clone()));
        assert_eq!(
            serde_json::to_string(&refused).unwrap(),
            r#"{"reason":"MEMBER_RETIRED","on":"2015-01-01"}"#
        );
    }

    fn answer(terms: &Enrolment, profile: &Profile) -> Result<(), Rejection> {
        check(terms, profile, true, day("2015-01-01"))
    }

    fn open_to_all() -> Enrolment {
        Enrolment {
            mode: EnrolmentMode::Roster,
            sex: None,
            age_female: None,
            age_male: None,
            classes: vec![],
            requires: vec![],
            units: Units::default(),
            participation: vec![],
            contributions: vec![],
            union_pays: None,
        }
    }

    fn day(text: &str) -> Date {
        text.parse().unwrap()
    }
}
