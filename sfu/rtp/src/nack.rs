use std::time::{Duration, Instant};

use crate::rtcp::NackPair;
use crate::{ExtendedSeqNo, SeqNo};

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
pub struct NackTracker {}

impl NackTracker {
    /// Most missing packets at once; older ones are given up.
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

    /// Makes a tracker that misses nothing.
    pub fn new() -> Self {
        todo!()
    }

    /// Sets the round-trip time to the sender: the time between requests.
    pub fn set_rtt(&mut self, rtt: Duration) {
        todo!()
    }

    /// Takes a received packet, retransmitted ones included. All numbers between the highest and a
    /// newer one are missing from here on.
    #[inline]
    pub fn on_packet(&mut self, now: Instant, seq: ExtendedSeqNo) -> NackArrival {
        todo!()
    }

    /// Writes into `pairs` what to ask for at `now`, and returns how many. What has been asked for
    /// often enough, or is too old, is given up.
    pub fn take_due(&mut self, now: Instant, pairs: &mut [NackPair; 32]) -> usize {
        todo!()
    }

    /// Returns when [`NackTracker::take_due`] has something to do next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        todo!()
    }

    /// Reports once whether packets were given up since the last call: a decoder needs a key frame.
    pub fn take_given_up(&mut self) -> bool {
        todo!()
    }
}
