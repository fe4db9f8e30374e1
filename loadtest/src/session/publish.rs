use std::sync::Arc;

use loadtest_peer::sdp::{OfferSection, OfferedLayer, Role};
use loadtest_peer::{OutboundLayer, Sample};
use sfu_model::{Codec, MediaKind, Ssrc};
use signaling_protocol::proto::{
    AddTrackRequest, SimulcastCodec, TrackSource, TrackType, VideoLayer, VideoQuality,
};

use crate::plan::{ParticipantPlan, Video};
use crate::samples::Samples;

/// A track that a participant publishes.
#[derive(Clone, Debug)]
pub(super) struct Publication {
    /// By which the server knows the track until it has a sid.
    cid: &'static str,
    pub(super) kind: MediaKind,
    pub(super) codec: Codec,
    pub(super) layers: Vec<OutboundLayer>,
}

/// Names of simulcast layers as LiveKit's clients give them, the lowest first.
const RIDS: [&str; 3] = ["q", "h", "f"];
/// Sizes and bitrates of the samples.
const SIZES: [(u32, u32, u32); 3] = [
    (320, 180, 150_000),
    (640, 360, 500_000),
    (1_280, 720, 2_000_000),
];
const QUALITIES: [VideoQuality; 3] = [VideoQuality::Low, VideoQuality::Medium, VideoQuality::High];

impl Publication {
    /// Returns what a participant publishes; `random` yields SSRCs.
    pub(super) fn of(
        plan: &ParticipantPlan,
        samples: &Samples,
        mut random: impl FnMut() -> u32,
    ) -> Vec<Self> {
        let mut publications = Vec::new();
        if plan.audio {
            let sample = Arc::clone(&samples.opus);
            publications.push(Self {
                cid: "microphone",
                kind: MediaKind::Audio,
                codec: Codec::Opus,
                layers: vec![encoding(sample, 0, None, &mut random)],
            });
        }
        if let Some(Video { codec, simulcast }) = plan.video {
            let layers = samples.video(codec).iter().cloned().zip(RIDS).zip(0..);
            let layers = layers.filter(|(_, layer)| simulcast || *layer == 2);
            publications.push(Self {
                cid: "camera",
                kind: MediaKind::Video,
                codec,
                layers: layers
                    .map(|((sample, rid), layer)| {
                        encoding(sample, layer, simulcast.then_some(rid), &mut random)
                    })
                    .collect(),
            });
        }
        publications
    }

    pub(super) fn section(&self) -> OfferSection {
        let layers = self.layers.iter().map(|layer| OfferedLayer {
            rid: layer.rid,
            ssrc: layer.ssrc,
            rtx: layer.rtx,
        });
        OfferSection {
            kind: self.kind,
            role: Role::Send {
                track: self.cid.to_owned(),
                codec: self.codec,
                layers: layers.collect(),
            },
        }
    }

    /// Returns how the track is announced.
    pub(super) fn request(&self) -> AddTrackRequest {
        let request = AddTrackRequest {
            cid: self.cid.to_owned(),
            name: self.cid.to_owned(),
            ..AddTrackRequest::default()
        };
        match self.kind {
            MediaKind::Audio => AddTrackRequest {
                r#type: TrackType::Audio.into(),
                source: TrackSource::Microphone.into(),
                disable_red: true,
                ..request
            },
            MediaKind::Video => {
                let layers: Vec<_> = self.layers.iter().map(|layer| self.layer(layer)).collect();
                let [.., (width, height, _)] = SIZES;
                AddTrackRequest {
                    r#type: TrackType::Video.into(),
                    source: TrackSource::Camera.into(),
                    width,
                    height,
                    layers: layers.clone(),
                    simulcast_codecs: vec![SimulcastCodec {
                        codec: self.codec.name().to_ascii_lowercase(),
                        cid: self.cid.to_owned(),
                        layers,
                        ..SimulcastCodec::default()
                    }],
                    ..request
                }
            }
        }
    }

    fn layer(&self, layer: &OutboundLayer) -> VideoLayer {
        let at = usize::from(layer.layer);
        let (width, height, bitrate) = SIZES.get(at).copied().unwrap_or_default();
        // A single encoding is the highest quality, whatever its size.
        let quality = match self.layers.len() {
            1 => VideoQuality::High,
            _ => QUALITIES.get(at).copied().unwrap_or(VideoQuality::High),
        };
        VideoLayer {
            quality: quality.into(),
            width,
            height,
            bitrate,
            spatial_layer: i32::from(if self.layers.len() == 1 {
                0
            } else {
                layer.layer
            }),
            rid: layer.rid.unwrap_or_default().to_owned(),
            ..VideoLayer::default()
        }
    }
}

fn encoding(
    sample: Arc<Sample>,
    layer: u8,
    rid: Option<&'static str>,
    random: &mut impl FnMut() -> u32,
) -> OutboundLayer {
    let video = sample.codec.kind() == MediaKind::Video;
    OutboundLayer {
        sample,
        layer,
        rid,
        ssrc: Ssrc(random()),
        rtx: video.then(|| Ssrc(random())),
    }
}
