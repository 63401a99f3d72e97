//! What the events add up to: views over the log, kept in tables.
//!
//! [`projection`] is what a view is; [`views`] are the views there are.

pub mod projection;
pub mod record;
pub mod rows;
pub mod value;
pub mod views;
