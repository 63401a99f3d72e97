//! What a reviewer should look at.

use std::collections::BTreeSet;

use super::sheet::Sheet;
use super::{Finding, Rule};
use crate::plan::{AboveMax, Benefit};
use crate::term::days_between;

/// Compares the papers and dates with what the plan asks for.
pub(super) fn look(sheet: &mut Sheet<'_>, asked: &[&Benefit]) {
    if let Some(days_max) = sheet.terms.notify_within_days {
        match sheet.facts.notified_on {
            None => sheet.findings.push(Finding::NotificationMissing { days_max }),
            Some(notified) => {
                let days = days_between(sheet.facts.incident.date, notified);
                if days > i64::from(days_max) {
                    sheet.findings.push(Finding::NotifiedLate { days, days_max });
                }
            }
        }
    }
    // Only the benefits that found something to pay ask for papers.
    let drafted = |benefit: &&&Benefit| {
        sheet.drafts.iter().any(|d| d.benefit.code == benefit.code && d.amount.is_positive())
    };
    let wanted: BTreeSet<_> = asked
        .iter()
        .filter(drafted)
        .flat_map(|benefit| &benefit.documents)
        .chain(&sheet.terms.documents)
        .copied()
        .collect();
    let given: BTreeSet<_> = sheet.facts.documents.iter().map(|document| document.kind).collect();
    let missing = wanted.difference(&given);
    sheet.findings.extend(missing.map(|document| Finding::DocumentMissing { document: *document }));
}

impl Sheet<'_> {
    /// Writes down that units above the most are void.
    pub(super) fn note_units(&mut self) {
        let units = self.terms.enrolment.units;
        if units.above_max == AboveMax::Void && self.cover.units > units.max {
            let text = format!(
                "{} units were bought; those above {} are void.",
                self.cover.units, units.max
            );
            let inputs = [("bought", self.cover.units.to_string())];
            self.note(Rule::Units, None, text, &inputs, units.max.to_string());
        }
    }
}
