use std::time::{Duration, Instant};

/// Spaces out requests for key frames of one encoding, whoever asks.
///
/// A request that came too early is not lost: it is made as soon as packets of the encoding come
/// after the interval, unless a key frame was among them. There is no timer: an encoding without
/// packets would not answer.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct KeyFrameThrottle {
    requested: Option<Instant>,
    pending: bool,
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
        let early = |at: Instant| now.saturating_duration_since(at) < interval;
        if !self.pending || self.requested.is_some_and(early) {
            return false;
        }
        self.pending = false;
        self.requested = Some(now);
        true
    }

    /// Notes that a key frame came: nobody waits.
    pub(crate) fn on_key_frame(&mut self) {
        self.pending = false;
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
}
