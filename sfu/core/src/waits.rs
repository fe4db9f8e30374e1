//! How long packets wait for their links.

use std::time::Duration;

/// How many packets of video waited how long before they left, of those that had to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waits {
    /// Packets by the bound that they kept; the last waited longer.
    counts: [u64; Self::BOUNDS.len() + 1],
    /// Time that all waited together.
    pub total: Duration,
}

impl Waits {
    /// The longest wait that is counted with each group.
    pub const BOUNDS: [Duration; 8] = [
        Duration::from_millis(5),
        Duration::from_millis(10),
        Duration::from_millis(20),
        Duration::from_millis(50),
        Duration::from_millis(100),
        Duration::from_millis(250),
        Duration::from_millis(500),
        Duration::from_secs(1),
    ];

    /// Returns how many packets waited at most as long as each bound, and in the end how many waited.
    pub fn cumulative(&self) -> impl Iterator<Item = u64> + '_ {
        self.counts.iter().scan(0, |sum, count| {
            *sum += count;
            Some(*sum)
        })
    }

    pub(crate) fn note(&mut self, wait: Duration) {
        let group = Self::BOUNDS.partition_point(|bound| *bound < wait);
        if let Some(count) = self.counts.get_mut(group) {
            *count += 1;
        }
        self.total += wait;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_counted_with_the_shortest_bound_that_it_keeps() {
        let mut waits = Waits::default();
        for millis in [1, 5, 6, 2_000] {
            waits.note(Duration::from_millis(millis));
        }
        let counts: Vec<_> = waits.cumulative().collect();
        assert_eq!(counts, [2, 3, 3, 3, 3, 3, 3, 3, 4]);
        assert_eq!(waits.total, Duration::from_millis(2_012));
    }
}
