use std::time::{Duration, Instant};

use sfu_model::Ssrc;

use crate::RtpClock;
use crate::rtcp::{ReportBlock, SenderReport};

/// What one sent SSRC tells in sender reports (RFC 3550 section 6.4.1), and the round-trip time that
/// the answers tell.
///
/// Departure: `NTP` is the publisher's wall clock, carried on to the moment of the report, not ours.
/// All that one publisher sends is then played in step as exactly as it reported, and agrees with
/// `abs-capture-time`, which passes through.
#[derive(Clone, Copy, Debug)]
pub struct SenderStats {
    ssrc: Ssrc,
    packets: u64,
    octets: u64,
    next_report: Option<Instant>,
    /// The latest reports, newest first: middle of the NTP timestamp, and when it left.
    reports: [Option<(u32, Instant)>; 4],
    rtt: Option<Duration>,
}

impl SenderStats {
    /// Time between two sender reports.
    pub const INTERVAL: Duration = Duration::from_secs(3);
    /// Time until a report is tried again, while its clock is unknown.
    pub const RETRY: Duration = Duration::from_millis(250);

    /// Begins with nothing sent.
    pub fn new(ssrc: Ssrc) -> Self {
        Self {
            ssrc,
            packets: 0,
            octets: 0,
            next_report: None,
            reports: [None; 4],
            rtt: None,
        }
    }

    /// Counts a sent packet; `payload_len` without padding.
    #[inline]
    pub fn on_sent(&mut self, now: Instant, payload_len: usize) {
        self.packets += 1;
        self.octets += payload_len as u64;
        if self.next_report.is_none() {
            self.next_report = Some(now);
        }
    }

    /// Returns when the next report is due: the first at once. `None` before the first packet.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.next_report
    }

    /// Makes the report. `clock` is that of the source that is forwarded, `timestamp_offset` what is
    /// added to its timestamps ([`crate::Munger::timestamp_offset`]).
    pub fn report(
        &mut self,
        now: Instant,
        clock: &RtpClock,
        timestamp_offset: u32,
    ) -> SenderReport {
        let (ntp, timestamp) = clock.at(now);
        self.next_report = Some(now + Self::INTERVAL);
        self.reports.rotate_right(1);
        if let Some(newest) = self.reports.first_mut() {
            *newest = Some((ntp.middle(), now));
        }
        SenderReport {
            ssrc: self.ssrc,
            ntp,
            timestamp: timestamp.plus(timestamp_offset),
            packets: (self.packets & 0xffff_ffff) as u32,
            octets: (self.octets & 0xffff_ffff) as u32,
        }
    }

    /// Puts off the report by [`SenderStats::RETRY`]: there is no clock yet.
    pub fn postpone(&mut self, now: Instant) {
        self.next_report = Some(now + Self::RETRY);
    }

    /// Takes a report block about this SSRC and returns the round-trip time, if it answers one of the
    /// latest reports (RFC 3550 section 6.4.1).
    pub fn on_report_block(&mut self, now: Instant, block: &ReportBlock) -> Option<Duration> {
        if block.ssrc != self.ssrc {
            return None;
        }
        let (_, sent) = self
            .reports
            .into_iter()
            .flatten()
            .find(|(middle, _)| *middle == block.last_sender_report)?;
        let nanos = (u64::from(block.delay) * 1_000_000_000) >> 16;
        let since = now.saturating_duration_since(sent);
        let rtt = since.checked_sub(Duration::from_nanos(nanos))?;
        self.rtt = Some(rtt);
        Some(rtt)
    }

    /// Returns the latest round-trip time.
    pub fn rtt(&self) -> Option<Duration> {
        self.rtt
    }

    /// Returns how many packets were sent.
    pub fn packets(&self) -> u64 {
        self.packets
    }

    /// Returns how many payload bytes were sent.
    pub fn octets(&self) -> u64 {
        self.octets
    }
}
