//! Where datagrams come in, as far as that is not the shard that they are for.

use sfu_model::{Path, ShardIndex};

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
    pub(crate) told: FastMap<Path, ShardIndex>,
}

impl HandOver {
    /// Most paths that are handed over. Each belongs to a peer that has authenticated it; those of
    /// further peers are unknown here, so that they connect by ICE-TCP, if at all.
    pub(crate) const MAX_AWAY: usize = 131_072;
}
