//! How good the way of a publication is, from its publisher to here.

use std::time::Duration;

use sfu_model::{Codec, EncodingStatistics, MediaKind, SpatialLayer};

use crate::TrackFigures;
use crate::quality::{Expectation, Fragility, Score, TrackQuality, WINDOW, Window};
use crate::track::{PublishedStream, Track};

use super::counts::{Counts, Packets};

/// How good the way of a publication is.
#[derive(Debug, Default)]
pub(super) struct Published {
    quality: TrackQuality,
    encodings: [Encoding; SpatialLayer::COUNT],
    codec: Option<Codec>,
    /// The highest encoding that was wanted when the window began.
    wanted: Option<usize>,
}

/// What came of one encoding.
#[derive(Debug, Default)]
struct Encoding {
    counts: Counts,
    jitter: Duration,
    /// Whether anything ever came.
    is_sent: bool,
}

impl Published {
    /// Takes what was counted of an encoding.
    pub(super) fn count(&mut self, counted: &EncodingStatistics) {
        self.codec = counted.codec.or(self.codec);
        if let Some(encoding) = self.encodings.get_mut(usize::from(counted.encoding.0)) {
            encoding.counts.read(Packets {
                packets: counted.packets,
                lost: counted.lost,
            });
            encoding.jitter = counted.jitter;
            encoding.is_sent = true;
        }
    }

    /// Ends a window.
    pub(super) fn judge(
        &mut self,
        track: &Track,
        stream: &PublishedStream,
        is_heard: bool,
        figures: &mut TrackFigures,
    ) -> Score {
        let wanted = stream.demand.highest();
        let wanted_before = std::mem::replace(&mut self.wanted, wanted);
        let mut window = Window {
            fragility: Fragility::of(track.kind(), self.codec),
            lasted: WINDOW,
            is_heard,
            ..Window::default()
        };
        let (mut best, mut best_sent) = (None, None);
        for (place, encoding) in self.encodings.iter_mut().enumerate() {
            let counted = encoding.counts.take();
            window.packets += counted.packets + counted.lost;
            window.lost += counted.lost;
            window.jitter = window.jitter.max(encoding.jitter);
            if encoding.is_sent {
                best = Some(place);
            }
            if counted.packets > 0 {
                best_sent = Some(place);
            }
        }
        // What was not wanted all the time, or never came yet, is not missed.
        let missed = [wanted, wanted_before, best].into_iter().min().flatten();
        if let (Some(wanted), Some(sent)) = (missed, best_sent) {
            window.distance = f64::from(u8::try_from(wanted.saturating_sub(sent)).unwrap_or(0));
        }
        let rests = track.kind() == MediaKind::Video && wanted.is_none() && window.packets == 0;
        let expected = match track.info.muted || rests {
            true => Expectation::Muted,
            false => Expectation::Sends,
        };
        figures.note(&window);
        self.quality.judge(expected, &window);
        self.quality.score()
    }
}
