//! When a publisher is asked for a key frame of one encoding.
//!
//! Who needs one is noted, and the publisher asked again and again until a key frame that began after that
//! has come whole: a request or its answer may be lost, and a publisher that stands still (a shared screen,
//! an encoder on demand) sends nothing else.

use std::time::{Duration, Instant};

use crate::keys::PublicationKey;
use crate::limits::{KEY_FRAME_SLOW_INTERVAL, KEY_FRAME_SOONEST, KEY_FRAME_TRIES};
use crate::whole_frame::WholeKeyFrame;

/// What a key frame is needed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// A decoder that has seen nothing begins at it: it comes with its parameter sets.
    Start,
    /// A decoder that lost a picture goes on at it.
    Recovery,
}

/// A key frame that somebody needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) publication: PublicationKey,
    pub(crate) encoding: u8,
    pub(crate) need: Need,
}

/// Spaces out requests for key frames of one encoding, whoever needs one.
///
/// One request an interval is made. Departure: if nobody asked in the interval before, another is
/// in reserve that need not wait as long, so that of two subscribers who join one right after the
/// other, the second sees a picture sooner. It does not repeat a request that is not yet answered.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct KeyFrameRequests {
    /// When somebody last needed a start.
    start: Option<Instant>,
    /// When somebody last needed a recovery.
    recovery: Option<Instant>,
    requested: Option<Instant>,
    /// Requests since somebody began to need a key frame.
    tries: u8,
    /// Whether a key frame has come whole since the last request.
    answered: bool,
    reserve: bool,
}

impl KeyFrameRequests {
    /// Somebody needs a key frame that begins at `now` or later.
    pub(crate) fn need(&mut self, now: Instant, need: Need) {
        self.tries = 0;
        *self.since(need) = Some(now);
    }

    /// Somebody still waits to start who did already.
    pub(crate) fn go_on(&mut self, now: Instant) {
        if !self.is_needed() {
            self.tries = 0;
        }
        self.start = Some(now);
    }

    /// Returns whether the publisher is to be asked now; that counts as asking it.
    #[inline]
    pub(crate) fn poll(&mut self, now: Instant, interval: Duration) -> bool {
        if !self.is_needed() {
            return false;
        }
        let passed = self
            .requested
            .map_or(Duration::MAX, |at| now.saturating_duration_since(at));
        if passed < self.wait(interval) {
            return false;
        }
        self.reserve = passed >= 2 * interval || (self.reserve && passed >= interval);
        self.tries = self.tries.saturating_add(1);
        self.answered = false;
        self.requested = Some(now);
        true
    }

    /// Returns when the publisher is to be asked next, if at all.
    pub(crate) fn poll_timeout(&self, interval: Duration) -> Option<Instant> {
        let requested = self.requested.filter(|_| self.is_needed())?;
        Some(requested + self.wait(interval))
    }

    /// A key frame has come whole: those who needed one when it began have it.
    pub(crate) fn on_key_frame(&mut self, frame: WholeKeyFrame) {
        self.answered = true;
        self.recovery.take_if(|since| *since <= frame.began);
        if frame.is_start {
            self.start.take_if(|since| *since <= frame.began);
        }
    }

    /// Returns what is needed most.
    pub(crate) fn most(&self) -> Need {
        match self.start {
            Some(_) => Need::Start,
            None => Need::Recovery,
        }
    }

    /// Nobody is left who needs one.
    pub(crate) fn give_up(&mut self) {
        (self.start, self.recovery) = (None, None);
    }

    fn since(&mut self, need: Need) -> &mut Option<Instant> {
        match need {
            Need::Start => &mut self.start,
            Need::Recovery => &mut self.recovery,
        }
    }

    fn is_needed(&self) -> bool {
        self.start.is_some() || self.recovery.is_some()
    }

