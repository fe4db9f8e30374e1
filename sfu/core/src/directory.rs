//! Finds what is meant by a user name fragment, the tag of a check, or an id of the control plane.

use std::collections::HashMap;

use sfu_model::{PeerId, PublicationId, SubscriptionId};
use sfu_transport::CheckTag;

use crate::hash::FastMap;
use crate::keys::{PeerKey, PublicationKey, SubscriptionKey};
use crate::peer::Peer;

/// Who is meant by what: by a user name fragment, the tag of a check, or an id of the control plane.
#[derive(Debug, Default)]
pub(crate) struct Directory {
    /// User name fragments of ours; two for each peer at most. Strangers choose what is looked up
    /// here, so it is hashed with a secret key.
    ufrags: HashMap<String, PeerKey>,
    /// Tags of our checks; one for each peer. Hashed as those are.
    checks: HashMap<CheckTag, PeerKey>,
    peers: FastMap<PeerId, PeerKey>,
    publications: FastMap<PublicationId, PublicationKey>,
    subscriptions: FastMap<SubscriptionId, SubscriptionKey>,
}

impl Directory {
    pub(crate) fn peer(&self, id: PeerId) -> Option<PeerKey> {
        self.peers.get(&id).copied()
    }

    pub(crate) fn peer_by_ufrag(&self, ufrag: &str) -> Option<PeerKey> {
        self.ufrags.get(ufrag).copied()
    }

    pub(crate) fn peer_by_check(&self, tag: CheckTag) -> Option<PeerKey> {
        self.checks.get(&tag).copied()
    }

    pub(crate) fn publication(&self, id: PublicationId) -> Option<PublicationKey> {
        self.publications.get(&id).copied()
    }

    pub(crate) fn subscription(&self, id: SubscriptionId) -> Option<SubscriptionKey> {
        self.subscriptions.get(&id).copied()
    }

    /// Has a peer found by all its names.
    pub(crate) fn add_peer(&mut self, key: PeerKey, peer: &Peer) {
        self.peers.insert(peer.id, key);
        self.checks.insert(peer.check_tag, key);
        for ufrag in &peer.ufrags {
            self.add_ufrag(ufrag, key);
        }
    }

    /// Has a peer found by another user name fragment.
    pub(crate) fn add_ufrag(&mut self, ufrag: &str, key: PeerKey) {
        self.ufrags.insert(ufrag.to_owned(), key);
    }

    pub(crate) fn remove_ufrag(&mut self, ufrag: &str) {
        self.ufrags.remove(ufrag);
    }

    pub(crate) fn remove_peer(&mut self, peer: &Peer) {
        self.peers.remove(&peer.id);
        self.checks.remove(&peer.check_tag);
        for ufrag in &peer.ufrags {
            self.remove_ufrag(ufrag);
        }
    }

    /// Has a peer found by another id than `before`.
    pub(crate) fn rename_peer(&mut self, before: PeerId, id: PeerId) {
        if let Some(key) = self.peers.remove(&before) {
            self.peers.insert(id, key);
        }
    }

    pub(crate) fn add_publication(&mut self, id: PublicationId, key: PublicationKey) {
        self.publications.insert(id, key);
    }

    pub(crate) fn remove_publication(&mut self, id: PublicationId) {
        self.publications.remove(&id);
    }

    pub(crate) fn add_subscription(&mut self, id: SubscriptionId, key: SubscriptionKey) {
        self.subscriptions.insert(id, key);
    }

    pub(crate) fn remove_subscription(&mut self, id: SubscriptionId) {
        self.subscriptions.remove(&id);
    }
}
