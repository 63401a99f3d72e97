//! What an auditor sees: each event of a stream with what it made of the aggregate, and each
//! assessment computed again from the log alone.

use std::sync::Arc;

use huzhu_domain::approval_policy::ApprovalPolicy;
use huzhu_domain::assessment::{self, Assessment, assess};
use huzhu_domain::batch::Batch;
use huzhu_domain::claim::{self, Claim};
use huzhu_domain::cover::Cover;
use huzhu_domain::enrolment::Enrolment;
use huzhu_domain::envelope::Metadata;
use huzhu_domain::history;
use huzhu_domain::id::{ClaimId, VersionLabel};
use huzhu_domain::member::Member;
use huzhu_domain::organisation::Organisation;
use huzhu_domain::payout::Payout;
use huzhu_domain::plan::Plan;
use huzhu_domain::reservation::Reservation;
use huzhu_domain::roster::Roster;

use super::loaded::{Aggregate, Loaded};
use super::{Engine, EngineError, streams};
use crate::port::{Direction, READ_EVENTS_MAX, Recorded, Revision, StreamName};

mod state;

use state::Shown;
pub use state::State;

/// One event of a stream, and what it made of the aggregate.
#[derive(Clone, Debug, PartialEq)]
pub struct Replayed {
    /// The event as the log has it.
    pub recorded: Recorded,
    /// What it says.
    pub event: history::Event,
    /// Who asked, when and by which command.
    pub metadata: Metadata,
    /// The aggregate after it.
    pub state: State,
}

/// An assessment that an event stored, and the same computed again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explained {
    /// The event's place in the claim's stream.
    pub revision: Revision,
    /// The event's name.
    pub event: &'static str,
    /// The terms that were applied.
    pub version: VersionLabel,
    /// Where the cover's stream stood.
    pub cover_revision: u64,
    /// What the event stored.
    pub stored: Arc<Assessment>,
    /// What the log gives today.
    pub recomputed: Result<Assessment, assessment::Rejection>,
    /// Whether the two are the same, byte for byte.
    pub agrees: bool,
}

impl Engine {
    /// Every event of a stream, in order, with the state after it. A stream that does not exist
    /// has no events.
    ///
    /// # Errors
    ///
    /// [`EngineError::Down`], or [`EngineError::Corrupt`] at the first event that cannot follow.
    pub async fn replay(&self, stream: &StreamName) -> Result<Vec<Replayed>, EngineError> {
        let events = self.events(stream, None).await?;
        match stream.category() {
            "plan" => replayed::<Plan>(stream, events),
            "approval" => replayed::<ApprovalPolicy>(stream, events),
            "organisation" => replayed::<Organisation>(stream, events),
            "member" => replayed::<Member>(stream, events),
            "enrolment" => replayed::<Enrolment>(stream, events),
            "roster" => replayed::<Roster>(stream, events),
            "cover" => replayed::<Cover>(stream, events),
            "claim" => replayed::<Claim>(stream, events),
            "payout" => replayed::<Payout>(stream, events),
            "batch" => replayed::<Batch>(stream, events),
            "stay" | "resident" | "handler" => replayed::<Reservation>(stream, events),
            _ => match events.first() {
                None => Ok(Vec::new()),
                Some(first) => Err(EngineError::Corrupt {
                    stream: stream.clone(),
                    revision: first.revision,
                    why: "no aggregate has streams of this name".to_owned(),
                }),
            },
        }
    }

