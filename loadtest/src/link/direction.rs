use std::time::Instant;

use sfu_link::{Fate, InFlight, Link};

use super::tally::{Tally, micros};
use crate::limits::MAX_IN_FLIGHT;

/// One direction of a link: what it does to packets, those that are on their way, and what was counted.
#[derive(Debug)]
pub(super) struct Direction {
    begin: Instant,
    link: Link,
    in_flight: InFlight<Box<[u8]>>,
    pub(super) tally: Tally,
}

impl Direction {
    pub(super) fn new(begin: Instant, link: Link) -> Self {
        Self {
            begin,
            link,
            in_flight: InFlight::new(),
            tally: Tally::default(),
        }
    }

    /// Takes a packet that was sent at `now`.
    pub(super) fn take(&mut self, now: Instant, packet: &[u8]) {
        let fate = self.link.carry(now, packet.len());
        self.count(now, fate);
        for at in fate.arrivals() {
            if self.in_flight.len() < MAX_IN_FLIGHT {
                self.in_flight.push(at, packet.into());
            } else {
                self.tally.no_place += 1;
            }
        }
    }

    /// Returns when the next packet arrives.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.in_flight.next_due()
    }

    /// Hands on every packet that has arrived by `now`; `deliver` says whether it was taken.
    pub(super) fn deliver_due(&mut self, now: Instant, mut deliver: impl FnMut(&[u8]) -> bool) {
        while let Some(due) = self.in_flight.next_due()
            && let Some(packet) = self.in_flight.pop_due(now)
        {
            if !deliver(&packet) {
                self.tally.refused += 1;
                continue;
            }
            let len = packet.len() as u64;
            self.tally.carried += 1;
            self.tally.bytes += len;
            self.tally.late.record(now.saturating_duration_since(due));
            if let Some(second) = self.tally.second(self.begin, now) {
                second.bits += len * 8;
            }
        }
    }

    fn count(&mut self, now: Instant, fate: Fate) {
        let tally = &mut self.tally;
        let waited = match fate {
            Fate::NoRoom => {
                tally.lost_by_queue += 1;
                None
            }
            Fate::Lost { waited } => {
                tally.lost_by_chance += 1;
                Some(waited)
            }
            Fate::Arrives { waited, copy, .. } => {
                tally.doubled += u64::from(copy.is_some());
                Some(waited)
            }
        };
        if let Some(waited) = waited {
            tally.waited.record(waited);
        }
        let is_lost = !matches!(fate, Fate::Arrives { .. });
        if let Some(second) = tally.second(self.begin, now) {
            second.lost += u64::from(is_lost);
            second.longest_wait_us = second.longest_wait_us.max(waited.map_or(0, micros));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use sfu_link::{LinkProfile, PerMille, Random, Seed};

    use super::*;

    fn direction(profile: LinkProfile) -> (Direction, Instant) {
        let begin = Instant::now();
        let link = Link::new(profile, Random::new(Seed(1), 0));
        (Direction::new(begin, link), begin)
    }

    #[test]
    fn a_packet_is_handed_on_when_it_arrives_and_not_before() {
        let (mut direction, begin) = direction(LinkProfile::CLEAN);
        direction.take(begin, b"packet");
        let due = begin + Duration::from_millis(20);
        assert_eq!(direction.next_due(), Some(due));
        let mut seen = Vec::new();
        for now in [due - Duration::from_nanos(1), due] {
            direction.deliver_due(now, |packet| {
                seen.push((now, packet.to_vec()));
                true
            });
        }
        assert_eq!(seen, [(due, b"packet".to_vec())]);
        let Tally { carried, bytes, .. } = direction.tally;
        assert_eq!((carried, bytes), (1, 6));
    }

    #[test]
    fn what_is_lost_or_not_taken_is_counted() {
        let (mut lossy, begin) = direction(LinkProfile::losing(PerMille(1_000)));
        lossy.take(begin, b"packet");
        assert_eq!((lossy.tally.lost_by_chance, lossy.next_due()), (1, None));
        assert_eq!(lossy.tally.seconds[0].lost, 1);

        let (mut direction, begin) = direction(LinkProfile::IDEAL);
        direction.take(begin, b"packet");
        direction.deliver_due(begin, |_| false);
        assert_eq!((direction.tally.refused, direction.tally.carried), (1, 0));
    }

    #[test]
    fn more_packets_than_there_is_room_for_are_dropped_and_counted() {
        let (mut direction, begin) = direction(LinkProfile::CLEAN);
        for _ in 0..MAX_IN_FLIGHT + 3 {
            direction.take(begin, b"");
        }
        assert_eq!(direction.tally.no_place, 3);
    }
}
