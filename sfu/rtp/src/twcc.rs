use std::time::{Duration, Instant};

use sfu_model::Ssrc;

use crate::SeqNo;

/// Records when packets of one transport arrive and writes feedback about it
/// (draft-holmer-rmcat-transport-wide-cc-extensions-01).
#[derive(Clone, Debug)]
pub struct TwccRecorder {}

impl TwccRecorder {
    /// Time between two feedback packets.
    pub const INTERVAL: Duration = Duration::from_millis(100);
    /// Most sequence numbers that one feedback packet covers.
    pub const MAX_STATUSES: usize = 512;

    /// Makes a recorder that has seen nothing.
    pub fn new() -> Self {
        todo!()
    }

    /// Notes the arrival of a packet; `ssrc` is its stream.
    #[inline]
    pub fn on_packet(&mut self, now: Instant, seq: SeqNo, ssrc: Ssrc) {
        todo!()
    }

    /// Returns when feedback is due. `None` when nothing arrived since the last.
    pub fn poll_timeout(&self) -> Option<Instant> {
        todo!()
    }

    /// Appends one feedback packet to `out` and reports whether there was one to write; call it until
    /// it returns `false`, each into a compound or reduced-size packet of its own.
    pub fn write_feedback(&mut self, now: Instant, sender: Ssrc, out: &mut Vec<u8>) -> bool {
        todo!()
    }
}
