//! What a shard holds: peers, publications and subscriptions. Parts of the shard borrow them, and nothing else
//! that they do not name.

use sfu_model::Ssrc;

use crate::keys::{
    OfPeer, OfPublication, OfSubscription, PeerKey, PublicationKey, SubscriptionKey,
};
use crate::moves::Moves;
use crate::peer::Peer;
use crate::publication::Publication;
use crate::slot_map::SlotMap;
use crate::source::Source;
use crate::speakers::Speakers;
use crate::subscription::Subscription;

/// What a shard holds.
#[derive(Debug, Default)]
pub(crate) struct Tables {
    pub(crate) peers: SlotMap<OfPeer, Peer>,
    pub(crate) publications: SlotMap<OfPublication, Publication>,
    pub(crate) subscriptions: SlotMap<OfSubscription, Subscription>,
    pub(crate) speakers: Speakers,
}

/// A subscription between its two ends, found once for what is to be done about it.
pub(crate) struct Receipt<'a> {
    /// Who gets it.
    pub(crate) peer: &'a mut Peer,
    pub(crate) key: SubscriptionKey,
    pub(crate) subscription: &'a mut Subscription,
    /// What it gets.
    pub(crate) publication: &'a Publication,
}

impl Tables {
    /// Has nothing sent again of what subscribers of a publication got so far: it would not be written as
    /// it was. Where it goes out under its own number, other bytes there would give the session's keys
    /// away.
    pub(crate) fn forget_sent(&mut self, key: PublicationKey) {
        let Some(publication) = self.publications.get(key) else {
            return;
        };
        for key in &publication.subscriptions {
            if let Some(subscription) = self.subscriptions.get_mut(*key) {
                subscription.forget_sent();
            }
        }
    }

    /// Has those who send and who receive a publication follow its encodings to their places in another order.
    pub(crate) fn follow(&mut self, key: PublicationKey, moves: Moves) {
        let Some(publication) = self.publications.get(key).filter(|_| moves != Moves::NONE) else {
            return;
        };
        for key in &publication.subscriptions {
            if let Some(subscription) = self.subscriptions.get_mut(*key) {
                subscription.follow(moves);
            }
        }
        if let Source::Peer(peer) = publication.source
            && let Some(peer) = self.peers.get_mut(peer)
        {
            peer.receives.routes.follow(key, moves);
        }
    }

    /// Finds what a peer gets under an SSRC of ours.
    pub(crate) fn receipt(&mut self, peer: PeerKey, ssrc: Ssrc) -> Option<Receipt<'_>> {
        let key = self.peers.get(peer)?.sends.find(ssrc)?;
        self.receipt_of(key)
    }

    /// Finds who gets what by a subscription.
    pub(crate) fn receipt_of(&mut self, key: SubscriptionKey) -> Option<Receipt<'_>> {
        let subscription = self.subscriptions.get_mut(key)?;
        let peer = self.peers.get_mut(subscription.peer)?;
        let publication = self.publications.get(subscription.publication)?;
        Some(Receipt {
            peer,
            key,
            subscription,
            publication,
        })
    }
}

/// Has those who subscribe to a publication take an encoding up anew: its numbers begin anew, or its codec is
/// another.
pub(crate) fn begin_anew(
    publication: &Publication,
    encoding: u8,
    subscriptions: &mut SlotMap<OfSubscription, Subscription>,
) {
    for key in &publication.subscriptions {
        if let Some(subscription) = subscriptions.get_mut(*key) {
            subscription.lose(encoding);
        }
    }
}
