//! How an event travels through EventStoreDB's protocol, which has no field for the version of a
//! body and knows bodies that are not JSON.
//!
//! | in the log | on the way |
//! |---|---|
//! | version 1 and above, metadata `{…}` | JSON, metadata `{"version":N,…}` |
//! | version 1 and above, other metadata | JSON, metadata `{"version":N} …` |
//! | version 0, as a foreign client wrote it | JSON, the metadata as it is |
//! | version 0, metadata after a zero byte | octet stream, the metadata behind that byte |
//!
//! What a client sends comes back byte for byte, and so does what the engine appends. An event
//! without a version is nobody's event of this engine: replay names it as unknown.

use bytes::{BufMut, Bytes, BytesMut};

/// What the metadata of a versioned event begins with, before the number.
const VERSION: &[u8] = b"{\"version\":";
/// Stands before the metadata of a body that is not JSON.
const BINARY: u8 = 0;
/// Stands before the metadata of a JSON body where it would be taken for a mark otherwise.
const PLAIN: u8 = 1;

/// What the protocol says of an event beside its name and body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Carried {
    /// Whether the body is `application/json`; `application/octet-stream` if not.
    pub json: bool,
    /// The custom metadata.
    pub metadata: Bytes,
}

/// What the protocol says of an event that the log keeps with `version` and `metadata`.
#[must_use]
pub fn outward(version: u32, metadata: &Bytes) -> Carried {
    if version > 0 {
        return Carried { json: true, metadata: marked(version, metadata) };
    }
    match metadata.first() {
        Some(&BINARY) => Carried { json: false, metadata: metadata.slice(1..) },
        Some(&PLAIN) => Carried { json: true, metadata: metadata.slice(1..) },
        Some(_) | None => Carried { json: true, metadata: metadata.clone() },
    }
}

/// The version and the metadata that the log keeps of an event that came through the protocol.
#[must_use]
pub fn inward(carried: Carried) -> (u32, Bytes) {
    let Carried { json, metadata } = carried;
    let after = |mark| {
        let mut bytes = BytesMut::with_capacity(metadata.len().saturating_add(1));
        bytes.put_u8(mark);
        bytes.extend_from_slice(&metadata);
        bytes.freeze()
    };
    if !json {
        return (0, after(BINARY));
    }
    if let Some(versioned) = unmarked(&metadata) {
        return versioned;
    }
    match metadata.first() {
        Some(&(BINARY | PLAIN)) => (0, after(PLAIN)),
        Some(_) | None => (0, metadata),
    }
}

fn marked(version: u32, metadata: &Bytes) -> Bytes {
    let mut bytes = BytesMut::with_capacity(metadata.len().saturating_add(24));
    bytes.extend_from_slice(VERSION);
    bytes.extend_from_slice(version.to_string().as_bytes());
    match object(metadata) {
        Some([]) => bytes.put_u8(b'}'),
        Some(fields) => {
            bytes.put_u8(b',');
            bytes.extend_from_slice(fields);
        }
        None => {
            bytes.extend_from_slice(b"} ");
            bytes.extend_from_slice(metadata);
        }
    }
    bytes.freeze()
}

/// The version and what it was put into, where the bytes are exactly what [`marked`] makes.
fn unmarked(bytes: &Bytes) -> Option<(u32, Bytes)> {
    let rest = bytes.strip_prefix(VERSION)?;
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (number, rest) = rest.split_at_checked(digits)?;
    let version: u32 = std::str::from_utf8(number).ok()?.parse().ok()?;
    let metadata = match rest {
        b"}" => Bytes::from_static(b"{}"),
        [b',', fields @ ..] => {
            let mut metadata = BytesMut::with_capacity(rest.len());
            metadata.put_u8(b'{');
            metadata.extend_from_slice(fields);
            metadata.freeze()
        }
        [b'}', b' ', other @ ..] => bytes.slice_ref(other),
        _ => return None,
    };
    // Whatever would not come back as it is stays as it is: a leading zero, a `{}` after a comma.
    (version > 0 && marked(version, &metadata) == bytes).then_some((version, metadata))
}

/// What stands behind the brace of an object; nothing at all behind that of an empty one.
fn object(metadata: &[u8]) -> Option<&[u8]> {
    match metadata {
        b"{}" => Some(&[]),
        [b'{', b'}', ..] | [b'{'] => None,
        [b'{', fields @ ..] => Some(fields),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn there_and_back(version: u32, metadata: &[u8]) {
        let metadata = Bytes::copy_from_slice(metadata);
        assert_eq!(inward(outward(version, &metadata)), (version, metadata));
    }

    fn back_and_there(json: bool, metadata: &[u8]) {
        let carried = Carried { json, metadata: Bytes::copy_from_slice(metadata) };
        let (version, metadata) = inward(carried.clone());
        assert_eq!(outward(version, &metadata), carried);
    }

    #[test]
    fn a_version_is_the_first_field_of_the_metadata() {
        let wire = |metadata: &'static [u8]| outward(3, &Bytes::from_static(metadata)).metadata;
        assert_eq!(wire(b"{\"actor\":1}"), "{\"version\":3,\"actor\":1}");
        assert_eq!(wire(b"{}"), "{\"version\":3}");
        assert_eq!(wire(b"not JSON"), "{\"version\":3} not JSON");
    }

    #[test]
    fn metadata_that_only_looks_versioned_is_kept_as_it_is() {
        for metadata in [
            "{\"version\":0,\"a\":1}",
            "{\"version\":03}",
            "{\"version\":3,}",
            "{\"version\":3} {}",
            "{\"version\":3} {\"a\":1}",
            "{\"version\":4294967296}",
            "{\"version\":\"3\"}",
            "{\"version\":",
            "{\"version\": 3}",
            "",
        ] {
            let metadata = Bytes::from_static(metadata.as_bytes());
            let carried = Carried { json: true, metadata: metadata.clone() };
            assert_eq!(inward(carried), (0, metadata));
        }
    }

    #[test]
    fn a_body_that_is_not_json_stays_one() {
        for metadata in [&b""[..], b"{\"version\":3}", b"\0\x01\xff"] {
            back_and_there(false, metadata);
        }
    }

    /// Bytes that come near what the marks look like.
    fn any_metadata() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            Just(&b"{\"version\":"[..]),
            Just(&b"{"[..]),
            Just(&b"}"[..]),
            Just(&b" "[..]),
            Just(&b","[..]),
            Just(&b"7"[..]),
            Just(&b"0"[..]),
            Just(&b"\0"[..]),
            Just(&b"\x01"[..]),
            Just("互".as_bytes()),
        ];
        proptest::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn what_the_engine_appends_comes_back(version in 1..=u32::MAX, metadata in any_metadata()) {
            there_and_back(version, &metadata);
        }

        #[test]
        fn what_a_client_sends_comes_back(json in any::<bool>(), metadata in any_metadata()) {
            back_and_there(json, &metadata);
        }
    }
}
