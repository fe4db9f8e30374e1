//! What a forwarder needs to know of a payload, for every codec.

use sfu_model::{Codec, SpatialLayer, TemporalLayer};

use super::{FrameStart, PayloadError, Vp8Descriptor, Vp9Descriptor, av1, h264, h265};

/// What one packet is, whatever its codec.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peek {
    /// Whether a decoder can begin at this packet that has seen nothing before: the first of a key frame; for
    /// H.264 and H.265, the first parameter sets in front of it, without which nobody can decode it.
    pub key_frame: bool,
    /// Whether the packet begins a picture that needs no other one: a decoder that lost some can go on.
    pub intra: bool,
    /// Whether the packet is of a picture; for H.264 and H.265, not of parameter sets or the like alone.
    pub picture: bool,
    /// Whether the packet begins a frame (of its spatial layer); for H.264, H.265 and AV1, whether
    /// it may.
    pub frame_start: bool,
    /// The spatial layer that the payload names; the lowest when it names none.
    pub spatial: SpatialLayer,
    /// The temporal layer that the payload names; the lowest when it names none.
    pub temporal: TemporalLayer,
    /// Whether a receiver of lower temporal layers can go up to this one here. True for the lowest.
    pub switching_point: bool,
    /// The payload descriptor, where there is one.
    pub descriptor: Descriptor,
}

/// The payload descriptor of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Descriptor {
    /// The format has none, or none that matters here.
    None,
    /// VP8's.
    Vp8(Vp8Descriptor),
    /// VP9's.
    Vp9(Vp9Descriptor),
}

/// Reads what `payload`, without padding, is. Audio packets are all key frames of their own.
///
/// # Errors
///
/// Says why the payload is not one of `codec`: such a packet is not forwarded.
#[inline]
pub fn peek(codec: Codec, payload: &[u8]) -> Result<Peek, PayloadError> {
    match codec {
        Codec::Opus | Codec::Red | Codec::Pcmu | Codec::Pcma => Ok(Peek {
            key_frame: true,
            intra: true,
            picture: true,
            frame_start: true,
            spatial: SpatialLayer(0),
            temporal: TemporalLayer(0),
            switching_point: true,
            descriptor: Descriptor::None,
        }),
        Codec::Vp8 => Vp8Descriptor::parse(payload).map(Peek::from),
        Codec::Vp9 => Vp9Descriptor::parse(payload).map(Peek::from),
        Codec::H264 => h264::peek(payload).map(Peek::from),
        Codec::H265 => h265::peek(payload).map(Peek::from),
        Codec::Av1 => av1::peek(payload).map(Peek::from),
    }
}

impl From<Vp8Descriptor> for Peek {
    fn from(descriptor: Vp8Descriptor) -> Self {
        let temporal = descriptor.temporal.unwrap_or(0);
        Self {
            key_frame: descriptor.key_frame,
            intra: descriptor.key_frame,
            picture: true,
            frame_start: descriptor.frame_start,
            spatial: SpatialLayer(0),
            temporal: TemporalLayer(temporal),
            switching_point: temporal == 0 || descriptor.layer_sync,
            descriptor: Descriptor::Vp8(descriptor),
        }
    }
}

impl From<Vp9Descriptor> for Peek {
    fn from(descriptor: Vp9Descriptor) -> Self {
        let temporal = descriptor.temporal.unwrap_or(0);
        Self {
            key_frame: descriptor.is_key_frame(),
            intra: descriptor.is_key_frame(),
            picture: true,
            frame_start: descriptor.frame_start,
            spatial: SpatialLayer(descriptor.spatial.unwrap_or(0)).min(SpatialLayer::MAX),
            temporal: TemporalLayer(temporal).min(TemporalLayer::MAX),
            switching_point: temporal == 0 || descriptor.switching_up_point,
            descriptor: Descriptor::Vp9(descriptor),
        }
    }
}

impl From<FrameStart> for Peek {
    fn from(start: FrameStart) -> Self {
        Self {
            key_frame: start.key_frame,
            intra: start.intra,
            picture: start.picture,
            frame_start: start.frame_start,
            spatial: SpatialLayer(start.spatial).min(SpatialLayer::MAX),
            temporal: TemporalLayer(start.temporal).min(TemporalLayer::MAX),
            switching_point: start.temporal == 0,
            descriptor: Descriptor::None,
        }
    }
}
