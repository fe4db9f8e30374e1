use std::time::{Duration, Instant};

/// One reading of both clocks, taken by a driver and passed down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// Monotonic time: for deadlines and intervals.
    pub mono: Instant,
    /// Wall time: for what people, tokens and RTCP sender reports see.
    pub unix: UnixTime,
}

impl Now {
    /// Returns the reading `later` after this one, on both clocks.
    #[must_use]
    pub fn after(self, later: Duration) -> Self {
        Self {
            mono: self.mono + later,
            unix: UnixTime(self.unix.0 + later),
        }
    }
}

/// Time since 1970-01-01 00:00:00 UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixTime(pub Duration);

impl UnixTime {
    /// Seconds between the NTP era (1900) and the Unix era (1970), RFC 5905 figure 4.
    const NTP_OFFSET: u64 = 2_208_988_800;

    /// Returns whole seconds, as LiveKit's `*_at` fields have them.
    pub fn seconds(self) -> i64 {
        i64::try_from(self.0.as_secs()).unwrap_or(i64::MAX)
    }

    /// Returns whole milliseconds, as LiveKit's `*_ms` fields have them.
    pub fn millis(self) -> i64 {
        i64::try_from(self.0.as_millis()).unwrap_or(i64::MAX)
    }

    /// Returns the NTP timestamp of RTCP sender reports: 32 bits of seconds, 32 of fraction
    /// (RFC 3550 section 4).
    pub fn ntp(self) -> u64 {
        let seconds = self.0.as_secs().wrapping_add(Self::NTP_OFFSET);
        let fraction = (u64::from(self.0.subsec_nanos()) << 32) / 1_000_000_000;
        (seconds << 32) | fraction
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_second_is_half_of_the_ntp_fraction() {
        let time = UnixTime(Duration::from_millis(1_500));
        assert_eq!(time.ntp(), (2_208_988_801 << 32) | (1 << 31));
    }
}
