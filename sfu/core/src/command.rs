//! What the control plane asks: peers come and go, and the rest is handed to the parts that do it.

use sfu_model::{
    CloseReason, Command, DataChannelOpener, Event, IceCredentials, Now, PeerId, PublicationId,
    Ssrc,
};
use sfu_transport::{CheckTag, Transport};

use crate::Shard;
use crate::entrance::check_tag;
use crate::isolation::AtStake;
use crate::keys::PeerKey;
use crate::limits::LAST_DATAGRAMS;
use crate::peer::Peer;
use crate::source::Source;

impl Shard {
    /// Does what the control plane asks. What is about an id that is not here is dropped. A fault of ours in
    /// doing so ends the peer that the command is about, and nobody else.
    pub fn handle_command(&mut self, now: Now, command: Command) {
        self.finish_fan_outs(now);
        let about = self.peer_of(&command);
        let link = about.filter(|_| changes_link(&command));
        let at_stake = about.map_or(AtStake::Nothing, AtStake::Named);
        self.isolated(at_stake, |shard| {
            shard.carry_out(now, command);
            if let Some(key) = link.and_then(|peer| shard.directory.peer(peer)) {
                shard.review_link(now, key);
            }
        });
        self.count_held();
    }

    /// Returns the peer that a command is about, whether it is here or not.
    fn peer_of(&self, command: &Command) -> Option<PeerId> {
        let key = match command {
            Command::AddPeer { peer, .. }
            | Command::SetRemote { peer, .. }
            | Command::RestartIce { peer, .. }
            | Command::RemovePeer { peer }
            | Command::MovePeer { peer, .. }
            | Command::CapLink { peer, .. }
            | Command::Publish { peer, .. }
            | Command::Subscribe { peer, .. } => return Some(*peer),
            Command::Unpublish { publication } => {
                let key = self.directory.publication(*publication)?;
                match self.tables.publications.get(key)?.source {
                    Source::Peer(key) => key,
                    Source::Import(_) => return None,
                }
            }
            Command::Unsubscribe { subscription } | Command::SetForwarding { subscription, .. } => {
                let key = self.directory.subscription(*subscription)?;
                self.tables.subscriptions.get(key)?.peer
            }
            Command::SetSpeakers { .. } | Command::SendData { .. } => return None,
        };
        self.tables.peers.get(key).map(|peer| peer.id)
    }

    fn carry_out(&mut self, now: Now, command: Command) {
        match command {
            Command::AddPeer {
                peer,
                local,
                data_channels,
            } => self.add_peer(now, peer, local, data_channels),
            Command::SetRemote {
                peer,
                remote,
                fingerprint,
                role,
            } => self.with_peer(now, peer, |peer| {
                peer.transport.set_remote(now, remote, fingerprint, role);
            }),
            Command::RestartIce { peer, local } => self.restart_ice(now, peer, local),
            Command::RemovePeer { peer } => self.close_peer(now, peer, None),
            Command::MovePeer {
                peer,
                to,
                publications,
            } => self.move_peer(now, peer, to, &publications),
            Command::CapLink { peer, most } => {
                self.with_peer(now, peer, |peer| peer.sends.cap_link(most));
            }
            Command::Publish {
                publication,
                peer,
                media,
            } => {
                let published = self.membership().publish(now, publication, peer, media);
                if let Some(key) = published {
                    self.key_frames().request_for_all(now, key);
                }
            }
            Command::Unpublish { publication } => {
                if let Some(key) = self.directory.publication(publication) {
                    self.membership().remove_publication(key);
                }
            }
            Command::Subscribe {
                subscription,
                publication,
                peer,
                media,
            } => {
                let mut membership = self.membership();
                let subscribed = membership.subscribe(now, subscription, publication, peer, media);
                if let Some(key) = subscribed {
                    self.key_frames().request_for(now, key);
                }
            }
            Command::Unsubscribe { subscription } => {
                if let Some(key) = self.directory.subscription(subscription) {
                    self.membership().remove_subscription(key);
                }
            }
            Command::SetForwarding {
                subscription,
                forwarding,
            } => {
                let wants_more = self.membership().set_forwarding(subscription, forwarding);
                if let Some(key) = wants_more {
                    self.key_frames().request_for(now, key);
                }
            }
            Command::SetSpeakers {
                publications,
                peers,
            } => self.set_speakers(&publications, &peers),
            Command::SendData {
                peers,
                channel,
                message,
            } => self.fan_out_data(peers, channel, message),
        }
    }

