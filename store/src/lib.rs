//! Where events are kept: the port, its adapters, and the engine that loads, decides and appends.

pub mod background;
pub mod carried;
#[cfg(feature = "cluster")]
pub mod cluster;
#[cfg(any(test, feature = "testing"))]
pub mod conformance;
pub mod copy;
pub mod embedded;
pub mod engine;
#[cfg(feature = "cluster")]
mod eventstoredb;
pub mod memory;
pub mod port;
