//! What can contradict itself within one benefit.

use jiff::civil::Date;

use super::super::terms::PlanVersion;
use super::super::{
    AfterPayment, Benefit, Cause, ClaimWindow, DailyAllowance, DayAmount, GradeRow, Length,
    LumpSum, Pays, Reduced, Settle, StayRules,
};
use super::{Findings, check_name, tables};

pub(super) fn check(terms: &PlanVersion, benefit: &Benefit, path: &str, found: &mut Findings) {
    let at = |field: &str| format!("{path}/{field}");
    check_name(&benefit.name, &at("name"), found);
    found.unless(!benefit.incidents.is_empty(), at("incidents"), "needs an incident");
    found.once(&at("incidents"), "", benefit.incidents.iter());
    found.once(&at("documents"), "", benefit.documents.iter());
    check_cause(terms, benefit, path, found);
    check_end(benefit, path, found);
    check_waiting(terms, benefit, path, found);
    if let Some(window) = benefit.claim_window {
        check_window(window, &at("claim_window"), found);
    }
    match &benefit.pays {
        Pays::Reimbursement(pays) => {
            tables::check(pays, &at("pays/reimbursement"), found);
        }
        Pays::DailyAllowance(pays) => check_allowance(pays, &at("pays/daily_allowance"), found),
        Pays::LumpSum(pays) => {
            found.unless(
                !benefit.cause.is_any(),
                at("cause"),
                "a lump sum needs a list of diseases",
            );
            check_lump_sum(pays, &at("pays/lump_sum"), found);
        }
        Pays::GradeTable(table) => {
            let path = at("pays/grade_table/grades");
            found.unless(!table.grades.is_empty(), path.clone(), "needs a grade");
            for (i, row) in table.grades.iter().enumerate() {
                let path = format!("{path}/{i}");
                found.unless(
                    (1..=10).contains(&row.grade),
                    format!("{path}/grade"),
                    "must be 1 to 10",
                );
                found.unless(
                    row.amount.is_positive(),
                    format!("{path}/amount"),
                    "must be above zero",
                );
            }
            let falls = |a: &GradeRow, b: &GradeRow| a.grade < b.grade && a.amount >= b.amount;
            let falling = table.grades.is_sorted_by(falls);
            found.unless(falling, path, "grades must rise and their amounts must not");
        }
        Pays::LossShare(pays) => {
            let path = at("pays/loss_share/losses");
            found.unless(!pays.losses.is_empty(), path.clone(), "needs a loss");
            found.once(&path, "", pays.losses.iter());
        }
        Pays::Fixed(pays) => {
            let positive = pays.amount.is_positive();
            found.unless(positive, at("pays/fixed/amount"), "must be above zero");
        }
    }
}

fn check_cause(terms: &PlanVersion, benefit: &Benefit, path: &str, found: &mut Findings) {
    match &benefit.cause {
        Cause::Any => {}
        Cause::Listed => {
            let why = "the plan lists no diseases";
            found.unless(!terms.diseases.is_empty(), format!("{path}/cause"), why);
        }
        Cause::OneOf(codes) => {
            let path = format!("{path}/cause/one_of");
            found.unless(!codes.is_empty(), path.clone(), "needs a disease");
            found.once(&path, "", codes.iter());
            for (i, code) in codes.iter().enumerate() {
                let known = terms.diseases.iter().any(|disease| disease.code == *code);
                found.unless(known, format!("{path}/{i}"), format!("there is no disease {code}"));
            }
        }
    }
}

/// A disease can end only where one is paid for.
fn check_end(benefit: &Benefit, path: &str, found: &mut Findings) {
    let of_disease = match benefit.pays {
        Pays::LumpSum(_) | Pays::Fixed(_) => !benefit.cause.is_any(),
        Pays::Reimbursement(_)
        | Pays::DailyAllowance(_)
        | Pays::GradeTable(_)
        | Pays::LossShare(_) => false,
    };
    let ends = benefit.after_payment == AfterPayment::EndsDisease;
    let why = "this benefit is not paid for a disease that could end";
    found.unless(of_disease || !ends, format!("{path}/after_payment"), why);
}

