//! What clients publish: the load harness's speech and its smallest picture.

use std::sync::{Arc, LazyLock};

use livekit_protocol::{
    AddTrackRequest, SimulcastCodec, TrackSource, TrackType, VideoLayer, VideoQuality,
};
use loadtest_peer::sdp::{OfferedLayer, Role};
use loadtest_peer::{OutboundLayer, Sample};
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

/// Names of simulcast layers as LiveKit's clients give them, the lowest first.
const RIDS: [&str; 3] = ["q", "h", "f"];
const QUALITIES: [VideoQuality; 3] = [VideoQuality::Low, VideoQuality::Medium, VideoQuality::High];
/// The size of the picture.
const SIZE: (u32, u32) = (320, 180);

/// What kind of track is published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TrackKind {
    Microphone,
    Camera,
    /// A camera in three encodings, all of the same size.
    SimulcastCamera,
}

/// A track to publish.
#[derive(Clone, Debug)]
pub(crate) struct Track {
    /// By which the server knows it until it has a sid.
    pub(crate) cid: String,
    pub(crate) kind: MediaKind,
    pub(crate) codec: Codec,
    pub(crate) layers: Vec<OutboundLayer>,
}

/// Whose pictures these are: the layer that their stamps name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Mark {
    Neighbour = 0,
    Offender = 1,
}

impl Track {
    pub(crate) fn new(cid: String, kind: TrackKind, mark: Mark) -> Result<Self, getrandom::Error> {
        let [opus, vp8] = &*SAMPLES;
        let (sample, rids): (_, &[Option<&'static str>]) = match kind {
            TrackKind::Microphone => (opus, &[None]),
            TrackKind::Camera => (vp8, &[None]),
            TrackKind::SimulcastCamera => (vp8, &RIDS.map(Some)),
        };
        let kind = sample.codec.kind();
        let layer = |rid: &Option<&'static str>| {
            Ok(OutboundLayer {
                sample: Arc::clone(sample),
                layer: mark as u8,
                rid: *rid,
                ssrc: Ssrc(getrandom::u32()?),
                rtx: match kind {
                    MediaKind::Audio => None,
                    MediaKind::Video => Some(Ssrc(getrandom::u32()?)),
                },
            })
        };
        Ok(Self {
            cid,
            kind,
            codec: sample.codec,
            layers: rids.iter().map(layer).collect::<Result<_, _>>()?,
        })
    }

    /// Returns how the track is described.
    pub(crate) fn role(&self) -> Role {
        let layers = self.layers.iter().map(|layer| OfferedLayer {
            rid: layer.rid,
            ssrc: layer.ssrc,
            rtx: layer.rtx,
        });
        Role::Send {
            track: self.cid.clone(),
            codec: self.codec,
            layers: layers.collect(),
        }
    }

    /// Returns how the track is announced.
    pub(crate) fn request(&self) -> AddTrackRequest {
        let request = AddTrackRequest {
            cid: self.cid.clone(),
            name: self.cid.clone(),
            ..AddTrackRequest::default()
        };
        match self.kind {
            MediaKind::Audio => AddTrackRequest {
                r#type: TrackType::Audio.into(),
                source: TrackSource::Microphone.into(),
                disable_red: true,
                ..request
            },
            MediaKind::Video => AddTrackRequest {
                r#type: TrackType::Video.into(),
                source: TrackSource::Camera.into(),
                width: SIZE.0,
                height: SIZE.1,
                layers: self.video_layers(),
                simulcast_codecs: vec![SimulcastCodec {
                    codec: self.codec.name().to_ascii_lowercase(),
                    cid: self.cid.clone(),
                    layers: self.video_layers(),
                    ..SimulcastCodec::default()
                }],
                ..request
            },
        }
    }

    fn video_layers(&self) -> Vec<VideoLayer> {
        // A single encoding is the highest quality, whatever its size.
        let first = QUALITIES.len().saturating_sub(self.layers.len());
        let qualities = QUALITIES.iter().skip(first).zip(0..);
        let layers = self.layers.iter().zip(qualities);
        let layers = layers.map(|(layer, (quality, spatial_layer))| VideoLayer {
            quality: (*quality).into(),
            width: SIZE.0,
            height: SIZE.1,
            bitrate: 150_000,
            spatial_layer,
            rid: layer.rid.unwrap_or_default().to_owned(),
            ..VideoLayer::default()
        });
        layers.collect()
    }
}
