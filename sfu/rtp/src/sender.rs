//! What a sender report says of a stream, and what comes back (RFC 3550 section 6.4).

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
    /// The latest reports, newest first: middle of the NTP timestamp, and when it left.
    reports: [Option<(u32, Instant)>; 4],
    rtt: Option<Duration>,
}

impl SenderStats {
    /// Begins with nothing sent.
    pub fn new(ssrc: Ssrc) -> Self {
        Self {
            ssrc,
            packets: 0,
            octets: 0,
            reports: [None; 4],
            rtt: None,
        }
    }

    /// Counts a sent packet; `payload_len` without padding.
    #[inline]
    pub fn on_sent(&mut self, payload_len: usize) {
        self.packets += 1;
        self.octets += payload_len as u64;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::SENDER_REPORT_INTERVAL;
    use crate::{NtpTime, RtpTimestamp};

    fn block(last_sender_report: u32, delay: u32) -> ReportBlock {
        ReportBlock {
            ssrc: Ssrc(7),
            fraction_lost: 0,
            cumulative_lost: 0,
            highest_seq: 0,
            jitter: 0,
            last_sender_report,
            delay,
        }
    }

    fn clock(now: Instant) -> RtpClock {
        RtpClock::new(now, NtpTime(0x1_0000_0000), RtpTimestamp(1_000), 90_000)
    }

    #[test]
    fn a_report_tells_what_was_sent_on_the_publishers_clock() {
        let now = crate::any_instant();
        let mut stats = SenderStats::new(Ssrc(7));
        stats.on_sent(100);
        stats.on_sent(50);
        let later = now + Duration::from_secs(1);
        let report = stats.report(later, &clock(now), 5);
        assert_eq!((report.packets, report.octets), (2, 150));
        assert_eq!(report.ntp, NtpTime(0x2_0000_0000));
        assert_eq!(report.timestamp, RtpTimestamp(91_005));
    }

    #[test]
    fn an_answer_tells_the_round_trip_time() {
        let now = crate::any_instant();
        let mut stats = SenderStats::new(Ssrc(7));
        let report = stats.report(now, &clock(now), 0);
        stats.report(now + SENDER_REPORT_INTERVAL, &clock(now), 0);
        let later = now + Duration::from_millis(600);
        let answer = block(report.ntp.middle(), 1 << 15);
        let rtt = stats.on_report_block(later, &answer);
        assert_eq!(rtt, Some(Duration::from_millis(100)));
        assert_eq!(stats.rtt(), rtt);
    }

    #[test]
    fn an_answer_to_nothing_of_ours_tells_nothing() {
        let now = crate::any_instant();
        let mut stats = SenderStats::new(Ssrc(7));
        assert_eq!(stats.on_report_block(now, &block(0, 0)), None);
        let report = stats.report(now, &clock(now), 0);
        let middle = report.ntp.middle();
        assert_eq!(stats.on_report_block(now, &block(middle + 1, 0)), None);
        let impossible = block(middle, u32::MAX);
        assert_eq!(stats.on_report_block(now, &impossible), None);
        assert_eq!(stats.rtt(), None);
    }
}
