//! Terms that are unknown or contradict themselves are refused, each with the path of the field.

use std::collections::BTreeSet;

use serde_json::Value;

use super::terms::{Name, PlanVersion, Selection, TermLength};
use super::{CeilingSpan, EnrolmentMode, Limit, Pays};

mod benefits;
mod tables;

/// What is wrong with a plan file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, serde::Serialize)]
#[error("{path}: {why}")]
pub struct PlanError {
    /// JSON pointer of the field, such as `/benefits/0/code`.
    pub path: String,
    /// What is wrong with it.
    pub why: String,
}

const NAME_MAX: usize = 120;
const NOTE_MAX: usize = 400;
const LIST_MAX: usize = 100;

/// What was found wrong so far.
#[derive(Default)]
struct Findings(Vec<PlanError>);

impl Findings {
    fn add(&mut self, path: impl Into<String>, why: impl Into<String>) {
        self.0.push(PlanError { path: path.into(), why: why.into() });
    }

    fn unless(&mut self, holds: bool, path: impl Into<String>, why: impl Into<String>) {
        if !holds {
            self.add(path, why);
        }
    }

    /// Refuses what stands twice in a list.
    fn once<T: Ord>(&mut self, path: &str, field: &str, items: impl Iterator<Item = T>) {
        let mut seen = BTreeSet::new();
        for (i, item) in items.enumerate() {
            self.unless(seen.insert(item), format!("{path}/{i}{field}"), "stands twice");
        }
    }
}

impl PlanVersion {
    /// Reads a plan file: JSON, or TOML that was read as a value.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it; only the first thing if it does not follow the schema.
    pub fn parse(mut file: Value) -> Result<Self, Vec<PlanError>> {
        if let Some(fields) = file.as_object_mut() {
            fields.remove("$schema");
        }
        let terms: Self = serde_path_to_error::deserialize(file).map_err(|error| {
            vec![PlanError { path: pointer(error.path()), why: error.inner().to_string() }]
        })?;
        let errors = terms.check();
        if errors.is_empty() { Ok(terms) } else { Err(errors) }
    }

    /// Everything that contradicts itself in the terms.
    #[must_use]
    pub fn check(&self) -> Vec<PlanError> {
        let mut found = Findings::default();
        self.check_head(&mut found);
        self.check_enrolment(&mut found);
        self.check_lists(&mut found);
        self.check_ceilings(&mut found);
        for (i, benefit) in self.benefits.iter().enumerate() {
            benefits::check(self, benefit, &format!("/benefits/{i}"), &mut found);
        }
        self.check_standings(&mut found);
        found.0
    }

    fn check_head(&self, found: &mut Findings) {
        check_name(&self.name, "/name", found);
        if let Some(until) = self.effective.until {
            let why = format!("{until} lies before {}", self.effective.from);
            found.unless(until >= self.effective.from, "/effective/until", why);
        }
        match self.term {
            TermLength::Years(years) => {
                found.unless((1..=4).contains(&years), "/term/years", "must be 1 to 4");
                let whole_years = self.selection != Selection::ExpenseYear;
                found.unless(whole_years, "/selection", "needs a term of a calendar year");
            }
            TermLength::CalendarYear => {}
        }
        let bought = self.selection == Selection::Term;
        found.unless(
            bought || !self.covers_in_force,
            "/covers_in_force",
            "only a version that is bound to a term can be revised within it",
        );
        if let Some(waiting) = &self.waiting {
            let days = waiting.unpaid_days.saturating_add(waiting.reduced_days);
            found.unless(days > 0, "/waiting", "a waiting period needs days");
        }
        if let Some(minimum) = self.minimum_payable {
            found.unless(minimum.is_positive(), "/minimum_payable", "must be above zero");
        }
        found.once("/either_or", "", self.either_or.iter());
        found.unless(!self.either_or.contains(&self.plan), "/either_or", "names the plan itself");
    }

    fn check_enrolment(&self, found: &mut Findings) {
        let at = |field: &str| format!("/enrolment/{field}");
        let enrolment = &self.enrolment;
        for (field, ages) in
            [("age_female", enrolment.age_female), ("age_male", enrolment.age_male)]
        {
            if let Some(ages) = ages
                && let (Some(from), Some(below)) = (ages.from, ages.below)
            {
                found.unless(
                    from < below,
                    at(field),
                    format!("nobody is {from} and below {below}"),
                );
            }
        }
        let units = enrolment.units.max;
        found.unless((1..=100).contains(&units), at("units/max"), "must be 1 to 100");
        let rising = enrolment.participation.is_sorted_by(|a, b| a.staff_from < b.staff_from);
        found.unless(rising, at("participation"), "the sizes of staff must rise");
        let by_roster = enrolment.mode == EnrolmentMode::Roster;
        found.unless(
            by_roster || enrolment.participation.is_empty(),
            at("participation"),
            "nobody takes part by roster in an automatic plan",
        );
        found.once(&at("contributions"), "/tier", enrolment.contributions.iter().map(|c| c.tier));
        for (i, row) in enrolment.contributions.iter().enumerate() {
            let path = at(&format!("contributions/{i}/by_units"));
            let fits = row.by_units.len() == 1 || u32::try_from(row.by_units.len()) == Ok(units);
            found.unless(fits, path.clone(), format!("must hold 1 figure or {units}"));
            let positive = row.by_units.iter().all(|amount| amount.is_positive());
            found.unless(positive, path, "must be above zero");
        }
        let split = enrolment.union_pays.is_none() || !enrolment.contributions.is_empty();
        found.unless(split, at("union_pays"), "there is no contribution to split");
    }

