use std::time::{Duration, Instant};

use loadtest_peer::Tally;
use serde::Serialize;

use crate::server_process::Usage;

/// How the load went, moment by moment.
#[derive(Clone, Debug)]
pub(crate) struct Timeline {
    begun: Instant,
    last: Option<(Instant, Totals)>,
    pub(crate) moments: Vec<Moment>,
}

/// What had been counted.
#[derive(Clone, Copy, Debug, Default)]
struct Totals {
    packets: u64,
    bytes: u64,
    cpu: Option<Duration>,
}

/// What happened since the moment before.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Moment {
    /// Seconds since the run began.
    pub(crate) at: f64,
    pub(crate) phase: &'static str,
    pub(crate) participants: u64,
    pub(crate) packets_per_second: f64,
    pub(crate) bits_per_second: f64,
    /// Cores that the server was busy on.
    pub(crate) server_cores: Option<f64>,
    pub(crate) server_rss_bytes: Option<u64>,
}

impl Timeline {
    /// Between moments.
    pub(crate) const INTERVAL: Duration = Duration::from_millis(500);

    pub(crate) fn new(now: Instant) -> Self {
        Self {
            begun: now,
            last: None,
            moments: Vec::new(),
        }
    }

    /// Adds a moment.
    pub(crate) fn note(
        &mut self,
        now: Instant,
        phase: &'static str,
        participants: u64,
        tally: &Tally,
        usage: Option<Usage>,
    ) -> Moment {
        let totals = Totals {
            packets: tally.packets,
            bytes: tally.bytes,
            cpu: usage.map(|usage| usage.cpu),
        };
        let (before, last) = self.last.unwrap_or_else(|| (self.begun, Totals::default()));
        let seconds = now
            .saturating_duration_since(before)
            .as_secs_f64()
            .max(1e-3);
        let per_second = |total: u64, last: u64| total.saturating_sub(last) as f64 / seconds;
        let cpu = totals.cpu.zip(last.cpu);
        let cpu = cpu.map(|(total, last)| total.saturating_sub(last).as_secs_f64() / seconds);
        let moment = Moment {
            at: now.saturating_duration_since(self.begun).as_secs_f64(),
            phase,
            participants,
            packets_per_second: per_second(totals.packets, last.packets),
            bits_per_second: 8.0 * per_second(totals.bytes, last.bytes),
            server_cores: cpu,
            server_rss_bytes: usage.map(|usage| usage.rss),
        };
        // One phase ends as the next begins: rates over so short a time would mean nothing.
        if seconds >= Self::INTERVAL.as_secs_f64() / 2.0 {
            self.last = Some((now, totals));
            self.moments.push(moment.clone());
        }
        moment
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_tells_what_came_since_the_one_before() {
        let begun = Instant::now();
        let mut timeline = Timeline::new(begun);
        let tally = |packets| Tally {
            packets,
            bytes: 1_000 * packets,
            ..Tally::default()
        };
        let second = Duration::from_secs(1);
        timeline.note(begun + second, "a", 1, &tally(100), None);
        let moment = timeline.note(begun + 3 * second, "a", 1, &tally(300), None);
        assert!((moment.packets_per_second - 100.0).abs() < 1e-6);
        assert!((moment.bits_per_second - 800_000.0).abs() < 1e-3);
    }

    #[test]
    fn moments_that_follow_at_once_are_one() {
        let begun = Instant::now();
        let mut timeline = Timeline::new(begun);
        let tally = Tally::default();
        let second = Duration::from_secs(1);
        timeline.note(begun + second, "a", 1, &tally, None);
        timeline.note(begun + second, "b", 1, &tally, None);
        assert_eq!(timeline.moments.len(), 1);
    }
}
