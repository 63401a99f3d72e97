//! A claim: one application of one member against one cover.

pub mod facts;
