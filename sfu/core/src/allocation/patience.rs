//! How long a link is left as it is before something better is tried.

use std::time::{Duration, Instant};

/// Time without a step up after a step down.
const SHORTEST: Duration = Duration::from_secs(1);

/// Time without a step up to what had to be taken back, after many that were: so a steady link sees four changes a
/// minute at most.
const LONGEST: Duration = Duration::from_secs(64);

/// A step up that lasts this long was right.
const PROVEN: Duration = Duration::from_secs(10);

/// Of what had to be taken back, so much may be had again at once: one part in this many less.
const BELOW: u64 = 10;

/// A link that is known to carry so much more than what had to be taken back is another than it was: three parts in ten
/// more, which is beyond what a probe errs by.
const MORE: (u64, u64) = (13, 10);

/// What is raised at a time is one step, or steps that together cost no more than one part of the link in this many: each
/// spatial step begins with a key frame, and the queue that several make at once is taken for a link that is full.
const AT_ONCE: u64 = 4;

/// Time from one such move to the next: a key frame is there and gone.
const MOVE_INTERVAL: Duration = Duration::from_millis(300);

/// Says when something better may be tried: not right after something was taken away; and what had to be taken back, the
/// later, the more often that happened, unless the link has got better since.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Patience {
    lowered: Option<Instant>,
    raised: Option<Instant>,
    /// When something was raised last, whatever came of it.
    moved: Option<Instant>,
    /// What all had, in bits per second, when a step up was taken back.
    failed: Option<u64>,
    /// How many times in a row a step up was taken back soon.
    failures: u8,
}

/// What may be raised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rise {
    /// In one step, or several that cost no more than this together.
    pub(super) at_once: u64,
    /// All are to have no more than this; and when they may have more.
    pub(super) within: Option<(u64, Instant)>,
    /// When the next move may be made, after this.
    pub(super) next: Instant,
    /// What the link is to be found to carry for nothing to wait.
    pub(super) proof: u64,
}

impl Patience {
    /// Returns what may be raised on a link that carries `budget`, in bits per second.
    pub(super) fn rise(&mut self, now: Instant, budget: u64) -> Rise {
        let within = self.bound(now, budget);
        Rise {
            at_once: budget / AT_ONCE,
            within,
            next: now + MOVE_INTERVAL,
            proof: within.and(self.failed).map_or(0, proof),
        }
    }

    /// Returns the most that all may have, and until when.
    fn bound(&mut self, now: Instant, budget: u64) -> Option<(u64, Instant)> {
        if self.failed.is_some_and(|failed| budget >= proof(failed)) {
            self.failed = None;
            self.failures = 0;
        }
        let after_move = self.moved.map(|moved| moved + MOVE_INTERVAL);
        let after_fall = self.lowered.map(|lowered| lowered + SHORTEST);
        let soonest = after_move.max(after_fall).filter(|soonest| *soonest > now);
        if let Some(soonest) = soonest {
            return Some((0, soonest));
        }
        let lowered = self.lowered?;
        let doubled = SHORTEST.saturating_mul(1 << self.failures.min(8));
        let until = lowered + doubled.min(LONGEST);
        match self.failed {
            Some(failed) if until > now => Some((failed - failed / BELOW, until)),
            Some(_) | None => None,
        }
    }

    /// Notes what an allocation did to those who had `before` together.
    pub(super) fn note(&mut self, now: Instant, before: u64, lowered: bool, raised: bool) {
        let proven = |raised: Instant| now.saturating_duration_since(raised) >= PROVEN;
        if self.raised.is_some_and(proven) {
            self.raised = None;
            if self.failed.is_none_or(|failed| before >= failed) {
                self.failed = None;
                self.failures = 0;
            }
        }
        if lowered {
            if self.raised.take().is_some() {
                self.failures = self.failures.saturating_add(1);
                self.failed = Some(before);
            }
            self.lowered = Some(now);
        }
        if raised {
            self.raised = Some(now);
            self.moved = Some(now);
        }
    }
}

/// Returns what a link carries that is another than when so much had to be taken back.
fn proof(failed: u64) -> u64 {
    let (more, of) = MORE;
    failed.saturating_mul(more) / of
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_clock::start;

    const HAD: u64 = 1_000;
    const BUDGET: u64 = 1_100;

    #[test]
    fn nothing_rises_right_after_a_fall() {
        let (now, mut patience) = (start(), Patience::default());
        assert_eq!(patience.bound(now, BUDGET), None);
        patience.note(now, HAD, true, false);
        let soonest = now + SHORTEST;
        assert_eq!(patience.bound(now, BUDGET), Some((0, soonest)));
        assert_eq!(patience.bound(soonest, BUDGET), None);
    }

    #[test]
    fn what_is_taken_back_waits_longer_each_time_up_to_a_limit_and_less_does_not() {
        let (mut now, mut patience) = (start(), Patience::default());
        let mut waits = Vec::new();
        for _ in 0..8 {
            patience.note(now, HAD, false, true);
            now += Duration::from_secs(1);
            patience.note(now, HAD, true, false);
            let (most, until) = patience.bound(now + SHORTEST, BUDGET).unwrap();
            assert_eq!(most, 900);
            waits.push((until - now).as_secs());
            now = until;
        }
        assert_eq!(waits, [2, 4, 8, 16, 32, 64, 64, 64]);
    }

    #[test]
    fn a_rise_that_lasts_makes_good_for_those_that_did_not() {
        let (now, mut patience) = (start(), Patience::default());
        for _ in 0..3 {
            patience.note(now, HAD, false, true);
            patience.note(now, HAD, true, false);
        }
        patience.note(now, 800, false, true);
        let later = now + PROVEN;
        // That less is fine says nothing of more.
        patience.note(later, 900, true, false);
        assert!(patience.bound(later + SHORTEST, BUDGET).is_some());
        patience.note(later, 900, false, true);
        let later = later + PROVEN;
        patience.note(later, HAD, true, false);
        assert_eq!(patience.bound(later + SHORTEST, BUDGET), None);
    }

    #[test]
    fn one_move_comes_some_time_after_another() {
        let (now, mut patience) = (start(), Patience::default());
        patience.note(now, HAD, false, true);
        let soonest = now + MOVE_INTERVAL;
        assert_eq!(patience.bound(now, BUDGET), Some((0, soonest)));
        assert_eq!(patience.bound(soonest, BUDGET), None);
    }

    #[test]
    fn a_link_that_got_better_is_used_at_once() {
        let (now, mut patience) = (start(), Patience::default());
        for _ in 0..6 {
            patience.note(now, HAD, false, true);
            patience.note(now, HAD, true, false);
        }
        let soon = now + SHORTEST;
        assert!(patience.bound(soon, 1_200).is_some());
        assert_eq!(patience.bound(soon, 1_300), None);
    }
}