    /// Returns the least time from one request to the next.
    fn wait(&self, interval: Duration) -> Duration {
        if self.reserve && self.answered {
            KEY_FRAME_SOONEST.min(interval)
        } else if self.tries >= KEY_FRAME_TRIES {
            KEY_FRAME_SLOW_INTERVAL.max(interval)
        } else {
            interval
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_clock::start;

    const INTERVAL: Duration = Duration::from_millis(500);

    /// One encoding, asked about by milliseconds from the beginning.
    struct Encoding {
        begin: Instant,
        requests: KeyFrameRequests,
    }

    impl Encoding {
        fn new() -> Self {
            Self {
                begin: start(),
                requests: KeyFrameRequests::default(),
            }
        }

        fn at(&self, millis: u64) -> Instant {
            self.begin + Duration::from_millis(millis)
        }

        fn need(&mut self, millis: u64, need: Need) -> bool {
            self.requests.need(self.at(millis), need);
            self.poll(millis)
        }

        fn ask(&mut self, millis: u64) -> bool {
            self.need(millis, Need::Recovery)
        }

        fn poll(&mut self, millis: u64) -> bool {
            self.requests.poll(self.at(millis), INTERVAL)
        }

        /// A key frame comes that began at `millis`.
        fn answer(&mut self, millis: u64, is_start: bool) {
            let began = self.at(millis);
            self.requests
                .on_key_frame(WholeKeyFrame { began, is_start });
        }

        fn due(&self) -> Option<u128> {
            let due = self.requests.poll_timeout(INTERVAL)?;
            Some(due.saturating_duration_since(self.begin).as_millis())
        }
    }

    #[test]
    fn requests_are_spaced_out_and_the_early_one_is_made_later() {
        let mut encoding = Encoding::new();
        assert!(encoding.ask(0));
        assert!(!encoding.poll(0));
        assert!(!encoding.ask(100));
        assert!(!encoding.poll(499));
        assert_eq!(encoding.due(), Some(500));
        assert!(encoding.poll(500));
    }

    #[test]
    fn a_request_is_repeated_until_its_answer_has_come() {
        let mut encoding = Encoding::new();
        assert!(encoding.ask(0));
        assert!(encoding.poll(500));
        assert!(encoding.poll(1_000));
        encoding.answer(1_020, true);
        assert_eq!(encoding.due(), None);
        assert!(!encoding.poll(5_000));
    }

    #[test]
    fn a_key_frame_from_before_somebody_asked_is_no_answer() {
        let mut encoding = Encoding::new();
        assert!(encoding.ask(0));
        assert!(!encoding.ask(30));
        encoding.answer(20, true);
        assert_eq!(encoding.due(), Some(300));
        encoding.answer(40, true);
        assert_eq!(encoding.due(), None);
    }

    #[test]
    fn who_cannot_start_at_the_key_frame_that_came_still_waits() {
        let mut encoding = Encoding::new();
        assert!(encoding.need(0, Need::Start));
        encoding.answer(20, false);
        assert_eq!(encoding.due(), Some(300));
        let mut encoding = Encoding::new();
        assert!(encoding.need(0, Need::Recovery));
        encoding.answer(20, false);
        assert_eq!(encoding.due(), None);
    }

    #[test]
    fn who_asks_after_the_answer_waits_less_but_the_next_does_not() {
        let mut encoding = Encoding::new();
        assert!(encoding.ask(0));
        encoding.answer(0, true);
        assert!(!encoding.ask(200));
        assert!(encoding.poll(300));
        encoding.answer(300, true);
        assert!(!encoding.ask(700));
        assert!(encoding.poll(800));
    }

    #[test]
    fn the_reserve_does_not_repeat_a_request_without_an_answer() {
        let mut encoding = Encoding::new();
        assert!(encoding.ask(0));
        assert!(!encoding.ask(400));
        assert!(encoding.poll(500));
    }

    #[test]
    fn those_who_ask_on_and_on_get_one_key_frame_an_interval() {
        let mut encoding = Encoding::new();
        let mut asked = |millis| {
            let made = encoding.ask(millis);
            encoding.answer(millis, true);
            made
        };
        let made = (0..5_000).step_by(10).map(|at| u32::from(asked(at)));
        assert_eq!(made.sum::<u32>(), 10 + 1);
        let again = [6_000, 6_300, 6_600, 6_800].map(asked);
        assert_eq!(again, [true, true, false, true], "after a pause");
    }

    #[test]
    fn a_publisher_that_never_answers_is_asked_seldom_until_somebody_else_asks() {
        let mut encoding = Encoding::new();
        encoding.need(0, Need::Start);
        let made = |encoding: &mut Encoding, range: std::ops::Range<u64>| {
            range
                .step_by(10)
                .filter(|at| {
                    encoding.requests.go_on(encoding.at(*at));
                    encoding.poll(*at)
                })
                .count()
        };
        assert_eq!(made(&mut encoding, 10..2_100), 4);
        assert_eq!(made(&mut encoding, 2_100..22_100), 4);
        assert!(encoding.need(22_600, Need::Start));
        assert_eq!(made(&mut encoding, 22_610..23_600), 1);
    }
}
