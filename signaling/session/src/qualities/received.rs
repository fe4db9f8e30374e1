//! How good the way of a subscription is, from here to its subscriber.

use sfu_model::{Forwarding, Step, SubscriptionStatistics};

use crate::TrackFigures;
use crate::quality::{Expectation, Fragility, Score, TrackQuality, WINDOW, Window};
use crate::subscribing::ActiveSubscription;
use crate::track::Track;

use super::counts::{Counts, Packets};

/// How good the way of a subscription is. It is judged by what its subscriber reports.
#[derive(Debug, Default)]
pub(super) struct Received {
    quality: TrackQuality,
    counts: Counts,
    latest: Option<SubscriptionStatistics>,
    /// How many reports were judged.
    judged: u64,
    /// How many windows are gathered until the next report.
    windows: u32,
    distance: Mean,
}

/// A mean value.
#[derive(Debug, Default)]
struct Mean {
    sum: f64,
    count: f64,
}

impl Received {
    /// Windows with packets that nothing was reported of, after which nothing is taken to arrive, as in LiveKit.
    const UNREPORTED: u32 = 6;

    /// Takes what was counted.
    pub(super) fn count(&mut self, counted: &SubscriptionStatistics) {
        self.counts.read(Packets {
            packets: counted.packets,
            lost: counted.lost,
        });
        if let Some(wanted) = counted.wanted {
            self.distance.add(distance(wanted, counted.forwarded));
        }
        self.latest = Some(*counted);
    }

    /// Ends a window.
    pub(super) fn judge(
        &mut self,
        track: &Track,
        active: &ActiveSubscription,
        figures: &mut TrackFigures,
    ) -> Score {
        let Some(latest) = self.latest else {
            return self.quality.score();
        };
        let is_muted = track.info.muted || active.forwarding == Forwarding::Paused;
        let expected = match (is_muted, latest.paused) {
            (true, _) => Expectation::Muted,
            (false, true) => Expectation::Paused,
            (false, false) => Expectation::Sends,
        };
        let is_news = latest.reports != self.judged;
        if expected == Expectation::Sends && !is_news && !self.is_unreported() {
            // What was lost is known by the next report.
            return self.quality.score();
        }
        let mut window = self.take_window(&latest);
        window.fragility = Fragility::of(track.kind(), latest.codec);
        window.is_heard = is_news;
        if !is_news {
            window.packets = 0;
        }
        figures.note(&window);
        self.quality.judge(expected, &window);
        self.quality.score()
    }

    /// Gathers another window. Reports whether too many are without a report.
    fn is_unreported(&mut self) -> bool {
        self.windows += u32::from(self.counts.moved());
        self.windows >= Self::UNREPORTED
    }

    fn take_window(&mut self, latest: &SubscriptionStatistics) -> Window {
        self.judged = latest.reports;
        let windows = std::mem::take(&mut self.windows) + 1;
        let counted = self.counts.take();
        Window {
            packets: counted.packets,
            lost: counted.lost,
            lasted: WINDOW * windows,
            round_trip: latest.round_trip.unwrap_or_default(),
            jitter: latest.jitter,
            distance: std::mem::take(&mut self.distance).get(),
            ..Window::default()
        }
    }
}

impl Mean {
    fn add(&mut self, value: f64) {
        self.sum += value;
        self.count += 1.0;
    }

    fn get(&self) -> f64 {
        match self.count > 0.0 {
            true => self.sum / self.count,
            false => 0.0,
        }
    }
}

/// Returns how many spatial layers less than wanted are forwarded; a temporal layer is a part of one.
fn distance(wanted: Step, forwarded: Option<Step>) -> f64 {
    let rank = |step: Step| {
        let temporal_layers = f64::from(wanted.temporal.0) + 1.0;
        let temporal = f64::from(step.temporal.0.min(wanted.temporal.0));
        f64::from(step.spatial.0) + temporal / temporal_layers
    };
    let forwarded = forwarded.map_or(-1.0, rank);
    (rank(wanted) - forwarded).max(0.0)
}

#[cfg(test)]
mod tests {
    use sfu_model::{SpatialLayer, TemporalLayer};

    use super::*;

    fn step(spatial: u8, temporal: u8) -> Step {
        Step {
            spatial: SpatialLayer(spatial),
            temporal: TemporalLayer(temporal),
        }
    }

    #[test]
    fn a_temporal_layer_is_a_part_of_a_spatial_one() {
        assert!(distance(step(2, 1), Some(step(2, 1))) < 0.01);
        assert!((distance(step(2, 1), Some(step(2, 0))) - 0.5).abs() < 0.01);
        assert!((distance(step(2, 1), Some(step(1, 3))) - 1.0).abs() < 0.01);
        assert!((distance(step(0, 0), None) - 1.0).abs() < 0.01);
        assert!(distance(step(1, 1), Some(step(2, 3))) < 0.01);
    }
}
