//! Telling the protocols on one port apart.

/// What a datagram is, by its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PacketKind {
    /// A STUN message: a connectivity check.
    Stun,
    /// DTLS records.
    Dtls,
    /// SRTP.
    Rtp,
    /// SRTCP.
    Rtcp,
    /// Nothing that a peer sends us.
    Other,
}

/// Tells protocols on one port apart (RFC 7983 section 7; RFC 5761 section 4 for RTP and RTCP).
pub fn classify(datagram: &[u8]) -> PacketKind {
    match *datagram {
        [0..=3, ..] => PacketKind::Stun,
        [20..=63, ..] => PacketKind::Dtls,
        // RFC 5761 section 4: RTCP packet types 192 to 223 share the byte of marker and payload type.
        [128..=191, 192..=223, ..] => PacketKind::Rtcp,
        [128..=191, _, ..] => PacketKind::Rtp,
        _ => PacketKind::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_byte_names_the_protocol() {
        let kind = |first: u8| classify(&[first, 96]);
        assert_eq!((kind(0), kind(3)), (PacketKind::Stun, PacketKind::Stun));
        assert_eq!((kind(4), kind(19)), (PacketKind::Other, PacketKind::Other));
        assert_eq!((kind(20), kind(63)), (PacketKind::Dtls, PacketKind::Dtls));
        assert_eq!(
            (kind(64), kind(127)),
            (PacketKind::Other, PacketKind::Other)
        );
        assert_eq!((kind(128), kind(191)), (PacketKind::Rtp, PacketKind::Rtp));
        assert_eq!(
            (kind(192), kind(255)),
            (PacketKind::Other, PacketKind::Other)
        );
    }

    #[test]
    fn the_second_byte_tells_rtcp_from_rtp() {
        let kind = |second: u8| classify(&[128, second]);
        assert_eq!((kind(191), kind(224)), (PacketKind::Rtp, PacketKind::Rtp));
        assert_eq!((kind(192), kind(223)), (PacketKind::Rtcp, PacketKind::Rtcp));
    }

    #[test]
    fn an_empty_datagram_and_half_an_rtp_header_are_nothing() {
        assert_eq!(classify(&[]), PacketKind::Other);
        assert_eq!(classify(&[128]), PacketKind::Other);
    }
}
