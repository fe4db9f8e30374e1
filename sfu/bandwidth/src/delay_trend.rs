//! Whether the queue on the way grows.

use crate::micros::Micros;
use crate::packet_group::GroupDelta;

/// What the delay of packets tells of the link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Usage {
    /// A queue drains.
    Under,
    /// The queue stays as it is.
    #[default]
    Normal,
    /// A queue grows.
    Over,
}

/// Groups over which the slope is taken.
const WINDOW: usize = 20;

/// Weight of what is known in the smoothed delay.
const SMOOTHING: f64 = 0.9;

/// From the slope, which is a share, to milliseconds of queue: four for each group, up to 60 groups.
const GAIN: f64 = 4.0;
const MOST_GROUPS: f64 = 60.0;

/// How fast the threshold follows a trend beyond it, and one below it, for each millisecond. It must rise, or a
/// flow that shares a queue with TCP starves; and fall more quickly, or it no longer sees its own queue
/// (draft-ietf-rmcat-gcc-02 section 5.4).
const RISE: f64 = 0.0087;
const FALL: f64 = 0.039;

/// The threshold in milliseconds: at first, and its bounds.
const FIRST_THRESHOLD: f64 = 12.5;
const LEAST_THRESHOLD: f64 = 6.0;
const MOST_THRESHOLD: f64 = 600.0;

/// A trend this far beyond the threshold is a spike, which it does not follow.
const SPIKE: f64 = 15.0;

/// How long a trend must be over the threshold.
const OVERUSE: Micros = Micros::from_millis(10);

/// Fits a line to the delay of the last groups, and compares its slope with a threshold that adapts.
#[derive(Debug)]
pub(crate) struct DelayTrend {
    /// Arrival and smoothed delay of the last groups, in milliseconds; `next` is the oldest when it is full.
    points: [(f64, f64); WINDOW],
    next: usize,
    groups: u32,
    first_arrival: Micros,
    delay: f64,
    smoothed: f64,
    trend: f64,
    threshold: f64,
    /// How long the trend has been over the threshold, and in how many groups.
    over: Option<(Micros, u32)>,
    usage: Usage,
}

impl Default for DelayTrend {
    fn default() -> Self {
        Self {
            points: [(0.0, 0.0); WINDOW],
            next: 0,
            groups: 0,
            first_arrival: Micros(0),
            delay: 0.0,
            smoothed: 0.0,
            trend: 0.0,
            threshold: FIRST_THRESHOLD,
            over: None,
            usage: Usage::Normal,
        }
    }
}

impl DelayTrend {
    /// Returns what the last groups told.
    pub(crate) fn usage(&self) -> Usage {
        self.usage
    }

    /// Takes the next group.
    pub(crate) fn push(&mut self, delta: &GroupDelta) {
        if self.groups == 0 {
            self.first_arrival = delta.at;
        }
        self.groups = self.groups.saturating_add(1);
        self.delay += (delta.arrival - delta.departure).millis();
        self.smoothed = SMOOTHING * self.smoothed + (1.0 - SMOOTHING) * self.delay;
        let arrival = (delta.at - self.first_arrival).millis();
        if let Some(point) = self.points.get_mut(self.next) {
            *point = (arrival, self.smoothed);
        }
        self.next = (self.next + 1) % WINDOW;
        // Too few points are no line.
        if self.groups >= WINDOW as u32 {
            let slope = slope(&self.points);
            let trend = slope * f64::from(self.groups).min(MOST_GROUPS) * GAIN;
            self.detect(trend, delta);
        }
    }

    /// Compares the trend with the threshold, and moves the threshold.
    fn detect(&mut self, trend: f64, delta: &GroupDelta) {
        if trend > self.threshold {
            let (time, count) = self.over.unwrap_or((Micros(delta.departure.0 / -2), 0));
            let (time, count) = (time + delta.departure, count + 1);
            self.over = Some((time, count));
            if time > OVERUSE && count > 1 && trend >= self.trend {
                self.over = None;
                self.usage = Usage::Over;
            }
        } else {
            self.over = None;
            self.usage = match trend < -self.threshold {
                true => Usage::Under,
                false => Usage::Normal,
            };
        }
        self.trend = trend;
        self.adapt(trend.abs(), delta.arrival);
    }

    fn adapt(&mut self, trend: f64, elapsed: Micros) {
        if trend > self.threshold + SPIKE {
            return;
        }
        let speed = if trend < self.threshold { FALL } else { RISE };
        let elapsed = elapsed.millis().clamp(0.0, 100.0);
        let threshold = self.threshold + speed * (trend - self.threshold) * elapsed;
        self.threshold = threshold.clamp(LEAST_THRESHOLD, MOST_THRESHOLD);
    }
}

/// Returns the slope of the line of least squares; zero when all lie above each other.
fn slope(points: &[(f64, f64)]) -> f64 {
    let count = points.len() as f64;
    let (sum_x, sum_y) = points
        .iter()
        .fold((0.0, 0.0), |(x, y), point| (x + point.0, y + point.1));
    let (mean_x, mean_y) = (sum_x / count, sum_y / count);
    let (covariance, variance) = points
        .iter()
        .fold((0.0, 0.0), |(covariance, variance), point| {
            let (x, y) = (point.0 - mean_x, point.1 - mean_y);
            (covariance + x * y, variance + x * x)
        });
    if variance > 0.0 {
        covariance / variance
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pushes `count` groups, each `grows` microseconds later than the one before, and returns the usage.
    fn push(trend: &mut DelayTrend, count: i64, grows: impl Fn(i64) -> i64) -> Vec<Usage> {
        let mut at = Micros(0);
        let usages = (0..count).map(|i| {
            let departure = Micros::from_millis(20);
            let arrival = departure + Micros(grows(i));
            at = at + arrival;
            trend.push(&GroupDelta {
                departure,
                arrival,
                at,
            });
            trend.usage()
        });
        usages.collect()
    }

    #[test]
    fn a_growing_queue_is_seen_within_half_a_second() {
        let mut trend = DelayTrend::default();
        push(&mut trend, 60, |_| 0);
        let usages = push(&mut trend, 25, |_| 4_000);
        assert!(usages.contains(&Usage::Over));
    }

    #[test]
    fn a_draining_queue_is_seen() {
        let mut trend = DelayTrend::default();
        push(&mut trend, 60, |_| 0);
        let usages = push(&mut trend, 25, |_| -4_000);
        assert_eq!(usages.last(), Some(&Usage::Under));
    }

    #[test]
    fn jitter_is_no_queue() {
        let mut trend = DelayTrend::default();
        let usages = push(&mut trend, 1_000, |i| {
            [0, 3_000, -5_000, 2_000][(i & 3) as usize]
        });
        assert!(usages.iter().all(|usage| *usage == Usage::Normal));
    }

    #[test]
    fn a_constant_delay_is_no_queue() {
        let mut trend = DelayTrend::default();
        let usages = push(&mut trend, 1_000, |_| 0);
        assert!(usages.iter().all(|usage| *usage == Usage::Normal));
    }
}
