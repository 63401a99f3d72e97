//! Threads that work behind the commands: what they do must be done, but nobody waits for it.

/// By how much they stand back: where all want a processor at once, such a thread gets about a
/// tenth of what one that answers callers gets. Never nothing, so that they come to their end.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 10;

/// Lets other threads go before the calling one, which must hold no lock that they wait for. Linux
/// counts this by thread; elsewhere it would be said of the whole program, and nothing is changed.
pub fn stand_back() {
    #[cfg(target_os = "linux")]
    if let Err(why) = rustix::process::nice(NICENESS) {
        tracing::debug!(%why, "a thread in the background keeps its priority");
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;

    fn niceness() -> i32 {
        rustix::process::getpriority_process(None).unwrap()
    }

    #[test]
    fn a_thread_stands_back_alone() {
        let before = niceness();
        let stood_back = || {
            stand_back();
            niceness()
        };
        let back = std::thread::spawn(stood_back).join().unwrap();
        assert_eq!((back, niceness()), ((before + NICENESS).min(19), before));
    }
}
