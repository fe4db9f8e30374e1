//! When to probe, and how high.

use sfu_model::Bitrate;

use crate::limits::WAITING_PROBES;
use crate::micros::Micros;
use crate::numbers::ProbeCluster;
use crate::probe::{Probe, ProbeResult};

/// The first probes, as multiples of the estimate that everything begins with.
const FIRST: [f64; 2] = [3.0, 6.0];

/// Later ones.
const LATER: f64 = 2.0;

/// No probe tries more than what the allocation wants and this much beside: nobody would send it.
const BESIDE: f64 = 1.25;

/// A probe that measures this share of what it tried found room, and the next tries more at once.
const FOUND_ROOM: f64 = 0.7;

/// Time between probes while the allocation wants more than the estimate: at first, after one that found no room, and at
/// most. A link that got better is known within it.
const LEAST_INTERVAL: Micros = Micros::from_millis(2_000);
const BACKOFF: f64 = 1.25;
const MOST_INTERVAL: Micros = Micros::from_millis(3_000);

/// How long feedback about a probe is awaited.
const PATIENCE: Micros = Micros::from_millis(1_000);

/// A fall of the estimate by so much may be a link that stumbled: soon after, a probe tries most of what was before.
const LARGE_FALL: f64 = 0.66;
const OF_BEFORE: f64 = 0.85;
const RECOVERY_TIME: Micros = Micros::from_millis(10_000);

/// What the estimator knows when it asks for a probe.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Situation {
    /// The estimate in bits per second.
    pub(crate) estimate: f64,
    /// What the allocation could use.
    pub(crate) want: f64,
    /// Whether a burst would meet a queue.
    pub(crate) link: Link,
}

/// Whether a probe may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Link {
    /// No queue stands, and little is lost.
    Calm,
    /// A probe would make it worse, and measure what others send.
    Congested,
    /// Nothing has told yet of anything that was sent: the first probes may go, no later ones.
    Unheard,
}

/// Decides when to probe.
#[derive(Debug)]
pub(crate) struct ProbeControl {
    next: ProbeCluster,
    /// What is to be sent, first to last.
    waiting: [Option<Probe>; WAITING_PROBES],
    /// Until when the latest is awaited, and what it tries.
    awaited: Option<(ProbeCluster, Micros)>,
    /// When the next is due, if the allocation wants more; `None` before the first.
    due: Option<Micros>,
    interval: Micros,
    /// The estimate before a large fall, and until when it may be tried again.
    fallen: Option<(f64, Micros)>,
}

impl Default for ProbeControl {
    fn default() -> Self {
        Self {
            next: ProbeCluster::FIRST,
            waiting: [None; WAITING_PROBES],
            awaited: None,
            due: None,
            interval: LEAST_INTERVAL,
            fallen: None,
        }
    }
}

impl ProbeControl {
    /// Has the next probe come at once, because the allocation wants more than before or the link is back.
    pub(crate) fn hasten(&mut self, now: Micros) {
        self.interval = LEAST_INTERVAL;
        self.due = self.due.map(|due| due.min(now));
    }

    /// Returns the next probe, if one is due.
    pub(crate) fn poll(&mut self, now: Micros, situation: &Situation) -> Option<Probe> {
        if self.waiting.iter().all(Option::is_none) {
            self.decide(now, situation);
        }
        let probe = self.waiting.iter_mut().find_map(Option::take)?;
        self.awaited = Some((probe.cluster, now + PATIENCE));
        Some(probe)
    }

    /// Returns when the next probe is due, if the allocation wants one.
    pub(crate) fn due(&self, situation: &Situation) -> Option<Micros> {
        let wanted = situation.want > situation.estimate && situation.link == Link::Calm;
        let due = self.due.filter(|_| wanted)?;
        Some(self.awaited.map_or(due, |(_, until)| due.max(until)))
    }

    /// Takes what a probe found.
    pub(crate) fn handle_result(&mut self, result: &ProbeResult, want: f64) {
        let Some((cluster, _)) = self.awaited else {
            return;
        };
        if cluster != result.probe.cluster {
            return;
        }
        self.awaited = None;
        let tried = result.probe.rate.0 as f64;
        if result.rate < FOUND_ROOM * tried {
            self.back_off();
        } else if want > result.rate {
            self.interval = LEAST_INTERVAL;
            self.add(result.rate * LATER, want);
        } else {
            self.interval = LEAST_INTERVAL;
        }
    }

    /// Notes that the estimate fell.
    pub(crate) fn note_fall(&mut self, now: Micros, from: f64, to: f64) {
        self.waiting = [None; WAITING_PROBES];
        self.due = Some(now + self.interval);
        if to < from * LARGE_FALL {
            let before = self.fallen.map_or(from, |(before, _)| before.max(from));
            self.fallen = Some((before, now + RECOVERY_TIME));
        }
    }