    fn set_speakers(&mut self, publications: &[PublicationId], peers: &[PeerId]) {
        let mut peers = peers.iter();
        let here = peers.find(|peer| self.directory.peer(**peer).is_some());
        if let Some(room) = here.map(|peer| peer.room) {
            self.tables.speakers.set(room, publications);
        }
    }

    fn add_peer(
        &mut self,
        now: Now,
        id: PeerId,
        local: IceCredentials,
        data_channels: DataChannelOpener,
    ) {
        if self.directory.peer(id).is_some() {
            return;
        }
        let (check_tag, seed) = (self.draw_check_tag(), self.seed.draw());
        let config = &self.config.transport;
        let ufrag = local.ufrag.clone();
        let transport = Transport::new(config, local, data_channels, check_tag, seed);
        let feedback_ssrc = Ssrc(self.seed.draw_u32());
        let peer = Peer::new(id, transport, ufrag, check_tag, feedback_ssrc);
        let key = self.tables.peers.insert(peer);
        if let Some(peer) = self.tables.peers.get(key) {
            self.directory.add_peer(key, peer);
        }
        self.settle(now, key);
    }

    /// Draws a tag that no peer of this shard has.
    fn draw_check_tag(&mut self) -> CheckTag {
        loop {
            let tag = check_tag(self.index, self.seed.draw_u32());
            if self.directory.peer_by_check(tag).is_none() {
                return tag;
            }
        }
    }

    fn restart_ice(&mut self, now: Now, id: PeerId, local: IceCredentials) {
        let Some(key) = self.directory.peer(id) else {
            return;
        };
        let Some(peer) = self.tables.peers.get_mut(key) else {
            return;
        };
        self.directory.add_ufrag(&local.ufrag, key);
        peer.ufrags.push(local.ufrag.clone());
        if peer.ufrags.len() > 2 {
            let oldest = peer.ufrags.remove(0);
            self.directory.remove_ufrag(&oldest);
        }
        peer.transport.restart_ice(now, local);
        self.settle(now, key);
    }

    fn with_peer(&mut self, now: Now, id: PeerId, act: impl FnOnce(&mut Peer)) {
        let Some(key) = self.directory.peer(id) else {
            return;
        };
        if let Some(peer) = self.tables.peers.get_mut(key) {
            act(peer);
        }
        self.settle(now, key);
    }

    /// Closes a peer's transport and drops all that hangs on it. With a reason, the control plane
    /// is told.
    pub(crate) fn close_peer(&mut self, now: Now, id: PeerId, reason: Option<CloseReason>) {
        let Some(key) = self.directory.peer(id) else {
            return;
        };
        // The last messages may have come just before.
        if let Some(peer) = self.tables.peers.get_mut(key) {
            peer.send_data(now, LAST_DATAGRAMS, &mut self.output);
            peer.transport.close(now);
        }
        self.settle(now, key);
        self.remove_peer(key);
        if let Some(reason) = reason {
            self.output.event(Event::PeerClosed { peer: id, reason });
        }
    }

    /// Drops a peer and all that hangs on it.
    pub(crate) fn remove_peer(&mut self, key: PeerKey) {
        while let Some(peer) = self.tables.peers.get_mut(key)
            && let Some(publication) = peer.receives.routes.pop()
        {
            self.membership().remove_publication(publication);
        }
        while let Some(peer) = self.tables.peers.get_mut(key)
            && let Some(subscription) = peer.sends.pop()
        {
            self.membership().remove_subscription(subscription);
        }
        let Some(mut peer) = self.tables.peers.remove(key) else {
            return;
        };
        self.leave_room(peer.id.room, key);
        peer.disarm(key, &mut self.schedule);
        self.directory.remove_peer(&peer);
        for path in peer.paths {
            self.paths.give_up(path, key, &mut self.exports);
        }
        self.count_held();
    }
}

/// Reports whether a subscriber's tracks want otherwise of its link after a command than before.
fn changes_link(command: &Command) -> bool {
    match command {
        Command::Subscribe { .. }
        | Command::Unsubscribe { .. }
        | Command::SetForwarding { .. }
        | Command::CapLink { .. } => true,
        Command::AddPeer { .. }
        | Command::SetRemote { .. }
        | Command::RestartIce { .. }
        | Command::RemovePeer { .. }
        | Command::MovePeer { .. }
        | Command::Publish { .. }
        | Command::Unpublish { .. }
        // Links are divided once a second anyhow.
        | Command::SetSpeakers { .. }
        | Command::SendData { .. } => false,
    }
}
