//! The estimate where media goes by TCP: what the socket takes.

use std::time::Duration;

use crate::limits::{MAX_ESTIMATE, MIN_ESTIMATE};
use crate::micros::Micros;

/// Time over which what the socket takes is a rate.
const WINDOW: Micros = Micros::from_millis(500);

/// What waits longer than this is a queue, and the rate falls to this share of what the socket took.
const QUEUE: f64 = 0.1;
const DECREASE: f64 = 0.9;

/// Growth in a second before the first queue, and after.
const FIRST_INCREASE: f64 = 2.0;
const INCREASE: f64 = 1.08;

/// How much of the estimate must be used for it to rise.
const USED: f64 = 0.65;

/// Moves the rate by what a stream takes and what waits for it.
#[derive(Debug)]
pub(crate) struct StreamControl {
    rate: f64,
    began: Micros,
    taken: u64,
    queued: u64,
    /// Least that waited in the window: what was there all the time.
    least_queued: u64,
    growth: f64,
}

impl StreamControl {
    /// Begins with an estimate in bits per second.
    pub(crate) fn new(now: Micros, rate: f64) -> Self {
        Self {
            rate,
            began: now,
            taken: 0,
            queued: 0,
            least_queued: u64::MAX,
            growth: FIRST_INCREASE,
        }
    }

    /// Returns bits per second.
    pub(crate) fn estimate(&self) -> f64 {
        self.rate
    }

    /// Returns how long what waits will wait.
    pub(crate) fn queue_delay(&self) -> Duration {
        let seconds = self.queued as f64 * 8.0 / self.rate.max(1.0);
        Duration::from_secs_f64(seconds.min(3_600.0))
    }

    /// Takes how much the socket took since the last call, and how much waits.
    pub(crate) fn handle_taken(&mut self, now: Micros, taken: u64, queued: u64) {
        self.taken = self.taken.saturating_add(taken);
        self.queued = queued;
        self.least_queued = self.least_queued.min(queued);
        let elapsed = now - self.began;
        if elapsed < WINDOW {
            return;
        }
        let taken = self.taken as f64 * 8.0 / elapsed.secs();
        let waits = self.least_queued as f64 * 8.0 / taken.max(1.0);
        if waits > QUEUE {
            self.growth = INCREASE;
            self.set(self.rate.min(taken * DECREASE));
        } else if taken > USED * self.rate {
            self.set(self.rate * self.growth.powf(elapsed.secs().min(1.0)));
        }
        self.began = now;
        self.taken = 0;
        self.least_queued = u64::MAX;
    }

    fn set(&mut self, rate: f64) {
        self.rate = rate.clamp(MIN_ESTIMATE.0 as f64, MAX_ESTIMATE.0 as f64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes at the estimate, `share` of it, for `seconds` into a socket that takes `carries`.
    fn write(control: &mut StreamControl, seconds: i64, carries: f64, share: f64) -> f64 {
        let mut queued = 0.0;
        for tick in 1..=seconds * 20 {
            queued += control.estimate() * share / 160.0;
            let taken = f64::min(queued, carries / 160.0);
            queued -= taken;
            let now = Micros::from_millis(tick * 50);
            control.handle_taken(now, taken as u64, queued as u64);
        }
        control.estimate()
    }

    #[test]
    fn a_socket_that_takes_all_is_given_more() {
        let mut control = StreamControl::new(Micros(0), 5e5);
        assert!(write(&mut control, 5, 1e9, 1.0) > 5e6);
    }

    #[test]
    fn a_socket_that_lets_media_wait_is_given_less_than_it_takes() {
        let mut control = StreamControl::new(Micros(0), 5e6);
        let rate = write(&mut control, 10, 1e6, 1.0);
        assert!((0.7e6..1.15e6).contains(&rate), "{rate}");
    }

    #[test]
    fn who_writes_little_learns_nothing() {
        let mut control = StreamControl::new(Micros(0), 1e6);
        assert_eq!(write(&mut control, 5, 1e9, 0.2), 1e6);
    }
}
