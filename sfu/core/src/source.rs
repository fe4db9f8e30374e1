//! Where the packets of a publication come from: a peer of this shard, or the shard that it lives on.

use crate::keys::PeerKey;
use crate::layers::Layers;

/// Where a publication's packets come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// A peer of this shard.
    Peer(PeerKey),
    /// The shard that the publication lives on: this one has an import of it.
    Import(Import),
}

/// What an import and the shard that owns it have told each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Import {
    /// The encodings that send, once it is described.
    pub(crate) live: Option<Layers>,
    /// The encodings that the owner was asked for, if it was.
    pub(crate) asked: Option<Layers>,
}
