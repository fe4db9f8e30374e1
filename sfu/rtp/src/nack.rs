//! Which packets of a received stream are missing, and when to ask for them.

use std::time::{Duration, Instant};

use crate::ExtendedSeqNo;
use crate::limits::{
    FIRST_RTT, MAX_MISSING, MAX_NACK_INTERVAL, MAX_NACK_PAIRS, MAX_NACK_TRIES, MIN_NACK_INTERVAL,
    NACK_GRACE,
};
use crate::rtcp::NackPair;

/// What a received packet was to the tracker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NackArrival {
    /// It is the newest.
    Newest,
    /// It was missing and is found: late, or after it was asked for.
    Found,
    /// It is old, and nobody waits for it: a duplicate, or given up.
    Old,
}

/// Finds lost packets of one received stream and says when to ask for them (RFC 4585 section 6.2.1).
#[derive(Clone, Debug)]
pub struct NackTracker {
    highest: Option<ExtendedSeqNo>,
    /// In ascending order.
    missing: Vec<Missing>,
    /// How long a packet may be merely reordered before it is asked for.
    grace: Duration,
    rtt: Duration,
    /// Not later than the earliest deadline in `missing`.
    due: Option<Instant>,
    given_up: bool,
}

#[derive(Clone, Copy, Debug)]
struct Missing {
    seq: ExtendedSeqNo,
    tries: u8,
    due: Instant,
}

impl NackTracker {
    /// Makes a tracker that misses nothing yet.
    pub fn new() -> Self {
        Self::with_grace(NACK_GRACE)
    }

    /// Makes one that asks for a packet when it has been missing for `grace`.
    pub fn with_grace(grace: Duration) -> Self {
        Self {
            highest: None,
            missing: Vec::new(),
            grace,
            rtt: FIRST_RTT,
            due: None,
            given_up: false,
        }
    }

    /// Sets the round-trip time to the sender: the time between requests.
    pub fn set_rtt(&mut self, rtt: Duration) {
        self.rtt = rtt;
    }

    /// Takes a received packet, retransmitted ones included. All numbers between the highest and a
    /// newer one are missing from here on.
    #[inline]
    pub fn on_packet(&mut self, now: Instant, seq: ExtendedSeqNo) -> NackArrival {
        let Some(highest) = self.highest else {
            self.highest = Some(seq);
            return NackArrival::Newest;
        };
        let ahead = seq.ahead_of(highest);
        if ahead > 0 {
            self.highest = Some(seq);
            if ahead > 1 {
                self.miss(now, highest, seq);
            }
            return NackArrival::Newest;
        }
        match self
            .missing
            .binary_search_by_key(&seq, |missing| missing.seq)
        {
            Ok(index) => {
                self.missing.remove(index);
                NackArrival::Found
            }
            Err(_) => NackArrival::Old,
        }
    }

    /// Notes the numbers between `highest` and `seq` as missing.
    #[cold]
    fn miss(&mut self, now: Instant, highest: ExtendedSeqNo, seq: ExtendedSeqNo) {
        let count = usize::try_from(seq.ahead_of(highest) - 1).unwrap_or(usize::MAX);
        if count > MAX_MISSING {
            // An outage or a sender that began anew: only a key frame helps.
            self.missing.clear();
            self.given_up = true;
            return;
        }
        let excess = (self.missing.len() + count).saturating_sub(MAX_MISSING);
        if excess > 0 {
            self.missing.drain(..excess.min(self.missing.len()));
            self.given_up = true;
        }
        let due = now + self.grace;
        self.missing
            .extend((highest.0 + 1..seq.0).map(|seq| Missing {
                seq: ExtendedSeqNo(seq),
                tries: 0,
                due,
            }));
        self.due = Some(self.due.map_or(due, |earliest| earliest.min(due)));
    }

