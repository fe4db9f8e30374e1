//! How long a link is left as it is before something better is tried.

use std::time::{Duration, Instant};

/// Time without a step up after a step down.
const SHORTEST: Duration = Duration::from_secs(1);

/// The same after many steps up that were taken back: so a steady link sees four changes a minute at most.
const LONGEST: Duration = Duration::from_secs(32);

/// A step up that lasts this long was right.
const PROVEN: Duration = Duration::from_secs(10);

/// Says when something better may be tried: not right after something was taken away, and the later, the more often
/// what was tried had to be taken back.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Patience {
    lowered: Option<Instant>,
    raised: Option<Instant>,
    /// How many times in a row a step up was taken back soon.
    failures: u8,
}

impl Patience {
    /// Reports whether anything may be raised.
    pub(super) fn may_rise(&self, now: Instant) -> bool {
        self.until(now).is_none()
    }

    /// Returns from when on something may be raised, if it may not yet.
    pub(super) fn until(&self, now: Instant) -> Option<Instant> {
        let doubled = SHORTEST.saturating_mul(1 << self.failures.min(8));
        let until = self.lowered? + doubled.min(LONGEST);
        (until > now).then_some(until)
    }

    /// Notes what an allocation did.
    pub(super) fn note(&mut self, now: Instant, lowered: bool, raised: bool) {
        let proven = |raised: Instant| now.saturating_duration_since(raised) >= PROVEN;
        if self.raised.is_some_and(proven) {
            self.failures = 0;
            self.raised = None;
        }
        if lowered {
            let failed = self.raised.take().is_some();
            self.failures = self.failures.saturating_add(u8::from(failed));
            self.lowered = Some(now);
        }
        if raised {
            self.raised = Some(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_clock::start;

    #[test]
    fn nothing_rises_right_after_a_fall() {
        let (now, mut patience) = (start(), Patience::default());
        assert!(patience.may_rise(now));
        patience.note(now, true, false);
        assert!(!patience.may_rise(now));
        assert_eq!(patience.until(now), Some(now + SHORTEST));
        assert!(patience.may_rise(now + SHORTEST));
    }

    #[test]
    fn a_rise_that_is_taken_back_makes_the_next_wait_longer_up_to_a_limit() {
        let (mut now, mut patience) = (start(), Patience::default());
        let mut waits = Vec::new();
        for _ in 0..7 {
            patience.note(now, false, true);
            now += Duration::from_secs(1);
            patience.note(now, true, false);
            let until = patience.until(now).unwrap();
            waits.push((until - now).as_secs());
            now = until;
        }
        assert_eq!(waits, [2, 4, 8, 16, 32, 32, 32]);
    }

    #[test]
    fn a_rise_that_lasts_makes_good_for_those_that_did_not() {
        let (now, mut patience) = (start(), Patience::default());
        patience.note(now, false, true);
        patience.note(now, true, false);
        patience.note(now, false, true);
        let later = now + PROVEN;
        patience.note(later, false, false);
        patience.note(later, true, false);
        assert_eq!(patience.until(later), Some(later + SHORTEST));
    }
}
