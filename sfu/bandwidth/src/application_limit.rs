//! Whether the application sends as much as it may.

use crate::micros::Micros;

/// Who bounds what is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Limited {
    /// The application sends less than it may: how the link does tells nothing of what else it would carry.
    #[default]
    ByApplication,
    /// The estimate.
    ByNetwork,
}

/// Time over which the use is averaged: several frames of a video.
const WINDOW: f64 = 0.5;

/// Use of the estimate below which the application is the limit, and above which it is not.
const LOW_USE: f64 = 0.65;
const HIGH_USE: f64 = 0.8;

/// Compares what is sent with the estimate.
#[derive(Debug, Default)]
pub(crate) struct ApplicationLimit {
    limited: Limited,
    used: f64,
    at: Option<Micros>,
}

impl ApplicationLimit {
    /// Takes the bytes that were sent since the last call, and the estimate in bits per second.
    pub(crate) fn update(&mut self, now: Micros, bytes: u64, estimate: f64) -> Limited {
        let at = self.at.replace(now);
        let elapsed = at.map_or(0.0, |at| (now - at).secs());
        if elapsed <= 0.0 {
            return self.limited;
        }
        let used = bytes as f64 * 8.0 / (estimate.max(1.0) * elapsed);
        let weight = 1.0 - (-elapsed / WINDOW).exp();
        self.used += weight * (used - self.used);
        if self.used < LOW_USE {
            self.limited = Limited::ByApplication;
        } else if self.used > HIGH_USE {
            self.limited = Limited::ByNetwork;
        }
        self.limited
    }

    /// Returns what the last call did.
    pub(crate) fn limited(&self) -> Limited {
        self.limited
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends at `rate` for two seconds on an estimate of 1 Mbit/s.
    fn send(limit: &mut ApplicationLimit, from: i64, rate: u64) -> Limited {
        (0..40).for_each(|i| {
            limit.update(Micros::from_millis(from + i * 50), rate / 160, 1e6);
        });
        limit.limited()
    }

    #[test]
    fn who_sends_less_than_two_thirds_is_limited_by_itself() {
        let mut limit = ApplicationLimit::default();
        assert_eq!(send(&mut limit, 0, 500_000), Limited::ByApplication);
        assert_eq!(send(&mut limit, 2_000, 950_000), Limited::ByNetwork);
        assert_eq!(send(&mut limit, 4_000, 720_000), Limited::ByNetwork);
        assert_eq!(send(&mut limit, 6_000, 500_000), Limited::ByApplication);
        assert_eq!(send(&mut limit, 8_000, 720_000), Limited::ByApplication);
    }
}
