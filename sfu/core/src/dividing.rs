//! Gathers what a subscriber's tracks ask of its link, and carries out what they are granted.

use sfu_model::{Event, Importance, MediaKind, Now};

use crate::Shard;
use crate::allocation::Claim;
use crate::keys::{PeerKey, SubscriptionKey};
use crate::subscription::Change;
use crate::tables::Tables;
use crate::timers::TimerReason;

impl Shard {
    /// Does what a subscriber's link is due.
    pub(crate) fn wake_bandwidth(&mut self, now: Now, key: PeerKey) {
        let peer = self.tables.peers.get_mut(key);
        let Some(bandwidth) = peer.and_then(|peer| peer.sends.bandwidth.as_deref_mut()) else {
            return;
        };
        if bandwidth.handle_timeout(now.mono) {
            let claims = self.tables.claims(now, key);
            self.divide_between(now, key, claims);
        }
        self.send_probe(now, key);
        self.await_bandwidth(now, key);
    }

    /// Divides a subscriber's link between its tracks, which are others than before, or want otherwise. There is a link to be
    /// divided while there is video.
    pub(crate) fn review_link(&mut self, now: Now, key: PeerKey) {
        let claims = self.tables.claims(now, key);
        let Some(peer) = self.tables.peers.get_mut(key) else {
            return;
        };
        if !claims.is_empty() {
            peer.sends.follow_link(now.mono);
        }
        self.divide_between(now, key, claims);
        self.await_bandwidth(now, key);
    }

    /// Divides a subscriber's link between its tracks anew, as it carries otherwise than before.
    pub(crate) fn divide(&mut self, now: Now, key: PeerKey) {
        let claims = self.tables.claims(now, key);
        self.divide_between(now, key, claims);
        self.await_bandwidth(now, key);
    }

    fn divide_between(&mut self, now: Now, key: PeerKey, mut claims: Vec<Claim>) {
        let peer = self.tables.peers.get_mut(key);
        let Some(bandwidth) = peer.and_then(|peer| peer.sends.bandwidth.as_deref_mut()) else {
            return;
        };
        bandwidth.divide(now.mono, &mut claims);
        for claim in claims {
            self.grant(now, &claim);
        }
    }

    fn grant(&mut self, now: Now, claim: &Claim) {
        let Some(subscription) = self.tables.subscriptions.get_mut(claim.subscription) else {
            return;
        };
        let (id, publication) = (subscription.id, subscription.publication);
        let change = subscription.grant(claim.grant);
        match change {
            Change::None => return,
            Change::Less | Change::More => {}
            Change::Paused => self
                .output
                .event(Event::SubscriptionPaused { subscription: id }),
            Change::Resumed => self
                .output
                .event(Event::SubscriptionResumed { subscription: id }),
        }
        self.membership().review_import(publication);
        if change != Change::Paused {
            self.key_frames().request_for(now, claim.subscription);
        }
    }

    /// Sends what is due of a probe: what waits for the link, or else padding.
    fn send_probe(&mut self, now: Now, key: PeerKey) {
        self.send_held(now, key);
        let Some(peer) = self.tables.peers.get_mut(key) else {
            return;
        };
        let Some(bandwidth) = peer.sends.bandwidth.as_deref_mut() else {
            return;
        };
        let due = bandwidth.probe_bytes(now.mono);
        let mut place = 0;
        while due > 0
            && let Some(subscription) = peer.sends.at(place)
        {
            place += 1;
            if let Some(subscription) = self.tables.subscriptions.get_mut(subscription)
                && let Some(mut link) = peer.link(now.mono, &mut self.output)
                && subscription.probe(now, due, &mut link)
            {
                return;
            }
        }
    }

    /// Sees to it that a subscriber's link has its turn in time.
    fn await_bandwidth(&mut self, now: Now, key: PeerKey) {
        let Some(peer) = self.tables.peers.get_mut(key) else {
            return;
        };
        let schedule = &mut self.schedule;
        let bandwidth = peer.sends.bandwidth.as_deref();
        let next = bandwidth.map(|bandwidth| match bandwidth.probe_at(now.mono) {
            Some(step) => step,
            None => schedule.together(bandwidth.poll_timeout(now.mono)),
        });
        peer.timers.set(TimerReason::Bandwidth, next);
        peer.arm(key, &mut self.schedule);
    }
}

impl Tables {
    /// Returns what the tracks of a subscriber ask of its link.
    fn claims(&self, now: Now, key: PeerKey) -> Vec<Claim> {
        let Some(peer) = self.peers.get(key) else {
            return Vec::new();
        };
        let keys = (0..).map_while(|place| peer.sends.at(place));
        keys.filter_map(|key| self.claim(now, key)).collect()
    }

    fn claim(&self, now: Now, key: SubscriptionKey) -> Option<Claim> {
        let subscription = self.subscriptions.get(key)?;
        let publication = self.publications.get(subscription.publication)?;
        (publication.kind() == MediaKind::Video).then_some(())?;
        let mut claim = subscription.claim(key, publication.layer_costs(now.mono))?;
        if self.speakers.has(publication.id) {
            claim.importance = claim.importance.max(Importance::Speaking);
        }
        Some(claim)
    }
}
