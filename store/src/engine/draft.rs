//! A command on its way: what it loaded, what was decided, what is to be appended.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use huzhu_domain::envelope::Metadata;
use huzhu_domain::event::StoredEvent;
use huzhu_domain::id::VersionLabel;
use sha2::{Digest, Sha256};
use uuid::{Builder, Uuid};

use crate::port::{
    Append, AppendError, Appended, Expected, NewEvent, Position, Revision, StreamName,
};

use super::cache::Cache;
use super::flow::Stop;
use super::loaded::{Aggregate, Loaded};
use super::{Engine, EngineError, Envelope, Receipt};

/// What an attempt takes for granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trust {
    /// What is remembered, and that what is new does not exist yet.
    Memory,
    /// What is remembered: an attempt lost a race before.
    Seen,
    /// Nothing but the log.
    Log,
}

/// What one attempt of a command has come to so far.
pub(super) struct Draft<'e> {
    engine: &'e Engine,
    envelope: &'e Envelope,
    trust: Trust,
    metadata: Option<(Option<VersionLabel>, Bytes)>,
    appends: Vec<Append>,
    kept: Vec<Keep>,
    target: Target,
}

/// Puts a new state into the cache when its events are recorded; says whether they were there.
type Keep = Box<dyn FnOnce(&Cache, Appended) -> bool + Send + Sync>;

/// The stream that the command is about: as it was read, and what the command makes of it.
pub(super) struct Target {
    stream: StreamName,
    revision: Option<Revision>,
    position: Option<Position>,
    /// The place of its append in the list.
    append: Option<usize>,
    made: Vec<(&'static str, Revision)>,
}

/// How an attempt ended.
pub(super) enum Outcome {
    /// Everything is recorded.
    Done(Receipt),
    /// Somebody else changed this stream first.
    Lost(StreamName),
}

impl<'e> Draft<'e> {
    pub(super) fn new(
        engine: &'e Engine,
        envelope: &'e Envelope,
        trust: Trust,
        target: StreamName,
    ) -> Self {
        let (revision, position, append) = (None, None, None);
        let target = Target { stream: target, revision, position, append, made: Vec::new() };
        Self {
            engine,
            envelope,
            trust,
            metadata: None,
            appends: Vec::new(),
            kept: Vec::new(),
            target,
        }
    }

    pub(super) const fn envelope(&self) -> &'e Envelope {
        self.envelope
    }

    /// An aggregate where its stream stands.
    pub(super) async fn load<D: Aggregate>(
        &self,
        stream: StreamName,
    ) -> Result<Arc<Loaded<D>>, EngineError> {
        if self.trust == Trust::Log {
            return self.reload(stream).await;
        }
        self.engine.load(stream).await
    }

    /// An aggregate that is most likely new: not looked for until that proves wrong.
    pub(super) async fn load_new<D: Aggregate>(
        &self,
        stream: StreamName,
    ) -> Result<Arc<Loaded<D>>, EngineError> {
        if self.trust != Trust::Memory {
            return self.load(stream).await;
        }
        Ok(self.engine.cache.get(&stream).unwrap_or_else(|| Arc::new(Loaded::empty(stream))))
    }

    /// An aggregate as the log has it, whatever is remembered.
    pub(super) async fn reload<D: Aggregate>(
        &self,
        stream: StreamName,
    ) -> Result<Arc<Loaded<D>>, EngineError> {
        self.engine.cache.forget(&stream);
        self.engine.load(stream).await
    }

    /// Takes the aggregate that the command is about. Stops here if the command has taken effect
    /// on it before, or if the caller believes it to stand elsewhere.
    pub(super) fn meet<D: Aggregate>(&mut self, loaded: &Loaded<D>) -> Result<(), Stop> {
        if let Some(receipt) = loaded.receipt(self.envelope)? {
            return Err(Stop::Repeated(receipt));
        }
        if let Some(expected) = self.envelope.expected.filter(|e| Some(*e) != loaded.revision) {
            let (stream, actual) = (loaded.stream.clone(), loaded.revision);
            return Err(EngineError::ExpectedRevision { stream, expected, actual }.into());
        }
        self.target.revision = loaded.revision;
        self.target.position = loaded.position;
        Ok(())
    }

    /// What the aggregate would refuse; nothing will be appended.
    pub(super) fn check<D: Aggregate>(
        &self,
        loaded: &Loaded<D>,
        command: D::Command,
    ) -> Result<(), D::Rejection> {
        loaded.state.decide(command).map(|_| ())
    }

    /// Lets the aggregate decide; what follows will be appended. Says whether anything does.
    pub(super) fn decide<D: Aggregate>(
        &mut self,
        loaded: &Loaded<D>,
        command: D::Command,
    ) -> Result<bool, EngineError> {
        self.decide_under(loaded, command, None)
    }

    /// The same, for a decision made under a plan version.
    pub(super) fn decide_under<D: Aggregate>(
        &mut self,
        loaded: &Loaded<D>,
        command: D::Command,
        version: Option<&VersionLabel>,
    ) -> Result<bool, EngineError> {
        let events = loaded.state.decide(command).map_err(EngineError::rejected)?;
        self.record(loaded, &events, version)
    }

