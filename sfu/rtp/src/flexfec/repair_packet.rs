//! The payload of a FlexFEC-03 packet (draft-ietf-payload-flexible-fec-scheme-03 section 4.2).

use std::fmt;

use sfu_model::{Extension, PayloadType, Ssrc};

use crate::fixed_header::FixedHeader;
use crate::{ByteRange, ExtensionRanges, ExtensionTable, RtpHeader, RtpTimestamp, SeqNo};

/// Bytes before the first mask: of what protects one stream.
const FIXED_LEN: usize = 18;

/// Bits of the three masks that may follow each other, each behind a bit that says whether it is the last.
const MASK_BITS: [u32; 3] = [15, 31, 63];

/// What a repair packet says of the packets that it protects: the exclusive or of each field of their headers.
///
/// Layout of the payload: `|R|F|P|X| CC |M| PT | length |` (4 bytes), timestamp (4), number of streams (1), reserved
/// (3), then of each stream its SSRC (4), the base of its sequence numbers (2) and the masks; the rest is the exclusive
/// or of what follows the fixed headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RepairPacket<'a> {
    /// The stream that it protects.
    pub protected: Ssrc,
    /// The sequence number of the mask's lowest bit.
    pub base: SeqNo,
    /// A bit for each packet that it protects, from `base` on; not zero.
    pub mask: u128,
    /// P, X, CC, M and payload type.
    pub(super) flags: [u8; 2],
    /// Lengths in bytes without the fixed headers.
    pub(super) len: u16,
    pub(super) timestamp: [u8; 4],
    /// What follows the fixed headers.
    pub(super) rest: &'a [u8],
}

/// A packet of the stream that is protected, as it came.
#[derive(Clone, Copy, Debug)]
pub struct ProtectedPacket<'a> {
    bytes: &'a [u8],
    /// What counts as zero.
    zeroed: [Option<ByteRange>; 2],
}

/// Why a repair packet is of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RepairPacketError {
    /// It ends within its header.
    Short,
    /// It repeats a packet, has a fixed mask, or protects several streams, or none: nobody sends that.
    Unsupported,
    /// No packet is protected, or the last mask says that another one follows.
    Mask,
}

impl fmt::Display for RepairPacketError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Short => "a FlexFEC header is cut short",
            Self::Unsupported => "a FlexFEC packet is of an unsupported form",
            Self::Mask => "a FlexFEC packet has no valid mask",
        })
    }
}

impl std::error::Error for RepairPacketError {}

impl<'a> RepairPacket<'a> {
    /// Reads the payload of a packet.
    ///
    /// # Errors
    ///
    /// It is no repair packet that protects one stream.
    pub fn parse(payload: &'a [u8]) -> Result<Self, RepairPacketError> {
        let (fixed, masks) = payload
            .split_first_chunk::<FIXED_LEN>()
            .ok_or(RepairPacketError::Short)?;
        let [
            flags @ ..,
            len_high,
            len_low,
            t0,
            t1,
            t2,
            t3,
            streams,
            _,
            _,
            _,
            s0,
            s1,
            s2,
            s3,
            base_high,
            base_low,
        ] = *fixed;
        let [first, _] = flags;
        if first & FixedHeader::VERSION != 0 || streams != 1 {
            return Err(RepairPacketError::Unsupported);
        }
        let (mask, rest) = read_masks(masks)?;
        Ok(Self {
            protected: Ssrc(u32::from_be_bytes([s0, s1, s2, s3])),
            base: SeqNo(u16::from_be_bytes([base_high, base_low])),
            mask,
            flags,
            len: u16::from_be_bytes([len_high, len_low]),
            timestamp: [t0, t1, t2, t3],
            rest,
        })
    }

    /// Writes the one protected packet that is missing, of number `missing`, into `out`. `others` are all others that are
    /// protected.
    ///
    /// `None` where they do not fit together.
    pub fn restore<'b>(
        &self,
        missing: SeqNo,
        others: impl Iterator<Item = ProtectedPacket<'b>>,
        out: &mut Vec<u8>,
    ) -> Option<()> {
        let Self {
            mut flags,
            mut len,
            mut timestamp,
            ..
        } = *self;
        out.clear();
        out.extend_from_slice(&[0; FixedHeader::LEN]);
        out.extend_from_slice(self.rest);
        for other in others {
            let (header, rest) = other.bytes.split_first_chunk::<{ FixedHeader::LEN }>()?;
            add(&mut flags, header);
            len ^= u16::try_from(rest.len()).ok()?;
            add(&mut timestamp, header.get(4..)?);
            add(out.get_mut(FixedHeader::LEN..)?, rest);
            // What is added twice is as if it were zero.
            for range in other.zeroed.into_iter().flatten() {
                let to = out.get_mut(usize::from(range.start)..).unwrap_or_default();
                add(to, range.of(other.bytes));
            }
        }
        let total = FixedHeader::LEN + usize::from(len);
        if total > out.len() {
            return None;
        }
        out.truncate(total);
        let [first, second] = flags;
        let header = FixedHeader {
            flags: FixedHeader::VERSION_2 | first & !FixedHeader::VERSION,
            marker: second & 0x80 != 0,
            payload_type: PayloadType(second & 0x7f),
            seq: missing,
            timestamp: RtpTimestamp(u32::from_be_bytes(timestamp)),
            ssrc: self.protected,
        };
        let to = out.first_chunk_mut()?;
        *to = header.to_bytes();
        Some(())
    }
}

impl<'a> ProtectedPacket<'a> {
    /// Finds what of a packet was protected, by the extensions of its transport: its number there and its time of sending
    /// are written when it leaves, and protected as zeros.
    pub fn new(bytes: &'a [u8], table: &ExtensionTable) -> Option<Self> {
        let header = RtpHeader::parse(bytes).ok()?;
        let ranges = ExtensionRanges::find(&header, bytes, table);
        let zeroed = [Extension::AbsSendTime, Extension::TransportCc];
        Some(Self {
            bytes,
            zeroed: zeroed.map(|extension| ranges.range(extension)),
        })
    }
}

/// Adds bytes to bytes, as far as both go.
fn add(to: &mut [u8], bytes: &[u8]) {
    for (to, byte) in to.iter_mut().zip(bytes) {
        *to ^= byte;
    }
}

/// Reads the masks, and returns what follows them.
fn read_masks(mut bytes: &[u8]) -> Result<(u128, &[u8]), RepairPacketError> {
    let (mut mask, mut shift) = (0_u128, 0);
    for bits in MASK_BITS {
        let len = (bits as usize + 1) / 8;
        let (field, rest) = bytes
            .split_at_checked(len)
            .ok_or(RepairPacketError::Short)?;
        let value = field
            .iter()
            .fold(0_u64, |value, byte| value << 8 | u64::from(*byte));
        let is_last = value >> bits == 1;
        // The first bit of a mask is its highest, the first packet's is the lowest of `mask`.
        let packets = (value << (64 - bits)).reverse_bits();
        mask |= u128::from(packets) << shift;
        shift += bits;
        bytes = rest;
        if is_last {
            return match mask {
                0 => Err(RepairPacketError::Mask),
                mask => Ok((mask, bytes)),
            };
        }
    }
    Err(RepairPacketError::Mask)
}
