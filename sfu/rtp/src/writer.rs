use sfu_model::{Extension, ExtensionMap, Mid, PayloadType, Ssrc};

use crate::payload::{Vp8Descriptor, Vp8Rewrite};
use crate::{AbsSendTime, PlayoutDelay, RtpTimestamp, SeqNo};

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
    todo!()
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
    todo!()
}