    /// Writes into `pairs` what to ask for at `now`, and returns how many. What has been asked for
    /// often enough is given up.
    pub fn take_due(&mut self, now: Instant, pairs: &mut [NackPair; MAX_NACK_PAIRS]) -> usize {
        if self.due.is_none_or(|due| due > now) {
            return 0;
        }
        let mut writer = PairWriter { pairs, count: 0 };
        let (rtt, mut next, mut given_up) = (self.rtt, None, false);
        self.missing.retain_mut(|missing| {
            if missing.due <= now {
                if missing.tries >= MAX_NACK_TRIES {
                    given_up = true;
                    return false;
                }
                if writer.add(missing.seq) {
                    missing.due = now + Self::interval(rtt, missing.tries);
                    missing.tries += 1;
                }
            }
            let due = missing.due;
            next = Some(next.map_or(due, |earliest: Instant| earliest.min(due)));
            true
        });
        self.due = next;
        self.given_up |= given_up;
        writer.count
    }

    /// Returns the time from try `tries` to the next: a round trip, a quarter more each time.
    fn interval(rtt: Duration, tries: u8) -> Duration {
        let mut interval = rtt;
        for _ in 0..tries {
            interval = interval.min(MAX_NACK_INTERVAL) * 5 / 4;
        }
        interval.clamp(MIN_NACK_INTERVAL, MAX_NACK_INTERVAL)
    }

    /// Returns how many packets are missing that may still come.
    pub fn missing(&self) -> usize {
        self.missing.len()
    }

    /// Returns when [`NackTracker::take_due`] may have something to do next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.due
    }

    /// Reports once whether packets were given up since the last call: a decoder needs a key frame.
    pub fn take_given_up(&mut self) -> bool {
        std::mem::take(&mut self.given_up)
    }
}

impl Default for NackTracker {
    fn default() -> Self {
        Self::new()
    }
}

/// Packs ascending numbers into pairs.
struct PairWriter<'a> {
    pairs: &'a mut [NackPair; MAX_NACK_PAIRS],
    count: usize,
}

