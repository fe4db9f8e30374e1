//! Carries away what a transport wants to send and say.

use sfu_model::{Event, Now};
use sfu_transport::TransportEvent;

use crate::Shard;
use crate::keys::PeerKey;
use crate::peer::LinkState;
use crate::timers::TimerReason;

impl Shard {
    /// Carries away what a peer's transport wants to send and say after it was given something.
    pub(crate) fn settle(&mut self, now: Now, key: PeerKey) {
        self.take_datagrams(now, key);
        self.take_transport_events(now, key);
    }

    /// Handles what a peer's transport has to say, and notes when it is due.
    pub(crate) fn take_transport_events(&mut self, now: Now, key: PeerKey) {
        while let Some(peer) = self.tables.peers.get_mut(key)
            && let Some(event) = peer.transport.poll_event()
        {
            self.on_transport_event(now, key, event);
            self.take_datagrams(now, key);
        }
        if let Some(peer) = self.tables.peers.get_mut(key) {
            self.output.counters.add(peer.transport.take_data_counts());
            peer.follow_path();
            peer.timers
                .set(TimerReason::Transport, peer.transport.poll_timeout());
            peer.arm(key, &mut self.schedule);
        }
    }

    /// Sends what a transport has to send. Once it is up that is data, which waits for its turn.
    fn take_datagrams(&mut self, now: Now, key: PeerKey) {
        let Some(peer) = self.tables.peers.get_mut(key) else {
            return;
        };
        let mut check = Vec::new();
        while let Some(path) = peer.transport.poll_check(now, &mut check) {
            self.output.send_control(path, |buffer| {
                buffer.extend_from_slice(&check);
                true
            });
        }
        if peer.transport.is_connected() {
            self.data_work.note_sender(key, peer);
            return;
        }
        // Without a path, or with a full queue, it stays in the transport or is sent again by DTLS.
        let Some(path) = peer.transport.path() else {
            return;
        };
        while self
            .output
            .send_control(path, |buffer| peer.transport.poll_transmit(now, buffer))
        {}
    }

    fn on_transport_event(&mut self, now: Now, key: PeerKey, event: TransportEvent) {
        let Some(peer) = self.tables.peers.get_mut(key) else {
            return;
        };
        let id = peer.id;
        let event = match event {
            TransportEvent::Connected { protocol } => {
                peer.set_link_state(LinkState::Connected);
                self.census
                    .enrol(now.mono, id.room, key, &mut self.schedule);
                self.key_frames().request_for_peer(now, key);
                Event::PeerConnected { peer: id, protocol }
            }
            TransportEvent::Silent => {
                peer.set_link_state(LinkState::Silent);
                Event::PeerSilent { peer: id }
            }
            TransportEvent::Resumed => {
                peer.set_link_state(LinkState::Connected);
                Event::PeerResumed { peer: id }
            }
            TransportEvent::DataChannelOpened(channel) => {
                Event::DataChannelOpened { peer: id, channel }
            }
            TransportEvent::DataReceived { channel, message } => {
                self.output.counters.data_in += 1;
                Event::DataReceived {
                    peer: id,
                    channel,
                    message,
                }
            }
            TransportEvent::Closed(reason) => {
                self.take_datagrams(now, key);
                self.remove_peer(key);
                Event::PeerClosed { peer: id, reason }
            }
        };
        self.output.event(event);
    }
}
