//! Which stays count, which of them are one, and how they fall into years, terms and cycles.

use jiff::civil::{Date, date};
use rust_decimal::Decimal;

use super::sheet::{Moment, Phase, Sheet, key};
use super::{AccumulatorKey, Finding, Rule};
use crate::claim::facts::{JoinReason, Stay};
use crate::id::checked::Icd10;
use crate::plan::{Benefit, DayCount, OrdinalSpan, StayDay, StayRules};
use crate::term::days_between;

/// Stays that count as one.
pub(super) struct Group<'a> {
    pub(super) stays: Vec<(&'a Stay, Phase)>,
    /// Goes on from a stay of an earlier claim for the same cause.
    pub(super) earlier: Option<Earlier>,
}

/// What an earlier claim had of the same stay.
#[derive(Clone, Copy)]
pub(super) struct Earlier {
    pub(super) days: u32,
    pub(super) ordinal: u16,
}

impl Group<'_> {
    pub(super) fn first(&self) -> Option<&Stay> {
        self.stays.first().map(|(stay, _)| *stay)
    }
}

/// A run of days of one stay that lies within one year and on one side of the term's ends.
#[derive(Clone, Copy)]
pub(super) struct Segment<'a> {
    pub(super) stay: &'a Stay,
    pub(super) phase: Phase,
    /// The day that says to which year it belongs.
    pub(super) day: Date,
    pub(super) days: u32,
    pub(super) in_term: bool,
}

/// The stays that count for `benefit`, those that are one put together, in order of admission.
pub(super) fn groups<'a>(
    sheet: &mut Sheet<'a>,
    benefit: &'a Benefit,
    rules: &StayRules,
    by_disease: Option<(Date, Phase)>,
) -> Vec<Group<'a>> {
    let facts = sheet.facts;
    let mut stays: Vec<&Stay> = facts.stays.iter().collect();
    stays.sort_by(|a, b| (a.admitted, &a.serial).cmp(&(b.admitted, &b.serial)));
    let mut groups: Vec<Group<'a>> = Vec::new();
    for stay in stays {
        let Some(phase) = admit(sheet, benefit, rules, stay, by_disease) else { continue };
        match groups
            .iter_mut()
            .find(|group| group.stays.iter().any(|(e, _)| joined(rules, e, stay)))
        {
            Some(group) => {
                group.stays.push((stay, phase));
                let text =
                    format!("Stay {} goes on from an earlier one: both are one stay.", stay.serial);
                sheet.note(Rule::Base, Some(benefit), text, &[], "one stay");
            }
            None => {
                report_missing_join(sheet, stay);
                let earlier = earlier(sheet, benefit, rules, stay);
                groups.push(Group { stays: vec![(stay, phase)], earlier });
            }
        }
    }
    groups
}

fn admit(
    sheet: &mut Sheet<'_>,
    benefit: &Benefit,
    rules: &StayRules,
    stay: &Stay,
    by_disease: Option<(Date, Phase)>,
) -> Option<Phase> {
    let what = format!("Stay {}", stay.serial);
    let refused = if rules.hospital_grade_min.is_some_and(|min| stay.hospital_grade < min) {
        Some(format!(
            "{what} was in a hospital of grade {}, below the lowest that counts.",
            stay.hospital_grade
        ))
    } else if sheet.terms.exclusions.mental_illness && stay.mental_illness {
        Some(format!("{what} was for a mental illness, which is excluded."))
    } else {
        None
    };
    if let Some(text) = refused {
        sheet.judged = true;
        sheet.note(Rule::Exclusion, Some(benefit), text, &[], "0.00");
        return None;
    }
    // A disease of the list belongs to the cover under which it was diagnosed, and so do its stays.
    if let Some((_, phase)) = by_disease {
        sheet.judged = true;
        return Some(phase);
    }
    let term = sheet.cover.term;
    let day = match rules.belongs_by {
        StayDay::Admission => stay.admitted,
        StayDay::Discharge => stay.discharged,
        // A stay that reaches into the term counts with the days that lie in it.
        StayDay::EachDay => stay.admitted.max(term.start()).min(stay.discharged),
    };
    let moment = Moment {
        term: day,
        waiting: stay.admitted,
        event: stay.admitted,
        settled: stay.discharged,
    };
    sheet.admit(benefit, &what, moment)
}

fn joined(rules: &StayRules, earlier: &Stay, later: &Stay) -> bool {
    let gap = days_between(earlier.discharged, later.admitted);
    let reason = [(later, earlier), (earlier, later)]
        .into_iter()
        .find_map(|(one, other)| one.joins.as_ref().filter(|joins| joins.serial == other.serial))
        .map(|joins| joins.reason);
    let by_reason = match reason {
        Some(JoinReason::Transfer { slip, hours }) => {
            slip && rules.transfer_joins_within_hours.is_some_and(|limit| hours <= limit)
        }
        Some(JoinReason::Observation) => rules
            .observation_joins_within_days
            .is_some_and(|limit| (0..=i64::from(limit)).contains(&gap)),
        None => false,
    };
    by_reason || same_cause(rules, earlier, later)
}

fn same_cause(rules: &StayRules, earlier: &Stay, later: &Stay) -> bool {
    let (Some(months), Some(a), Some(b)) =
        (rules.same_cause_joins_within_months, category(earlier), category(later))
    else {
        return false;
    };
    a == b && within_months(earlier.discharged, months, later.admitted)
}

fn category(stay: &Stay) -> Option<&str> {
    stay.cause.as_ref().map(Icd10::category)
}

