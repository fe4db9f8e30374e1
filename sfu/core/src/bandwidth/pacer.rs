//! When the next packet of video may leave.

use std::time::{Duration, Instant};

use sfu_model::Bitrate;

use crate::limits::{PACING_BURST, PACING_DEBT, PACING_INTERVAL};

/// Spreads what leaves over the time that the link takes for it.
///
/// Everything that leaves counts; only video is asked to wait. While there is no known bound, nothing waits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pacer {
    /// Time that a byte takes; zero while there is no known bound.
    nanos_of_byte: u64,
    /// When everything that left would have passed at the pacing rate.
    passed: Instant,
}

impl Pacer {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            nanos_of_byte: 0,
            passed: now,
        }
    }

    /// Lets packets leave at a rate, or as they come.
    pub(crate) fn set_rate(&mut self, rate: Option<Bitrate>) {
        self.nanos_of_byte = rate.map_or(0, |rate| 8_000_000_000 / rate.0.max(1));
    }

    /// Notes that `len` bytes left.
    #[inline]
    pub(crate) fn note(&mut self, now: Instant, len: usize) {
        if self.nanos_of_byte > 0 {
            let takes = Duration::from_nanos(self.nanos_of_byte.saturating_mul(len as u64));
            self.passed = (self.passed.max(now) + takes).min(now + PACING_DEBT);
        }
    }

    /// Reports whether another packet may leave.
    #[inline]
    pub(crate) fn is_open(&self, now: Instant) -> bool {
        self.nanos_of_byte == 0 || self.passed <= now + PACING_BURST
    }

    /// Returns when there is room for some packets more.
    pub(crate) fn opens(&self, now: Instant) -> Instant {
        let closed = self.passed.saturating_duration_since(now + PACING_BURST);
        now + closed.max(PACING_INTERVAL)
    }

    /// Returns how many bytes leave in such a time, if that is bounded.
    pub(crate) fn bytes_in(&self, time: Duration) -> Option<u64> {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        nanos.checked_div(self.nanos_of_byte)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_clock::start;

    const RATE: Bitrate = Bitrate(1_000_000);

    fn pacer(now: Instant) -> Pacer {
        let mut pacer = Pacer::new(now);
        pacer.set_rate(Some(RATE));
        pacer
    }

    /// Sends packets of 1,250 bytes, 10 ms each, as long as that is possible.
    fn burst(pacer: &mut Pacer, now: Instant) -> usize {
        let mut sent = 0;
        while pacer.is_open(now) && sent < 1_000 {
            pacer.note(now, 1_250);
            sent += 1;
        }
        sent
    }

    #[test]
    fn without_a_known_bound_nothing_waits() {
        let now = start();
        let mut pacer = Pacer::new(now);
        assert_eq!(burst(&mut pacer, now), 1_000);
        assert_eq!(pacer.bytes_in(Duration::from_secs(1)), None);
    }

    #[test]
    fn a_burst_leaves_and_then_as_much_as_the_rate_allows() {
        let mut now = start();
        let mut pacer = pacer(now);
        assert_eq!(
            burst(&mut pacer, now),
            3,
            "20 ms, and the packet that ends them"
        );
        let (began, mut sent) = (now, 0);
        while now < began + Duration::from_secs(1) {
            now = pacer.opens(now);
            sent += burst(&mut pacer, now);
        }
        assert!((99..=101).contains(&sent), "{sent}");
        assert_eq!(pacer.bytes_in(Duration::from_secs(1)), Some(125_000));
    }

    #[test]
    fn it_is_not_woken_for_every_packet() {
        let now = start();
        let mut pacer = Pacer::new(now);
        pacer.set_rate(Some(Bitrate(50_000_000)));
        while pacer.is_open(now) {
            pacer.note(now, 1_250);
        }
        assert_eq!(pacer.opens(now), now + PACING_INTERVAL);
    }

    #[test]
    fn what_may_not_wait_keeps_video_back_for_a_bounded_time() {
        let now = start();
        let mut pacer = pacer(now);
        pacer.note(now, 10_000_000);
        assert_eq!(pacer.opens(now), now + PACING_DEBT - PACING_BURST);
    }
}
