//! H.265 (RFC 7798): where key frames begin.

use super::PayloadError;

/// Where a packet stands in its frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FrameStart {
    /// Whether a decoder can begin at this packet.
    pub key_frame: bool,
    /// Whether the packet may begin a frame.
    pub frame_start: bool,
    /// Temporal layer, where the format names it.
    pub temporal: u8,
}

/// Reads what begins in `payload`.
///
/// # Errors
///
/// Fails when `payload` is empty or ends within its header.
#[inline]
pub fn peek(payload: &[u8]) -> Result<FrameStart, PayloadError> {
    todo!()
}
