//! Numbers that look random and are the same in every run.

/// A stream of numbers (SplitMix64) that belongs to one thing of one simulation.
///
/// Each thing has a stream of its own, so that what happens to one does not depend on how many
/// others were dealt with before it.
pub(super) struct Random(u64);

impl Random {
    /// The stream of the thing called `what` number `number`.
    pub(super) fn of(seed: u64, what: &str, number: u64) -> Self {
        let name = what.bytes().fold(seed, |hash, byte| mix(hash ^ u64::from(byte)));
        Self(mix(name ^ mix(number)))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// A number from `low` to `high`, both included.
    pub(super) fn between(&mut self, low: u32, high: u32) -> u32 {
        let span = u64::from(high.saturating_sub(low)).saturating_add(1);
        let more = self.next().checked_rem(span).unwrap_or(0);
        low.saturating_add(u32::try_from(more).unwrap_or(0))
    }

    /// Yes, so many times in a thousand.
    pub(super) fn chance(&mut self, of_thousand: u32) -> bool {
        self.between(0, 999) < of_thousand
    }

    /// One of `choices`.
    pub(super) fn pick<'a, T>(&mut self, choices: &'a [T]) -> Option<&'a T> {
        let last = u32::try_from(choices.len()).unwrap_or(u32::MAX).saturating_sub(1);
        choices.get(usize::try_from(self.between(0, last)).unwrap_or(0))
    }

    /// 64 hexadecimal digits.
    pub(super) fn digest(&mut self) -> String {
        format!("{:016x}{:016x}{:016x}{:016x}", self.next(), self.next(), self.next(), self.next())
    }
}

const fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
