use std::time::{Duration, Instant};

use crate::bottleneck::Bottleneck;
use crate::{LinkProfile, Random, Schedule};

/// One direction of a link.
#[derive(Clone, Debug)]
pub struct Link {
    schedule: Schedule,
    /// When the schedule began; with the first packet where nothing else was said.
    begin: Option<Instant>,
    bottleneck: Bottleneck,
    random: Random,
    /// Whether a burst of losses lasts.
    in_burst: bool,
    /// When the last packet arrives that kept its place.
    latest: Option<Instant>,
}

/// What becomes of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The queue has no room for it.
    NoRoom,
    /// It is lost on the way.
    Lost {
        /// How long it waited in the queue.
        waited: Duration,
    },
    /// It arrives.
    Arrives {
        /// How long it waits in the queue.
        waited: Duration,
        /// When it arrives.
        first: Instant,
        /// When its copy does, if it has one.
        copy: Option<Instant>,
    },
}

impl Fate {
    /// Returns when the packet arrives, and its copy.
    pub fn arrivals(self) -> impl Iterator<Item = Instant> {
        let (first, copy) = match self {
            Self::NoRoom | Self::Lost { .. } => (None, None),
            Self::Arrives { first, copy, .. } => (Some(first), copy),
        };
        first.into_iter().chain(copy)
    }
}

impl Link {
    /// Makes a link that has carried nothing and stays as it is.
    pub fn new(profile: LinkProfile, random: Random) -> Self {
        Self {
            schedule: Schedule::constant(profile),
            begin: None,
            bottleneck: Bottleneck::default(),
            random,
            in_burst: false,
            latest: None,
        }
    }

    /// Makes a link that has carried nothing and changes by a schedule that begins at `begin`.
    pub fn scripted(schedule: Schedule, begin: Instant, random: Random) -> Self {
        Self {
            schedule,
            begin: Some(begin),
            ..Self::new(LinkProfile::IDEAL, random)
        }
    }

    /// Changes how it treats what is sent from here on. What has been sent arrives as it would have.
    pub fn set_profile(&mut self, profile: LinkProfile) {
        self.schedule = Schedule::constant(profile);
    }

    /// Has it follow a schedule that begins at `now`. What has been sent arrives as it would have.
    pub fn set_schedule(&mut self, now: Instant, schedule: Schedule) {
        let passed = self.passed(now);
        self.schedule = schedule;
        self.begin = Some(now);
        self.bottleneck.begin_again(passed);
    }

    /// Decides what becomes of a packet of so many bytes that is sent at `now`.
    pub fn carry(&mut self, now: Instant, len: usize) -> Fate {
        let passed = self.passed(now);
        let Some(passage) = self.bottleneck.take(passed, len, &self.schedule) else {
            return Fate::NoRoom;
        };
        let profile = self.schedule.span(passage.gone).profile;
        let waited = passage.waited;
        // Each packet that passes draws the same count of numbers, whatever becomes of it.
        let lost = self.random.happens(profile.loss);
        let doubled = self.random.happens(profile.duplication);
        let detour = self.random.happens(profile.reordering);
        let jitter = self.random.duration_below(profile.jitter);
        let late = self.random.duration_below(LinkProfile::DETOUR);
        let lost_in_burst = self.is_lost_in_burst(&profile);
        if lost || lost_in_burst {
            return Fate::Lost { waited };
        }
        let soonest = now + (passage.gone - passed) + profile.delay + jitter;
        let in_order = self.latest.map_or(soonest, |latest| latest.max(soonest));
        let first = if detour {
            in_order + late
        } else {
            self.latest = Some(in_order);
            in_order
        };
        Fate::Arrives {
            waited,
            first,
            copy: doubled.then(|| first + late),
        }
    }

    /// Goes on in the chain of Gilbert and Elliott, if there is one.
    fn is_lost_in_burst(&mut self, profile: &LinkProfile) -> bool {
        let Some(bursts) = profile.bursts else {
            self.in_burst = false;
            return false;
        };
        let turn = if self.in_burst {
            bursts.end
        } else {
            bursts.begin
        };
        self.in_burst ^= self.random.happens(turn);
        self.random.happens(bursts.loss) && self.in_burst
    }

