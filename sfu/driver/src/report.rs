use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sfu_core::Counters;

/// What a shard and its sockets have counted since they began.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShardReport {
    /// What the shard counted.
    pub counters: Counters,
    /// Datagrams that were lost because the kernel's receive buffers were full.
    pub receive_overflows: u64,
    /// Messages that the kernel refused to send.
    pub refused_sends: u64,
}

/// Where others read a shard's latest report. The shard's thread never waits here for longer than a
/// copy takes, and comes once a second.
pub(crate) type LatestReport = Arc<Mutex<ShardReport>>;

/// When a shard reports.
#[derive(Debug)]
pub(crate) struct Reporter {
    latest: LatestReport,
    due: Instant,
}

impl Reporter {
    const INTERVAL: Duration = Duration::from_secs(1);

    pub(crate) fn new(latest: LatestReport, now: Instant) -> Self {
        Self { latest, due: now }
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
        *self.latest.lock().unwrap_or_else(PoisonError::into_inner) = report();
    }
}
