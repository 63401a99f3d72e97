//! Streams on which another writer was faster lately.
//!
//! In a session for appends, one that loses a race takes along whatever is under way with it. So
//! streams for which several writers race leave the sessions, until it is quiet there.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// After how many appends without a race a stream is one of many again.
const QUIET: u32 = 16;
/// How many streams are remembered; beyond that, all of them are given another chance.
const STREAMS_MAX: usize = 4_096;

#[derive(Default)]
pub(crate) struct Contended(Mutex<BTreeMap<String, u32>>);

impl Contended {
    /// Whether writers race for `stream`.
    pub(crate) fn has(&self, stream: &str) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains_key(stream)
    }

    /// Another writer was faster.
    pub(crate) fn lost(&self, stream: &str) {
        let mut streams = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if streams.len() >= STREAMS_MAX && !streams.contains_key(stream) {
            streams.clear();
        }
        streams.insert(stream.to_owned(), QUIET);
    }

    /// An append was taken.
    pub(crate) fn won(&self, stream: &str) {
        let mut streams = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(left) = streams.get_mut(stream) else { return };
        *left = left.saturating_sub(1);
        if *left == 0 {
            streams.remove(stream);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_contended_until_it_was_quiet_for_a_while() {
        let contended = Contended::default();
        assert!(!contended.has("cover-1"));
        contended.lost("cover-1");
        for _ in 1..QUIET {
            contended.won("cover-1");
        }
        assert!(contended.has("cover-1") && !contended.has("cover-2"));
        contended.won("cover-1");
        assert!(!contended.has("cover-1"));
    }

    #[test]
    fn no_more_streams_are_remembered_than_there_is_room_for() {
        let contended = Contended::default();
        (0..=STREAMS_MAX).for_each(|number| contended.lost(&format!("cover-{number}")));
        assert!(!contended.has("cover-0") && contended.has(&format!("cover-{STREAMS_MAX}")));
    }
}
