//! Where datagrams come in, as far as that is not the shard that they are for.

use sfu_model::{IceCredentials, Path, ShardIndex};
use sfu_transport::{CheckTag, check_tag_of, ufrag_of};

use crate::hash::FastMap;

/// Where a datagram came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entrance {
    /// At this shard.
    Here,
    /// At another shard, which handed it over.
    Shard(ShardIndex),
}

/// Paths that come in at another shard than the one that their peer lives on, where all shards share
/// a port: the kernel leads each remote address to one of them, always the same.
#[derive(Debug, Default)]
pub(crate) struct HandOver {
    /// Paths that come in here and lead to peers of other shards, as those say.
    pub(crate) away: FastMap<Path, ShardIndex>,
    /// Paths that lead to peers of this shard and come in at others, which were told so.
    pub(crate) told: FastMap<Path, (ShardIndex, Claim)>,
}

impl HandOver {
    /// Most paths that are handed over. Each belongs to a peer that has authenticated it; those of
    /// further peers are unknown here, so that they connect by ICE-TCP, if at all.
    pub(crate) const MAX_AWAY: usize = 131_072;
}

/// What a peer has shown of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    /// An authentic check came by it, from whomever.
    Checked,
    /// The peer is there: it answered.
    Proved,
}

/// Returns the shard that a check or an answer names.
pub(crate) fn named_shard(datagram: &[u8]) -> Option<ShardIndex> {
    match check_tag_of(datagram) {
        Some(tag) => Some(shard_of(tag)),
        None => ufrag_of(datagram).and_then(IceCredentials::shard_of),
    }
}

/// Makes the tag of a peer's checks: its shard, and which of its peers.
pub(crate) fn check_tag(shard: ShardIndex, peer: u32) -> CheckTag {
    let [s0, s1] = shard.0.to_be_bytes();
    let [p0, p1, p2, p3] = peer.to_be_bytes();
    CheckTag([s0, s1, p0, p1, p2, p3])
}

fn shard_of(CheckTag([s0, s1, ..]): CheckTag) -> ShardIndex {
    ShardIndex(u16::from_be_bytes([s0, s1]))
}
