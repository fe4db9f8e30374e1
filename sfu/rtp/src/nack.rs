use std::time::{Duration, Instant};

use crate::ExtendedSeqNo;
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
    /// Most missing packets at once; older ones are given up, and so is everything when more are
    /// missing in a row.
    pub const MAX_MISSING: usize = 100;
    /// Most times that one packet is asked for.
    pub const MAX_TRIES: u8 = 5;
    /// Least time between two requests for one packet.
    pub const MIN_INTERVAL: Duration = Duration::from_millis(20);
    /// Most time between two requests for one packet.
    pub const MAX_INTERVAL: Duration = Duration::from_millis(400);
    /// Round-trip time until one was measured.
    pub const DEFAULT_RTT: Duration = Duration::from_millis(70);
    /// How long a packet may be merely reordered before it is asked for.
    pub const GRACE: Duration = Duration::from_millis(10);
    /// Room for pairs that [`NackTracker::take_due`] fills; what does not fit is due at once again.
    pub const MAX_PAIRS: usize = 32;

    /// Makes a tracker that misses nothing.
    pub fn new() -> Self {
        Self {
            highest: None,
            missing: Vec::new(),
            rtt: Self::DEFAULT_RTT,
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
        if count > Self::MAX_MISSING {
            // An outage or a sender that began anew: only a key frame helps.
            self.missing.clear();
            self.given_up = true;
            return;
        }
        let excess = (self.missing.len() + count).saturating_sub(Self::MAX_MISSING);
        if excess > 0 {
            self.missing.drain(..excess.min(self.missing.len()));
            self.given_up = true;
        }
        let due = now + Self::GRACE;
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
    pub fn take_due(&mut self, now: Instant, pairs: &mut [NackPair; Self::MAX_PAIRS]) -> usize {
        if self.due.is_none_or(|due| due > now) {
            return 0;
        }
        let mut writer = PairWriter { pairs, count: 0 };
        let (rtt, mut next, mut given_up) = (self.rtt, None, false);
        self.missing.retain_mut(|missing| {
            if missing.due <= now {
                if missing.tries >= Self::MAX_TRIES {
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
            interval = interval.min(Self::MAX_INTERVAL) * 5 / 4;
        }
        interval.clamp(Self::MIN_INTERVAL, Self::MAX_INTERVAL)
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
    pairs: &'a mut [NackPair; NackTracker::MAX_PAIRS],
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
