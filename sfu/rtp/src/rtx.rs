//! Retransmission payload format (RFC 4588): a packet of another SSRC whose payload begins with the
//! original sequence number (OSN).

use sfu_model::{PayloadType, Ssrc};

use crate::RtpHeader;

/// Turns a received retransmission back into the original packet, in place: the stream's SSRC,
/// payload type and sequence number, and the OSN gone. Returns the original packet, which begins two
/// bytes into `packet`.
///
/// `None` for padding without an original (RFC 4588 carries none; senders probe with it) and when
/// `header` is not that of `packet`.
pub fn restore<'a>(
    packet: &'a mut [u8],
    header: &RtpHeader,
    ssrc: Ssrc,
    payload_type: PayloadType,
) -> Option<&'a mut [u8]> {
    todo!()
}
