//! The ledger (台账): money in, set aside, owed, paid and come back, one entry an event.
//!
//! # Invariants
//!
//! 1. An entry is an event of the log, and no event that moves money is without its entry.
//! 2. The sums of a month are the sums of its entries.

mod tables;

use huzhu_domain::cover;
use huzhu_domain::event::{StoredEvent, Unreadable};
use huzhu_domain::id::ClaimId;
use huzhu_domain::money::Money;
use huzhu_domain::organisation;
use huzhu_domain::payout;
use huzhu_domain::roster;
use jiff::civil::Date;

pub use self::tables::*;
use crate::projection::{Arrived, Projection, Stop, known, month, up};
use crate::rows::{Buffer, Rows, Source};

/// The events that move money, and those that say where it belongs. No other is ever read, so that
/// what is large costs the ledger nothing.
const TAKEN: [&str; 10] = [
    "OrganisationRegistered",
    "RosterOpened",
    "RosterContributionRecorded",
    "CoverGranted",
    "CoverBenefitReserved",
    "CoverBenefitReleased",
    "PayoutCreated",
    "PayoutSettled",
    "PayoutReturned",
    "PayoutReversed",
];

/// Keeps the ledger.
#[derive(Default)]
pub struct Ledger {
    entries: Rows<LedgerEntry>,
    months: Rows<LedgerMonth>,
    accounts: Rows<LedgerAccount>,
    districts: Rows<LedgerDistrict>,
}

impl Projection for Ledger {
    fn name(&self) -> &'static str {
        "ledger"
    }

    fn version(&self) -> u32 {
        1
    }

    fn takes(&self, event: &str) -> bool {
        TAKEN.contains(&event)
    }

    fn owns(&self, category: &str) -> bool {
        matches!(category, "roster" | "cover" | "payout")
    }

    fn fold(&mut self, event: &Arrived, source: &mut dyn Source) -> Result<(), Stop> {
        match event.category() {
            "organisation" => self.organisation(event),
            "roster" => self.roster(event, source),
            "cover" => self.cover(event, source),
            _ => self.payout(event, source),
        }
    }

    fn buffers(&mut self) -> Vec<&mut dyn Buffer> {
        vec![&mut self.entries, &mut self.months, &mut self.accounts, &mut self.districts]
    }
}

/// What an event books.
struct Booking {
    kind: EntryKind,
    on: Date,
    amount: Money,
    claim: Option<ClaimId>,
    reference: Option<String>,
}

impl Booking {
    const fn new(kind: EntryKind, on: Date, amount: Money, claim: Option<ClaimId>) -> Self {
        Self { kind, on, amount, claim, reference: None }
    }
}

fn read<E: StoredEvent>(event: &Arrived) -> Result<E, Unreadable> {
    E::decode(&event.name, event.version, &event.data)
}

impl Ledger {
    fn organisation(&mut self, event: &Arrived) -> Result<(), Stop> {
        if let organisation::Event::Registered(body) = read(event)? {
            let (organisation, district) = (body.id, body.district);
            self.districts.create(LedgerDistrict { organisation, district })?;
        }
        Ok(())
    }

    fn roster(&mut self, event: &Arrived, source: &mut dyn Source) -> Result<(), Stop> {
        match read(event)? {
            roster::Event::Opened(body) => {
                let unit = self.districts.get(&(body.unit.clone(),), source)?;
                let district = known(unit, "the unit")?.district.clone();
                let stream = event.stream.to_string();
                let (plan, version, unit) = (body.plan, body.version, body.unit);
                Ok(self.accounts.create(LedgerAccount { stream, plan, version, unit, district })?)
            }
            roster::Event::ContributionRecorded(body) => {
                let booking = Booking::new(EntryKind::Contribution, body.on, body.amount, None);
                let reference = Some(body.reference);
                self.book_on_account(Booking { reference, ..booking }, event, source)
            }
            roster::Event::MembersAdded(_)
            | roster::Event::MemberRemoved(_)
            | roster::Event::Confirmed(_)
            | roster::Event::Cancelled(_)
            | roster::Event::Granted(_) => Ok(()),
        }
    }

