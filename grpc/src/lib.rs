//! How the engine is reached: services, authentication, and the program `huzhu`.

/// Writes a line to standard output. Who closed it has seen enough: then the program ends.
macro_rules! say {
    ($($text:tt)*) => {{
        use std::io::Write as _;
        if writeln!(std::io::stdout(), $($text)*).is_err() {
            std::process::exit(0);
        }
    }};
}

pub mod auth;
pub mod cli;
pub mod client;
pub mod clock;
pub mod demo;
pub mod eventstore;
#[cfg(feature = "flight")]
pub mod flight;
pub mod gate;
pub mod import;
pub mod metrics;
pub mod server;
pub mod services;
pub mod simulate;
pub mod status;
pub mod watch;
pub mod wire;

/// The public contract, as compiled from `proto/`.
pub mod contract {
    #![allow(
        clippy::all,
        clippy::pedantic,
        clippy::restriction,
        missing_docs,
        unreachable_pub,
        unused_qualifications,
        reason = "made from proto/, where it is documented"
    )]

    include!(concat!(env!("OUT_DIR"), "/contract.rs"));

    /// The compiled contract, for reflection.
    pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
}
