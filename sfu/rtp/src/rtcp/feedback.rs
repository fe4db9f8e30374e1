//! NACK, PLI, FIR and REMB (RFC 4585, RFC 5104).

use sfu_model::{Bitrate, Ssrc};

use super::SsrcList;
use crate::SeqNo;

/// A lost packet, and a mask of those after it (RFC 4585 section 6.2.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NackPair {
    /// `PID`: a lost packet.
    pub first: SeqNo,
    /// `BLP`: bit `i` says that `first + i + 1` is lost too.
    pub following: u16,
}

impl NackPair {
    /// Iterates over the lost packets, at most 17.
    pub fn lost(self) -> impl Iterator<Item = SeqNo> {
        let following = (0..16_u16)
            .filter(move |bit| self.following & (1 << bit) != 0)
            .map(move |bit| self.first.plus(bit + 1));
        std::iter::once(self.first).chain(following)
    }
}

/// Iterator over the pairs of a NACK.
#[derive(Clone, Copy, Debug)]
pub struct NackPairs<'a> {
    pub(super) bytes: &'a [u8],
}

impl Iterator for NackPairs<'_> {
    type Item = NackPair;

    fn next(&mut self) -> Option<NackPair> {
        let (pair, rest) = self.bytes.split_first_chunk::<4>()?;
        self.bytes = rest;
        let [p0, p1, b0, b1] = *pair;
        Some(NackPair {
            first: SeqNo(u16::from_be_bytes([p0, p1])),
            following: u16::from_be_bytes([b0, b1]),
        })
    }
}

/// Iterator over the streams and counters of a full intra request (RFC 5104 section 4.3.1).
#[derive(Clone, Copy, Debug)]
pub struct FirEntries<'a> {
    pub(super) bytes: &'a [u8],
}

impl Iterator for FirEntries<'_> {
    type Item = (Ssrc, u8);

    fn next(&mut self) -> Option<(Ssrc, u8)> {
        let (entry, rest) = self.bytes.split_first_chunk::<8>()?;
        self.bytes = rest;
        let [s0, s1, s2, s3, count, ..] = *entry;
        Some((Ssrc(u32::from_be_bytes([s0, s1, s2, s3])), count))
    }
}

/// Receiver estimated maximum bitrate (draft-alvestrand-rmcat-remb-03 section 2.2).
#[derive(Clone, Copy, Debug)]
pub struct Remb<'a> {
    /// The estimate.
    pub bitrate: Bitrate,
    /// The streams that it is about.
    pub ssrcs: SsrcList<'a>,
}

impl<'a> Remb<'a> {
    /// Reads what follows the SSRCs; `None` when it is application feedback of another kind.
    pub(super) fn parse(body: &'a [u8]) -> Option<Self> {
        let (head, ssrcs) = body.split_first_chunk::<8>()?;
        let [b'R', b'E', b'M', b'B', count, m0, m1, m2] = *head else {
            return None;
        };
        // Six bits of exponent, 18 of mantissa.
        let mantissa = u128::from(u32::from_be_bytes([0, m0 & 0x03, m1, m2]));
        let bitrate = mantissa << (m0 >> 2);
        let ssrcs = ssrcs.get(..usize::from(count) * 4)?;
        Some(Self {
            bitrate: Bitrate(u64::try_from(bitrate).unwrap_or(u64::MAX)),
            ssrcs: SsrcList { bytes: ssrcs },
        })
    }
}
