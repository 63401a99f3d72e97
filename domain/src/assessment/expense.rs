//! The receipts and stays that a reimbursement is computed from.

use jiff::civil::Date;
use rust_decimal::Decimal;

use super::sheet::{Moment, Phase, Sheet, yuan};
use super::stays::{Group, Segment, groups, ordinal_key, remember, segments};
use super::{Rejection, Rule, Subject};
use crate::claim::facts::{Bill, Stay};
use crate::money::Money;
use crate::plan::{
    Benefit, Column, DayCount, DeductibleSpan, Expense, Reimbursement, Settle, StayDay, StayRules,
};

/// What is settled at once: a receipt, a stay, or one cycle of a long stay.
pub(super) struct Item {
    pub(super) subject: Subject,
    /// The day that says to which year it belongs.
    pub(super) date: Date,
    pub(super) base: Decimal,
    pub(super) days: u32,
    pub(super) phase: Phase,
    /// The grade of the hospital, the ordinal, whether it is for a special disease.
    pub(super) stay: Option<(u8, u16, bool)>,
    /// It goes on from a stay whose deductible was borne already.
    pub(super) goes_on: bool,
    /// Which cycle of the stay it is, if not the first.
    cycle: u32,
    /// Whether the terms tell first from later stays.
    ordinal_counts: bool,
}

impl Item {
    /// What a reader of the trace calls it.
    pub(super) fn title(&self) -> String {
        match (&self.subject, self.stay) {
            (Subject::Stay(serial), Some((_, ordinal, _))) if self.cycle > 0 => {
                let cycle = self.cycle.saturating_add(1);
                format!("Stay {serial}, settlement cycle {cycle}, which is stay no. {ordinal}")
            }
            (Subject::Stay(serial), Some((_, ordinal, _))) if self.ordinal_counts => {
                format!("Stay {serial} (stay no. {ordinal})")
            }
            (Subject::Stay(serial), _) => format!("Stay {serial}"),
            (Subject::Receipt(serial), _) => format!("Receipt {serial}"),
            (Subject::Year(year), _) => format!("Receipts of {year}"),
            (subject, _) => subject.to_string(),
        }
    }
}

pub(super) fn collect<'a>(
    sheet: &mut Sheet<'a>,
    benefit: &'a Benefit,
    pays: &Reimbursement,
) -> Result<Vec<Item>, Rejection> {
    let mut items = Vec::new();
    if matches!(pays.of, Expense::Outpatient | Expense::Both) {
        items.extend(receipts(sheet, benefit, pays));
        if pays.settle != Settle::EachItem && !per_item(pays) {
            items = by_year(items);
        }
    }
    if let Some(rules) = &pays.stays {
        for group in groups(sheet, benefit, rules, None) {
            items.extend(settlements(sheet, benefit, pays, rules, &group)?);
        }
    }
    items.sort_by_key(|item| item.date);
    items.retain(|item| counts(sheet, benefit, item));
    if items.len() > 1 {
        let sum = items.iter().fold(Decimal::ZERO, |sum, item| sum.saturating_add(item.base));
        let text = format!(
            "{} receipts and stays count; together they come to {}.",
            items.len(),
            yuan(sum)
        );
        sheet.note(
            Rule::Base,
            Some(benefit),
            text,
            &[("count", items.len().to_string())],
            yuan(sum),
        );
    }
    Ok(items)
}

/// Whether there is anything to pay for; what is left out is written down.
fn counts(sheet: &mut Sheet<'_>, benefit: &Benefit, item: &Item) -> bool {
    if item.base.is_zero() {
        let text = format!("{} holds nothing in the columns that count.", item.title());
        sheet.note(Rule::Base, Some(benefit), text, &[], "0.00");
        return false;
    }
    if matches!(item.phase, Phase::Unpaid { .. }) {
        sheet.after_waiting(benefit, &item.title(), item.phase, item.base);
        return false;
    }
    true
}

fn per_item(pays: &Reimbursement) -> bool {
    pays.deductible.as_ref().is_some_and(|deductible| deductible.per == DeductibleSpan::Item)
}

