//! How many packets a subscriber may ask for again.

use std::time::Instant;

use crate::limits::{NACKS_AT_ONCE, NACKS_PER_SECOND};

/// Bounds what a subscriber that asks for packets without end costs the shard: a datagram can ask for five thousand, each of
/// which is looked up.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct NackBudget {
    /// How many were asked for of those that may be at once, and when that was so.
    used: u32,
    at: Option<Instant>,
}

impl NackBudget {
    /// Takes one packet of the budget. Returns whether there was one.
    #[inline]
    pub(crate) fn take(&mut self, now: Instant) -> bool {
        self.refill(now);
        if self.used >= NACKS_AT_ONCE {
            return false;
        }
        self.used += 1;
        true
    }

    fn refill(&mut self, now: Instant) {
        let since = self.at.map(|at| now.saturating_duration_since(at));
        let micros = since.map_or(0, |since| since.as_micros());
        let regained = micros * u128::from(NACKS_PER_SECOND) / 1_000_000;
        if regained > 0 || self.at.is_none() {
            let regained = u32::try_from(regained).unwrap_or(u32::MAX);
            self.used = self.used.saturating_sub(regained);
            self.at = Some(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::test_clock::start;

    #[test]
    fn some_are_taken_at_once_and_then_so_many_a_second() {
        let mut now = start();
        let mut budget = NackBudget::default();
        let mut take_all = |now| (0..100_000).take_while(|_| budget.take(now)).count();
        assert_eq!(take_all(now), 512);
        let mut taken = 0;
        for _ in 0..1_000 {
            now += Duration::from_millis(1);
            taken += take_all(now);
        }
        assert!((3_900..=4_100).contains(&taken), "{taken}");
        now += Duration::from_secs(60);
        assert_eq!(take_all(now), 512);
    }
}
