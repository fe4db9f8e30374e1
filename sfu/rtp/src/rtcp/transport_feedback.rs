use std::time::Duration;

use sfu_model::Ssrc;

use crate::SeqNo;

/// Transport-wide congestion control feedback
/// (draft-holmer-rmcat-transport-wide-cc-extensions-01 section 3.1).
#[derive(Clone, Copy, Debug)]
pub struct TransportFeedback<'a> {
    /// A stream of the transport.
    pub media_ssrc: Ssrc,
    /// The first packet that it is about.
    pub base_seq: SeqNo,
    /// How many packets it is about.
    pub status_count: u16,
    /// Where its times begin, in units of 64 ms; 24 bits, signed.
    pub reference_time: i32,
    /// Counts feedback packets; wraps.
    pub count: u8,
    /// Chunks and deltas.
    pub(super) bytes: &'a [u8],
}

/// One packet of a feedback.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PacketStatus {
    /// The transport-wide sequence number.
    pub seq: SeqNo,
    /// When it arrived, since the receiver's own beginning of time; `None`: not (yet).
    pub arrival: Option<Duration>,
}

impl TransportFeedback<'_> {
    /// Calls `each` for every packet, in order; at most `status_count` times. Stops where the feedback
    /// ends early.
    pub fn for_each(&self, each: impl FnMut(PacketStatus)) {
        todo!()
    }
}
