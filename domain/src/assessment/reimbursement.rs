//! A part of what the worker paid: base, other payers, deductible, rate.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::expense::{Item, collect};
use super::sheet::{Draft, Sheet, add, key, yuan};
use super::{AccumulatorKey, Rejection, Rule, Subject};
use crate::money::Money;
use crate::plan::{Benefit, DeductibleSpan, RateRow, Reimbursement, Scale, Settle};

pub(super) fn judge<'a>(
    sheet: &mut Sheet<'a>,
    benefit: &'a Benefit,
    pays: &Reimbursement,
) -> Result<(), Rejection> {
    let mut items = collect(sheet, benefit, pays)?;
    if items.is_empty() {
        return Ok(());
    }
    take_off_others(sheet, benefit, pays, &mut items);
    for item in &mut items {
        take_off_deductible(sheet, benefit, pays, item);
    }
    match pays.settle {
        Settle::EachItem => {
            for item in items {
                settle_item(sheet, benefit, pays, item)?;
            }
            Ok(())
        }
        Settle::Claim | Settle::Year | Settle::Term => settle_sums(sheet, benefit, pays, items),
    }
}

fn take_off_others(
    sheet: &mut Sheet<'_>,
    benefit: &Benefit,
    pays: &Reimbursement,
    items: &mut [Item],
) {
    for payer in &pays.net_of {
        let Some(mut left) = sheet.offsets.get(payer).copied().filter(|left| !left.is_zero())
        else {
            continue;
        };
        let before = left;
        for item in items.iter_mut() {
            let taken = left.min(item.base);
            item.base = item.base.saturating_sub(taken);
            left = left.saturating_sub(taken);
        }
        sheet.offsets.insert(*payer, left);
        let taken = before.saturating_sub(left);
        let text =
            format!("Others paid {} of these expenses; that is taken off first.", yuan(taken));
        sheet.note(
            Rule::Offset,
            Some(benefit),
            text,
            &[("paid by others", yuan(before))],
            yuan(taken),
        );
    }
}

fn take_off_deductible(
    sheet: &mut Sheet<'_>,
    benefit: &Benefit,
    pays: &Reimbursement,
    item: &mut Item,
) {
    let Some(deductible) = &pays.deductible else { return };
    let class = sheet.cover.class;
    let row = deductible.amounts.iter().find(|row| row.applies.takes(class, item.stay));
    // Published terms have a row for every case.
    let Some(row) = row else { return };
    let amount = row.amount.amount();
    let span = match deductible.per {
        DeductibleSpan::Item => None,
        DeductibleSpan::Claim => Some("claim".to_owned()),
        DeductibleSpan::Year => Some(format!("year.{}", item.date.year())),
        DeductibleSpan::Term => Some("term".to_owned()),
    };
    let of = || key(&["deductible", benefit.code.as_str(), span.as_deref().unwrap_or_default()]);
    let (left, words) = match &deductible.per {
        DeductibleSpan::Item if item.goes_on => (Decimal::ZERO, "already borne for this stay"),
        DeductibleSpan::Item => (amount, "of this stay or receipt"),
        DeductibleSpan::Claim => {
            (amount.saturating_sub(borne_in_claim(sheet, &of())), "of the claim")
        }
        DeductibleSpan::Year => (amount.saturating_sub(sheet.read(&of())), "left for the year"),
        DeductibleSpan::Term => (amount.saturating_sub(sheet.read(&of())), "left for the term"),
    };
    let borne = left.max(Decimal::ZERO).min(item.base);
    let before = item.base;
    item.base = before.saturating_sub(borne);
    match deductible.per {
        DeductibleSpan::Item => {}
        DeductibleSpan::Claim => add(&mut sheet.borne, of(), borne),
        DeductibleSpan::Year | DeductibleSpan::Term => sheet.add(of(), borne),
    }
    let text = format!(
        "{}: the worker bears the deductible of {} ({words}); {} is left of {}.",
        item.title(),
        yuan(amount),
        yuan(item.base),
        yuan(before)
    );
    let inputs = [("expense", yuan(before)), ("deductible", yuan(amount)), ("borne", yuan(borne))];
    sheet.note(Rule::Deductible, Some(benefit), text, &inputs, yuan(item.base));
}

fn borne_in_claim(sheet: &Sheet<'_>, key: &AccumulatorKey) -> Decimal {
    sheet.borne.get(key).copied().unwrap_or_default()
}

fn settle_item<'a>(
    sheet: &mut Sheet<'a>,
    benefit: &'a Benefit,
    pays: &Reimbursement,
    item: Item,
) -> Result<(), Rejection> {
    let rows = fitting(sheet, pays, &item);
    let (exact, how) = scaled(pays.scale, &rows, item.base);
    let exact = sheet.times_units(benefit, exact);
    let title = item.title();
    let exact = sheet.after_waiting(benefit, &title, item.phase, exact);
    let (amount, rounding) = sheet.to_fen(exact)?;
    let text = format!("{title}: {how} is {}.", yuan(exact));
    let inputs = [("expense", yuan(item.base))];
    sheet.note_rounded(Rule::Rate, Some(benefit), text, &inputs, amount.to_string(), rounding);
    sheet.draft(Draft {
        benefit,
        subject: item.subject,
        amount,
        year: item.date.year(),
        days: item.days,
        disease: None,
        marks: Vec::new(),
        paid_key: None,
    });
    Ok(())
}

