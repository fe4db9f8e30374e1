use std::sync::Arc;

use loadtest_peer::{Demand, OutboundLayer, Picture, RIDS, Sample, Track};
use sfu_model::{Codec, MediaKind, Ssrc};
use signaling_protocol::proto::SubscribedQualityUpdate;

use crate::plan::{ParticipantPlan, Video};
use crate::samples::Samples;

/// A track that a participant publishes.
#[derive(Clone, Debug)]
pub(super) struct Publication {
    pub(super) track: Track,
    /// By which the server knows the track from when it has said so.
    pub(super) sid: Option<String>,
}

/// The pictures and bitrates of the samples.
const PICTURES: [Picture; RIDS.len()] = [
    picture(320, 180, 150_000),
    picture(640, 360, 500_000),
    picture(1_280, 720, 2_000_000),
];

const fn picture(width: u32, height: u32, bitrate: u32) -> Picture {
    Picture {
        width,
        height,
        bitrate,
    }
}

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
            publications.push(Self::new(Track {
                cid: "microphone".to_owned(),
                codec: Codec::Opus,
                layers: vec![encoding(sample, 0, None, &mut random)],
                pictures: &[],
            }));
        }
        if let Some(Video {
            codec, simulcast, ..
        }) = plan.video
        {
            // Without simulcast it is the largest alone.
            let first = if simulcast { 0 } else { PICTURES.len() - 1 };
            let layers = samples.video(codec).iter().cloned().zip(RIDS).zip(0..);
            let layers = layers.skip(first).map(|((sample, rid), layer)| {
                encoding(sample, layer, simulcast.then_some(rid), &mut random)
            });
            publications.push(Self::new(Track {
                cid: "camera".to_owned(),
                codec,
                layers: layers.collect(),
                pictures: PICTURES.get(first..).unwrap_or_default(),
            }));
        }
        publications
    }

    fn new(track: Track) -> Self {
        Self { track, sid: None }
    }

    /// Returns which of the encodings the server says are received. What it says nothing of stays as it is.
    pub(super) fn demands(&self, update: &SubscribedQualityUpdate) -> Vec<(Ssrc, Demand)> {
        let name = self.track.codec.name();
        let mut codecs = update.subscribed_codecs.iter();
        let ours = codecs.find(|codec| codec.codec.eq_ignore_ascii_case(name));
        let qualities = ours.map_or(&[][..], |codec| &codec.qualities);
        let layers = self.track.layers.iter().enumerate();
        let demands = layers.filter_map(|(place, layer)| {
            let enabled = match self.track.layers.len() {
                // The only encoding serves whoever wants any.
                1 if qualities.is_empty() => None,
                1 => Some(qualities.iter().any(|wanted| wanted.enabled)),
                _ => {
                    let quality = self.track.quality(place);
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
    use loadtest_peer::QUALITIES;
    use signaling_protocol::proto::{SubscribedCodec, SubscribedQuality, VideoQuality};

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
        let named = demands.iter().zip(&camera.track.layers);
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
