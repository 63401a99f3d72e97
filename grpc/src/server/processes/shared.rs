//! Several services on one log: each takes note of what the others record, and one at a time
//! drives what follows from events.
//!
//! Whose turn it is stands in the log, with how far the work has come: [`Turn`]. No clock but one's
//! own is trusted and nothing is written while there is nothing to do. Who has the turn says how
//! far it is every [`TELL`]. Who has not, and sees work that waits while nothing was said for
//! [`SILENCE`], takes the turn; of several that try, one succeeds. Who lost the turn finds out when
//! it next says how far it is, and stops. Until then two may drive the same events, which is safe:
//! what is done already is found done.

use std::time::Duration;

use huzhu_store::cluster::{ClusterStore, Turn};
use huzhu_store::engine::Engine;
use huzhu_store::port::{EventStore, Position, StoreError};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::{BACK_OFF, BACK_OFF_MAX, PAUSE};

/// How often who has the turn says how far it is, while there is work.
const TELL: Duration = Duration::from_secs(2);
/// How long work waits unattended before others take the turn.
const SILENCE: Duration = Duration::from_secs(5);

/// Takes note of what the others record, so that commands are decided on what stands.
pub(super) async fn observe(engine: Engine) {
    // What was recorded before this service began it has not remembered otherwise.
    let mut after = engine.store().head().await.ok().flatten();
    loop {
        let (reached, why) = engine.observe_others(after).await;
        tracing::warn!(%why, "what others record is not seen");
        after = reached;
        sleep(BACK_OFF).await;
    }
}

/// Drives what follows from events whenever it is this service's turn, for ever.
pub(super) async fn take_turns(engine: Engine, store: ClusterStore) {
    let me = Uuid::new_v4();
    let mut wait = BACK_OFF;
    loop {
        let begun = Instant::now();
        let Err(why) = one_turn(&engine, &store, me).await;
        tracing::error!(%why, "processes wait");
        let lasted = begun.elapsed() > BACK_OFF_MAX;
        wait = if lasted { BACK_OFF } else { wait.saturating_mul(2).min(BACK_OFF_MAX) };
        sleep(wait).await;
    }
}

/// Why the work stops for now.
#[derive(Debug, thiserror::Error)]
enum Waits {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Stopped(#[from] huzhu_store::engine::runner::Stopped),
}

async fn one_turn(
    engine: &Engine,
    store: &ClusterStore,
    me: Uuid,
) -> Result<std::convert::Infallible, Waits> {
    loop {
        let mut turn = wait_for_turn(store, me).await?;
        tracing::info!(after = ?turn.reached, "this service drives what follows from events");
        while let Some(further) = work(engine, store, &turn).await? {
            turn = further;
        }
        tracing::info!("another service drives what follows from events");
    }
}

/// Waits until work is left undone, and takes the turn unless somebody is faster.
async fn wait_for_turn(store: &ClusterStore, me: Uuid) -> Result<Turn, StoreError> {
    loop {
        let before = store.turn().await?;
        let reached = before.as_ref().and_then(|turn| turn.reached);
        store.grown(reached).await?;
        sleep(SILENCE).await;
        let now = store.turn().await?;
        if now == before
            && let Some(taken) = store.take_turn(before.as_ref(), me, reached).await?
        {
            return Ok(taken);
        }
    }
}

/// Drives what there is and says how far that came; `None` if somebody else has the turn by now.
async fn work(engine: &Engine, store: &ClusterStore, turn: &Turn) -> Result<Option<Turn>, Waits> {
    store.grown(turn.reached).await?;
    // Whoever recorded it is most likely at it.
    sleep(PAUSE).await;
    let begun = Instant::now();
    let mut reached: Option<Position> = turn.reached;
    while begun.elapsed() < TELL {
        let left = TELL.saturating_sub(begun.elapsed());
        let further = engine.catch_up_within(reached, left).await?;
        if further == reached {
            break;
        }
        reached = further;
    }
    Ok(store.take_turn(Some(turn), turn.holder, reached).await?)
}
