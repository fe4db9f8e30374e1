//! When a peer's subscriptions send the packets of ours that they begin with.

use std::time::Instant;

use sfu_model::Now;

use crate::keys::{PeerKey, SubscriptionKey};
use crate::output::Output;
use crate::peer::PeerParts;
use crate::tables::Tables;
use crate::timers::{Schedule, TimerReason};

/// Has subscriptions that begin send packets of ours, until their publications send.
pub(crate) struct Openings<'a> {
    tables: &'a mut Tables,
}

impl<'a> Openings<'a> {
    pub(crate) fn new(tables: &'a mut Tables) -> Self {
        Self { tables }
    }

    /// Has a subscription that begins send packets of ours soon, if it is to.
    pub(crate) fn begin(&mut self, now: Instant, key: SubscriptionKey, schedule: &mut Schedule) {
        let subscription = self.tables.subscriptions.get_mut(key);
        let Some(subscription) = subscription else {
            return;
        };
        let Some(due) = subscription.begin_opening(now) else {
            return;
        };
        if let Some(peer) = self.tables.peers.get_mut(subscription.peer) {
            peer.wake_by(due, TimerReason::Opening, subscription.peer, schedule);
        }
    }

    /// Sends what is due to a peer.
    pub(crate) fn send(&mut self, now: Now, key: PeerKey, output: &mut Output) {
        let Some(peer) = self.tables.peers.get_mut(key) else {
            return;
        };
        let PeerParts {
            subscriptions,
            mut link,
            ..
        } = peer.parts(now.mono, output);
        let mut next: Option<Instant> = None;
        for (_, key) in subscriptions {
            if let Some(subscription) = self.tables.subscriptions.get_mut(*key) {
                let due = subscription.open(now, link.as_mut());
                next = next.into_iter().chain(due).min();
            }
        }
        peer.timers.set(TimerReason::Opening, next);
    }
}
