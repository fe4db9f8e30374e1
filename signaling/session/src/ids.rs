//! What names things in a room: the numbers that its shards know, sids, credentials and versions.

use sfu_model::{
    IceCredentials, PeerId, PublicationId, RoomIndex, ShardIndex, SubscriptionId, UnixTime,
};

use crate::entropy::Entropy;
use crate::participant_key::ParticipantKey;
use crate::proto;

/// Hands out ids, none of them twice.
#[derive(Debug)]
pub(crate) struct Ids {
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
    pub(crate) fn new(room: RoomIndex, seed: [u8; 32]) -> Self {
        Self {
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
        }
    }

    /// Numbers a publication of a peer on `shard`.
    pub(crate) fn publication(&mut self, shard: ShardIndex) -> PublicationId {
        self.publication += 1;
        PublicationId {
            room: self.room,
            index: self.publication,
            shard,
        }
    }

    /// Numbers a subscription of a peer on `shard`.
    pub(crate) fn subscription(&mut self, shard: ShardIndex) -> SubscriptionId {
        self.subscription += 1;
        SubscriptionId {
            room: self.room,
            index: self.subscription,
            shard,
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
