//! A token bucket.

use std::time::{Duration, Instant};

/// How much may be spent at once, and how fast it comes back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rate {
    /// What may be spent at once.
    pub(crate) burst: u32,
    /// What comes back each second; not zero.
    pub(crate) per_second: u32,
}

/// What somebody may still spend of a [`Rate`]. More than there is may be spent, and is owed then.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bucket {
    rate: Rate,
    /// When it is full, if nothing is spent.
    full_at: Instant,
}

impl Bucket {
    /// Creates a full bucket.
    pub(crate) fn new(rate: Rate, now: Instant) -> Self {
        Self { rate, full_at: now }
    }

    /// Spends.
    pub(crate) fn spend(&mut self, now: Instant, units: u32) {
        self.full_at = self.full_at.max(now) + self.time_of(units);
    }

    /// Returns how long nothing may be spent because something is owed.
    pub(crate) fn wait(&self, now: Instant) -> Duration {
        self.missing(now)
            .saturating_sub(self.time_of(self.rate.burst))
    }

    /// Reports whether nothing is missing.
    pub(crate) fn is_full(&self, now: Instant) -> bool {
        self.missing(now).is_zero()
    }

    /// Reports whether at least half is there.
    pub(crate) fn is_half_full(&self, now: Instant) -> bool {
        self.missing(now) <= self.time_of(self.rate.burst / 2)
    }

    /// Returns how long it takes until it is full.
    fn missing(&self, now: Instant) -> Duration {
        self.full_at.saturating_duration_since(now)
    }

    /// Returns how long it takes until `units` have come back.
    fn time_of(&self, units: u32) -> Duration {
        Duration::from_secs(1).saturating_mul(units) / self.rate.per_second
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate {
        burst: 10,
        per_second: 2,
    };

    #[test]
    fn what_is_there_may_be_spent_at_once() {
        let now = Instant::now();
        let mut bucket = Bucket::new(RATE, now);
        bucket.spend(now, 10);
        assert_eq!(bucket.wait(now), Duration::ZERO);
        bucket.spend(now, 1);
        assert_eq!(bucket.wait(now), Duration::from_millis(500));
        assert_eq!(
            bucket.wait(now + Duration::from_millis(500)),
            Duration::ZERO
        );
    }

    #[test]
    fn what_was_spent_comes_back_and_no_more_than_that() {
        let now = Instant::now();
        let mut bucket = Bucket::new(RATE, now);
        bucket.spend(now, 10);
        assert!(!bucket.is_half_full(now + Duration::from_secs(2)));
        assert!(bucket.is_half_full(now + Duration::from_secs(3)));
        let later = now + Duration::from_secs(3600);
        bucket.spend(later, 12);
        assert_eq!(bucket.wait(later), Duration::from_secs(1));
    }

    #[test]
    fn what_is_owed_is_waited_for_in_full() {
        let now = Instant::now();
        let mut bucket = Bucket::new(RATE, now);
        bucket.spend(now, u32::MAX);
        assert!(bucket.wait(now) > Duration::from_secs(1_000_000_000));
    }
}
