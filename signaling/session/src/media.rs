//! What the shards report.

use std::collections::BTreeMap;
use std::time::Duration;

use sfu_model::{CloseReason, DataChannel, DataMessage, Event, LinkProtocol, Now, PeerId};
use signaling_protocol::{DisconnectCause, LeaveAction};
use tracing::info;

use crate::participant_key::ParticipantKey;
use crate::proto::StreamState;
use crate::proto::data_packet::Kind;
use crate::proto::participant_info::State;
use crate::transports::PathState;
use crate::{Room, RoomNotice, TimerReason};

/// How long a client that closed its transport has to say that it leaves.
const FAREWELL: Duration = Duration::from_secs(1);

/// How long a participant is kept whose media has stopped coming.
const DEPARTURE: Duration = Duration::from_secs(5);

impl Room {
    /// Takes what a shard reports about this room.
    pub fn handle_media(&mut self, now: Now, event: Event) {
        match event {
            Event::PeerConnected { peer, protocol } => self.handle_connected(now, peer, protocol),
            Event::PeerResumed { peer } => self.handle_resumed(peer),
            Event::PeerSilent { peer } => self.handle_silent(now, peer),
            Event::PeerClosed { peer, reason } => self.handle_peer_closed(now, peer, reason),
            Event::DataReceived {
                peer,
                channel,
                message,
            } => self.handle_data(now, peer, channel, message),
            Event::AudioLevels { shard, levels, .. } => {
                let room = (&self.roster, &self.tracks);
                self.speakers
                    .handle_levels(shard, levels, room, &mut self.outputs);
                self.follow_floor(now);
            }
            Event::Statistics { streams, .. } => {
                self.qualities
                    .handle_statistics(&streams, &self.roster, &self.tracks);
                self.accounts.handle_statistics(&streams, &self.roster);
            }
            Event::DataChannelOpened { peer, channel } => {
                self.messaging().handle_channel_opened(peer, channel);
            }
            Event::SubscriptionPaused { subscription } => {
                self.subscriptions()
                    .tell_state(subscription, StreamState::Paused);
            }
            Event::SubscriptionResumed { subscription } => {
                self.subscriptions()
                    .tell_state(subscription, StreamState::Active);
            }
            Event::CodecChanged { publication, codec } => {
                self.publications().handle_codec(now, publication, codec);
            }
            Event::EncodingStarted {
                publication,
                rid,
                ssrc,
            } => self.publications().handle_encoding(publication, rid, ssrc),
            Event::PictureSized {
                publication,
                rid,
                size,
            } => self
                .publications()
                .handle_picture_size(now, publication, rid, size),
        }
    }

    /// Takes a message that came on a participant's data channel.
    fn handle_data(&mut self, now: Now, peer: PeerId, channel: DataChannel, message: DataMessage) {
        let Some(key) = self.roster.by_peer(peer) else {
            return;
        };
        let allowed = self.roster.get(key).map(|p| p.grant().may_publish_data());
        if allowed != Some(true) {
            return;
        }
        match channel {
            DataChannel::Reliable => {
                self.messaging()
                    .handle_packet(now, key, Kind::Reliable, &message);
            }
            DataChannel::Lossy => {
                self.messaging()
                    .handle_packet(now, key, Kind::Lossy, &message);
            }
            DataChannel::Unlabelled => self.messaging().handle_unlabelled(key, &message),
            DataChannel::DataTrack => self.data_publications().route_data_packet(key, message),
        }
    }

    fn handle_connected(&mut self, now: Now, peer: PeerId, protocol: LinkProtocol) {
        let Some(key) = self.roster.by_peer(peer) else {
            return;
        };
        self.timers.cancel(&TimerReason::Departure(key));
        let Some(participant) = self.roster.get_mut(key) else {
            return;
        };
        if let Some(path) = participant.transports.path(peer) {
            path.connected_once = true;
            path.over_udp_since = (protocol == LinkProtocol::Udp).then_some(now.mono);
        }
        if participant.transports.primary_peer() == peer && participant.state == State::Joined {
            self.activate(now, key);
        }
    }

