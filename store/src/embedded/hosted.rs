//! The suite's heavier half: random histories against the model, and a log that is closed and
//! opened again under those who use it.

use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use tempfile::TempDir;

use super::{EmbeddedStore, held};
use crate::conformance::load::{Host, nothing_is_lost_over_restarts};
use crate::conformance::{Log, histories};

struct Folder {
    folder: TempDir,
    store: Mutex<EmbeddedStore>,
}

impl Folder {
    fn open(folder: TempDir) -> Self {
        let store = EmbeddedStore::open(folder.path(), Timestamp::now).unwrap();
        Self { folder, store: Mutex::new(store) }
    }
}

impl Host for Folder {
    fn log(&self) -> Log {
        Arc::new(held(&self.store).clone())
    }

    async fn restart(&self) {
        let store = held(&self.store).clone();
        store.close().await;
        let opened = EmbeddedStore::open(self.folder.path(), Timestamp::now).unwrap();
        *held(&self.store) = opened;
    }
}

#[tokio::test]
async fn a_log_that_is_opened_again_and_again_loses_nothing() {
    let folder = Folder::open(tempfile::tempdir().unwrap());
    nothing_is_lost_over_restarts(Arc::new(folder), 3_200, 4).await;
}

#[test]
fn any_history_is_the_models() {
    histories::agree_with_the_model(64, async || {
        let folder = tempfile::tempdir().unwrap();
        let store = EmbeddedStore::open(folder.path(), Timestamp::now).unwrap();
        (Arc::new(store) as Log, folder)
    });
}
