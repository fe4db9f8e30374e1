//! What a receiver report says of a stream (RFC 3550 section 6.4).

use std::time::Instant;

use sfu_model::Ssrc;

use crate::rtcp::ReportBlock;
use crate::seq::ticks_of;
use crate::{ExtendedSeqNo, NtpTime, RtpTimestamp};

/// Reception statistics of one SSRC (RFC 3550 sections 6.4.1, A.3, A.8), for receiver reports.
#[derive(Clone, Copy, Debug)]
pub struct ReceptionStats {
    clock_rate: u32,
    received: u64,
    stream: Option<Stream>,
    sender_report: Option<(u32, Instant)>,
    expected_prior: u64,
    received_prior: u64,
}

#[derive(Clone, Copy, Debug)]
struct Stream {
    lowest: ExtendedSeqNo,
    highest: ExtendedSeqNo,
    /// Of the packet that began the newest frame.
    last_timestamp: RtpTimestamp,
    last_arrival: Instant,
    /// In 1/16 timestamp units (RFC 3550 section A.8).
    jitter: u32,
}

impl ReceptionStats {
    /// Interarrival differences of more seconds than this say nothing about the network.
    const MAX_DIFFERENCE: u32 = 5;

    /// Begins with nothing received; `clock_rate` in Hz.
    pub fn new(clock_rate: u32) -> Self {
        Self {
            clock_rate,
            received: 0,
            stream: None,
            sender_report: None,
            expected_prior: 0,
            received_prior: 0,
        }
    }

    /// Counts a received packet. Packets that came as retransmissions on another SSRC do not belong
    /// here: their loss stays a loss.
    #[inline]
    pub fn on_packet(&mut self, now: Instant, seq: ExtendedSeqNo, timestamp: RtpTimestamp) {
        self.received += 1;
        let Some(stream) = &mut self.stream else {
            self.stream = Some(Stream {
                lowest: seq,
                highest: seq,
                last_timestamp: timestamp,
                last_arrival: now,
                jitter: 0,
            });
            return;
        };
        stream.lowest = stream.lowest.min(seq);
        if seq <= stream.highest {
            return;
        }
        stream.highest = seq;
        // Departure: the packets of one video frame leave in a burst and share a timestamp; only the
        // first of a frame tells about the network. libwebrtc does the same.
        if timestamp != stream.last_timestamp {
            stream.measure_jitter(now, timestamp, self.clock_rate);
        }
    }

    /// Notes the sender's report, which the next report block answers.
    pub fn on_sender_report(&mut self, now: Instant, ntp: NtpTime) {
        self.sender_report = Some((ntp.middle(), now));
    }

    /// Returns the report block since the last one. `None` before the first packet.
    pub fn report(&mut self, now: Instant, ssrc: Ssrc) -> Option<ReportBlock> {
        let stream = self.stream?;
        let expected = self.expected();
        let expected_interval = expected.saturating_sub(self.expected_prior);
        let received_interval = self.received - self.received_prior;
        self.expected_prior = expected;
        self.received_prior = self.received;
        let lost_interval = expected_interval.saturating_sub(received_interval);
        let fraction = (lost_interval << 8).checked_div(expected_interval);
        let (last_sender_report, delay) = match self.sender_report {
            Some((middle, received)) => {
                let delay = now.saturating_duration_since(received);
                (middle, ticks_of(delay, 1 << 16))
            }
            None => (0, 0),
        };
        Some(ReportBlock {
            ssrc,
            fraction_lost: u8::try_from(fraction.unwrap_or(0)).unwrap_or(u8::MAX),
            cumulative_lost: i32::try_from(self.lost())
                .unwrap_or(i32::MAX)
                .clamp(-0x80_0000, 0x7f_ffff),
            highest_seq: (stream.highest.0.wrapping_sub(1 << 16) & 0xffff_ffff) as u32,
            jitter: self.jitter(),
            last_sender_report,
            delay,
        })
    }

    /// Returns how many packets were sent, as far as is known.
    pub fn expected(&self) -> u64 {
        self.stream
            .map_or(0, |stream| stream.highest.0 - stream.lowest.0 + 1)
    }

    /// Returns how many packets were received, duplicates included.
    pub fn packets(&self) -> u64 {
        self.received
    }

    /// Returns how many packets were expected and did not come; negative with duplicates.
    pub fn lost(&self) -> i64 {
        self.expected().wrapping_sub(self.received).cast_signed()
    }

    /// Returns the interarrival jitter in timestamp units.
    pub fn jitter(&self) -> u32 {
        self.stream.map_or(0, |stream| stream.jitter >> 4)
    }
}

