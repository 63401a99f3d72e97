//! Rates and deductibles: every case they can meet has one answer.

use super::super::{Applies, DeductibleSpan, Expense, RateRow, Reimbursement, Settle};
use super::Findings;
use super::benefits::check_stays;
use crate::member::MemberClass;

/// One case that a table can meet.
#[derive(Clone, Copy)]
struct Case {
    class: MemberClass,
    grade: u8,
    stay: u16,
    special: bool,
}

pub(super) fn check(pays: &Reimbursement, path: &str, found: &mut Findings) {
    let at = |field: &str| format!("{path}/{field}");
    found.unless(!pays.columns.is_empty(), at("columns"), "needs a column");
    found.once(&at("columns"), "", pays.columns.iter());
    found.once(&at("net_of"), "", pays.net_of.iter());
    match (&pays.stays, pays.of) {
        (Some(rules), Expense::Inpatient | Expense::Both) => {
            check_stays(rules, &at("stays"), found);
        }
        (Some(_), Expense::Outpatient) => found.add(at("stays"), "receipts are not stays"),
        (None, Expense::Outpatient) => {}
        (None, Expense::Inpatient | Expense::Both) => {
            found.add(at("stays"), "stays are paid: say how they are counted");
        }
    }
    let of_stays = pays.of == Expense::Inpatient;
    let by_item = of_stays && pays.settle == Settle::EachItem;
    check_rates(pays, &at("rates"), by_item, found);
    if let Some(deductible) = &pays.deductible {
        let path = at("deductible/amounts");
        found.unless(!deductible.amounts.is_empty(), path.clone(), "needs an amount");
        let by_item = of_stays && deductible.per == DeductibleSpan::Item;
        for (i, row) in deductible.amounts.iter().enumerate() {
            let path = format!("{path}/{i}");
            check_applies(&row.applies, &format!("{path}/applies"), by_item, found);
            let some = !row.amount.is_negative();
            found.unless(some, format!("{path}/amount"), "must not be negative");
        }
        let applies: Vec<_> = deductible.amounts.iter().map(|row| &row.applies).collect();
        for case in cases(&applies) {
            if !applies.iter().any(|row| row.fits(case)) {
                found.add(path, format!("no row fits {}", case.words()));
                break;
            }
        }
    }
}

fn check_rates(pays: &Reimbursement, path: &str, by_item: bool, found: &mut Findings) {
    found.unless(!pays.rates.is_empty(), path, "needs a rate");
    for (i, row) in pays.rates.iter().enumerate() {
        let path = format!("{path}/{i}");
        check_applies(&row.applies, &format!("{path}/applies"), by_item, found);
        found.unless(!row.above.is_negative(), format!("{path}/above"), "must not be negative");
        if let Some(most) = row.at_most {
            found.unless(most.is_positive(), format!("{path}/at_most"), "must be above zero");
        }
    }
    let applies: Vec<_> = pays.rates.iter().map(|row| &row.applies).collect();
    for case in cases(&applies) {
        let rows: Vec<&RateRow> = pays.rates.iter().filter(|row| row.applies.fits(case)).collect();
        let starts_at_zero = rows.first().is_some_and(|row| row.above.is_zero());
        let rising = rows.is_sorted_by(|a, b| a.above < b.above);
        if !starts_at_zero || !rising {
            let why = format!("for {} the rates must begin at 0 and rise", case.words());
            found.add(path, why);
            break;
        }
    }
}

fn check_applies(applies: &Applies, path: &str, by_item: bool, found: &mut Findings) {
    let of_an_item = !applies.hospital_grades.is_empty()
        || applies.stays_from.is_some()
        || applies.stays_to.is_some()
        || applies.special_disease.is_some();
    found.unless(by_item || !of_an_item, path, "what is settled here is not a single stay");
    let grades = applies.hospital_grades.iter().all(|grade| (1..=3).contains(grade));
    found.unless(grades, format!("{path}/hospital_grades"), "must be 1, 2 or 3");
    let (from, to) = (applies.stays_from.unwrap_or(1), applies.stays_to.unwrap_or(u16::MAX));
    let why = format!("no stay is from the {from}. to the {to}.");
    found.unless(1 <= from && from <= to, format!("{path}/stays_to"), why);
}

/// Every case that these rows can tell apart.
fn cases(rows: &[&Applies]) -> Vec<Case> {
    let mut stays: Vec<u16> = rows
        .iter()
        .flat_map(|row| [row.stays_from, row.stays_to.map(|to| to.saturating_add(1))])
        .flatten()
        .chain([1])
        .collect();
    stays.sort_unstable();
    stays.dedup();
    let mut cases = Vec::new();
    for class in [MemberClass::Ordinary, MemberClass::ModelWorker, MemberClass::Hardship] {
        for grade in 1..=3 {
            for stay in &stays {
                for special in [false, true] {
                    cases.push(Case { class, grade, stay: *stay, special });
                }
            }
        }
    }
    cases
}

impl Applies {
    fn fits(&self, case: Case) -> bool {
        self.takes(case.class, Some((case.grade, case.stay, case.special)))
    }

    /// Whether it holds for a member of `class` and, where there is one, a stay in a hospital of
    /// this grade, of this ordinal, for a special disease or not.
    #[must_use]
    pub fn takes(&self, class: MemberClass, stay: Option<(u8, u16, bool)>) -> bool {
        let class_fits = self.classes.is_empty() || self.classes.contains(&class);
        class_fits
            && stay.is_none_or(|(grade, ordinal, special)| {
                (self.hospital_grades.is_empty() || self.hospital_grades.contains(&grade))
                    && self.stays_from.is_none_or(|from| ordinal >= from)
                    && self.stays_to.is_none_or(|to| ordinal <= to)
                    && self.special_disease.is_none_or(|wanted| wanted == special)
            })
    }
}

impl Case {
    fn words(self) -> String {
        let Self { class, grade, stay, special } = self;
        let class = match class {
            MemberClass::Ordinary => "ordinary members",
            MemberClass::ModelWorker => "model workers",
            MemberClass::Hardship => "members in hardship",
        };
        let special = if special { " for a special disease" } else { "" };
        format!("{class}, stay {stay}{special} in a hospital of grade {grade}")
    }
}
