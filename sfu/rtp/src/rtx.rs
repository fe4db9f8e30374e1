//! Retransmission payload format (RFC 4588): a packet of another SSRC whose payload begins with the
//! original sequence number (OSN).

use sfu_model::{PayloadType, Ssrc};

use crate::RtpHeader;

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
    let [q0, q1] = *osn;
    packet.copy_within(..payload_start, OSN_LEN);
    let original = packet.get_mut(OSN_LEN..)?;
    let fixed = original.first_chunk_mut::<{ RtpHeader::FIXED_LEN }>()?;
    let [flags, _, _, _, t0, t1, t2, t3, ..] = *fixed;
    let marker_and_type = u8::from(header.marker) << 7 | (payload_type.0 & 0x7f);
    let [s0, s1, s2, s3] = ssrc.0.to_be_bytes();
    *fixed = [
        flags,
        marker_and_type,
        q0,
        q1,
        t0,
        t1,
        t2,
        t3,
        s0,
        s1,
        s2,
        s3,
    ];
    Some(original)
}
