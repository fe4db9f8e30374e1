//! What a shard's thread tells of itself once a second.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sfu_core::Counters;

use crate::turn::TurnLengths;

/// What a shard and its sockets have counted since they began.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShardReport {
    /// What the shard counted.
    pub counters: Counters,
    /// Datagrams that were lost because the kernel's receive buffers were full.
    pub receive_overflows: u64,
    /// Messages that the kernel refused to send.
    pub refused_sends: u64,
    /// How long the turns of the thread took.
    pub turns: TurnLengths,
    /// Bytes in and out per second, over the last ten seconds.
    pub bytes_per_second: u64,
}

/// Where others read a shard's latest report. The shard's thread never waits here for longer than a
/// copy takes, and comes once a second.
pub(crate) type LatestReport = Arc<Mutex<ShardReport>>;

/// When a shard reports.
#[derive(Debug)]
pub(crate) struct Reporter {
    latest: LatestReport,
    due: Instant,
    rate: ByteRate,
}

impl Reporter {
    const INTERVAL: Duration = Duration::from_secs(1);

    pub(crate) fn new(latest: LatestReport, now: Instant) -> Self {
        Self {
            latest,
            due: now,
            rate: ByteRate::default(),
        }
    }

    /// Returns when the next report is due.
    pub(crate) fn due(&self) -> Instant {
        self.due
    }

    /// Puts what `report` returns where others read it, if that is due.
    pub(crate) fn poll(&mut self, now: Instant, report: impl FnOnce() -> ShardReport) {
        if now < self.due {
            return;
        }
        self.due = now + Self::INTERVAL;
        let mut report = report();
        let bytes = report.counters.bytes_in + report.counters.bytes_out;
        report.bytes_per_second = self.rate.update(now, bytes);
        *self.latest.lock().unwrap_or_else(PoisonError::into_inner) = report;
    }
}

/// The latest readings of a count of bytes.
#[derive(Debug, Default)]
struct ByteRate(VecDeque<(Instant, u64)>);

impl ByteRate {
    /// As long as LiveKit measures.
    const WINDOW: Duration = Duration::from_secs(10);

    /// Takes the count of now, and returns what was added per second.
    fn update(&mut self, now: Instant, bytes: u64) -> u64 {
        let old = |at: Instant| now.saturating_duration_since(at) > Self::WINDOW;
        while self.0.front().is_some_and(|(at, _)| old(*at)) {
            self.0.pop_front();
        }
        let (since, before) = *self.0.front().unwrap_or(&(now, bytes));
        self.0.push_back((now, bytes));
        let millis = now.saturating_duration_since(since).as_millis().max(1);
        let added = u128::from(bytes.saturating_sub(before));
        u64::try_from(added * 1000 / millis).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_that_of_the_last_ten_seconds() {
        let begin = crate::clock::now().mono;
        let at = |seconds| begin + Duration::from_secs(seconds);
        let mut rate = ByteRate::default();
        assert_eq!(rate.update(at(0), 500), 0);
        assert_eq!(rate.update(at(1), 2_500), 2_000);
        assert_eq!(rate.update(at(2), 2_500), 1_000);
        for second in 3..=11 {
            rate.update(at(second), 2_500);
        }
        assert_eq!(rate.update(at(12), 2_500), 0);
        assert_eq!(rate.0.len(), 11);
    }
}