    fn record<D: Aggregate>(
        &mut self,
        loaded: &Loaded<D>,
        events: &[D::Event],
        version: Option<&VersionLabel>,
    ) -> Result<bool, EngineError> {
        if events.is_empty() {
            return Ok(false);
        }
        let mut next = loaded.decided(events)?;
        let metadata = self.metadata(version);
        let first = loaded.revision.map_or(Revision::FIRST, Revision::next);
        let mut made = Vec::with_capacity(events.len());
        let mut new = Vec::with_capacity(events.len());
        let mut revision = first;
        for event in events {
            let data = Bytes::from(event.encode());
            new.push(NewEvent {
                id: self.event_id(&loaded.stream, revision, event.name(), &data),
                name: Arc::from(event.name()),
                version: event.version(),
                data,
                metadata: metadata.clone(),
            });
            made.push((event.name(), revision));
            revision = revision.next();
        }
        if loaded.stream == self.target.stream {
            self.target.append = Some(self.appends.len());
            self.target.made.clone_from(&made);
        }
        self.appends.push(Append {
            stream: loaded.stream.clone(),
            expected: Expected::after(loaded.revision),
            events: new,
        });
        let (command, content) = (self.envelope.command, Arc::clone(&self.envelope.content));
        self.kept.push(Box::new(move |cache, appended| {
            let there = cache.get::<D>(&next.stream).is_some_and(|kept| kept.knows(command))
                && !next.knows(command);
            next.note(command, &content, &made, appended.position);
            cache.put(&Arc::new(next));
            there
        }));
        Ok(true)
    }

    /// The id of an event: of the command, the place and the body. The same command that decides
    /// the same again brings the same id; one that decides differently does not, so that a log
    /// which recognises a repeated append never takes the one for the other.
    fn event_id(&self, stream: &StreamName, at: Revision, name: &str, data: &[u8]) -> Uuid {
        let mut digest = Sha256::new();
        digest.update(self.envelope.command.uuid());
        digest.update(self.envelope.content.as_bytes());
        digest.update(stream.as_str());
        digest.update([0]);
        digest.update(at.0.to_be_bytes());
        digest.update(name);
        digest.update([0]);
        digest.update(data);
        let digest: [u8; 32] = digest.finalize().into();
        let (half, _) = digest.split_at(16);
        Builder::from_custom_bytes(half.try_into().unwrap_or_default()).into_uuid()
    }

    /// Metadata is the same for all events of a command but for the plan version.
    fn metadata(&mut self, version: Option<&VersionLabel>) -> Bytes {
        if let Some((under, bytes)) = &self.metadata
            && under.as_ref() == version
        {
            return bytes.clone();
        }
        let metadata = Metadata {
            command: self.envelope.command,
            content: self.envelope.content.as_ref().to_owned(),
            correlation: self.envelope.correlation,
            causation: self.envelope.causation,
            actor: self.envelope.actor.clone(),
            at: self.envelope.at,
            plan_version: version.cloned(),
        };
        // A plain struct with string keys always serializes.
        let bytes = Bytes::from(serde_json::to_vec(&metadata).unwrap_or_default());
        self.metadata = Some((version.cloned(), bytes.clone()));
        bytes
    }

    /// Whether nothing is left to do.
    pub(super) const fn is_empty(&self) -> bool {
        self.appends.is_empty()
    }

    /// Appends what was decided, in the order in which it was decided.
    pub(super) async fn commit(self) -> Result<Outcome, EngineError> {
        let Self { engine, envelope, appends, kept, target, .. } = self;
        let mut receipt = target.receipt(engine, envelope);
        if appends.is_empty() {
            return Ok(Outcome::Done(receipt));
        }
        let streams: Vec<_> = appends.iter().map(|append| append.stream.clone()).collect();
        let seen = engine.seen.load(Ordering::Relaxed);
        match engine.store.append(appends).await {
            Ok(appended) => {
                for (place, (keep, recorded)) in kept.into_iter().zip(appended).enumerate() {
                    engine.seen.fetch_max(recorded.position.offset, Ordering::Relaxed);
                    let there = keep(&engine.cache, recorded);
                    if target.append == Some(place) {
                        receipt.revision = Some(recorded.revision);
                        receipt.position = recorded.position;
                        receipt.repeated = there || recorded.position.offset <= seen;
                    }
                }
                receipt.events = target.made;
                Ok(Outcome::Done(receipt))
            }
            Err(AppendError::Conflict { stream, appended, .. }) => {
                for (keep, recorded) in kept.into_iter().zip(appended) {
                    keep(&engine.cache, recorded);
                }
                engine.cache.forget(&stream);
                Ok(Outcome::Lost(stream))
            }
            Err(error) => {
                // What became of them is not known.
                for stream in &streams {
                    engine.cache.forget(stream);
                }
                Err(EngineError::of_append(error))
            }
        }
    }
}

impl Target {
    /// The receipt of a command that had nothing left to do.
    fn receipt(&self, engine: &Engine, envelope: &Envelope) -> Receipt {
        let nowhere = Position { store: engine.store.id(), offset: 0 };
        Receipt {
            stream: self.stream.clone(),
            revision: self.revision,
            position: self.position.unwrap_or(nowhere),
            command: envelope.command,
            events: Vec::new(),
            repeated: false,
        }
    }
}
