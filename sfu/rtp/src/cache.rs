use std::time::Instant;

use crate::ExtendedSeqNo;

/// The latest packets of one received stream, for retransmission to its subscribers.
///
/// Slots are reused; a slot's buffer is allocated when it is used for the first time. The ring is
/// empty until the first packet and grows while packets of the last second would be overwritten.
#[derive(Clone, Debug)]
pub struct PacketCache {}

impl PacketCache {
    /// Most packets of a video stream.
    pub const VIDEO: usize = 512;
    /// Most packets of an audio stream.
    pub const AUDIO: usize = 256;
    /// Longest packet that is kept, in bytes.
    pub const MAX_PACKET: usize = 2_048;

    /// Makes an empty ring that grows to `limit` packets, rounded up to a power of two.
    pub fn new(limit: usize) -> Self {
        todo!()
    }

    /// Keeps a copy of `packet` (plaintext, from the RTP header on). Late packets are kept as long as
    /// their slot is not taken by a later one.
    #[inline]
    pub fn insert(&mut self, now: Instant, seq: ExtendedSeqNo, packet: &[u8]) {
        todo!()
    }

    /// Returns the packet of number `seq`.
    #[inline]
    pub fn get(&self, seq: ExtendedSeqNo) -> Option<&[u8]> {
        todo!()
    }

    /// Returns the bytes that the ring holds on to.
    pub fn memory(&self) -> usize {
        todo!()
    }
}
