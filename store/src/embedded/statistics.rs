//! What the log tells of itself.

use jiff::Timestamp;

/// What the log has done since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Commits, each flushed to disk.
    pub commits: u64,
    /// Events in them.
    pub events: u64,
    /// Lists of appends in them.
    pub lists: u64,
    /// Lists that were refused for an expected revision.
    pub conflicts: u64,
    /// Commits of up to 1, 2, 4, … events; the last counts all larger ones.
    pub commits_by_events: [u64; 15],
    /// The time of the last commit.
    pub last_commit_at: Option<Timestamp>,
    /// Lists that wait now.
    pub waiting: usize,
    /// Events that the index has still to take.
    pub unindexed: u64,
}

impl Statistics {
    /// Counts a commit of `events`, which answered `lists` of which it `refused` some.
    pub(super) fn commit(&mut self, events: usize, lists: usize, refused: usize, now: Timestamp) {
        let more = |count: &mut u64, more: usize| {
            *count = count.saturating_add(u64::try_from(more).unwrap_or(u64::MAX));
        };
        more(&mut self.commits, 1);
        more(&mut self.events, events);
        more(&mut self.lists, lists);
        more(&mut self.conflicts, refused);
        let class = usize::try_from(events.next_power_of_two().trailing_zeros()).unwrap_or(0);
        let last = self.commits_by_events.len().saturating_sub(1);
        if let Some(class) = self.commits_by_events.get_mut(class.min(last)) {
            more(class, 1);
        }
        self.last_commit_at = Some(now);
    }
}
