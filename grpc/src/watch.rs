//! Changes of claims, told to whoever watches.
//!
//! One task follows the views for all watchers: when the view of claims has taken in more of the
//! log, it finds the claims that those events are about, reads them once, and hands them on. While
//! nobody watches it only keeps up.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use huzhu_domain::id::ClaimId;
use huzhu_projections::query::{Freshness, Queries, QueryError, Wish};
use huzhu_projections::views::claims::{ApprovalStep, Claim};
use huzhu_store::engine::streams;
use huzhu_store::port::{Direction, EventStore, Position, Revision, StoreError};
use jiff::Timestamp;
use tokio::sync::{Semaphore, broadcast, watch};
use tokio::time::Instant;

/// How many callers may watch at a time.
pub const WATCHES_MAX: usize = 256;
/// How many pieces of news a watcher may be behind before it is told to begin again.
const NEWS_KEPT: usize = 256;
/// How many events one piece of news is about at most.
const NEWS_EVENTS: usize = 256;
/// How long the views may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// The pause after the log or the views did not answer.
const PAUSE: Duration = Duration::from_millis(500);

/// A claim that changed, with the decisions on it.
pub type Changed = (Claim, Vec<ApprovalStep>);

/// What a part of the log changed.
#[derive(Clone, Debug)]
pub struct News {
    /// The claims, as they stand at the end of the part or later.
    pub claims: Vec<Changed>,
    /// The end of the part.
    pub freshness: Freshness,
}

/// Where watchers come in. Cheap to clone.
#[derive(Clone)]
pub struct Watches {
    // Weak: when the service stops, the task ends, and with it the news.
    news: broadcast::WeakSender<Arc<News>>,
    places: Arc<Semaphore>,
    reader: Reader,
    /// How long a watcher goes without a word.
    pub heartbeat: Duration,
}

/// The task behind the watchers.
pub struct Newsroom {
    news: broadcast::Sender<Arc<News>>,
    reader: Reader,
}

/// Reads what a part of the log changed.
#[derive(Clone)]
pub struct Reader {
    store: Arc<dyn EventStore>,
    /// The views.
    pub queries: Queries,
}

/// Why a part of the log is not known.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The log does not answer.
    #[error(transparent)]
    Log(#[from] StoreError),
    /// The views do not answer.
    #[error(transparent)]
    Views(#[from] QueryError),
}

/// News of the log `store`, read from `queries`; the task has to run for any to come.
#[must_use]
pub fn open(
    store: Arc<dyn EventStore>,
    queries: Queries,
    heartbeat: Duration,
) -> (Newsroom, Watches) {
    let news = broadcast::Sender::new(NEWS_KEPT);
    let reader = Reader { store, queries };
    let places = Arc::new(Semaphore::new(WATCHES_MAX));
    let watches = Watches { news: news.downgrade(), places, reader: reader.clone(), heartbeat };
    (Newsroom { news, reader }, watches)
}

impl Watches {
    /// News from now on; `None` once the service stops.
    #[must_use]
    pub fn subscribe(&self) -> Option<broadcast::Receiver<Arc<News>>> {
        Some(self.news.upgrade()?.subscribe())
    }

    /// A place among the watchers, if there is one.
    #[must_use]
    pub fn place(&self) -> Option<tokio::sync::OwnedSemaphorePermit> {
        Arc::clone(&self.places).try_acquire_owned().ok()
    }

    /// Reads what a part of the log changed.
    #[must_use]
    pub const fn reader(&self) -> &Reader {
        &self.reader
    }
}

impl Newsroom {
    /// Follows the views until `stopped` says so.
    pub async fn run(self, mut stopped: watch::Receiver<bool>) {
        tokio::select! {
            // A sender that is gone says the same.
            _ = stopped.wait_for(|stopped| *stopped) => {}
            () = self.follow() => {}
        }
    }

    async fn follow(&self) {
        let mut status = self.reader.queries.watch();
        let mut told = self.reader.reached();
        loop {
            let head = self.reader.reached();
            if head <= told {
                if status.changed().await.is_err() {
                    return;
                }
                continue;
            }
            if self.news.receiver_count() == 0 {
                // Whoever comes later begins with views that reflect this.
                told = head;
                continue;
            }
            match self.reader.part(told, head).await {
                Ok((reached, news)) => {
                    told = reached;
                    // Nobody listens any more: nothing is lost.
                    let _ = self.news.send(Arc::new(news));
                }
                Err(why) => {
                    tracing::warn!(%why, "watchers wait");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }
}

impl Reader {
    /// How far the view of claims is.
    #[must_use]
    pub fn reached(&self) -> u64 {
        let status = self.queries.status();
        let claims = status.checkpoints.iter().find(|view| view.projection == "claims");
        claims.map_or(0, |view| view.offset)
    }

    /// The position of `offset`.
    #[must_use]
    pub fn position(&self, offset: u64) -> Option<Position> {
        (offset > 0).then(|| Position { store: self.store.id(), offset })
    }

    /// What the events after `from` up to `until` changed, or those of them that one piece of news
    /// takes; and where it ends.
    ///
    /// # Errors
    ///
    /// [`ReadError`].
    pub async fn part(&self, from: u64, until: u64) -> Result<(u64, News), ReadError> {
        let after = self.position(from);
        let events = self.store.read_all(after, Direction::Forwards, NEWS_EVENTS).await?;
        let mut claims = BTreeSet::new();
        let mut last: Option<(u64, Timestamp)> = None;
        for event in events.iter().take_while(|event| event.position.offset <= until) {
            last = Some((event.position.offset, event.recorded_at));
            let claim = event.stream.as_str().strip_prefix("claim-");
            claims.extend(claim.and_then(|claim| claim.parse::<ClaimId>().ok()));
        }
        // Where offsets are not dense, there may be none up to the end.
        let reached = last.map_or(until, |(offset, _)| offset);
        let claims = self.claims(claims.into_iter().collect(), reached).await?;
        let recorded_at = last.map(|(_, recorded_at)| recorded_at);
        let freshness = Freshness { position: self.position(reached), recorded_at };
        Ok((reached, News { claims, freshness }))
    }

    /// Whether what stands at `revision` of a claim happened after a place of the log.
    ///
    /// # Errors
    ///
    /// [`ReadError::Log`].
    pub async fn is_after(
        &self,
        claim: ClaimId,
        revision: u64,
        after: Position,
    ) -> Result<bool, ReadError> {
        let (stream, from) = (streams::claim(claim), Some(Revision(revision)));
        let events = self.store.read_stream(&stream, from, Direction::Forwards, 1).await?;
        Ok(events.first().is_none_or(|event| event.position.offset > after.offset))
    }

    async fn claims(&self, claims: Vec<ClaimId>, at: u64) -> Result<Vec<Changed>, QueryError> {
        if claims.is_empty() {
            return Ok(Vec::new());
        }
        let now = Instant::now();
        let deadline = now.checked_add(PATIENCE).unwrap_or(now);
        let wish = Wish { at_least: self.position(at), deadline };
        Ok(self.queries.claims_with_decisions(claims, wish).await?.value)
    }
}
