//! When our flights of the handshake are sent again.

use std::time::{Duration, Instant};

/// First interval of our handshake retransmissions; it doubles with each (RFC 6347 section 4.2.4.1 has one
/// second first; LiveKit 100 ms, constant).
const FIRST_INTERVAL: Duration = Duration::from_millis(200);
/// How soon after a flight its repetition may be asked for by the peer's own.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(100);
/// How often a flight is sent again: 25 s long, if the peer does not ask. The library gives up at the next.
const MAX_REPEATS: u32 = 7;

/// The library's interval: it only has to be over when ours is.
pub(crate) const LIBRARY_RETRANSMIT_INTERVAL: Duration = Duration::from_millis(1);

/// When a flight is sent again. The library has a constant interval; its timer is always due, and this one
/// decides.
#[derive(Debug)]
pub(super) struct Backoff {
    /// The library's timer of the flight under way; another one means another flight.
    timer: Option<Instant>,
    sent_at: Instant,
    repeats: u32,
    fires_at: Option<Instant>,
}

impl Backoff {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            timer: None,
            sent_at: now,
            repeats: 0,
            fires_at: None,
        }
    }

    /// Notes the library's timer after it handled a datagram.
    pub(super) fn follow(&mut self, now: Instant, timer: Option<Instant>) {
        if self.timer != timer {
            self.timer = timer;
            self.sent_at = now;
            self.repeats = 0;
            self.fires_at = timer.map(|_| now + FIRST_INTERVAL);
        }
    }

    /// Notes that the flight was sent again.
    pub(super) fn repeated(&mut self, now: Instant, timer: Option<Instant>) {
        self.timer = timer;
        self.sent_at = now;
        self.repeats += 1;
        let more = timer.is_some() && self.repeats < MAX_REPEATS;
        self.fires_at = more.then(|| now + FIRST_INTERVAL * (1 << self.repeats));
    }

    /// Notes that the peer repeats its flight: it has not got ours.
    pub(super) fn hurry(&mut self) {
        let soon = self.sent_at + SHORTEST_INTERVAL;
        self.fires_at = self.fires_at.map(|at| at.min(soon));
    }

    pub(super) fn fires_at(&self) -> Option<Instant> {
        self.fires_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start() -> Instant {
        #[expect(
            clippy::disallowed_methods,
            reason = "the clock is virtual from here on"
        )]
        Instant::now()
    }

    fn repeat(backoff: &mut Backoff) -> Option<Instant> {
        let at = backoff.fires_at()?;
        backoff.repeated(at, Some(at + LIBRARY_RETRANSMIT_INTERVAL));
        Some(at)
    }

    #[test]
    fn the_interval_doubles_and_ends_before_the_library_gives_up() {
        let start = start();
        let mut backoff = Backoff::new(start);
        backoff.follow(start, Some(start + LIBRARY_RETRANSMIT_INTERVAL));
        let times: Vec<_> = std::iter::from_fn(|| repeat(&mut backoff))
            .map(|at| (at - start).as_millis())
            .collect();
        assert_eq!(times, [200, 600, 1_400, 3_000, 6_200, 12_600, 25_400]);
    }

    #[test]
    fn a_peer_that_repeats_its_flight_gets_ours_sooner() {
        let start = start();
        let mut backoff = Backoff::new(start);
        backoff.follow(start, Some(start + LIBRARY_RETRANSMIT_INTERVAL));
        repeat(&mut backoff);
        backoff.hurry();
        assert_eq!(backoff.fires_at(), Some(start + Duration::from_millis(300)));
    }

    #[test]
    fn the_next_flight_begins_with_the_first_interval() {
        let start = start();
        let mut backoff = Backoff::new(start);
        backoff.follow(start, Some(start + LIBRARY_RETRANSMIT_INTERVAL));
        repeat(&mut backoff);
        let later = start + Duration::from_secs(1);
        backoff.follow(later, Some(later + LIBRARY_RETRANSMIT_INTERVAL));
        assert_eq!(backoff.fires_at(), Some(later + FIRST_INTERVAL));
        backoff.follow(later, None);
        assert_eq!(backoff.fires_at(), None);
    }
}