impl Stream {
    fn measure_jitter(&mut self, now: Instant, timestamp: RtpTimestamp, clock_rate: u32) {
        let elapsed = now.saturating_duration_since(self.last_arrival);
        let arrived = RtpTimestamp(ticks_of(elapsed, clock_rate));
        let sent = RtpTimestamp(timestamp.ahead_of(self.last_timestamp).cast_unsigned());
        let difference = arrived.ahead_of(sent).unsigned_abs();
        self.last_timestamp = timestamp;
        self.last_arrival = now;
        if difference < clock_rate.saturating_mul(ReceptionStats::MAX_DIFFERENCE) {
            let decay = (self.jitter + 8) >> 4;
            self.jitter = self.jitter.saturating_add(difference) - decay;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::SeqNo;

    const SSRC: Ssrc = Ssrc(7);

    fn receive(stats: &mut ReceptionStats, now: Instant, seqs: impl IntoIterator<Item = u64>) {
        for seq in seqs {
            stats.on_packet(now, ExtendedSeqNo(seq), RtpTimestamp(0));
        }
    }

    #[test]
    fn a_quarter_lost_is_reported_once() {
        let now = crate::any_instant();
        let mut stats = ReceptionStats::new(90_000);
        assert_eq!(stats.report(now, SSRC), None);
        receive(
            &mut stats,
            now,
            (0..100).filter(|i| i % 4 != 1).map(|i| 65_536 + i),
        );
        let report = stats.report(now, SSRC).unwrap();
        assert_eq!((report.fraction_lost, report.cumulative_lost), (64, 25));
        assert_eq!(report.highest_seq, 99);
        receive(&mut stats, now, 65_636..65_646);
        let report = stats.report(now, SSRC).unwrap();
        assert_eq!((report.fraction_lost, report.cumulative_lost), (0, 25));
    }

    #[test]
    fn the_highest_number_counts_rounds_from_zero() {
        let now = crate::any_instant();
        let mut stats = ReceptionStats::new(90_000);
        let first = ExtendedSeqNo::first(SeqNo(65_535));
        receive(&mut stats, now, first.0..first.0 + 2);
        assert_eq!(stats.report(now, SSRC).unwrap().highest_seq, 1 << 16);
    }

    #[test]
    fn duplicates_make_the_loss_negative_but_not_its_share() {
        let now = crate::any_instant();
        let mut stats = ReceptionStats::new(90_000);
        receive(&mut stats, now, [70_000, 70_000, 70_000, 70_001]);
        let report = stats.report(now, SSRC).unwrap();
        assert_eq!((report.fraction_lost, report.cumulative_lost), (0, -2));
    }

    #[test]
    fn all_lost_but_one_is_no_more_than_the_field_can_say() {
        let now = crate::any_instant();
        let mut stats = ReceptionStats::new(90_000);
        receive(&mut stats, now, [65_536, 65_536 + (1 << 40)]);
        let report = stats.report(now, SSRC).unwrap();
        assert_eq!(
            (report.fraction_lost, report.cumulative_lost),
            (255, 0x7f_ffff)
        );
    }

    #[test]
    fn jitter_nears_the_mean_difference() {
        let start = crate::any_instant();
        let mut stats = ReceptionStats::new(90_000);
        for frame in 0..1_000_u32 {
            let late = if frame % 2 == 0 { 0 } else { 10 };
            let now = start + Duration::from_millis(u64::from(frame) * 33 + late);
            let seq = ExtendedSeqNo(u64::from(70_000 + frame));
            stats.on_packet(now, seq, RtpTimestamp(frame * 33 * 90));
        }
        let jitter = stats.jitter();
        assert!((890..=910).contains(&jitter), "10 ms are 900: {jitter}");
    }

    #[test]
    fn a_steady_stream_has_no_jitter_over_wraps() {
        let start = crate::any_instant();
        let mut stats = ReceptionStats::new(48_000);
        for frame in 0..100_u32 {
            let now = start + Duration::from_millis(u64::from(frame) * 20);
            let timestamp = RtpTimestamp(u32::MAX - 9_600).plus(frame * 960);
            stats.on_packet(now, ExtendedSeqNo(u64::from(70_000 + frame)), timestamp);
        }
        assert_eq!(stats.jitter(), 0);
    }

    #[test]
    fn a_report_answers_the_latest_sender_report() {
        let now = crate::any_instant();
        let mut stats = ReceptionStats::new(90_000);
        receive(&mut stats, now, [70_000]);
        stats.on_sender_report(now, NtpTime(0x1111_2222_3333_4444));
        let later = now + Duration::from_millis(1_500);
        let report = stats.report(later, SSRC).unwrap();
        assert_eq!(
            (report.last_sender_report, report.delay),
            (0x2222_3333, 3 << 15)
        );
    }
}
