//! Where events are kept: the port, its adapters, and the engine that loads, decides and appends.

pub mod background;
pub mod carried;
#[cfg(any(test, feature = "testing"))]
pub mod conformance;
pub mod copy;
pub mod embedded;
pub mod engine;
pub mod memory;
pub mod port;
