use std::sync::Arc;

use loadtest_peer::sdp::{OfferSection, OfferedLayer, Role};
use loadtest_peer::{Demand, OutboundLayer, Sample};
use sfu_model::{Codec, MediaKind, Ssrc};
use signaling_protocol::proto::{
    AddTrackRequest, SimulcastCodec, SubscribedQualityUpdate, TrackSource, TrackType, VideoLayer,
    VideoQuality,
};

use crate::plan::{ParticipantPlan, Video};
use crate::samples::Samples;

/// A track that a participant publishes.
#[derive(Clone, Debug)]
pub(super) struct Publication {
    /// By which the server knows the track until it has a sid.
    pub(super) cid: &'static str,
    /// By which it knows it from then on.
    pub(super) sid: Option<String>,
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
                sid: None,
                kind: MediaKind::Audio,
                codec: Codec::Opus,
                layers: vec![encoding(sample, 0, None, &mut random)],
            });
        }
        if let Some(Video {
            codec, simulcast, ..
        }) = plan.video
        {
            let layers = samples.video(codec).iter().cloned().zip(RIDS).zip(0..);
            let layers = layers.filter(|(_, layer)| simulcast || *layer == 2);
            publications.push(Self {
                cid: "camera",
                sid: None,
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

    /// Returns which of the encodings the server says are received. What it says nothing of stays as it is.
    pub(super) fn demands(&self, update: &SubscribedQualityUpdate) -> Vec<(Ssrc, Demand)> {
        let name = self.codec.name();
        let mut codecs = update.subscribed_codecs.iter();
        let ours = codecs.find(|codec| codec.codec.eq_ignore_ascii_case(name));
        let qualities = ours.map_or(&[][..], |codec| &codec.qualities);
        let layers = self.layers.iter();
        let demands = layers.filter_map(|layer| {
            let enabled = match self.layers.len() {
                // The only encoding serves whoever wants any.
                1 if qualities.is_empty() => None,
                1 => Some(qualities.iter().any(|wanted| wanted.enabled)),
                _ => {
                    let quality = self.quality(layer);
                    let mut wanted = qualities.iter();
                    wanted
                        .find(|wanted| wanted.quality() == quality)
                        .map(|wanted| wanted.enabled)
                }
            };
            let demand = match enabled? {
                true => Demand::Wanted,
                false => Demand::Unwanted,
            };
            Some((layer.ssrc, demand))
        });
        demands.collect()
    }

    fn quality(&self, layer: &OutboundLayer) -> VideoQuality {
        let at = usize::from(layer.layer);
        // A single encoding is the highest quality, whatever its size.
        match self.layers.len() {
            1 => VideoQuality::High,
            _ => QUALITIES.get(at).copied().unwrap_or(VideoQuality::High),
        }
    }

    fn layer(&self, layer: &OutboundLayer) -> VideoLayer {
        let at = usize::from(layer.layer);
        let (width, height, bitrate) = SIZES.get(at).copied().unwrap_or_default();
        VideoLayer {
            quality: self.quality(layer).into(),
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

#[cfg(test)]
mod tests {
    use clap::Parser;
    use signaling_protocol::proto::{SubscribedCodec, SubscribedQuality};

    use super::*;
    use crate::cli::Cli;
    use crate::plan::participants;

    /// A camera as it is published with these flags beside those that ask for one.
    fn camera(flags: &[&str]) -> Publication {
        let line = [&["loadtest", "--video-publishers", "1"], flags].concat();
        let plans = participants(&Cli::parse_from(line).test, "r");
        let mut ssrc = 0;
        let samples = Samples::load().unwrap();
        let published = Publication::of(&plans[0], &samples, || {
            ssrc += 1;
            ssrc
        });
        published[0].clone()
    }

    fn up_to(highest: Option<VideoQuality>) -> Vec<SubscribedQuality> {
        let enabled = |quality: VideoQuality| SubscribedQuality {
            quality: quality.into(),
            enabled: highest.is_some_and(|highest| quality as i32 <= highest as i32),
        };
        QUALITIES.map(enabled).into()
    }

    fn update(codec: &str, qualities: Vec<SubscribedQuality>) -> SubscribedQualityUpdate {
        SubscribedQualityUpdate {
            subscribed_codecs: vec![SubscribedCodec {
                codec: codec.to_owned(),
                qualities,
            }],
            ..SubscribedQualityUpdate::default()
        }
    }

    fn demands(camera: &Publication, update: &SubscribedQualityUpdate) -> Vec<Demand> {
        let demands = camera.demands(update);
        let named = demands.iter().zip(&camera.layers);
        assert!(named.into_iter().all(|((ssrc, _), of)| *ssrc == of.ssrc));
        demands.into_iter().map(|(_, demand)| demand).collect()
    }

    #[test]
    fn layers_above_the_highest_that_is_received_are_unwanted() {
        use Demand::{Unwanted, Wanted};
        let camera = camera(&[]);
        let highest = |quality| demands(&camera, &update("vp8", up_to(quality)));
        assert_eq!(highest(None), [Unwanted; 3]);
        let low = highest(Some(VideoQuality::Low));
        assert_eq!(low, [Wanted, Unwanted, Unwanted]);
        assert_eq!(highest(Some(VideoQuality::High)), [Wanted; 3]);
    }

    #[test]
    fn the_demand_for_another_codec_is_not_ours() {
        let update = update("h264", up_to(None));
        assert!(demands(&camera(&[]), &update).is_empty());
        let camera = camera(&["--video-codec", "h264"]);
        assert_eq!(demands(&camera, &update), [Demand::Unwanted; 3]);
    }

    #[test]
    fn the_only_encoding_is_wanted_by_whoever_wants_any() {
        let camera = camera(&["--no-simulcast"]);
        let low = update("VP8", up_to(Some(VideoQuality::Low)));
        assert_eq!(demands(&camera, &low), [Demand::Wanted]);
        let none = update("VP8", up_to(None));
        assert_eq!(demands(&camera, &none), [Demand::Unwanted]);
    }
}
