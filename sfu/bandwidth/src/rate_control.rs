//! How the estimate moves with the queue: up slowly, down at once (AIMD).

use std::time::Duration;

use crate::application_limit::Limited;
use crate::delay_trend::Usage;
use crate::limits::{MAX_ESTIMATE, MIN_ESTIMATE};
use crate::link_capacity::LinkCapacity;
use crate::micros::Micros;
use crate::standing_queue::Standing;

/// What arrives while a queue grows is what the link carries; a little less lets the queue drain
/// (draft-ietf-rmcat-gcc-02 section 5.5).
const DECREASE: f64 = 0.85;

/// Growth in a second far from what the link is known to carry.
const INCREASE: f64 = 1.08;

/// The estimate stays below what arrives by this factor: what was not tried is not known.
const AHEAD: f64 = 1.2;
const AHEAD_BITS: f64 = 10_000.0;

/// What one step of a careful increase adds: a packet of full size.
const STEP_BITS: f64 = 9_600.0;

/// What a step takes beside the round trip: until a queue is seen.
const DETECTION: Duration = Duration::from_millis(100);

/// Least time between two decreases that are not of the same queue.
const LEAST_DECREASE_INTERVAL: Duration = Duration::from_millis(150);
const MOST_DECREASE_INTERVAL: Duration = Duration::from_millis(400);

/// A queue shorter than that is left to itself while the application sends less than it may: its own bursts are
/// no congestion.
const TOLERATED_QUEUE: Duration = Duration::from_millis(20);

/// Loss up to which the rate keeps its place beside a queue of others.
const HARMLESS_LOSS: f64 = 0.02;

/// How long what a probe measured holds: the queue that it made itself is no reason to send less than that.
const PROBE_HOLDS: Duration = Duration::from_millis(1_000);

/// A queue that stands is made by what is sent, whatever arrives: the rate falls at least to this share of itself.
const DRAIN: f64 = 0.92;

/// What a feedback told, as far as the rate is concerned.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Observation {
    /// The queue.
    pub(crate) usage: Usage,
    /// Bits per second that arrive.
    pub(crate) acknowledged: Option<f64>,
    /// The same of what arrived latest.
    pub(crate) latest: Option<f64>,
    /// Whether the application sends as much as it may.
    pub(crate) limited: Limited,
    /// The round trip without queues.
    pub(crate) rtt: Duration,
    /// The queue that stands, and what to do about it.
    pub(crate) queue: Duration,
    pub(crate) standing: Standing,
    /// The share of packets that is lost.
    pub(crate) loss: f64,
}

impl Observation {
    /// Returns what the link carries, in bits per second, if a queue grows.
    ///
    /// Where one stands, all that arrives came out of it: the latest tells, because what came before the queue was what
    /// was sent. Where none does, it was a burst.
    fn carried(&self) -> Option<f64> {
        match (self.acknowledged, self.latest) {
            (_, Some(latest)) if self.queue >= TOLERATED_QUEUE => Some(latest),
            (Some(acknowledged), Some(latest)) => Some(acknowledged.max(latest)),
            (acknowledged, _) => acknowledged,
        }
    }
}

/// Moves the estimate by what the delay of packets tells.
#[derive(Debug)]
pub(crate) struct RateControl {
    rate: f64,
    capacity: LinkCapacity,
    updated: Option<Micros>,
    decreased: Option<Micros>,
    /// What the latest probe measured, and when that became known.
    probed: Option<(f64, Micros)>,
}

impl RateControl {
    /// Begins with a rate in bits per second.
    pub(crate) fn new(rate: f64) -> Self {
        Self {
            rate,
            capacity: LinkCapacity::default(),
            updated: None,
            decreased: None,
            probed: None,
        }
    }

    /// Returns the rate in bits per second.
    pub(crate) fn rate(&self) -> f64 {
        self.rate
    }

    /// Returns when the rate was decreased last.
    pub(crate) fn decreased(&self) -> Option<Micros> {
        self.decreased
    }

    /// Lowers the rate for a reason that is not a queue.
    pub(crate) fn lower(&mut self, rate: f64) {
        if rate < self.rate {
            self.probed = None;
            self.set(rate);
        }
    }

    /// Takes what a probe measured: the rate rises to it at once, unless a queue grows.
    pub(crate) fn handle_probe(&mut self, now: Micros, rate: f64, usage: Usage) {
        self.probed = Some((rate, now));
        if rate > self.rate && usage != Usage::Over {
            self.set(rate);
        }
    }

    fn set(&mut self, rate: f64) {
        self.rate = rate.clamp(MIN_ESTIMATE.0 as f64, MAX_ESTIMATE.0 as f64);
    }

    /// Moves the rate after a feedback.
    pub(crate) fn update(&mut self, now: Micros, seen: &Observation) {
        let elapsed = self
            .updated
            .map_or(Duration::ZERO, |at| (now - at).duration());
        self.updated = Some(now);
        match (seen.usage, seen.standing) {
            // Who backs off before loss leaves the link to who does not.
            (Usage::Over, Standing::OfOthers) if seen.loss < HARMLESS_LOSS => {}
            (Usage::Over, _) => self.decrease(now, seen),
            (_, Standing::Drain) => {
                self.decrease(now, seen);
                self.set(self.rate * DRAIN);
            }
            // What drains has not drained yet.
            (Usage::Under, _) | (Usage::Normal, Standing::Long) => {}
            (Usage::Normal, Standing::Short | Standing::OfOthers) => {
                self.increase(elapsed.min(Duration::from_secs(1)), seen);
            }
        }
    }

