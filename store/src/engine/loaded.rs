//! An aggregate as its stream's events make it, and which commands made them.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use huzhu_domain::approval_policy::ApprovalPolicy;
use huzhu_domain::batch::Batch;
use huzhu_domain::claim::Claim;
use huzhu_domain::cover::Cover;
use huzhu_domain::decider::Decider;
use huzhu_domain::enrolment::Enrolment;
use huzhu_domain::envelope::Metadata;
use huzhu_domain::event::StoredEvent;
use huzhu_domain::id::CommandId;
use huzhu_domain::member::Member;
use huzhu_domain::organisation::Organisation;
use huzhu_domain::payout::Payout;
use huzhu_domain::plan::Plan;
use huzhu_domain::rejection::Rejection;
use huzhu_domain::reservation::Reservation;
use huzhu_domain::roster::Roster;
use serde::Deserialize;

use crate::port::{
    Direction, EventStore, Position, READ_EVENTS_MAX, Recorded, Revision, StreamName,
};

use super::{EngineError, Envelope, Receipt};

/// An aggregate that the engine can load and decide on.
pub trait Aggregate:
    Decider<Event: StoredEvent + Send + Sync, Rejection: Into<Rejection>>
    + Clone
    + Send
    + Sync
    + 'static
{
    /// Whether it is worth keeping in memory: most are asked again soon.
    const CACHED: bool = true;

    /// About how many bytes it holds.
    fn weight(&self) -> u64 {
        1024
    }
}

impl Aggregate for ApprovalPolicy {}
impl Aggregate for Organisation {}
impl Aggregate for Member {}
impl Aggregate for Plan {}
impl Aggregate for Cover {}
impl Aggregate for Payout {}

impl Aggregate for Batch {
    const CACHED: bool = false;
}

impl Aggregate for Claim {
    fn weight(&self) -> u64 {
        8 * 1024
    }
}

impl Aggregate for Roster {
    fn weight(&self) -> u64 {
        let members = self.list().map_or(0, |list| list.members.len());
        u64::try_from(members).unwrap_or(u64::MAX).saturating_mul(128).saturating_add(1024)
    }
}

impl Aggregate for Reservation {
    const CACHED: bool = false;
}

impl Aggregate for Enrolment {
    const CACHED: bool = false;
}

/// An aggregate where its stream stands.
#[derive(Clone, Debug)]
pub struct Loaded<D> {
    /// The stream.
    pub stream: StreamName,
    /// What the events add up to.
    pub state: D,
    /// The place of the last event; `None` before any.
    pub revision: Option<Revision>,
    /// The place of the last event in the log.
    pub position: Option<Position>,
    effects: BTreeMap<CommandId, Effect>,
}

/// What a fold needs of an event's metadata; who asked, and when, it passes over.
#[derive(Deserialize)]
struct Marks<'a> {
    command: CommandId,
    #[serde(borrow)]
    content: Cow<'a, str>,
}

fn metadata_of<'a, M: Deserialize<'a>>(recorded: &'a Recorded) -> Result<M, EngineError> {
    serde_json::from_slice(&recorded.metadata)
        .map_err(|why| corrupt(recorded, format!("unreadable metadata: {why}")))
}

fn corrupt(recorded: &Recorded, why: String) -> EngineError {
    let (stream, revision) = (recorded.stream.clone(), recorded.revision);
    EngineError::Corrupt { stream, revision, why }
}

/// What a command did to the stream.
#[derive(Clone, Debug)]
struct Effect {
    content: Arc<str>,
    events: Vec<(&'static str, Revision)>,
    position: Position,
}

impl<D: Aggregate> Loaded<D> {
    /// A stream without events.
    #[must_use]
    pub fn empty(stream: StreamName) -> Self {
        Self {
            stream,
            state: D::default(),
            revision: None,
            position: None,
            effects: BTreeMap::new(),
        }
    }

