use std::time::{Duration, Instant};

use crate::{PerMille, Random};

/// How one direction of a link treats datagrams.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkProfile {
    /// How long a datagram travels at least.
    pub delay: Duration,
    /// How much longer it may take. Order is kept.
    pub jitter: Duration,
    /// How many datagrams are lost.
    pub loss: PerMille,
    /// How many arrive twice.
    pub duplication: PerMille,
    /// How many are held back by up to [`LinkProfile::DETOUR`] and overtaken meanwhile.
    pub reordering: PerMille,
}

impl LinkProfile {
    /// Longest time that a datagram is held back which loses its place.
    pub const DETOUR: Duration = Duration::from_millis(30);

    /// A link that delivers everything in order, 20 ms later.
    pub const CLEAN: Self = Self {
        delay: Duration::from_millis(20),
        jitter: Duration::ZERO,
        loss: PerMille(0),
        duplication: PerMille(0),
        reordering: PerMille(0),
    };

    /// A link on which nothing arrives.
    pub const CUT: Self = Self {
        loss: PerMille(1_000),
        ..Self::CLEAN
    };

    /// A clean link that loses so many datagrams.
    pub const fn losing(loss: PerMille) -> Self {
        Self {
            loss,
            ..Self::CLEAN
        }
    }
}

/// One direction of a link.
#[derive(Clone, Debug)]
pub struct Link {
    profile: LinkProfile,
    random: Random,
    /// When the last datagram arrives that kept its place.
    latest: Option<Instant>,
}

/// When the copies of a datagram arrive: none if it is lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Arrivals {
    /// The datagram.
    pub first: Option<Instant>,
    /// Its copy.
    pub copy: Option<Instant>,
}

impl Link {
    /// Makes a link that has carried nothing.
    pub fn new(profile: LinkProfile, random: Random) -> Self {
        Self {
            profile,
            random,
            latest: None,
        }
    }

    /// Changes how it treats what is sent from here on.
    pub fn set_profile(&mut self, profile: LinkProfile) {
        self.profile = profile;
    }

    /// Decides what becomes of a datagram that is sent at `now`.
    pub fn carry(&mut self, now: Instant) -> Arrivals {
        // Each datagram draws the same count of numbers, whatever becomes of it.
        let lost = self.random.happens(self.profile.loss);
        let doubled = self.random.happens(self.profile.duplication);
        let detour = self.random.happens(self.profile.reordering);
        let jitter = self.random.duration_below(self.profile.jitter);
        let late = self.random.duration_below(LinkProfile::DETOUR);
        if lost {
            return Arrivals::default();
        }
        let soonest = now + self.profile.delay + jitter;
        let in_order = self.latest.map_or(soonest, |latest| latest.max(soonest));
        let first = if detour {
            in_order + late
        } else {
            self.latest = Some(in_order);
            in_order
        };
        Arrivals {
            first: Some(first),
            copy: doubled.then_some(first + late),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Seed;
    use crate::world::beginning;

    fn arrivals(profile: LinkProfile) -> Vec<Arrivals> {
        let mut link = Link::new(profile, Random::new(Seed(3), 0));
        let start = beginning().mono;
        let sent = (0..1_000).map(|i| start + Duration::from_millis(i));
        sent.map(|at| link.carry(at)).collect()
    }

    #[test]
    fn jitter_keeps_the_order() {
        let arrivals = arrivals(LinkProfile {
            jitter: Duration::from_millis(50),
            ..LinkProfile::CLEAN
        });
        assert!(arrivals.is_sorted_by_key(|arrival| arrival.first));
        assert!(arrivals.iter().all(|arrival| arrival.first.is_some()));
    }

    #[test]
    fn datagrams_are_lost_doubled_and_overtaken_as_often_as_asked() {
        let tenth = PerMille(100);
        let arrivals = arrivals(LinkProfile {
            loss: tenth,
            duplication: tenth,
            reordering: tenth,
            ..LinkProfile::CLEAN
        });
        let lost = arrivals.iter().filter(|arrival| arrival.first.is_none());
        let doubled = arrivals.iter().filter(|arrival| arrival.copy.is_some());
        let came: Vec<_> = arrivals
            .iter()
            .filter_map(|arrival| arrival.first)
            .collect();
        let overtaken = came.windows(2).filter(|pair| pair[1] < pair[0]);
        for count in [lost.count(), doubled.count(), overtaken.count()] {
            assert!((60..140).contains(&count), "{count}");
        }
    }
}