    fn decide(&mut self, now: Micros, situation: &Situation) {
        if situation.link == Link::Congested || situation.want <= situation.estimate {
            return;
        }
        if let Some((_, until)) = self.awaited {
            if now < until {
                return;
            }
            self.awaited = None;
            self.back_off();
        }
        let Some(due) = self.due else {
            self.due = Some(now + self.interval);
            for factor in FIRST {
                self.add(situation.estimate * factor, situation.want);
            }
            return;
        };
        if now < due || situation.link == Link::Unheard {
            return;
        }
        self.due = Some(now + self.interval);
        let fallen = self.fallen.take().filter(|(_, until)| now < *until);
        let again = fallen.map_or(0.0, |(before, _)| before * OF_BEFORE);
        self.add(again.max(situation.estimate * LATER), situation.want);
    }

    /// Has fewer probes come, because one found no room.
    fn back_off(&mut self) {
        let interval = Micros((self.interval.0 as f64 * BACKOFF) as i64);
        self.interval = interval.min(MOST_INTERVAL);
    }

    /// Adds a probe of a rate, bounded by what the allocation wants; not the same twice.
    fn add(&mut self, rate: f64, want: f64) {
        let rate = rate.min(want * BESIDE);
        let probe = Probe::new(self.next, rate);
        let mut waiting = self.waiting.iter().flatten();
        if waiting.any(|probe| probe.rate == Bitrate(rate as u64)) {
            return;
        }
        if let Some(slot) = self.waiting.iter_mut().find(|slot| slot.is_none()) {
            *slot = Some(probe);
            self.next = self.next.next();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WANT_MORE: Situation = Situation {
        estimate: 1e6,
        want: 20e6,
        link: Link::Calm,
    };

    fn rates(control: &mut ProbeControl, at: i64, situation: &Situation) -> Vec<u64> {
        let now = Micros::from_millis(at);
        std::iter::from_fn(|| control.poll(now, situation))
            .map(|probe| probe.rate.0)
            .collect()
    }

    #[test]
    fn it_begins_with_three_and_six_times_the_estimate() {
        let mut control = ProbeControl::default();
        assert_eq!(rates(&mut control, 0, &WANT_MORE), [3_000_000, 6_000_000]);
        assert!(rates(&mut control, 1_900, &WANT_MORE).is_empty());
        assert_eq!(rates(&mut control, 4_000, &WANT_MORE), [2_000_000]);
    }

    #[test]
    fn who_wants_no_more_is_not_probed_for() {
        let mut control = ProbeControl::default();
        let enough = Situation {
            want: 1e6,
            ..WANT_MORE
        };
        assert!(rates(&mut control, 0, &enough).is_empty());
        assert_eq!(control.due(&enough), None);
    }

    #[test]
    fn no_probe_tries_more_than_is_wanted() {
        let mut control = ProbeControl::default();
        let little = Situation {
            want: 1.2e6,
            ..WANT_MORE
        };
        assert_eq!(rates(&mut control, 0, &little), [1_500_000]);
    }

    #[test]
    fn a_congested_link_is_not_probed() {
        let mut control = ProbeControl::default();
        let congested = Situation {
            link: Link::Congested,
            ..WANT_MORE
        };
        assert!(rates(&mut control, 0, &congested).is_empty());
    }

    #[test]
    fn a_probe_that_finds_room_is_followed_at_once() {
        let mut control = ProbeControl::default();
        let now = Micros(0);
        control.poll(now, &WANT_MORE).unwrap();
        let probe = control.poll(now, &WANT_MORE).unwrap();
        control.handle_result(&ProbeResult { probe, rate: 5.9e6 }, 20e6);
        let situation = Situation {
            estimate: 5.9e6,
            ..WANT_MORE
        };
        assert_eq!(rates(&mut control, 10, &situation), [11_800_000]);
    }

    #[test]
    fn a_probe_that_finds_none_is_followed_later_and_later() {
        let mut control = ProbeControl::default();
        rates(&mut control, 0, &WANT_MORE);
        let mut times = Vec::new();
        for at in 0..1_500 {
            let now = Micros::from_millis(at * 10);
            if let Some(probe) = control.poll(now, &WANT_MORE) {
                times.push(at * 10);
                control.handle_result(&ProbeResult { probe, rate: 1e6 }, 20e6);
            }
        }
        let last = times[times.len() - 1] - times[times.len() - 2];
        assert_eq!(last, 3_000, "{times:?}");
    }

    #[test]
    fn after_a_large_fall_most_of_what_was_before_is_tried() {
        let mut control = ProbeControl::default();
        rates(&mut control, 0, &WANT_MORE);
        control.note_fall(Micros::from_millis(1_000), 5e6, 1e6);
        assert_eq!(rates(&mut control, 3_100, &WANT_MORE), [4_250_000]);
    }

    #[test]
    fn a_rise_of_what_is_wanted_is_tried_at_once() {
        let mut control = ProbeControl::default();
        rates(&mut control, 0, &WANT_MORE);
        rates(&mut control, 3_000, &WANT_MORE);
        control.hasten(Micros::from_millis(4_100));
        assert_eq!(rates(&mut control, 4_100, &WANT_MORE), [2_000_000]);
    }
}