    fn cover(&mut self, event: &Arrived, source: &mut dyn Source) -> Result<(), Stop> {
        let (kind, amount, claim) = match read(event)? {
            cover::Event::Granted(body) => {
                let account = LedgerAccount {
                    stream: event.stream.to_string(),
                    plan: body.plan.clone(),
                    version: body.version.clone(),
                    unit: body.unit.clone(),
                    district: body.district.clone(),
                };
                self.accounts.create(account)?;
                // What came with a roster was booked when the roster's money came.
                if body.roster.is_some() || !body.contribution.is_positive() {
                    return Ok(());
                }
                let booking =
                    Booking::new(EntryKind::Contribution, body.on, body.contribution, None);
                return self.book_on_account(booking, event, source);
            }
            cover::Event::BenefitReserved(body) => (EntryKind::Reserved, body.amount, body.claim),
            cover::Event::BenefitReleased(body) => (EntryKind::Released, body.amount, body.claim),
            cover::Event::BenefitPaid(_)
            | cover::Event::BenefitReversed(_)
            | cover::Event::Ended(_) => return Ok(()),
        };
        // A claim that is worth nothing sets nothing aside: it only bears a deductible.
        if amount.is_zero() {
            return Ok(());
        }
        let booking = Booking::new(kind, event.counts_on()?, amount, Some(claim));
        self.book_on_account(booking, event, source)
    }

    fn payout(&mut self, event: &Arrived, source: &mut dyn Source) -> Result<(), Stop> {
        if let payout::Event::Created(body) = read(event)? {
            let account = LedgerAccount {
                stream: event.stream.to_string(),
                plan: body.plan.clone(),
                version: body.version.clone(),
                unit: body.unit.clone(),
                district: body.district.clone(),
            };
            let booking = Booking::new(EntryKind::Approved, body.on, body.amount, Some(body.claim));
            return self.book(account, booking, event, source);
        }
        // What follows is about the payout whose creation is an entry.
        let created = self.entries.get(&(event.stream.to_string(), 0), source)?;
        let created = known(created, "the payout")?;
        let (owed, claim) = (created.amount_fen, created.claim);
        let account = LedgerAccount {
            stream: created.stream.clone(),
            plan: created.plan.clone(),
            version: created.version.clone(),
            unit: created.unit.clone(),
            district: created.district.clone(),
        };
        let booking = match read(event)? {
            payout::Event::Settled(body) => {
                let booking = Booking::new(EntryKind::Paid, body.on, body.amount, claim);
                Booking { reference: Some(body.reference), ..booking }
            }
            payout::Event::Returned(body) => {
                Booking::new(EntryKind::Returned, body.on, owed, claim)
            }
            payout::Event::Reversed(body) => {
                Booking::new(EntryKind::Recovered, body.on, body.amount, claim)
            }
            payout::Event::Created(_) | payout::Event::Batched(_) | payout::Event::Corrected(_) => {
                return Ok(());
            }
        };
        self.book(account, booking, event, source)
    }

    fn book_on_account(
        &mut self,
        booking: Booking,
        event: &Arrived,
        source: &mut dyn Source,
    ) -> Result<(), Stop> {
        let account = self.accounts.get(&(event.stream.to_string(),), source)?;
        let account = known(account, "the cover or roster")?.clone();
        self.book(account, booking, event, source)
    }

    fn book(
        &mut self,
        account: LedgerAccount,
        booking: Booking,
        event: &Arrived,
        source: &mut dyn Source,
    ) -> Result<(), Stop> {
        let LedgerAccount { stream, plan, version, unit, district } = account;
        let Booking { kind, on, amount, claim, reference } = booking;
        let of = district.as_ref().map_or_else(String::new, ToString::to_string);
        let key = (plan.clone(), version.clone(), of, month(on));
        let sums = self.months.edit_or(&key, source, || LedgerMonth::none(key.clone()))?;
        up(&mut sums.entries, "the entries of a month")?;
        let sum = sums.sum(kind);
        *sum = sum.plus(amount)?;
        Ok(self.entries.create(LedgerEntry {
            stream,
            revision: event.revision,
            kind,
            booked_on: on,
            month: month(on),
            plan,
            version,
            unit,
            district,
            amount_fen: amount,
            claim,
            reference,
            recorded_at: event.recorded_at,
        })?)
    }
}

impl LedgerMonth {
    fn none(key: <Self as crate::record::Record>::Key) -> Self {
        let (plan, version, district, month) = key;
        let nothing = Money::ZERO;
        Self {
            plan,
            version,
            district,
            month,
            entries: 0,
            contributed_fen: nothing,
            reserved_fen: nothing,
            released_fen: nothing,
            approved_fen: nothing,
            paid_fen: nothing,
            returned_fen: nothing,
            recovered_fen: nothing,
        }
    }
}

#[cfg(test)]
mod tests;
