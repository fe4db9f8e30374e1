//! Times of two clocks in one unit.

use std::ops::{Add, Sub};
use std::time::Duration;

/// A time of the sender's or of the receiver's clock, or the difference of two, in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Micros(pub(crate) i64);

impl Micros {
    /// Latest time that a peer can claim: 285 years, so that no difference of two overflows.
    const LATEST: u64 = 1 << 53;

    /// Returns `count` milliseconds.
    pub(crate) const fn from_millis(count: i64) -> Self {
        Self(count * 1_000)
    }

    /// Returns the time as milliseconds.
    pub(crate) fn millis(self) -> f64 {
        self.0 as f64 / 1e3
    }

    /// Returns the time as seconds.
    pub(crate) fn secs(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// Returns the time as a duration, a negative one as zero.
    pub(crate) fn duration(self) -> Duration {
        Duration::from_micros(u64::try_from(self.0).unwrap_or(0))
    }
}

impl From<Duration> for Micros {
    fn from(duration: Duration) -> Self {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(Self::LATEST);
        Self(micros.min(Self::LATEST).cast_signed())
    }
}

impl Add for Micros {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl Sub for Micros {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }
}
