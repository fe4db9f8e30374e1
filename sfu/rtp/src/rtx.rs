//! Retransmission payload format (RFC 4588): a packet of another SSRC whose payload begins with the
//! original sequence number (OSN).

use sfu_model::{PayloadType, Ssrc};

use crate::fixed_header::FixedHeader;
use crate::{RtpHeader, SeqNo};

/// Length of the OSN in bytes.
pub const OSN_LEN: usize = 2;

/// Turns a received retransmission back into the original packet, in place: the stream's SSRC,
/// payload type and sequence number, and the OSN gone. Returns the original packet, which begins two
/// bytes into `packet`.
///
/// `None` for padding without an original (senders probe with it) and when `header` is not that of
/// `packet`.
pub fn restore<'a>(
    packet: &'a mut [u8],
    header: &RtpHeader,
    ssrc: Ssrc,
    payload_type: PayloadType,
) -> Option<&'a mut [u8]> {
    let payload_start = usize::from(header.payload.start);
    let (osn, rest) = header.payload(packet).split_first_chunk::<OSN_LEN>()?;
    if rest.is_empty() {
        return None;
    }
    let osn = *osn;
    packet.copy_within(..payload_start, OSN_LEN);
    let original = packet.get_mut(OSN_LEN..)?;
    let bytes = original.first_chunk_mut::<{ FixedHeader::LEN }>()?;
    *bytes = FixedHeader {
        payload_type,
        seq: SeqNo(u16::from_be_bytes(osn)),
        ssrc,
        ..FixedHeader::from_bytes(*bytes)
    }
    .to_bytes();
    Some(original)
}

#[cfg(test)]
mod tests {
    use sfu_model::ExtensionMap;

    use super::*;
    use crate::RtpTimestamp;

    fn retransmission(flags: u8, rest: &[u8]) -> Vec<u8> {
        let mut packet = vec![0x80 | flags, 0xe1, 0, 7, 0, 0, 0, 9, 0, 0, 0, 2];
        packet.extend_from_slice(rest);
        packet
    }

    fn restore(packet: &mut [u8]) -> Option<&mut [u8]> {
        let header = RtpHeader::parse(packet).unwrap();
        super::restore(packet, &header, Ssrc(1), PayloadType(96))
    }

    #[test]
    fn a_retransmission_becomes_its_original() {
        let rest = b"\xbe\xde\0\x01\x10x\0\0\xff\xfepayload\0\x02";
        let mut packet = retransmission(0x30, rest);
        let original = restore(&mut packet).unwrap();
        let header = RtpHeader::parse(original).unwrap();
        assert_eq!((header.ssrc, header.seq), (Ssrc(1), SeqNo(0xfffe)));
        assert_eq!(
            (header.payload_type, header.marker, header.timestamp),
            (PayloadType(96), true, RtpTimestamp(9))
        );
        assert_eq!(
            (header.payload(original), header.padding),
            (&b"payload"[..], 2)
        );
        let mut ids = Vec::new();
        header.for_each_extension(original, |id, range| ids.push((id.0, range.of(original))));
        assert_eq!(ids, [(1, &b"x"[..])]);
    }

    #[test]
    fn padding_has_no_original() {
        for rest in [&b""[..], b"\x01", b"\x01\x02"] {
            assert_eq!(restore(&mut retransmission(0, rest)), None);
        }
        assert_eq!(restore(&mut retransmission(0x20, b"\0\0\x03")), None);
    }

    #[test]
    fn what_is_written_as_a_retransmission_is_restored() {
        use crate::{Outgoing, OutgoingExtensions, OutgoingPayload, write_rtp};
        let mut out = Vec::new();
        let header = Outgoing {
            ssrc: Ssrc(2),
            seq: SeqNo(5),
            timestamp: RtpTimestamp(9),
            payload_type: PayloadType(97),
            marker: false,
        };
        let payload = OutgoingPayload {
            original_seq: Some(SeqNo(77)),
            ..OutgoingPayload::plain(b"payload")
        };
        let none = OutgoingExtensions::default();
        write_rtp(&mut out, &header, &ExtensionMap::default(), &none, &payload);
        let original = restore(&mut out).unwrap();
        let header = RtpHeader::parse(original).unwrap();
        assert_eq!(
            (header.seq, header.payload(original)),
            (SeqNo(77), &b"payload"[..])
        );
    }
}
