use std::sync::Arc;

use super::*;
use crate::conformance::Log;

crate::conforms!((log(), ()));

fn log() -> Log {
    Arc::new(MemoryStore::new(Uuid::new_v4(), Timestamp::now))
}

#[test]
fn any_history_is_told_alike_twice() {
    // The model against itself: what the comparison says of two logs that do the same.
    crate::conformance::histories::agree_with_the_model(64, async || (log(), ()));
}
