//! Who receives data tracks, and how their packets get there.

use std::sync::Arc;

use sfu_model::{Command, DataChannel, DataMessage, Now, TrackSid};

use super::DataPublications;
use crate::limits::{MAX_SID_BYTES, MAX_UNKNOWN_TRACKS};
use crate::participant_key::ParticipantKey;
use crate::proto;

/// Bytes of a data packet's header without extensions, and where its handle is.
const HEADER: usize = 12;
const HANDLE: std::ops::Range<usize> = 2..4;

impl DataPublications<'_> {
    /// Takes a client's choice of data tracks.
    pub(crate) fn handle_data_subscription(
        &mut self,
        now: Now,
        key: ParticipantKey,
        update: proto::UpdateDataSubscription,
    ) {
        for choice in update.updates {
            let sid = TrackSid::from(choice.track_sid);
            let Some(participant) = self.roster.get_mut(key) else {
                return;
            };
            let choices = &mut participant.data_interest.choices;
            let known = self.data_tracks.get(&sid).is_some() || choices.contains_key(&sid);
            let short = sid.as_str().len() <= MAX_SID_BYTES;
            if known || (short && choices.len() < MAX_UNKNOWN_TRACKS) {
                choices.insert(sid.clone(), choice.subscribe);
                self.reconcile_data(key, &sid);
            }
        }
        self.telling().schedule_numbers(now);
    }

    /// Has a participant receive all data tracks that it wants and may have, and no others.
    pub(crate) fn reconcile_all_data(&mut self, now: Now, key: ParticipantKey) {
        let tracks: Vec<_> = self.data_tracks.iter().map(|it| it.sid.clone()).collect();
        for sid in tracks {
            self.reconcile_data(key, &sid);
        }
        self.telling().schedule_numbers(now);
    }

    /// Makes a participant's subscription to a data track what it should be by now.
    pub(crate) fn reconcile_data(&mut self, key: ParticipantKey, sid: &TrackSid) {
        let (Some(participant), Some(track)) = (self.roster.get(key), self.data_tracks.get(sid))
        else {
            return;
        };
        let interest = &participant.data_interest;
        let choice = interest.choices.get(sid).copied();
        let publisher = self.roster.get(track.publisher);
        let permissions = publisher.map(|publisher| &publisher.publishing.permissions);
        let allowed = participant.is_recorder()
            || permissions.is_some_and(|it| it.allows(&participant.identity, sid));
        let receives = choice.unwrap_or(interest.automatic)
            && allowed
            && participant.can_receive()
            && track.publisher != key;
        let Some(track) = self.data_tracks.get_mut(sid) else {
            return;
        };
        let changed = match receives {
            true => track.subscribers.insert(key),
            false => track.subscribers.remove(&key),
        };
        if changed {
            self.telling().renumber_soon(key);
        }
    }

    /// Ends the data subscriptions of a participant who leaves.
    pub(crate) fn forget_data_subscriptions(&mut self, key: ParticipantKey) {
        let tracks: Vec<_> = self.data_tracks.iter().map(|it| it.sid.clone()).collect();
        for sid in tracks {
            if let Some(track) = self.data_tracks.get_mut(&sid) {
                track.subscribers.remove(&key);
            }
        }
    }

    /// Passes a packet of a data track on, under the number that its subscribers know.
    pub(crate) fn route_data_packet(&mut self, key: ParticipantKey, mut message: DataMessage) {
        if message.len() < HEADER {
            return;
        }
        let Some(handle) = Arc::make_mut(&mut message.payload).get_mut(HANDLE) else {
            return;
        };
        let source = handle.iter().fold(0, |it, byte| it << 8 | u16::from(*byte));
        let Some(track) = self.data_tracks.of_source(key, source) else {
            return;
        };
        handle.copy_from_slice(&track.handle.to_be_bytes());
        let subscribers = track.subscribers.iter();
        let active = subscribers.filter_map(|key| self.roster.get(*key).filter(|p| p.is_active()));
        let peers: Arc<[_]> = active.map(|p| p.transports.primary_peer()).collect();
        if !peers.is_empty() {
            self.outputs.media(Command::SendData {
                peers,
                channel: DataChannel::DataTrack,
                message,
            });
        }
    }
}
