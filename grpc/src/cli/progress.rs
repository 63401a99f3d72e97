//! Progress on standard error, where somebody watches.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

/// How often a terminal is written to.
const PAUSE: Duration = Duration::from_millis(200);
const BAR: u64 = 30;

/// A line that says how far the work is.
pub(super) struct Progress {
    what: &'static str,
    shown: bool,
    begun: Instant,
    last: Option<Instant>,
}

impl Progress {
    /// Counts `what`; shown on a terminal, or if that is `wanted` anywhere.
    pub(super) fn new(what: &'static str, wanted: bool) -> Self {
        let shown = wanted || std::io::stderr().is_terminal();
        Self { what, shown, begun: Instant::now(), last: None }
    }

    pub(super) const fn is_shown(&self) -> bool {
        self.shown
    }

    /// Says that `done` of `of` are done.
    pub(super) fn tell(&mut self, done: u64, of: u64) {
        let due = self.last.is_none_or(|last| last.elapsed() >= PAUSE) || done >= of;
        if !self.shown || !due {
            return;
        }
        self.last = Some(Instant::now());
        let share = |whole: u64| {
            done.min(of).checked_mul(whole).and_then(|part| part.checked_div(of)).unwrap_or(whole)
        };
        let full = usize::try_from(share(BAR)).unwrap_or(0);
        let width = usize::try_from(BAR).unwrap_or(0);
        eprint!(
            "\r[{:<width$}] {:>3}% {done} of {of} {}{}",
            "#".repeat(full),
            share(100),
            self.what,
            self.left(done, of)
        );
        // A terminal that shows no progress is no reason to stop.
        let _ = std::io::stderr().flush();
    }

    /// Leaves the line as it stands.
    pub(super) fn end(&mut self) {
        if self.shown && self.last.take().is_some() {
            eprintln!();
        }
    }

    fn left(&self, done: u64, of: u64) -> String {
        let millis = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let rest = of.saturating_sub(done).saturating_mul(millis).checked_div(done);
        match rest.map(|rest| rest.div_ceil(1_000)) {
            Some(seconds) if seconds > 0 => format!(", {seconds} s left   "),
            Some(_) | None => "             ".to_owned(),
        }
    }
}