/// Settles what falls into one claim, year or term as one sum.
fn settle_sums<'a>(
    sheet: &mut Sheet<'a>,
    benefit: &'a Benefit,
    pays: &Reimbursement,
    items: Vec<Item>,
) -> Result<(), Rejection> {
    let rows: Vec<&RateRow> =
        pays.rates.iter().filter(|row| row.applies.takes(sheet.cover.class, None)).collect();
    let last_year = items.last().map_or(0, |item| item.date.year());
    let mut sums: BTreeMap<i16, Decimal> = BTreeMap::new();
    for item in items {
        // A sum of many expenses has no one day, so each is reduced by itself.
        let base = sheet.after_waiting(benefit, &item.title(), item.phase, item.base);
        let year = if pays.settle == Settle::Year { item.date.year() } else { last_year };
        let sum = sums.entry(year).or_default();
        *sum = sum.saturating_add(base);
    }
    for (year, sum) in sums {
        let (subject, span) = match pays.settle {
            Settle::Year => (Subject::Year(year), Some(format!("year.{year}"))),
            Settle::Term => (Subject::Term, Some("term".to_owned())),
            Settle::Claim | Settle::EachItem => (Subject::Claim, None),
        };
        let keys = span.map(|span| {
            let of = |what| key(&[what, benefit.code.as_str(), &span]);
            (of("base"), of("paid"))
        });
        settle_sum(sheet, benefit, (pays.scale, &rows), (subject, year), sum, keys)?;
    }
    Ok(())
}

fn settle_sum<'a>(
    sheet: &mut Sheet<'a>,
    benefit: &'a Benefit,
    (scale, rows): (Scale, &[&RateRow]),
    (subject, year): (Subject, i16),
    sum: Decimal,
    keys: Option<(AccumulatorKey, AccumulatorKey)>,
) -> Result<(), Rejection> {
    let (before, paid) = match &keys {
        Some((base, paid)) => (sheet.read(base), sheet.read(paid)),
        None => (Decimal::ZERO, Decimal::ZERO),
    };
    let to_date = before.saturating_add(sum);
    let (exact, how) = scaled(scale, rows, to_date);
    let exact = sheet.times_units(benefit, exact);
    let (benefit_to_date, rounding) = sheet.to_fen(exact)?;
    let text = format!("{}: {how} is {}.", capitalised(&subject), yuan(exact));
    let inputs = [("earlier expense", yuan(before)), ("expense of this claim", yuan(sum))];
    let result = benefit_to_date.to_string();
    sheet.note_rounded(Rule::Rate, Some(benefit), text, &inputs, result, rounding);
    let amount = benefit_to_date.minus(Money::exact(paid)?)?.or_zero();
    if !paid.is_zero() {
        let text = format!(
            "Earlier claims were paid {} of {benefit_to_date}; {amount} is left to pay.",
            yuan(paid)
        );
        let inputs = [("to date", benefit_to_date.to_string()), ("paid", yuan(paid))];
        sheet.note(Rule::AlreadyPaid, Some(benefit), text, &inputs, amount.to_string());
    }
    let paid_key = keys.map(|(base, paid)| {
        sheet.add(base, sum);
        paid
    });
    sheet.draft(Draft {
        benefit,
        subject,
        amount,
        year,
        days: 0,
        disease: None,
        marks: Vec::new(),
        paid_key,
    });
    Ok(())
}

fn fitting<'p>(sheet: &Sheet<'_>, pays: &'p Reimbursement, item: &Item) -> Vec<&'p RateRow> {
    pays.rates.iter().filter(|row| row.applies.takes(sheet.cover.class, item.stay)).collect()
}

/// What the rates give for `amount`, and how in words.
fn scaled(scale: Scale, rows: &[&RateRow], amount: Decimal) -> (Decimal, String) {
    match scale {
        Scale::Slices => slices(rows, amount),
        Scale::Bands => {
            let band = rows.iter().rfind(|row| amount >= row.above.amount());
            band.map_or_else(
                || (Decimal::ZERO, "nothing".to_owned()),
                |row| {
                    let (paid, how) = part(row, amount);
                    (paid, format!("{how} (the whole amount, in the band from {})", row.above))
                },
            )
        }
    }
}

fn slices(rows: &[&RateRow], amount: Decimal) -> (Decimal, String) {
    let mut paid = Decimal::ZERO;
    let mut how = Vec::new();
    let ends = rows.iter().skip(1).map(|row| Some(row.above.amount())).chain([None]);
    for (row, end) in rows.iter().zip(ends) {
        let upper = end.map_or(amount, |end| end.min(amount));
        let slice = upper.saturating_sub(row.above.amount()).max(Decimal::ZERO);
        if slice.is_zero() && !how.is_empty() {
            break;
        }
        let (of_slice, words) = part(row, slice);
        paid = paid.saturating_add(of_slice);
        how.push(words);
    }
    (paid, how.join(" + "))
}

fn part(row: &RateRow, amount: Decimal) -> (Decimal, String) {
    let exact = amount.saturating_mul(row.rate.rate());
    let words = format!("{} of {}", row.rate, yuan(amount));
    match row.at_most.map(Money::amount).filter(|most| exact > *most) {
        Some(most) => (most, format!("{words}, at most {}", yuan(most))),
        None => (exact, words),
    }
}

fn capitalised(subject: &Subject) -> String {
    let text = subject.to_string();
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}
