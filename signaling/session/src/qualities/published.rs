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

    /// Ends a window. Before anything has come there is nothing to judge.
    pub(super) fn judge(
        &mut self,
        track: &Track,
        stream: &PublishedStream,
        is_heard: bool,
        figures: &mut TrackFigures,
    ) -> Score {
        let wanted = stream.demand.highest();
        let wanted_before = std::mem::replace(&mut self.wanted, wanted);
        let Some(best) = self.encodings.iter().rposition(|it| it.is_sent) else {
            return self.quality.score();
        };
        let sent = self.encodings.iter().rposition(|it| it.counts.moved());
        let mut window = self.take_window();
        window.fragility = Fragility::of(track.kind(), self.codec);
        window.is_heard = is_heard;
        // What was not wanted all the time, or has never come, is not missed.
        if let (Some(wanted), Some(before), Some(sent)) = (wanted, wanted_before, sent) {
            let missed = wanted.min(before).min(best).saturating_sub(sent);
            window.distance = f64::from(u8::try_from(missed).unwrap_or(u8::MAX));
        }
        let rests = track.kind() == MediaKind::Video && wanted.is_none() && sent.is_none();
        let expected = match track.info.muted || rests {
            true => Expectation::Muted,
            false => Expectation::Sends,
        };
        figures.note(&window);
        self.quality.judge(expected, &window);
        self.quality.score()
    }

    fn take_window(&mut self) -> Window {
        let mut window = Window {
            lasted: WINDOW,
            ..Window::default()
        };
        for encoding in &mut self.encodings {
            let counted = encoding.counts.take();
            window.packets += counted.packets + counted.lost;
            window.lost += counted.lost;
            window.jitter = window.jitter.max(encoding.jitter);
        }
        window
    }
}
