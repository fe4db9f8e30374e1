//! The relation of a sender's RTP clock to ours, by its sender reports.

use std::time::{Duration, Instant};

use sfu_model::UnixTime;

use crate::RtpTimestamp;
use crate::seq::ticks_of;

/// NTP timestamp: 32 bits of seconds since 1900, 32 of fraction (RFC 3550 section 4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NtpTime(pub u64);

impl NtpTime {
    /// Returns the middle 32 bits, as `LSR` of report blocks has them (RFC 3550 section 6.4.1).
    pub fn middle(self) -> u32 {
        ((self.0 >> 16) & 0xffff_ffff) as u32
    }

    /// Returns the time `elapsed` later.
    #[must_use]
    pub fn after(self, elapsed: Duration) -> Self {
        let fraction = (u64::from(elapsed.subsec_nanos()) << 32) / 1_000_000_000;
        let elapsed = (elapsed.as_secs() << 32).wrapping_add(fraction);
        Self(self.0.wrapping_add(elapsed))
    }

    /// Returns how far `self` lies ahead of `other`; negative when behind. In units of 2^-32 s.
    fn ahead_of(self, other: Self) -> i64 {
        self.0.wrapping_sub(other.0).cast_signed()
    }
}

impl From<UnixTime> for NtpTime {
    fn from(time: UnixTime) -> Self {
        Self(time.ntp())
    }
}

/// How the RTP timestamps of one received stream map to its sender's wall clock: the latest sender
/// report of that stream.
///
/// All streams of a sender share its wall clock, so two of these translate an instant of one simulcast
/// layer into the timestamps of another, and audio and video play in step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RtpClock {
    ntp: NtpTime,
    timestamp: RtpTimestamp,
    received: Instant,
    clock_rate: u32,
}

impl RtpClock {
    /// Takes what a sender report says.
    pub fn new(now: Instant, ntp: NtpTime, timestamp: RtpTimestamp, clock_rate: u32) -> Self {
        Self {
            ntp,
            timestamp,
            received: now,
            clock_rate,
        }
    }

    /// Returns the sender's wall clock and this stream's timestamp at `now`, both carried on from the
    /// report by the same elapsed time.
    pub fn at(&self, now: Instant) -> (NtpTime, RtpTimestamp) {
        let elapsed = now.saturating_duration_since(self.received);
        let ticks = ticks_of(elapsed, self.clock_rate);
        (self.ntp.after(elapsed), self.timestamp.plus(ticks))
    }

    /// Returns the timestamp that this stream has when `other`, a stream of the same sender, has
    /// `timestamp`.
    ///
    /// `None` when the two reports lie an hour or more apart: their sender set its clock.
    pub fn same_instant(&self, other: &Self, timestamp: RtpTimestamp) -> Option<RtpTimestamp> {
        const HOUR: i64 = 3_600 << 32;
        if other.clock_rate == 0 {
            return None;
        }
        let apart = other.ntp.ahead_of(self.ntp);
        if apart.saturating_abs() >= HOUR {
            return None;
        }
        let rate = i128::from(self.clock_rate);
        let into_other =
            i128::from(timestamp.ahead_of(other.timestamp)) * rate / i128::from(other.clock_rate);
        let between = (i128::from(apart) * rate) >> 32;
        let ticks = (between + into_other) & 0xffff_ffff;
        u32::try_from(ticks)
            .ok()
            .map(|ticks| self.timestamp.plus(ticks))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1 << 32;

    #[test]
    fn a_clock_goes_on_from_its_report() {
        let now = crate::any_instant();
        let clock = RtpClock::new(now, NtpTime(SECOND), RtpTimestamp(u32::MAX), 90_000);
        let later = now + Duration::from_millis(500);
        let expected = (NtpTime(SECOND + SECOND / 2), RtpTimestamp(44_999));
        assert_eq!(clock.at(later), expected);
    }

    #[test]
    fn an_instant_is_translated_between_layers() {
        let now = crate::any_instant();
        let low = RtpClock::new(now, NtpTime(10 * SECOND), RtpTimestamp(1_000), 90_000);
        let high = RtpClock::new(now, NtpTime(12 * SECOND), RtpTimestamp(50), 90_000);
        let instant = |ticks| low.same_instant(&high, RtpTimestamp(ticks));
        assert_eq!(instant(50), Some(RtpTimestamp(181_000)));
        assert_eq!(instant(45_050), Some(RtpTimestamp(226_000)));
        let before = RtpTimestamp(50).plus(180_000_u32.wrapping_neg());
        assert_eq!(low.same_instant(&high, before), Some(RtpTimestamp(1_000)));
        assert_eq!(
            high.same_instant(&low, RtpTimestamp(181_000)),
            Some(RtpTimestamp(50))
        );
    }

    #[test]
    fn clocks_that_were_set_apart_translate_nothing() {
        let now = crate::any_instant();
        let low = RtpClock::new(now, NtpTime(0), RtpTimestamp(1_000), 90_000);
        let high = RtpClock::new(now, NtpTime(4_000 * SECOND), RtpTimestamp(50), 90_000);
        assert_eq!(low.same_instant(&high, RtpTimestamp(50)), None);
        assert_eq!(high.same_instant(&low, RtpTimestamp(50)), None);
        let far = RtpClock::new(now, NtpTime(1 << 63), RtpTimestamp(50), 90_000);
        assert_eq!(low.same_instant(&far, RtpTimestamp(50)), None);
    }

    #[test]
    fn an_unknown_rate_translates_nothing() {
        let clock = RtpClock::new(crate::any_instant(), NtpTime(0), RtpTimestamp(0), 0);
        assert_eq!(clock.same_instant(&clock, RtpTimestamp(50)), None);
    }
}
