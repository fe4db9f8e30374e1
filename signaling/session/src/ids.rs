//! What names things in a room: the numbers that its shards know, sids, credentials and versions.

use sfu_model::{
    IceCredentials, NodeIndex, PeerId, PublicationId, RoomIndex, ShardIndex, SubscriptionId,
    UnixTime,
};

use crate::entropy::Entropy;
use crate::participant_key::ParticipantKey;
use crate::proto;

/// Hands out ids, none of them twice.
#[derive(Debug)]
pub(crate) struct Ids {
    node: NodeIndex,
    room: RoomIndex,
    entropy: Entropy,
    participant: u32,
    peer: u32,
    publication: u32,
    subscription: u32,
    /// The last version of anything that is versioned by time, in microseconds.
    version: i64,
}

impl Ids {
    /// `seed` must be unpredictable: credentials follow from it.
    pub(crate) fn new(node: NodeIndex, room: RoomIndex, seed: [u8; 32]) -> Self {
        Self {
            node,
            room,
            entropy: Entropy::new(seed),
            participant: 0,
            peer: 0,
            publication: 0,
            subscription: 0,
            version: 0,
        }
    }

    /// Returns the room's own number.
    pub(crate) fn room(&self) -> RoomIndex {
        self.room
    }

    pub(crate) fn participant(&mut self) -> ParticipantKey {
        self.participant += 1;
        ParticipantKey(self.participant)
    }

    pub(crate) fn peer(&mut self, shard: ShardIndex) -> PeerId {
        self.peer += 1;
        PeerId {
            room: self.room,
            index: self.peer,
            shard,
            node: self.node,
        }
    }

    /// Numbers a publication of a peer on `shard`.
    pub(crate) fn publication(&mut self, shard: ShardIndex) -> PublicationId {
        self.publication += 1;
        PublicationId {
            room: self.room,
            index: self.publication,
            shard,
            node: self.node,
        }
    }

    /// Numbers a subscription of a peer on `shard`.
    pub(crate) fn subscription(&mut self, shard: ShardIndex) -> SubscriptionId {
        self.subscription += 1;
        SubscriptionId {
            room: self.room,
            index: self.subscription,
            shard,
            node: self.node,
        }
    }

    /// Returns a version later than all before.
    pub(crate) fn version(&mut self, now: UnixTime) -> proto::TimedVersion {
        let micros = i64::try_from(now.0.as_micros()).unwrap_or(i64::MAX);
        self.version = micros.max(self.version.saturating_add(1));
        proto::TimedVersion {
            unix_micro: self.version,
            ticks: 0,
        }
    }

    /// Returns credentials for a transport on `shard`.
    pub(crate) fn ice(&mut self, shard: ShardIndex) -> IceCredentials {
        self.entropy.ice(shard)
    }

    /// Returns bytes that nobody can foresee.
    pub(crate) fn random<const N: usize>(&mut self) -> [u8; N] {
        self.entropy.bytes()
    }

    /// Returns a number that nobody can foresee.
    pub(crate) fn random_number(&mut self) -> u64 {
        self.entropy.number()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_say_on_which_node_and_shard_what_they_name_lives() {
        let (node, shard) = (NodeIndex(7), ShardIndex(3));
        let mut ids = Ids::new(node, RoomIndex(1), [0; 32]);
        let (peer, publication) = (ids.peer(shard), ids.publication(shard));
        let subscription = ids.subscription(shard);
        assert_eq!((peer.node, peer.shard), (node, shard));
        assert_eq!((publication.node, publication.shard), (node, shard));
        assert_eq!((subscription.node, subscription.shard), (node, shard));
    }
}
