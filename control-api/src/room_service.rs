//! `livekit.RoomService`.

use std::time::Duration;

use auth::{ApiKey, Claims, PermissionDenied};
use axum::Router;
use axum::body::{Body, HttpBody};
use axum::extract::{Extension, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, post};
use sfu_model::{RoomName, UnixTime};
use signaling::http::Caller;
use signaling::{RequestFailed, Rooms, random};
use signaling_protocol::{proto, sid};
use signaling_session::{RoomReply, RoomRequest};

use store::{Ban, BanTarget};

use crate::bans::{BanFailed, Bans, MAX_NAME, ban_audit};
use crate::body::{self, NoBody};
use crate::clock;
use crate::error::{Code, TwirpError};
use crate::field::{self, FieldError};
use crate::twirp::{Call, Form};
use crate::webhooks::Webhooks;

/// How long tokens stay banned that were revoked: longer than any that an app issues lives.
const REVOCATION: Duration = Duration::from_secs(366 * 86_400);

/// How far ahead tokens are revoked at most: a clock that is off, and no ban for ever.
const REVOKED_AHEAD: Duration = Duration::from_secs(86_400);

/// What the holder of such a token is told.
const REVOKED: &str = "the token was revoked";

/// What the API needs of the node.
#[derive(Clone, Debug)]
struct Api {
    rooms: Rooms,
    bans: Bans,
    webhooks: Webhooks,
    max_body: usize,
}

/// Returns the RoomService below `/twirp`; bodies above `max_body` bytes are refused.
pub fn routes(rooms: Rooms, bans: Bans, webhooks: Webhooks, max_body: usize) -> Router {
    Router::new()
        .route(
            "/twirp/livekit.RoomService/{method}",
            post(call).fallback(bad_route),
        )
        .route("/twirp/{*path}", any(bad_route))
        .with_state(Api {
            rooms,
            bans,
            webhooks,
            max_body,
        })
}

async fn bad_route(Path(path): Path<String>) -> TwirpError {
    TwirpError::new(Code::BadRoute, format!("no handler for path {path:?}"))
}

async fn call(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    Path(method): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let form = match Form::of(&headers) {
        Ok(form) => form,
        Err(error) => return error.into_response(),
    };
    let declared = body.size_hint().lower();
    let Some(verified) = caller.verified() else {
        // Every call needs a grant, so nothing of a stranger's body is kept.
        return match body::read(body, 0).await {
            Err(NoBody::TooLarge) if declared > api.max_body as u64 => too_large(),
            Ok(_) | Err(NoBody::TooLarge | NoBody::Late) => {
                TwirpError::permissions_denied().into_response()
            }
        };
    };
    if let Err(often) = api.rooms.await_call(&verified.token.key).await {
        return TwirpError::from(often).into_response();
    }
    let body = match body::read(body, api.max_body).await {
        Ok(body) => body,
        Err(NoBody::TooLarge) => return too_large(),
        Err(NoBody::Late) => return TwirpError::body_timeout().into_response(),
    };
    let service = RoomService {
        rooms: &api.rooms,
        bans: &api.bans,
        webhooks: &api.webhooks,
        key: &verified.token.key,
        claims: &verified.claims,
        call: Call { form, body },
    };
    let reply = service.dispatch(&method).await;
    if let Err(error) = &reply {
        tracing::debug!(method, code = ?error.code, %error, "API call refused");
    }
    reply.unwrap_or_else(IntoResponse::into_response)
}

fn too_large() -> Response {
    (StatusCode::PAYLOAD_TOO_LARGE, "request body too large").into_response()
}

/// One call with the caller's rights.
struct RoomService<'a> {
    rooms: &'a Rooms,
    bans: &'a Bans,
    webhooks: &'a Webhooks,
    key: &'a ApiKey,
    claims: &'a Claims,
    call: Call,
}

type Reply = Result<Response, TwirpError>;

