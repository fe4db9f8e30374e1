//! What becomes of the packets of all tracks together, for whoever watches a node.

use std::time::Duration;

use sfu_model::Histogram;

use crate::proto::ConnectionQuality;
use crate::quality::{Score, Window};

/// What the tracks of a room came to in one window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QualityReport {
    /// How well participants are connected at its end.
    pub participants: QualityCounts,
    /// What became of the packets of what is published.
    pub published: TrackFigures,
    /// What became of the packets of what is received.
    pub received: TrackFigures,
}

/// How many participants are how well connected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QualityCounts {
    /// Above 80 of 100.
    pub excellent: usize,
    /// Above 40.
    pub good: usize,
    /// Above 20.
    pub poor: usize,
    /// Nothing comes from them.
    pub lost: usize,
}

/// What became of the packets of tracks: each counts once a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrackFigures {
    /// Share of packets that was lost.
    pub loss: Histogram<8>,
    /// Interarrival jitter.
    pub jitter: Histogram<8>,
    /// Round-trip time, where it is known.
    pub round_trip: Histogram<8>,
}

impl Default for TrackFigures {
    fn default() -> Self {
        let shares = [0, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000];
        let short = [
            1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000,
        ];
        let long = [
            10_000, 25_000, 50_000, 100_000, 200_000, 400_000, 800_000, 1_600_000,
        ];
        Self {
            loss: Histogram::new(shares),
            jitter: Histogram::new(short),
            round_trip: Histogram::new(long),
        }
    }
}

impl TrackFigures {
    /// Adds those of others.
    pub fn add(&mut self, other: &Self) {
        self.loss.add(&other.loss);
        self.jitter.add(&other.jitter);
        self.round_trip.add(&other.round_trip);
    }

    /// Counts a window in which packets came.
    pub(crate) fn note(&mut self, window: &Window) {
        let lost = window.lost.min(window.packets).saturating_mul(1_000_000);
        let Some(share) = lost.checked_div(window.packets) else {
            return;
        };
        self.loss.note(share);
        self.jitter.note_time(window.jitter);
        if window.round_trip > Duration::ZERO {
            self.round_trip.note_time(window.round_trip);
        }
    }
}

impl QualityCounts {
    /// Counts scores.
    pub(crate) fn of<'a>(scores: impl Iterator<Item = &'a Score>) -> Self {
        let mut counts = Self::default();
        scores.for_each(|score| counts.note(score.quality()));
        counts
    }

    /// Counts one more.
    pub(crate) fn note(&mut self, quality: ConnectionQuality) {
        *match quality {
            ConnectionQuality::Excellent => &mut self.excellent,
            ConnectionQuality::Good => &mut self.good,
            ConnectionQuality::Poor => &mut self.poor,
            ConnectionQuality::Lost => &mut self.lost,
        } += 1;
    }
}
