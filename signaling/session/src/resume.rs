//! How clients take up their sessions again.

use sfu_model::{Now, TrackSid};
use signaling_protocol::{DisconnectCause, LeaveAction, Resume, leave_request};
use tracing::debug;

use crate::faults::ResumeFault;
use crate::participant_key::ParticipantKey;
use crate::proto::signal_response::Message;
use crate::{Join, Output, Room, TimerReason, codecs, proto};

impl Room {
    /// Takes up a client's session again, or tells it what to do instead.
    pub(crate) fn handle_resume(&mut self, now: Now, join: &Join, resume: Resume) {
        let Some(key) = self.roster.by_identity(join.claims.identity.as_str()) else {
            let cause = DisconnectCause::StateMismatch;
            self.refuse_resume(join, LeaveAction::Reconnect, cause);
            return;
        };
        let sid = self.roster.get(key).map(|participant| &participant.sid);
        if resume.participant_sid.is_some() && resume.participant_sid.as_ref() != sid {
            // Another session of its identity has taken its place, and would lose it to a fresh one.
            self.refuse_resume(join, LeaveAction::Disconnect, DisconnectCause::Replaced);
            return;
        }
        self.resume(now, key, join, resume);
    }

    /// Tells a client whose session is gone what to do.
    fn refuse_resume(&mut self, join: &Join, action: LeaveAction, cause: DisconnectCause) {
        let connection = join.connection;
        let protocol = join.parameters.client.protocol();
        if let Some(leave) = leave_request(action, cause, protocol) {
            self.outputs.signal(Some(connection), Message::Leave(leave));
        }
        self.outputs.push(Output::CloseSignal { connection });
    }

    /// Takes up a session on another connection: what the client missed is told, then its transports
    /// restart ICE.
    fn resume(&mut self, now: Now, key: ParticipantKey, join: &Join, resume: Resume) {
        if let Some(connection) = self.roster.connect(key, Some(join.connection)) {
            self.outputs.push(Output::CloseSignal { connection });
        }
        let Some(participant) = self.roster.get_mut(key) else {
            return;
        };
        participant.credential = join.credential.clone();
        let fault = participant.faults.on_resume(now.mono);
        if fault == Some(ResumeFault::Unanswered) {
            self.cut_signal(key);
            return;
        }
        self.timers.cancel(&TimerReason::Departure(key));
        self.distrust_udp(now, key, resume.reason);
        self.send_reconnect(now, key);
        self.refresh_token(now, key);
        self.negotiation().restart_subscriber_ice(now, key);
        if fault == Some(ResumeFault::Answered) {
            self.cut_signal(key);
        }
        if let Some(state) = resume.sync_state {
            self.handle_sync_state(now, key, *state);
        }
    }

    fn send_reconnect(&mut self, now: Now, key: ParticipantKey) {
        let Some(participant) = self.roster.get(key) else {
            return;
        };
        let connection = participant.connection;
        let client = &participant.client;
        if client.takes_reconnect_response() {
            let reconnect = proto::ReconnectResponse {
                ice_servers: self.ice_servers(now, &participant.sid),
                client_configuration: codecs::client_configuration(client),
                server_info: Some(self.server_info()),
                last_message_seq: participant.messages.last_sequence,
            };
            let missed = match client.protocol().takes_missed_disconnections() {
                true => self.departures_since(participant.last_signal),
                false => Vec::new(),
            };
            self.outputs
                .signal(connection, Message::Reconnect(reconnect));
            self.telling()
                .send_update(connection.into_iter().collect(), missed);
        }
        // Everybody, the participant itself too: its metadata may have changed meanwhile.
        let mut everybody = self.visible_participants(None);
        if let Some(participant) = self.roster.get(key).filter(|p| p.is_hidden()) {
            everybody.push(self.participant_info(participant));
        }
        self.telling()
            .send_update(connection.into_iter().collect(), everybody);
        let room = Some(self.info());
        self.outputs
            .signal(connection, Message::RoomUpdate(proto::RoomUpdate { room }));
        if self
            .data_tracks
            .iter()
            .any(|it| it.subscribers.contains(&key))
        {
            self.telling().tell_numbers_to(key);
        }
        if let Some(participant) = self.roster.get_mut(key) {
            participant.last_signal = now.mono;
            participant.subscribing.mark_unaware(key);
        }
    }

    /// Compares what the client believes to be published and subscribed with what is, after a
    /// resume.
    pub(crate) fn handle_sync_state(
        &mut self,
        now: Now,
        key: ParticipantKey,
        state: proto::SyncState,
    ) {
        if !self.knows_publications(key, &state) {
            debug!("a client that resumes believes in tracks that are not there");
            self.full_reconnect(now, key);
            return;
        }
        let disabled = proto::UpdateTrackSettings {
            track_sids: state.track_sids_disabled,
            disabled: true,
            ..proto::UpdateTrackSettings::default()
        };
        self.subscriptions()
            .handle_track_settings(now, key, disabled);
        if let Some(subscription) = state.subscription {
            self.subscriptions()
                .handle_subscription(now, key, &subscription);
        }
        if let Some(subscription) = state.data_subscription {
            self.data_publications()
                .handle_data_subscription(now, key, subscription);
        }
        self.messaging()
            .replay(key, &state.datachannel_receive_states);
    }

    fn knows_publications(&mut self, key: ParticipantKey, state: &proto::SyncState) -> bool {
        let Some(participant) = self.roster.get_mut(key) else {
            return false;
        };
        let publishing = &mut participant.publishing;
        let mut known = |published: &proto::TrackPublishedResponse| {
            let Some(track) = &published.track else {
                return false;
            };
            let published = self.tracks.get(&TrackSid::from(track.sid.as_str()));
            published.is_some_and(|published| published.publisher == key)
                || publishing.pending.infos(&track.sid).next().is_some()
        };
        let known_data = |published: &proto::PublishDataTrackResponse| {
            let sid = published.info.as_ref().map(|info| info.sid.as_str());
            let published = sid.and_then(|sid| self.data_tracks.get(&TrackSid::from(sid)));
            published.is_some_and(|published| published.publisher == key)
        };
        state.publish_tracks.iter().all(&mut known)
            && state.publish_data_tracks.iter().all(known_data)
    }

    /// Asks a client to resume, because media has stopped coming.
    pub(crate) fn ask_to_resume(&mut self, key: ParticipantKey) {
        let Some(participant) = self.roster.get(key) else {
            return;
        };
        let protocol = participant.client.protocol();
        let cause = DisconnectCause::TransportFailed;
        if let Some(leave) = leave_request(LeaveAction::Resume, cause, protocol) {
            self.outputs
                .signal(participant.connection, Message::Leave(leave));
        }
        self.cut_signal(key);
    }

    fn cut_signal(&mut self, key: ParticipantKey) {
        if let Some(connection) = self.roster.connect(key, None) {
            self.outputs.push(Output::CloseSignal { connection });
        }
    }
}
