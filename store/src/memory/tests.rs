use std::sync::Arc;

use super::*;
use crate::conformance::Log;

crate::conforms!((log(), ()));

fn log() -> Log {
    Arc::new(MemoryStore::new(Uuid::new_v4(), Timestamp::now))
}
