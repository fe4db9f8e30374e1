use sfu_model::{Extension, ExtensionId, ExtensionMap, Mid, PayloadType, Ssrc};

use crate::payload::{Vp8Descriptor, Vp8Rewrite};
use crate::{AbsSendTime, PlayoutDelay, RtpHeader, RtpTimestamp, SeqNo};

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
}

impl<'a> OutgoingPayload<'a> {
    /// Sends `bytes` as they are.
    pub fn plain(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            original_seq: None,
            vp8: None,
        }
    }
}

/// Appends a packet to `out` and returns its length. It never has padding, whatever the received
/// one had.
#[inline]
pub fn write_rtp(
    out: &mut Vec<u8>,
    header: &Outgoing,
    map: &ExtensionMap,
    extensions: &OutgoingExtensions<'_>,
    payload: &OutgoingPayload<'_>,
) -> usize {
    let start = out.len();
    write_header(out, header, map, extensions, 0, payload.bytes.len());
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
    write_header(out, header, map, extensions, PADDING_BIT, 0);
    out.resize(out.len() + usize::from(padding) - 1, 0);
    out.push(padding);
    out.len() - start
}

const VERSION_2: u8 = 2 << 6;
const PADDING_BIT: u8 = 1 << 5;
const EXTENSION_BIT: u8 = 1 << 4;

/// Most extension elements of one packet.
const MAX_ELEMENTS: usize = 8;

/// Most bytes that a packet has besides its extension values and its payload: the fixed header, the
/// head of the extension block, one element head of two bytes each, alignment, and an OSN with a
/// longer VP8 descriptor.
const OVERHEAD: usize = RtpHeader::FIXED_LEN + 4 + 2 * MAX_ELEMENTS + 3 + 2 + 6;

#[inline]
fn write_header(
    out: &mut Vec<u8>,
    header: &Outgoing,
    map: &ExtensionMap,
    extensions: &OutgoingExtensions<'_>,
    flags: u8,
    payload_len: usize,
) {
    let send_time = extensions.abs_send_time.map(AbsSendTime::to_bytes);
    let transport_seq = extensions.transport_cc.map(|seq| seq.0.to_be_bytes());
    let playout_delay = extensions.playout_delay.map(PlayoutDelay::to_bytes);
    let mid = extensions.mid.as_ref().map(|mid| mid.0.as_bytes());
    let values: [(Extension, Option<&[u8]>); MAX_ELEMENTS] = [
        (Extension::Mid, mid),
        (Extension::AbsSendTime, send_time.as_ref().map(|v| &v[..])),
        (
            Extension::TransportCc,
            transport_seq.as_ref().map(|v| &v[..]),
        ),
        (
            Extension::PlayoutDelay,
            playout_delay.as_ref().map(|v| &v[..]),
        ),
        (Extension::AudioLevel, extensions.audio_level),
        (Extension::AbsCaptureTime, extensions.abs_capture_time),
        (
            Extension::DependencyDescriptor,
            extensions.dependency_descriptor,
        ),
        (Extension::VideoOrientation, extensions.video_orientation),
    ];
    let mut elements = Elements::default();
    for (extension, value) in values {
        if let Some(value) = value
            && let Some(id) = map.id(extension)
        {
            elements.push(id, value);
        }
    }
    out.reserve(OVERHEAD + elements.values_len + payload_len);
    let extension_bit = if elements.count == 0 {
        0
    } else {
        EXTENSION_BIT
    };
    let marker_and_type = u8::from(header.marker) << 7 | (header.payload_type.0 & 0x7f);
    let [q0, q1] = header.seq.0.to_be_bytes();
    let [t0, t1, t2, t3] = header.timestamp.0.to_be_bytes();
    let [s0, s1, s2, s3] = header.ssrc.0.to_be_bytes();
    out.extend_from_slice(&[
        VERSION_2 | flags | extension_bit,
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
    ]);
    elements.write(out);
}

/// The extension elements of one packet, in the order in which they are written.
#[derive(Default)]
struct Elements<'a> {
    list: [(u8, &'a [u8]); MAX_ELEMENTS],
    count: usize,
    values_len: usize,
    /// An identifier above 14 or a value above 16 bytes: the one-byte form cannot say it.
    two_byte: bool,
}

impl<'a> Elements<'a> {
    /// Adds an element. One that neither form can say (an empty value, or one above 255 bytes) is
    /// left out.
    #[inline]
    fn push(&mut self, id: ExtensionId, value: &'a [u8]) {
        if value.is_empty() || value.len() > 255 || id.0 == 0 {
            return;
        }
        let Some(slot) = self.list.get_mut(self.count) else {
            return;
        };
        *slot = (id.0, value);
        self.count += 1;
        self.values_len += value.len();
        self.two_byte |= id.0 > 14 || value.len() > 16;
    }

    #[inline]
    fn write(&self, out: &mut Vec<u8>) {
        let elements = self.list.get(..self.count).unwrap_or_default();
        if elements.is_empty() {
            return;
        }
        let head = if self.two_byte { 2 } else { 1 };
        let len = self.values_len + head * self.count;
        let words = len.div_ceil(4);
        let profile = if self.two_byte { 0x1000 } else { 0xbede_u16 };
        let [p0, p1] = profile.to_be_bytes();
        // At most 8 * 257 bytes: 514 words.
        let [w0, w1] = u16::try_from(words).unwrap_or(u16::MAX).to_be_bytes();
        out.extend_from_slice(&[p0, p1, w0, w1]);
        for (id, value) in elements {
            // `push` keeps lengths within 1..=255, and within 1..=16 for the one-byte form.
            let len = (value.len() & 0xff) as u8;
            if self.two_byte {
                out.extend_from_slice(&[*id, len]);
            } else {
                out.push(id << 4 | (len.wrapping_sub(1) & 0x0f));
            }
            out.extend_from_slice(value);
        }
        out.resize(out.len() + words * 4 - len, 0);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use sfu_model::{Token, UnixTime};

    use super::*;
    use crate::{ExtensionForm, ExtensionTable};

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
        let found = read.extensions(packet, &ExtensionTable::from(&map));
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
            let found = read.extensions(&out, &ExtensionTable::from(&map));
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
            let found = read.extensions(&out, &ExtensionTable::from(&map));
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
        };
        let mut out = Vec::new();
        let len = write_rtp(&mut out, &HEADER, &map, &extensions, &payload);
        let values = 4 * 255 + 2 + 3 + 2 + 3;
        assert!(len <= OVERHEAD + values + bytes.len());
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
            let found = read.extensions(&out, &ExtensionTable::from(&map));
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
        };
        let mut out = Vec::new();
        let none = ExtensionMap::default();
        write_rtp(&mut out, &HEADER, &none, &extensions(), &payload);
        let expected = [0x31, 0x32, 0x90, 0x80, 0x81, 0x02, 0x01, b'x'];
        assert_eq!(&out[12..], expected);
    }
}
