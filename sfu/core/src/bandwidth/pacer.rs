//! When the next packet of video may leave.

use std::time::{Duration, Instant};

use sfu_model::Bitrate;

use crate::limits::{LEAST_PACE, PACING_BURST, PACING_DEBT, PACING_INTERVAL};

/// Spreads what leaves over the time that the link takes for it.
///
/// Everything that leaves counts; only video is asked to wait. While there is no known bound, nothing waits. Sound never
/// takes all that there is: how much a link carries shows in the video that it is sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pacer {
    /// Time that a byte takes; zero while there is no known bound.
    nanos_of_byte: u64,
    /// When everything that left would have passed at the pacing rate.
    passed: Instant,
    /// When the video that left would have passed at the rate that it has in any case.
    video_passed: Instant,
}

impl Pacer {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            nanos_of_byte: 0,
            passed: now,
            video_passed: now,
        }
    }

    /// Lets packets leave at a rate, or as they come.
    pub(crate) fn set_rate(&mut self, rate: Option<Bitrate>) {
        self.nanos_of_byte = rate.map_or(0, |rate| 8_000_000_000 / rate.0.max(1));
    }

    /// Notes that `len` bytes of video left.
    #[inline]
    pub(crate) fn note(&mut self, now: Instant, len: usize) {
        if self.nanos_of_byte > 0 {
            self.video_passed = later(now, self.video_passed, LEAST_PACE_NANOS, len);
        }
        self.note_sound(now, len);
    }

    /// Notes that `len` bytes of sound left, which count as all that leaves.
    #[inline]
    pub(crate) fn note_sound(&mut self, now: Instant, len: usize) {
        if self.nanos_of_byte > 0 {
            self.passed = later(now, self.passed, self.nanos_of_byte, len);
        }
    }

    /// Reports whether another packet may leave.
    #[inline]
    pub(crate) fn is_open(&self, now: Instant) -> bool {
        self.nanos_of_byte == 0 || self.passes() <= now + PACING_BURST
    }

    /// Returns when there is room for some packets more.
    pub(crate) fn opens(&self, now: Instant) -> Instant {
        let closed = self.passes().saturating_duration_since(now + PACING_BURST);
        now + closed.max(PACING_INTERVAL)
    }

    fn passes(&self) -> Instant {
        self.passed.min(self.video_passed)
    }

    /// Returns how many bytes leave in such a time, if that is bounded.
    pub(crate) fn bytes_in(&self, time: Duration) -> Option<u64> {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        nanos.checked_div(self.nanos_of_byte)
    }
}

/// Time that a byte of video takes at the rate that it has in any case.
const LEAST_PACE_NANOS: u64 = 8_000_000_000 / LEAST_PACE.0;

/// Returns when `len` bytes more will have passed, at a bounded distance.
#[inline]
fn later(now: Instant, passed: Instant, nanos_of_byte: u64, len: usize) -> Instant {
    let takes = Duration::from_nanos(nanos_of_byte.saturating_mul(len as u64));
    (passed.max(now) + takes).min(now + PACING_DEBT)
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

    #[test]
    fn sound_that_takes_all_leaves_video_its_least() {
        let mut now = start();
        let mut pacer = Pacer::new(now);
        pacer.set_rate(Some(Bitrate(45_000)));
        let (mut video, end) = (0, now + Duration::from_secs(10));
        while now < end {
            // More than everything that the pace has room for.
            pacer.note_sound(now, 200);
            if pacer.is_open(now) {
                pacer.note(now, 1_000);
                video += 1_000;
            }
            now += Duration::from_millis(20);
        }
        let least = LEAST_PACE.0 / 8 * 10;
        assert!(
            (least * 9 / 10..=least * 12 / 10).contains(&video),
            "{video} of {least}"
        );
    }
}
