//! The thread that works behind the log: it indexes what was committed and empties the journal.

use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use super::index::IndexWriter;
use super::shared::Shared;
use crate::port::StoreError;

/// How many events make a batch worth its sorting, when they come fast.
const STEP_EVENTS: u64 = 32_768;
/// How long a smaller batch waits.
const STEP_INTERVAL: Duration = Duration::from_secs(1);

pub(super) fn start(shared: Arc<Shared>, index: IndexWriter) -> std::io::Result<JoinHandle<()>> {
    Builder::new().name("huzhu-log-keeper".to_owned()).spawn(move || {
        if let Err(error) = keep(&shared, index) {
            shared.fail(&error);
        }
    })
}

fn keep(shared: &Shared, mut index: IndexWriter) -> Result<(), StoreError> {
    let commits = shared.commits();
    loop {
        let enough = index.indexed().saturating_add(STEP_EVENTS).saturating_sub(1);
        commits.wait_beyond(enough, STEP_INTERVAL);
        if commits.head() > index.indexed() {
            let upto = shared.tail().freeze();
            index.extend(upto)?;
            shared.tail().thaw();
            shared.set_indexed(upto);
            index.checkpoint_log()?;
            // While appends go on, only the committer can catch the moment without any.
            shared.want_checkpoint();
        }
        if commits.is_closed() && commits.head() <= index.indexed() {
            return Ok(());
        }
    }
}
