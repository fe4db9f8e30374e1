use sfu_model::{Extension, ExtensionMap, PayloadType, Ssrc};
use sfu_rtp::{AbsSendTime, RtpTimestamp, SeqNo};

/// The header of a packet that a publisher sends, with what its extensions say. An extension without an id in the
/// map is left out.
#[derive(Clone, Debug)]
pub(crate) struct PacketHeader<'a> {
    pub(crate) ssrc: Ssrc,
    pub(crate) seq: SeqNo,
    pub(crate) timestamp: RtpTimestamp,
    pub(crate) payload_type: PayloadType,
    pub(crate) marker: bool,
    pub(crate) mid: &'a str,
    /// RtpStreamId, or RepairedRtpStreamId of a retransmission.
    pub(crate) rid: Option<(Extension, &'a str)>,
    pub(crate) send_time: AbsSendTime,
    pub(crate) transport_cc: SeqNo,
    pub(crate) audio_level: Option<u8>,
}

/// Writes the header (RFC 3550 section 5.1) with one-byte extensions (RFC 8285 section 4.2).
pub(crate) fn write_header(header: &PacketHeader<'_>, ids: &ExtensionMap, out: &mut Vec<u8>) {
    const VERSION: u8 = 2 << 6;
    const EXTENSION: u8 = 1 << 4;
    out.push(VERSION | EXTENSION);
    out.push(u8::from(header.marker) << 7 | header.payload_type.0);
    out.extend_from_slice(&header.seq.0.to_be_bytes());
    out.extend_from_slice(&header.timestamp.0.to_be_bytes());
    out.extend_from_slice(&header.ssrc.0.to_be_bytes());
    out.extend_from_slice(&[0xbe, 0xde, 0, 0]);
    let start = out.len();
    let mut push = |extension, value: &[u8]| push_extension(out, ids, extension, value);
    push(Extension::Mid, header.mid.as_bytes());
    if let Some((extension, rid)) = header.rid {
        push(extension, rid.as_bytes());
    }
    push(Extension::AbsSendTime, &header.send_time.to_bytes());
    push(Extension::TransportCc, &header.transport_cc.0.to_be_bytes());
    if let Some(level) = header.audio_level {
        push(Extension::AudioLevel, &[level]);
    }
    let len = (out.len() - start).next_multiple_of(4);
    out.resize(start + len, 0);
    // At most five values of 16 bytes.
    if let Some(words) = out.get_mut(start - 1) {
        *words = (len / 4) as u8;
    }
}

fn push_extension(out: &mut Vec<u8>, ids: &ExtensionMap, extension: Extension, value: &[u8]) {
    let id = ids.id(extension).filter(|id| (1..=14).contains(&id.0));
    let (Some(id), 1..=16) = (id, value.len()) else {
        return;
    };
    out.push(id.0 << 4 | (value.len() - 1) as u8);
    out.extend_from_slice(value);
}
