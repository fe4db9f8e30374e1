use std::time::{Duration, Instant};

use crate::payload::Vp8Rewrite;
use crate::{ExtendedSeqNo, RtpTimestamp, SeqNo};

/// A packet that was sent, and where its bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SentPacket {
    /// Which of the publication's streams it came from; the caller's numbering.
    pub source: u8,
    /// Its number there: where the publication's [`crate::PacketCache`] has it.
    pub source_seq: ExtendedSeqNo,
    /// Timestamp that it was sent with.
    pub timestamp: RtpTimestamp,
    /// Marker bit that it was sent with.
    pub marker: bool,
    /// What replaced its VP8 descriptor.
    pub vp8: Option<Vp8Rewrite>,
}

/// Remembers which packet was sent under which number, so that a subscriber can ask for it again.
///
/// A ring of 32 bytes per packet. It is empty until the first packet and grows while packets of the
/// last second would be overwritten.
#[derive(Clone, Debug)]
pub struct Sequencer {}

impl Sequencer {
    /// Most times that one packet is sent again.
    pub const MAX_RETRANSMISSIONS: u8 = 3;

    /// Makes an empty ring that grows to `limit` packets, rounded up to a power of two.
    pub fn new(limit: usize) -> Self {
        todo!()
    }

    /// Notes that `packet` was sent as `seq`.
    #[inline]
    pub fn record(&mut self, now: Instant, seq: ExtendedSeqNo, packet: SentPacket) {
        todo!()
    }

    /// Returns what was sent as `seq`, if it may be sent again at `now`; that counts as sending it.
    ///
    /// # Errors
    ///
    /// Says why it is not sent again. `interval` is the least time since it was last sent.
    pub fn retransmit(
        &mut self,
        now: Instant,
        seq: SeqNo,
        interval: Duration,
    ) -> Result<SentPacket, NotRetransmitted> {
        todo!()
    }
}

/// Why a packet that was asked for is not sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotRetransmitted {
    /// It was never sent, is padding of our own, or has left the ring.
    Unknown,
    /// It was sent less than the interval ago.
    TooSoon,
    /// It was sent again [`Sequencer::MAX_RETRANSMISSIONS`] times.
    TooOften,
}
