use sfu_model::Ssrc;

use crate::{NtpTime, RtpTimestamp};

/// Sender information of a sender report (RFC 3550 section 6.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SenderReport {
    /// The stream.
    pub ssrc: Ssrc,
    /// The sender's wall clock.
    pub ntp: NtpTime,
    /// The stream's timestamp at that time.
    pub timestamp: RtpTimestamp,
    /// Packets sent; wraps.
    pub packets: u32,
    /// Payload bytes sent; wraps.
    pub octets: u32,
}

/// What one receiver says of one stream (RFC 3550 section 6.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReportBlock {
    /// The stream.
    pub ssrc: Ssrc,
    /// Share of packets lost since the last report, in 1/256.
    pub fraction_lost: u8,
    /// Packets lost in all: 24 bits, signed.
    pub cumulative_lost: i32,
    /// Rounds and highest sequence number, 16 bits each.
    pub highest_seq: u32,
    /// Interarrival jitter in timestamp units.
    pub jitter: u32,
    /// Middle of the latest sender report's NTP timestamp; zero before one came.
    pub last_sender_report: u32,
    /// Time since then, in 1/65,536 s.
    pub delay: u32,
}

impl ReportBlock {
    /// Length in bytes.
    pub const LEN: usize = 24;
}

/// Iterator over report blocks.
#[derive(Clone, Copy, Debug)]
pub struct ReportBlocks<'a> {
    pub(super) bytes: &'a [u8],
}

impl Iterator for ReportBlocks<'_> {
    type Item = ReportBlock;

    fn next(&mut self) -> Option<ReportBlock> {
        todo!()
    }
}

/// One item of a source description (RFC 3550 section 6.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SdesItem<'a> {
    /// The stream.
    pub ssrc: Ssrc,
    /// 1 is CNAME, 15 is the media section (RFC 9143 section 9.2).
    pub kind: u8,
    /// The value.
    pub text: &'a [u8],
}

/// Iterator over the items of all chunks.
#[derive(Clone, Copy, Debug)]
pub struct SdesItems<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) ssrc: Option<Ssrc>,
}

impl<'a> Iterator for SdesItems<'a> {
    type Item = SdesItem<'a>;

    fn next(&mut self) -> Option<SdesItem<'a>> {
        todo!()
    }
}

/// Iterator over SSRCs.
#[derive(Clone, Copy, Debug)]
pub struct SsrcList<'a> {
    pub(super) bytes: &'a [u8],
}

impl Iterator for SsrcList<'_> {
    type Item = Ssrc;

    fn next(&mut self) -> Option<Ssrc> {
        todo!()
    }
}
