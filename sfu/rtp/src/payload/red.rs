//! Redundant audio (RFC 2198): earlier packets again in front of the latest.

use sfu_model::PayloadType;

use crate::{ExtendedSeqNo, RtpTimestamp};

/// One encoding in a RED payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block<'a> {
    /// Its payload type.
    pub payload_type: PayloadType,
    /// How far before the packet's timestamp it lies: 14 bits; zero for the primary.
    pub timestamp_offset: u16,
    /// Its payload.
    pub bytes: &'a [u8],
    /// Whether it is the primary encoding: the last one.
    pub primary: bool,
}

/// Most redundant blocks of a packet that are read.
pub const MAX_REDUNDANT: usize = 8;

/// Iterates over the blocks of a RED payload, oldest first. Ends at once when the payload does not
/// parse as a whole.
pub fn blocks(payload: &[u8]) -> Blocks<'_> {
    todo!()
}

/// Iterator of [`blocks`].
#[derive(Clone, Debug)]
pub struct Blocks<'a> {
    headers: &'a [u8],
}

impl<'a> Iterator for Blocks<'a> {
    type Item = Block<'a>;

    fn next(&mut self) -> Option<Block<'a>> {
        todo!()
    }
}

/// Returns the primary encoding: the packet as plain Opus. `None` when the payload does not parse.
pub fn primary(payload: &[u8]) -> Option<&[u8]> {
    todo!()
}

/// A plain packet out of a RED one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlainPacket<'a> {
    /// Its number.
    pub seq: ExtendedSeqNo,
    /// Its timestamp.
    pub timestamp: RtpTimestamp,
    /// Its payload.
    pub bytes: &'a [u8],
}

/// Turns a RED stream into a plain one: every packet once, lost ones out of later ones' redundancy.
#[derive(Clone, Copy, Debug, Default)]
pub struct RedReceiver {}

impl RedReceiver {
    /// Calls `plain` for each packet that `payload` brings and that was not had before, in order.
    pub fn on_packet<'a>(
        &mut self,
        seq: ExtendedSeqNo,
        timestamp: RtpTimestamp,
        payload: &'a [u8],
        plain: impl FnMut(PlainPacket<'a>),
    ) {
        todo!()
    }
}