    /// Every assessment of a claim, computed again from what stood when it was made: the facts,
    /// the cover's stream up to the revision that was read, and the plan version.
    ///
    /// # Errors
    ///
    /// [`EngineError`]; a claim that was never filed is refused.
    pub async fn explain_assessments(&self, id: ClaimId) -> Result<Vec<Explained>, EngineError> {
        let stream = streams::claim(id);
        let mut claim = Loaded::<Claim>::empty(stream.clone());
        let mut explained = Vec::new();
        for recorded in self.events(&stream, None).await? {
            let (next, event, _) = claim.past(&recorded)?;
            claim = next;
            let (name, stored, cover_revision) = match &event {
                claim::Event::Assessed(body) => {
                    ("ClaimAssessed", &body.assessment, body.cover_revision)
                }
                claim::Event::Approved(body) => {
                    ("ClaimApproved", &body.assessment, body.cover_revision)
                }
                claim::Event::Filed(_)
                | claim::Event::StepPassed(_)
                | claim::Event::Returned(_)
                | claim::Event::Supplemented(_)
                | claim::Event::Refused(_)
                | claim::Event::Withdrawn(_)
                | claim::Event::FilingLapsed(_)
                | claim::Event::Paid(_)
                | claim::Event::PaymentReversed(_) => continue,
            };
            let review = claim.state.review()?;
            let filed = review.filed();
            let upto = Some(Revision(cover_revision));
            let cover = self.folded::<Cover>(&streams::cover(filed.cover), upto).await?;
            let plan = self.load::<Plan>(streams::plan(&filed.plan)).await?;
            let unknown = || EngineError::Corrupt {
                stream: stream.clone(),
                revision: recorded.revision,
                why: format!("plan {} has no version {}", filed.plan, stored.version),
            };
            let terms = plan.state.version(&stored.version).ok_or_else(unknown)?;
            let standing = cover.state.granted()?.standing_for(id);
            let recomputed = assess(terms, &standing, &filed.asks, review.facts());
            let agrees = recomputed.as_ref().is_ok_and(|again| same(again, stored));
            explained.push(Explained {
                revision: recorded.revision,
                event: name,
                version: stored.version.clone(),
                cover_revision,
                stored: Arc::clone(stored),
                recomputed,
                agrees,
            });
        }
        claim.state.review()?;
        Ok(explained)
    }

    /// An aggregate as its stream's events up to `upto` make it.
    async fn folded<D: Aggregate>(
        &self,
        stream: &StreamName,
        upto: Option<Revision>,
    ) -> Result<Loaded<D>, EngineError> {
        let mut loaded = Loaded::empty(stream.clone());
        for recorded in self.events(stream, upto).await? {
            loaded = loaded.fold(&recorded)?;
        }
        Ok(loaded)
    }

    /// The events of a stream, up to and with `upto`.
    async fn events(
        &self,
        stream: &StreamName,
        upto: Option<Revision>,
    ) -> Result<Vec<Recorded>, EngineError> {
        let mut events: Vec<Recorded> = Vec::new();
        loop {
            let from = events.last().map(|last| last.revision.next());
            let page = self
                .store
                .read_stream(stream, from, Direction::Forwards, READ_EVENTS_MAX)
                .await
                .map_err(EngineError::of_store)?;
            let last = page.len() < READ_EVENTS_MAX;
            let wanted = |event: &Recorded| upto.is_none_or(|upto| event.revision <= upto);
            events.extend(page.into_iter().filter(wanted));
            if last || upto.is_some_and(|upto| events.last().is_some_and(|e| e.revision >= upto)) {
                return Ok(events);
            }
        }
    }
}

fn replayed<D>(stream: &StreamName, events: Vec<Recorded>) -> Result<Vec<Replayed>, EngineError>
where
    D: Aggregate<Event: Into<history::Event>> + Shown,
{
    let mut loaded = Loaded::<D>::empty(stream.clone());
    let mut replayed = Vec::with_capacity(events.len());
    for recorded in events {
        let (next, event, metadata) = loaded.past(&recorded)?;
        let state = next.state.shown();
        replayed.push(Replayed { recorded, event: event.into(), metadata, state });
        loaded = next;
    }
    Ok(replayed)
}

/// Invariant 6: the same bytes, not only the same figures.
fn same(one: &Assessment, other: &Assessment) -> bool {
    match (serde_json::to_vec(one), serde_json::to_vec(other)) {
        (Ok(one), Ok(other)) => one == other,
        (Ok(_) | Err(_), _) => false,
    }
}
