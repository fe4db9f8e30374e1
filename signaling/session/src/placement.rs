//! Which shard each participant lives on.

use std::collections::BTreeSet;
use std::sync::Arc;

use sfu_model::ShardIndex;

use crate::RoomPlace;
use crate::negotiation::TransportFacts;

/// Chooses the shard of each participant of a room.
///
/// Goal: a small room costs one shard's work and nothing between shards; a large one uses all shards.
/// The first participants live on the room's home shard. Those beyond what the home shard easily
/// carries go to the shard with the fewest of this room, so that all get as many before the home shard
/// gets more. A participant stays where it is.
#[derive(Debug)]
pub(crate) struct Placement {
    home: ShardIndex,
    /// How many the home shard takes before others do.
    at_home: usize,
    shards: Arc<[Arc<TransportFacts>]>,
    /// Participants, by shard.
    counts: Vec<usize>,
    /// Shards on which nobody is to be placed.
    unfit: BTreeSet<ShardIndex>,
}

impl Placement {
    pub(crate) fn new(place: &RoomPlace) -> Self {
        Self {
            home: place.home,
            at_home: place.home_participants,
            counts: vec![0; place.shards.len()],
            unfit: BTreeSet::new(),
            shards: Arc::clone(&place.shards),
        }
    }

    /// Returns where the next participant lives.
    pub(crate) fn choose(&self) -> ShardIndex {
        let count = |shard: ShardIndex| self.counts.get(usize::from(shard.0)).copied();
        let home = count(self.home).unwrap_or(0);
        let fit = |shard: &ShardIndex| !self.unfit.contains(shard);
        if home < self.at_home && fit(&self.home) {
            return self.home;
        }
        // Of those that have as few, the next after home: rooms of one size do not meet on one shard.
        let numbers = (0..).take(self.counts.len()).map(ShardIndex);
        let (before, after): (Vec<_>, Vec<_>) = numbers.partition(|shard| *shard <= self.home);
        let all = after.into_iter().chain(before);
        let fewest = all.filter(fit).min_by_key(|shard| count(*shard));
        fewest.unwrap_or(self.home)
    }

    /// Takes note of whether a shard works. Where none does, all are as good as the home shard.
    pub(crate) fn judge(&mut self, shard: ShardIndex, works: bool) {
        match works {
            true => self.unfit.remove(&shard),
            false => self.unfit.insert(shard),
        };
    }

    /// Takes note that a participant lives on `shard`.
    pub(crate) fn settle(&mut self, shard: ShardIndex) {
        if let Some(count) = self.counts.get_mut(usize::from(shard.0)) {
            *count += 1;
        }
    }

    /// Takes note that a participant has gone from `shard`.
    pub(crate) fn vacate(&mut self, shard: ShardIndex) {
        if let Some(count) = self.counts.get_mut(usize::from(shard.0)) {
            *count = count.saturating_sub(1);
        }
    }

    /// Returns how a shard is reached.
    pub(crate) fn transport(&self, shard: ShardIndex) -> Arc<TransportFacts> {
        let transport = self.shards.get(usize::from(shard.0));
        Arc::clone(transport.expect("rooms place participants on shards of theirs"))
    }
}

#[cfg(test)]
mod tests {
    use sfu_model::{Fingerprint, NodeIndex, RoomIndex};

    use super::*;

    fn placement(home: u16, shards: usize, at_home: usize) -> Placement {
        let facts = Arc::new(TransportFacts {
            fingerprint: Fingerprint([0; 32]),
            candidates: Vec::new(),
        });
        let place = RoomPlace {
            node: NodeIndex(0),
            index: RoomIndex(1),
            home: ShardIndex(home),
            home_participants: at_home,
            shards: (0..shards).map(|_| Arc::clone(&facts)).collect(),
        };
        Placement::new(&place)
    }

    fn join(placement: &mut Placement, count: usize) -> Vec<u16> {
        let join = |_| {
            let shard = placement.choose();
            placement.settle(shard);
            shard.0
        };
        (0..count).map(join).collect()
    }

    #[test]
    fn the_first_live_at_home_and_further_ones_where_fewest_do() {
        let mut placement = placement(1, 3, 2);
        assert_eq!(join(&mut placement, 10), [1, 1, 2, 0, 2, 0, 2, 0, 1, 2]);
    }

    #[test]
    fn who_has_left_makes_room() {
        let mut placement = placement(0, 2, 2);
        join(&mut placement, 4);
        placement.vacate(ShardIndex(0));
        assert_eq!(join(&mut placement, 1), [0]);
        placement.vacate(ShardIndex(1));
        assert_eq!(join(&mut placement, 1), [1]);
    }

    #[test]
    fn nobody_is_placed_on_a_shard_that_does_not_work() {
        let mut placement = placement(1, 3, 2);
        placement.judge(ShardIndex(1), false);
        assert_eq!(join(&mut placement, 4), [2, 0, 2, 0]);
        placement.judge(ShardIndex(1), true);
        assert_eq!(join(&mut placement, 2), [1, 1]);
        (0..3).for_each(|shard| placement.judge(ShardIndex(shard), false));
        assert_eq!(join(&mut placement, 1), [1]);
    }

    #[test]
    fn a_lone_shard_carries_everybody() {
        assert_eq!(join(&mut placement(0, 1, 2), 5), [0; 5]);
    }

    #[test]
    fn with_nobody_at_home_first_all_shards_fill_alike() {
        assert_eq!(join(&mut placement(0, 3, 0), 6), [1, 2, 0, 1, 2, 0]);
    }
}
