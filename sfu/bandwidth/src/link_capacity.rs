//! What the link was seen to carry.

/// Weight of the latest sight.
const WEIGHT: f64 = 0.05;

/// How many deviations around the mean are near.
const NEAR: f64 = 3.0;

/// Bounds of the deviation's square, for each kilobit of the mean in kilobits: 0.4 kbit/s at 1 Mbit/s is too sure of
/// itself, 2.5 too vague.
const LEAST_DEVIATION: f64 = 0.4;
const MOST_DEVIATION: f64 = 2.5;

/// The mean of what arrived when queues grew, and how far apart that was, in kilobits per second.
#[derive(Debug, Default)]
pub(crate) struct LinkCapacity {
    mean: Option<f64>,
    /// Square of the deviation, divided by the mean.
    deviation: f64,
}

impl LinkCapacity {
    /// Takes bits per second that arrived while a queue grew.
    pub(crate) fn push(&mut self, acknowledged: f64) {
        let sight = acknowledged / 1e3;
        if self.is_exceeded_by(acknowledged) || self.is_missed_by(acknowledged) {
            self.forget();
        }
        let Some(mean) = self.mean else {
            self.mean = Some(sight);
            self.deviation = LEAST_DEVIATION;
            return;
        };
        let mean = mean + WEIGHT * (sight - mean);
        let square = (sight - mean).powi(2) / mean.max(1.0);
        let deviation = self.deviation + WEIGHT * (square - self.deviation);
        self.deviation = deviation.clamp(LEAST_DEVIATION, MOST_DEVIATION);
        self.mean = Some(mean);
    }

    /// Forgets it, as when the link has changed.
    pub(crate) fn forget(&mut self) {
        self.mean = None;
    }

    /// Reports whether a rate is about what the link carries.
    pub(crate) fn is_near(&self, rate: f64) -> bool {
        self.mean.is_some() && !self.is_exceeded_by(rate) && !self.is_missed_by(rate)
    }

    /// Reports whether a rate is more than the link was seen to carry.
    pub(crate) fn is_exceeded_by(&self, rate: f64) -> bool {
        self.mean
            .is_some_and(|mean| rate / 1e3 > mean + NEAR * self.spread(mean))
    }

    fn is_missed_by(&self, rate: f64) -> bool {
        self.mean
            .is_some_and(|mean| rate / 1e3 < mean - NEAR * self.spread(mean))
    }

    fn spread(&self, mean: f64) -> f64 {
        (self.deviation * mean).sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_seen_and_a_little_around_is_near() {
        let mut capacity = LinkCapacity::default();
        assert!(!capacity.is_near(1e6));
        capacity.push(1e6);
        assert!(capacity.is_near(1.03e6));
        assert!(capacity.is_near(0.97e6));
        assert!(!capacity.is_near(0.5e6));
        assert!(capacity.is_exceeded_by(1.2e6));
    }

    #[test]
    fn another_link_is_begun_anew() {
        let mut capacity = LinkCapacity::default();
        capacity.push(1e6);
        capacity.push(3e5);
        assert!(capacity.is_near(3e5));
    }
}
