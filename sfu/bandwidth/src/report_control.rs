//! The estimate where there are only receiver reports.

use std::time::Duration;

use crate::limits::{MAX_ESTIMATE, MIN_ESTIMATE};
use crate::micros::Micros;

/// Least time between two steps: reports of all streams in it are one.
const INTERVAL: Micros = Micros::from_millis(500);

/// Loss below which the rate rises, and above which it falls by half of the loss (draft-ietf-rmcat-gcc-02 section 6).
const LOW_LOSS: f64 = 0.02;
const HIGH_LOSS: f64 = 0.1;
const OF_LOSS: f64 = 0.5;

/// Growth in a second.
const INCREASE: f64 = 1.08;

/// A round trip this much longer than the shortest is a queue that we made; the rate falls to this share.
const QUEUE: Duration = Duration::from_millis(150);
const QUEUE_DECREASE: f64 = 0.85;

/// How much of the estimate must be used for it to rise.
const USED: f64 = 0.65;

/// Moves the rate by the loss and the round trips of receiver reports.
#[derive(Debug)]
pub(crate) struct ReportControl {
    rate: f64,
    stepped: Micros,
    bytes_before: u64,
    worst_loss: f64,
    worst_rtt: Duration,
    shortest_rtt: Duration,
}

impl ReportControl {
    /// Begins with an estimate in bits per second, when `bytes` had been sent.
    pub(crate) fn new(now: Micros, rate: f64, bytes: u64) -> Self {
        Self {
            rate,
            stepped: now,
            bytes_before: bytes,
            worst_loss: 0.0,
            worst_rtt: Duration::ZERO,
            shortest_rtt: Duration::MAX,
        }
    }

    /// Returns bits per second.
    pub(crate) fn estimate(&self) -> f64 {
        self.rate
    }

    /// Sets the rate, because something else knows it.
    pub(crate) fn set(&mut self, rate: f64) {
        self.rate = rate.clamp(MIN_ESTIMATE.0 as f64, MAX_ESTIMATE.0 as f64);
    }

    /// Takes a report of a stream; `bytes` have been sent on the transport by now.
    pub(crate) fn handle_report(
        &mut self,
        now: Micros,
        loss: f64,
        rtt: Option<Duration>,
        bytes: u64,
    ) {
        self.worst_loss = self.worst_loss.max(loss);
        if let Some(rtt) = rtt {
            self.worst_rtt = self.worst_rtt.max(rtt);
            self.shortest_rtt = self.shortest_rtt.min(rtt);
        }
        let elapsed = now - self.stepped;
        if elapsed < INTERVAL {
            return;
        }
        let sent = bytes.saturating_sub(self.bytes_before) as f64 * 8.0 / elapsed.secs();
        self.step(elapsed.secs().min(5.0), sent);
        self.stepped = now;
        self.bytes_before = bytes;
        self.worst_loss = 0.0;
        self.worst_rtt = Duration::ZERO;
    }

    fn step(&mut self, seconds: f64, sent: f64) {
        let queue = self.worst_rtt.saturating_sub(self.shortest_rtt);
        if self.worst_loss > HIGH_LOSS {
            self.set(self.rate * (1.0 - OF_LOSS * self.worst_loss));
        } else if queue > QUEUE {
            self.set(self.rate.min(sent) * QUEUE_DECREASE);
        } else if self.worst_loss < LOW_LOSS && sent > USED * self.rate {
            self.set(self.rate * INCREASE.powf(seconds));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reports once a second for ten seconds, while `share` of the estimate is sent.
    fn after(loss: f64, rtt: impl Fn(i64) -> u64, share: f64) -> f64 {
        let mut control = ReportControl::new(Micros(0), 1e6, 0);
        let mut bytes = 0.0;
        for second in 1..=10 {
            bytes += control.estimate() * share / 8.0;
            let rtt = Some(Duration::from_millis(rtt(second)));
            let now = Micros::from_millis(second * 1_000);
            control.handle_report(now, loss, rtt, bytes as u64);
        }
        control.estimate()
    }

    #[test]
    fn a_clean_link_is_tried() {
        assert!(after(0.0, |_| 50, 1.0) > 2e6);
    }

    #[test]
    fn who_sends_little_learns_nothing() {
        assert_eq!(after(0.0, |_| 50, 0.3), 1e6);
    }

    #[test]
    fn a_little_loss_is_borne_and_much_is_answered() {
        assert_eq!(after(0.05, |_| 50, 1.0), 1e6);
        assert!(after(0.3, |_| 50, 1.0) < 3e5);
    }

    #[test]
    fn a_round_trip_that_grows_is_a_queue() {
        assert!(after(0.0, |second| if second < 5 { 50 } else { 500 }, 1.0) < 1e6);
    }
}
