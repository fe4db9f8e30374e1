//! Sender and receiver reports (RFC 3550 section 6.4).

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

impl SenderReport {
    /// Length in bytes, the SSRC included.
    pub(super) const LEN: usize = 24;

    /// Appends the sender information.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.ssrc.0.to_be_bytes());
        out.extend_from_slice(&self.ntp.0.to_be_bytes());
        for word in [self.timestamp.0, self.packets, self.octets] {
            out.extend_from_slice(&word.to_be_bytes());
        }
    }
}

impl From<[u8; Self::LEN]> for SenderReport {
    fn from(bytes: [u8; Self::LEN]) -> Self {
        let [
            s0,
            s1,
            s2,
            s3, //
            n0,
            n1,
            n2,
            n3,
            n4,
            n5,
            n6,
            n7, //
            t0,
            t1,
            t2,
            t3, //
            p0,
            p1,
            p2,
            p3, //
            o0,
            o1,
            o2,
            o3,
        ] = bytes;
        Self {
            ssrc: Ssrc(u32::from_be_bytes([s0, s1, s2, s3])),
            ntp: NtpTime(u64::from_be_bytes([n0, n1, n2, n3, n4, n5, n6, n7])),
            timestamp: RtpTimestamp(u32::from_be_bytes([t0, t1, t2, t3])),
            packets: u32::from_be_bytes([p0, p1, p2, p3]),
            octets: u32::from_be_bytes([o0, o1, o2, o3]),
        }
    }
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

    /// Appends the block.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let [_, lost @ ..] = self.cumulative_lost.to_be_bytes();
        out.extend_from_slice(&self.ssrc.0.to_be_bytes());
        out.push(self.fraction_lost);
        out.extend_from_slice(&lost);
        for word in [
            self.highest_seq,
            self.jitter,
            self.last_sender_report,
            self.delay,
        ] {
            out.extend_from_slice(&word.to_be_bytes());
        }
    }
}

impl From<[u8; Self::LEN]> for ReportBlock {
    fn from(bytes: [u8; Self::LEN]) -> Self {
        let [
            s0,
            s1,
            s2,
            s3, //
            fraction_lost,
            c0,
            c1,
            c2, //
            h0,
            h1,
            h2,
            h3, //
            j0,
            j1,
            j2,
            j3, //
            l0,
            l1,
            l2,
            l3, //
            d0,
            d1,
            d2,
            d3,
        ] = bytes;
        Self {
            ssrc: Ssrc(u32::from_be_bytes([s0, s1, s2, s3])),
            fraction_lost,
            // The shift back extends the sign.
            cumulative_lost: i32::from_be_bytes([c0, c1, c2, 0]) >> 8,
            highest_seq: u32::from_be_bytes([h0, h1, h2, h3]),
            jitter: u32::from_be_bytes([j0, j1, j2, j3]),
            last_sender_report: u32::from_be_bytes([l0, l1, l2, l3]),
            delay: u32::from_be_bytes([d0, d1, d2, d3]),
        }
    }
}

/// Iterator over report blocks.
#[derive(Clone, Copy, Debug)]
pub struct ReportBlocks<'a> {
    bytes: &'a [u8],
}

impl<'a> ReportBlocks<'a> {
    /// Takes `count` blocks; what follows is a profile's extension and not read.
    pub(super) fn new(bytes: &'a [u8], count: usize) -> Option<Self> {
        let bytes = bytes.get(..count * ReportBlock::LEN)?;
        Some(Self { bytes })
    }
}

impl Iterator for ReportBlocks<'_> {
    type Item = ReportBlock;

    fn next(&mut self) -> Option<ReportBlock> {
        let (block, rest) = self.bytes.split_first_chunk::<{ ReportBlock::LEN }>()?;
        self.bytes = rest;
        Some(ReportBlock::from(*block))
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
    bytes: &'a [u8],
    ssrc: Option<Ssrc>,
}

impl<'a> SdesItems<'a> {
    /// The type that ends a chunk.
    const END: u8 = 0;

    /// Reads chunks.
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, ssrc: None }
    }
}

impl<'a> Iterator for SdesItems<'a> {
    type Item = SdesItem<'a>;

    fn next(&mut self) -> Option<SdesItem<'a>> {
        loop {
            let Some(ssrc) = self.ssrc else {
                let (ssrc, rest) = self.bytes.split_first_chunk()?;
                self.ssrc = Some(Ssrc(u32::from_be_bytes(*ssrc)));
                self.bytes = rest;
                continue;
            };
            let (kind, rest) = self.bytes.split_first()?;
            if *kind == Self::END {
                // The chunk is filled up to the next word.
                let padding = rest.len() % 4;
                self.bytes = rest.get(padding..).unwrap_or_default();
                self.ssrc = None;
                continue;
            }
            let (len, rest) = rest.split_first()?;
            let (text, rest) = rest.split_at_checked(usize::from(*len))?;
            self.bytes = rest;
            return Some(SdesItem {
                ssrc,
                kind: *kind,
                text,
            });
        }
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
        let (ssrc, rest) = self.bytes.split_first_chunk()?;
        self.bytes = rest;
        Some(Ssrc(u32::from_be_bytes(*ssrc)))
    }
}
