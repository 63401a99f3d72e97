//! Many appends over one call: they are put into the queue in the order in which they come, and
//! answered as they become durable.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use huzhu_store::port::{APPEND_BYTES_MAX, APPEND_EVENTS_MAX, Expected, NewEvent, Revision};
use prost::Message;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tonic::{Code, Status, Streaming};

use super::answers::Answers;
use super::appending::{Appending, Outcome, Proposed, Refused, Wanted};
use super::room::{Taken, bytes_of};
use super::wire;
use super::wire_of::{self as client, streams as messages};
use crate::clock::Clock;
use crate::status::eventstore as refused;
use client::wrong_expected_version::{
    CurrentStreamRevisionOption as Current, ExpectedStreamPositionOption as Expectation,
};
use messages::batch_append_req::Options;
use messages::batch_append_req::options::{DeadlineOption, ExpectedStreamPosition};
use messages::batch_append_resp::{self, Result as Answer};
use messages::success::{CurrentRevisionOption, PositionOption};
use messages::{BatchAppendReq, BatchAppendResp, Success};

/// How many appends of one call may wait for their answers; further ones are not read until then.
const UNDER_WAY_MAX: usize = 512;
/// How many appends of one call may have come in part.
const OPEN_MAX: usize = 64;

/// A call of batches on its way.
pub(super) struct Batches {
    appending: Arc<Appending>,
    clock: Clock,
    stopped: watch::Receiver<bool>,
    requests: Streaming<BatchAppendReq>,
    /// Whether the client has sent everything.
    ended: bool,
    open: BTreeMap<Vec<u8>, Open>,
    under_way: FuturesUnordered<BoxFuture<'static, BatchAppendResp>>,
    _place: OwnedSemaphorePermit,
}

/// An append that has come in part.
struct Open {
    correlation: Option<client::Uuid>,
    stream: Option<client::StreamIdentifier>,
    options: Options,
    events: Vec<NewEvent>,
    bytes: usize,
    taken: Taken,
    /// What is wrong with it already.
    wrong: Option<Status>,
}

impl Answers for Batches {
    type Answer = BatchAppendResp;

    /// Over when the client has sent everything and every append was answered.
    async fn next(&mut self) -> Result<Option<BatchAppendResp>, Status> {
        loop {
            if self.ended && self.under_way.is_empty() {
                return Ok(None);
            }
            // A sender that is gone says the same.
            let stopping = *self.stopped.borrow() || self.stopped.has_changed().is_err();
            if stopping && self.under_way.is_empty() {
                return Err(refused::not_ready());
            }
            let takes = !self.ended && !stopping && self.under_way.len() < UNDER_WAY_MAX;
            let request = tokio::select! {
                biased;
                // Requests first: whoever is ready shares the commit.
                request = self.requests.message(), if takes => request?,
                Some(answer) = self.under_way.next() => return Ok(Some(answer)),
                // What is under way is answered first.
                _ = self.stopped.wait_for(|stopped| *stopped), if !stopping => continue,
            };
            match request {
                Some(request) => self.take(request)?,
                None => self.ended = true,
            }
        }
    }
}

impl Batches {
    pub(super) fn new(
        appending: Arc<Appending>,
        clock: Clock,
        stopped: watch::Receiver<bool>,
        requests: Streaming<BatchAppendReq>,
        place: OwnedSemaphorePermit,
    ) -> Self {
        Self {
            appending,
            clock,
            stopped,
            requests,
            ended: false,
            open: BTreeMap::new(),
            under_way: FuturesUnordered::new(),
            _place: place,
        }
    }

    /// Takes a message: the append that it completes is put into the queue.
    fn take(&mut self, request: BatchAppendReq) -> Result<(), Status> {
        let BatchAppendReq { correlation_id, options, proposed_messages, is_final } = request;
        let key = correlation_id.as_ref().map(Message::encode_to_vec).unwrap_or_default();
        let mut open = match (self.open.remove(&key), options) {
            (Some(open), _) => open,
            (None, Some(options)) => Open {
                correlation: correlation_id,
                stream: options.stream_identifier.clone(),
                options,
                events: Vec::new(),
                bytes: 0,
                taken: Taken::default(),
                wrong: None,
            },
            (None, None) => return Err(refused::malformed("the options of a batch are missing")),
        };
        let before = open.bytes;
        open.add(proposed_messages);
        if is_final {
            let answer = open.append(Arc::clone(&self.appending), &self.clock);
            self.under_way.push(answer);
            return Ok(());
        }
        if self.open.len() >= OPEN_MAX {
            return Err(refused::busy());
        }
        self.appending.room().take(&mut open.taken, open.bytes.saturating_sub(before))?;
        self.open.insert(key, open);
        Ok(())
    }
}

impl Open {
    fn add(&mut self, messages: Vec<messages::ProposedMessage>) {
        for message in messages {
            if self.wrong.is_some() {
                return;
            }
            match wire::proposed(message) {
                Ok(event) => {
                    self.bytes = self.bytes.saturating_add(bytes_of(&event));
                    self.events.push(event);
                }
                Err(status) => self.wrong = Some(status),
            }
            if self.bytes > APPEND_BYTES_MAX {
                self.fail(refused::append_too_large());
            } else if self.events.len() > APPEND_EVENTS_MAX {
                self.fail(refused::too_many_events(APPEND_EVENTS_MAX));
            }
        }
    }

