use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// A TCP sender that shares a link with what is tried on it: CUBIC (RFC 9438) without its finer points, so that it
/// fills whatever queue there is.
///
/// It has as much to send as it may, or transfers with pauses between them. Segments are numbers; its
/// receiver acknowledges each.
#[derive(Clone, Debug)]
pub struct Tcp {
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
    /// Segments that it still sends before it waits for a moment.
    burst: u8,
    due: Instant,
}

impl Tcp {
    /// Bytes of a segment and of what acknowledges it, with their headers.
    pub const SEGMENT: usize = 1_500;
    /// The same of an acknowledgement.
    pub const ACKNOWLEDGEMENT: usize = 40;

    const C: f64 = 0.4;
    const BETA: f64 = 0.7;
    const FIRST_WINDOW: f64 = 10.0;
    const BURST: u8 = 4;
    const BURST_INTERVAL: Duration = Duration::from_millis(5);
    const IDLE_INTERVAL: Duration = Duration::from_millis(100);
    const RETRANSMISSION_TIMEOUT: Duration = Duration::from_secs(1);
    /// Segments that may overtake another one.
    const REORDERING: u64 = 3;

    /// Begins a transfer without end.
    pub fn endless(now: Instant) -> Self {
        Self::new(now, None)
    }

    /// Begins transfers of so many segments, with a pause after each.
    pub fn in_transfers(now: Instant, segments: u64, pause: Duration) -> Self {
        Self::new(now, Some((segments, pause)))
    }

    fn new(now: Instant, transfers: Option<(u64, Duration)>) -> Self {
        Self {
            transfers,
            left: transfers.map_or(u64::MAX, |(segments, _)| segments),
            resumes: None,
            window: Self::FIRST_WINDOW,
            threshold: f64::INFINITY,
            most: 0.0,
            lost_at: None,
            next: 0,
            under_way: BTreeSet::new(),
            recover: 0,
            progress: now,
            burst: Self::BURST,
            due: now,
        }
    }

    /// Returns when [`Tcp::handle_timeout`] is due.
    pub fn poll_timeout(&self) -> Instant {
        self.due
    }

    /// Does what is due, after which it may send.
    pub fn handle_timeout(&mut self, now: Instant) {
        let waits = now.saturating_duration_since(self.progress);
        if waits > Self::RETRANSMISSION_TIMEOUT && !self.under_way.is_empty() {
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
        self.burst = Self::BURST;
        self.due = now + Self::IDLE_INTERVAL;
    }

    /// Returns the number of the next segment that leaves.
    pub fn poll_transmit(&mut self, now: Instant) -> Option<u64> {
        if self.left == 0 || self.under_way.len() as f64 >= self.window {
            return None;
        }
        if self.burst == 0 {
            self.due = self.due.min(now + Self::BURST_INTERVAL);
            return None;
        }
        self.burst -= 1;
        let seq = self.next;
        self.under_way.insert(seq);
        self.next += 1;
        self.left -= 1;
        Some(seq)
    }

    /// Takes an acknowledgement of a segment, after which it may send.
    pub fn handle_acknowledgement(&mut self, now: Instant, seq: u64) {
        if self.under_way.remove(&seq) {
            self.grow(now);
        }
        let kept = self
            .under_way
            .split_off(&seq.saturating_sub(Self::REORDERING));
        let lost = std::mem::replace(&mut self.under_way, kept);
        self.left = self.left.saturating_add(lost.len() as u64);
        if lost.iter().any(|seq| *seq >= self.recover) {
            self.shrink(now);
        }
        self.handle_timeout(now);
        self.progress = now;
    }

    fn grow(&mut self, now: Instant) {
        if self.window < self.threshold {
            self.window += 1.0;
            return;
        }
        let since = self.lost_at.map_or(0.0, |at| (now - at).as_secs_f64());
        let k = (self.most * (1.0 - Self::BETA) / Self::C).cbrt();
        let target = Self::C * (since - k).powi(3) + self.most;
        let step = ((target - self.window) / self.window).clamp(0.01 / self.window, 0.5);
        self.window += step;
    }

    fn shrink(&mut self, now: Instant) {
        self.most = self.window;
        self.window = (self.window * Self::BETA).max(2.0);
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
            self.window = Self::FIRST_WINDOW;
            self.threshold = f64::INFINITY;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::tests::BEGIN;
    use crate::{Fate, InFlight, Link, Random, Script, Seed};

    /// Sends over a link for so many seconds, and returns how many segments arrived.
    fn run(mut tcp: Tcp, script: &str, seconds: u64) -> u64 {
        let script = Script::read(script).unwrap();
        let mut link = Link::scripted(script.down, *BEGIN, Random::new(Seed(1), 0));
        let (mut acknowledged, mut count) = (InFlight::new(), 0);
        let mut now = *BEGIN;
        while now < *BEGIN + Duration::from_secs(seconds) {
            while let Some(seq) = acknowledged.pop_due(now) {
                count += 1;
                tcp.handle_acknowledgement(now, seq);
            }
            if tcp.poll_timeout() <= now {
                tcp.handle_timeout(now);
            }
            while let Some(seq) = tcp.poll_transmit(now) {
                if let Fate::Arrives { first, .. } = link.carry(now, Tcp::SEGMENT) {
                    acknowledged.push(first, seq);
                }
            }
            let next = acknowledged.next_due().unwrap_or(now + Tcp::IDLE_INTERVAL);
            now = next
                .min(tcp.poll_timeout())
                .max(now + Duration::from_micros(1));
        }
        count
    }

    #[test]
    fn one_without_end_fills_a_link() {
        let script = "0s down rate=2Mbit delay=50ms queue=300ms";
        let segments = run(Tcp::endless(*BEGIN), script, 20);
        let carried = 2_000_000 * 20 / 8 / Tcp::SEGMENT as u64;
        assert!(segments > carried * 8 / 10, "{segments} of {carried}");
    }

    #[test]
    fn transfers_come_with_pauses_between_them() {
        let script = "0s down delay=10ms";
        let tcp = Tcp::in_transfers(*BEGIN, 20, Duration::from_secs(4));
        let segments = run(tcp, script, 11);
        assert_eq!(segments, 60);
    }

    #[test]
    fn an_outage_ends_it_for_no_longer_than_it_lasts() {
        let script = "0s down rate=2Mbit delay=50ms\n5s down loss=100%\n8s down loss=0%";
        let segments = run(Tcp::endless(*BEGIN), script, 20);
        assert!(segments > 1_000, "{segments}");
    }
}
