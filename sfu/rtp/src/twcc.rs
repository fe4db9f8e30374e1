use std::collections::VecDeque;
use std::time::{Duration, Instant};

use sfu_model::Ssrc;

use crate::rtcp::{Arrivals, write_transport_feedback};
use crate::{ExtendedSeqNo, SeqNo, SeqUnwrapper};

/// Records when packets of one transport arrive and writes feedback about it
/// (draft-holmer-rmcat-transport-wide-cc-extensions-01).
#[derive(Clone, Debug)]
pub struct TwccRecorder {
    unwrapper: SeqUnwrapper,
    /// Arrivals from `first` on, in ticks since `epoch`; `None` where nothing arrived.
    arrivals: VecDeque<Option<u64>>,
    first: ExtendedSeqNo,
    /// Where the next feedback begins.
    next: ExtendedSeqNo,
    epoch: Option<Instant>,
    media: Ssrc,
    count: u8,
    due: Option<Instant>,
}

impl TwccRecorder {
    /// Time between two feedback packets.
    pub const INTERVAL: Duration = Duration::from_millis(100);
    /// Most sequence numbers that one feedback packet covers.
    pub const MAX_STATUSES: usize = 512;
    /// Most sequence numbers that are recorded; a jump over more of them begins anew.
    const MAX_RECORDED: usize = 2_048;
    /// How many numbers are kept behind what was reported, so that one that comes late is reported
    /// still.
    const KEPT: usize = 128;

    /// Makes a recorder that has seen nothing.
    pub fn new() -> Self {
        Self {
            unwrapper: SeqUnwrapper::default(),
            arrivals: VecDeque::new(),
            first: ExtendedSeqNo(0),
            next: ExtendedSeqNo(0),
            epoch: None,
            media: Ssrc(0),
            count: 0,
            due: None,
        }
    }

    /// Notes the arrival of a packet; `ssrc` is its stream.
    #[inline]
    pub fn on_packet(&mut self, now: Instant, seq: SeqNo, ssrc: Ssrc) {
        let epoch = *self.epoch.get_or_insert(now);
        let elapsed = now.saturating_duration_since(epoch).as_micros();
        // Ticks of 250 us.
        let arrival = u64::try_from(elapsed / 250).unwrap_or(u64::MAX);
        self.media = ssrc;
        let seq = self.unwrapper.unwrap(seq);
        if seq < self.first {
            return;
        }
        let index = seq.ahead_of(self.end());
        if index >= 0 {
            self.extend_to(seq);
        }
        let index = usize::try_from(seq.ahead_of(self.first)).unwrap_or(usize::MAX);
        let Some(slot @ None) = self.arrivals.get_mut(index) else {
            return;
        };
        *slot = Some(arrival);
        self.next = self.next.min(seq);
        self.due.get_or_insert(now + Self::INTERVAL);
    }

    /// Returns the number behind the last that is recorded.
    fn end(&self) -> ExtendedSeqNo {
        self.first.plus(self.arrivals.len() as u64)
    }

    /// Makes room up to `seq`, which lies at or behind the end.
    fn extend_to(&mut self, seq: ExtendedSeqNo) {
        let missing = usize::try_from(seq.ahead_of(self.end())).unwrap_or(usize::MAX);
        if self.arrivals.is_empty()
            || missing.saturating_add(self.arrivals.len()) >= Self::MAX_RECORDED
        {
            self.arrivals.clear();
            self.first = seq;
            self.next = seq;
        } else {
            let len = self.arrivals.len() + missing;
            self.arrivals.resize(len, None);
        }
        self.arrivals.push_back(None);
    }

    /// Returns when feedback is due. `None` when nothing arrived since the last.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.due
    }

    /// Appends one feedback packet to `out`, when one is due, and reports whether; call it until it
    /// returns `false`, each into a compound or reduced-size packet of its own.
    ///
    /// It covers everything from the end of the last feedback, lost packets included, or from a
    /// packet that came late.
    pub fn write_feedback(&mut self, now: Instant, sender: Ssrc, out: &mut Vec<u8>) -> bool {
        if self.due.is_none_or(|due| due > now) {
            return false;
        }
        let skipped = usize::try_from(self.next.ahead_of(self.first)).unwrap_or(0);
        let mut arrivals = Arrivals::new(self.next.seq(), self.count, sender, self.media);
        for arrival in self.arrivals.iter().skip(skipped).take(Self::MAX_STATUSES) {
            if !arrivals.push(*arrival) {
                break;
            }
        }
        if !write_transport_feedback(out, &arrivals) {
            self.due = None;
            return false;
        }
        self.count = self.count.wrapping_add(1);
        self.next = self.next.plus(arrivals.len() as u64);
        self.forget();
        true
    }

    /// Forgets what was reported, but for the last [`Self::KEPT`].
    fn forget(&mut self) {
        let reported = usize::try_from(self.next.ahead_of(self.first)).unwrap_or(0);
        let forgotten = reported.saturating_sub(Self::KEPT);
        self.arrivals.drain(..forgotten.min(self.arrivals.len()));
        self.first = self.first.plus(forgotten as u64);
    }
}

impl Default for TwccRecorder {
    fn default() -> Self {
        Self::new()
    }
}
