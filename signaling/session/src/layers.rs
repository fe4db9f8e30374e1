//! Which layers of a track a subscription forwards.

use sfu_model::{Forwarding, MediaKind, SpatialLayer, TemporalLayer};

use crate::proto;
use crate::proto::{UpdateTrackSettings, VideoQuality};
use crate::track::kind_of;

/// A layer that is this much smaller than what the client shows will do.
const TOLERANCE: f64 = 0.9;

/// Heights of a track's layers when the publisher names none, below the track's own.
const DEFAULT_HEIGHTS: [u32; 2] = [180, 360];

/// Frame rate that a track is taken to have: the publisher does not say.
const ASSUMED_FPS: u32 = 30;

/// Decides what a subscription forwards.
///
/// Goal: the least that satisfies what the client shows. Input: its settings, and the layers that
/// the publisher announced. A size picks the lowest layer that is at least 0.9 times as high; a
/// quality picks the highest layer up to it; without either it is the highest of all, or the lowest
/// for a client that will still say what it needs.
///
/// Example: layers of 180, 360 and 720 lines. A client that shows 396 lines gets the second
/// (0.9 × 396 = 356), one that shows 410 lines the third.
pub(crate) fn forwarding(
    track: &proto::TrackInfo,
    settings: Option<&UpdateTrackSettings>,
    adaptive: bool,
) -> Forwarding {
    let highest = Forwarding::UpTo {
        spatial: SpatialLayer::MAX,
        temporal: TemporalLayer::MAX,
    };
    if settings.is_some_and(|settings| settings.disabled) {
        return Forwarding::Paused;
    }
    if kind_of(track) == MediaKind::Audio {
        return highest;
    }
    let spatial = match settings {
        None if adaptive => layer_of_quality(track, VideoQuality::Low),
        None => return highest,
        Some(settings) if settings.width > 0 => layer_of_size(track, settings),
        Some(settings) => layer_of_quality(track, settings.quality()),
    };
    Forwarding::UpTo {
        spatial,
        temporal: layer_of_fps(settings.map_or(0, |settings| settings.fps)),
    }
}

/// Returns the highest layer whose quality is not above `quality`.
fn layer_of_quality(track: &proto::TrackInfo, quality: VideoQuality) -> SpatialLayer {
    let wanted = match quality {
        VideoQuality::Low => 0,
        VideoQuality::Medium => 1,
        VideoQuality::High | VideoQuality::Off => 2,
    };
    let qualities = track.layers.iter().map(|layer| layer.quality);
    let below = qualities.filter(|quality| *quality <= wanted).count();
    let layer = match track.layers.len() {
        0 => wanted,
        _ => i32::try_from(below.saturating_sub(1)).unwrap_or(wanted),
    };
    spatial(layer.unsigned_abs())
}

/// Returns the lowest layer that is high enough.
fn layer_of_size(track: &proto::TrackInfo, settings: &UpdateTrackSettings) -> SpatialLayer {
    let mut heights: Vec<u32> = track.layers.iter().map(|layer| layer.height).collect();
    let mut wanted = settings.height;
    if heights.first().is_none_or(|height| *height == 0) {
        let portrait = track.width < track.height;
        let (own, shown) = match portrait {
            true => (track.width, settings.width),
            false => (track.height, settings.height),
        };
        if own == 0 {
            return SpatialLayer::MAX;
        }
        heights = DEFAULT_HEIGHTS.to_vec();
        heights.push(own);
        wanted = shown;
    }
    heights.sort_unstable();
    let enough = f64::from(wanted) * TOLERANCE;
    let fits = heights
        .iter()
        .position(|height| f64::from(*height) >= enough.floor());
    let highest = heights.len().saturating_sub(1);
    let index = fits.unwrap_or(highest);
    spatial(u32::try_from(index).unwrap_or(u32::MAX))
}

