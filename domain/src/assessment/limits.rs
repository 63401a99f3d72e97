//! What is paid at most, and what the claim leaves behind in the accumulators.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::diseases::ended_key;
use super::sheet::{Draft, Sheet, add, key, yuan};
use super::{AccumulatorKey, Assessment, Line, Rejection, Rule};
use crate::claim::facts::Facts;
use crate::id::BenefitCode;
use crate::money::Money;
use crate::plan::{AfterPayment, Ceiling, CeilingSpan, Limit, OneOf, OneOfSpan};

/// Applies every limit to the drafts and closes the sheet.
pub(super) fn finish(mut sheet: Sheet<'_>) -> Result<Assessment, Rejection> {
    let mut drafts = std::mem::take(&mut sheet.drafts);
    // What the drafts would add is counted anew, for those that stay.
    sheet.pending.clear();
    pay_one_of(&mut sheet, &mut drafts)?;
    refuse_further_claims(&mut sheet, &mut drafts);
    for draft in &mut drafts {
        cap_amount(&mut sheet, draft)?;
    }
    drop_below_minimum(&mut sheet, &mut drafts)?;
    drafts.retain(|draft| draft.amount.is_positive());

    let ceilings = record(&mut sheet, &drafts);
    let total = Money::sum(drafts.iter().map(|draft| draft.amount))?;
    let text = match drafts.len() {
        0 => "Nothing is paid.".to_owned(),
        1 => format!("One line: {total}."),
        lines => format!("{lines} lines add up to {total}."),
    };
    sheet.note(Rule::Total, None, text, &[], total.to_string());
    Ok(Assessment {
        plan: sheet.terms.plan.clone(),
        version: sheet.terms.version.clone(),
        ends_cover: drafts.iter().any(|d| d.benefit.after_payment == AfterPayment::EndsCover),
        lines: drafts.into_iter().map(line).collect(),
        total,
        trace: sheet.trace,
        uses: sheet.uses,
        basis: sheet.basis,
        ceilings,
        findings: sheet.findings,
    })
}

fn line(draft: Draft<'_>) -> Line {
    Line { benefit: draft.benefit.code.clone(), subject: draft.subject, amount: draft.amount }
}

/// Of the benefits of a group only one is paid: the one that pays most, and none after a first.
fn pay_one_of(sheet: &mut Sheet<'_>, drafts: &mut [Draft<'_>]) -> Result<(), Rejection> {
    for group in &sheet.terms.one_of {
        let mut sums: BTreeMap<&BenefitCode, Money> = BTreeMap::new();
        for draft in drafts.iter().filter(|d| group.benefits.contains(&d.benefit.code)) {
            let sum = sums.entry(&draft.benefit.code).or_default();
            *sum = sum.plus(draft.amount)?;
        }
        let before = sheet.read_earlier(&one_of_key(group, sheet.facts));
        let best = if before.is_zero() {
            // The first in the order of the plan where two pay the same.
            let order = group.benefits.iter().rev();
            order.filter(|code| sums.contains_key(code)).max_by_key(|code| sums.get(code))
        } else {
            None
        };
        for draft in drafts.iter_mut().filter(|d| group.benefits.contains(&d.benefit.code)) {
            if Some(&draft.benefit.code) != best && draft.amount.is_positive() {
                draft.amount = Money::ZERO;
                let text = match best {
                    Some(best) => format!("Only one of these benefits is paid: {best} pays more."),
                    None => "Only one of these benefits is paid, and one was.".to_owned(),
                };
                sheet.note(Rule::OneOf, Some(draft.benefit), text, &[], "0.00");
            }
        }
    }
    Ok(())
}

/// Incidents of one cover are told apart by their days.
fn one_of_key(group: &OneOf, facts: &Facts) -> AccumulatorKey {
    let code = group.code.as_str();
    match group.over {
        OneOfSpan::Term => key(&["one-of", code, "term"]),
        OneOfSpan::Incident => key(&["one-of", code, &facts.incident.date.to_string()]),
    }
}

/// The ceilings on the number of claims, with their keys for a draft.
fn claim_counts(sheet: &Sheet<'_>, draft: &Draft<'_>) -> Vec<(AccumulatorKey, Decimal)> {
    let counts = |ceiling: &Ceiling| match ceiling.at_most {
        Limit::Claims(most) if ceiling.counts(&draft.benefit.code) => {
            let key = AccumulatorKey::of_ceiling(ceiling, draft.year)?;
            Some((key, Decimal::from(most)))
        }
        Limit::Claims(_) | Limit::Amount(_) | Limit::Days(_) => None,
    };
    sheet.terms.ceilings.iter().filter_map(counts).collect()
}

