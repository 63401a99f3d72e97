//! The services of the contract, each a thin layer: wire in, engine or view, wire out.

use std::sync::Arc;

use huzhu_store::engine::Engine;
use tonic::service::Routes;

use crate::auth::keys::ResidentHasher;
use crate::clock::Clock;

/// What every service works with. Cheap to clone.
#[derive(Clone)]
pub struct Context {
    /// Takes commands and replays histories.
    pub engine: Engine,
    /// Says how late it is.
    pub clock: Clock,
    /// How many days back a command may count; any number if absent.
    pub backdate_days_max: Option<u32>,
    /// Hashes resident ids.
    pub residents: Arc<ResidentHasher>,
}

/// All services over `context`.
#[must_use]
pub fn routes(_context: &Context) -> Routes {
    Routes::default()
}
