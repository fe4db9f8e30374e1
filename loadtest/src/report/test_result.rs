//! Everything that is reported of a run.

use std::time::Duration;

use loadtest_peer::{Completeness, DataFlow, Tally};

use super::joins::Joins;
use crate::server_process::Usage;
use crate::timeline::Timeline;

/// Everything that a run found.
#[derive(Debug)]
pub(crate) struct TestResult {
    pub(crate) room: String,
    pub(crate) joins: Joins,
    /// From the first join's beginning to the last one's end.
    pub(crate) joined_in: Duration,
    pub(crate) window: Window,
    pub(crate) timeline: Timeline,
    /// The server's usage before the first join, after the last and after all have left.
    pub(crate) usage: Option<[Option<Usage>; 3]>,
    /// The command line.
    pub(crate) command: String,
}

impl TestResult {
    /// Tells whether everybody joined and nobody was thrown out.
    pub(crate) fn succeeded(&self) -> bool {
        self.joins.failed() == 0
    }

    /// Returns the server's CPU in microseconds per packet that a subscriber authenticated.
    pub(super) fn cpu_us_per_packet(&self) -> Option<f64> {
        let (before, after) = self.window.usage?;
        let cpu = after.cpu.saturating_sub(before.cpu);
        let packets = self.window.tally.packets;
        (packets > 0).then(|| cpu.as_secs_f64() * 1e6 / packets as f64)
    }

    /// Returns this process's CPU in microseconds per packet, that of publishing included.
    pub(super) fn harness_us_per_packet(&self) -> Option<f64> {
        let (before, after) = self.window.harness?;
        let cpu = after.cpu.saturating_sub(before.cpu);
        let packets = self.window.tally.packets;
        (packets > 0).then(|| cpu.as_secs_f64() * 1e6 / packets as f64)
    }

    /// Returns the server's CPU per join in milliseconds: from the first join's beginning to the last one's end, or with
    /// churn until all have left.
    pub(super) fn cpu_ms_per_join(&self) -> Option<f64> {
        let [before, after, _] = self.usage?;
        let cpu = after?.cpu.saturating_sub(before?.cpu);
        let joined = self.joins.joined();
        (joined > 0).then(|| cpu.as_secs_f64() * 1e3 / joined as f64)
    }
}

/// What was measured between two moments while nobody came or went, churn aside.
#[derive(Clone, Debug)]
pub(crate) struct Window {
    pub(crate) length: Duration,
    pub(crate) tally: Tally,
    pub(crate) completeness: Completeness,
    /// What went by the data channels, one for each room.
    pub(crate) data: Vec<DataFlow>,
    /// The server's usage at both ends.
    pub(crate) usage: Option<(Usage, Usage)>,
    /// This process's.
    pub(crate) harness: Option<(Usage, Usage)>,
}
