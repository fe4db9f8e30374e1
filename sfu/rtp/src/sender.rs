use std::time::{Duration, Instant};

use crate::RtpClock;
use crate::rtcp::{ReportBlock, SenderReport};
use sfu_model::Ssrc;

/// What one sent SSRC tells in sender reports (RFC 3550 section 6.4.1), and the round-trip time that
/// the answers tell.
///
/// Departure: `NTP` is the publisher's wall clock, carried on to the moment of the report, not ours.
/// All that one publisher sends is then played in step as exactly as it reported, and agrees with
/// `abs-capture-time`, which passes through.
#[derive(Clone, Copy, Debug)]
pub struct SenderStats {}

impl SenderStats {
    /// Time between two sender reports.
    pub const INTERVAL: Duration = Duration::from_secs(3);

    /// Begins with nothing sent.
    pub fn new(ssrc: Ssrc) -> Self {
        todo!()
    }

    /// Counts a sent packet; `payload_len` without padding.
    #[inline]
    pub fn on_sent(&mut self, now: Instant, payload_len: usize) {
        todo!()
    }

    /// Returns when the next report is due. `None` before the first packet.
    pub fn poll_timeout(&self) -> Option<Instant> {
        todo!()
    }

    /// Makes the report. `clock` is that of the source that is forwarded, `timestamp_offset` what is
    /// added to its timestamps ([`crate::Munger::timestamp_offset`]).
    pub fn report(
        &mut self,
        now: Instant,
        clock: &RtpClock,
        timestamp_offset: u32,
    ) -> SenderReport {
        todo!()
    }

    /// Puts off the report: there is no clock yet.
    pub fn postpone(&mut self, now: Instant) {
        todo!()
    }

    /// Takes a report block about this SSRC and returns the round-trip time, if it answers one of the
    /// latest reports (RFC 3550 section 6.4.1).
    pub fn on_report_block(&mut self, now: Instant, block: &ReportBlock) -> Option<Duration> {
        todo!()
    }

    /// Returns the latest round-trip time.
    pub fn rtt(&self) -> Option<Duration> {
        todo!()
    }

    /// Returns how many packets were sent.
    pub fn packets(&self) -> u64 {
        todo!()
    }

    /// Returns how many payload bytes were sent.
    pub fn octets(&self) -> u64 {
        todo!()
    }
}
