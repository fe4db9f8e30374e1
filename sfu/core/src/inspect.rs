//! What the virtual world and its plots see of a subscriber's link.

use sfu_model::{Bitrate, Forwarding, PeerId, SubscriptionId};

use crate::Shard;

impl Shard {
    /// Returns what a subscriber's link is taken to carry; `None` for a peer that is sent no video.
    pub fn estimate(&self, peer: PeerId) -> Option<Bitrate> {
        let peer = self.tables.peers.get(self.directory.peer(peer)?)?;
        let bandwidth = peer.sends.bandwidth.as_deref()?;
        Some(bandwidth.estimate())
    }

    /// Returns what is forwarded of a subscription at most: what is wanted, as far as its subscriber's link has room.
    pub fn granted(&self, subscription: SubscriptionId) -> Option<Forwarding> {
        let key = self.directory.subscription(subscription)?;
        Some(self.tables.subscriptions.get(key)?.granted())
    }
}
