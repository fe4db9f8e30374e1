//! A queue that stands although nothing grows it.

use std::time::Duration;

use crate::micros::Micros;

/// A queue up to this is left alone: others use the link too.
const TOLERATED: Duration = Duration::from_millis(40);

/// How long a longer one may take to drain by itself, beside a round trip.
const PATIENCE: Duration = Duration::from_millis(250);

/// Steps down after which a queue that has not drained is not ours, and how long it is then left to those who made it.
const STEPS: u8 = 4;
const GIVEN_UP: Micros = Micros::from_millis(20_000);

/// What to do about the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Nothing: it is short.
    Short,
    /// Not to feed it.
    Long,
    /// To send less, so that it drains.
    Drain,
    /// Nothing: sending less did not help, so it is made by others, such as TCP.
    OfOthers,
}

/// Has a queue drained that stands. A trend sees how a queue grows, and nothing once it is full.
#[derive(Debug, Default)]
pub(crate) struct StandingQueue {
    since: Option<Micros>,
    steps: u8,
    given_up: Option<Micros>,
}

impl StandingQueue {
    /// Takes the queue after a feedback.
    pub(crate) fn update(&mut self, now: Micros, queue: Duration, rtt: Duration) -> Standing {
        if queue <= TOLERATED {
            self.since = None;
            self.steps = 0;
            return Standing::Short;
        }
        self.given_up.take_if(|until| now > *until);
        if self.given_up.is_some() {
            return Standing::OfOthers;
        }
        let since = *self.since.get_or_insert(now);
        if (now - since).duration() < PATIENCE + rtt {
            return Standing::Long;
        }
        self.since = Some(now);
        self.steps += 1;
        if self.steps > STEPS {
            self.steps = 0;
            self.given_up = Some(now + GIVEN_UP);
            return Standing::OfOthers;
        }
        Standing::Drain
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Updates each 100 ms with a queue in milliseconds.
    fn update(standing: &mut StandingQueue, from: i64, queues: &[u64]) -> Vec<Standing> {
        let updates = queues.iter().zip(0..).map(|(queue, i)| {
            let now = Micros::from_millis(from + i * 100);
            standing.update(now, Duration::from_millis(*queue), Duration::ZERO)
        });
        updates.collect()
    }

    #[test]
    fn a_queue_that_stands_is_drained() {
        let mut standing = StandingQueue::default();
        let told = update(&mut standing, 0, &[20, 80, 80, 80, 80, 80]);
        assert_eq!(told[0], Standing::Short);
        assert_eq!(told[1..4], [Standing::Long; 3]);
        assert_eq!(told[4], Standing::Drain);
        assert_eq!(told[5], Standing::Long);
    }

    #[test]
    fn a_queue_that_does_not_drain_is_left_to_others_for_a_while() {
        let mut standing = StandingQueue::default();
        let told = update(&mut standing, 0, &[80; 300]);
        let steps = told.iter().filter(|told| **told == Standing::Drain).count();
        assert!((4..=8).contains(&steps), "{steps}");
        assert_eq!(told[100], Standing::OfOthers);
        let told = update(&mut standing, 30_000, &[10, 80, 80]);
        assert_eq!(told[0], Standing::Short);
    }
}
