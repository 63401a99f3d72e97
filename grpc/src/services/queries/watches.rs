//! Claims and queues as they change.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::{self, BoxStream};
use huzhu_domain::id::{ClaimId, OrganisationId};
use huzhu_projections::query::{Freshness, Wish};
use huzhu_projections::views::{self, claims::Claim, claims::ClaimState};
use huzhu_store::port::Position;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::Instant;
use tonic::{Response, Status};

use super::{Desk, WAIT_MAX, found, rows, unanswered};
use crate::contract::huzhu::query::v1 as query;
use crate::services::all;
use crate::status;
use crate::watch::{Changed, News, ReadError, Reader};
use crate::wire::{Check, Malformed};

/// How long a watch lasts; then the caller begins again with a token that still holds.
const LONGEST: Duration = Duration::from_secs(3_600);
/// How many events are gone through again for a watch that is resumed.
const RESUMED_EVENTS_MAX: u64 = 20_000;

type Watched<T> = Result<Response<BoxStream<'static, Result<T, Status>>>, Status>;

/// What somebody watches.
#[derive(Clone)]
enum Subject {
    Claim(ClaimId),
    Queue(OrganisationId),
}

/// An answer before it is put into the words of its RPC.
struct Told {
    claims: Vec<Changed>,
    freshness: Freshness,
}

/// A watch under way.
struct Watch {
    subject: Subject,
    news: Receiver<Arc<News>>,
    // What is told before news.
    first: VecDeque<Told>,
    // Up to where everything has been told.
    told: Freshness,
    until: Instant,
    heartbeat: Duration,
    ended: bool,
    _place: tokio::sync::OwnedSemaphorePermit,
}

impl Desk {
    pub(super) async fn watch_one_claim(
        &self,
        request: query::WatchClaimRequest,
    ) -> Watched<query::WatchClaimResponse> {
        let mut check = Check::default();
        let claim = check.parse::<ClaimId>("claim_id", &request.claim_id);
        let after = check.parse_or_none::<Position>("after", &request.after);
        let (claim, after) = check.finish(all!(claim, after))?;
        // First the news, then the claim as it stands, so that nothing falls in between.
        let mut watch = self.watch(Subject::Claim(claim))?;
        let reader = self.0.watches.reader();
        let wish = wish(after);
        let answer = reader.queries.claims_with_decisions(vec![claim], wish).await;
        let answer = answer.map_err(after_is_wrong)?;
        watch.told = answer.freshness;
        let Some((row, _)) = answer.value.first() else { return Err(status::absent("claim")) };
        let changed = match after {
            Some(after) => reader.is_after(claim, row.revision, after).await.map_err(unread)?,
            None => true,
        };
        let claims = if changed { answer.value } else { Vec::new() };
        watch.first.push_back(Told { claims, freshness: answer.freshness });
        Ok(Response::new(watch.answers(|told| {
            let claim = told.claims.into_iter().next();
            query::WatchClaimResponse {
                claim: claim.map(|(claim, decisions)| rows::claim(claim, decisions)),
                freshness: Some(rows::freshness(told.freshness)),
            }
        })))
    }

    pub(super) async fn watch_one_queue(
        &self,
        request: query::WatchQueueRequest,
    ) -> Watched<query::WatchQueueResponse> {
        let mut check = Check::default();
        let queue = check.parse::<OrganisationId>("queue_id", &request.queue_id);
        let after = check.parse_or_none::<Position>("after", &request.after);
        let (queue, after) = check.finish(all!(queue, after))?;
        let mut watch = self.watch(Subject::Queue(queue.clone()))?;
        let reader = self.0.watches.reader();
        type Organisation = views::organisations::Organisation;
        let known = reader.queries.get::<Organisation>((queue.clone(),), wish(None)).await;
        found("organisation", known)?;
        let now = reader.queries.claims_with_decisions(Vec::new(), wish(after)).await;
        watch.told = now.map_err(after_is_wrong)?.freshness;
        if let Some(after) = after {
            watch.catch_up(reader, after.offset).await?;
        }
        if watch.first.is_empty() {
            // The caller learns at once from where on it is told.
            watch.first.push_back(Told { claims: Vec::new(), freshness: watch.told });
        }
        Ok(Response::new(watch.answers(move |told| {
            let changes = told.claims.into_iter().map(|(claim, decisions)| {
                let left = claim.queue.as_ref() != Some(&queue);
                query::QueueChange { claim: Some(rows::claim(claim, decisions)), left }
            });
            query::WatchQueueResponse {
                changes: changes.collect(),
                freshness: Some(rows::freshness(told.freshness)),
            }
        })))
    }

