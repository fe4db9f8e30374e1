//! Where datagrams come in, as far as that is not the shard that they are for.

use sfu_model::{IceCredentials, ShardIndex};
use sfu_transport::{CheckTag, check_tag_of, ufrag_of};

/// Where a datagram came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entrance {
    /// At this shard.
    Here,
    /// At another shard, which handed it over.
    Shard(ShardIndex),
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
