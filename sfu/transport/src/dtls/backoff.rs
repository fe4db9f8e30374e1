use std::time::{Duration, Instant};

/// First interval of our handshake retransmissions; it doubles with each (RFC 6347 section 4.2.4.1 has one second; LiveKit
/// 100 ms, constant). Seven of them span 25 s.
const FIRST_INTERVAL: Duration = Duration::from_millis(200);

/// When a flight is sent again. The library's timer has one interval; this one holds it back.
#[derive(Debug)]
pub(super) struct Backoff {
    /// The library's deadline of the flight under way.
    due: Option<Instant>,
    interval: Duration,
    fires_at: Option<Instant>,
}

impl Backoff {
    pub(super) fn new() -> Self {
        Self {
            due: None,
            interval: FIRST_INTERVAL,
            fires_at: None,
        }
    }

    /// Notes the library's deadline after it handled a datagram: another one means another flight.
    pub(super) fn follow(&mut self, now: Instant, due: Option<Instant>) {
        if self.due != due {
            self.due = due;
            self.interval = FIRST_INTERVAL;
            self.fires_at = due.map(|_| now + self.interval);
        }
    }

    /// Notes that the flight was sent again.
    pub(super) fn repeat(&mut self, now: Instant, due: Option<Instant>) {
        self.due = due;
        self.interval *= 2;
        self.fires_at = due.map(|_| now + self.interval);
    }

    pub(super) fn fires_at(&self) -> Option<Instant> {
        self.fires_at
    }
}
