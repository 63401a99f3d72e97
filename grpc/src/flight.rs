//! SQL over the views, through Arrow Flight SQL on the service's own port.
//!
//! A statement is planned and run by DataFusion over [`relations`](huzhu_projections::catalogue)
//! that only know how to be read, in one [`Snapshot`](huzhu_projections::snapshot::Snapshot).
//! It runs on threads of its own, apart from the one that takes commands, and within bounds of
//! time, rows, memory and number. Tickets and handles of prepared statements carry the statement
//! itself, so the service keeps nothing between calls; whoever changes one changes only what they
//! ask for, as who they are.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "what Arrow and DataFusion know grows; what is not known here is refused"
)]

mod actions;
mod door;
mod error;
mod filter;
mod handle;
mod info;
mod listing;
mod login;
mod relation;
mod run;
mod statement;
mod texts;

use std::sync::Arc;
use std::time::Duration;

use tonic::service::Routes;

pub use self::door::Door;
pub use self::error::SqlError;
pub use self::run::Analysis;

use crate::auth::Verifier;
use crate::metrics::Metrics;
use crate::server::{Config, ServeError};
use crate::services::Context;

/// Adds the service to `routes`.
///
/// # Errors
///
/// [`ServeError`] when it cannot work.
pub(crate) fn add_to(
    routes: Routes,
    context: &Context,
    config: &Config,
    verifier: &Arc<Verifier>,
    metrics: &Metrics,
) -> Result<Routes, ServeError> {
    let analysis = Analysis::new(context.queries.clone(), config.sql, metrics.clone())?;
    let door = Door::new(Arc::new(analysis), Arc::clone(verifier), config.clock.clone());
    Ok(routes.add_service(door.serve(config.message_bytes_max)))
}

/// What a statement may take, and how many may run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How long a statement may run, reading its answer included.
    pub time: Duration,
    /// How many rows an answer may have.
    pub rows: u64,
    /// What all statements that run may hold in memory to sort, group and join, in bytes.
    pub memory: usize,
    /// How many statements run at a time; others wait within their time.
    pub statements: usize,
    /// The longest statement, in bytes.
    pub length: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            time: Duration::from_secs(120),
            rows: 10_000_000,
            memory: 256 * 1024 * 1024,
            statements: 4,
            length: 64 * 1024,
        }
    }
}
