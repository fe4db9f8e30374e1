//! RTP packets as they are written for a subscriber.

use sfu_model::{Extension, ExtensionId, ExtensionMap, Mid, PayloadType, Ssrc};

use crate::fixed_header::FixedHeader;
use crate::payload::{Vp8Descriptor, Vp8Rewrite};
use crate::rtx::OSN_LEN;
use crate::{AbsSendTime, ExtensionForm, PlayoutDelay, RtpHeader, RtpTimestamp, SeqNo};

/// The fixed header of a packet to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// The stream.
    pub ssrc: Ssrc,
    /// Place in the stream.
    pub seq: SeqNo,
    /// Sampling instant.
    pub timestamp: RtpTimestamp,
    /// Payload format.
    pub payload_type: PayloadType,
    /// The marker bit.
    pub marker: bool,
}

/// The header extensions of a packet to send. One that the receiver's [`ExtensionMap`] does not bind
/// is left out; rid and repaired rid are never sent, since a subscription is one stream.
#[derive(Clone, Copy, Debug, Default)]
pub struct OutgoingExtensions<'a> {
    /// The media section.
    pub mid: Option<Mid>,
    /// When the packet leaves.
    pub abs_send_time: Option<AbsSendTime>,
    /// The transport-wide sequence number.
    pub transport_cc: Option<SeqNo>,
    /// Bounds of the playout delay.
    pub playout_delay: Option<PlayoutDelay>,
    /// Audio level, as received.
    pub audio_level: Option<&'a [u8]>,
    /// Capture time, as received.
    pub abs_capture_time: Option<&'a [u8]>,
    /// Dependency descriptor.
    pub dependency_descriptor: Option<&'a [u8]>,
    /// Orientation, as received.
    pub video_orientation: Option<&'a [u8]>,
}

/// The payload of a packet to send.
#[derive(Clone, Copy, Debug)]
pub struct OutgoingPayload<'a> {
    /// The payload, as received and without padding.
    pub bytes: &'a [u8],
    /// The original sequence number: the packet is a retransmission (RFC 4588 section 4).
    pub original_seq: Option<SeqNo>,
    /// What replaces the VP8 descriptor in front of `bytes`.
    pub vp8: Option<(Vp8Descriptor, Vp8Rewrite)>,
    /// Bytes of padding behind the payload (RFC 3550 section 5.1); zero for none.
    pub padding: u8,
}

impl<'a> OutgoingPayload<'a> {
    /// Sends `bytes` as they are.
    pub fn plain(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            original_seq: None,
            vp8: None,
            padding: 0,
        }
    }
}

/// Appends a packet to `out` and returns its length. It has the padding that `payload` says, whatever
/// the received one had.
#[inline]
pub fn write_rtp(
    out: &mut Vec<u8>,
    header: &Outgoing,
    map: &ExtensionMap,
    extensions: &OutgoingExtensions<'_>,
    payload: &OutgoingPayload<'_>,
) -> usize {
    let start = out.len();
    let flags = match payload.padding {
        0 => 0,
        _ => FixedHeader::PADDING,
    };
    let len = payload.bytes.len() + usize::from(payload.padding);
    write_header(out, header, map, extensions, flags, len);
    if let Some(seq) = payload.original_seq {
        out.extend_from_slice(&seq.0.to_be_bytes());
    }
    let rest = match &payload.vp8 {
        Some((descriptor, rewrite)) => {
            rewrite.write(descriptor, payload.bytes, out);
            payload.bytes.get(usize::from(descriptor.len)..)
        }
        None => Some(payload.bytes),
    };
    out.extend_from_slice(rest.unwrap_or_default());
    pad(out, payload.padding);
    out.len() - start
}

/// Appends a packet of nothing but `padding` bytes (at least one, the count byte) and returns its
/// length.
pub fn write_padding(
    out: &mut Vec<u8>,
    header: &Outgoing,
    map: &ExtensionMap,
    extensions: &OutgoingExtensions<'_>,
    padding: u8,
) -> usize {
    let start = out.len();
    let padding = padding.max(1);
    write_header(out, header, map, extensions, FixedHeader::PADDING, 0);
    pad(out, padding);
    out.len() - start
}

/// Appends `padding` bytes, of which the last is their count.
#[inline]
fn pad(out: &mut Vec<u8>, padding: u8) {
    if let Some(zeros) = padding.checked_sub(1) {
        out.resize(out.len() + usize::from(zeros), 0);
        out.push(padding);
    }
}

