//! The boundary: what comes over the wire becomes what the domain takes, or an error that names
//! every bad field. Wire types go no further than this.
//!
//! An error never repeats what a field holds: it may be personal, and errors are logged.

mod assessment;
pub mod check;
pub mod command;
pub mod facts;
pub mod spoken;
pub mod value;

pub use assessment::assessment;
pub use check::{Check, Malformed, Violation};
