//! What no paper can say is refused here, with the path of the field.

use std::collections::BTreeSet;

use jiff::civil::{Date, date};

use super::{Facts, JoinReason, Stay};
use crate::id::StatementSerial;
use crate::money::Money;
use crate::term::days_between;

/// The most diagnoses of one claim.
pub const DIAGNOSES_MAX: usize = 20;
/// The most outpatient receipts of one claim.
pub const BILLS_MAX: usize = 500;
/// The most stays of one claim.
pub const STAYS_MAX: usize = 50;
/// The most losses of one claim.
pub const LOSSES_MAX: usize = 20;
/// The most offsets of one claim.
pub const OFFSETS_MAX: usize = 20;
/// The most documents of one claim.
pub const DOCUMENTS_MAX: usize = 100;

const NAME_MAX: usize = 200;
/// No figure of a claim is larger: it bounds every sum that an assessment forms.
const FIGURE_MAX_FEN: i64 = 100_000_000_000;
const FIRST_DAY: Date = date(1990, 1, 1);
const LAST_DAY: Date = date(2199, 12, 31);
/// A longer stay is settled in several statements.
const STAY_DAYS_MAX: i64 = 1_100;
const TRANSFER_HOURS_MAX: u16 = 8_760;

/// A fact that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, serde::Serialize)]
#[error("{path}: {why}")]
pub struct FactsError {
    /// The field, such as `stays[2].admitted`.
    pub path: String,
    /// What is wrong with it.
    pub why: String,
}

fn wrong(path: impl Into<String>, why: impl Into<String>) -> FactsError {
    FactsError { path: path.into(), why: why.into() }
}

impl Facts {
    /// Refuses facts that no paper can state.
    ///
    /// # Errors
    ///
    /// [`FactsError`] names the first field that cannot be.
    pub fn check(&self) -> Result<(), FactsError> {
        self.check_counts()?;
        self.check_dates()?;
        self.check_serials()?;
        for (i, stay) in self.stays.iter().enumerate() {
            self.check_stay(i, stay)?;
        }
        self.check_stays_together()?;
        self.check_alive()?;
        for (i, bill) in self.bills.iter().enumerate() {
            let at = |field: &str| format!("bills[{i}].{field}");
            amount(|| at("self_pay_one"), bill.self_pay_one)?;
            amount(|| at("self_pay_one_above"), bill.self_pay_one_above)?;
            amount(|| at("self_pay_two"), bill.self_pay_two)?;
            amount(|| at("own_expense"), bill.own_expense)?;
        }
        for (i, loss) in self.losses.iter().enumerate() {
            amount(|| format!("losses[{i}].amount"), loss.amount)?;
        }
        for (i, offset) in self.offsets.iter().enumerate() {
            amount(|| format!("offsets[{i}].amount"), offset.amount)?;
        }
        for (i, document) in self.documents.iter().enumerate() {
            let length = document.name.chars().count();
            if length == 0 || length > NAME_MAX || document.name.chars().any(char::is_control) {
                let why = format!("must be 1 to {NAME_MAX} characters, none a control character");
                return Err(wrong(format!("documents[{i}].name"), why));
            }
        }
        if let Some(disability) = &self.disability
            && !(1..=10).contains(&disability.grade)
        {
            return Err(wrong("disability.grade", "must be 1 to 10"));
        }
        Ok(())
    }

    fn check_counts(&self) -> Result<(), FactsError> {
        let counts = [
            ("diagnoses", self.diagnoses.len(), DIAGNOSES_MAX),
            ("bills", self.bills.len(), BILLS_MAX),
            ("stays", self.stays.len(), STAYS_MAX),
            ("losses", self.losses.len(), LOSSES_MAX),
            ("offsets", self.offsets.len(), OFFSETS_MAX),
            ("documents", self.documents.len(), DOCUMENTS_MAX),
        ];
        counts
            .into_iter()
            .find(|(_, count, max)| count > max)
            .map_or(Ok(()), |(path, count, max)| {
                Err(wrong(path, format!("at most {max}, not {count}")))
            })
    }

    fn check_dates(&self) -> Result<(), FactsError> {
        if !(FIRST_DAY..=LAST_DAY).contains(&self.applied_on) {
            return Err(wrong("applied_on", format!("must be {FIRST_DAY} to {LAST_DAY}")));
        }
        let singles = [
            ("incident.date", Some(self.incident.date)),
            ("death", self.death),
            ("notified_on", self.notified_on),
            ("disability.assessed_on", self.disability.as_ref().map(|d| d.assessed_on)),
        ];
        for (path, date) in singles {
            date.map_or(Ok(()), |date| self.check_past(|| path.to_owned(), date))?;
        }
        for (i, diagnosis) in self.diagnoses.iter().enumerate() {
            let path = || format!("diagnoses[{i}].established_on");
            self.check_past(path, diagnosis.established_on)?;
        }
        for (i, bill) in self.bills.iter().enumerate() {
            self.check_past(|| format!("bills[{i}].date"), bill.date)?;
        }
        let incident = self.incident.date;
        if let Some(death) = self.death.filter(|death| *death < incident) {
            return Err(wrong("death", format!("{death} lies before the incident of {incident}")));
        }
        match &self.disability {
            Some(disability) if disability.assessed_on < incident => {
                let why =
                    format!("{} lies before the incident of {incident}", disability.assessed_on);
                Err(wrong("disability.assessed_on", why))
            }
            Some(_) | None => Ok(()),
        }
    }

    fn check_past(&self, path: impl FnOnce() -> String, date: Date) -> Result<(), FactsError> {
        if date < FIRST_DAY {
            return Err(wrong(path(), format!("must not lie before {FIRST_DAY}")));
        }
        if date > self.applied_on {
            let why = format!("{date} lies after the application of {}", self.applied_on);
            return Err(wrong(path(), why));
        }
        Ok(())
    }

