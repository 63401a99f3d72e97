//! An amount for each day in hospital.

use rust_decimal::Decimal;

use super::sheet::{Draft, Mark, Phase, Sheet, key, yuan};
use super::stays::{Group, Segment, groups, remember, segments};
use super::{AccumulatorKey, Rejection, Rule, Subject, diseases};
use crate::plan::{Benefit, Ceiling, CeilingSpan, DailyAllowance, DayAmount, Limit, WhichStays};

pub(super) fn judge<'a>(
    sheet: &mut Sheet<'a>,
    benefit: &'a Benefit,
    pays: &DailyAllowance,
) -> Result<(), Rejection> {
    if sheet.facts.stays.is_empty() {
        return Ok(());
    }
    let by_disease = if benefit.cause.is_any() {
        None
    } else {
        let Some(case) = diseases::first(sheet, benefit) else { return Ok(()) };
        Some((case.diagnosis.established_on, case.phase))
    };
    let mut groups = groups(sheet, benefit, &pays.stays, by_disease);
    let mut once = None;
    if pays.which == WhichStays::First {
        groups.truncate(1);
        let key = key(&["once", benefit.code.as_str(), "term"]);
        if !sheet.read(&key).is_zero() {
            let text = "Only the first stay is paid for, and one was.";
            sheet.note(Rule::AlreadyPaid, Some(benefit), text, &[], "0.00");
            return Ok(());
        }
        once = Some((key, Decimal::ONE, Some(Decimal::ONE)));
    }
    let mut days_of_claim = 0;
    for group in groups {
        let so_far = (by_disease.is_some(), days_of_claim);
        days_of_claim = judge_group(sheet, benefit, pays, &group, so_far, &mut once)?;
    }
    Ok(())
}

/// Judges one group; answers the paid days of the claim so far.
fn judge_group<'a>(
    sheet: &mut Sheet<'a>,
    benefit: &'a Benefit,
    pays: &DailyAllowance,
    group: &Group<'a>,
    (by_disease, mut days_of_claim): (bool, u32),
    once: &mut Option<Mark>,
) -> Result<u32, Rejection> {
    let runs = segments(sheet, &pays.stays, group, pays.day_count, by_disease);
    let earlier = group.earlier.map_or(0, |earlier| earlier.days);
    let unpaid_first = u32::from(pays.unpaid_first_days);
    let mut day_of_stay = earlier;
    let mut days_of_group = 0_u32;
    for run in merged(runs) {
        let unpaid = unpaid_first.saturating_sub(day_of_stay).min(run.days);
        day_of_stay = day_of_stay.saturating_add(run.days);
        let asked = if run.in_term { run.days.saturating_sub(unpaid) } else { 0 };
        say_days(sheet, benefit, &run, unpaid, asked);
        if matches!(run.phase, Phase::Unpaid { .. }) {
            sheet.after_waiting(
                benefit,
                &format!("Stay {}", run.stay.serial),
                run.phase,
                Decimal::ZERO,
            );
            continue;
        }
        let earlier_paid = earlier.saturating_sub(unpaid_first);
        let in_stay = days_of_group.saturating_add(earlier_paid);
        let (days, mut marks) =
            within_ceilings(sheet, benefit, asked, run.day.year(), (in_stay, days_of_claim));
        days_of_group = days_of_group.saturating_add(days);
        days_of_claim = days_of_claim.saturating_add(days);
        if days > 0 {
            marks.extend(once.take());
            pay_days(sheet, benefit, pays, &run, days, marks)?;
        }
    }
    remember(sheet, benefit, &pays.stays, group, (day_of_stay, 1));
    Ok(days_of_claim)
}

