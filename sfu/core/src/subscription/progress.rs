//! How far a subscription has come with what it sends.

use std::time::{Duration, Instant};

use sfu_rtp::{RtpTimestamp, StreamNumber};

use crate::arrival::Arrival;
use crate::limits::{GIVE_UP_CALM, GIVE_UP_PATIENCE, MAX_GIVE_UP_PATIENCE};

/// How far a subscription has come, and how often its link kept it from going on.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// The frame of the packet that left last.
    latest: Option<FrameName>,
    /// The latest key frame of which something has left.
    key_frame: Option<FrameName>,
    /// When what waited was given up last.
    given_up: Option<Instant>,
    /// How long it does without a key frame of its own after that.
    patience: Duration,
}

/// Names a frame among those of a publication.
type FrameName = (StreamNumber, RtpTimestamp);

impl Progress {
    /// Notes that a packet leaves.
    #[inline]
    pub(super) fn on_sent(&mut self, arrival: &Arrival<'_>) {
        let name = frame_of(arrival);
        self.latest = Some(name);
        if arrival.frame.is_some_and(|frame| frame.key) {
            self.key_frame = Some(name);
        }
    }

    /// Reports whether it may ask for a key frame of its own.
    #[inline]
    pub(super) fn may_ask(&self, now: Instant) -> bool {
        let since = |at: Instant| now.saturating_duration_since(at);
        self.given_up.is_none_or(|at| since(at) >= self.patience)
    }

    /// Notes that what waited was given up.
    pub(super) fn give_up(&mut self, now: Instant) {
        let soon = |at: Instant| now.saturating_duration_since(at) < GIVE_UP_CALM;
        self.patience = match self.given_up {
            Some(at) if soon(at) => {
                (self.patience * 2).clamp(GIVE_UP_PATIENCE, MAX_GIVE_UP_PATIENCE)
            }
            Some(_) | None => Duration::ZERO,
        };
        self.given_up = Some(now);
    }

    /// Reports whether something of a packet's frame has left, and nothing of another one since.
    pub(super) fn has_begun(&self, arrival: &Arrival<'_>) -> bool {
        self.latest == Some(frame_of(arrival))
    }

    /// Reports whether a packet is of a key frame of which something has left.
    pub(super) fn is_amid_key_frame(&self, arrival: &Arrival<'_>) -> bool {
        self.key_frame == Some(frame_of(arrival))
    }
}

fn frame_of(arrival: &Arrival<'_>) -> FrameName {
    (arrival.stream, arrival.header.timestamp)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_clock::start;

    #[test]
    fn who_gives_up_again_and_again_asks_ever_less_often() {
        let (mut now, mut progress) = (start(), Progress::default());
        assert!(progress.may_ask(now));
        let mut patience = Vec::new();
        for _ in 0..6 {
            progress.give_up(now);
            patience.push(progress.patience.as_secs());
            assert_eq!(progress.may_ask(now), progress.patience.is_zero());
            now += progress.patience + GIVE_UP_PATIENCE;
            assert!(progress.may_ask(now));
        }
        assert_eq!(patience, [0, 1, 2, 4, 8, 8]);
        now += GIVE_UP_CALM;
        progress.give_up(now);
        assert!(progress.may_ask(now));
    }
}