/// Receipts that are never looked at one by one are looked at by the year.
fn by_year(receipts: Vec<Item>) -> Vec<Item> {
    let mut years: Vec<Item> = Vec::new();
    for mut receipt in receipts {
        let year = receipt.date.year();
        match years.iter_mut().find(|sum| sum.date.year() == year && sum.phase == receipt.phase) {
            Some(sum) => sum.base = sum.base.saturating_add(receipt.base),
            None => {
                receipt.subject = Subject::Year(year);
                years.push(receipt);
            }
        }
    }
    years
}

fn receipts(sheet: &mut Sheet<'_>, benefit: &Benefit, pays: &Reimbursement) -> Vec<Item> {
    let facts = sheet.facts;
    let mut bills: Vec<&Bill> = facts.bills.iter().collect();
    bills.sort_by(|a, b| (a.date, &a.serial).cmp(&(b.date, &b.serial)));
    let mut items = Vec::new();
    for bill in bills {
        let what = format!("Receipt {}", bill.serial);
        let Some(phase) = sheet.admit(benefit, &what, Moment::on(bill.date)) else { continue };
        let columns =
            [bill.self_pay_one, bill.self_pay_one_above, bill.self_pay_two, bill.own_expense];
        items.push(Item {
            subject: Subject::Receipt(bill.serial.clone()),
            date: bill.date,
            base: counted(pays, columns),
            days: 0,
            phase,
            stay: None,
            goes_on: false,
            cycle: 0,
            ordinal_counts: false,
        });
    }
    items
}

/// The sum of the columns that count.
fn counted(pays: &Reimbursement, columns: [Money; 4]) -> Decimal {
    [Column::SelfPayOne, Column::SelfPayOneAbove, Column::SelfPayTwo, Column::OwnExpense]
        .into_iter()
        .zip(columns)
        .filter(|(column, _)| pays.columns.contains(column))
        .fold(Decimal::ZERO, |sum, (_, amount)| sum.saturating_add(amount.amount()))
}

