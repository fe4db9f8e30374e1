use std::collections::{BTreeMap, BTreeSet};

use sfu_model::{Now, ParticipantIdentity, TrackSid};

use crate::Room;
use crate::participant::ParticipantKey;
use crate::proto;
use crate::proto::request_response::{Reason, Request};
use crate::track_permission::{AllowedTracks, TrackPermissions};

impl Room {
    /// Takes a client's change of its own name, metadata and attributes.
    pub(crate) fn handle_update_metadata(
        &mut self,
        now: Now,
        key: ParticipantKey,
        update: proto::UpdateParticipantMetadata,
    ) {
        let Some(participant) = self.roster.get(key) else {
            return;
        };
        let limits = &self.facts.limits;
        let (reason, message) = if !participant.grant().may_update_own_metadata() {
            let message = "does not have permission to update own metadata";
            (Reason::NotAllowed, message)
        } else if !limits.allow_name(&update.name) {
            (Reason::LimitExceeded, "exceeds name length limit")
        } else if !limits.allow_metadata(&update.metadata) {
            (Reason::LimitExceeded, "exceeds metadata size limit")
        } else if !limits.allow_attributes(&update.attributes) {
            (Reason::LimitExceeded, "exceeds attributes size limit")
        } else {
            self.update_metadata(now, key, &update);
            (Reason::Ok, "")
        };
        let id = update.request_id;
        self.respond(key, id, reason, message, Request::UpdateMetadata(update));
    }

    /// Changes what is given of a participant's name, metadata and attributes, and tells of it.
    pub(crate) fn update_metadata(
        &mut self,
        now: Now,
        key: ParticipantKey,
        update: &proto::UpdateParticipantMetadata,
    ) {
        let Some(participant) = self.roster.get_mut(key) else {
            return;
        };
        let mut changed = !update.name.is_empty() && participant.set_name(&update.name);
        changed |= !update.metadata.is_empty() && participant.set_metadata(&update.metadata);
        changed |= participant.merge_attributes(update.attributes.clone());
        if changed {
            participant.touch();
            self.tell_now(key);
            self.refresh_token(now, key);
        }
    }

    /// Replaces what a participant may do, with all that follows: tracks that it may not publish end,
    /// subscriptions end or begin, the token says so.
    pub(crate) fn set_permission(
        &mut self,
        now: Now,
        key: ParticipantKey,
        permission: &proto::ParticipantPermission,
    ) {
        let Some(participant) = self.roster.get_mut(key) else {
            return;
        };
        let was_hidden = participant.is_hidden();
        let was_recorder = participant.is_recorder();
        if !participant.set_permission(permission) {
            return;
        }
        participant.touch();
        let recorder = participant.is_recorder() != was_recorder;
        self.revoke_tracks(now, key);
        if !permission.can_publish_data {
            self.end_data_tracks(key);
        }
        self.reconcile_all(now, key);
        self.reconcile_all_data(key);
        if let Some(participant) = self.roster.get_mut(key) {
            let media = participant.grant().may_publish();
            let media = media && !participant.publishing.tracks.is_empty();
            let data = !participant.data_interest.published.is_empty();
            participant.is_publisher = media || data;
        }
        self.tell_now(key);
        self.hide(key, was_hidden);
        self.refresh_token(now, key);
        self.watch_idleness();
        match recorder {
            true => self.tell_room(),
            false => self.counts_changed(now),
        }
    }

    /// Lets a participant that has become hidden vanish for the others.
    fn hide(&mut self, key: ParticipantKey, was_hidden: bool) {
        let Some(participant) = self.roster.get(key) else {
            return;
        };
        if participant.is_hidden() && !was_hidden {
            let mut info = participant.info(Vec::new(), Vec::new());
            info.set_state(proto::participant_info::State::Disconnected);
            let own = participant.connection;
            let others = self.connections(|other| other.connection != own);
            self.send_update(others, vec![info]);
        }
    }

    /// Takes a publisher's word on who may receive its tracks.
    pub(crate) fn handle_subscription_permission(
        &mut self,
        now: Now,
        key: ParticipantKey,
        permission: proto::SubscriptionPermission,
    ) {
        let Some(permissions) = self.read_track_permissions(permission) else {
            return;
        };
        let Some(participant) = self.roster.get_mut(key) else {
            return;
        };
        participant.publishing.permissions = permissions;
        let tracks = participant.publishing.tracks.clone();
        let data_tracks = participant.data_interest.published.clone();
        for sid in tracks {
            self.offer_to_everybody(now, &sid);
        }
        for sid in data_tracks {
            for other in self.roster.keys() {
                self.reconcile_data(other, &sid);
            }
        }
    }

    /// Reads who may receive what. One who is named by neither identity nor sid spoils it all, one
    /// whose sid nobody has is left out.
    fn read_track_permissions(
        &self,
        permission: proto::SubscriptionPermission,
    ) -> Option<TrackPermissions> {
        if permission.all_participants {
            return Some(TrackPermissions::Everybody);
        }
        let mut allowed: BTreeMap<ParticipantIdentity, AllowedTracks> = BTreeMap::new();
        for track_permission in permission.track_permissions {
            let sid = track_permission.participant_sid.as_str();
            let identity = track_permission.participant_identity.as_str();
            let identity = match (identity, sid) {
                ("", "") => return None,
                ("", sid) => {
                    let named = self.roster.by_sid(sid);
                    let named = named.and_then(|key| self.roster.get(key));
                    match named {
                        Some(participant) => participant.identity.clone(),
                        None => continue,
                    }
                }
                (identity, _) => ParticipantIdentity::from(identity),
            };
            let tracks = match track_permission.all_tracks {
                true => AllowedTracks::All,
                false => {
                    let sids = track_permission.track_sids.into_iter();
                    AllowedTracks::These(sids.map(TrackSid::from).collect::<BTreeSet<_>>())
                }
            };
            allowed.insert(identity, tracks);
        }
        Some(TrackPermissions::Only(allowed))
    }
}
