//! Messages from and to the port's types.

use std::collections::BTreeMap;

use bytes::Bytes;
use huzhu_store::carried::{self, Carried};
use huzhu_store::port::{NewEvent, Recorded, StreamName};
use jiff::Timestamp;
use tonic::Status;
use uuid::Uuid;

use super::Persons;
use super::wire_of::{self as client, streams as wire};
use crate::status::eventstore as refused;
use client::uuid::{Structured, Value};
use wire::read_resp::read_event::RecordedEvent;

const TYPE: &str = "type";
const CONTENT_TYPE: &str = "content-type";
const CREATED: &str = "created";
const JSON: &str = "application/json";
const OCTET_STREAM: &str = "application/octet-stream";
/// The sub-object of member events that holds personal data.
const PERSON: &str = "person";

/// In which of its two forms a UUID is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum UuidForm {
    Structured,
    Text,
}

impl UuidForm {
    pub(super) fn of(self, id: Uuid) -> client::Uuid {
        let value = match self {
            Self::Structured => {
                let (most, least) = id.as_u64_pair();
                Value::Structured(Structured {
                    most_significant_bits: most.cast_signed(),
                    least_significant_bits: least.cast_signed(),
                })
            }
            Self::Text => Value::String(id.to_string()),
        };
        client::Uuid { value: Some(value) }
    }
}

/// A UUID in either form.
pub(super) fn uuid(id: Option<client::Uuid>) -> Option<Uuid> {
    match id?.value? {
        Value::Structured(halves) => Some(Uuid::from_u64_pair(
            halves.most_significant_bits.cast_unsigned(),
            halves.least_significant_bits.cast_unsigned(),
        )),
        Value::String(text) => Uuid::try_parse(&text).ok(),
    }
}

/// The name of a stream.
pub(super) fn stream(given: Option<&client::StreamIdentifier>) -> Result<StreamName, Status> {
    let given = given.ok_or_else(|| refused::malformed("the name of the stream is missing"))?;
    let text = std::str::from_utf8(&given.stream_name)
        .map_err(|_| refused::malformed("the name of the stream is not UTF-8"))?;
    text.parse().map_err(|why| refused::malformed(&format!("{why}")))
}

pub(super) fn identifier(stream: &StreamName) -> client::StreamIdentifier {
    client::StreamIdentifier { stream_name: Bytes::copy_from_slice(stream.as_str().as_bytes()) }
}

pub(super) const fn position(offset: u64) -> wire::Position {
    wire::Position { commit_position: offset, prepare_position: offset }
}

pub(super) fn moment(at: Timestamp) -> prost_types::Timestamp {
    prost_types::Timestamp { seconds: at.as_second(), nanos: at.subsec_nanosecond() }
}

/// Ticks of 100 ns since 1970.
pub(super) fn ticks(at: Timestamp) -> i64 {
    at.as_microsecond().saturating_mul(10)
}

/// An event as a client proposes it.
pub(super) fn proposed(message: wire::ProposedMessage) -> Result<NewEvent, Status> {
    let wire::ProposedMessage { id, mut metadata, custom_metadata, data } = message;
    let id = uuid(id).ok_or_else(|| refused::malformed("an event needs an id"))?;
    let mut needed = |key: &str| metadata.remove(key).ok_or_else(|| refused::lacks_metadata(key));
    let (name, content_type) = (needed(TYPE)?, needed(CONTENT_TYPE)?);
    let carried = Carried { json: content_type == JSON, metadata: custom_metadata };
    let (version, metadata) = carried::inward(carried);
    Ok(NewEvent { id, name: name.into(), version, data, metadata })
}

/// An event as the protocol tells it.
pub(super) fn recorded(
    event: Recorded,
    form: UuidForm,
    persons: Persons,
) -> Result<RecordedEvent, Status> {
    let carried = carried::outward(event.version, &event.metadata);
    let content_type = if carried.json { JSON } else { OCTET_STREAM };
    let metadata = BTreeMap::from([
        (TYPE.to_owned(), event.name.to_string()),
        (CREATED.to_owned(), ticks(event.recorded_at).to_string()),
        (CONTENT_TYPE.to_owned(), content_type.to_owned()),
    ]);
    let data = match persons {
        Persons::Told => event.data,
        Persons::Withheld => impersonal(event.data)?,
    };
    Ok(RecordedEvent {
        id: Some(form.of(event.id)),
        stream_identifier: Some(identifier(&event.stream)),
        stream_revision: event.revision.0,
        prepare_position: event.position.offset,
        commit_position: event.position.offset,
        metadata,
        custom_metadata: carried.metadata,
        data,
    })
}

/// A body without the person in it; every other body is as it was recorded.
fn impersonal(body: Bytes) -> Result<Bytes, Status> {
    let key = PERSON.as_bytes();
    if !body.windows(key.len()).any(|bytes| bytes == key) {
        return Ok(body);
    }
    crate::services::impersonal(&body).map(Bytes::from)
}
