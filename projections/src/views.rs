//! The views: which tables there are, and which events change them.

pub mod age;
pub mod claims;
pub mod covers;
pub mod joined;
pub mod ledger;
pub mod members;
pub mod organisations;
pub mod payouts;
pub mod plans;
pub mod rosters;

use crate::projection::Projection;

/// Every projection, in the order in which they are told of.
#[must_use]
pub fn all() -> Vec<Box<dyn Projection>> {
    vec![
        Box::new(plans::Plans::default()),
        Box::new(organisations::Organisations::default()),
        Box::new(members::Members::default()),
        Box::new(rosters::Rosters::default()),
        Box::new(covers::Covers::default()),
        Box::new(claims::Claims::default()),
        Box::new(payouts::Payouts::default()),
        Box::new(ledger::Ledger::default()),
    ]
}

#[cfg(test)]
mod tests;
