//! A coded frame as it is published, and why there may be none.

/// A frame in its packets' payloads: VP8's without descriptors, and the last of them made so that a
/// [`Stamp`](crate::Stamp) is to be appended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Whether a decoder can begin here.
    pub key: bool,
    /// One payload per packet.
    pub parts: Vec<Vec<u8>>,
}

/// Why a file is no sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SampleError {
    /// It ends within a header or a frame.
    #[error("the sample ends early")]
    Truncated,
    /// It is not of the expected format.
    #[error("the sample is not of the expected format")]
    Format,
    /// It holds no frame, or does not begin with a key frame.
    #[error("the sample does not begin with a key frame")]
    NoKeyFrame,
}

/// Longest payload of a packet, without a VP8 descriptor: with the header, its extensions and the SRTP tag a
/// packet stays below 1,200 bytes, as libwebrtc's.
pub(super) const MAX_PART: usize = 1_140;
