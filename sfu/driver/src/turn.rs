//! How long the turns of a shard's thread take.

use std::time::Duration;

/// How many turns took how long, since the thread began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TurnLengths {
    /// Turns of each length in [`TurnLengths::BOUNDS`]; the last are longer than all of them.
    counts: [u64; Self::BOUNDS.len() + 1],
    /// Time that all turns took together.
    pub total: Duration,
}

impl TurnLengths {
    /// The longest turn that is counted with each group.
    pub const BOUNDS: [Duration; 9] = [
        Duration::from_micros(100),
        Duration::from_micros(200),
        Duration::from_micros(500),
        Duration::from_millis(1),
        Duration::from_millis(2),
        Duration::from_millis(5),
        Duration::from_millis(10),
        Duration::from_millis(50),
        Duration::from_millis(200),
    ];

    /// Returns how many turns took at most as long as each bound, and in the end how many there were.
    pub fn cumulative(&self) -> impl Iterator<Item = u64> + '_ {
        self.counts.iter().scan(0, |sum, count| {
            *sum += count;
            Some(*sum)
        })
    }

    pub(crate) fn note(&mut self, length: Duration) {
        let group = Self::BOUNDS.partition_point(|bound| *bound < length);
        if let Some(count) = self.counts.get_mut(group) {
            *count += 1;
        }
        self.total += length;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_is_counted_with_the_shortest_bound_that_it_keeps() {
        let mut turns = TurnLengths::default();
        for micros in [1, 100, 101, 200, 5_000, 1_000_000] {
            turns.note(Duration::from_micros(micros));
        }
        let counts: Vec<_> = turns.cumulative().collect();
        assert_eq!(counts, [2, 4, 4, 4, 4, 5, 5, 5, 5, 6]);
        assert_eq!(turns.total, Duration::from_micros(1_005_402));
    }
}
