use std::fmt;

use sfu_model::Ssrc;

use super::{
    FirEntries, NackPairs, Remb, ReportBlocks, SdesItems, SenderReport, SsrcList, TransportFeedback,
};

/// One packet of a compound.
#[derive(Clone, Copy, Debug)]
pub enum Packet<'a> {
    /// SR, type 200.
    SenderReport {
        /// What it says of its sender.
        sender: SenderReport,
        /// What it says of what it receives.
        blocks: ReportBlocks<'a>,
    },
    /// RR, type 201.
    ReceiverReport {
        /// Who reports.
        ssrc: Ssrc,
        /// What it says of what it receives.
        blocks: ReportBlocks<'a>,
    },
    /// SDES, type 202.
    SourceDescription(SdesItems<'a>),
    /// BYE, type 203.
    Goodbye(SsrcList<'a>),
    /// NACK: RTPFB 205, format 1.
    Nack {
        /// The stream.
        media: Ssrc,
        /// What is lost.
        pairs: NackPairs<'a>,
    },
    /// Transport-wide feedback: RTPFB 205, format 15.
    TransportFeedback(TransportFeedback<'a>),
    /// PLI: PSFB 206, format 1.
    PictureLossIndication {
        /// The stream.
        media: Ssrc,
    },
    /// FIR: PSFB 206, format 4.
    FullIntraRequest(FirEntries<'a>),
    /// REMB: PSFB 206, format 15.
    Remb(Remb<'a>),
    /// Anything else (XR and APP among it): not read.
    Other {
        /// Packet type.
        packet_type: u8,
        /// Count or feedback format.
        format: u8,
    },
}

/// Iterator over the packets of a compound (RFC 3550 section 6.1), or of a reduced-size one
/// (RFC 5506). It ends after the first error, and yields at most [`Compound::MAX_PACKETS`].
#[derive(Clone, Copy, Debug)]
pub struct Compound<'a> {
    bytes: &'a [u8],
}

impl<'a> Compound<'a> {
    /// Most packets of a compound that are read.
    pub const MAX_PACKETS: usize = 64;

    /// Reads `bytes`, plaintext.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }
}

impl<'a> Iterator for Compound<'a> {
    type Item = Result<Packet<'a>, RtcpError>;

    fn next(&mut self) -> Option<Self::Item> {
        todo!()
    }
}

/// Why bytes are not RTCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RtcpError {
    /// A packet ends behind the compound, or within its own fields.
    TooShort,
    /// Not version 2.
    Version,
    /// An impossible padding count.
    Padding,
}

impl fmt::Display for RtcpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooShort => "RTCP packet ends early",
            Self::Version => "RTCP version is not 2",
            Self::Padding => "RTCP padding count is impossible",
        })
    }
}

impl std::error::Error for RtcpError {}
