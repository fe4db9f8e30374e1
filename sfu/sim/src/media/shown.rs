//! What of a video comes to be seen.

use std::time::{Duration, Instant};

use super::Received;

/// The pictures that a receiver has shown, and when it stood still.
///
/// A picture that comes late is a freeze as libwebrtc counts it: after more than three times the usual interval, and
/// 150 ms more than that.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// Pictures.
    pub pictures: u64,
    /// Times that it stood still.
    pub freezes: u64,
    /// How long it stood still, until the latest picture.
    pub frozen: Duration,
    /// Encoding of the latest picture, or its highest spatial layer; `None` before the first.
    pub layer: Option<u8>,
    /// Changes of that.
    pub layer_changes: u64,
    last: Option<Instant>,
    /// The usual time from one picture to the next.
    interval: Duration,
    /// Whether all of the picture that is coming has come.
    whole: bool,
    /// Highest spatial layer of the picture that is coming.
    coming: u8,
}

impl Shown {
    const LATE: Duration = Duration::from_millis(150);
    /// Weight of the latest interval: one in this many.
    const WEIGHT: u32 = 16;

    /// Takes a packet that came out, after the one before it or not, while pictures can be decoded or not.
    pub(super) fn take(&mut self, now: Instant, received: &Received, follows: bool, decodes: bool) {
        if received.start {
            self.whole = true;
            self.coming = 0;
        } else {
            self.whole &= follows;
        }
        self.coming = self.coming.max(received.layer());
        if received.marker && self.whole && decodes {
            self.show(now);
        }
    }

    fn show(&mut self, now: Instant) {
        self.pictures += 1;
        if self.layer.replace(self.coming) != Some(self.coming) && self.pictures > 1 {
            self.layer_changes += 1;
        }
        let Some(last) = self.last.replace(now) else {
            return;
        };
        let interval = now.saturating_duration_since(last);
        if self.is_freeze(interval) {
            self.freezes += 1;
            self.frozen += interval;
        } else {
            let known = self.interval * (Self::WEIGHT - 1) + interval;
            self.interval = known / Self::WEIGHT;
        }
    }

    fn is_freeze(&self, interval: Duration) -> bool {
        interval > (self.interval * 3).max(self.interval + Self::LATE)
    }

    /// Returns how long it stood still, with what lasts at `now`.
    pub fn frozen_by(&self, now: Instant) -> Duration {
        let waits = self.last.map(|last| now.saturating_duration_since(last));
        let lasts = waits.filter(|waits| self.is_freeze(*waits));
        self.frozen + lasts.unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use sfu_rtp::RtpTimestamp;

    use super::*;
    use crate::beginning;

    fn picture() -> Received {
        Received {
            number: 0,
            timestamp: RtpTimestamp(0),
            marker: true,
            start: true,
            key_frame: false,
            picture: None,
        }
    }

    fn show_for(shown: &mut Shown, from: Duration, count: u32) -> Duration {
        let each = Duration::from_millis(40);
        for place in 0..count {
            let at = beginning().mono + from + each * place;
            shown.take(at, &picture(), true, true);
        }
        from + each * (count - 1)
    }

    #[test]
    fn pictures_at_their_pace_are_no_freeze() {
        let mut shown = Shown::default();
        show_for(&mut shown, Duration::ZERO, 50);
        assert_eq!((shown.pictures, shown.freezes), (50, 0));
    }

    #[test]
    fn a_pause_is_a_freeze_while_it_lasts_and_after() {
        let mut shown = Shown::default();
        let last = show_for(&mut shown, Duration::ZERO, 50);
        let second = Duration::from_secs(1);
        let later = beginning().mono + last + second;
        assert_eq!(shown.frozen_by(later), second);
        show_for(&mut shown, last + second, 1);
        assert_eq!((shown.freezes, shown.frozen), (1, second));
    }

    #[test]
    fn a_picture_with_a_hole_is_not_shown() {
        let mut shown = Shown::default();
        let rest = Received {
            start: false,
            ..picture()
        };
        shown.take(beginning().mono, &rest, false, true);
        assert_eq!(shown.pictures, 0);
    }
}