    /// Reads a stream to its end.
    ///
    /// # Errors
    ///
    /// [`EngineError::Down`], or [`EngineError::Corrupt`] at the first event that cannot follow.
    pub async fn read(store: &dyn EventStore, stream: StreamName) -> Result<Self, EngineError> {
        let mut loaded = Self::empty(stream);
        loop {
            let from = loaded.revision.map(Revision::next);
            let page = store
                .read_stream(&loaded.stream, from, Direction::Forwards, READ_EVENTS_MAX)
                .await
                .map_err(EngineError::of_store)?;
            let last = page.len() < READ_EVENTS_MAX;
            for recorded in &page {
                loaded = loaded.fold(recorded)?;
            }
            if last {
                return Ok(loaded);
            }
        }
    }

    /// The aggregate after one more event of its stream, with what the event says.
    ///
    /// # Errors
    ///
    /// [`EngineError::Corrupt`] when the event cannot be read or cannot follow.
    pub fn past(self, recorded: &Recorded) -> Result<(Self, D::Event, Metadata), EngineError> {
        let metadata: Metadata = metadata_of(recorded)?;
        let (next, event) = self.step(recorded, metadata.command, &metadata.content)?;
        Ok((next, event, metadata))
    }

    /// The aggregate after one more event of its stream.
    ///
    /// # Errors
    ///
    /// [`EngineError::Corrupt`] when the event cannot be read or cannot follow.
    pub fn fold(self, recorded: &Recorded) -> Result<Self, EngineError> {
        let Marks { command, content } = metadata_of(recorded)?;
        Ok(self.step(recorded, command, &content)?.0)
    }

    fn step(
        mut self,
        recorded: &Recorded,
        command: CommandId,
        content: &str,
    ) -> Result<(Self, D::Event), EngineError> {
        let corrupt = |why: String| corrupt(recorded, why);
        if recorded.revision != self.revision.map_or(Revision::FIRST, Revision::next) {
            return Err(corrupt(format!("it follows revision {:?}", self.revision)));
        }
        let event = D::Event::decode(&recorded.name, recorded.version, &recorded.data)
            .map_err(|why| corrupt(why.to_string()))?;
        self.state = self.state.evolve(&event).map_err(|why| corrupt(why.to_string()))?;
        self.revision = Some(recorded.revision);
        let made = (event.name(), recorded.revision);
        self.note(command, &Arc::from(content), &[made], recorded.position);
        Ok((self, event))
    }

    /// The aggregate after events that were decided but not recorded.
    pub(super) fn decided(&self, events: &[D::Event]) -> Result<Self, EngineError> {
        let mut next = self.clone();
        for event in events {
            let revision = next.revision.map_or(Revision::FIRST, Revision::next);
            let stream = &self.stream;
            next.state = next.state.evolve(event).map_err(|why| EngineError::Corrupt {
                stream: stream.clone(),
                revision,
                why: why.to_string(),
            })?;
            next.revision = Some(revision);
        }
        Ok(next)
    }

    /// Notes that `command` made `events`, of which the last stands at `position`.
    pub(super) fn note(
        &mut self,
        command: CommandId,
        content: &Arc<str>,
        events: &[(&'static str, Revision)],
        position: Position,
    ) {
        let effect = self.effects.entry(command).or_insert_with(|| Effect {
            content: Arc::clone(content),
            events: Vec::with_capacity(events.len()),
            position,
        });
        effect.events.extend_from_slice(events);
        effect.position = position;
        self.position = Some(position);
    }

    /// The receipt of a command that took effect here before.
    pub(super) fn receipt(&self, envelope: &Envelope) -> Result<Option<Receipt>, EngineError> {
        let Some(effect) = self.effects.get(&envelope.command) else {
            return Ok(None);
        };
        if effect.content != envelope.content {
            return Err(EngineError::CommandReused { command: envelope.command });
        }
        Ok(Some(Receipt {
            stream: self.stream.clone(),
            revision: effect.events.last().map(|(_, revision)| *revision),
            position: effect.position,
            command: envelope.command,
            events: effect.events.clone(),
            repeated: true,
        }))
    }

    /// Whether `command` made events here.
    pub(super) fn knows(&self, command: CommandId) -> bool {
        self.effects.contains_key(&command)
    }

    /// About how many bytes it holds.
    pub(super) fn weight(&self) -> u64 {
        let effects = u64::try_from(self.effects.len()).unwrap_or(u64::MAX);
        self.state.weight().saturating_add(effects.saturating_mul(256))
    }
}
