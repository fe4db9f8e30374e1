//! What clients send on their signalling connection.

use sfu_model::Now;
use signaling_protocol::{CandidateInit, DisconnectCause};

use crate::participant_key::ParticipantKey;
use crate::proto::request_response::{Reason, Request};
use crate::proto::signal_request::Message;
use crate::proto::signal_response::Message as Response;
use crate::respond::{respond, response};
use crate::{ConnectionId, Room, proto};

impl Room {
    /// Takes a client's message. One from a connection that is not a participant's (any more) is
    /// ignored.
    pub fn handle_signal(
        &mut self,
        now: Now,
        connection: ConnectionId,
        request: proto::SignalRequest,
    ) {
        let Some(key) = self.roster.by_connection(connection) else {
            return;
        };
        let Some(participant) = self.roster.get_mut(key) else {
            return;
        };
        participant.last_signal = now.mono;
        if let Some(message) = request.message {
            self.dispatch(now, key, message);
        }
    }

    fn dispatch(&mut self, now: Now, key: ParticipantKey, message: Message) {
        match message {
            Message::Offer(offer) => self.handle_offer(now, key, &offer),
            Message::Answer(answer) => self.handle_answer(now, key, &answer),
            Message::Trickle(trickle) => self.handle_trickle(now, key, trickle),
            Message::AddTrack(request) => self.publications().handle_add_track(now, key, request),
            Message::Mute(mute) => self.publications().handle_mute(now, key, mute),
            Message::Subscription(update) => {
                self.subscriptions().handle_subscription(now, key, &update);
            }
            Message::TrackSetting(settings) => self
                .subscriptions()
                .handle_track_settings(now, key, settings),
            Message::Leave(leave) => {
                self.disconnect(now, key, DisconnectCause::of_client(&leave), None);
            }
            Message::SubscriptionPermission(permission) => {
                self.handle_subscription_permission(now, key, permission);
            }
            Message::SyncState(state) => self.handle_sync_state(now, key, state),
            Message::Simulate(scenario) => self.handle_simulate(now, key, scenario),
            Message::Ping(_) => self.handle_ping(now, key),
            Message::PingReq(ping) => self.handle_ping_req(now, key, ping),
            Message::UpdateMetadata(update) => self.handle_update_metadata(now, key, update),
            Message::UpdateAudioTrack(update) => self
                .publications()
                .handle_update_audio_track(now, key, update),
            Message::UpdateVideoTrack(update) => self
                .publications()
                .handle_update_video_track(now, key, update),
            Message::PublishDataTrackRequest(request) => {
                self.data_publications()
                    .handle_publish_data_track(now, key, request);
            }
            Message::UnpublishDataTrackRequest(request) => {
                self.data_publications()
                    .handle_unpublish_data_track(now, key, request);
            }
            Message::UpdateDataSubscription(update) => {
                self.data_publications()
                    .handle_data_subscription(now, key, update);
            }
            Message::StoreDataBlobRequest(request) => {
                self.refuse(key, request.request_id);
            }
            Message::GetDataBlobRequest(request) => {
                self.refuse(key, request.request_id);
            }
            // Layers are read from the media.
            Message::UpdateLayers(_) => {}
        }
    }

    /// We are ICE-lite: the client's candidates are learnt from its checks. One that cannot be read
    /// is still reported. Any says that the client has set its offer, and is ready for the answer.
    fn handle_trickle(&mut self, now: Now, key: ParticipantKey, trickle: proto::TrickleRequest) {
        self.answer_join_offer(now, key);
        if trickle.candidate_init.is_empty() && trickle.r#final {
            return;
        }
        if let Err(error) = CandidateInit::read(&trickle.candidate_init) {
            let request = Request::Trickle(trickle);
            let response = response(Reason::UnclassifiedError, error.to_string(), request);
            respond(self.roster.get(key), response, &mut self.outputs);
        }
    }

    fn handle_ping(&mut self, now: Now, key: ParticipantKey) {
        let connection = self.roster.get(key).and_then(|p| p.connection);
        let pong = Response::Pong(now.unix.millis());
        self.outputs.signal(connection, pong);
    }

    fn handle_ping_req(&mut self, now: Now, key: ParticipantKey, ping: proto::Ping) {
        let connection = self.roster.get(key).and_then(|p| p.connection);
        let pong = Response::PongResp(proto::Pong {
            last_ping_timestamp: ping.timestamp,
            timestamp: now.unix.millis(),
        });
        self.outputs.signal(connection, pong);
    }

    /// Refuses what no client may do.
    fn refuse(&mut self, key: ParticipantKey, request_id: u32) {
        let response = proto::RequestResponse {
            request_id,
            reason: Reason::NotAllowed.into(),
            ..proto::RequestResponse::default()
        };
        respond(self.roster.get(key), response, &mut self.outputs);
    }
}
