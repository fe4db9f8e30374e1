//! A TCP sender (CUBIC, RFC 9438, without its finer points) with as much to send as it may, or with transfers and pauses.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::world::{Flow, Packet, Report, Way, at};

const SEGMENT: usize = 1_500;
const CUBIC_C: f64 = 0.4;
const CUBIC_BETA: f64 = 0.7;

/// A sender and its receiver, which acknowledges each segment.
pub(crate) struct Tcp {
    /// Segments of each transfer, and the pause after it; `None` for one without end.
    transfers: Option<(u64, Duration)>,
    left: u64,
    resumes: Option<Instant>,
    window: f64,
    threshold: f64,
    most: f64,
    lost_at: Option<Instant>,
    next: u64,
    under_way: BTreeSet<u64>,
    /// What was sent up to this when the window shrank last: further losses of it are the same.
    recover: u64,
    progress: Instant,
}

impl Tcp {
    pub(crate) fn new(transfers: Option<(u64, Duration)>) -> Self {
        Self {
            transfers,
            left: transfers.map_or(u64::MAX, |(segments, _)| segments),
            resumes: None,
            window: 10.0,
            threshold: f64::INFINITY,
            most: 0.0,
            lost_at: None,
            next: 0,
            under_way: BTreeSet::new(),
            recover: 0,
            progress: at(Duration::ZERO),
        }
    }

    fn grow(&mut self, now: Instant) {
        if self.window < self.threshold {
            self.window += 1.0;
            return;
        }
        let since = self.lost_at.map_or(0.0, |at| (now - at).as_secs_f64());
        let k = (self.most * (1.0 - CUBIC_BETA) / CUBIC_C).cbrt();
        let target = CUBIC_C * (since - k).powi(3) + self.most;
        let step = ((target - self.window) / self.window).clamp(0.01 / self.window, 0.5);
        self.window += step;
    }

    fn shrink(&mut self, now: Instant) {
        self.most = self.window;
        self.window = (self.window * CUBIC_BETA).max(2.0);
        self.threshold = self.window;
        self.lost_at = Some(now);
        self.recover = self.next;
    }

    /// Begins the next transfer after a pause.
    fn rest(&mut self, now: Instant) {
        let Some((segments, pause)) = self.transfers else {
            return;
        };
        let resumes = *self.resumes.get_or_insert(now + pause);
        if now >= resumes {
            self.resumes = None;
            self.left = segments;
            self.window = 10.0;
            self.threshold = f64::INFINITY;
        }
    }
}

impl Flow for Tcp {
    fn wake(&mut self, now: Instant, way: &mut Way<'_>) -> Option<Instant> {
        if now - self.progress > Duration::from_secs(1) && !self.under_way.is_empty() {
            // The timer of retransmission.
            self.left = self.left.saturating_add(self.under_way.len() as u64);
            self.under_way.clear();
            self.shrink(now);
            self.window = 2.0;
            self.progress = now;
        }
        if self.left == 0 && self.under_way.is_empty() {
            self.rest(now);
        }
        if self.under_way.is_empty() {
            self.progress = now;
        }
        // No more than a burst of four at a time.
        for _ in 0..4 {
            if self.left == 0 || self.under_way.len() as f64 >= self.window {
                break;
            }
            let (seq, bytes) = (self.next, SEGMENT);
            self.under_way.insert(seq);
            self.next += 1;
            self.left -= 1;
            way.send(Packet { seq, bytes });
        }
        let full = self.left == 0 || self.under_way.len() as f64 >= self.window;
        let wait = Duration::from_millis(if full { 100 } else { 5 });
        Some(now + wait)
    }

    fn arrives(&mut self, _now: Instant, packet: Packet) -> Option<Report> {
        Some(vec![(packet.seq, None)])
    }

    fn told(&mut self, now: Instant, report: &Report) {
        self.progress = now;
        for (acknowledged, _) in report {
            if self.under_way.remove(acknowledged) {
                self.grow(now);
            }
            let kept = self.under_way.split_off(&acknowledged.saturating_sub(3));
            let lost = std::mem::replace(&mut self.under_way, kept);
            self.left = self.left.saturating_add(lost.len() as u64);
            if lost.iter().any(|seq| *seq >= self.recover) {
                self.shrink(now);
            }
        }
    }
}
