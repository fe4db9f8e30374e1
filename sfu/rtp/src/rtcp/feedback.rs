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
        std::iter::empty()
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
        todo!()
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
        todo!()
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
