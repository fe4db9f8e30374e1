use std::time::{Duration, Instant};

use sfu_model::Now;

/// When a datagram came.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    /// When it is read: what timers go by.
    pub now: Now,
    /// When the machine had it, which is earlier the busier its reader is: what latency and jitter go by.
    pub at: Instant,
}

impl Arrival {
    /// A datagram that is read the moment it comes, or whose arrival nobody noted.
    pub fn read_at_once(now: Now) -> Self {
        Self { now, at: now.mono }
    }

    /// Returns how long it was on its way. Nothing comes before it was sent: if the arrival says so, the reading counts.
    pub(crate) fn since(&self, sent: Instant) -> Duration {
        let waited = self.at.checked_duration_since(sent);
        waited.unwrap_or_else(|| self.now.mono.saturating_duration_since(sent))
    }
}
