//! Carries out the calls of LiveKit's RoomService.

use sfu_model::{Now, ParticipantIdentity, TrackSid};
use signaling_protocol::{DisconnectCause, LeaveAction};

use crate::participant_key::ParticipantKey;
use crate::proto::signal_response::Message;
use crate::{Room, RoomError, RoomReply, RoomRequest, proto};

impl Room {
    /// Carries out a call of the RoomService.
    ///
    /// # Errors
    ///
    /// Fails as the call is documented to; nothing has changed then.
    pub fn handle_request(
        &mut self,
        now: Now,
        request: RoomRequest,
    ) -> Result<RoomReply, RoomError> {
        if self.room.is_closed() {
            return Err(RoomError::RoomClosed);
        }
        match request {
            RoomRequest::UpdateRoom(update) => self.update_room(&update),
            RoomRequest::UpdateRoomMetadata { metadata } => self.update_room_metadata(metadata),
            RoomRequest::DeleteRoom => {
                self.close(now, DisconnectCause::RoomDeleted);
                Ok(RoomReply::Done)
            }
            RoomRequest::ListAccounts => {
                let accounts = self.accounts.read(now.mono, &self.roster);
                Ok(RoomReply::Accounts(accounts))
            }
            RoomRequest::ListParticipants => {
                Ok(RoomReply::Participants(self.visible_participants(None)))
            }
            RoomRequest::GetParticipant { identity } => self.get_participant(&identity),
            RoomRequest::RemoveParticipant { identity, reason } => {
                let key = self.find(identity.as_str())?;
                if let Some(reason) = reason {
                    self.tell_why_removed(key, reason);
                }
                let action = Some(LeaveAction::Disconnect);
                self.disconnect(now, key, DisconnectCause::Removed, action);
                Ok(RoomReply::Done)
            }
            RoomRequest::MutePublishedTrack {
                identity,
                track,
                muted,
            } => self.mute_published_track(now, &identity, &track, muted),
            RoomRequest::UpdateParticipant(update) => self.update_participant(now, *update),
            RoomRequest::UpdateSubscriptions(update) => {
                let key = self.find(&update.identity)?;
                let update = proto::UpdateSubscription {
                    track_sids: update.track_sids,
                    subscribe: update.subscribe,
                    participant_tracks: update.participant_tracks,
                };
                self.subscriptions().handle_subscription(now, key, &update);
                Ok(RoomReply::Done)
            }
            RoomRequest::SendData(request) => {
                self.messaging().send_data(now, *request)?;
                Ok(RoomReply::Done)
            }
            RoomRequest::ChangeMany { selection, change } => {
                self.change_many(now, &selection, &change)
            }
            RoomRequest::PerformRpc(request) => self.messaging().start_rpc(now, &request),
        }
    }

    pub(crate) fn find(&self, identity: &str) -> Result<ParticipantKey, RoomError> {
        self.roster
            .by_identity(identity)
            .ok_or(RoomError::ParticipantNotFound)
    }

    fn get_participant(&self, identity: &ParticipantIdentity) -> Result<RoomReply, RoomError> {
        let key = self.find(identity.as_str())?;
        self.describe_participant(key)
    }

    fn describe_participant(&self, key: ParticipantKey) -> Result<RoomReply, RoomError> {
        let participant = self.roster.get(key).ok_or(RoomError::ParticipantNotFound)?;
        let info = self.participant_info(participant);
        Ok(RoomReply::Participant(Box::new(info)))
    }

    /// Overrides what is given; zero and empty mean "not given", as in LiveKit.
    fn update_room(&mut self, update: &proto::CreateRoomRequest) -> Result<RoomReply, RoomError> {
        if !self.facts.limits.allow_metadata(&update.metadata) {
            return Err(RoomError::MetadataTooLarge);
        }
        self.room.update(update);
        self.watch_idleness();
        self.tell_room();
        Ok(RoomReply::Room(Box::new(self.info())))
    }

    fn update_room_metadata(&mut self, metadata: String) -> Result<RoomReply, RoomError> {
        if !self.facts.limits.allow_metadata(&metadata) {
            return Err(RoomError::MetadataTooLarge);
        }
        self.room.set_metadata(metadata);
        self.tell_room();
        Ok(RoomReply::Room(Box::new(self.info())))
    }

    fn mute_published_track(
        &mut self,
        now: Now,
        identity: &ParticipantIdentity,
        track: &TrackSid,
        muted: bool,
    ) -> Result<RoomReply, RoomError> {
        let key = self.find(identity.as_str())?;
        if !muted && !self.facts.enable_remote_unmute {
            return Err(RoomError::RemoteUnmuteDisabled);
        }
        let info = self.mute(now, key, track, muted);
        let info = info.ok_or(RoomError::TrackNotFound)?;
        Ok(RoomReply::Track(Box::new(info)))
    }

    /// Mutes a track for everybody, and tells its publisher. Returns it as it is then.
    pub(crate) fn mute(
        &mut self,
        now: Now,
        key: ParticipantKey,
        track: &TrackSid,
        muted: bool,
    ) -> Option<proto::TrackInfo> {
        let info = self
            .publications()
            .set_muted(now, key, track.as_str(), muted)?;
        let connection = self.roster.get(key).and_then(|p| p.connection);
        let mute = proto::MuteTrackRequest {
            sid: track.as_str().to_owned(),
            muted,
        };
        self.outputs.signal(connection, Message::Mute(mute));
        Some(info)
    }

    fn update_participant(
        &mut self,
        now: Now,
        update: proto::UpdateParticipantRequest,
    ) -> Result<RoomReply, RoomError> {
        let key = self.find(&update.identity)?;
        let metadata = proto::UpdateParticipantMetadata {
            metadata: update.metadata,
            name: update.name,
            attributes: update.attributes,
            request_id: 0,
        };
        self.update_metadata(now, key, &metadata)?;
        if let Some(permission) = &update.permission {
            self.set_permission(now, key, permission);
        }
        self.describe_participant(key)
    }
}
