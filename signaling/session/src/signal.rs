//! What clients send on their signalling connection.

use sfu_model::Now;
use signaling_protocol::{CandidateInit, DisconnectCause};

use crate::participant_key::ParticipantKey;
use crate::proto::request_response::{Reason, Request};
use crate::proto::signal_request::Message;
use crate::proto::signal_response::Message as Response;
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
            Message::Trickle(trickle) => self.handle_trickle(key, trickle),
            Message::AddTrack(request) => self.handle_add_track(now, key, request),
            Message::Mute(mute) => self.handle_mute(now, key, mute),
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
            Message::UpdateAudioTrack(update) => self.handle_update_audio_track(now, key, update),
            Message::UpdateVideoTrack(update) => self.handle_update_video_track(now, key, update),
            Message::PublishDataTrackRequest(request) => {
                self.handle_publish_data_track(now, key, request);
            }
            Message::UnpublishDataTrackRequest(request) => {
                self.handle_unpublish_data_track(now, key, request);
            }
            Message::UpdateDataSubscription(update) => {
                self.handle_data_subscription(now, key, update);
            }
            Message::StoreDataBlobRequest(request) => {
                self.refuse(key, request.request_id, Reason::NotAllowed);
            }
            Message::GetDataBlobRequest(request) => {
                self.refuse(key, request.request_id, Reason::NotAllowed);
            }
            // Layers are read from the media.
            Message::UpdateLayers(_) => {}
        }
    }

    /// We are ICE-lite: the client's candidates are learnt from its checks. One that cannot be read
    /// is still reported.
    fn handle_trickle(&mut self, key: ParticipantKey, trickle: proto::TrickleRequest) {
        if trickle.candidate_init.is_empty() && trickle.r#final {
            return;
        }
        if let Err(error) = CandidateInit::read(&trickle.candidate_init) {
            let message = error.to_string();
            let request = Request::Trickle(trickle);
            self.respond(key, 0, Reason::UnclassifiedError, &message, request);
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

    fn refuse(&mut self, key: ParticipantKey, request_id: u32, reason: Reason) {
        self.send_response(key, request_id, reason, "", None);
    }

    /// Answers a client's request, with the request itself.
    pub(crate) fn respond(
        &mut self,
        key: ParticipantKey,
        request_id: u32,
        reason: Reason,
        message: &str,
        request: Request,
    ) {
        self.send_response(key, request_id, reason, message, Some(request));
    }

    fn send_response(
        &mut self,
        key: ParticipantKey,
        request_id: u32,
        reason: Reason,
        message: &str,
        request: Option<Request>,
    ) {
        let Some(participant) = self.roster.get(key) else {
            return;
        };
        let client = &participant.client;
        let welcome = client.takes_track_subscribed()
            && (reason != Reason::Ok || client.protocol().takes_successful_request_response());
        if welcome {
            let response = proto::RequestResponse {
                request_id,
                reason: reason.into(),
                message: message.to_owned(),
                request,
            };
            self.outputs
                .signal(participant.connection, Response::RequestResponse(response));
        }
    }
}
