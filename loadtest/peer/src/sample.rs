//! Coded media to publish in a loop, cut into RTP payloads once, when it is read.

mod annexb;
mod ivf;
mod ogg;
mod split;

use sfu_model::Codec;

/// A loop of coded frames; the first is a key frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// The coding.
    pub codec: Codec,
    /// The frames, in order.
    pub frames: Vec<Frame>,
    /// Duration of each in units of the codec's RTP clock.
    pub ticks: u32,
}

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
const MAX_PART: usize = 1_140;

impl Sample {
    /// Reads VP8 in IVF, at `frame_rate` frames per second.
    ///
    /// # Errors
    ///
    /// See [`SampleError`].
    pub fn vp8(file: &[u8], frame_rate: u32) -> Result<Self, SampleError> {
        Self::video(Codec::Vp8, ivf::frames(file)?, frame_rate)
    }

    /// Reads H264 in Annex B byte stream format, at `frame_rate` frames per second.
    ///
    /// # Errors
    ///
    /// See [`SampleError`].
    pub fn h264(file: &[u8], frame_rate: u32) -> Result<Self, SampleError> {
        Self::video(Codec::H264, annexb::frames(file)?, frame_rate)
    }

    /// Reads Opus in Ogg, in packets of one 20 ms frame.
    ///
    /// # Errors
    ///
    /// See [`SampleError`].
    pub fn opus(file: &[u8]) -> Result<Self, SampleError> {
        let frames = ogg::frames(file)?;
        if frames.is_empty() {
            return Err(SampleError::NoKeyFrame);
        }
        Ok(Self {
            codec: Codec::Opus,
            frames,
            ticks: Codec::Opus.clock_rate() / 50,
        })
    }

    fn video(codec: Codec, frames: Vec<Frame>, frame_rate: u32) -> Result<Self, SampleError> {
        if !frames.first().is_some_and(|frame| frame.key) {
            return Err(SampleError::NoKeyFrame);
        }
        Ok(Self {
            codec,
            frames,
            ticks: codec.clock_rate() / frame_rate.max(1),
        })
    }
}
