//! What clients ask to publish.

use std::collections::BTreeSet;

use sfu_model::{Codec, TrackSid};

use crate::limits::MAX_TRACK_TEXT_BYTES;
use crate::proto;
use crate::proto::video_layer::Mode;
use crate::proto::{AudioTrackFeature, BackupCodecPolicy, TrackSource, TrackType, VideoQuality};
use crate::track::codec_of;

/// Reports whether the texts are short that are kept of a request, and told to everybody.
pub(crate) fn has_short_texts(request: &proto::AddTrackRequest) -> bool {
    let of_codecs = request.simulcast_codecs.iter();
    let of_codecs = of_codecs.flat_map(|codec| [&codec.codec, &codec.cid]);
    let mut texts = [&request.cid, &request.name, &request.stream]
        .into_iter()
        .chain(of_codecs);
    texts.all(|text| text.len() <= MAX_TRACK_TEXT_BYTES)
}

/// Writes down what is known of a track before its media: what was asked for.
pub(crate) fn describe(
    sid: &TrackSid,
    request: &proto::AddTrackRequest,
    publishable: &[Codec],
) -> proto::TrackInfo {
    let codecs = codecs(request, publishable);
    let primary = codecs.first();
    let simulcast = !request.simulcast_codecs.is_empty()
        && primary.is_some_and(|codec| {
            codec.video_layer_mode() != Mode::MultipleSpatialLayersPerStream
                && codec.layers.len() > 1
        });
    let stream = match request.stream.as_str() {
        "" => default_stream(request.source()),
        stream => stream,
    };
    proto::TrackInfo {
        sid: sid.as_str().to_owned(),
        r#type: request.r#type,
        name: request.name.clone(),
        muted: request.muted,
        width: request.width,
        height: request.height,
        simulcast,
        disable_dtx: request.disable_dtx,
        source: request.source,
        layers: sorted(&request.layers),
        codecs,
        stereo: request.stereo,
        disable_red: request.disable_red,
        encryption: request.encryption,
        stream: stream.to_owned(),
        audio_features: audio_features(request),
        backup_codec_policy: backup_codec_policy(request).into(),
        packet_trailer_features: without_repeats(&request.packet_trailer_features),
        ..proto::TrackInfo::default()
    }
}

/// What plays in step unless the client says otherwise: a camera with its microphone, a screen with
/// its sound.
fn default_stream(source: TrackSource) -> &'static str {
    match source {
        TrackSource::Camera | TrackSource::Microphone => "camera",
        TrackSource::ScreenShare | TrackSource::ScreenShareAudio => "screenshare",
        TrackSource::Unknown => "",
    }
}

/// Audio is sent in all its codecs at once unless the client says otherwise.
fn backup_codec_policy(request: &proto::AddTrackRequest) -> BackupCodecPolicy {
    match (request.r#type(), request.backup_codec_policy()) {
        (TrackType::Audio, BackupCodecPolicy::PreferRegression) => BackupCodecPolicy::Simulcast,
        (_, policy) => policy,
    }
}

fn audio_features(request: &proto::AddTrackRequest) -> Vec<i32> {
    let mut features = request.audio_features.clone();
    if request.stereo {
        features.push(AudioTrackFeature::TfStereo.into());
    }
    if request.disable_dtx {
        features.push(AudioTrackFeature::TfNoDtx.into());
    }
    without_repeats(&features)
}

/// Returns each number once, in the order of its first.
pub(crate) fn without_repeats(numbers: &[i32]) -> Vec<i32> {
    let mut seen = BTreeSet::new();
    let first = numbers.iter().filter(|number| seen.insert(**number));
    first.copied().collect()
}

/// Lists the codecs in which the track will come, the main one first.
fn codecs(
    request: &proto::AddTrackRequest,
    publishable: &[Codec],
) -> Vec<proto::SimulcastCodecInfo> {
    if request.simulcast_codecs.is_empty() {
        return vec![proto::SimulcastCodecInfo {
            cid: request.cid.clone(),
            layers: sorted(&request.layers),
            video_layer_mode: Mode::OneSpatialLayerPerStream.into(),
            ..proto::SimulcastCodecInfo::default()
        }];
    }
    let mut codecs: Vec<proto::SimulcastCodecInfo> = Vec::new();
    for asked in &request.simulcast_codecs {
        let Some(codec) = publishable_codec(request, asked, publishable) else {
            continue;
        };
        let mime_type = codec.mime_type().to_owned();
        if codecs.iter().any(|codec| codec.mime_type == mime_type) {
            continue;
        }
        let layers = match asked.layers.as_slice() {
            [] => &request.layers,
            layers => layers,
        };
        codecs.push(proto::SimulcastCodecInfo {
            mime_type,
            cid: asked.cid.clone(),
            layers: sorted(layers),
            video_layer_mode: layer_mode(asked.video_layer_mode(), codec).into(),
            ..proto::SimulcastCodecInfo::default()
        });
    }
    codecs
}

/// Returns the codec that was asked for, or the first one of the kind that may be published.
fn publishable_codec(
    request: &proto::AddTrackRequest,
    asked: &proto::SimulcastCodec,
    publishable: &[Codec],
) -> Option<Codec> {
    let audio = request.r#type() == TrackType::Audio;
    let of_kind = |codec: &Codec| (codec.kind() == sfu_model::MediaKind::Audio) == audio;
    let asked = codec_of(&asked.codec).filter(|codec| publishable.contains(codec));
    let others = publishable.iter().copied();
    asked.into_iter().chain(others).find(of_kind)
}

fn layer_mode(asked: Mode, codec: Codec) -> Mode {
    match (asked, codec.is_svc()) {
        (Mode::Unused, true) => Mode::MultipleSpatialLayersPerStream,
        (Mode::Unused, false) => Mode::OneSpatialLayerPerStream,
        (asked, _) => asked,
    }
}

/// Returns the layers, lowest first. Where their qualities do not tell them apart, their sizes do, and say which quality
/// each is.
pub(crate) fn sorted(layers: &[proto::VideoLayer]) -> Vec<proto::VideoLayer> {
    let mut layers = layers.to_vec();
    layers.sort_by_key(|layer| layer.quality);
    if layers.is_sorted_by(|low, high| low.quality < high.quality) {
        return layers;
    }
    layers.sort_by_key(|layer| u64::from(layer.width) * u64::from(layer.height));
    let highest = i32::from(VideoQuality::High);
    for (layer, quality) in layers.iter_mut().zip(0..) {
        layer.quality = highest.min(quality);
    }
    layers
}
