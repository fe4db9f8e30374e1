use std::time::Instant;

use crate::rtcp::ReportBlock;
use crate::{ExtendedSeqNo, NtpTime, RtpTimestamp};
use sfu_model::Ssrc;

/// Reception statistics of one SSRC (RFC 3550 sections 6.4.1, A.3, A.8), for receiver reports.
#[derive(Clone, Copy, Debug)]
pub struct ReceptionStats {}

impl ReceptionStats {
    /// Begins with nothing received; `clock_rate` in Hz.
    pub fn new(clock_rate: u32) -> Self {
        todo!()
    }

    /// Counts a received packet. Packets that came as retransmissions on another SSRC do not belong
    /// here: their loss stays a loss.
    #[inline]
    pub fn on_packet(&mut self, now: Instant, seq: ExtendedSeqNo, timestamp: RtpTimestamp) {
        todo!()
    }

    /// Notes the sender's report, which the next report block answers.
    pub fn on_sender_report(&mut self, now: Instant, ntp: NtpTime) {
        todo!()
    }

    /// Returns the report block since the last one. `None` before the first packet.
    pub fn report(&mut self, now: Instant, ssrc: Ssrc) -> Option<ReportBlock> {
        todo!()
    }

    /// Returns how many packets were received, duplicates included.
    pub fn packets(&self) -> u64 {
        todo!()
    }

    /// Returns how many packets were expected and did not come; negative with duplicates.
    pub fn lost(&self) -> i64 {
        todo!()
    }

    /// Returns the interarrival jitter in timestamp units.
    pub fn jitter(&self) -> u32 {
        todo!()
    }
}
