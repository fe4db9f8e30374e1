use std::time::Duration;

use super::{Playout, Shown};

/// What a receiver made of its stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reception {
    /// Packets that came out in order.
    pub delivered: u64,
    /// Packets of them that were missing first and came when they were asked for.
    pub recovered: u64,
    /// Packets of them that were missing first and came in the redundancy of others.
    pub redundant: u64,
    /// Packets that never came.
    pub lost: u64,
    /// Packets that came twice, or after they were given up.
    pub superfluous: u64,
    /// Packets of each encoding that came out, the lowest first.
    pub by_encoding: [u64; 3],
    /// Key frames.
    pub key_frames: u64,
    /// Longest time between two packets that came out.
    pub longest_pause: Duration,
    /// What of a video was seen.
    pub shown: Shown,
    /// What of a sound was heard.
    pub playout: Playout,
    /// What no honest sender does, each once.
    pub faults: Vec<String>,
}
