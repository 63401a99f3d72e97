//! What the business is: plans, organisations, members, rosters, covers, claims, payouts.
//!
//! Pure: no I/O, no clock, no randomness, no float, no hash order. Each aggregate has the shape of
//! [`decider::Decider`]; time and ids come in with the command.

pub mod approval_policy;
pub mod assessment;
pub mod batch;
pub mod claim;
pub mod cover;
pub mod decider;
pub mod eligibility;
pub mod enrolment;
pub mod envelope;
pub mod event;
pub mod history;
pub mod id;
pub mod member;
pub mod money;
pub mod organisation;
pub mod payout;
pub mod plan;
pub mod process;
pub mod rejection;
pub mod reservation;
pub mod roster;
pub mod step;
pub mod term;

#[cfg(any(test, feature = "testing"))]
pub mod testing;