    /// Nothing of it will be recorded, so nothing of it is kept.
    fn fail(&mut self, status: Status) {
        self.wrong = Some(status);
        self.events = Vec::new();
        self.bytes = 0;
    }

    fn append(
        self,
        appending: Arc<Appending>,
        clock: &Clock,
    ) -> BoxFuture<'static, BatchAppendResp> {
        let Self { correlation, stream, options, events, wrong, .. } = self;
        let left = left(options.deadline_option, clock);
        let answer = async move {
            if let Some(status) = wrong {
                return Err(status);
            }
            let wanted = wanted(options.expected_stream_position)?;
            let stream = wire::stream(options.stream_identifier.as_ref())?;
            let proposed = Proposed { stream, wanted, events };
            Ok((wanted, tokio::time::timeout(left, appending.append(proposed)).await))
        };
        Box::pin(async move {
            let result = match answer.await {
                Ok((wanted, Ok(outcome))) => result(outcome, wanted),
                Ok((_, Err(_elapsed))) => {
                    error(Code::DeadlineExceeded, "Timeout", "Timeout", &client::Timeout {})
                }
                Err(status) => failed(&status),
            };
            BatchAppendResp {
                correlation_id: correlation,
                result: Some(result),
                stream_identifier: stream,
            }
        })
    }
}

fn wanted(given: Option<ExpectedStreamPosition>) -> Result<Wanted, Status> {
    Ok(match given {
        Some(ExpectedStreamPosition::StreamPosition(revision)) => {
            Wanted::Exactly(Expected::Exactly(Revision(revision)))
        }
        Some(ExpectedStreamPosition::NoStream(())) => Wanted::Exactly(Expected::NoStream),
        Some(ExpectedStreamPosition::Any(())) => Wanted::Any,
        Some(ExpectedStreamPosition::StreamExists(())) => Wanted::StreamExists,
        None => return Err(refused::malformed("what is expected of the stream is missing")),
    })
}

/// How long the answer may take. What is recorded too late is recorded all the same.
fn left(deadline: Option<DeadlineOption>, clock: &Clock) -> Duration {
    match deadline {
        Some(DeadlineOption::Deadline(left)) => left.try_into().unwrap_or(Duration::ZERO),
        Some(DeadlineOption::Deadline21100(at)) => {
            let now = clock.now();
            let seconds = at.seconds.saturating_sub(now.as_second());
            Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
        }
        None => Duration::MAX,
    }
}

fn result(outcome: Result<Outcome, Refused>, wanted: Wanted) -> Answer {
    match outcome {
        Ok(Outcome::Appended(appended)) => Answer::Success(Success {
            current_revision_option: Some(CurrentRevisionOption::CurrentRevision(
                appended.revision.0,
            )),
            position_option: Some(PositionOption::Position(wire::position(
                appended.position.offset,
            ))),
        }),
        Ok(Outcome::Nothing(last)) => Answer::Success(nothing(last)),
        Ok(Outcome::Wrong(actual)) => {
            let wrong = client::WrongExpectedVersion {
                current_stream_revision_option: Some(match actual {
                    Some(revision) => Current::CurrentStreamRevision(revision.0),
                    None => Current::CurrentNoStream(()),
                }),
                expected_stream_position_option: Some(match wanted {
                    Wanted::Any => Expectation::ExpectedAny(()),
                    Wanted::StreamExists => Expectation::ExpectedStreamExists(()),
                    Wanted::Exactly(Expected::NoStream) => Expectation::ExpectedNoStream(()),
                    Wanted::Exactly(Expected::Exactly(revision)) => {
                        Expectation::ExpectedStreamPosition(revision.0)
                    }
                }),
            };
            error(Code::AlreadyExists, "WrongExpectedVersion", "WrongExpectedVersion", &wrong)
        }
        Err(Refused::TooLarge) => too_large(),
        Err(error) => failed(&Status::from(error)),
    }
}

pub(super) fn nothing(last: Option<Revision>) -> Success {
    Success {
        current_revision_option: Some(match last {
            Some(revision) => CurrentRevisionOption::CurrentRevision(revision.0),
            None => CurrentRevisionOption::NoStream(()),
        }),
        position_option: Some(PositionOption::NoPosition(())),
    }
}

fn too_large() -> Answer {
    let max_append_size = u32::try_from(APPEND_BYTES_MAX).unwrap_or(u32::MAX);
    let detail = client::MaximumAppendSizeExceeded { max_append_size };
    let name = "MaximumAppendSizeExceeded";
    error(Code::InvalidArgument, name, name, &detail)
}

/// A status as the error of one append.
fn failed(status: &Status) -> Answer {
    let (code, message) = (status.code(), status.message());
    if status.metadata().contains_key("maximum-append-size") {
        too_large()
    } else if code == Code::InvalidArgument {
        let detail = client::BadRequest { message: message.to_owned() };
        error(code, "BadRequest", message, &detail)
    } else if code == Code::PermissionDenied {
        error(code, "AccessDenied", message, &client::AccessDenied {})
    } else {
        error(code, "Unknown", message, &client::Unknown {})
    }
}

/// An error as the protocol tells it: `detail` is a message of the type `name`.
fn error(code: Code, name: &str, message: &str, detail: &impl Message) -> Answer {
    let type_url = format!("type.googleapis.com/event_store.client.{name}");
    let details = prost_types::Any { type_url, value: detail.encode_to_vec() };
    let message = message.to_owned();
    Answer::Error(batch_append_resp::Status { code: code.into(), message, details: Some(details) })
}