/// Runs of joined stays that fall into the same year are one.
fn merged(runs: Vec<Segment<'_>>) -> Vec<Segment<'_>> {
    let mut merged: Vec<Segment<'_>> = Vec::new();
    for run in runs {
        match merged.last_mut() {
            Some(last)
                if last.day.year() == run.day.year()
                    && last.in_term == run.in_term
                    && last.phase == run.phase =>
            {
                last.days = last.days.saturating_add(run.days);
            }
            _ => merged.push(run),
        }
    }
    merged
}

fn say_days(sheet: &mut Sheet<'_>, benefit: &Benefit, run: &Segment<'_>, unpaid: u32, asked: u32) {
    let serial = &run.stay.serial;
    let days = run.days;
    let text = match (run.in_term, unpaid) {
        (false, _) => format!("{days} days of stay {serial} lie outside the term."),
        (true, 0) => format!("Stay {serial} lasted {days} days."),
        (true, _) => format!("Stay {serial} lasted {days} days; the first {unpaid} are not paid."),
    };
    let inputs = [("days", run.days.to_string()), ("unpaid days", unpaid.to_string())];
    sheet.note(Rule::Base, Some(benefit), text, &inputs, format!("{asked} days"));
}

/// As many of the asked days as the ceilings leave, and what they add to them.
fn within_ceilings(
    sheet: &mut Sheet<'_>,
    benefit: &Benefit,
    asked: u32,
    year: i16,
    (in_stay, in_claim): (u32, u32),
) -> (u32, Vec<Mark>) {
    let terms = sheet.terms;
    let ceilings: Vec<(&Ceiling, u32)> = terms
        .ceilings
        .iter()
        .filter(|ceiling| ceiling.counts(&benefit.code))
        .filter_map(|ceiling| match ceiling.at_most {
            Limit::Days(days) if ceiling.per_unit => {
                Some((ceiling, days.saturating_mul(sheet.units)))
            }
            Limit::Days(days) => Some((ceiling, days)),
            Limit::Amount(_) | Limit::Claims(_) => None,
        })
        .collect();
    let mut days = asked;
    let mut keys = Vec::new();
    for (ceiling, most) in ceilings {
        let key = AccumulatorKey::of_ceiling(ceiling, year);
        let used = match (&key, ceiling.per) {
            (Some(key), _) => u32::try_from(sheet.read(key)).unwrap_or(u32::MAX),
            (None, CeilingSpan::Stay) => in_stay,
            (None, _) => in_claim,
        };
        let room = most.saturating_sub(used);
        if room < days {
            let text = format!(
                "{}: at most {most} days, of which {used} are used up; {room} are left.",
                ceiling.name
            );
            let inputs = [("at most", most.to_string()), ("used", used.to_string())];
            sheet.note(Rule::Ceiling, Some(benefit), text, &inputs, format!("{room} days"));
            days = room;
        }
        keys.extend(key.map(|key| (key, Decimal::from(most))));
    }
    let mark = |(key, most)| (key, Decimal::from(days), Some(most));
    (days, keys.into_iter().map(mark).collect())
}

fn pay_days<'a>(
    sheet: &mut Sheet<'a>,
    benefit: &'a Benefit,
    pays: &DailyAllowance,
    run: &Segment<'a>,
    days: u32,
    marks: Vec<Mark>,
) -> Result<(), Rejection> {
    let (exact, how) = match &pays.amount {
        DayAmount::PerDay(amount) => (
            amount.amount().saturating_mul(Decimal::from(days)),
            format!("{days} days at {amount} each"),
        ),
        DayAmount::ByLength(rows) => {
            let row = rows.iter().rfind(|row| days >= u32::from(row.days_from));
            let amount = row.map_or(Decimal::ZERO, |row| row.amount.amount());
            (amount, format!("a stay of {days} paid days"))
        }
    };
    let full = sheet.times_units(benefit, exact);
    let what = format!("Stay {}", run.stay.serial);
    let units =
        if benefit.per_unit { format!(", times {} units", sheet.units) } else { String::new() };
    let paid = sheet.after_waiting(benefit, &what, run.phase, full);
    let (amount, rounding) = sheet.to_fen(paid)?;
    let text = format!("{what}: {how}{units} makes {}.", yuan(full));
    let inputs = [("days", days.to_string()), ("units", sheet.units.to_string())];
    let result = amount.to_string();
    sheet.note_rounded(Rule::DailyAllowance, Some(benefit), text, &inputs, result, rounding);
    sheet.draft(Draft {
        benefit,
        subject: Subject::Stay(run.stay.serial.clone()),
        amount,
        year: run.day.year(),
        days,
        disease: None,
        marks,
        paid_key: None,
    });
    Ok(())
}