fn check_waiting(terms: &PlanVersion, benefit: &Benefit, path: &str, found: &mut Findings) {
    let reduces = terms.waiting.as_ref().is_some_and(|waiting| waiting.reduced_days > 0);
    let reduced = format!("{path}/reduced");
    match benefit.reduced {
        Some(_) if !reduces => found.add(reduced, "the plan has no days of reduced benefit"),
        Some(_) if benefit.waiting_exempt => found.add(reduced, "the benefit does not wait"),
        Some(Reduced::Amount(amount)) => {
            let path = format!("{reduced}/amount");
            found.unless(!amount.is_negative(), path.clone(), "must not be negative");
            let of_a_sum = match &benefit.pays {
                Pays::Reimbursement(pays) => pays.settle != Settle::EachItem,
                Pays::DailyAllowance(_)
                | Pays::LumpSum(_)
                | Pays::GradeTable(_)
                | Pays::LossShare(_)
                | Pays::Fixed(_) => false,
            };
            found.unless(!of_a_sum, path, "a sum of many expenses is reduced by a share");
        }
        Some(Reduced::Share(_)) => {}
        None => found.unless(
            !reduces || benefit.waiting_exempt,
            reduced,
            "the plan has days of reduced benefit: say what they pay",
        ),
    }
    let exempt = !benefit.waiting_exempt || terms.waiting.is_some();
    found.unless(exempt, format!("{path}/waiting_exempt"), "the plan has no waiting period");
}

fn check_window(window: ClaimWindow, path: &str, found: &mut Findings) {
    match window {
        ClaimWindow::Within { length, .. } => {
            let some = match length {
                Length::Days(days) => days > 0,
                Length::Months(months) => months > 0,
                Length::Years(years) => years > 0,
            };
            found.unless(some, format!("{path}/within/length"), "must be above zero");
        }
        ClaimWindow::By { month, day } => {
            // A day that not every year has would make the window depend on the year.
            let every_year = Date::new(2013, month, day).is_ok();
            found.unless(every_year, format!("{path}/by"), "must be a day of every year");
        }
    }
}

fn check_allowance(pays: &DailyAllowance, path: &str, found: &mut Findings) {
    check_stays(&pays.stays, &format!("{path}/stays"), found);
    let in_cycles = pays.stays.cycle_days.is_some();
    found.unless(!in_cycles, format!("{path}/stays/cycle_days"), "days are not settled in cycles");
    match &pays.amount {
        DayAmount::PerDay(amount) => {
            let path = format!("{path}/amount/per_day");
            found.unless(amount.is_positive(), path, "must be above zero");
        }
        DayAmount::ByLength(rows) => {
            let path = format!("{path}/amount/by_length");
            found.unless(!rows.is_empty(), path.clone(), "needs a row");
            let rising =
                rows.is_sorted_by(|a, b| a.days_from < b.days_from && a.amount <= b.amount);
            found.unless(rising, path.clone(), "days must rise and amounts must not fall");
            let some = rows.iter().all(|row| row.days_from > 0 && !row.amount.is_negative());
            found.unless(some, path, "days must be above zero and amounts not below");
        }
    }
}

pub(super) fn check_stays(rules: &StayRules, path: &str, found: &mut Findings) {
    let at = |field: &str| format!("{path}/{field}");
    if let Some(days) = rules.cycle_days {
        found.unless(days >= 30, at("cycle_days"), "must be 30 or more");
    }
    if let Some(months) = rules.same_cause_joins_within_months {
        let path = at("same_cause_joins_within_months");
        found.unless((1..=24).contains(&months), path, "must be 1 to 24");
    }
    if let Some(grade) = rules.hospital_grade_min {
        found.unless((1..=3).contains(&grade), at("hospital_grade_min"), "must be 1, 2 or 3");
    }
}

fn check_lump_sum(pays: &LumpSum, path: &str, found: &mut Findings) {
    let amounts = format!("{path}/amounts");
    found.unless(!pays.amounts.is_empty(), amounts.clone(), "needs an amount");
    for (i, row) in pays.amounts.iter().enumerate() {
        let positive = row.amount.is_positive();
        found.unless(positive, format!("{amounts}/{i}/amount"), "must be above zero");
        let some = !row.severities.is_empty();
        found.unless(some, format!("{amounts}/{i}/severities"), "needs a class");
    }
    let classes = pays.amounts.iter().flat_map(|row| &row.severities);
    let mut seen = std::collections::BTreeSet::new();
    for class in classes {
        found.unless(seen.insert(class), amounts.clone(), "a class has two amounts");
    }
}
