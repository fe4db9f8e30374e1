//! What a case comes to.

use std::time::Duration;

use crate::media::Media;
use crate::world::Passed;

/// The figures of one case; where one does not apply it is not a number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    /// Share of the link that was used, in per cent.
    pub(crate) used: f64,
    /// 95th percentile of the time in the queue, in milliseconds.
    pub(crate) queue: f64,
    /// Share of packets that found no room, in per cent.
    pub(crate) loss: f64,
    /// Seconds until the estimate had followed the link down, and up.
    pub(crate) down: f64,
    pub(crate) up: f64,
    /// Jain's index of what the flows got: 1 when all got the same.
    pub(crate) fairness: f64,
}

impl Row {
    /// A case of which only the queue and the loss are known.
    pub(crate) fn of(passed: &[Passed], from: f64, until: f64) -> Self {
        Self {
            used: f64::NAN,
            queue: queue_p95(passed, from, until),
            loss: caused_loss(passed),
            down: f64::NAN,
            up: f64::NAN,
            fairness: f64::NAN,
        }
    }

    /// Prints the row of a table: `cargo test -p sfu-bandwidth --test links -- --nocapture`.
    pub(crate) fn print(&self, case: &str) {
        let Self {
            used,
            queue,
            loss,
            down,
            up,
            fairness,
        } = self;
        println!(
            "{case:44} used {used:5.1} %  queue {queue:5.1} ms  loss {loss:5.2} %  down {down:4.2} s  up {up:4.2} s  fair {fairness:4.2}"
        );
    }
}

fn queue_p95(passed: &[Passed], from: f64, until: f64) -> f64 {
    let mut waits: Vec<f64> = passed
        .iter()
        .flat_map(|passed| &passed.taken)
        .filter(|taken| (from..until).contains(&taken.left.as_secs_f64()))
        .map(|taken| taken.waited.as_secs_f64() * 1e3)
        .collect();
    waits.sort_by(f64::total_cmp);
    let index = waits.len() * 95 / 100;
    waits.get(index).copied().unwrap_or(0.0)
}

fn caused_loss(passed: &[Passed]) -> f64 {
    let sent: u64 = passed.iter().map(|passed| passed.sent).sum();
    let no_room: u64 = passed.iter().map(|passed| passed.no_room).sum();
    100.0 * no_room as f64 / sent.max(1) as f64
}

/// Returns bits per second of a flow that passed the bottleneck in that time.
pub(crate) fn carried(passed: &Passed, from: f64, until: f64) -> f64 {
    let within = passed.taken.iter();
    let within = within.filter(|taken| (from..until).contains(&taken.left.as_secs_f64()));
    within.map(|taken| taken.bytes as f64 * 8.0).sum::<f64>() / (until - from)
}

/// Returns how many seconds after `from` the estimate was at most `rate`, for half a second.
pub(crate) fn time_down(media: &Media, from: f64, rate: f64) -> f64 {
    held(media, from, |estimate| estimate <= rate)
}

/// Returns how many seconds after `from` the estimate was at least `rate`, for half a second.
pub(crate) fn time_up(media: &Media, from: f64, rate: f64) -> f64 {
    held(media, from, |estimate| estimate >= rate)
}

fn held(media: &Media, from: f64, fits: impl Fn(f64) -> bool) -> f64 {
    const HELD: Duration = Duration::from_millis(500);
    let mut since = None;
    for (at, estimate) in &media.estimates {
        if at.as_secs_f64() < from {
            continue;
        }
        if !fits(*estimate) {
            since = None;
            continue;
        }
        let began = *since.get_or_insert(*at);
        if *at - began >= HELD {
            return began.as_secs_f64() - from;
        }
    }
    f64::INFINITY
}

/// Returns Jain's index of fairness.
pub(crate) fn fairness(rates: &[f64]) -> f64 {
    let sum: f64 = rates.iter().sum();
    let squares: f64 = rates.iter().map(|rate| rate * rate).sum();
    sum * sum / (rates.len() as f64 * squares.max(1.0))
}
