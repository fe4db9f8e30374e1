//! How far behind a room's task is, as seen from outside.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What a room's task says of itself while it works. Others look at it at any time, so that a task
/// that stands still is seen too.
#[derive(Debug)]
pub(crate) struct Pulse {
    begin: Instant,
    /// Since when what is being handled has waited, in milliseconds after `begin`.
    since: AtomicU64,
}

/// Nothing is being handled.
const RESTS: u64 = u64::MAX;

impl Pulse {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            begin: now,
            since: AtomicU64::new(RESTS),
        }
    }

    /// The task begins to handle what has waited since `since`.
    pub(crate) fn work(&self, since: Instant) {
        let since = since.saturating_duration_since(self.begin).as_millis();
        let since = u64::try_from(since).unwrap_or(RESTS);
        self.since.store(since, Ordering::Relaxed);
    }

    /// The task has done what it had begun.
    pub(crate) fn rest(&self) {
        self.since.store(RESTS, Ordering::Relaxed);
    }

    /// Returns how old the oldest of what is being handled is.
    pub(crate) fn behind(&self, now: Instant) -> Duration {
        match self.since.load(Ordering::Relaxed) {
            RESTS => Duration::ZERO,
            since => {
                let since = self.begin + Duration::from_millis(since);
                now.saturating_duration_since(since)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_is_behind_by_the_age_of_what_it_handles() {
        let begin = Instant::now();
        let second = Duration::from_secs(1);
        let pulse = Pulse::new(begin);
        assert_eq!(pulse.behind(begin + second), Duration::ZERO);
        pulse.work(begin + second);
        assert_eq!(pulse.behind(begin + 4 * second), 3 * second);
        pulse.rest();
        assert_eq!(pulse.behind(begin + 5 * second), Duration::ZERO);
    }
}
