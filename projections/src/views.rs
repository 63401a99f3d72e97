//! The views: which tables there are, and which events change them.

pub mod claims;
pub mod covers;
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
    ]
}

/// Views over the tables that more than one projection keeps: name, meaning, query.
pub const JOINED: &[(&str, &str, &str)] = &[(
    "plan_statistics",
    "What came in and went out under a plan version, by district and month.",
    "SELECT plan, version, district, month,
            sum(covers) AS covers, sum(contributions_fen) AS contributions_fen,
            sum(starting) AS starting, sum(ending) AS ending,
            sum(filed) AS filed, sum(approved) AS approved, sum(approved_fen) AS approved_fen,
            sum(refused) AS refused, sum(withdrawn) AS withdrawn,
            sum(payments) AS payments, sum(persons) AS persons, sum(benefits_fen) AS benefits_fen,
            sum(reversals) AS reversals, sum(recovered_fen) AS recovered_fen,
            sum(days_to_payment) AS days_to_payment
       FROM (SELECT plan, version, district, month, covers, contributions_fen, starting, ending,
                    0 AS filed, 0 AS approved, 0 AS approved_fen, 0 AS refused, 0 AS withdrawn,
                    0 AS payments, 0 AS persons, 0 AS benefits_fen, 0 AS reversals,
                    0 AS recovered_fen, 0 AS days_to_payment
               FROM enrolment_statistics
             UNION ALL
             SELECT plan, version, district, month, 0, 0, 0, 0, filed, approved, approved_fen,
                    refused, withdrawn, payments, persons, benefits_fen, reversals, recovered_fen,
                    days_to_payment
               FROM benefit_statistics)
      GROUP BY plan, version, district, month",
)];

#[cfg(test)]
mod tests;
