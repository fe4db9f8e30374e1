//! Calls about many participants of a room at once: all of it happens before anything else does in the room.

use std::collections::BTreeSet;

use sfu_model::{Now, ParticipantIdentity, TrackSid};
use signaling_protocol::{DisconnectCause, LeaveAction};

use crate::change::{Change, ParticipantChange, Selection, TrackFilter};
use crate::participant_key::ParticipantKey;
use crate::{Done, Outcome, Room, RoomError, RoomReply, proto};

impl Room {
    /// Does the same to many participants, and tells what has become of each.
    pub(crate) fn change_many(
        &mut self,
        now: Now,
        selection: &Selection,
        change: &Change,
    ) -> Result<RoomReply, RoomError> {
        if matches!(change, Change::Mute { muted: false, .. }) && !self.facts.enable_remote_unmute {
            return Err(RoomError::RemoteUnmuteDisabled);
        }
        let selected = self.selected(selection);
        let outcomes = selected.into_iter().map(|identity| Outcome {
            result: self.change_one(now, &identity, change),
            identity,
        });
        Ok(RoomReply::Outcomes(outcomes.collect()))
    }

    /// Returns whom a selection names, in the order of the selection, else of joining.
    fn selected(&self, selection: &Selection) -> Vec<ParticipantIdentity> {
        match selection {
            Selection::Everybody { except } => {
                let everybody = self.roster.iter();
                let everybody = everybody.filter(|p| !p.is_hidden() && !p.is_dependent());
                let identities = everybody.map(|participant| participant.identity.clone());
                identities.filter(|it| !except.contains(it)).collect()
            }
            Selection::These(identities) => {
                let mut seen = BTreeSet::new();
                let identities = identities.iter();
                identities.filter(|it| seen.insert(*it)).cloned().collect()
            }
        }
    }

    fn change_one(
        &mut self,
        now: Now,
        identity: &ParticipantIdentity,
        change: &Change,
    ) -> Result<Done, RoomError> {
        let key = self.find(identity.as_str())?;
        match change {
            Change::Mute { muted, tracks } => {
                Ok(Done::Muted(self.mute_some(now, key, *muted, tracks)))
            }
            Change::Remove { reason } => {
                if let Some(reason) = reason {
                    self.tell_why_removed(key, reason.clone());
                }
                let action = Some(LeaveAction::Disconnect);
                self.disconnect(now, key, DisconnectCause::Removed, action);
                Ok(Done::Removed)
            }
            Change::Update(change) => {
                let info = self.change_participant(now, key, change)?;
                Ok(Done::Updated(Box::new(info)))
            }
        }
    }

    fn mute_some(
        &mut self,
        now: Now,
        key: ParticipantKey,
        muted: bool,
        filter: &TrackFilter,
    ) -> Vec<proto::TrackInfo> {
        let published = self.roster.get(key).map(|p| p.publishing.tracks.iter());
        let tracks = published.into_iter().flatten();
        let tracks = tracks.filter_map(|sid| self.tracks.get(sid));
        let tracks = tracks.filter(|track| filter.includes(track.kind(), &track.info));
        let tracks: Vec<TrackSid> = tracks
            .filter(|track| track.info.muted != muted)
            .map(|track| track.sid.clone())
            .collect();
        let changed = tracks.iter().map(|sid| self.mute(now, key, sid, muted));
        changed.collect::<Vec<_>>().into_iter().flatten().collect()
    }

    fn change_participant(
        &mut self,
        now: Now,
        key: ParticipantKey,
        change: &ParticipantChange,
    ) -> Result<proto::ParticipantInfo, RoomError> {
        let metadata = proto::UpdateParticipantMetadata {
            metadata: change.metadata.clone(),
            name: String::new(),
            attributes: change.attributes.clone(),
            request_id: 0,
        };
        self.update_metadata(now, key, &metadata)?;
        let permission = self.roster.get(key).map(|p| p.permission());
        let mut permission = permission.ok_or(RoomError::ParticipantNotFound)?;
        change.permission.apply(&mut permission);
        self.set_permission(now, key, &permission);
        let participant = self.roster.get(key).ok_or(RoomError::ParticipantNotFound)?;
        Ok(self.participant_info(participant))
    }
}
