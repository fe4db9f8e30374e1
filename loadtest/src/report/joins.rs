use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use loadtest_peer::Histogram;

use crate::session::{Milestone, Report};

/// How the joins of a run went.
#[derive(Clone, Debug, Default)]
pub(crate) struct Joins {
    begun: u64,
    joined: u64,
    left: u64,
    /// Participants that could not join, or were thrown out, by the reason.
    failures: BTreeMap<String, u64>,
    failed: u64,
    /// Those of them that had joined.
    thrown_out: u64,
    /// Those who are in their rooms.
    joined_numbers: BTreeSet<usize>,
    pub(crate) signal: Histogram,
    pub(crate) ice: Histogram,
    pub(crate) dtls: Histogram,
    pub(crate) total: Histogram,
    pub(crate) first_media: Histogram,
    pub(crate) resume: Histogram,
}

impl Joins {
    /// Notes that one more participant begins to join.
    pub(crate) fn begin(&mut self) {
        self.begun += 1;
    }

    pub(crate) fn note(&mut self, report: &Report) {
        match &report.what {
            Milestone::Joined(phases) => {
                self.joined += 1;
                self.joined_numbers.insert(report.number);
                self.signal.record(phases.signal);
                self.ice.record(phases.ice.saturating_sub(phases.signal));
                self.dtls.record(phases.joined.saturating_sub(phases.ice));
                self.total.record(phases.joined);
            }
            Milestone::FirstMedia(after) => self.first_media.record(*after),
            Milestone::Failed(reason) => {
                self.failed += 1;
                self.thrown_out += u64::from(self.joined_numbers.remove(&report.number));
                *self.failures.entry(reason.clone()).or_default() += 1;
            }
            Milestone::Resumed(after) => self.resume.record(*after),
            Milestone::Left => {
                self.left += 1;
                self.joined_numbers.remove(&report.number);
            }
        }
    }

    /// Returns how many joins are neither done nor failed.
    pub(crate) fn pending(&self) -> u64 {
        let done = self.joined + self.failed.saturating_sub(self.thrown_out);
        self.begun.saturating_sub(done)
    }

    /// Returns how many participants are in their rooms.
    pub(crate) fn present(&self) -> u64 {
        self.joined_numbers.len() as u64
    }

    /// Returns how many have resumed, failed or left.
    pub(crate) fn resumed_or_failed(&self) -> u64 {
        self.resume.count() + self.failed
    }

    pub(crate) fn joined(&self) -> u64 {
        self.joined
    }

    pub(crate) fn failed(&self) -> u64 {
        self.failed
    }

    pub(crate) fn failures(&self) -> &BTreeMap<String, u64> {
        &self.failures
    }
}

impl fmt::Display for Joins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} joined", self.joined, self.begun)?;
        if self.failed > 0 {
            write!(f, ", {} failed", self.failed)?;
        }
        if let Some(p95) = self.total.quantile(0.95) {
            write!(f, ", p95 {:.0} ms", millis(p95))?;
        }
        Ok(())
    }
}

/// Returns a duration in milliseconds.
pub(crate) fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
