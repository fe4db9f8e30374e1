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
