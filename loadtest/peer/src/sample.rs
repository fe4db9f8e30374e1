//! Coded media to publish in a loop, cut into RTP payloads once, when it is read.

mod annexb;
mod frame;
mod ivf;
mod ogg;
mod split;

pub use frame::{Frame, SampleError};
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
