//! How long packets wait in queues on the way.

use std::time::Duration;

use crate::micros::Micros;

/// How long the shortest way is remembered, at least: longer than TCP keeps a queue full, and short enough that clocks
/// do not drift apart by more than a few milliseconds, and that a longer route is got used to.
const WINDOW: Micros = Micros::from_millis(60_000);

/// Tells the delay of packets beyond the shortest of the last one to two minutes.
#[derive(Debug, Default)]
pub(crate) struct QueueDelay {
    /// The shortest of the window before, and of the one that began then.
    before: Option<Micros>,
    shortest: Option<Micros>,
    began: Micros,
    /// The shortest of the feedback that is read, and of the one before.
    reading: Option<Micros>,
    latest: Option<Micros>,
}

impl QueueDelay {
    /// Takes a packet's way: when it arrived by the receiver's clock less when it left by ours.
    pub(crate) fn push(&mut self, way: Micros) {
        self.reading = Some(self.reading.map_or(way, |shortest| shortest.min(way)));
    }

    /// Ends a feedback.
    pub(crate) fn end_feedback(&mut self, now: Micros) {
        let Some(way) = self.reading.take() else {
            return;
        };
        self.latest = Some(way);
        if now - self.began > WINDOW {
            self.began = now;
            self.before = self.shortest.take();
        }
        self.shortest = Some(self.shortest.map_or(way, |shortest| shortest.min(way)));
    }

    /// Forgets the shortest way, as after a change of a clock.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Returns what even the luckiest packet of the last feedback waited: the queue that stands.
    pub(crate) fn standing(&self) -> Duration {
        let shortest = [self.before, self.shortest].into_iter().flatten().min();
        match (self.latest, shortest) {
            (Some(latest), Some(shortest)) => (latest - shortest).duration(),
            _ => Duration::ZERO,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feedback(delay: &mut QueueDelay, at: i64, ways: &[i64]) -> Duration {
        for way in ways {
            delay.push(Micros::from_millis(*way));
        }
        delay.end_feedback(Micros::from_millis(at));
        delay.standing()
    }

    #[test]
    fn a_queue_is_what_all_packets_wait_beyond_the_shortest_way() {
        let mut delay = QueueDelay::default();
        assert_eq!(feedback(&mut delay, 0, &[-500, -480]), Duration::ZERO);
        let standing = feedback(&mut delay, 100, &[-430, -470]);
        assert_eq!(standing, Duration::from_millis(30));
    }

    #[test]
    fn a_longer_route_is_no_queue_after_two_minutes() {
        let mut delay = QueueDelay::default();
        feedback(&mut delay, 0, &[10]);
        let standing: Vec<_> = (1..1_300)
            .map(|i| feedback(&mut delay, i * 100, &[60]))
            .collect();
        assert_eq!(standing[0], Duration::from_millis(50));
        assert_eq!(standing[598], Duration::from_millis(50));
        assert_eq!(standing[1_210], Duration::ZERO);
    }
}