    fn decrease(&mut self, now: Micros, seen: &Observation) {
        let Some(acknowledged) = seen.carried() else {
            return;
        };
        if seen.limited == Limited::ByApplication && seen.queue < TOLERATED_QUEUE {
            return;
        }
        let interval = seen
            .rtt
            .clamp(LEAST_DECREASE_INTERVAL, MOST_DECREASE_INTERVAL);
        let soon = self
            .decreased
            .is_some_and(|at| (now - at).duration() < interval);
        if soon && acknowledged > self.rate / 2.0 {
            return;
        }
        self.decreased = Some(now);
        self.capacity.push(acknowledged);
        let holds = |at: Micros| (now - at).duration() < PROBE_HOLDS;
        let short = seen.standing == Standing::Short;
        let probed = self.probed.filter(|(_, at)| short && holds(*at));
        let probed = probed.map_or(0.0, |(rate, _)| rate);
        self.set(self.rate.min(probed.max(acknowledged * DECREASE)));
    }

    fn increase(&mut self, elapsed: Duration, seen: &Observation) {
        if seen.limited == Limited::ByApplication {
            return;
        }
        let Some(acknowledged) = seen.acknowledged else {
            return;
        };
        if self.capacity.is_exceeded_by(acknowledged) {
            self.capacity.forget();
        }
        let increased = match self.capacity.is_near(acknowledged) {
            true => {
                let response = seen.rtt + DETECTION;
                self.rate + STEP_BITS * elapsed.as_secs_f64() / response.as_secs_f64()
            }
            false => self.rate * INCREASE.powf(elapsed.as_secs_f64()),
        };
        let most = acknowledged * AHEAD + AHEAD_BITS;
        self.set(increased.min(most).max(self.rate));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(usage: Usage, acknowledged: f64) -> Observation {
        Observation {
            usage,
            acknowledged: Some(acknowledged),
            latest: Some(acknowledged),
            limited: Limited::ByNetwork,
            rtt: Duration::from_millis(50),
            queue: Duration::ZERO,
            standing: Standing::Short,
            loss: 0.0,
        }
    }

    fn after(control: &mut RateControl, from: i64, seconds: i64, seen: &Observation) -> f64 {
        for step in 0..=seconds * 10 {
            let at = Micros::from_millis(from + step * 100);
            control.update(at, seen);
        }
        control.rate()
    }

    #[test]
    fn a_queue_that_grows_takes_the_rate_below_what_arrives() {
        let mut control = RateControl::new(1e6);
        control.update(Micros(0), &seen(Usage::Over, 8e5));
        assert_eq!(control.rate(), 8e5 * DECREASE);
    }

    #[test]
    fn one_queue_is_answered_once() {
        let mut control = RateControl::new(1e6);
        control.update(Micros(0), &seen(Usage::Over, 8e5));
        control.update(Micros::from_millis(50), &seen(Usage::Over, 7.9e5));
        assert_eq!(control.rate(), 8e5 * DECREASE);
    }

    #[test]
    fn a_link_that_is_not_known_is_tried_by_a_share_of_the_rate() {
        let mut control = RateControl::new(1e6);
        let rate = after(&mut control, 0, 1, &seen(Usage::Normal, 1e6));
        assert!((1.079e6..1.081e6).contains(&rate), "{rate}");
    }

    #[test]
    fn near_what_the_link_carries_the_rate_rises_by_packets() {
        let mut control = RateControl::new(1e6);
        control.update(Micros(0), &seen(Usage::Over, 1e6));
        let rate = after(&mut control, 100, 1, &seen(Usage::Normal, 9.5e5));
        assert!((8.9e5..9.3e5).contains(&rate), "{rate}");
    }

    #[test]
    fn the_rate_stays_within_reach_of_what_arrives() {
        let mut control = RateControl::new(1e6);
        let rate = after(&mut control, 0, 60, &seen(Usage::Normal, 1e6));
        assert_eq!(rate, 1e6 * AHEAD + AHEAD_BITS);
    }

    #[test]
    fn who_sends_less_than_it_may_learns_nothing() {
        let mut control = RateControl::new(1e6);
        let little = Observation {
            limited: Limited::ByApplication,
            ..seen(Usage::Normal, 2e5)
        };
        assert_eq!(after(&mut control, 0, 10, &little), 1e6);
        let bursts = Observation {
            usage: Usage::Over,
            ..little
        };
        assert_eq!(after(&mut control, 11_000, 1, &bursts), 1e6);
    }

    #[test]
    fn the_queue_of_a_probe_takes_nothing_of_what_it_measured() {
        let mut control = RateControl::new(1e6);
        control.handle_probe(Micros(0), 9.5e5, Usage::Normal);
        control.update(Micros::from_millis(100), &seen(Usage::Over, 8e5));
        assert_eq!(control.rate(), 9.5e5);
        control.update(Micros::from_millis(1_100), &seen(Usage::Over, 8e5));
        assert_eq!(control.rate(), 8e5 * DECREASE);
    }

    #[test]
    fn a_queue_that_stands_is_drained() {
        let mut control = RateControl::new(1e6);
        let stands = Observation {
            standing: Standing::Drain,
            ..seen(Usage::Normal, 1.2e6)
        };
        control.update(Micros(0), &stands);
        assert_eq!(control.rate(), 1e6 * DRAIN);
    }

    #[test]
    fn a_queue_that_stands_is_not_fed() {
        let mut control = RateControl::new(1e6);
        let full = Observation {
            queue: Duration::from_millis(80),
            standing: Standing::Long,
            ..seen(Usage::Normal, 1e6)
        };
        assert_eq!(after(&mut control, 0, 5, &full), 1e6);
    }
}
