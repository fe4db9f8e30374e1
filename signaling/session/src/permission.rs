//! What participants may do, and whom they let receive their tracks.

use std::collections::{BTreeMap, BTreeSet};

use sfu_model::{Now, ParticipantIdentity, TrackSid};

use crate::limits::{MAX_SID_BYTES, PERMISSION_SPACING};
use crate::participant_key::ParticipantKey;
use crate::track_permission::{AllowedTracks, TrackPermissions};
use crate::{Room, TimerReason, proto};

impl Room {
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
        self.publications().revoke_tracks(now, key);
        if !permission.can_publish_data {
            self.data_publications().end_data_tracks(key);
        }
        self.subscriptions().reconcile_all(now, key);
        self.data_publications().reconcile_all_data(now, key);
        if let Some(participant) = self.roster.get_mut(key) {
            let media = participant.grant().may_publish();
            let media = media && !participant.publishing.tracks.is_empty();
            let data = !participant.data_interest.published.is_empty();
            participant.is_publisher = media || data;
        }
        self.telling().tell(now, key);
        self.hide(key, was_hidden);
        self.refresh_token_soon(now, key);
        self.watch_idleness();
        match recorder {
            true => self.tell_room(),
            false => self.telling().counts_changed(now),
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
            let others = self.roster.connections(|other| other.connection != own);
            self.telling().send_update(others, vec![info]);
        }
    }

    /// Takes a publisher's word on who may receive its tracks. Its last word counts: those that follow each other
    /// closely take effect together.
    pub(crate) fn handle_subscription_permission(
        &mut self,
        now: Now,
        key: ParticipantKey,
        permission: proto::SubscriptionPermission,
    ) {
        let timer = TimerReason::TrackPermissions(key);
        let Some(permissions) = self.read_track_permissions(permission) else {
            return;
        };
        let Some(participant) = self.roster.get_mut(key) else {
            return;
        };
        participant.publishing.next_permissions = Some(permissions);
        match participant.publishing.permitted_at {
            Some(at) if at + PERMISSION_SPACING > now.mono => {
                self.timers.set_once(timer, at + PERMISSION_SPACING);
            }
            _ => self.apply_track_permissions(now, key),
        }
    }

    /// Has a publisher's last word on who may receive its tracks take effect.
    pub(crate) fn apply_track_permissions(&mut self, now: Now, key: ParticipantKey) {
        self.timers.cancel(&TimerReason::TrackPermissions(key));
        let Some(participant) = self.roster.get_mut(key) else {
            return;
        };
        let publishing = &mut participant.publishing;
        let Some(permissions) = publishing.next_permissions.take() else {
            return;
        };
        if permissions == publishing.permissions {
            return;
        }
        publishing.permissions = permissions;
        publishing.permitted_at = Some(now.mono);
        let tracks = participant.publishing.tracks.clone();
        let data_tracks = participant.data_interest.published.clone();
        for sid in tracks {
            self.subscriptions().offer_to_everybody(now, &sid);
        }
        for sid in data_tracks {
            for other in self.roster.keys() {
                self.data_publications().reconcile_data(other, &sid);
            }
        }
        self.telling().schedule_numbers(now);
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
                    let sids = sids.filter(|sid| sid.len() <= MAX_SID_BYTES);
                    AllowedTracks::These(sids.map(TrackSid::from).collect::<BTreeSet<_>>())
                }
            };
            allowed.insert(identity, tracks);
        }
        Some(TrackPermissions::Only(allowed))
    }
}
