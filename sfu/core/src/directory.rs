//! Finds what is meant by a path, a user name fragment, or an id of the control plane.

use std::collections::HashMap;

use sfu_model::{Path, PeerId, PublicationId, SubscriptionId};
use sfu_transport::CheckTag;

use crate::hash::FastMap;
use crate::keys::{PeerKey, PublicationKey, SubscriptionKey};

/// Who is meant by what: by a path, a user name fragment, or an id of the control plane.
#[derive(Debug, Default)]
pub(crate) struct Directory {
    /// Paths that an authenticated check validated; bounded by each transport's paths.
    pub(crate) paths: FastMap<Path, PeerKey>,
    /// User name fragments of ours; two for each peer at most. Strangers choose what is looked up
    /// here, so it is hashed with a secret key.
    pub(crate) ufrags: HashMap<String, PeerKey>,
    /// Tags of our checks; one for each peer. Hashed as those are.
    pub(crate) checks: HashMap<CheckTag, PeerKey>,
    pub(crate) peers: FastMap<PeerId, PeerKey>,
    pub(crate) publications: FastMap<PublicationId, PublicationKey>,
    pub(crate) subscriptions: FastMap<SubscriptionId, SubscriptionKey>,
}

impl Directory {
    pub(crate) fn peer(&self, id: PeerId) -> Option<PeerKey> {
        self.peers.get(&id).copied()
    }

    pub(crate) fn publication(&self, id: PublicationId) -> Option<PublicationKey> {
        self.publications.get(&id).copied()
    }

    pub(crate) fn subscription(&self, id: SubscriptionId) -> Option<SubscriptionKey> {
        self.subscriptions.get(&id).copied()
    }
}
