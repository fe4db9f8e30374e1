//! When a peer's subscriptions send the packets of ours that they begin with.

use std::time::Instant;

use sfu_model::{Now, Opening};

use crate::Shard;
use crate::keys::{PeerKey, SubscriptionKey};
use crate::opening::OpeningPackets;
use crate::timers::TimerReason;

impl Shard {
    /// Has a subscription that begins send packets of ours soon, if it is to.
    pub(crate) fn begin_opening(&mut self, now: Instant, key: SubscriptionKey) {
        let subscription = self.subscriptions.get_mut(key);
        let Some(subscription) = subscription.filter(|it| it.media.opening == Opening::Padding)
        else {
            return;
        };
        let opening = OpeningPackets::begin(now);
        subscription.opening = Some(opening);
        if let Some(peer) = self.peers.get_mut(subscription.peer)
            && peer
                .timers
                .set_if_earlier(TimerReason::Opening, opening.due())
        {
            peer.arm(subscription.peer, &mut self.schedule);
        }
    }

    /// Sends what is due to a peer.
    pub(crate) fn send_openings(&mut self, now: Now, key: PeerKey) {
        let mut next: Option<Instant> = None;
        let mut place = 0;
        while let Some(peer) = self.peers.get_mut(key)
            && let Some(subscription) = peer.sends.at(place)
        {
            place += 1;
            if let Some(subscription) = self.subscriptions.get_mut(subscription) {
                let due = subscription.open(now, peer.link(&mut self.output));
                next = next.into_iter().chain(due).min();
            }
        }
        if let Some(peer) = self.peers.get_mut(key) {
            peer.timers.set(TimerReason::Opening, next);
        }
    }
}