    fn check_serials(&self) -> Result<(), FactsError> {
        let stays = self.stays.iter().enumerate().map(|(i, stay)| ("stays", i, &stay.serial));
        let bills = self.bills.iter().enumerate().map(|(i, bill)| ("bills", i, &bill.serial));
        let mut seen: BTreeSet<&StatementSerial> = BTreeSet::new();
        for (list, i, serial) in stays.chain(bills) {
            if !seen.insert(serial) {
                return Err(wrong(format!("{list}[{i}].serial"), format!("{serial} stands twice")));
            }
        }
        Ok(())
    }

    /// Nobody is treated after death. A report may be older than its subject: pathology goes on.
    fn check_alive(&self) -> Result<(), FactsError> {
        let Some(death) = self.death else { return Ok(()) };
        match self.treated_after(death) {
            Some((path, date)) => {
                Err(wrong(path, format!("{date} lies after the death of {death}")))
            }
            None => Ok(()),
        }
    }

    /// The first thing that can only have happened to somebody who lived on after `day`, and when.
    #[must_use]
    pub fn treated_after(&self, day: Date) -> Option<(String, Date)> {
        let incident = std::iter::once(("incident.date".to_owned(), self.incident.date));
        let stays = self.stays.iter().enumerate();
        let stays = stays.map(|(i, stay)| (format!("stays[{i}].admitted"), stay.admitted));
        let bills = self.bills.iter().enumerate();
        let bills = bills.map(|(i, bill)| (format!("bills[{i}].date"), bill.date));
        let disability = self.disability.iter();
        let disability = disability.map(|d| ("disability.assessed_on".to_owned(), d.assessed_on));
        incident.chain(stays).chain(bills).chain(disability).find(|(_, date)| *date > day)
    }

    /// Nobody is in two hospitals at once, but special diseases (特殊病) are settled like stays for
    /// months on end; and a transfer takes about as long as the days between the two stays.
    fn check_stays_together(&self) -> Result<(), FactsError> {
        for (i, stay) in self.stays.iter().enumerate() {
            let overlaps = |other: &&Stay| {
                stay.admitted < other.discharged && other.admitted < stay.discharged
            };
            let in_bed = |stay: &Stay| !stay.special_disease;
            let mut before = self.stays.iter().take(i).filter(|other| in_bed(other));
            if let Some(other) = before.find(overlaps).filter(|_| in_bed(stay)) {
                let why = format!(
                    "{} lies within stay {}, from {} to {}",
                    stay.admitted, other.serial, other.admitted, other.discharged
                );
                return Err(wrong(format!("stays[{i}].admitted"), why));
            }
            let Some((JoinReason::Transfer { hours, .. }, other)) = self.joined_by(stay) else {
                continue;
            };
            let (first, then) =
                if other.admitted <= stay.admitted { (other, stay) } else { (stay, other) };
            let days = days_between(first.discharged, then.admitted);
            if days > i64::from(hours.div_ceil(24).max(1)) {
                let why = format!("{hours} hours, but {days} days between the stays");
                return Err(wrong(format!("stays[{i}].joins.reason.transfer.hours"), why));
            }
        }
        Ok(())
    }

    /// The stay of this claim that `stay` goes on from, and why it does.
    fn joined_by(&self, stay: &Stay) -> Option<(JoinReason, &Stay)> {
        let joins = stay.joins.as_ref()?;
        let other = self.stays.iter().find(|other| other.serial == joins.serial)?;
        Some((joins.reason, other))
    }

    fn check_stay(&self, i: usize, stay: &Stay) -> Result<(), FactsError> {
        let at = |field: &str| format!("stays[{i}].{field}");
        if !(1..=3).contains(&stay.hospital_grade) {
            return Err(wrong(at("hospital_grade"), "must be 1, 2 or 3"));
        }
        self.check_past(|| at("admitted"), stay.admitted)?;
        self.check_past(|| at("discharged"), stay.discharged)?;
        if stay.discharged < stay.admitted {
            let why = format!("{} lies before the admission of {}", stay.discharged, stay.admitted);
            return Err(wrong(at("discharged"), why));
        }
        let days = days_between(stay.admitted, stay.discharged);
        if days > STAY_DAYS_MAX {
            return Err(wrong(
                at("discharged"),
                format!("at most {STAY_DAYS_MAX} days, not {days}"),
            ));
        }
        amount(|| at("self_pay_one"), stay.self_pay_one)?;
        amount(|| at("self_pay_one_above"), stay.self_pay_one_above)?;
        amount(|| at("self_pay_two"), stay.self_pay_two)?;
        amount(|| at("own_expense"), stay.own_expense)?;
        match &stay.joins {
            Some(joins) if joins.serial == stay.serial => {
                Err(wrong(at("joins.serial"), "a stay cannot go on from itself"))
            }
            Some(joins) => match joins.reason {
                JoinReason::Transfer { hours, .. } if hours > TRANSFER_HOURS_MAX => {
                    Err(wrong(at("joins.reason.transfer.hours"), "must be at most a year"))
                }
                JoinReason::Transfer { .. } | JoinReason::Observation => Ok(()),
            },
            None => Ok(()),
        }
    }
}

fn amount(path: impl FnOnce() -> String, amount: Money) -> Result<(), FactsError> {
    if amount.is_negative() {
        return Err(wrong(path(), format!("{amount} is negative")));
    }
    if amount.fen() > FIGURE_MAX_FEN {
        return Err(wrong(path(), format!("{amount} is above 1000000000.00")));
    }
    Ok(())
}
