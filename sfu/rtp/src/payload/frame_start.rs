//! What every payload format tells at least, and why it may tell nothing.

use std::fmt;

/// Where a packet stands in its frame, for formats without a descriptor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FrameStart {
    /// Whether a decoder can begin at this packet that has seen nothing before.
    pub key_frame: bool,
    /// Whether the packet begins a picture that needs no other one.
    pub intra: bool,
    /// Whether the packet is of a picture.
    pub picture: bool,
    /// Whether the packet may begin a frame.
    pub frame_start: bool,
    /// Spatial layer, where the format names it.
    pub spatial: u8,
    /// Temporal layer, where the format names it.
    pub temporal: u8,
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