    fn watch(&self, subject: Subject) -> Result<Watch, Status> {
        let watches = &self.0.watches;
        let place = watches.place().ok_or_else(|| status::watched(crate::watch::WATCHES_MAX))?;
        let news = watches.subscribe().ok_or_else(status::down)?;
        let now = Instant::now();
        Ok(Watch {
            subject,
            news,
            first: VecDeque::new(),
            told: Freshness { position: None, recorded_at: None },
            until: now.checked_add(LONGEST).unwrap_or(now),
            heartbeat: watches.heartbeat,
            ended: false,
            _place: place,
        })
    }
}

impl Watch {
    /// Goes through what happened between a position and now.
    async fn catch_up(&mut self, reader: &Reader, after: u64) -> Result<(), Status> {
        let until = self.told.position.map_or(0, |position| position.offset);
        let events = until.saturating_sub(after);
        if events > RESUMED_EVENTS_MAX {
            return Err(status::too_far_back(events, RESUMED_EVENTS_MAX));
        }
        let mut at = after;
        while at < until {
            let (reached, news) = reader.part(at, until).await.map_err(unread)?;
            let claims = self.subject.of(&news);
            if !claims.is_empty() {
                self.first.push_back(Told { claims, freshness: news.freshness });
            }
            at = reached;
        }
        Ok(())
    }

    fn answers<T: Send + 'static>(
        self,
        turn: impl Fn(Told) -> T + Send + 'static,
    ) -> BoxStream<'static, Result<T, Status>> {
        let told = stream::unfold(self, |mut watch| async move {
            let next = watch.next().await?;
            Some((next, watch))
        });
        told.map(move |told| told.map(&turn)).boxed()
    }

    /// What is told next; `None` at the end.
    async fn next(&mut self) -> Option<Result<Told, Status>> {
        if let Some(first) = self.first.pop_front() {
            return Some(Ok(first));
        }
        if self.ended {
            return None;
        }
        let beat = Instant::now().checked_add(self.heartbeat)?;
        loop {
            let news = tokio::time::timeout_at(beat.min(self.until), self.news.recv()).await;
            match news {
                Ok(Ok(news)) => {
                    let known = self.told.position.map_or(0, |position| position.offset);
                    let reached = news.freshness.position.map_or(0, |position| position.offset);
                    if reached <= known {
                        continue;
                    }
                    self.told = news.freshness;
                    let claims = self.subject.of(&news);
                    if !claims.is_empty() {
                        return Some(Ok(Told { claims, freshness: news.freshness }));
                    }
                }
                Ok(Err(error)) => {
                    self.ended = true;
                    return Some(Err(match error {
                        RecvError::Lagged(_) => status::overtaken(),
                        RecvError::Closed => status::down(),
                    }));
                }
                Err(_elapsed) if Instant::now() >= self.until => return None,
                Err(_elapsed) => {
                    return Some(Ok(Told { claims: Vec::new(), freshness: self.told }));
                }
            }
        }
    }
}

impl Subject {
    /// The news that concern it.
    fn of(&self, news: &News) -> Vec<Changed> {
        let concerned = news.claims.iter().filter(|(claim, decisions)| match self {
            Self::Claim(watched) => claim.claim == *watched,
            // Whoever had to act has decided, or is the unit that brings papers; or the unit took the
            // claim back, from whichever queue it was in.
            Self::Queue(queue) => {
                claim.queue.as_ref() == Some(queue)
                    || claim.unit == *queue
                    || decisions.iter().any(|decision| decision.organisation == *queue)
                    || claim.state == ClaimState::Withdrawn && is_above(queue, claim)
            }
        });
        concerned.cloned().collect()
    }
}

/// Whether an organisation stands above the unit of a claim.
fn is_above(organisation: &OrganisationId, claim: &Claim) -> bool {
    let above = [claim.township.as_ref(), claim.district.as_ref(), Some(&claim.office)];
    above.contains(&Some(organisation))
}

fn wish(at_least: Option<Position>) -> Wish {
    let now = Instant::now();
    Wish { at_least, deadline: now.checked_add(WAIT_MAX).unwrap_or(now) }
}

/// The position of a watch is called `after`.
fn after_is_wrong(error: huzhu_projections::query::QueryError) -> Status {
    use huzhu_projections::query::QueryError;
    use huzhu_projections::worker::Late;
    if matches!(error, QueryError::Late(Late::OtherStore(_))) {
        return Malformed::field("after", "is a position of another log").into();
    }
    unanswered(error)
}

fn unread(error: ReadError) -> Status {
    match error {
        ReadError::Views(error) => unanswered(error),
        ReadError::Log(why) => {
            tracing::error!(%why, "the log does not answer");
            status::down()
        }
    }
}