    /// A participant's media is connected: others hear of it, and it gets what it waited for.
    fn activate(&mut self, now: Now, key: ParticipantKey) {
        let Some(participant) = self.roster.get_mut(key) else {
            return;
        };
        participant.state = State::Active;
        participant.touch();
        self.accounts.open(now.mono, key, BTreeMap::new());
        self.timers.cancel(&TimerReason::JoinTimeout(key));
        self.watch_qualities(now);
        self.telling().tell_soon(now, key);
        self.messaging().deliver_reliable_backlog(key);
        self.subscriptions().reconcile_all(now, key);
        self.data_publications().reconcile_all_data(now, key);
        self.report_join(key);
    }

    pub(crate) fn report_join(&mut self, key: ParticipantKey) {
        if let Some(participant) = self.roster.get(key) {
            info!(
                room = %self.room.name(),
                participant = %participant.sid,
                identity = %participant.identity,
                "a participant has joined"
            );
            let joined = RoomNotice::ParticipantJoined {
                room: Box::new(self.info()),
                participant: Box::new(self.participant_info(participant)),
                origin: Box::new(participant.origin()),
            };
            self.outputs.notice(joined);
        }
        self.publications().report_early_tracks(key);
    }

    fn handle_resumed(&mut self, peer: PeerId) {
        let Some(key) = self.roster.by_peer(peer) else {
            return;
        };
        self.timers.cancel(&TimerReason::Departure(key));
        if let Some(path) = self.path(key, peer) {
            path.silent = false;
        }
    }

    fn path(&mut self, key: ParticipantKey, peer: PeerId) -> Option<&mut PathState> {
        self.roster.get_mut(key)?.transports.path(peer)
    }

    /// Nothing comes any more, but the transport may yet recover: the client is asked to resume.
    fn handle_silent(&mut self, now: Now, peer: PeerId) {
        let Some(key) = self.roster.by_peer(peer) else {
            return;
        };
        if let Some(path) = self.path(key, peer) {
            path.silent = true;
        }
        self.ask_to_resume(key);
        let at = now.mono + DEPARTURE;
        self.timers.set(TimerReason::Departure(key), at);
    }

    /// A transport is over. A client that closed it is about to say that it leaves, and why, by
    /// another way that may be slower.
    fn handle_peer_closed(&mut self, now: Now, peer: PeerId, reason: CloseReason) {
        let Some(key) = self.roster.by_peer(peer) else {
            return;
        };
        if let Some(path) = self.path(key, peer) {
            path.open = false;
        }
        match reason {
            CloseReason::ClosedByPeer => {
                let at = now.mono + FAREWELL;
                self.timers.set_once(TimerReason::Farewell(key), at);
            }
            CloseReason::DataStalled => {
                let cause = DisconnectCause::DataStalled;
                self.disconnect(now, key, cause, Some(LeaveAction::Reconnect));
            }
            CloseReason::TimedOut
            | CloseReason::HandshakeFailed
            | CloseReason::DataChannelFailed
            | CloseReason::InternalFault => self.handle_lost_transport(now, key),
        }
    }

    /// A transport is over, and with it what a resume would take up.
    ///
    /// Departure: LiveKit asks for a resume here too. The shard has forgotten the association, so
    /// that only a fresh session can follow; asking for it at once saves the client an attempt.
    pub(crate) fn handle_lost_transport(&mut self, now: Now, key: ParticipantKey) {
        let cause = DisconnectCause::TransportFailed;
        self.disconnect(now, key, cause, Some(LeaveAction::Reconnect));
    }

    /// The client has not come back.
    pub(crate) fn handle_departure(&mut self, now: Now, key: ParticipantKey) {
        let cause = DisconnectCause::TransportFailed;
        self.disconnect(now, key, cause, Some(LeaveAction::Disconnect));
    }
}
