//! The twelve bytes that every RTP packet begins with.

use sfu_model::{PayloadType, Ssrc};

use crate::{RtpTimestamp, SeqNo};

/// The fixed header (RFC 3550 section 5.1) as fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FixedHeader {
    /// Version, padding bit, extension bit and the number of CSRCs.
    pub(crate) flags: u8,
    pub(crate) marker: bool,
    pub(crate) payload_type: PayloadType,
    pub(crate) seq: SeqNo,
    pub(crate) timestamp: RtpTimestamp,
    pub(crate) ssrc: Ssrc,
}

impl FixedHeader {
    pub(crate) const LEN: usize = 12;
    /// The bits of the version.
    pub(crate) const VERSION: u8 = 3 << 6;
    /// Version 2, without anything else.
    pub(crate) const VERSION_2: u8 = 2 << 6;
    pub(crate) const PADDING: u8 = 1 << 5;
    pub(crate) const EXTENSION: u8 = 1 << 4;

    #[inline]
    pub(crate) fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
        let [flags, second, q0, q1, t0, t1, t2, t3, s0, s1, s2, s3] = bytes;
        Self {
            flags,
            marker: second & 0x80 != 0,
            payload_type: PayloadType(second & 0x7f),
            seq: SeqNo(u16::from_be_bytes([q0, q1])),
            timestamp: RtpTimestamp(u32::from_be_bytes([t0, t1, t2, t3])),
            ssrc: Ssrc(u32::from_be_bytes([s0, s1, s2, s3])),
        }
    }

    #[inline]
    pub(crate) fn to_bytes(self) -> [u8; Self::LEN] {
        let second = u8::from(self.marker) << 7 | (self.payload_type.0 & 0x7f);
        let [q0, q1] = self.seq.0.to_be_bytes();
        let [t0, t1, t2, t3] = self.timestamp.0.to_be_bytes();
        let [s0, s1, s2, s3] = self.ssrc.0.to_be_bytes();
        [self.flags, second, q0, q1, t0, t1, t2, t3, s0, s1, s2, s3]
    }

    pub(crate) fn version(self) -> u8 {
        self.flags >> 6
    }

    /// Returns the length of the header with its CSRCs.
    pub(crate) fn len_with_csrcs(self) -> u16 {
        12 + u16::from(self.flags & 0x0f) * 4
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back() {
        let bytes = [0x92, 0xe1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10];
        let header = FixedHeader::from_bytes(bytes);
        assert_eq!(header.to_bytes(), bytes);
        assert_eq!((header.version(), header.len_with_csrcs()), (2, 20));
        assert_eq!(
            (header.marker, header.payload_type),
            (true, PayloadType(0x61))
        );
    }
}
