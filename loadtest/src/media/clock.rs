use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use loadtest_peer::Arrival;
use sfu_model::{Now, UnixTime};

/// Both clocks, which agree for the life of the process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    begun: Now,
}

impl Clock {
    /// How often the clocks are read for the reading that is interrupted least.
    const READINGS: usize = 16;
    /// No datagram waits longer to be read, or the wall clock was set meanwhile.
    const LONGEST_WAIT: Duration = Duration::from_secs(1);

    pub(crate) fn new() -> Self {
        let readings = (1..Self::READINGS).map(|_| read_both());
        let best = readings.fold(read_both(), |best, reading| match reading.0 < best.0 {
            true => reading,
            false => best,
        });
        Self { begun: best.1 }
    }

    /// Returns the zero of stamps.
    pub(crate) fn epoch(&self) -> Instant {
        self.begun.mono
    }

    pub(crate) fn now(&self) -> Now {
        self.begun.after(self.begun.mono.elapsed())
    }

    /// Returns when a datagram came that is read at this moment, and that the kernel stamped so.
    pub(crate) fn arrival(&self, stamped: Option<UnixTime>) -> Arrival {
        self.arrival_at(self.now(), stamped)
    }

    /// The kernel stamps by the wall clock, which may be set while this runs: what it says is believed only if it is of the
    /// moment just past.
    fn arrival_at(&self, now: Now, stamped: Option<UnixTime>) -> Arrival {
        let since = stamped.and_then(|stamped| stamped.0.checked_sub(self.begun.unix.0));
        let at = since.and_then(|since| self.begun.mono.checked_add(since));
        let recent = |at: &Instant| {
            let waited = now.mono.checked_duration_since(*at);
            waited.is_some_and(|waited| waited < Self::LONGEST_WAIT)
        };
        match at.filter(recent) {
            Some(at) => Arrival { now, at },
            None => Arrival::read_at_once(now),
        }
    }
}

/// Reads both clocks, and tells how long that took: so far apart they may be.
fn read_both() -> (Duration, Now) {
    let mono = Instant::now();
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let unix = UnixTime(since.unwrap_or_default());
    (mono.elapsed(), Now { mono, unix })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The clock, and a reading of it ten seconds after it began.
    fn clock() -> (Clock, Now) {
        let clock = Clock::new();
        (clock, clock.begun.after(Duration::from_secs(10)))
    }

    #[test]
    fn a_stamp_tells_on_the_monotonic_clock_when_a_datagram_came() {
        let (clock, now) = clock();
        let wait = Duration::from_millis(3);
        let arrival = clock.arrival_at(now, Some(UnixTime(now.unix.0 - wait)));
        assert_eq!((arrival.at, arrival.now), (now.mono - wait, now));
    }

    #[test]
    fn a_datagram_without_a_stamp_came_when_it_was_read() {
        let (clock, now) = clock();
        assert_eq!(clock.arrival_at(now, None).at, now.mono);
    }

    #[test]
    fn a_stamp_of_a_wall_clock_that_was_set_is_not_believed() {
        let (clock, now) = clock();
        let hour = Duration::from_secs(3_600);
        for stamped in [now.unix.0 + hour, now.unix.0 - hour, Duration::MAX] {
            let arrival = clock.arrival_at(now, Some(UnixTime(stamped)));
            assert_eq!(arrival.at, now.mono, "{stamped:?}");
        }
    }
}
