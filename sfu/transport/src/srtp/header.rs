//! What SRTP reads of RTP and RTCP headers.

/// Length of the fixed RTP header (RFC 3550 section 5.1).
pub(super) const RTP_HEADER_LEN: usize = 12;

/// Length of the part of an RTCP compound that is not encrypted (RFC 3711 section 3.4).
pub(super) const RTCP_HEADER_LEN: usize = 8;

/// What SRTP needs of an RTP header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RtpHeader {
    pub(super) ssrc: u32,
    pub(super) sequence: u16,
    /// Length of the header with CSRCs and extension: what is authenticated but not encrypted.
    pub(super) len: usize,
}

impl RtpHeader {
    /// Reads the header of an RTP packet; the payload may be encrypted.
    pub(super) fn parse(packet: &[u8]) -> Option<Self> {
        let fixed: &[u8; RTP_HEADER_LEN] = packet.first_chunk()?;
        let [flags, _, seq_high, seq_low, _, _, _, _, ssrc @ ..] = *fixed;
        if flags >> 6 != 2 {
            return None;
        }
        let mut len = RTP_HEADER_LEN + 4 * usize::from(flags & 0x0F);
        if flags & 0x10 != 0 {
            // RFC 3550 section 5.3.1: profile, then length in words.
            let extension: &[u8; 4] = packet.get(len..)?.first_chunk()?;
            let words = u16::from_be_bytes([extension[2], extension[3]]);
            len += 4 + 4 * usize::from(words);
        }
        (len <= packet.len()).then_some(Self {
            ssrc: u32::from_be_bytes(ssrc),
            sequence: u16::from_be_bytes([seq_high, seq_low]),
            len,
        })
    }
}

/// Reads the sender's SSRC of an RTCP compound.
pub(super) fn rtcp_sender(packet: &[u8]) -> Option<u32> {
    let header: &[u8; RTCP_HEADER_LEN] = packet.first_chunk()?;
    let [flags, _, _, _, ssrc @ ..] = *header;
    (flags >> 6 == 2).then_some(u32::from_be_bytes(ssrc))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_ends_after_csrcs_and_extension() {
        let mut packet = vec![0; 12 + 8 + 4 + 4 + 3];
        packet[0] = 0x80 | 0x10 | 2;
        packet[23] = 1;
        assert_eq!(RtpHeader::parse(&packet).unwrap().len, 28);
    }

    #[test]
    fn a_header_that_ends_beyond_the_packet_is_refused() {
        for len in 0..28 {
            let mut packet = vec![0; 28];
            packet[0] = 0x80 | 0x10 | 2;
            packet[23] = 1;
            packet.truncate(len);
            assert_eq!(RtpHeader::parse(&packet), None, "{len} bytes");
        }
    }

    #[test]
    fn another_version_than_two_is_refused() {
        assert_eq!(RtpHeader::parse(&[0x40; 12]), None);
        assert_eq!(rtcp_sender(&[0x40; 8]), None);
    }
}
