//! What an event of ours looks like on a cluster, besides what [`carried`](crate::carried) says.
//!
//! * A stream keeps its name. Names that begin with `$` belong to the server there, so ours are
//!   written with `%24`, and with `%25` for a leading `%`. Other names that begin with `%` are the
//!   store's own: nobody meets them through the port.
//! * The server tells times in ticks of 100 nanoseconds since 1970. An event that was copied from
//!   another log keeps its time: its metadata begins with `"recorded_at":"…"`.

use std::borrow::Cow;

use bytes::{BufMut, Bytes, BytesMut};
use jiff::Timestamp;

use super::link::{Incoming, Outgoing};
use crate::carried::{self, Carried};
use crate::port::{NewEvent, Position, Recorded, Revision, StoreError, StoreId, StreamName};

/// What the metadata of a copied event begins with.
const RECORDED_AT: &[u8] = br#"{"recorded_at":""#;

/// What the metadata of an event of ours begins with.
const VERSION: &[u8] = br#"{"version":"#;

const NANOSECONDS_A_TICK: i128 = 100;

/// The name of a stream as the server has it.
pub(super) fn stream_out(stream: &StreamName) -> Cow<'_, str> {
    let name = stream.as_str();
    match name.as_bytes().first() {
        Some(b'$') => Cow::Owned(name.replacen('$', "%24", 1)),
        Some(b'%') => Cow::Owned(name.replacen('%', "%25", 1)),
        Some(_) | None => Cow::Borrowed(name),
    }
}

/// The stream that the server calls `name`; `None` for one of the server's or the store's own.
pub(super) fn stream_in(name: &str) -> Result<Option<StreamName>, StoreError> {
    if !is_ours(name) {
        return Ok(None);
    }
    let ours = match name.split_at_checked(3) {
        Some(("%24", rest)) => Cow::Owned(format!("${rest}")),
        Some(("%25", rest)) => Cow::Owned(format!("%{rest}")),
        Some(_) | None => Cow::Borrowed(name),
    };
    let foreign = |why| StoreError::Corrupt { why: format!("a stream that is not ours: {why}") };
    ours.parse().map(Some).map_err(foreign)
}

/// Whether the port shows events of the stream that the server calls `name`.
pub(super) fn is_ours(name: &str) -> bool {
    match name.as_bytes().first() {
        Some(b'$') => false,
        Some(b'%') => name.starts_with("%24") || name.starts_with("%25"),
        Some(_) | None => true,
    }
}

/// An event on its way out; `recorded_at` for one that was recorded elsewhere before.
pub(super) fn event_out(event: &NewEvent, recorded_at: Option<Timestamp>) -> Outgoing {
    let Carried { metadata, .. } = carried::outward(event.version, &event.metadata);
    let metadata = match recorded_at {
        None => metadata,
        Some(at) => {
            let mut copied = BytesMut::with_capacity(metadata.len().saturating_add(64));
            copied.put_slice(RECORDED_AT);
            copied.put_slice(at.to_string().as_bytes());
            copied.put_slice(b"\",");
            // What is carried of an event with a version is an object with a first field.
            copied.put_slice(metadata.strip_prefix(b"{").unwrap_or(&metadata));
            copied.freeze()
        }
    };
    Outgoing { id: event.id, name: event.name.clone(), data: event.data.clone(), metadata }
}

/// The time that a copied event keeps, and its metadata without it.
fn copied(metadata: Bytes) -> Result<(Option<Timestamp>, Bytes), String> {
    let Some(rest) = metadata.strip_prefix(RECORDED_AT) else {
        return Ok((None, metadata));
    };
    let end = rest.iter().position(|byte| *byte == b'"').ok_or("its time does not end")?;
    let (time, rest) = rest.split_at_checked(end).ok_or("its time does not end")?;
    let time = std::str::from_utf8(time).map_err(|why| why.to_string())?;
    let time = time.parse().map_err(|why: jiff::Error| why.to_string())?;
    let fields = rest.strip_prefix(b"\",").ok_or("nothing follows its time")?;
    let mut object = BytesMut::with_capacity(fields.len().saturating_add(1));
    object.put_u8(b'{');
    object.put_slice(fields);
    Ok((Some(time), object.freeze()))
}

