use std::time::Duration;

/// How many values kept each of some bounds. Values are counted in millionths: of a second, or of a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Histogram<const N: usize> {
    bounds: [u64; N],
    /// Values by the shortest bound that they kept.
    counts: [u64; N],
    /// Values that kept none.
    beyond: u64,
    total: u64,
}

impl<const N: usize> Histogram<N> {
    /// Makes an empty one with these bounds in millionths, the least first.
    pub const fn new(bounds: [u64; N]) -> Self {
        Self {
            bounds,
            counts: [0; N],
            beyond: 0,
            total: 0,
        }
    }

    /// Counts a value in millionths.
    pub fn note(&mut self, value: u64) {
        let group = self.bounds.partition_point(|bound| *bound < value);
        *self.counts.get_mut(group).unwrap_or(&mut self.beyond) += 1;
        self.total = self.total.saturating_add(value);
    }

    /// Counts a time.
    pub fn note_time(&mut self, time: Duration) {
        self.note(u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
    }

    /// Adds what was counted elsewhere by the same bounds.
    pub fn add(&mut self, other: &Self) {
        for (count, more) in self.counts.iter_mut().zip(other.counts) {
            *count += more;
        }
        self.beyond += other.beyond;
        self.total = self.total.saturating_add(other.total);
    }

    /// Iterates over the bounds, in seconds or wholes, and how many values kept each.
    pub fn cumulative(&self) -> impl Iterator<Item = (f64, u64)> + '_ {
        let counted = self.bounds.iter().zip(&self.counts);
        counted.scan(0, |sum, (bound, count)| {
            *sum += count;
            Some((whole(*bound), *sum))
        })
    }

    /// Returns how many values were counted.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum::<u64>() + self.beyond
    }

    /// Returns what all values come to together, in seconds or wholes.
    pub fn total(&self) -> f64 {
        whole(self.total)
    }
}

fn whole(millionths: u64) -> f64 {
    Duration::from_micros(millionths).as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(histogram: &Histogram<3>) -> Vec<u64> {
        histogram.cumulative().map(|(_, count)| count).collect()
    }

    #[test]
    fn a_value_is_counted_with_the_least_bound_that_it_keeps() {
        let mut histogram = Histogram::new([1_000, 2_000, 5_000]);
        for micros in [1, 1_000, 1_001, 9_000] {
            histogram.note_time(Duration::from_micros(micros));
        }
        assert_eq!(counts(&histogram), [2, 3, 3]);
        assert_eq!(histogram.count(), 4);
        assert!((histogram.total() - 0.011_002).abs() < 1e-9);
        let bounds: Vec<_> = histogram.cumulative().map(|(bound, _)| bound).collect();
        assert_eq!(bounds, [0.001, 0.002, 0.005]);
    }

    #[test]
    fn what_was_counted_elsewhere_is_added() {
        let mut histogram = Histogram::new([1_000, 2_000, 5_000]);
        histogram.note(1_500);
        let mut sum = histogram;
        sum.add(&histogram);
        assert_eq!(counts(&sum), [0, 2, 2]);
        assert_eq!(sum.count(), 2);
    }
}