fn within_months(discharged: Date, months: u8, admitted: Date) -> bool {
    jiff::Span::new()
        .try_months(months)
        .and_then(|span| discharged.checked_add(span))
        .is_ok_and(|last| admitted <= last)
}

/// A stay that names one of another claim stands for itself: what was settled is not reopened.
fn report_missing_join(sheet: &mut Sheet<'_>, stay: &Stay) {
    let Some(joins) = &stay.joins else { return };
    if sheet.facts.stays.iter().all(|other| other.serial != joins.serial) {
        let finding =
            Finding::JoinOutsideClaim { stay: stay.serial.clone(), joins: joins.serial.clone() };
        if !sheet.findings.contains(&finding) {
            sheet.findings.push(finding);
        }
    }
}

/// The accumulators that remember the last stay for a cause.
struct CauseKeys {
    until: AccumulatorKey,
    days: AccumulatorKey,
    ordinal: AccumulatorKey,
}

fn cause_keys(benefit: &Benefit, rules: &StayRules, stay: &Stay) -> Option<(u8, CauseKeys)> {
    let months = rules.same_cause_joins_within_months?;
    let cause = category(stay)?.to_ascii_lowercase();
    let of = |what| key(&["cause", benefit.code.as_str(), &cause, what]);
    Some((months, CauseKeys { until: of("until"), days: of("days"), ordinal: of("ordinal") }))
}

const EPOCH: Date = date(1970, 1, 1);

fn earlier(
    sheet: &mut Sheet<'_>,
    benefit: &Benefit,
    rules: &StayRules,
    stay: &Stay,
) -> Option<Earlier> {
    let (months, keys) = cause_keys(benefit, rules, stay)?;
    let until = sheet.read(&keys.until);
    let days = i64::try_from(until).ok().filter(|days| *days > 0)?;
    let discharged = EPOCH.checked_add(jiff::Span::new().try_days(days).ok()?).ok()?;
    if !within_months(discharged, months, stay.admitted) {
        return None;
    }
    let days = u32::try_from(sheet.read(&keys.days)).unwrap_or(0);
    let ordinal = u16::try_from(sheet.read(&keys.ordinal)).unwrap_or(1);
    let text = format!(
        "Stay {} is for the same cause as one that ended on {discharged}: it goes on from it.",
        stay.serial
    );
    sheet.note(Rule::Base, Some(benefit), text, &[], "one stay");
    Some(Earlier { days, ordinal })
}

/// Remembers the group for stays of the same cause that may follow in a later claim.
pub(super) fn remember(
    sheet: &mut Sheet<'_>,
    benefit: &Benefit,
    rules: &StayRules,
    group: &Group<'_>,
    (days, ordinal): (u32, u16),
) {
    let Some((_, keys)) = group.first().and_then(|stay| cause_keys(benefit, rules, stay)) else {
        return;
    };
    let last = group.stays.iter().map(|(stay, _)| stay.discharged).max().unwrap_or(EPOCH);
    let until = Decimal::from(days_between(EPOCH, last));
    // Accumulators only add up, so what is added is the difference.
    for (key, now) in
        [(keys.until, until), (keys.days, days.into()), (keys.ordinal, ordinal.into())]
    {
        let before = sheet.read(&key);
        sheet.add(key, now.saturating_sub(before));
    }
}

/// Days of a stay.
pub(super) fn days_of(stay: &Stay, count: DayCount) -> u32 {
    let nights = u32::try_from(days_between(stay.admitted, stay.discharged)).unwrap_or(0);
    match count {
        DayCount::Nights => nights,
        DayCount::BothDays => nights.saturating_add(1),
    }
}

/// The runs of days of a group: one for each stay, unless each day counts for itself. Stays that
/// belong to a disease are `whole`: the day of the diagnosis speaks for all their days.
pub(super) fn segments<'a>(
    sheet: &Sheet<'_>,
    rules: &StayRules,
    group: &Group<'a>,
    count: DayCount,
    whole: bool,
) -> Vec<Segment<'a>> {
    let mut segments = Vec::new();
    for (stay, phase) in &group.stays {
        let days = days_of(stay, count);
        let whole_stay = |day| Segment { stay, phase: *phase, day, days, in_term: true };
        match rules.belongs_by {
            StayDay::Admission => segments.push(whole_stay(stay.admitted)),
            StayDay::Discharge => segments.push(whole_stay(stay.discharged)),
            StayDay::EachDay if whole || days == 0 => segments.push(whole_stay(stay.admitted)),
            StayDay::EachDay => {
                let mut day = stay.admitted;
                let mut run: Option<Segment<'a>> = None;
                for _ in 0..days {
                    let in_term = sheet.cover.term.holds(day);
                    match &mut run {
                        Some(run) if run.day.year() == day.year() && run.in_term == in_term => {
                            run.days = run.days.saturating_add(1);
                        }
                        _ => {
                            segments.extend(run.take());
                            run = Some(Segment { stay, phase: *phase, day, days: 1, in_term });
                        }
                    }
                    day = day.tomorrow().unwrap_or(day);
                }
                segments.extend(run);
            }
        }
    }
    segments
}

/// The accumulator that counts the stays of a year or term.
pub(super) fn ordinal_key(benefit: &Benefit, rules: &StayRules, day: Date) -> AccumulatorKey {
    match rules.ordinal_per {
        OrdinalSpan::Year => {
            key(&["stays", benefit.code.as_str(), "year", &day.year().to_string()])
        }
        OrdinalSpan::Term => key(&["stays", benefit.code.as_str(), "term"]),
    }
}
