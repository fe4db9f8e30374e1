//! What clients publish: the load harness's speech and its smallest picture.

use std::sync::{Arc, LazyLock};

use loadtest_peer::{OutboundLayer, Picture, RIDS, Sample, Track};
use sfu_model::{Codec, MediaKind, Ssrc};

/// Speech in packets of 20 ms, and 180 lines at 30 frames a second.
static SAMPLES: LazyLock<[Arc<Sample>; 2]> = LazyLock::new(|| {
    let opus = Sample::opus(include_bytes!("../../../loadtest/samples/opus-32k.ogg"));
    let vp8 = Sample::vp8(include_bytes!("../../../loadtest/samples/vp8-180p.ivf"), 30);
    [opus, vp8].map(|sample| {
        Arc::new(sample.unwrap_or_else(|_| Sample {
            codec: Codec::Opus,
            frames: Vec::new(),
            ticks: 960,
        }))
    })
});

/// What each encoding is said to be.
const PICTURES: [Picture; RIDS.len()] = [Picture {
    width: 320,
    height: 180,
    bitrate: 150_000,
}; RIDS.len()];

/// What kind of track is published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TrackKind {
    Microphone,
    Camera,
    /// A camera in three encodings, all of the same size.
    SimulcastCamera,
}

/// Whose pictures these are: the layer that their stamps name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Mark {
    Neighbour = 0,
    Offender = 1,
}

/// Makes a track to publish.
pub(crate) fn track(cid: String, kind: TrackKind, mark: Mark) -> Result<Track, getrandom::Error> {
    let [opus, vp8] = &*SAMPLES;
    let (sample, rids): (_, &[Option<&'static str>]) = match kind {
        TrackKind::Microphone => (opus, &[None]),
        TrackKind::Camera => (vp8, &[None]),
        TrackKind::SimulcastCamera => (vp8, &RIDS.map(Some)),
    };
    let layer = |rid: &Option<&'static str>| {
        Ok(OutboundLayer {
            sample: Arc::clone(sample),
            layer: mark as u8,
            rid: *rid,
            ssrc: Ssrc(getrandom::u32()?),
            rtx: match sample.codec.kind() {
                MediaKind::Audio => None,
                MediaKind::Video => Some(Ssrc(getrandom::u32()?)),
            },
        })
    };
    Ok(Track {
        cid,
        codec: sample.codec,
        layers: rids.iter().map(layer).collect::<Result<_, _>>()?,
        pictures: PICTURES.get(..rids.len()).unwrap_or_default(),
    })
}
