//! Connections to a log in memory that go wrong as they are told.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::*;
use crate::carried::{self, Carried};
use crate::port::{READ_EVENTS_MAX, StreamName};

/// A cluster, as its connections see it. Clones are the same one.
#[derive(Clone)]
pub(super) struct Faulty {
    server: Arc<Server>,
}

struct Server {
    log: MemoryStore,
    /// Every so many calls something goes wrong; never if this is 0.
    every: usize,
    calls: AtomicUsize,
    dialled: AtomicUsize,
    largest: AtomicUsize,
    lost_answers: AtomicUsize,
    hanging: AtomicUsize,
    broken: AtomicBool,
    silent: AtomicBool,
    forgotten: std::sync::Mutex<Option<String>>,
}

impl Faulty {
    pub(super) fn never() -> Self {
        Self::each(0)
    }

    pub(super) fn now_and_then() -> Self {
        Self::each(7)
    }

    fn each(every: usize) -> Self {
        let server = Server {
            log: MemoryStore::new(Uuid::nil(), Timestamp::now),
            every,
            calls: AtomicUsize::new(0),
            dialled: AtomicUsize::new(0),
            largest: AtomicUsize::new(usize::MAX),
            lost_answers: AtomicUsize::new(0),
            hanging: AtomicUsize::new(0),
            broken: AtomicBool::new(false),
            silent: AtomicBool::new(false),
            forgotten: std::sync::Mutex::default(),
        };
        Self { server: Arc::new(server) }
    }

    pub(super) fn take_at_most(&self, bytes: usize) {
        self.server.largest.store(bytes, Ordering::SeqCst);
    }

    pub(super) fn lose_answers(&self, many: usize) {
        self.server.lost_answers.store(many, Ordering::SeqCst);
    }

    pub(super) fn hang(&self, many: usize) {
        self.server.hanging.store(many, Ordering::SeqCst);
    }

    pub(super) fn break_for_good(&self) {
        self.server.broken.store(true, Ordering::SeqCst);
    }

    pub(super) fn mend(&self) {
        self.server.broken.store(false, Ordering::SeqCst);
    }

    pub(super) fn fall_silent(&self) {
        self.server.silent.store(true, Ordering::SeqCst);
    }

    pub(super) fn forget_the_first_of(&self, stream: &str) {
        *self.server.forgotten.lock().unwrap() = Some(stream.to_owned());
    }

    pub(super) fn dialled(&self) -> usize {
        self.server.dialled.load(Ordering::SeqCst)
    }
}

impl Dial for Faulty {
    fn dial(&self, turn: usize) -> Result<Arc<dyn Link>, LinkError> {
        self.server.dialled.fetch_max(turn + 1, Ordering::SeqCst);
        Ok(Arc::new(FaultyLink { server: Arc::clone(&self.server), dead: AtomicBool::new(false) }))
    }
}

struct FaultyLink {
    server: Arc<Server>,
    /// A connection that was lost stays lost.
    dead: AtomicBool,
}

fn take_one(counter: &AtomicUsize) -> bool {
    counter.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
}

impl FaultyLink {
    fn lost(&self) -> LinkError {
        self.dead.store(true, Ordering::SeqCst);
        LinkError::Lost("the connection broke".to_owned())
    }

    /// What goes wrong with a call: before it was heard, or after it took effect.
    async fn fault(&self) -> Result<Option<LinkError>, LinkError> {
        if take_one(&self.server.hanging) {
            std::future::pending::<()>().await;
        }
        if self.dead.load(Ordering::SeqCst) || self.server.broken.load(Ordering::SeqCst) {
            return Err(self.lost());
        }
        let call = self.server.calls.fetch_add(1, Ordering::SeqCst) + 1;
        if self.server.every == 0 || !call.is_multiple_of(self.server.every) {
            return Ok(None);
        }
        match (call / self.server.every) % 5 {
            0 => Err(self.lost()),
            1 => Ok(Some(self.lost())),
            2 => Err(LinkError::NotLeader),
            3 => Ok(Some(LinkError::CutOff)),
            _ => Err(LinkError::CutOff),
        }
    }

