use std::time::Duration;

/// Durations, counted in buckets whose width is at most 1/32 of their value; from a microsecond to over an
/// hour.
#[derive(Clone, Debug)]
pub struct Histogram {
    buckets: Vec<u64>,
    count: u64,
}

impl Histogram {
    /// Buckets per power of two.
    const STEPS: u64 = 32;
    const BUCKETS: usize = 32 * Self::STEPS as usize;

    /// Makes an empty one.
    pub fn new() -> Self {
        Self {
            buckets: vec![0; Self::BUCKETS],
            count: 0,
        }
    }

    /// Counts a duration.
    #[inline]
    pub fn record(&mut self, value: Duration) {
        let micros = u64::try_from(value.as_micros()).unwrap_or(u64::MAX);
        let index = Self::index(micros).min(Self::BUCKETS - 1);
        if let Some(bucket) = self.buckets.get_mut(index) {
            *bucket += 1;
            self.count += 1;
        }
    }

    /// Adds what another one counted.
    pub fn merge(&mut self, other: &Self) {
        for (bucket, more) in self.buckets.iter_mut().zip(&other.buckets) {
            *bucket += more;
        }
        self.count += other.count;
    }

    /// Returns how many durations were counted.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Returns what `part` (0 to 1) of the durations do not exceed, as the upper end of their bucket. `None` when
    /// nothing was counted.
    pub fn quantile(&self, part: f64) -> Option<Duration> {
        // Counts are far below 2^52.
        let wanted = ((self.count as f64 * part).ceil() as u64).max(1);
        let mut seen = 0;
        let index = self.buckets.iter().position(|bucket| {
            seen += bucket;
            seen >= wanted
        })?;
        Some(Duration::from_micros(Self::upper(index as u64)))
    }

    /// Returns the counts with the upper ends of their buckets, empty ones left out.
    pub fn iter(&self) -> impl Iterator<Item = (Duration, u64)> + '_ {
        let buckets = self.buckets.iter().enumerate();
        buckets
            .filter(|(_, count)| **count > 0)
            .map(|(index, count)| (Duration::from_micros(Self::upper(index as u64)), *count))
    }

    fn index(micros: u64) -> usize {
        let octave = micros.max(1).ilog2().saturating_sub(Self::STEPS.ilog2());
        let step = micros >> octave;
        usize::try_from(u64::from(octave) * Self::STEPS + step).unwrap_or(usize::MAX)
    }

    fn upper(index: u64) -> u64 {
        if index < 2 * Self::STEPS {
            return index;
        }
        let octave = index / Self::STEPS - 1;
        let step = index % Self::STEPS + Self::STEPS;
        ((step + 1) << octave) - 1
    }
}

impl Default for Histogram {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_off_by_at_most_a_32nd() {
        for micros in [0, 1, 31, 32, 63, 64, 65, 1_000, 12_345, 9_999_999] {
            let mut histogram = Histogram::new();
            histogram.record(Duration::from_micros(micros));
            let found = histogram.quantile(0.5).unwrap().as_micros() as u64;
            assert!(
                found >= micros && found <= micros + micros / 32,
                "{micros}: {found}"
            );
        }
    }

    #[test]
    fn quantiles_split_what_was_counted() {
        let mut histogram = Histogram::new();
        for micros in 1..=20 {
            histogram.record(Duration::from_micros(micros));
        }
        assert_eq!(histogram.quantile(0.5), Some(Duration::from_micros(10)));
        assert_eq!(histogram.quantile(1.0), Some(Duration::from_micros(20)));
    }

    #[test]
    fn nothing_has_no_quantiles() {
        assert_eq!(Histogram::new().quantile(0.5), None);
    }
}
