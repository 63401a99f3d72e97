//! The service `Streams`.

use std::sync::Arc;

use futures::stream::BoxStream;
use huzhu_store::port::{APPEND_BYTES_MAX, APPEND_EVENTS_MAX, Expected, NewEvent, Revision};
use tokio::sync::OwnedSemaphorePermit;
use tonic::{Request, Response, Status, Streaming};

use super::Desk;
use super::answers::Answers;
use super::appending::{Appending, Outcome, Proposed, Wanted};
use super::asked::Asked;
use super::batch::{Batches, nothing};
use super::reading::Reading;
use super::room::{Room, Taken, bytes_of};
use super::subscription::Subscription;
use super::wire;
use super::wire_of::streams as messages;
use crate::status::eventstore as refused;
use messages::append_req::options::ExpectedStreamRevision;
use messages::append_resp::wrong_expected_version::{
    CurrentRevisionOption as Current, CurrentRevisionOption2060 as OldCurrent,
    ExpectedRevisionOption as Expectation, ExpectedRevisionOption2060 as OldExpectation,
};
use messages::append_resp::{self, WrongExpectedVersion};
use messages::success::{CurrentRevisionOption, PositionOption};
use messages::{
    AppendReq, AppendResp, BatchAppendReq, BatchAppendResp, DeleteReq, DeleteResp, ReadReq,
    ReadResp, Success, TombstoneReq, TombstoneResp, append_req, streams_server,
};

/// What whoever deletes is told.
const IMMUTABLE: &str = "this log is immutable: no stream of it is deleted";

#[tonic::async_trait]
impl streams_server::Streams for Desk {
    type ReadStream = BoxStream<'static, Result<ReadResp, Status>>;

    async fn read(&self, request: Request<ReadReq>) -> Result<Response<Self::ReadStream>, Status> {
        self.admit(&request)?;
        let asked = Asked::try_from(request.into_inner())?;
        let place = self.place()?;
        let answers = match asked.count {
            Some(count) => Reading::open(self, asked, count, place).await?.into_stream(),
            None => Subscription::open(self, asked, place).await?.into_stream(),
        };
        Ok(Response::new(answers))
    }

    async fn append(
        &self,
        request: Request<Streaming<AppendReq>>,
    ) -> Result<Response<AppendResp>, Status> {
        self.admit(&request)?;
        let appending = self.appending()?;
        let proposed = received(request.into_inner(), appending.room()).await?;
        let wanted = proposed.wanted;
        let result = match appending.append(proposed).await? {
            Outcome::Appended(appended) => append_resp::Result::Success(Success {
                current_revision_option: Some(CurrentRevisionOption::CurrentRevision(
                    appended.revision.0,
                )),
                position_option: Some(PositionOption::Position(wire::position(
                    appended.position.offset,
                ))),
            }),
            Outcome::Nothing(last) => append_resp::Result::Success(nothing(last)),
            Outcome::Wrong(actual) => {
                append_resp::Result::WrongExpectedVersion(wrong(wanted, actual))
            }
        };
        Ok(Response::new(AppendResp { result: Some(result) }))
    }

    async fn delete(&self, _: Request<DeleteReq>) -> Result<Response<DeleteResp>, Status> {
        Err(refused::access_denied(Some(IMMUTABLE)))
    }

    async fn tombstone(&self, _: Request<TombstoneReq>) -> Result<Response<TombstoneResp>, Status> {
        Err(refused::access_denied(Some(IMMUTABLE)))
    }

    type BatchAppendStream = BoxStream<'static, Result<BatchAppendResp, Status>>;

    async fn batch_append(
        &self,
        request: Request<Streaming<BatchAppendReq>>,
    ) -> Result<Response<Self::BatchAppendStream>, Status> {
        self.admit(&request)?;
        let appending = Arc::clone(self.appending()?);
        let (clock, stopped) = (self.clock.clone(), self.stopped.clone());
        let place = self.place()?;
        let batches = Batches::new(appending, clock, stopped, request.into_inner(), place);
        Ok(Response::new(batches.into_stream()))
    }
}

impl Desk {
    fn appending(&self) -> Result<&Arc<Appending>, Status> {
        self.appending.as_ref().ok_or_else(|| refused::access_denied(None))
    }

    fn admit<M>(&self, request: &Request<M>) -> Result<(), Status> {
        self.password.map_or(Ok(()), |password| password.check(request.metadata()))
    }

    fn place(&self) -> Result<OwnedSemaphorePermit, Status> {
        Arc::clone(&self.places).try_acquire_owned().map_err(|_| refused::busy())
    }
}

/// An append from its messages: the options, then an event in each.
async fn received(mut messages: Streaming<AppendReq>, room: &Room) -> Result<Proposed, Status> {
    let first = messages.message().await?.and_then(|message| message.content);
    let Some(append_req::Content::Options(options)) = first else {
        return Err(refused::malformed("the options of an append are missing"));
    };
    let stream = wire::stream(options.stream_identifier.as_ref())?;
    let wanted = match options.expected_stream_revision {
        Some(ExpectedStreamRevision::Revision(revision)) => {
            Wanted::Exactly(Expected::Exactly(Revision(revision)))
        }
        Some(ExpectedStreamRevision::NoStream(())) => Wanted::Exactly(Expected::NoStream),
        Some(ExpectedStreamRevision::Any(())) => Wanted::Any,
        Some(ExpectedStreamRevision::StreamExists(())) => Wanted::StreamExists,
        None => return Err(refused::malformed("what is expected of the stream is missing")),
    };
    let mut events: Vec<NewEvent> = Vec::new();
    let mut bytes = 0_usize;
    let mut taken = Taken::default();
    while let Some(message) = messages.message().await? {
        let Some(append_req::Content::ProposedMessage(message)) = message.content else {
            return Err(refused::malformed("an append has its options once, then events"));
        };
        let event = wire::proposed(message)?;
        let more = bytes_of(&event);
        bytes = bytes.saturating_add(more);
        events.push(event);
        if events.len() > APPEND_EVENTS_MAX {
            return Err(refused::too_many_events(APPEND_EVENTS_MAX));
        }
        if bytes > APPEND_BYTES_MAX {
            return Err(refused::append_too_large());
        }
        room.take(&mut taken, more)?;
    }
    Ok(Proposed { stream, wanted, events })
}

/// What was expected and what stands, for clients of every age.
fn wrong(wanted: Wanted, actual: Option<Revision>) -> WrongExpectedVersion {
    let (old_expected, expected) = match wanted {
        Wanted::Any => (OldExpectation::Any2060(()), Expectation::ExpectedAny(())),
        Wanted::StreamExists => {
            (OldExpectation::StreamExists2060(()), Expectation::ExpectedStreamExists(()))
        }
        Wanted::Exactly(Expected::NoStream) => {
            (OldExpectation::ExpectedRevision2060(u64::MAX), Expectation::ExpectedNoStream(()))
        }
        Wanted::Exactly(Expected::Exactly(Revision(revision))) => (
            OldExpectation::ExpectedRevision2060(revision),
            Expectation::ExpectedRevision(revision),
        ),
    };
    let (old_current, current) = match actual {
        Some(Revision(revision)) => {
            (OldCurrent::CurrentRevision2060(revision), Current::CurrentRevision(revision))
        }
        None => (OldCurrent::NoStream2060(()), Current::CurrentNoStream(())),
    };
    WrongExpectedVersion {
        current_revision_option_20_6_0: Some(old_current),
        expected_revision_option_20_6_0: Some(old_expected),
        current_revision_option: Some(current),
        expected_revision_option: Some(expected),
    }
}
