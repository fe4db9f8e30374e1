use std::time::Instant;

use crate::{ExtendedSeqNo, RtpTimestamp, SeqNo};

/// What a forwarded packet is numbered as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Munged {
    /// Sequence number towards the receiver.
    pub seq: ExtendedSeqNo,
    /// Timestamp towards the receiver.
    pub timestamp: RtpTimestamp,
    /// Where it stands among those sent.
    pub order: Order,
}

/// Where a packet stands in its stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// It follows the highest.
    Next,
    /// It lies further ahead: packets between are missing.
    Gap,
    /// It lies behind the highest.
    Late,
}

/// Numbers the packets of one subscription, so that its receiver sees one stream without gaps over
/// switches of source, pauses and packets that are left out.
///
/// A gap is left exactly where a packet of the source is missing: when it comes late, or again, it
/// gets the number that was kept for it.
#[derive(Clone, Debug)]
pub struct Munger {
    clock_rate: u32,
}

impl Munger {
    /// Most runs of left-out packets that are remembered for late ones; older ones are not forwarded.
    pub const MAX_RUNS: usize = 128;

    /// Begins a stream whose first packet will have the number `first`.
    pub fn new(first: SeqNo, clock_rate: u32) -> Self {
        todo!()
    }

    /// Goes on with a packet of another source, or of the same one after a pause: `seq` and
    /// `timestamp` are those of its first packet that will be forwarded, which gets the number after
    /// the last. Call it before [`Munger::forward`] of that packet, the first packet of all included.
    ///
    /// `same_instant` is what the previous source's clock shows at `timestamp`
    /// ([`crate::RtpClock::same_instant`]; for the same source `timestamp` itself). Where it is
    /// unknown or impossible, the time since the last packet takes its place. The stream's
    /// timestamp always rises.
    pub fn switch_source(
        &mut self,
        now: Instant,
        seq: ExtendedSeqNo,
        timestamp: RtpTimestamp,
        same_instant: Option<RtpTimestamp>,
    ) {
        todo!()
    }

    /// Numbers a packet of the source. `None` when it cannot be: it is from before the switch, it was
    /// left out, or it is older than what is remembered.
    #[inline]
    pub fn forward(
        &mut self,
        now: Instant,
        seq: ExtendedSeqNo,
        timestamp: RtpTimestamp,
    ) -> Option<Munged> {
        todo!()
    }

    /// Leaves out a packet of the source (a layer not wanted, padding): the next one closes up.
    ///
    /// Returns `Some` when that is too late because the stream went on with a gap for it: the caller
    /// fills the gap with padding under that number, so that the receiver stops asking for it.
    #[inline]
    pub fn leave_out(&mut self, seq: ExtendedSeqNo, timestamp: RtpTimestamp) -> Option<Munged> {
        todo!()
    }

    /// Numbers a packet of our own (probe padding) behind the last one; with its timestamp.
    /// `None` before the first packet.
    pub fn insert(&mut self) -> Option<Munged> {
        todo!()
    }

    /// Returns what is added to timestamps of the source, for sender reports. `None` before the
    /// first packet.
    pub fn timestamp_offset(&self) -> Option<u32> {
        todo!()
    }

    /// Returns the highest number sent.
    pub fn highest(&self) -> Option<ExtendedSeqNo> {
        todo!()
    }
}
