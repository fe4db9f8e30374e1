use std::time::{Duration, Instant};

use loadtest_peer::Histogram;
use serde::Serialize;

use crate::limits::MAX_SECONDS;

/// What became of the packets of one direction.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    /// Packets that arrived, copies included.
    pub(super) carried: u64,
    /// Their bytes, headers of IP included.
    pub(super) bytes: u64,
    /// Packets that the queue had no room for.
    pub(super) lost_by_queue: u64,
    /// Packets that were lost on the way.
    pub(super) lost_by_chance: u64,
    /// Packets that are on their way twice.
    pub(super) doubled: u64,
    /// Packets that this program had no room for: then the link is not what the script says.
    pub(super) no_place: u64,
    /// Packets that the kernel did not take.
    pub(super) refused: u64,
    /// How long packets waited in the queue.
    pub(super) waited: Histogram,
    /// How much later packets arrived than they should have.
    pub(super) late: Histogram,
    /// Each second for itself.
    pub(super) seconds: Vec<Second>,
}

/// What happened in a second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Second {
    /// Bits that arrived.
    pub(super) bits: u64,
    /// Packets that were lost, either way.
    pub(super) lost: u64,
    /// Longest time that a packet waited in the queue, in microseconds.
    pub(super) longest_wait_us: u64,
}

impl Tally {
    /// Returns the second of a moment; none when there are too many.
    pub(super) fn second(&mut self, begin: Instant, now: Instant) -> Option<&mut Second> {
        let index = now.saturating_duration_since(begin).as_secs();
        let index = usize::try_from(index).unwrap_or(MAX_SECONDS);
        if index >= MAX_SECONDS {
            return None;
        }
        if self.seconds.len() <= index {
            self.seconds.resize(index + 1, Second::default());
        }
        self.seconds.get_mut(index)
    }
}

/// Returns a duration in whole microseconds.
pub(super) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_counted_by_seconds_and_no_more() {
        let (mut tally, begin) = (Tally::default(), Instant::now());
        let at = |seconds| begin + Duration::from_secs(seconds);
        tally.second(begin, at(2)).expect("a second").bits = 5;
        assert!(tally.second(begin, at(86_399)).is_some());
        assert!(tally.second(begin, at(86_400)).is_none());
        assert_eq!(tally.seconds.len(), MAX_SECONDS);
        assert_eq!(tally.seconds[2].bits, 5);
    }
}
