//! Compound RTCP packets as they are read.

use std::fmt;

use sfu_model::Ssrc;

use super::{
    FirEntries, NackPairs, Remb, ReportBlocks, SdesItems, SenderReport, SsrcList, TransportFeedback,
};
use crate::limits::MAX_COMPOUND_PACKETS;

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
/// (RFC 5506). It ends after the first error, and yields at most [`MAX_COMPOUND_PACKETS`].
#[derive(Clone, Copy, Debug)]
pub struct Compound<'a> {
    bytes: &'a [u8],
    yielded: usize,
}

impl<'a> Compound<'a> {
    /// Reads `bytes`, plaintext.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, yielded: 0 }
    }
}

impl<'a> Iterator for Compound<'a> {
    type Item = Result<Packet<'a>, RtcpError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.bytes.is_empty() || self.yielded >= MAX_COMPOUND_PACKETS {
            return None;
        }
        self.yielded += 1;
        let packet = Header::split(self.bytes).and_then(|(header, body, rest)| {
            self.bytes = rest;
            Packet::parse(header, body)
        });
        if packet.is_err() {
            self.bytes = &[];
        }
        Some(packet)
    }
}

/// What every packet begins with.
#[derive(Clone, Copy)]
struct Header {
    /// Count of reports or sources, or feedback message type.
    format: u8,
    packet_type: u8,
}

impl Header {
    /// Takes the first packet off `bytes`: its header, its body without padding, and what follows.
    fn split(bytes: &[u8]) -> Result<(Self, &[u8], &[u8]), RtcpError> {
        let (header, rest) = bytes.split_first_chunk().ok_or(RtcpError::TooShort)?;
        let [flags, packet_type, l0, l1] = *header;
        if flags >> 6 != 2 {
            return Err(RtcpError::Version);
        }
        let len = usize::from(u16::from_be_bytes([l0, l1])) * 4;
        let (body, rest) = rest.split_at_checked(len).ok_or(RtcpError::TooShort)?;
        let padding = if flags & 0x20 == 0 {
            0
        } else {
            let count = usize::from(body.last().copied().unwrap_or(0));
            if count == 0 {
                return Err(RtcpError::Padding);
            }
            count
        };
        let unpadded = body.len().checked_sub(padding).ok_or(RtcpError::Padding)?;
        let (body, _) = body.split_at_checked(unpadded).ok_or(RtcpError::Padding)?;
        let header = Self {
            format: flags & 0x1f,
            packet_type,
        };
        Ok((header, body, rest))
    }
}

impl<'a> Packet<'a> {
    const SR: u8 = 200;
    const RR: u8 = 201;
    const SDES: u8 = 202;
    const BYE: u8 = 203;
    const RTPFB: u8 = 205;
    const PSFB: u8 = 206;

    fn parse(header: Header, body: &'a [u8]) -> Result<Self, RtcpError> {
        let count = usize::from(header.format);
        let packet = match header.packet_type {
            Self::SR => {
                let (sender, rest) = split(body)?;
                Self::SenderReport {
                    sender: SenderReport::from(sender),
                    blocks: ReportBlocks::new(rest, count).ok_or(RtcpError::TooShort)?,
                }
            }
            Self::RR => {
                let (ssrc, rest) = split(body)?;
                Self::ReceiverReport {
                    ssrc: Ssrc(u32::from_be_bytes(ssrc)),
                    blocks: ReportBlocks::new(rest, count).ok_or(RtcpError::TooShort)?,
                }
            }
            Self::SDES => Self::SourceDescription(SdesItems::new(body)),
            Self::BYE => {
                let bytes = body.get(..count * 4).ok_or(RtcpError::TooShort)?;
                Self::Goodbye(SsrcList { bytes })
            }
            Self::RTPFB | Self::PSFB => Self::parse_feedback(header, body)?,
            _ => Self::other(header),
        };
        Ok(packet)
    }

    /// Reads a feedback message (RFC 4585 section 6.1).
    fn parse_feedback(header: Header, body: &'a [u8]) -> Result<Self, RtcpError> {
        let ([_, _, _, _, m0, m1, m2, m3], control) = split(body)?;
        let media = Ssrc(u32::from_be_bytes([m0, m1, m2, m3]));
        Ok(match (header.packet_type, header.format) {
            (Self::RTPFB, 1) => Self::Nack {
                media,
                pairs: NackPairs { bytes: control },
            },
            (Self::RTPFB, 15) => TransportFeedback::parse(media, control)
                .map(Self::TransportFeedback)
                .ok_or(RtcpError::TooShort)?,
            (Self::PSFB, 1) => Self::PictureLossIndication { media },
            (Self::PSFB, 4) => Self::FullIntraRequest(FirEntries { bytes: control }),
            (Self::PSFB, 15) => {
                Remb::parse(control).map_or_else(|| Self::other(header), Self::Remb)
            }
            _ => Self::other(header),
        })
    }

    fn other(header: Header) -> Self {
        Self::Other {
            packet_type: header.packet_type,
            format: header.format,
        }
    }
}

fn split<const N: usize>(body: &[u8]) -> Result<([u8; N], &[u8]), RtcpError> {
    let (first, rest) = body.split_first_chunk().ok_or(RtcpError::TooShort)?;
    Ok((*first, rest))
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
