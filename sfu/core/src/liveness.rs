//! Whether an encoding sends, by what the others of its publication do meanwhile.

use std::time::{Duration, Instant};

use crate::limits::{LAYER_SILENCE, LONGEST_LAYER_LAG};

/// Whether an encoding sends.
///
/// Silence alone says nothing: a shared screen that stands still sends nothing in any encoding. What counts is how
/// long others have gone on without this one, beside how far it was behind them lately: an encoding that sends a
/// picture a second, beside one that sends five, is slow and not dead.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Liveness {
    /// Since when others have sent, and this one has not.
    behind_since: Option<Instant>,
    /// The longest time that it was behind lately.
    lag: Duration,
}

impl Default for Liveness {
    /// Begins without knowing how slow it is.
    fn default() -> Self {
        Self {
            behind_since: None,
            lag: LONGEST_LAYER_LAG,
        }
    }
}

impl Liveness {
    /// What part of the lag is forgotten with a picture that comes sooner: one in this many.
    const DECAY: u32 = 8;

    /// It has sent.
    #[inline]
    pub(crate) fn on_own(&mut self, now: Instant) {
        if let Some(since) = self.behind_since.take() {
            let lag = now.saturating_duration_since(since).min(LONGEST_LAYER_LAG);
            self.lag = lag.max(self.lag - self.lag / Self::DECAY);
        }
    }

    /// Another one has sent.
    #[inline]
    pub(crate) fn on_other(&mut self, now: Instant) {
        self.behind_since.get_or_insert(now);
    }

    /// Reports whether it still sends.
    #[inline]
    pub(crate) fn is_live(&self, now: Instant) -> bool {
        self.behind_since
            .is_none_or(|since| now.saturating_duration_since(since) < LAYER_SILENCE + self.lag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_clock::start;

    /// Has two encodings send a picture every so many milliseconds, for a minute. Returns whether the first was
    /// ever taken for dead after the first seconds, and the time at the end.
    fn minute(liveness: &mut Liveness, own: u64, other: u64) -> (bool, Instant) {
        let (begin, mut was_dead) = (start(), false);
        for millis in 0..60_000 {
            let now = begin + Duration::from_millis(millis);
            if millis % other == 0 {
                liveness.on_other(now);
            }
            was_dead |= millis > 10_000 && !liveness.is_live(now);
            if millis % own == 0 {
                liveness.on_own(now);
            }
        }
        (was_dead, begin + Duration::from_secs(60))
    }

    #[test]
    fn a_camera_that_stops_is_known_after_three_tenths_of_a_second_of_the_others() {
        let mut liveness = Liveness::default();
        let (was_dead, now) = minute(&mut liveness, 33, 33);
        assert!(!was_dead);
        liveness.on_other(now);
        assert!(liveness.is_live(now + LAYER_SILENCE - Duration::from_millis(1)));
        assert!(!liveness.is_live(now + LAYER_SILENCE + Duration::from_millis(40)));
    }

    #[test]
    fn a_slow_encoding_beside_a_fast_one_is_not_dead() {
        for (own, other) in [(1_000, 33), (1_000, 200), (200, 33), (1_000, 1_000)] {
            let (was_dead, _) = minute(&mut Liveness::default(), own, other);
            assert!(!was_dead, "{own} ms beside {other} ms");
        }
    }

    #[test]
    fn nothing_is_dead_while_all_stand_still() {
        let mut liveness = Liveness::default();
        let (_, now) = minute(&mut liveness, 1_000, 1_000);
        liveness.on_own(now);
        let later = now + Duration::from_secs(3_600);
        assert!(liveness.is_live(later));
        liveness.on_other(later);
        assert!(liveness.is_live(later + Duration::from_millis(50)));
    }

    #[test]
    fn a_long_absence_is_forgotten() {
        let mut liveness = Liveness::default();
        let now = start();
        liveness.on_other(now);
        let back = now + Duration::from_secs(60);
        assert!(!liveness.is_live(back));
        liveness.on_own(back);
        assert!(liveness.is_live(back));
        let (_, now) = minute(&mut liveness, 33, 33);
        liveness.on_other(now);
        assert!(!liveness.is_live(now + LAYER_SILENCE + Duration::from_millis(40)));
    }
}
