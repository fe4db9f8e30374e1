//! How good the connection of a track is, on LiveKit's scale.
//!
//! Every five seconds the packets of a track are judged by what was lost of them, by delay and jitter (a simplified
//! E-model), and by how far what is sent is from what is wanted. The worst of these is the window's score of 0 to 100, which
//! moves the track's: down fast, up slowly. A participant is as good as the worst of its tracks.

mod usual_rate;

use std::time::Duration;

use sfu_model::{Codec, MediaKind};

use crate::proto::ConnectionQuality;
use usual_rate::UsualRate;

/// How long packets are gathered before they are judged.
pub(crate) const WINDOW: Duration = Duration::from_secs(5);

const BEST: f64 = 100.0;

/// Lowest score of a track whose packets arrive: from any lower the way back would be long.
const LOWEST: f64 = 30.0;

/// What a window moves the score by.
const RISE: f64 = 0.4;
const FALL: f64 = 0.8;

/// What one spatial layer less than wanted costs.
const LAYER_COST: f64 = 35.0;

/// Scores of tracks that send nothing: the other end is heard, or is not.
const DRY: f64 = 40.0;
const LOST: f64 = 20.0;

/// What became of a track's packets in one window.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Window {
    /// What a lost one costs.
    pub(crate) fragility: Fragility,
    /// How long they were gathered.
    pub(crate) lasted: Duration,
    /// How many were sent, those that were lost included.
    pub(crate) packets: u64,
    /// How many did not arrive.
    pub(crate) lost: u64,
    pub(crate) round_trip: Duration,
    pub(crate) jitter: Duration,
    /// How many spatial layers less than wanted were sent, on average.
    pub(crate) distance: f64,
    /// Whether the other end was heard.
    pub(crate) is_heard: bool,
}

/// What a lost packet of a track costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Fragility {
    /// Sound by itself.
    Audio,
    /// Opus whose lost packets come with the next ones.
    RedundantAudio,
    /// Any picture.
    #[default]
    Video,
}

/// Whether a track should send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expectation {
    /// It should.
    Sends,
    /// It is muted, or nobody wants it: silence is as it should be.
    Muted,
    /// There is no room for it on the link.
    Paused,
}

/// How good the connection of one track is.
#[derive(Clone, Debug)]
pub(crate) struct TrackQuality {
    score: f64,
    /// What was expected at the end of the last window.
    expected: Option<Expectation>,
    usual_rate: UsualRate,
}

impl Fragility {
    /// Returns what a lost packet costs of a track in `codec`, or of one of `kind` that has sent none yet.
    pub(crate) fn of(kind: MediaKind, codec: Option<Codec>) -> Self {
        match (kind, codec) {
            (MediaKind::Video, _) => Self::Video,
            (MediaKind::Audio, Some(Codec::Red)) => Self::RedundantAudio,
            (MediaKind::Audio, _) => Self::Audio,
        }
    }

    /// Points that a percent of loss costs.
    fn weight(self) -> f64 {
        match self {
            Self::Audio => 8.0,
            Self::RedundantAudio => 4.0,
            Self::Video => 10.0,
        }
    }
}

impl TrackQuality {
    /// Judges the window that ends. One in which the track began, or went on, says nothing.
    pub(crate) fn judge(&mut self, expected: Expectation, window: &Window) {
        let before = self.expected.replace(expected);
        match expected {
            Expectation::Muted if self.score == LOST => {}
            Expectation::Muted => self.score = BEST,
            Expectation::Paused => self.score = LOWEST,
            Expectation::Sends if before != Some(Expectation::Sends) => {}
            Expectation::Sends if window.packets > 0 => self.weigh(window),
            Expectation::Sends => self.score = if window.is_heard { DRY } else { LOST },
        }
    }

    fn weigh(&mut self, window: &Window) {
        let seconds = window.lasted.max(WINDOW).as_secs_f64();
        let rate = precise(window.packets) / seconds;
        self.usual_rate.note(rate);
        let weight = window.fragility.weight() * self.usual_rate.weight_of(rate);
        let score = window.packet_score(weight).min(window.layer_score());
        let factor = if score < self.score { FALL } else { RISE };
        self.score = (factor * score + (1.0 - factor) * self.score).max(LOWEST);
    }

    /// Returns the score of 0 to 100.
    pub(crate) fn score(&self) -> Score {
        Score(self.score)
    }
}

impl Default for TrackQuality {
    fn default() -> Self {
        Self {
            score: BEST,
            expected: None,
            usual_rate: UsualRate::default(),
        }
    }
}

impl Window {
    fn packet_score(&self, weight: f64) -> f64 {
        let millis = |time: Duration| time.as_secs_f64() * 1_000.0;
        let delay = millis(self.round_trip) / 2.0 + millis(self.jitter) * 2.0;
        let by_delay = match delay > 160.0 {
            true => (delay - 120.0) / 10.0,
            false => delay / 40.0,
        };
        let lost = precise(self.lost.min(self.packets)) * 100.0 / precise(self.packets);
        (BEST - by_delay - lost * weight).max(0.0)
    }

    fn layer_score(&self) -> f64 {
        (BEST - self.distance.max(0.0) * LAYER_COST).max(0.0)
    }
}

fn precise(count: u64) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

/// How good something is: 0 to 100.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub(crate) struct Score(f64);

impl Score {
    /// Of who has no tracks.
    pub(crate) const BEST: Self = Self(BEST);

    /// Of who is not heard.
    pub(crate) const LOST: Self = Self(LOST);

    /// Returns the worse one.
    pub(crate) fn worse(self, other: Self) -> Self {
        Self(self.0.min(other.0))
    }

    /// Returns the step of LiveKit's scale.
    pub(crate) fn quality(self) -> ConnectionQuality {
        match self.0 {
            score if score > 80.0 => ConnectionQuality::Excellent,
            score if score > 40.0 => ConnectionQuality::Good,
            score if score > 20.0 => ConnectionQuality::Poor,
            _ => ConnectionQuality::Lost,
        }
    }

    /// Returns the mean opinion score: 1 to 4.5 (ITU-T G.107 annex B).
    pub(crate) fn opinion(self) -> f32 {
        let score = self.0;
        let opinion = 1.0 + 0.035 * score + score * (score - 60.0) * (100.0 - score) * 7e-6;
        #[expect(clippy::cast_possible_truncation, reason = "1 to 4.5 by the clamp")]
        let opinion = opinion.clamp(1.0, 4.5) as f32;
        opinion
    }
}

#[cfg(test)]
mod tests;