fn refuse_further_claims(sheet: &mut Sheet<'_>, drafts: &mut [Draft<'_>]) {
    for draft in drafts.iter_mut().filter(|draft| draft.amount.is_positive()) {
        for (key, most) in claim_counts(sheet, draft) {
            let before = sheet.read_earlier(&key);
            if before >= most {
                draft.amount = Money::ZERO;
                let text =
                    format!("{before} of {most} claims were paid already; this is one more.");
                sheet.note(Rule::Ceiling, Some(draft.benefit), text, &[], "0.00");
            }
        }
    }
}

fn cap_amount(sheet: &mut Sheet<'_>, draft: &mut Draft<'_>) -> Result<(), Rejection> {
    let terms = sheet.terms;
    let mut counted = Vec::new();
    for ceiling in terms.ceilings.iter().filter(|c| c.counts(&draft.benefit.code)) {
        let Limit::Amount(most) = ceiling.at_most else { continue };
        let units = if ceiling.per_unit { sheet.units } else { 1 };
        let most = most.amount().saturating_mul(Decimal::from(units));
        let (most, used, capped) =
            match (AccumulatorKey::of_ceiling(ceiling, draft.year), ceiling.per) {
                (Some(key), _) => (most, sheet.read(&key), Some((key, most))),
                // A line that is paid for no days has no day to be capped by.
                (None, CeilingSpan::Day) if draft.days == 0 => continue,
                (None, CeilingSpan::Day) => {
                    (most.saturating_mul(Decimal::from(draft.days)), Decimal::ZERO, None)
                }
                (None, _) => {
                    let within = within_claim(ceiling, draft);
                    let used = sheet.pending.get(&within).copied().unwrap_or_default();
                    counted.push((within, None));
                    (most, used, None)
                }
            };
        counted.extend(capped.map(|(key, most)| (key, Some(most))));
        let room = most.saturating_sub(used).max(Decimal::ZERO);
        if draft.amount.amount() > room {
            let (before, after) = (draft.amount, Money::exact(room)?);
            draft.amount = after;
            let text = format!(
                "{}: at most {}, of which {} is used up; {after} of {before} is paid.",
                ceiling.name,
                yuan(most),
                yuan(used)
            );
            let inputs = [("at most", yuan(most)), ("used", yuan(used))];
            sheet.note(Rule::Ceiling, Some(draft.benefit), text, &inputs, after.to_string());
        }
    }
    for (key, most) in counted {
        add(&mut sheet.pending, key.clone(), draft.amount.amount());
        if most.is_some() {
            draft.marks.push((key, draft.amount.amount(), most));
        }
    }
    Ok(())
}

/// What a ceiling within the claim counts together; never stored.
fn within_claim(ceiling: &Ceiling, draft: &Draft<'_>) -> AccumulatorKey {
    let code = ceiling.code.as_str();
    match ceiling.per {
        CeilingSpan::Stay => {
            let subject = draft.subject.to_string().to_ascii_lowercase().replace(' ', "-");
            key(&["within", code, &subject])
        }
        CeilingSpan::Day
        | CeilingSpan::Claim
        | CeilingSpan::Year
        | CeilingSpan::Term
        | CeilingSpan::Lifetime => key(&["within", code]),
    }
}

fn drop_below_minimum(sheet: &mut Sheet<'_>, drafts: &mut [Draft<'_>]) -> Result<(), Rejection> {
    let Some(minimum) = sheet.terms.minimum_payable else { return Ok(()) };
    let total = Money::sum(drafts.iter().map(|draft| draft.amount))?;
    if total.is_positive() && total < minimum {
        for draft in drafts {
            draft.amount = Money::ZERO;
        }
        let text = format!("{total} is less than the {minimum} from which a claim is paid.");
        let inputs = [("minimum", minimum.to_string())];
        sheet.note(Rule::MinimumPayable, None, text, &inputs, "0.00");
    }
    Ok(())
}

/// Writes down what the paid lines use, and the ceiling of what has one.
fn record(sheet: &mut Sheet<'_>, drafts: &[Draft<'_>]) -> BTreeMap<AccumulatorKey, Decimal> {
    let mut ceilings = BTreeMap::new();
    let mut once = BTreeMap::new();
    for draft in drafts {
        for (key, amount, most) in &draft.marks {
            sheet.add(key.clone(), *amount);
            ceilings.extend(most.map(|most| (key.clone(), most)));
        }
        if let Some(paid) = &draft.paid_key {
            sheet.add(paid.clone(), draft.amount.amount());
        }
        once.extend(claim_counts(sheet, draft));
        let groups = sheet.terms.one_of.iter();
        let of_draft = groups.filter(|group| group.benefits.contains(&draft.benefit.code));
        once.extend(of_draft.map(|group| (one_of_key(group, sheet.facts), Decimal::ONE)));
        if let (AfterPayment::EndsDisease, Some(disease)) =
            (draft.benefit.after_payment, &draft.disease)
        {
            once.insert(ended_key(disease), Decimal::ONE);
        }
    }
    for (key, most) in once {
        sheet.add(key.clone(), Decimal::ONE);
        ceilings.insert(key, most);
    }
    ceilings
}