/// An event as the port has it; `None` for one that is not ours to see.
pub(super) fn event_in(store: StoreId, event: Incoming) -> Result<Option<Recorded>, StoreError> {
    let Some(stream) = stream_in(&event.stream)? else {
        return Ok(None);
    };
    let revision = Revision(event.revision);
    let corrupt = |why: String| StoreError::Corrupt { why: format!("{stream}@{revision}: {why}") };
    let (recorded_at, metadata) = copied(event.metadata).map_err(corrupt)?;
    let recorded_at = recorded_at
        .or_else(|| time_of(event.created?))
        .ok_or_else(|| corrupt("it has no time".to_owned()))?;
    // A body that is not quite JSON goes out under another name; ours it is all the same.
    let json = event.json || metadata.starts_with(VERSION);
    let (version, metadata) = carried::inward(Carried { json, metadata });
    Ok(Some(Recorded {
        stream,
        revision,
        position: Position { store, offset: event.offset },
        id: event.id,
        name: event.name,
        version,
        data: event.data,
        metadata,
        recorded_at,
    }))
}

/// The time that so many ticks since 1970 tell, if there is such a time.
fn time_of(ticks: i64) -> Option<Timestamp> {
    let nanoseconds = i128::from(ticks).checked_mul(NANOSECONDS_A_TICK)?;
    Timestamp::from_nanosecond(nanoseconds).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    fn new_event(version: u32) -> NewEvent {
        NewEvent {
            id: Uuid::from_u128(7),
            name: "ClaimFiled".into(),
            version,
            data: Bytes::from_static(b"{}"),
            metadata: Bytes::from_static(b"{\"command\":\"x\"}"),
        }
    }

    fn arrived(event: Outgoing, created: i64) -> Incoming {
        Incoming {
            stream: "claim-1".to_owned(),
            revision: 3,
            offset: 9,
            id: event.id,
            name: event.name,
            json: true,
            created: Some(created),
            data: event.data,
            metadata: event.metadata,
        }
    }

    #[test]
    fn an_event_comes_back_with_the_servers_time() {
        let store = StoreId(Uuid::from_u128(1));
        let given = new_event(2);
        let read = event_in(store, arrived(event_out(&given, None), 14_190_624_001_234_567));
        let read = read.unwrap().unwrap();
        assert_eq!(read.recorded_at.to_string(), "2014-12-20T08:00:00.1234567Z");
        assert_eq!((read.version, read.metadata), (2, given.metadata));
        assert_eq!((read.revision, read.position), (Revision(3), Position { store, offset: 9 }));
    }

    #[test]
    fn a_copied_event_keeps_its_time() {
        let store = StoreId(Uuid::from_u128(1));
        let (given, time) = (new_event(1), "2014-12-20T08:00:00.000001Z".parse().unwrap());
        let out = event_out(&given, Some(time));
        assert!(serde_json::from_slice::<serde_json::Value>(&out.metadata).unwrap().is_object());
        let read = event_in(store, arrived(out, 0)).unwrap().unwrap();
        assert_eq!((read.recorded_at, read.metadata), (time, given.metadata));
    }

    #[test]
    fn what_is_not_ours_is_not_seen() {
        for name in ["$all", "$ce-claim", "$$claim-1", "%log", "%", "%2"] {
            assert_eq!(stream_in(name), Ok(None), "{name}");
        }
        assert!(stream_in("").is_err());
    }

    proptest! {
        #[test]
        fn names_come_back(name in "[$%a2-5理赔-]{1,12}") {
            let name: StreamName = name.parse().unwrap();
            prop_assert_eq!(stream_in(&stream_out(&name)), Ok(Some(name.clone())));
        }
    }
}
