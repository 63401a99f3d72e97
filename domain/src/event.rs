//! Events as the log stores them: a stable name, a version, a JSON body.

use serde::de::DeserializeOwned;

/// Why a stored event could not be read. Never skipped: see invariant 9 in ARCHITECTURE.md.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// No aggregate of this program records an event of this name.
    #[error("unknown event type {name}")]
    UnknownType { name: String },
    /// The event is of a version that this program does not know.
    #[error("unknown version {version} of event type {name}")]
    UnknownVersion { name: String, version: u32 },
    /// The body is not what the name and version promise.
    #[error("event {name} has an unreadable body: {why}")]
    Malformed { name: &'static str, why: String },
}

/// An aggregate's events, as they go to and come from the log.
pub trait StoredEvent: Sized {
    /// The name and version of every event that [`Self::encode`] writes.
    const NAMES: &'static [(&'static str, u32)];
    /// The name the log stores: fixed for ever.
    fn name(&self) -> &'static str;
    /// The version of the body that [`Self::encode`] writes.
    fn version(&self) -> u32;
    /// The JSON body.
    fn encode(&self) -> Vec<u8>;
    /// Reads a body back.
    ///
    /// # Errors
    ///
    /// [`Unreadable`] for a name, version or body that this program does not know.
    fn decode(name: &str, version: u32, body: &[u8]) -> Result<Self, Unreadable>;
    /// Whether `name` is one of this aggregate's events.
    fn knows(name: &str) -> bool;
}

pub(crate) fn read<B: DeserializeOwned>(name: &'static str, body: &[u8]) -> Result<B, Unreadable> {
    serde_json::from_slice(body).map_err(|error| {
        // The parser's own words may repeat a value of the body, and some are personal: the error
        // tells only where to look.
        let mut parser = serde_json::Deserializer::from_slice(body);
        let path = serde_path_to_error::deserialize::<_, B>(&mut parser)
            .map_or_else(|found| found.path().to_string(), |_| ".".to_owned());
        let (column, kind) = (error.column(), error.classify());
        Unreadable::Malformed { name, why: format!("{kind:?} error at {path}, column {column}") }
    })
}

/// Implements [`StoredEvent`] for an enum whose variants each hold one body struct.
///
/// `Filed => "ClaimFiled" @ 1` stores `Event::Filed(body)` as version 1 of `ClaimFiled`.
macro_rules! stored_events {
    ($event:ty { $($variant:ident => $name:literal @ $version:literal),+ $(,)? }) => {
        impl $crate::event::StoredEvent for $event {
            const NAMES: &'static [(&'static str, u32)] = &[$(($name, $version)),+];

            fn name(&self) -> &'static str {
                match self { $(Self::$variant(_) => $name),+ }
            }

            fn version(&self) -> u32 {
                match self { $(Self::$variant(_) => $version),+ }
            }

            fn encode(&self) -> Vec<u8> {
                // Bodies are plain structs with string keys, which always serialize.
                match self { $(Self::$variant(body) => serde_json::to_vec(body).unwrap_or_default()),+ }
            }

            fn decode(name: &str, version: u32, body: &[u8]) -> Result<Self, $crate::event::Unreadable> {
                match (name, version) {
                    $(($name, $version) => $crate::event::read($name, body).map(Self::$variant),)+
                    (known, _) if <Self as $crate::event::StoredEvent>::knows(known) => {
                        Err($crate::event::Unreadable::UnknownVersion { name: known.to_owned(), version })
                    }
                    (unknown, _) => {
                        Err($crate::event::Unreadable::UnknownType { name: unknown.to_owned() })
                    }
                }
            }

            fn knows(name: &str) -> bool {
                matches!(name, $($name)|+)
            }
        }
    };
}
pub(crate) use stored_events;

#[cfg(test)]
mod tests;