/// A group of stays as it is settled: as one, or cut at the turn of the year and in cycles.
fn settlements<'a>(
    sheet: &mut Sheet<'a>,
    benefit: &Benefit,
    pays: &Reimbursement,
    rules: &StayRules,
    group: &Group<'a>,
) -> Result<Vec<Item>, Rejection> {
    let runs = segments(sheet, rules, group, DayCount::Nights, false);
    let mut pieces: Vec<(Segment<'a>, u32, Decimal)> = Vec::new();
    let mut day_of_group = group.earlier.map_or(0, |earlier| earlier.days);
    for (stay, _) in &group.stays {
        let runs: Vec<_> = runs.iter().filter(|run| run.stay.serial == stay.serial).collect();
        let cut = runs.into_iter().flat_map(|run| cycles(rules, *run, &mut day_of_group)).collect();
        pieces.extend(shares(sheet, benefit, pays, stay, cut)?);
    }
    belong_together(rules.belongs_by, &mut pieces);
    let ordinal_counts = counts_stays(pays);
    let mut items: Vec<Item> = Vec::new();
    for (run, cycle, base) in pieces {
        if !run.in_term {
            let text =
                format!("{} of stay {} falls outside the term.", yuan(base), run.stay.serial);
            sheet.note(Rule::Exclusion, Some(benefit), text, &[], "0.00");
            continue;
        }
        let same =
            items.iter_mut().find(|item| item.cycle == cycle && item.date.year() == run.day.year());
        if let Some(item) = same {
            item.base = item.base.saturating_add(base);
            item.days = item.days.saturating_add(run.days);
            continue;
        }
        let goes_on = group.earlier.filter(|_| items.is_empty());
        let ordinal = match goes_on {
            Some(earlier) => earlier.ordinal,
            None if ordinal_counts => next_ordinal(sheet, benefit, rules, &run),
            None => 1,
        };
        let first = group.first().unwrap_or(run.stay);
        items.push(Item {
            subject: Subject::Stay(first.serial.clone()),
            date: run.day,
            base,
            // A stay without a night is still a day in hospital.
            days: run.days.max(1),
            phase: run.phase,
            stay: Some((first.hospital_grade, ordinal, first.special_disease)),
            goes_on: goes_on.is_some(),
            cycle,
            ordinal_counts,
        });
    }
    let ordinal = items.last().and_then(|item| item.stay).map_or(1, |(_, ordinal, _)| ordinal);
    remember(sheet, benefit, rules, group, (day_of_group, ordinal));
    Ok(items)
}

/// Stays that are one belong to one day: the first admission, or the last discharge.
fn belong_together(belongs_by: StayDay, pieces: &mut [(Segment<'_>, u32, Decimal)]) {
    let days = pieces.iter().map(|(run, ..)| run.day);
    let day = match belongs_by {
        StayDay::Admission => days.min(),
        StayDay::Discharge => days.max(),
        StayDay::EachDay => None,
    };
    for (run, ..) in pieces {
        run.day = day.unwrap_or(run.day);
    }
}

/// Whether any rate or deductible is for the first stay or for later ones.
fn counts_stays(pays: &Reimbursement) -> bool {
    let of_rates = pays.rates.iter().map(|row| &row.applies);
    let deductibles = pays.deductible.iter().flat_map(|deductible| &deductible.amounts);
    of_rates
        .chain(deductibles.map(|row| &row.applies))
        .any(|applies| applies.stays_from.is_some() || applies.stays_to.is_some())
}

fn next_ordinal(
    sheet: &mut Sheet<'_>,
    benefit: &Benefit,
    rules: &StayRules,
    run: &Segment<'_>,
) -> u16 {
    if matches!(run.phase, Phase::Unpaid { .. }) {
        return 1;
    }
    let key = ordinal_key(benefit, rules, run.day);
    let ordinal = sheet.read(&key).saturating_add(Decimal::ONE);
    sheet.add(key, Decimal::ONE);
    u16::try_from(ordinal).unwrap_or(u16::MAX)
}

/// Cuts a run of days where a settlement cycle ends.
fn cycles<'a>(rules: &StayRules, run: Segment<'a>, day: &mut u32) -> Vec<(Segment<'a>, u32)> {
    let Some(length) = rules.cycle_days.map(u32::from).filter(|length| *length > 0) else {
        *day = day.saturating_add(run.days);
        return vec![(run, 0)];
    };
    let mut cut = Vec::new();
    let mut left = run.days;
    let mut start = run.day;
    loop {
        let cycle = day.checked_div(length).unwrap_or(0);
        let room = length.saturating_sub(day.checked_rem(length).unwrap_or(0));
        let days = left.min(room);
        cut.push((Segment { day: start, days, ..run }, cycle));
        *day = day.saturating_add(days);
        left = left.saturating_sub(days);
        if left == 0 {
            return cut;
        }
        // Where the discharge says to which year a stay belongs, it says so for all its cycles.
        if rules.belongs_by == StayDay::EachDay {
            start = jiff::Span::new()
                .try_days(days)
                .and_then(|span| start.checked_add(span))
                .unwrap_or(start);
        }
    }
}

/// Shares the expense of a stay among its pieces by days; the last piece takes what is left.
fn shares<'a>(
    sheet: &mut Sheet<'a>,
    benefit: &Benefit,
    pays: &Reimbursement,
    stay: &Stay,
    cut: Vec<(Segment<'a>, u32)>,
) -> Result<Vec<(Segment<'a>, u32, Decimal)>, Rejection> {
    let columns = [stay.self_pay_one, stay.self_pay_one_above, stay.self_pay_two, stay.own_expense];
    let whole = counted(pays, columns);
    let days = cut.iter().fold(0_u32, |sum, (run, _)| sum.saturating_add(run.days));
    let last = cut.len().saturating_sub(1);
    let mut left = whole;
    let mut pieces = Vec::new();
    for (i, (run, cycle)) in cut.into_iter().enumerate() {
        let share = if i == last {
            left
        } else {
            let exact = whole
                .saturating_mul(Decimal::from(run.days))
                .checked_div(Decimal::from(days))
                .unwrap_or_default();
            let (share, rounding) = sheet.to_fen(exact)?;
            let text = format!(
                "{} of the {days} days of stay {} bear {share} of its {}.",
                run.days,
                stay.serial,
                yuan(whole)
            );
            let inputs = [("days", run.days.to_string()), ("all days", days.to_string())];
            sheet.note_rounded(
                Rule::Base,
                Some(benefit),
                text,
                &inputs,
                share.to_string(),
                rounding,
            );
            share.amount().min(left)
        };
        left = left.saturating_sub(share);
        pieces.push((run, cycle, share));
    }
    Ok(pieces)
}
