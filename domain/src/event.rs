//! Events as the log stores them: a stable name, a version, a JSON body.

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
                    $(($name, $version) => serde_json::from_slice(body).map(Self::$variant).map_err(|why| {
                        $crate::event::Unreadable::Malformed { name: $name, why: why.to_string() }
                    }),)+
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