    fn check_lists(&self, found: &mut Findings) {
        found.unless(!self.benefits.is_empty(), "/benefits", "a plan needs a benefit");
        let lists = [
            ("/benefits", self.benefits.len()),
            ("/diseases", self.diseases.len()),
            ("/ceilings", self.ceilings.len()),
            ("/one_of", self.one_of.len()),
            ("/either_or", self.either_or.len()),
            ("/exclusions/others", self.exclusions.others.len()),
        ];
        for (path, length) in lists {
            found.unless(length <= LIST_MAX, path, format!("at most {LIST_MAX}, not {length}"));
        }
        found.once("/benefits", "/code", self.benefits.iter().map(|b| &b.code));
        found.once("/diseases", "/code", self.diseases.iter().map(|d| &d.code));
        found.once("/documents", "", self.documents.iter());
        for (i, disease) in self.diseases.iter().enumerate() {
            let path = format!("/diseases/{i}");
            check_name(&disease.name, &format!("{path}/name"), found);
            let some = !disease.icd10.is_empty();
            found.unless(some, format!("{path}/icd10"), "a disease needs a diagnosis");
        }
        for (i, other) in self.exclusions.others.iter().enumerate() {
            check_name(other, &format!("/exclusions/others/{i}"), found);
        }
        let codes = self.ceilings.iter().map(|c| &c.code);
        found.once("/ceilings", "/code", codes);
        found.once("/one_of", "/code", self.one_of.iter().map(|g| &g.code));
        for (i, group) in self.one_of.iter().enumerate() {
            let path = format!("/one_of/{i}/benefits");
            found.unless(group.benefits.len() >= 2, path.clone(), "needs two benefits or more");
            self.check_known(&group.benefits, &path, found);
        }
    }

    fn check_ceilings(&self, found: &mut Findings) {
        for (i, ceiling) in self.ceilings.iter().enumerate() {
            let path = format!("/ceilings/{i}");
            check_name(&ceiling.name, &format!("{path}/name"), found);
            self.check_known(&ceiling.benefits, &format!("{path}/benefits"), found);
            let at_most = format!("{path}/at_most");
            match ceiling.at_most {
                Limit::Amount(amount) => {
                    found.unless(amount.is_positive(), at_most, "must be above zero");
                }
                Limit::Days(days) => {
                    found.unless(days > 0, at_most.clone(), "must be above zero");
                    found.unless(ceiling.per != CeilingSpan::Day, at_most, "a day has one day");
                    let daily = self
                        .benefits
                        .iter()
                        .filter(|b| ceiling.counts(&b.code))
                        .all(|b| matches!(b.pays, Pays::DailyAllowance(_)));
                    let why = "only daily allowances are counted in days";
                    found.unless(daily, format!("{path}/benefits"), why);
                }
                Limit::Claims(claims) => {
                    found.unless(claims > 0, at_most, "must be above zero");
                    let long = match ceiling.per {
                        CeilingSpan::Year | CeilingSpan::Term | CeilingSpan::Lifetime => true,
                        CeilingSpan::Day | CeilingSpan::Stay | CeilingSpan::Claim => false,
                    };
                    found.unless(long, format!("{path}/per"), "holds no more than one claim");
                }
            }
        }
    }

    fn check_known(&self, codes: &[crate::id::BenefitCode], path: &str, found: &mut Findings) {
        found.once(path, "", codes.iter());
        for (i, code) in codes.iter().enumerate() {
            let known = self.benefits.iter().any(|b| b.code == *code);
            found.unless(known, format!("{path}/{i}"), format!("there is no benefit {code}"));
        }
    }

    fn check_standings(&self, found: &mut Findings) {
        let value = serde_json::to_value(self).unwrap_or_default();
        for (pointer, standing) in &self.standings {
            let path = || format!("/standings/{}", pointer.replace('~', "~0").replace('/', "~1"));
            let known = pointer.is_empty() || value.pointer(pointer).is_some();
            found.unless(known, path(), "points at nothing in the terms");
            let length = standing.note.chars().count();
            let why = format!("at most {NOTE_MAX} characters, not {length}");
            found.unless(length <= NOTE_MAX, path(), why);
        }
        for figure in self.figures() {
            let why = format!("{} has no standing", figure.value);
            found.unless(figure.standing.is_some(), figure.path, why);
        }
    }
}

fn check_name(name: &Name, path: &str, found: &mut Findings) {
    for (field, text) in [("zh", &name.zh), ("en", &name.en)] {
        let length = text.chars().count();
        let fits = (1..=NAME_MAX).contains(&length) && !text.chars().any(char::is_control);
        found.unless(
            fits,
            format!("{path}/{field}"),
            format!("must be 1 to {NAME_MAX} characters"),
        );
    }
}

/// The JSON pointer of where reading stopped.
fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    let mut pointer = String::new();
    for segment in path {
        let part = match segment {
            Segment::Seq { index } => index.to_string(),
            Segment::Map { key } => key.replace('~', "~0").replace('/', "~1"),
            Segment::Enum { variant } => variant.clone(),
            Segment::Unknown => continue,
        };
        pointer.push('/');
        pointer.push_str(&part);
    }
    pointer
}
