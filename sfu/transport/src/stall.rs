//! When a receiver of reliable messages has kept its senders waiting for too long.

use std::time::Instant;

use crate::limits::{STALL_BYTES, STALL_TIME};

/// How a receiver comes on while senders wait for it.
#[derive(Debug, Default)]
pub(crate) struct StallClock {
    /// Since when it has taken `taken` bytes, while somebody waited all the time.
    since: Option<Instant>,
    taken: usize,
}

impl StallClock {
    /// Notes that the receiver took so many bytes, and whether a sender waits for it to take more.
    pub(crate) fn note(&mut self, now: Instant, taken: usize, is_pressing: bool) {
        if !is_pressing {
            *self = Self::default();
            return;
        }
        self.taken += taken;
        if self.since.is_none() || self.taken >= STALL_BYTES {
            self.since = Some(now);
            self.taken = 0;
        }
    }

    /// Reports whether the receiver is to be given up.
    pub(crate) fn is_stalled(&self, now: Instant) -> bool {
        self.ends_at().is_some_and(|at| at <= now)
    }

    /// Returns when it is to be given up, if nothing changes.
    pub(crate) fn ends_at(&self) -> Option<Instant> {
        self.since.map(|since| since + STALL_TIME)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[expect(
        clippy::disallowed_methods,
        reason = "the clock is virtual from here on"
    )]
    fn start() -> Instant {
        Instant::now()
    }

    #[test]
    fn who_takes_next_to_nothing_while_senders_wait_is_given_up() {
        let now = start();
        let mut clock = StallClock::default();
        clock.note(now, 0, true);
        let later = now + STALL_TIME;
        clock.note(later - Duration::from_millis(1), STALL_BYTES - 1, true);
        assert!(!clock.is_stalled(later - Duration::from_millis(1)));
        assert!(clock.is_stalled(later));
    }

    #[test]
    fn who_is_slow_but_comes_on_is_waited_for() {
        let now = start();
        let mut clock = StallClock::default();
        let mut at = now;
        for _ in 0..100 {
            clock.note(at, STALL_BYTES, true);
            at += STALL_TIME - Duration::from_millis(1);
            assert!(!clock.is_stalled(at));
        }
    }

    #[test]
    fn who_keeps_nobody_waiting_may_take_all_the_time_it_wants() {
        let now = start();
        let mut clock = StallClock::default();
        clock.note(now, 0, true);
        clock.note(now + Duration::from_secs(1), 0, false);
        assert_eq!(clock.ends_at(), None);
        assert!(!clock.is_stalled(now + 2 * STALL_TIME));
    }
}