    fn name(stream: &str) -> StreamName {
        stream.parse().unwrap()
    }

    fn incoming(event: Recorded) -> Incoming {
        let Carried { json, metadata } = carried::outward(event.version, &event.metadata);
        Incoming {
            stream: event.stream.as_str().to_owned(),
            revision: event.revision.0,
            offset: event.position.offset,
            id: event.id,
            name: event.name,
            json,
            created: i64::try_from(event.recorded_at.as_nanosecond() / 100).ok(),
            data: event.data,
            metadata,
        }
    }

    fn position(&self, offset: u64) -> Option<Position> {
        (offset > 0).then(|| Position { store: self.server.log.id(), offset })
    }
}

#[async_trait]
impl Link for FaultyLink {
    async fn append(
        &self,
        stream: &str,
        expected: Expected,
        events: Vec<Outgoing>,
    ) -> Result<Written, LinkError> {
        let after = self.fault().await?;
        let bytes: usize = events.iter().map(|event| event.data.len()).sum();
        if bytes > self.server.largest.load(Ordering::SeqCst) {
            return Err(LinkError::Refused("MaximumAppendSizeExceeded".to_owned()));
        }
        let inward = |event: Outgoing| {
            let carried = Carried { json: true, metadata: event.metadata };
            let (version, metadata) = carried::inward(carried);
            NewEvent { id: event.id, name: event.name, version, data: event.data, metadata }
        };
        let events = events.into_iter().map(inward).collect();
        let append = Append { stream: Self::name(stream), expected, events };
        let written = match self.server.log.append(vec![append]).await {
            Ok(appended) => appended[0],
            Err(AppendError::Conflict { .. }) if self.forgets(stream) => {
                return Ok(Written { revision: 1, offset: None });
            }
            Err(AppendError::Conflict { .. }) => return Err(LinkError::Conflict),
            Err(other) => return Err(LinkError::Refused(other.to_string())),
        };
        if take_one(&self.server.lost_answers) {
            return Err(self.lost());
        }
        match after {
            Some(why) => Err(why),
            // Every other answer does not say where in the log.
            None => Ok(Written {
                revision: written.revision.0,
                offset: (written.position.offset % 2 == 0).then_some(written.position.offset),
            }),
        }
    }

    async fn read_stream(
        &self,
        stream: &str,
        from: Option<u64>,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<Incoming>, LinkError> {
        let after = self.fault().await?;
        if self.forgets(stream) {
            return Ok(Vec::new());
        }
        let from = from.map(Revision);
        let read = self.server.log.read_stream(&Self::name(stream), from, direction, limit).await;
        after.map_or(Ok(()), Err)?;
        Ok(read.unwrap().into_iter().map(Self::incoming).collect())
    }

    async fn read_all(
        &self,
        from: Option<u64>,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<Incoming>, LinkError> {
        let after = self.fault().await?;
        // The protocol reads from a place on, going forwards; the port from behind it.
        let bound = match direction {
            Direction::Forwards => self.position(from.unwrap_or(0).saturating_sub(1)),
            Direction::Backwards => from.and_then(|from| self.position(from)),
        };
        let read = self.server.log.read_all(bound, direction, limit.min(READ_EVENTS_MAX)).await;
        after.map_or(Ok(()), Err)?;
        Ok(read.unwrap().into_iter().map(Self::incoming).collect())
    }

    async fn follow(&self, after: Option<u64>, told: Told) -> LinkError {
        let mut after = after.unwrap_or(0);
        loop {
            if self.server.silent.load(Ordering::SeqCst) {
                std::future::pending::<()>().await;
            }
            let bound = self.position(after);
            self.server.log.grown(bound).await.unwrap();
            match self.fault().await {
                Ok(None) => {}
                Ok(Some(why)) | Err(why) => return why,
            }
            for event in self.server.log.read_all(bound, Direction::Forwards, 3).await.unwrap() {
                told(event.stream.as_str(), event.position.offset);
                after = event.position.offset;
            }
        }
    }
}

impl FaultyLink {
    fn forgets(&self, stream: &str) -> bool {
        self.server.forgotten.lock().unwrap().as_deref() == Some(stream)
    }
}
