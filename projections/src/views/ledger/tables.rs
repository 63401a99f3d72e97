//! What the ledger keeps: entries, and what they come to by month.

use huzhu_domain::id::{ClaimId, OrganisationId, PlanCode, VersionLabel};
use huzhu_domain::money::Money;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::record::record;
use crate::value::{Column, Kind, Value, words};

/// What an entry of the ledger is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    /// A unit paid contributions in (互助费收入).
    Contribution,
    /// A benefit was set aside on a cover (预留).
    Reserved,
    /// What was set aside was let go of (释放).
    Released,
    /// A benefit was approved and is owed (应付).
    Approved,
    /// The bank paid it (已付).
    Paid,
    /// The bank sent a payment back before it reached the member (退票).
    Returned,
    /// Money that was paid was taken back (追回).
    Recovered,
}

words!(EntryKind);

record! {
    /// The ledger (台账): every amount that came in, was set aside, owed, paid or came back. An entry
    /// is one event of the log.
    LedgerEntry = "ledger";
    key {
        /// The stream of the event that says so.
        stream: String,
        /// The revision of that event.
        revision: u64,
    }
    columns {
        /// contribution, reserved, released, approved, paid, returned or recovered.
        kind: EntryKind,
        /// The day on which it counts (业务日期).
        booked_on: Date,
        /// The calendar month of that day, such as 2014-07.
        month: String,
        /// The plan.
        plan: PlanCode,
        /// The plan version.
        version: VersionLabel,
        /// The unit.
        unit: OrganisationId,
        /// The district of the unit.
        district: Option<OrganisationId>,
        /// How much, never below zero: the kind says which way it goes.
        amount_fen: Money,
        /// The claim that it is for; none for contributions.
        claim: Option<ClaimId>,
        /// The bank's reference, where the bank gave one.
        reference: Option<String>,
        /// When the log took the event.
        recorded_at: Timestamp,
    }
    index { "booked_on, stream, revision", "plan, booked_on, stream, revision" }
}

record! {
    /// What the entries of the ledger (台账) come to, by plan version, district and month.
    LedgerMonth = "ledger_months";
    key {
        /// The plan.
        plan: PlanCode,
        /// The plan version.
        version: VersionLabel,
        /// The district; empty where there is none.
        district: String,
        /// The calendar month, such as 2014-07.
        month: String,
    }
    columns {
        /// How many entries there are.
        entries: u32,
        /// Contributions that came in (互助费收入).
        contributed_fen: Money,
        /// Set aside on covers (预留).
        reserved_fen: Money,
        /// Let go of again (释放).
        released_fen: Money,
        /// Approved, and so owed (应付).
        approved_fen: Money,
        /// Paid by the bank (已付).
        paid_fen: Money,
        /// Sent back by the bank before it was paid (退票).
        returned_fen: Money,
        /// Taken back after it was paid (追回).
        recovered_fen: Money,
    }
}

record! {
    /// Where entries of a cover or roster are booked.
    LedgerAccount = "ledger_accounts";
    key {
        /// The stream of the cover or roster.
        stream: String,
    }
    columns {
        /// The plan.
        plan: PlanCode,
        /// The plan version.
        version: VersionLabel,
        /// The unit.
        unit: OrganisationId,
        /// The district of the unit.
        district: Option<OrganisationId>,
    }
}

record! {
    /// The district of each organisation, for what units pay in.
    LedgerDistrict = "ledger_districts";
    key {
        /// The organisation.
        organisation: OrganisationId,
    }
    columns {
        /// Its district.
        district: Option<OrganisationId>,
    }
}

impl LedgerMonth {
    /// What the entries of a kind come to.
    pub(super) const fn sum(&mut self, kind: EntryKind) -> &mut Money {
        match kind {
            EntryKind::Contribution => &mut self.contributed_fen,
            EntryKind::Reserved => &mut self.reserved_fen,
            EntryKind::Released => &mut self.released_fen,
            EntryKind::Approved => &mut self.approved_fen,
            EntryKind::Paid => &mut self.paid_fen,
            EntryKind::Returned => &mut self.returned_fen,
            EntryKind::Recovered => &mut self.recovered_fen,
        }
    }
}
