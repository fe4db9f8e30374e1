//! Packets of ours that a subscription begins with while its publication sends nothing: clients on Pion know a track by
//! its first packet, and would not hear of one that is muted.

use std::time::Instant;

use sfu_model::Codec;

use crate::limits::{OPENING_DELAY, OPENING_INTERVAL, OPENING_PACKETS};

/// An Opus frame of 20 ms of silence: full band, code 3, and nothing in it (RFC 6716 section 3.1).
const OPUS_SILENCE: [u8; 3] = [0xf8, 0xff, 0xfe];
/// 20 ms of silence in G.711: zero in mu-law and in A-law.
const PCMU_SILENCE: [u8; 160] = [0xff; 160];
const PCMA_SILENCE: [u8; 160] = [0xd5; 160];

/// The packets that are still to be sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OpeningPackets {
    due: Instant,
    left: u8,
}

impl OpeningPackets {
    /// Begins after a moment: the publication may send by itself.
    pub(crate) fn begin(now: Instant) -> Self {
        Self {
            due: now + OPENING_DELAY,
            left: OPENING_PACKETS,
        }
    }

    /// Returns when the next is due.
    pub(crate) fn due(self) -> Instant {
        self.due
    }

    /// Returns those that are left after one was sent at `now`.
    pub(crate) fn after_one(self, now: Instant) -> Option<Self> {
        let left = self.left.checked_sub(1).filter(|left| *left > 0)?;
        Some(Self {
            left,
            ..self.later(now)
        })
    }

    /// Puts the next off: there is no way to the subscriber yet.
    pub(crate) fn later(self, now: Instant) -> Self {
        Self {
            due: now + OPENING_INTERVAL,
            ..self
        }
    }
}

/// Returns a frame of silence, of a codec of which we can make one.
pub(crate) fn silence(codec: Codec) -> Option<&'static [u8]> {
    match codec {
        Codec::Opus => Some(&OPUS_SILENCE),
        Codec::Pcmu => Some(&PCMU_SILENCE),
        Codec::Pcma => Some(&PCMA_SILENCE),
        Codec::Red | Codec::Vp8 | Codec::Vp9 | Codec::H264 | Codec::H265 | Codec::Av1 => None,
    }
}
