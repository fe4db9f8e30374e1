//! What a room does when a shard stands still or ends.

use sfu_model::{Now, ShardIndex};

use crate::Room;

/// How a shard fares, as those see it who look after its thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShardLife {
    /// It works.
    Runs,
    /// It does nothing, and may come back.
    Stands,
    /// It has ended, and nothing of what lived there is left.
    Ended,
}

impl Room {
    /// Takes note of how a shard fares. Nobody is placed on one that does not work; who lived on one
    /// that has ended is told to begin another session.
    pub fn handle_shard(&mut self, now: Now, shard: ShardIndex, life: ShardLife) {
        self.placement.judge(shard, life == ShardLife::Runs);
        if life == ShardLife::Ended {
            self.handle_lost_shard(now, shard);
        }
    }

    /// Has those who live on a shard that takes no more commands begin another session.
    pub fn handle_lost_shard(&mut self, now: Now, shard: ShardIndex) {
        let lived_there = self.roster.iter().filter(|p| p.transports.shard() == shard);
        let lived_there: Vec<_> = lived_there.map(|p| p.key).collect();
        for key in lived_there {
            self.handle_lost_transport(now, key);
        }
    }
}
