//! Drives again what follows from events, so that a flow that a crash cut short comes to its end.
//!
//! The runner reads the log from its checkpoint on. Whoever took a command has most often done
//! what follows already; then the runner finds nothing left to do. It never sends anything
//! outside.

use std::sync::Arc;
use std::time::Duration;

use huzhu_domain::envelope::Metadata;
use huzhu_domain::history;
use huzhu_domain::process::{Reaction, react, reacts_to};

use super::covers::EndTerm;
use super::flow::Flow;
use super::payouts::{CarryReversal, CarrySettlement, Gather, Owe};
use super::steps::Tidy;
use super::{Engine, EngineError, Envelope};
use crate::port::{Direction, Position, Recorded, StoreError};

/// How many events are read at once.
const EVENTS_AT_ONCE: usize = 1_000;

/// Where the runner stopped, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("processes stopped after {after:?}: {why}")]
pub struct Stopped {
    /// The last event that was dealt with.
    pub after: Option<Position>,
    /// Why not the next one.
    pub why: EngineError,
}

impl Engine {
    /// Drives what follows from the events after `bound`, up to the head of the log as it stands
    /// now. Answers with the new checkpoint. Safe to repeat from any checkpoint.
    ///
    /// # Errors
    ///
    /// [`Stopped`], with the checkpoint to go on from.
    pub async fn catch_up(&self, bound: Option<Position>) -> Result<Option<Position>, Stopped> {
        let head = self.store.head().await;
        let head = head.map_err(|why| Stopped { after: bound, why: EngineError::of_store(why) })?;
        self.catch_up_to(bound, head).await
    }

    /// Drives what follows from each event once it is `pause` old, for ever: until then, whoever
    /// recorded it is most likely at it. `keep` is told each checkpoint.
    ///
    /// # Errors
    ///
    /// [`Stopped`], with the checkpoint to go on from.
    pub async fn follow_on(
        &self,
        bound: Option<Position>,
        pause: Duration,
        mut keep: impl FnMut(Position) + Send,
    ) -> Result<std::convert::Infallible, Stopped> {
        let mut after = bound;
        loop {
            let down = |why| Stopped { after, why: EngineError::of_store(why) };
            self.store.grown(after).await.map_err(down)?;
            let head = self.store.head().await.map_err(down)?;
            tokio::time::sleep(pause).await;
            after = self.catch_up_to(after, head).await?;
            after.into_iter().for_each(&mut keep);
        }
    }

    /// Takes note of what others record behind `bound`, for ever, so that what is remembered here
    /// is not older than it has to be. Answers with the place to go on from.
    pub async fn observe_others(&self, bound: Option<Position>) -> (Option<Position>, StoreError) {
        let mut after = bound;
        loop {
            let read = async {
                self.store.grown(after).await?;
                self.store.read_all(after, Direction::Forwards, EVENTS_AT_ONCE).await
            };
            let events = match read.await {
                Ok(events) => events,
                Err(why) => return (after, why),
            };
            events.iter().for_each(|recorded| self.observe(recorded));
            after = events.last().map(|last| last.position).or(after);
        }
    }

    /// Drives what follows from the events after `bound`, for about as long as `limit`, or up to
    /// the head of the log. Answers with the new checkpoint.
    ///
    /// # Errors
    ///
    /// [`Stopped`], with the checkpoint to go on from.
    pub async fn catch_up_within(
        &self,
        bound: Option<Position>,
        limit: Duration,
    ) -> Result<Option<Position>, Stopped> {
        let begun = tokio::time::Instant::now();
        let mut after = bound;
        loop {
            let down = |why| Stopped { after, why: EngineError::of_store(why) };
            let read = self.store.read_all(after, Direction::Forwards, EVENTS_AT_ONCE).await;
            let events = read.map_err(down)?;
            for recorded in &events {
                self.follow(recorded).await.map_err(|why| Stopped { after, why })?;
                after = Some(recorded.position);
                if begun.elapsed() >= limit {
                    return Ok(after);
                }
            }
            if events.is_empty() {
                return Ok(after);
            }
        }
    }

    async fn catch_up_to(
        &self,
        bound: Option<Position>,
        head: Option<Position>,
    ) -> Result<Option<Position>, Stopped> {
        let mut after = bound;
        let head = head.map_or(0, |head| head.offset);
        while after.map_or(0, |after| after.offset) < head {
            let read = self.store.read_all(after, Direction::Forwards, EVENTS_AT_ONCE).await;
            let events = read.map_err(|why| Stopped { after, why: EngineError::of_store(why) })?;
            for recorded in events.iter().take_while(|event| event.position.offset <= head) {
                self.follow(recorded).await.map_err(|why| Stopped { after, why })?;
                after = Some(recorded.position);
            }
        }
        Ok(after)
    }

    /// Drives what follows from one event.
    async fn follow(&self, recorded: &Recorded) -> Result<(), EngineError> {
        self.observe(recorded);
        if !reacts_to(&recorded.name) {
            return Ok(());
        }
        let corrupt = |why: String| EngineError::Corrupt {
            stream: recorded.stream.clone(),
            revision: recorded.revision,
            why,
        };
        let event = history::Event::decode(&recorded.name, recorded.version, &recorded.data)
            .map_err(|why| corrupt(why.to_string()))?;
        let id = recorded.stream.as_str().split_once('-').and_then(|(_, id)| id.parse().ok());
        let id = id.ok_or_else(|| corrupt("the name of the stream holds no id".to_owned()))?;
        let Some(reaction) = react(&event, id) else {
            return Ok(());
        };
        let metadata: Metadata = serde_json::from_slice(&recorded.metadata)
            .map_err(|why| corrupt(format!("unreadable metadata: {why}")))?;
        self.drive(&following(recorded, metadata), reaction).await
    }

    async fn drive(&self, envelope: &Envelope, reaction: Reaction) -> Result<(), EngineError> {
        match reaction {
            Reaction::GrantRoster(roster) => self.grant_roster(envelope, roster).await,
            Reaction::CarryAnswer(batch, answered) => {
                self.carry_answer(envelope, batch, &answered).await
            }
            Reaction::Owe(claim) => self.take(envelope, "owe", &Owe { claim }).await,
            Reaction::EndTerm(cover) => self.take(envelope, "end", &EndTerm { cover }).await,
            Reaction::Tidy(claim) => self.take(envelope, "tidy", &Tidy { claim }).await,
            Reaction::Gather(batch) => self.take(envelope, "gather", &Gather { batch }).await,
            Reaction::CarrySettlement(payout) => {
                self.take(envelope, "settled", &CarrySettlement { payout }).await
            }
            Reaction::CarryReversal(payout) => {
                self.take(envelope, "carry", &CarryReversal { payout }).await
            }
        }
    }

    async fn take<F: Flow>(
        &self,
        envelope: &Envelope,
        what: &str,
        flow: &F,
    ) -> Result<(), EngineError> {
        self.run(&envelope.then(what), flow).await.map(|_| ())
    }
}

/// The envelope of the command that made an event, for what follows from the event.
fn following(recorded: &Recorded, metadata: Metadata) -> Envelope {
    Envelope {
        command: metadata.command,
        content: Arc::from(metadata.content),
        expected: None,
        actor: metadata.actor,
        at: metadata.at,
        correlation: metadata.correlation,
        causation: Some(recorded.id),
    }
}
