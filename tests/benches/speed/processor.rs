//! Processor time by thread: unlike rates, it hardly depends on who else uses the machine.

use std::fs;
use std::ops::{AddAssign, Sub};

/// Nanoseconds on a processor: of the caller's thread, of the thread that answers it, and of
/// everything that works behind it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Processor {
    caller: u64,
    service: u64,
    behind: u64,
}

impl Processor {
    /// What the threads of this process have used so far; nothing where the system does not say.
    pub(crate) fn used() -> Self {
        let mut used = Self::default();
        let own = fs::read_to_string("/proc/thread-self/comm").unwrap_or_default();
        for thread in fs::read_dir("/proc/self/task").into_iter().flatten().flatten() {
            let read = |file| fs::read_to_string(thread.path().join(file)).unwrap_or_default();
            let nanos = read("schedstat");
            let nanos = nanos.split_once(' ').and_then(|(nanos, _)| nanos.parse().ok());
            let name = read("comm");
            let of = match name.trim() {
                name if name == own.trim() => &mut used.caller,
                "huzhu-serve" | "echo" => &mut used.service,
                _ => &mut used.behind,
            };
            *of += nanos.unwrap_or(0);
        }
        used
    }

    /// Microseconds for each of `calls`; nothing if none were counted.
    pub(crate) fn micros_each(self, calls: usize) -> Option<[u64; 3]> {
        let calls = u64::try_from(calls).unwrap().max(1);
        let each = [self.caller, self.service, self.behind].map(|nanos| nanos / 1_000 / calls);
        (each != [0; 3]).then_some(each)
    }
}

impl Sub for Processor {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self {
            caller: self.caller.saturating_sub(before.caller),
            service: self.service.saturating_sub(before.service),
            behind: self.behind.saturating_sub(before.behind),
        }
    }
}

impl AddAssign for Processor {
    fn add_assign(&mut self, more: Self) {
        self.caller += more.caller;
        self.service += more.service;
        self.behind += more.behind;
    }
}