/// Length of what stands before the extension elements.
const BLOCK_HEAD_LEN: usize = 4;

/// Most bytes that a packet has besides extension values as received and its payload: the fixed
/// header, the head of the extension block, eight element heads of two bytes, values of our own,
/// alignment, and an OSN with a longer VP8 descriptor.
const OVERHEAD: usize =
    FixedHeader::LEN + BLOCK_HEAD_LEN + 8 * 2 + (16 + 3 + 2 + 3) + 3 + OSN_LEN + 6;

#[inline]
fn write_header(
    out: &mut Vec<u8>,
    header: &Outgoing,
    map: &ExtensionMap,
    extensions: &OutgoingExtensions<'_>,
    flags: u8,
    payload_len: usize,
) {
    out.reserve(OVERHEAD + extensions.received_len() + payload_len);
    let start = out.len();
    let fixed = FixedHeader {
        flags: FixedHeader::VERSION_2 | flags,
        marker: header.marker,
        payload_type: header.payload_type,
        seq: header.seq,
        timestamp: header.timestamp,
        ssrc: header.ssrc,
    };
    out.extend_from_slice(&fixed.to_bytes());
    // Nearly every packet fits the one-byte form.
    let block = out.len();
    if !extensions.write(out, map, ExtensionForm::OneByte) {
        out.truncate(block);
        extensions.write(out, map, ExtensionForm::TwoByte);
    }
    if out.len() > block
        && let Some(first) = out.get_mut(start)
    {
        *first |= FixedHeader::EXTENSION;
    }
}

impl OutgoingExtensions<'_> {
    /// Returns the length of the values that were received.
    fn received_len(&self) -> usize {
        [
            self.audio_level,
            self.abs_capture_time,
            self.dependency_descriptor,
            self.video_orientation,
        ]
        .into_iter()
        .flatten()
        .map(<[u8]>::len)
        .sum()
    }

    /// Appends the extension block in `form`, or nothing when there are no elements. `false` when an
    /// element does not fit the one-byte form; what was appended is for the caller to take back.
    #[inline]
    fn write(&self, out: &mut Vec<u8>, map: &ExtensionMap, form: ExtensionForm) -> bool {
        let send_time = self.abs_send_time.map(AbsSendTime::to_bytes);
        let transport_seq = self.transport_cc.map(|seq| seq.0.to_be_bytes());
        let playout_delay = self.playout_delay.map(PlayoutDelay::to_bytes);
        let mid = self.mid.as_ref().map(|mid| mid.0.as_bytes());

        let block = out.len();
        out.extend_from_slice(&[0; BLOCK_HEAD_LEN]);
        let mut write =
            |extension: Extension, value: Option<&[u8]>| match (value, map.id(extension)) {
                (Some(value), Some(id)) => write_element(out, form, id, value),
                (Some(_) | None, _) => true,
            };
        let fits = write(Extension::Mid, mid)
            && write(Extension::AbsSendTime, send_time.as_ref().map(|v| &v[..]))
            && write(
                Extension::TransportCc,
                transport_seq.as_ref().map(|v| &v[..]),
            )
            && write(
                Extension::PlayoutDelay,
                playout_delay.as_ref().map(|v| &v[..]),
            )
            && write(Extension::AudioLevel, self.audio_level)
            && write(Extension::AbsCaptureTime, self.abs_capture_time)
            && write(Extension::DependencyDescriptor, self.dependency_descriptor)
            && write(Extension::VideoOrientation, self.video_orientation);
        if fits {
            finish_block(out, block, form);
        }
        fits
    }
}

/// Appends an element. One that neither form can say (an empty value, or one above 255 bytes) is
/// left out. `false` when it does not fit the one-byte form.
#[inline]
fn write_element(out: &mut Vec<u8>, form: ExtensionForm, id: ExtensionId, value: &[u8]) -> bool {
    let Ok(len @ 1..) = u8::try_from(value.len()) else {
        return true;
    };
    if id.0 == 0 {
        return true;
    }
    if form == ExtensionForm::TwoByte {
        out.extend_from_slice(&[id.0, len]);
        out.extend_from_slice(value);
        return true;
    }
    if id.0 > 14 || len > 16 {
        return false;
    }
    let head = id.0 << 4 | (len - 1);
    // The lengths that there mostly are: copies of a known length need no call.
    match *value {
        [a] => out.extend_from_slice(&[head, a]),
        [a, b] => out.extend_from_slice(&[head, a, b]),
        [a, b, c] => out.extend_from_slice(&[head, a, b, c]),
        [a, b, c, d, e, f, g, h] => out.extend_from_slice(&[head, a, b, c, d, e, f, g, h]),
        _ => {
            out.push(head);
            out.extend_from_slice(value);
        }
    }
    true
}