    /// Returns how much time has passed since the schedule began.
    fn passed(&mut self, now: Instant) -> Duration {
        now.saturating_duration_since(*self.begin.get_or_insert(now))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::LazyLock;

    use sfu_model::Bitrate;

    use super::*;
    use crate::{Bursts, PerMille, QueueLimit, Seed};

    const MS: Duration = Duration::from_millis(1);

    pub(crate) static BEGIN: LazyLock<Instant> = LazyLock::new(|| {
        #[expect(clippy::disallowed_methods, reason = "only differences from it count")]
        Instant::now()
    });

    /// What becomes of packets of 125 bytes that are sent so far from each other.
    fn fates_each(every: Duration, profile: LinkProfile) -> Vec<Fate> {
        let mut link = Link::new(profile, Random::new(Seed(3), 0));
        let sent = (0..1_000).map(|i| *BEGIN + i * every);
        sent.map(|at| link.carry(at, 125)).collect()
    }

    fn fates(profile: LinkProfile) -> Vec<Fate> {
        fates_each(MS, profile)
    }

    fn arrivals(fates: &[Fate]) -> Vec<Instant> {
        let first = fates.iter().filter_map(|fate| fate.arrivals().next());
        first.collect()
    }

    fn lost(fates: &[Fate]) -> usize {
        let lost = fates.iter();
        lost.filter(|fate| matches!(fate, Fate::Lost { .. }))
            .count()
    }

    #[test]
    fn jitter_keeps_the_order() {
        let arrivals = arrivals(&fates(LinkProfile {
            jitter: 50 * MS,
            ..LinkProfile::CLEAN
        }));
        assert!(arrivals.is_sorted());
        assert_eq!(arrivals.len(), 1_000);
    }

    #[test]
    fn packets_are_lost_doubled_and_overtaken_as_often_as_asked() {
        let tenth = PerMille(100);
        let fates = fates(LinkProfile {
            loss: tenth,
            duplication: tenth,
            reordering: tenth,
            ..LinkProfile::CLEAN
        });
        let doubled = fates.iter().filter(|fate| fate.arrivals().count() == 2);
        let came = arrivals(&fates);
        let overtaken = came.windows(2).filter(|pair| pair[1] < pair[0]);
        for count in [lost(&fates), doubled.count(), overtaken.count()] {
            assert!((60..140).contains(&count), "{count}");
        }
    }

    #[test]
    fn a_burst_loses_neighbours_as_often_and_for_as_long_as_asked() {
        let fates = fates(LinkProfile {
            bursts: Some(Bursts {
                begin: PerMille(10),
                end: PerMille(100),
                loss: PerMille(1_000),
            }),
            ..LinkProfile::CLEAN
        });
        let is_lost: Vec<bool> = fates
            .iter()
            .map(|fate| fate.arrivals().count() == 0)
            .collect();
        let bursts = is_lost.chunk_by(|one, next| one == next);
        let bursts = bursts.filter(|run| run[0]).count();
        // One packet in a hundred begins one, which lasts for ten packets.
        assert!((4..18).contains(&bursts), "{bursts}");
        assert!((40..180).contains(&lost(&fates)), "{}", lost(&fates));
    }

    #[test]
    fn more_than_the_rate_fills_the_queue_and_the_rest_is_lost() {
        let profile = LinkProfile {
            rate: Some(Bitrate(500_000)),
            queue: QueueLimit::Time(100 * MS),
            ..LinkProfile::CLEAN
        };
        // A million bits per second.
        let fates = fates(profile);
        let without_room = fates.iter().filter(|fate| **fate == Fate::NoRoom).count();
        assert!((440..=460).contains(&without_room), "{without_room}");
        let waits = fates.iter().filter_map(|fate| match fate {
            Fate::Arrives { waited, .. } => Some(*waited),
            Fate::NoRoom | Fate::Lost { .. } => None,
        });
        let longest = waits.max().unwrap();
        assert!(longest > 98 * MS && longest <= 100 * MS, "{longest:?}");
        let last = *arrivals(&fates).last().unwrap() - *BEGIN;
        assert!(last > 1_100 * MS, "{last:?}");
    }

    #[test]
    fn less_than_the_rate_waits_for_nothing() {
        let profile = LinkProfile {
            rate: Some(Bitrate(1_000_000)),
            ..LinkProfile::CLEAN
        };
        let came = arrivals(&fates(profile));
        let expected = (0..1_000).map(|i| *BEGIN + i * MS + 21 * MS);
        assert_eq!(came, expected.collect::<Vec<_>>());
    }

    #[test]
    fn a_schedule_holds_for_what_leaves_the_queue_in_its_time() {
        let mut schedule = Schedule::constant(LinkProfile::CUT);
        schedule.change(500 * MS, LinkProfile::CLEAN);
        let mut link = Link::scripted(schedule, *BEGIN, Random::new(Seed(3), 0));
        let sent = (0..1_000).map(|i| *BEGIN + i * MS);
        let fates: Vec<_> = sent.map(|at| link.carry(at, 125)).collect();
        assert_eq!(lost(&fates), 500);
        assert_eq!(arrivals(&fates)[0], *BEGIN + 520 * MS);
    }

    #[test]
    fn what_waits_when_a_schedule_begins_keeps_the_others_waiting() {
        let slow = LinkProfile {
            rate: Some(Bitrate(8_000)),
            ..LinkProfile::IDEAL
        };
        let mut link = Link::new(slow, Random::new(Seed(3), 0));
        link.carry(*BEGIN, 100);
        let now = *BEGIN + 40 * MS;
        link.set_schedule(now, Schedule::constant(slow));
        let next = link.carry(now, 100).arrivals().next();
        assert_eq!(next, Some(*BEGIN + 200 * MS));
    }
}