impl RoomService<'_> {
    async fn dispatch(&self, method: &str) -> Reply {
        match method {
            "CreateRoom" => self.create_room().await,
            "ListRooms" => self.list_rooms(),
            "DeleteRoom" => self.delete_room().await,
            "ListParticipants" => self.list_participants().await,
            "GetParticipant" => self.get_participant().await,
            "RemoveParticipant" => self.remove_participant().await,
            "MutePublishedTrack" => self.mute_published_track().await,
            "UpdateParticipant" => self.update_participant().await,
            "UpdateSubscriptions" => self.update_subscriptions().await,
            "SendData" => self.send_data().await,
            "UpdateRoomMetadata" => self.update_room_metadata().await,
            "ForwardParticipant" => self.forward_participant().await,
            "MoveParticipant" => self.move_participant().await,
            "PerformRpc" => self.perform_rpc().await,
            _ => Err(TwirpError::new(
                Code::BadRoute,
                format!("no handler for method {method:?} of livekit.RoomService"),
            )),
        }
    }

    async fn create_room(&self) -> Reply {
        let request: proto::CreateRoomRequest = self.call.request()?;
        self.check(Claims::check_room_create)?;
        if request.name.is_empty() {
            return Err(TwirpError::new(Code::InvalidArgument, "no room name"));
        }
        self.check_room_name(&request.name)?;
        let settings = self.rooms.settings();
        if settings.limits.metadata_exceeded(&request.metadata) {
            let msg = "metadata size exceeds limits";
            return Err(TwirpError::new(Code::InvalidArgument, msg));
        }
        let preset = &request.room_preset;
        if !preset.is_empty() && !settings.presets.contains_key(preset) {
            let msg = "unknown room configuration in create room request";
            return Err(TwirpError::new(Code::InvalidArgument, msg));
        }
        let room = self.rooms.create(request).await?;
        // A room that answers has told of its beginning.
        let name = RoomName::from(room.name.as_str());
        let begun = self.rooms.request(&name, RoomRequest::ListParticipants);
        begun.await.ok();
        self.webhooks.settle().await;
        self.call.reply(&room)
    }

    fn list_rooms(&self) -> Reply {
        let request: proto::ListRoomsRequest = self.call.request()?;
        self.check(Claims::check_room_list)?;
        let rooms = self.rooms.list(&request.names);
        self.call.reply(&proto::ListRoomsResponse { rooms })
    }

    async fn delete_room(&self) -> Reply {
        let request: proto::DeleteRoomRequest = self.call.request()?;
        self.check(Claims::check_room_delete)?;
        self.ask(&request.room, RoomRequest::DeleteRoom).await?;
        self.webhooks.settle().await;
        self.call.reply(&proto::DeleteRoomResponse {})
    }

    async fn list_participants(&self) -> Reply {
        let request: proto::ListParticipantsRequest = self.call.request()?;
        self.check_admin(&request.room)?;
        let asked = RoomRequest::ListParticipants;
        let room = request.room.as_str().into();
        let participants = match self.rooms.request(&room, asked).await {
            // LiveKit's server lists nobody in a room that does not exist.
            Err(RequestFailed::NoRoom) => Vec::new(),
            Ok(RoomReply::Participants(participants)) => participants,
            Ok(reply) => return Err(unexpected(&reply)),
            Err(failed) => return Err(failed.into()),
        };
        self.call
            .reply(&proto::ListParticipantsResponse { participants })
    }

    async fn get_participant(&self) -> Reply {
        let request: proto::RoomParticipantIdentity = self.call.request()?;
        self.check_admin(&request.room)?;
        let identity = request.identity.into();
        let asked = RoomRequest::GetParticipant { identity };
        let reply = self.ask_participant(&request.room, asked).await?;
        let RoomReply::Participant(participant) = reply else {
            return Err(unexpected(&reply));
        };
        self.call.reply(participant.as_ref())
    }

    async fn remove_participant(&self) -> Reply {
        let request: proto::RoomParticipantIdentity = self.call.request()?;
        self.check_admin(&request.room)?;
        let revoked = self.revoke_tokens(&request).await?;
        let identity = request.identity.into();
        let asked = RoomRequest::RemoveParticipant {
            identity,
            reason: None,
        };
        let removed = self.ask_participant(&request.room, asked).await;
        if revoked == 0 {
            removed?;
        }
        self.webhooks.settle().await;
        self.call.reply(&proto::RemoveParticipantResponse {})
    }

    /// Bans the tokens of somebody from before `revoke_token_ts`, in the room. Returns how many sessions ended for it.
    ///
    /// Departure: LiveKit's server ignores it. Without it whoever is removed may come back, as there.
    async fn revoke_tokens(
        &self,
        request: &proto::RoomParticipantIdentity,
    ) -> Result<usize, TwirpError> {
        let Ok(before @ 1..) = u64::try_from(request.revoke_token_ts) else {
            return Ok(0);
        };
        let now = clock::now();
        let invalid = |error: FieldError| {
            let msg = format!("{}: {}", error.field, error.message);
            TwirpError::new(Code::InvalidArgument, msg)
        };
        let identity = field::name("identity", &request.identity, MAX_NAME).map_err(invalid)?;
        let room = field::name("room", &request.room, MAX_NAME).map_err(invalid)?;
        if before > now.0.as_secs() + REVOKED_AHEAD.as_secs() {
            let error = FieldError::new("revoke_token_ts", "it is more than a day ahead");
            return Err(invalid(error));
        }
        let ban = Ban {
            id: sid("BN_", random()),
            target: BanTarget::Tokens {
                identity: identity.into(),
                room: Some(room.into()),
                issued_before: UnixTime(Duration::from_secs(before)),
            },
            reason: REVOKED.to_owned(),
            author: self.key.to_string(),
            created_at: now,
            expires_at: Some(UnixTime(now.0 + REVOCATION)),
            lifted: None,
        };
        let audit = ban_audit(&ban);
        let added = self.bans.add(ban, audit).await;
        let unavailable = |failed: BanFailed| TwirpError::new(Code::Unavailable, failed.told());
        Ok(added.map_err(unavailable)?.removed)
    }

    async fn mute_published_track(&self) -> Reply {
        let request: proto::MuteRoomTrackRequest = self.call.request()?;
        self.check_admin(&request.room)?;
        let asked = RoomRequest::MutePublishedTrack {
            identity: request.identity.into(),
            track: request.track_sid.into(),
            muted: request.muted,
        };
        let reply = self.ask_participant(&request.room, asked).await?;
        let RoomReply::Track(track) = reply else {
            return Err(unexpected(&reply));
        };
        self.call.reply(&proto::MuteRoomTrackResponse {
            track: Some(*track),
        })
    }

    async fn update_participant(&self) -> Reply {
        let request: proto::UpdateParticipantRequest = self.call.request()?;
        self.check_admin(&request.room)?;
        let room = request.room.clone();
        let asked = RoomRequest::UpdateParticipant(Box::new(request));
        let reply = self.ask_participant(&room, asked).await?;
        let RoomReply::Participant(participant) = reply else {
            return Err(unexpected(&reply));
        };
        self.call.reply(participant.as_ref())
    }

    async fn update_subscriptions(&self) -> Reply {
        let request: proto::UpdateSubscriptionsRequest = self.call.request()?;
        self.check_admin(&request.room)?;
        let room = request.room.clone();
        let asked = RoomRequest::UpdateSubscriptions(Box::new(request));
        self.ask_participant(&room, asked).await?;
        self.call.reply(&proto::UpdateSubscriptionsResponse {})
    }

    async fn send_data(&self) -> Reply {
        let request: proto::SendDataRequest = self.call.request()?;
        self.check_admin(&request.room)?;
        let room = request.room.clone();
        let asked = RoomRequest::SendData(Box::new(request));
        self.ask(&room, asked).await?;
        self.call.reply(&proto::SendDataResponse {})
    }

    async fn update_room_metadata(&self) -> Reply {
        let request: proto::UpdateRoomMetadataRequest = self.call.request()?;
        self.check_admin(&request.room)?;
        let metadata = request.metadata;
        let asked = RoomRequest::UpdateRoomMetadata { metadata };
        let reply = self.ask(&request.room, asked).await?;
        let RoomReply::Room(room) = reply else {
            return Err(unexpected(&reply));
        };
        self.call.reply(room.as_ref())
    }

    async fn forward_participant(&self) -> Reply {
        let request: proto::ForwardParticipantRequest = self.call.request()?;
        self.check_destination(&request.room, &request.destination_room)?;
        self.check_room_name(&request.destination_room)?;
        let room = request.room.as_str().into();
        let identity = request.identity.into();
        let destination = request.destination_room.as_str().into();
        let forwarded = self
            .rooms
            .forward_participant(&room, &identity, &destination);
        forwarded.await?;
        self.webhooks.settle().await;
        self.call.reply(&proto::ForwardParticipantResponse {})
    }

    async fn move_participant(&self) -> Reply {
        let request: proto::MoveParticipantRequest = self.call.request()?;
        self.check_destination(&request.room, &request.destination_room)?;
        self.check_room_name(&request.destination_room)?;
        let room = request.room.as_str().into();
        let identity = request.identity.into();
        let destination = request.destination_room.as_str().into();
        let moved = self.rooms.move_participant(&room, &identity, &destination);
        moved.await?;
        self.webhooks.settle().await;
        self.call.reply(&proto::MoveParticipantResponse {})
    }

    /// Checks that the caller may have a participant of `room` in `destination`, which is another one.
    fn check_destination(&self, room: &str, destination: &str) -> Result<(), TwirpError> {
        self.check(|claims| claims.check_destination(room, destination))?;
        if destination.is_empty() {
            return Err(TwirpError::new(Code::InvalidArgument, "no room name"));
        }
        if room == destination {
            let msg = "destination room cannot be the same as source room";
            return Err(TwirpError::new(Code::InvalidArgument, msg));
        }
        Ok(())
    }

    async fn perform_rpc(&self) -> Reply {
        let request: proto::PerformRpcRequest = self.call.request()?;
        self.check_admin(&request.room)?;
        let room = RoomName::from(request.room.as_str());
        let payload = self.rooms.perform_rpc(&room, request).await?;
        self.call.reply(&proto::PerformRpcResponse { payload })
    }

    async fn ask(&self, room: &str, request: RoomRequest) -> Result<RoomReply, TwirpError> {
        Ok(self.rooms.request(&room.into(), request).await?)
    }

    /// Asks about a participant: where the room is missing, so is the participant.
    async fn ask_participant(
        &self,
        room: &str,
        request: RoomRequest,
    ) -> Result<RoomReply, TwirpError> {
        let reply = self.rooms.request(&room.into(), request).await;
        reply.map_err(|failed| match failed {
            RequestFailed::NoRoom => TwirpError::new(Code::NotFound, "participant does not exist"),
            RequestFailed::RoomBusy
            | RequestFailed::Draining
            | RequestFailed::Refused(_)
            | RequestFailed::NotTaken(_)
            | RequestFailed::Rpc(_) => failed.into(),
        })
    }

    fn check_room_name(&self, name: &str) -> Result<(), TwirpError> {
        let max = self.rooms.settings().limits.room_name;
        if max > 0 && name.len() > max {
            let msg = format!("room name length exceeds limits: max length {max}");
            return Err(TwirpError::new(Code::InvalidArgument, msg));
        }
        Ok(())
    }

    fn check_admin(&self, room: &str) -> Result<(), TwirpError> {
        self.check(|claims| claims.check_room_admin(room))
    }

    fn check(
        &self,
        allows: impl FnOnce(&Claims) -> Result<(), PermissionDenied>,
    ) -> Result<(), TwirpError> {
        allows(self.claims).map_err(|PermissionDenied| TwirpError::permissions_denied())
    }
}

fn unexpected(reply: &RoomReply) -> TwirpError {
    tracing::error!(?reply, "A room replied to another question than was asked");
    TwirpError::new(Code::Internal, "operation cannot be completed")
}

#[cfg(test)]
mod tests;
