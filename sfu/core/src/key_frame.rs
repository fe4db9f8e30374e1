use std::time::{Duration, Instant};

/// How soon the request in reserve is made after another: libwebrtc passes over what comes sooner.
const SOONEST: Duration = Duration::from_millis(300);

/// Spaces out requests for key frames of one encoding, whoever asks.
///
/// One request an interval is made. Departure: if nobody asked in the interval before, another is
/// in reserve that need not wait as long, so that of two subscribers who join one right after the
/// other, the second sees a picture sooner. It does not repeat a request that is not yet answered.
///
/// A request that came too early is not lost: it is made as soon as packets of the encoding come
/// after the interval, unless a key frame was among them. There is no timer: an encoding without
/// packets would not answer.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct KeyFrameThrottle {
    requested: Option<Instant>,
    pending: bool,
    answered: bool,
    reserve: bool,
}

impl KeyFrameThrottle {
    /// Asks for a key frame. Returns whether to send the request.
    pub(crate) fn request(&mut self, now: Instant, interval: Duration) -> bool {
        self.pending = true;
        self.poll(now, interval)
    }

    /// Returns whether a request that came too early is to be sent.
    #[inline]
    pub(crate) fn poll(&mut self, now: Instant, interval: Duration) -> bool {
        if !self.pending {
            return false;
        }
        let passed = self
            .requested
            .map_or(Duration::MAX, |at| now.saturating_duration_since(at));
        if passed >= interval {
            self.reserve |= passed >= 2 * interval;
        } else if self.reserve && self.answered && passed >= SOONEST {
            self.reserve = false;
        } else {
            return false;
        }
        self.pending = false;
        self.answered = false;
        self.requested = Some(now);
        true
    }

    /// Notes that a key frame came: nobody waits.
    pub(crate) fn on_key_frame(&mut self) {
        self.pending = false;
        self.answered = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_clock::start;

    const INTERVAL: Duration = Duration::from_millis(500);

    #[test]
    fn requests_are_spaced_out_and_the_early_one_is_made_later() {
        let begin = start();
        let at = |millis| begin + Duration::from_millis(millis);
        let mut throttle = KeyFrameThrottle::default();
        assert!(throttle.request(at(0), INTERVAL));
        assert!(!throttle.poll(at(0), INTERVAL));
        assert!(!throttle.request(at(100), INTERVAL));
        assert!(!throttle.poll(at(499), INTERVAL));
        assert!(throttle.poll(at(500), INTERVAL));
        assert!(!throttle.poll(at(2_000), INTERVAL));
    }

    #[test]
    fn a_key_frame_answers_the_early_request_too() {
        let begin = start();
        let mut throttle = KeyFrameThrottle::default();
        assert!(throttle.request(begin, INTERVAL));
        assert!(!throttle.request(begin + Duration::from_millis(100), INTERVAL));
        throttle.on_key_frame();
        assert!(!throttle.poll(begin + INTERVAL, INTERVAL));
    }

    #[test]
    fn who_asks_after_the_answer_waits_less_but_the_next_does_not() {
        let begin = start();
        let at = |millis| begin + Duration::from_millis(millis);
        let mut throttle = KeyFrameThrottle::default();
        assert!(throttle.request(at(0), INTERVAL));
        throttle.on_key_frame();
        assert!(!throttle.request(at(200), INTERVAL));
        assert!(throttle.poll(at(300), INTERVAL));
        throttle.on_key_frame();
        assert!(!throttle.request(at(700), INTERVAL));
        assert!(throttle.poll(at(800), INTERVAL));
    }

    #[test]
    fn the_reserve_does_not_repeat_a_request_without_an_answer() {
        let begin = start();
        let at = |millis| begin + Duration::from_millis(millis);
        let mut throttle = KeyFrameThrottle::default();
        assert!(throttle.request(at(0), INTERVAL));
        assert!(!throttle.request(at(400), INTERVAL));
        assert!(throttle.poll(at(500), INTERVAL));
    }

    #[test]
    fn those_who_ask_on_and_on_get_one_key_frame_an_interval() {
        let begin = start();
        let mut throttle = KeyFrameThrottle::default();
        let mut asked = |millis| {
            let made = throttle.request(begin + Duration::from_millis(millis), INTERVAL);
            throttle.on_key_frame();
            made
        };
        let made = (0..5_000).step_by(10).map(|at| u32::from(asked(at)));
        assert_eq!(made.sum::<u32>(), 10 + 1);
        let again = [6_000, 6_300, 6_600, 6_800].map(asked);
        assert_eq!(again, [true, true, false, true], "after a pause");
    }
}
