//! How a peer goes from one room to another, with its transport and what it publishes.

use sfu_model::{Now, PeerId, PublicationId, RoomIndex};

use crate::Shard;
use crate::keys::{PeerKey, PublicationKey};
use crate::loudness::Loudness;
use crate::peer::LinkState;

impl Shard {
    /// Has a peer belong to the room of `to`. What it publishes and is not listed ends.
    pub(crate) fn move_peer(
        &mut self,
        now: Now,
        before: PeerId,
        to: PeerId,
        publications: &[(PublicationId, PublicationId)],
    ) {
        let taken = self.directory.peer(to).is_some();
        let Some(key) = self.directory.peer(before).filter(|_| !taken) else {
            return;
        };
        self.end_subscriptions(key);
        let Some(peer) = self.tables.peers.get(key) else {
            return;
        };
        let published: Vec<_> = peer.receives.routes.publications().collect();
        for publication in published {
            self.move_publication(publication, publications);
        }
        self.leave_room(before.room, key);
        self.directory.rename_peer(before, to);
        if let Some(peer) = self.tables.peers.get_mut(key) {
            peer.id = to;
            if peer.link_state() != LinkState::Connecting {
                let schedule = &mut self.schedule;
                self.census.enrol(now.mono, to.room, key, schedule);
            }
        }
    }

    /// Ends what a peer subscribes to.
    fn end_subscriptions(&mut self, key: PeerKey) {
        while let Some(peer) = self.tables.peers.get_mut(key)
            && let Some(subscription) = peer.sends.pop()
        {
            self.membership().remove_subscription(subscription);
        }
    }

    /// Calls a publication as is listed, or ends it. Nobody subscribes to it any more, here or on another shard.
    fn move_publication(
        &mut self,
        key: PublicationKey,
        publications: &[(PublicationId, PublicationId)],
    ) {
        let Some(publication) = self.tables.publications.get(key) else {
            return;
        };
        let before = publication.id;
        let subscribed = publication.subscriptions.clone();
        let listed = publications.iter().find(|(listed, _)| *listed == before);
        let Some((_, to)) = listed else {
            self.membership().remove_publication(key);
            return;
        };
        for subscription in subscribed {
            self.membership().remove_subscription(subscription);
        }
        self.directory.remove_publication(before);
        self.directory.add_publication(*to, key);
        if let Some(publication) = self.tables.publications.get_mut(key) {
            let recipients = std::mem::take(&mut publication.recipients);
            recipients.end(before, &mut self.exports);
            publication.id = *to;
            // Where it was it is silent from here on, and not listed any more.
            publication.loudness = Loudness::default();
        }
    }

    /// Counts a peer no more among those of a room.
    pub(crate) fn leave_room(&mut self, room: RoomIndex, key: PeerKey) {
        self.census.dismiss(room, key, &mut self.schedule);
        if !self.census.knows(room) {
            self.tables.speakers.forget(room);
        }
    }
}
