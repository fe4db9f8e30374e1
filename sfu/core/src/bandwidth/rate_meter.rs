//! How much is sent of something.

use std::time::Instant;

use sfu_model::Bitrate;

use crate::limits::RATE_WINDOW;

/// Bits per second of something, over the last window or two.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RateMeter {
    since: Instant,
    bytes: u64,
    rate: Bitrate,
}

impl RateMeter {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            since: now,
            bytes: 0,
            rate: Bitrate(0),
        }
    }

    #[inline]
    pub(crate) fn add(&mut self, now: Instant, len: usize) {
        self.turn(now);
        self.bytes += len as u64;
    }

    pub(crate) fn rate(&mut self, now: Instant) -> Bitrate {
        self.turn(now);
        self.rate
    }

    /// Ends the window if it is over.
    fn turn(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.since);
        if elapsed < RATE_WINDOW {
            return;
        }
        let millis = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        let latest = std::mem::take(&mut self.bytes).saturating_mul(8_000) / millis.max(1);
        self.rate = Bitrate((self.rate.0 + latest) / 2);
        self.since = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_clock::start;

    #[test]
    fn a_rate_follows_what_is_sent_and_fades() {
        let mut now = start();
        let mut meter = RateMeter::new(now);
        for _ in 0..200 {
            meter.add(now, 100);
            now += RATE_WINDOW / 25;
        }
        let expected = 100 * 8 * 25 * 1_000 / u64::try_from(RATE_WINDOW.as_millis()).unwrap();
        let rate = meter.rate(now).0;
        assert!(rate > expected * 9 / 10 && rate <= expected, "{rate}");
        for _ in 0..10 {
            now += RATE_WINDOW;
            meter.rate(now);
        }
        assert!(meter.rate(now).0 < expected / 100);
    }
}