/// Fills in the head of the block that begins at `block` and aligns its end; takes back an empty one.
#[inline]
fn finish_block(out: &mut Vec<u8>, block: usize, form: ExtensionForm) {
    let len = out.len() - block - BLOCK_HEAD_LEN;
    if len == 0 {
        out.truncate(block);
        return;
    }
    let words = len.div_ceil(4);
    let profile = match form {
        ExtensionForm::TwoByte => RtpHeader::TWO_BYTE_PROFILE,
        ExtensionForm::OneByte | ExtensionForm::None => RtpHeader::ONE_BYTE_PROFILE,
    };
    for _ in len..words * 4 {
        out.push(0);
    }
    let head = out.get_mut(block..).and_then(<[u8]>::first_chunk_mut);
    if let Some(head) = head {
        let [p0, p1] = profile.to_be_bytes();
        // At most 8 * 257 bytes: 514 words.
        let [w0, w1] = u16::try_from(words).unwrap_or(u16::MAX).to_be_bytes();
        *head = [p0, p1, w0, w1];
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use sfu_model::{Token, UnixTime};

    use super::*;
    use crate::{ExtensionRanges, ExtensionTable};

    const HEADER: Outgoing = Outgoing {
        ssrc: Ssrc(0xdead_beef),
        seq: SeqNo(0xffff),
        timestamp: RtpTimestamp(0x0102_0304),
        payload_type: PayloadType(111),
        marker: true,
    };

    fn map(ids: &[(Extension, u8)]) -> ExtensionMap {
        ids.iter().map(|(e, id)| (*e, ExtensionId(*id))).collect()
    }

    fn extensions() -> OutgoingExtensions<'static> {
        OutgoingExtensions {
            mid: Some(Mid(Token::new(b"12").unwrap())),
            abs_send_time: Some(AbsSendTime::from(UnixTime(Duration::from_secs(3)))),
            transport_cc: Some(SeqNo(0x1234)),
            audio_level: Some(&[0x85]),
            ..OutgoingExtensions::default()
        }
    }

    #[test]
    fn what_is_written_reads_back() {
        let map = map(&[
            (Extension::Mid, 4),
            (Extension::TransportCc, 14),
            (Extension::AudioLevel, 1),
        ]);
        let mut out = b"before".to_vec();
        let payload = OutgoingPayload::plain(b"payload");
        let len = write_rtp(&mut out, &HEADER, &map, &extensions(), &payload);
        let packet = &out[6..];
        assert_eq!((len, &out[..6]), (packet.len(), &b"before"[..]));
        let read = RtpHeader::parse(packet).unwrap();
        assert_eq!(read.ssrc, HEADER.ssrc);
        assert_eq!((read.seq, read.timestamp), (HEADER.seq, HEADER.timestamp));
        assert_eq!(
            (read.payload_type, read.marker, read.padding),
            (PayloadType(111), true, 0)
        );
        assert_eq!(read.extension_form, ExtensionForm::OneByte);
        assert_eq!(read.payload(packet), b"payload");
        let found = ExtensionRanges::find(&read, packet, &ExtensionTable::from(&map));
        assert_eq!(found.mid(packet).unwrap().0.as_str(), "12");
        assert_eq!(found.transport_cc(packet), Some(SeqNo(0x1234)));
        assert_eq!(found.audio_level(packet).unwrap().level, 5);
        assert_eq!(found.get(packet, Extension::AbsSendTime), None);
    }

    #[test]
    fn a_packet_without_extensions_is_twelve_bytes_and_its_payload() {
        let mut out = Vec::new();
        let payload = OutgoingPayload::plain(b"payload");
        let none = ExtensionMap::default();
        write_rtp(&mut out, &HEADER, &none, &extensions(), &payload);
        let head = [0x80, 0xef, 0xff, 0xff, 1, 2, 3, 4, 0xde, 0xad, 0xbe, 0xef];
        assert_eq!(out, [&head[..], b"payload"].concat());
    }

    #[test]
    fn high_identifiers_and_long_values_take_the_two_byte_form() {
        let descriptor = [7; 40];
        let long = OutgoingExtensions {
            dependency_descriptor: Some(&descriptor),
            ..extensions()
        };
        let ids = [(Extension::Mid, 4), (Extension::DependencyDescriptor, 5)];
        for (map, extensions) in [
            (map(&[(Extension::Mid, 15)]), extensions()),
            (map(&ids), long),
        ] {
            let mut out = Vec::new();
            let payload = OutgoingPayload::plain(b"payload");
            write_rtp(&mut out, &HEADER, &map, &extensions, &payload);
            let read = RtpHeader::parse(&out).unwrap();
            assert_eq!(read.extension_form, ExtensionForm::TwoByte);
            let found = ExtensionRanges::find(&read, &out, &ExtensionTable::from(&map));
            assert_eq!(found.mid(&out).unwrap().0.as_str(), "12");
            assert_eq!(
                found.dependency_descriptor(&out),
                extensions.dependency_descriptor
            );
            assert_eq!(read.payload(&out), b"payload");
        }
    }

    #[test]
    fn every_length_of_value_keeps_the_payload_aligned() {
        let values = [9; 255];
        let map = map(&[(Extension::DependencyDescriptor, 3)]);
        for len in 0..=255 {
            let extensions = OutgoingExtensions {
                dependency_descriptor: Some(&values[..len]),
                ..OutgoingExtensions::default()
            };
            let mut out = Vec::new();
            let payload = OutgoingPayload::plain(b"payload");
            write_rtp(&mut out, &HEADER, &map, &extensions, &payload);
            let read = RtpHeader::parse(&out).unwrap();
            assert_eq!(read.payload(&out), b"payload");
            let found = ExtensionRanges::find(&read, &out, &ExtensionTable::from(&map));
            assert_eq!(
                found.dependency_descriptor(&out).map_or(0, <[u8]>::len),
                len
            );
        }
    }

    #[test]
    fn the_longest_header_is_written_without_growing_twice() {
        let long = [1; 255];
        let all = Extension::ALL.into_iter().zip(16..);
        let map = all.map(|(e, id)| (e, ExtensionId(id))).collect();
        let extensions = OutgoingExtensions {
            playout_delay: Some(PlayoutDelay {
                min: Duration::ZERO,
                max: Duration::ZERO,
            }),
            audio_level: Some(&long),
            abs_capture_time: Some(&long),
            dependency_descriptor: Some(&long),
            video_orientation: Some(&long),
            ..extensions()
        };
        let bytes = [0x90, 0xf0, 0x05, 0x01, 0x7f, 0xaa];
        let payload = OutgoingPayload {
            bytes: &bytes,
            original_seq: Some(SeqNo(1)),
            vp8: Some((Vp8Descriptor::parse(&bytes).unwrap(), Vp8Rewrite::default())),
            padding: 0,
        };
        let mut out = Vec::new();
        let len = write_rtp(&mut out, &HEADER, &map, &extensions, &payload);
        assert!(len <= OVERHEAD + 4 * 255 + bytes.len());
        assert!(RtpHeader::parse(&out).is_ok());
    }

    #[test]
    fn padding_has_its_bit_and_its_count() {
        let mut out = Vec::new();
        for padding in [0, 1, 255] {
            out.clear();
            let map = map(&[(Extension::TransportCc, 3)]);
            write_padding(&mut out, &HEADER, &map, &extensions(), padding);
            let read = RtpHeader::parse(&out).unwrap();
            assert!(read.is_padding_only());
            assert_eq!(read.padding, padding.max(1));
            let found = ExtensionRanges::find(&read, &out, &ExtensionTable::from(&map));
            assert_eq!(found.transport_cc(&out), Some(SeqNo(0x1234)));
        }
    }

    #[test]
    fn a_rewritten_descriptor_stands_behind_the_original_number() {
        let bytes = [0x90, 0x80, 0x05, 0x01, b'x'];
        let rewrite = Vp8Rewrite {
            picture_id: 0x0102,
            ..Vp8Rewrite::default()
        };
        let payload = OutgoingPayload {
            bytes: &bytes,
            original_seq: Some(SeqNo(0x3132)),
            vp8: Some((Vp8Descriptor::parse(&bytes).unwrap(), rewrite)),
            padding: 0,
        };
        let mut out = Vec::new();
        let none = ExtensionMap::default();
        write_rtp(&mut out, &HEADER, &none, &extensions(), &payload);
        let expected = [0x31, 0x32, 0x90, 0x80, 0x81, 0x02, 0x01, b'x'];
        assert_eq!(&out[12..], expected);
    }
}
