use std::sync::Arc;

use loadtest_peer::{Sample, SampleError};
use sfu_model::Codec;

/// Frames per second of the video samples.
const FRAME_RATE: u32 = 30;

/// The media that is published, embedded in the program. `loadtest/README.md` says how it was made.
#[derive(Clone, Debug)]
pub(crate) struct Samples {
    pub(crate) opus: Arc<Sample>,
    /// 180p, 360p, 720p.
    vp8: [Arc<Sample>; 3],
    h264: [Arc<Sample>; 3],
}

impl Samples {
    pub(crate) fn load() -> Result<Self, SampleError> {
        let vp8 = |file| Sample::vp8(file, FRAME_RATE).map(Arc::new);
        let h264 = |file| Sample::h264(file, FRAME_RATE).map(Arc::new);
        Ok(Self {
            opus: Arc::new(Sample::opus(include_bytes!("../samples/opus-32k.ogg"))?),
            vp8: [
                vp8(include_bytes!("../samples/vp8-180p.ivf"))?,
                vp8(include_bytes!("../samples/vp8-360p.ivf"))?,
                vp8(include_bytes!("../samples/vp8-720p.ivf"))?,
            ],
            h264: [
                h264(include_bytes!("../samples/h264-180p.h264"))?,
                h264(include_bytes!("../samples/h264-360p.h264"))?,
                h264(include_bytes!("../samples/h264-720p.h264"))?,
            ],
        })
    }

    /// Returns the layers of a codec, the lowest first.
    pub(crate) fn video(&self, codec: Codec) -> &[Arc<Sample>; 3] {
        match codec {
            Codec::H264 => &self.h264,
            Codec::Vp8
            | Codec::Opus
            | Codec::Red
            | Codec::Pcmu
            | Codec::Pcma
            | Codec::Vp9
            | Codec::H265
            | Codec::Av1 => &self.vp8,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_samples_are_read() {
        let samples = Samples::load().unwrap();
        assert_eq!(samples.opus.frames.len(), 101);
        for codec in [Codec::Vp8, Codec::H264] {
            for sample in samples.video(codec) {
                assert_eq!(sample.frames.len(), 30, "{codec:?}");
                let keys = sample.frames.iter().filter(|frame| frame.key).count();
                assert_eq!(keys, 1, "{codec:?}");
            }
        }
    }

    #[test]
    fn the_packets_of_the_highest_layer_are_nearly_full_and_none_is_too_long() {
        let samples = Samples::load().unwrap();
        for codec in [Codec::Vp8, Codec::H264] {
            let frames = &samples.video(codec)[2].frames;
            let lens: Vec<usize> = frames
                .iter()
                .flat_map(|frame| &frame.parts)
                .map(Vec::len)
                .collect();
            let mean = lens.iter().sum::<usize>() / lens.len();
            assert!(mean > 900, "{codec:?}: {mean}");
            assert!(lens.iter().all(|len| *len <= 1_150), "{codec:?}");
        }
    }
}
