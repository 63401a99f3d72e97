//! The table from errors to statuses where the caller speaks EventStoreDB's protocol: its clients
//! know an error by its code, its text and its trailers.
//!
//! | what | code | trailer `exception` |
//! |---|---|---|
//! | malformed | `INVALID_ARGUMENT` | – |
//! | no type or content type | `INVALID_ARGUMENT` | `missing-required-metadata-property` |
//! | an append beyond the limits | `INVALID_ARGUMENT` | `maximum-append-size-exceeded` |
//! | an event beyond the limits | `INVALID_ARGUMENT` | `maximum-append-event-size-exceeded` |
//! | what nobody may do here | `PERMISSION_DENIED` | `access-denied` |
//! | down, too busy | `UNAVAILABLE` | – |
//! | corrupt | `DATA_LOSS` | – |

use huzhu_store::port::{APPEND_BYTES_MAX, StoreError};
use tonic::{Code, Status};
use uuid::Uuid;

fn excepted(
    mut status: Status,
    exception: &'static str,
    trailers: &[(&'static str, &str)],
) -> Status {
    let metadata = status.metadata_mut();
    metadata.insert("exception", tonic::metadata::MetadataValue::from_static(exception));
    for (key, value) in trailers {
        // Names of ours; what is not ASCII in a value would have no place in a header.
        if let Ok(value) = value.parse() {
            metadata.insert(*key, value);
        }
    }
    status
}

/// The request does not hold.
#[must_use]
pub fn malformed(why: &str) -> Status {
    Status::invalid_argument(why)
}

/// An event comes without one of its two properties.
#[must_use]
pub fn lacks_metadata(key: &str) -> Status {
    let status = Status::invalid_argument(format!("Required Metadata Property '{key}' is missing"));
    let trailers = [("required-metadata-properties", "type,content-type")];
    excepted(status, "missing-required-metadata-property", &trailers)
}

/// A position at which there is nothing.
#[must_use]
pub fn invalid_position() -> Status {
    Status::invalid_argument("Trying to read from an invalid position.")
}

/// An append holds more bytes than one may.
#[must_use]
pub fn append_too_large() -> Status {
    let limit = APPEND_BYTES_MAX.to_string();
    let status = Status::invalid_argument(format!("Maximum Append Size of {limit} Exceeded."));
    excepted(status, "maximum-append-size-exceeded", &[("maximum-append-size", &limit)])
}

/// An append holds more events than one may.
#[must_use]
pub fn too_many_events(limit: usize) -> Status {
    let status = Status::invalid_argument(format!("an append holds at most {limit} events"));
    let bytes = APPEND_BYTES_MAX.to_string();
    excepted(status, "maximum-append-size-exceeded", &[("maximum-append-size", &bytes)])
}

/// A part of an event is larger than it may be.
#[must_use]
pub fn event_too_large(id: Uuid, what: &str, given: usize, limit: usize) -> Status {
    let id = id.to_string();
    let status = Status::invalid_argument(format!(
        "Event with Id: {id} is too large: {what}: {given} is beyond the limit of {limit}"
    ));
    let (given, limit) = (given.to_string(), limit.to_string());
    let trailers = [
        ("maximum-append-event-size", limit.as_str()),
        ("proposed-append-event-size", &given),
        ("event-id", &id),
    ];
    excepted(status, "maximum-append-event-size-exceeded", &trailers)
}

/// Nobody may do this here; `why` says more where there is more to say.
#[must_use]
pub fn access_denied(why: Option<&str>) -> Status {
    let text =
        why.map_or_else(|| "Access Denied".to_owned(), |why| format!("Access Denied: {why}"));
    denied(Status::permission_denied(text))
}

/// A refusal of the gate, as clients of the protocol know it.
#[must_use]
pub fn denied(status: Status) -> Status {
    if status.code() == Code::PermissionDenied {
        excepted(status, "access-denied", &[])
    } else {
        status
    }
}

/// The node is stopping, or its log does not answer.
#[must_use]
pub fn not_ready() -> Status {
    Status::unavailable("Server Is Not Ready")
}

/// The node has more to do than it takes on.
#[must_use]
pub fn busy() -> Status {
    Status::unavailable("Server Is Too Busy")
}

/// What the log says. The caller learns no more than whether trying again may help.
#[must_use]
pub fn store(error: StoreError) -> Status {
    match error {
        StoreError::Unavailable { why } => {
            tracing::error!(why, "the log does not answer");
            not_ready()
        }
        StoreError::OtherStore(_) | StoreError::BeyondHead { .. } => invalid_position(),
        StoreError::Corrupt { why } => {
            tracing::error!(why, "corrupt history");
            super::corrupt()
        }
    }
}
