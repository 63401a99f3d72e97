//! How far the log goes, as it is known here, and who waits for it to grow.
//!
//! A subscription tells each event as it comes. It may end, or go silent without a word; so the
//! end of the log is looked at as well, and a subscription that missed something begins anew behind
//! what was seen last. Nothing relies on it but the waking: who is woken reads the log itself.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;

use super::link::{LinkError, Told};
use super::reader::Reader;
use crate::port::StoreError;

/// How often the end of the log is looked at while nothing comes.
const LOOK: Duration = Duration::from_secs(2);

/// The first wait after a failure; it doubles up to [`PAUSE_MAX`].
const PAUSE: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// The offset of the last event that was seen; 0 before any.
#[derive(Clone)]
pub(super) struct Head(watch::Sender<u64>);

impl Head {
    pub(super) fn new() -> Self {
        Self(watch::Sender::new(0))
    }

    pub(super) fn known(&self) -> u64 {
        *self.0.borrow()
    }

    pub(super) fn seen(&self, offset: u64) {
        self.0.send_if_modified(|head| {
            let further = offset > *head;
            *head = offset.max(*head);
            further
        });
    }

    pub(super) async fn beyond(&self, offset: u64) -> Result<(), StoreError> {
        let gone = |_| StoreError::Unavailable { why: "the log was closed".to_owned() };
        self.0.subscribe().wait_for(|head| *head > offset).await.map(|_| ()).map_err(gone)
    }
}

/// Keeps `head` up to date as long as somebody holds `reader`.
pub(super) async fn keep(reader: Weak<Reader>) {
    let mut pause = PAUSE;
    loop {
        let Some(held) = reader.upgrade() else { return };
        let before = held.head().known();
        let why = follow(held, &reader).await;
        let Some(held) = reader.upgrade() else { return };
        tracing::debug!(%why, "the subscription begins anew");
        pause = if held.head().known() > before { PAUSE } else { pause.saturating_mul(2) };
        drop(held);
        sleep(pause.min(PAUSE_MAX)).await;
    }
}

/// Follows the log on one connection until that fails or falls behind.
async fn follow(held: Arc<Reader>, reader: &Weak<Reader>) -> LinkError {
    let link = match held.supervisor().link() {
        Ok(link) => link,
        Err(why) => return why,
    };
    let head = held.head().clone();
    let after = Some(head.known()).filter(|known| *known > 0);
    let told: Told = Arc::new(move |stream, offset| {
        if super::format::is_ours(stream) {
            head.seen(offset);
        }
    });
    drop(held);
    let following = link.follow(after, told);
    tokio::pin!(following);
    loop {
        tokio::select! {
            why = &mut following => {
                if let (LinkError::Lost(_), Some(held)) = (&why, reader.upgrade()) {
                    held.supervisor().give_up(&link);
                }
                return why;
            }
            () = sleep(LOOK) => {
                let Some(held) = reader.upgrade() else { return LinkError::CutOff };
                let known = held.head().known();
                let last = match held.last().await {
                    Ok(last) => last.unwrap_or(known),
                    Err(why) => return LinkError::Lost(why.to_string()),
                };
                if last > known {
                    // What was recorded at this very moment is told in time.
                    sleep(PAUSE).await;
                }
                if last > held.head().known() {
                    held.head().seen(last);
                    return LinkError::Lost("the subscription went silent".to_owned());
                }
            }
        }
    }
}