impl PairWriter<'_> {
    /// Adds a number; reports whether there was room.
    fn add(&mut self, seq: ExtendedSeqNo) -> bool {
        let seq = seq.seq();
        let last = self.count.checked_sub(1);
        if let Some(pair) = last.and_then(|last| self.pairs.get_mut(last))
            && let ahead @ 1..=16 = seq.ahead_of(pair.first)
        {
            pair.following |= 1 << (ahead - 1);
            return true;
        }
        let Some(pair) = self.pairs.get_mut(self.count) else {
            return false;
        };
        *pair = NackPair {
            first: seq,
            following: 0,
        };
        self.count += 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SeqNo;

    const NO_PAIRS: [NackPair; MAX_NACK_PAIRS] = [NackPair {
        first: SeqNo(0),
        following: 0,
    }; MAX_NACK_PAIRS];

    fn asked(tracker: &mut NackTracker, now: Instant) -> Vec<u16> {
        let mut pairs = NO_PAIRS;
        let count = tracker.take_due(now, &mut pairs);
        let lost = pairs[..count].iter().flat_map(|pair| pair.lost());
        lost.map(|seq| seq.0).collect()
    }

    fn tracker(now: Instant, received: impl IntoIterator<Item = u64>) -> NackTracker {
        let mut tracker = NackTracker::new();
        for seq in received {
            tracker.on_packet(now, ExtendedSeqNo(seq));
        }
        tracker
    }

    #[test]
    fn a_lost_packet_is_asked_for_after_the_grace() {
        let now = crate::any_instant();
        let mut tracker = tracker(now, [65_535, 65_538]);
        assert_eq!(asked(&mut tracker, now), []);
        let due = tracker.poll_timeout().unwrap();
        assert_eq!(due, now + NACK_GRACE);
        assert_eq!(asked(&mut tracker, due), [0, 1]);
    }

    #[test]
    fn without_a_grace_a_lost_packet_is_asked_for_at_once() {
        let now = crate::any_instant();
        let mut tracker = NackTracker::with_grace(Duration::ZERO);
        for seq in [100, 102] {
            tracker.on_packet(now, ExtendedSeqNo(seq));
        }
        assert_eq!(asked(&mut tracker, now), [101]);
    }

    #[test]
    fn nothing_is_asked_for_when_packets_were_merely_reordered() {
        let now = crate::any_instant();
        let mut tracker = tracker(now, [100, 102]);
        let found = tracker.on_packet(now, ExtendedSeqNo(101));
        assert_eq!(found, NackArrival::Found);
        assert_eq!(asked(&mut tracker, now + Duration::from_secs(1)), []);
        assert_eq!(tracker.poll_timeout(), None);
        assert!(!tracker.take_given_up());
    }

    #[test]
    fn a_duplicate_is_old() {
        let now = crate::any_instant();
        let mut tracker = tracker(now, [100, 101]);
        let arrival = tracker.on_packet(now, ExtendedSeqNo(100));
        assert_eq!(arrival, NackArrival::Old);
        let arrival = tracker.on_packet(now, ExtendedSeqNo(101));
        assert_eq!(arrival, NackArrival::Old);
    }

    #[test]
    fn a_packet_is_asked_for_five_times_with_growing_intervals() {
        let now = crate::any_instant();
        let mut tracker = tracker(now, [100, 102]);
        tracker.set_rtt(Duration::from_millis(200));
        let mut times = Vec::new();
        while let Some(due) = tracker.poll_timeout() {
            if !asked(&mut tracker, due).is_empty() {
                times.push(due);
            }
        }
        let intervals: Vec<_> = times
            .windows(2)
            .map(|pair| (pair[1] - pair[0]).as_millis())
            .collect();
        assert_eq!(intervals, [200, 250, 312, 390]);
        assert!(tracker.take_given_up());
        assert!(!tracker.take_given_up());
    }

    #[test]
    fn intervals_stay_within_their_bounds() {
        let interval = |rtt, tries| NackTracker::interval(Duration::from_millis(rtt), tries);
        assert_eq!(interval(1, 0), MIN_NACK_INTERVAL);
        assert_eq!(interval(5_000, 0), MAX_NACK_INTERVAL);
        assert_eq!(NackTracker::interval(Duration::MAX, 255), MAX_NACK_INTERVAL);
    }

    #[test]
    fn a_long_outage_is_given_up_at_once() {
        let now = crate::any_instant();
        let mut tracker = tracker(now, [100, 102, 102 + 102]);
        assert!(tracker.take_given_up());
        assert_eq!(tracker.poll_timeout().map(|_| ()), Some(()));
        assert_eq!(asked(&mut tracker, now + Duration::from_secs(1)), []);
        assert_eq!(tracker.poll_timeout(), None);
    }

    #[test]
    fn the_oldest_are_given_up_when_too_many_are_missing() {
        let now = crate::any_instant();
        let every_second = (0..=101).map(|i| 70_000 + 2 * i);
        let mut tracker = tracker(now, every_second);
        assert!(tracker.take_given_up());
        let mut all = Vec::new();
        while let more @ [_, ..] = &asked(&mut tracker, now + NACK_GRACE)[..] {
            all.extend_from_slice(more);
        }
        let first = ExtendedSeqNo(70_003).seq().0;
        assert_eq!((all.len(), all.first()), (100, Some(&first)));
    }

    #[test]
    fn what_does_not_fit_is_due_at_once() {
        let now = crate::any_instant();
        let every_eighteenth_is_lost = (0..900).filter(|i| i % 18 != 17);
        let mut tracker = tracker(now, every_eighteenth_is_lost.map(|i| 70_000 + i));
        let due = now + NACK_GRACE;
        assert_eq!(asked(&mut tracker, due).len(), 32);
        assert_eq!(tracker.poll_timeout(), Some(due));
        assert_eq!(asked(&mut tracker, due).len(), 17);
        assert_eq!(asked(&mut tracker, due).len(), 0);
    }
}
