use std::fmt;

use sfu_model::{Codec, SpatialLayer, TemporalLayer};

use super::{Vp8Descriptor, Vp9Descriptor};

/// What one packet is, whatever its codec.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peek {
    /// Whether a decoder can begin at this packet: the first of a key frame, or, for H.264 and
    /// H.265, its parameter sets.
    pub key_frame: bool,
    /// Whether the packet begins a frame (of its spatial layer).
    pub frame_start: bool,
    /// The spatial layer that the payload names; the lowest when it names none.
    pub spatial: SpatialLayer,
    /// The temporal layer that the payload names; the lowest when it names none.
    pub temporal: TemporalLayer,
    /// Whether the frame needs no frame of its own or a higher temporal layer, so that a receiver of
    /// lower layers can go up here. True for the lowest temporal layer.
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
    todo!()
}

/// Why a payload is not one of its codec.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PayloadError {
    /// It ends within its descriptor or header.
    TooShort,
    /// A field has a value that the format forbids.
    Invalid,
}

impl fmt::Display for PayloadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooShort => "payload ends within its descriptor",
            Self::Invalid => "payload has a forbidden value",
        })
    }
}

impl std::error::Error for PayloadError {}
