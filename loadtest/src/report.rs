//! What a run found: as a table, as JSON, and two of them compared.

mod compare;
mod data;
mod html;
mod joins;
mod json;
mod plot;
mod table;

use std::time::Duration;

use crate::run::Window;
use crate::server_process::Usage;
use crate::timeline::Timeline;

pub(crate) use compare::compare;
pub(crate) use html::write_html;
pub(crate) use joins::Joins;
pub(crate) use json::write_json;
pub(crate) use table::print_table;

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
    fn cpu_us_per_packet(&self) -> Option<f64> {
        let (before, after) = self.window.usage?;
        let cpu = after.cpu.saturating_sub(before.cpu);
        let packets = self.window.tally.packets;
        (packets > 0).then(|| cpu.as_secs_f64() * 1e6 / packets as f64)
    }

    /// Returns this process's CPU in microseconds per packet, that of publishing included.
    fn harness_us_per_packet(&self) -> Option<f64> {
        let (before, after) = self.window.harness?;
        let cpu = after.cpu.saturating_sub(before.cpu);
        let packets = self.window.tally.packets;
        (packets > 0).then(|| cpu.as_secs_f64() * 1e6 / packets as f64)
    }

    /// Returns the server's CPU per join in milliseconds: from the first join's beginning to the last one's end, or with
    /// churn until all have left.
    fn cpu_ms_per_join(&self) -> Option<f64> {
        let [before, after, _] = self.usage?;
        let cpu = after?.cpu.saturating_sub(before?.cpu);
        let joined = self.joins.joined();
        (joined > 0).then(|| cpu.as_secs_f64() * 1e3 / joined as f64)
    }
}