/// Returns the temporal layer for a frame rate, where each layer doubles the rate of the one below.
fn layer_of_fps(fps: u32) -> TemporalLayer {
    match fps {
        0 => TemporalLayer::MAX,
        fps if fps * 4 <= ASSUMED_FPS => TemporalLayer(0),
        fps if fps * 2 <= ASSUMED_FPS => TemporalLayer(1),
        _ => TemporalLayer::MAX,
    }
}

fn spatial(layer: u32) -> SpatialLayer {
    SpatialLayer(
        u8::try_from(layer)
            .unwrap_or(u8::MAX)
            .min(SpatialLayer::MAX.0),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn track(heights: &[u32]) -> proto::TrackInfo {
        let layer = |(quality, height): (usize, &u32)| proto::VideoLayer {
            quality: i32::try_from(quality).unwrap(),
            height: *height,
            width: height * 16 / 9,
            ..proto::VideoLayer::default()
        };
        proto::TrackInfo {
            r#type: proto::TrackType::Video.into(),
            width: 1280,
            height: 720,
            layers: heights.iter().enumerate().map(layer).collect(),
            ..proto::TrackInfo::default()
        }
    }

    fn spatial_of(track: &proto::TrackInfo, settings: UpdateTrackSettings) -> u8 {
        match forwarding(track, Some(&settings), false) {
            Forwarding::UpTo { spatial, .. } => spatial.0,
            Forwarding::Paused => panic!("paused"),
        }
    }

    fn size(height: u32) -> UpdateTrackSettings {
        UpdateTrackSettings {
            width: height * 16 / 9,
            height,
            ..UpdateTrackSettings::default()
        }
    }

    #[test]
    fn a_layer_that_is_a_tenth_too_small_will_do() {
        let track = track(&[180, 360, 720]);
        assert_eq!(spatial_of(&track, size(120)), 0);
        assert_eq!(spatial_of(&track, size(200)), 0);
        assert_eq!(spatial_of(&track, size(203)), 1);
        assert_eq!(spatial_of(&track, size(400)), 1);
        assert_eq!(spatial_of(&track, size(410)), 2);
        assert_eq!(spatial_of(&track, size(4000)), 2);
    }

    #[test]
    fn a_track_without_announced_layers_is_taken_to_have_the_usual_ones() {
        assert_eq!(spatial_of(&track(&[]), size(300)), 1);
        assert_eq!(spatial_of(&track(&[]), size(700)), 2);
    }

    #[test]
    fn a_quality_above_what_there_is_gets_the_best_there_is() {
        let quality = |quality: VideoQuality| UpdateTrackSettings {
            quality: quality.into(),
            ..UpdateTrackSettings::default()
        };
        let two = track(&[360, 720]);
        assert_eq!(spatial_of(&two, quality(VideoQuality::High)), 1);
        assert_eq!(spatial_of(&two, quality(VideoQuality::Low)), 0);
        assert_eq!(spatial_of(&track(&[]), quality(VideoQuality::Medium)), 1);
    }

    #[test]
    fn an_adaptive_client_begins_with_the_lowest_layer() {
        let track = track(&[180, 360, 720]);
        let first = |adaptive| forwarding(&track, None, adaptive);
        let lowest = Forwarding::UpTo {
            spatial: SpatialLayer(0),
            temporal: TemporalLayer::MAX,
        };
        assert_eq!(first(true), lowest);
        assert_ne!(first(false), lowest);
    }

    #[test]
    fn a_disabled_track_is_not_forwarded() {
        let settings = UpdateTrackSettings {
            disabled: true,
            ..UpdateTrackSettings::default()
        };
        let paused = forwarding(&track(&[720]), Some(&settings), false);
        assert_eq!(paused, Forwarding::Paused);
    }

    #[test]
    fn half_the_frame_rate_drops_the_highest_temporal_layer() {
        assert_eq!(layer_of_fps(0), TemporalLayer::MAX);
        assert_eq!(layer_of_fps(7), TemporalLayer(0));
        assert_eq!(layer_of_fps(15), TemporalLayer(1));
        assert_eq!(layer_of_fps(24), TemporalLayer::MAX);
    }
}
