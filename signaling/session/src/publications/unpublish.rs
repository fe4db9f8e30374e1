//! How tracks end.

use sfu_model::{Command, Mid, Now, TrackSid};

use super::Publications;
use crate::participant_key::ParticipantKey;
use crate::proto::signal_response::Message;
use crate::telling::describe;
use crate::track::Track;
use crate::{RoomNotice, TimerReason, proto};

impl Publications<'_> {
    /// Ends a track: for the shard, for its subscribers, for everybody.
    pub(super) fn unpublish(&mut self, now: Now, key: ParticipantKey, sid: &TrackSid) {
        let Some(cid) = self.end_track(now, key, sid) else {
            return;
        };
        if let Some(participant) = self.roster.get_mut(key) {
            participant.touch();
            let next = participant.publishing.pending.release(now.mono, &cid);
            self.watch_pending(key);
            self.telling().tell(now, key);
            if let Some(info) = next {
                self.tell_published(key, &cid, info);
            }
        }
    }

    /// Ends all tracks of a participant who leaves; the others will hear that it has left.
    pub(crate) fn unpublish_all(&mut self, now: Now, key: ParticipantKey) {
        let tracks = self.roster.get(key).map(|p| p.publishing.tracks.clone());
        for sid in tracks.unwrap_or_default() {
            self.end_track(now, key, &sid);
        }
    }

    /// Ends tracks that the participant may not publish (any more), and tells it so.
    pub(crate) fn revoke_tracks(&mut self, now: Now, key: ParticipantKey) {
        let Some(participant) = self.roster.get_mut(key) else {
            return;
        };
        let grant = participant.grant().clone();
        let may = |source: i32| grant.may_publish_source(auth::TrackSource::from_number(source));
        let publishing = &mut participant.publishing;
        publishing.pending.retain_sources(may);
        let tracks = publishing
            .tracks
            .iter()
            .filter_map(|sid| self.tracks.get(sid));
        let revoked: Vec<_> = tracks
            .filter(|track| !may(track.info.source))
            .map(|track| track.sid.clone())
            .collect();
        for sid in revoked {
            self.tell_unpublished(key, &sid);
            self.unpublish(now, key, &sid);
        }
    }

    pub(super) fn tell_unpublished(&mut self, key: ParticipantKey, sid: &TrackSid) {
        let Some(participant) = self.roster.get(key) else {
            return;
        };
        let track_sid = sid.as_str().to_owned();
        let message = match participant.client.protocol().takes_track_unpublished() {
            true => Message::TrackUnpublished(proto::TrackUnpublishedResponse { track_sid }),
            // Older clients are at least kept from sending.
            false => Message::Mute(proto::MuteTrackRequest {
                sid: track_sid,
                muted: true,
            }),
        };
        self.outputs.signal(participant.connection, message);
    }

    /// Takes all tracks of a participant out of the room while their media goes on.
    pub(crate) fn withdraw_all(&mut self, now: Now, key: ParticipantKey) -> Vec<Track> {
        let tracks = self.roster.get(key).map(|p| p.publishing.tracks.clone());
        let tracks = tracks.unwrap_or_default();
        let withdrawn = tracks.iter().map(|sid| self.withdraw(now, key, sid));
        withdrawn
            .collect::<Vec<_>>()
            .into_iter()
            .flatten()
            .collect()
    }

    /// Ends a track for the shard and takes it out of the room; returns the client's id of it.
    fn end_track(&mut self, now: Now, key: ParticipantKey, sid: &TrackSid) -> Option<String> {
        let publisher = self.roster.get(key);
        let is_elsewhere = publisher.is_some_and(|participant| participant.is_projected);
        let streams = &self.tracks.get(sid)?.streams;
        for stream in streams.iter().filter(|_| !is_elsewhere) {
            let publication = stream.publication;
            self.outputs.media(Command::Unpublish { publication });
        }
        Some(self.withdraw(now, key, sid)?.cid)
    }

    /// Takes a track out of the room, for everybody.
    pub(crate) fn withdraw(
        &mut self,
        now: Now,
        key: ParticipantKey,
        sid: &TrackSid,
    ) -> Option<Track> {
        let track = self.tracks.remove(sid)?;
        self.timers.cancel(&TimerReason::Demand(sid.clone()));
        self.timers.cancel(&TimerReason::Resize(sid.clone()));
        if let Some(participant) = self.roster.get_mut(key) {
            let publishing = &mut participant.publishing;
            publishing.tracks.retain(|other| other != sid);
            publishing
                .sections
                .retain(|_, section| section.track != *sid);
        }
        for subscriber in &track.subscribers {
            self.subscriptions()
                .drop_subscription(now, *subscriber, sid);
        }
        for other in self.roster.keys() {
            if let Some(participant) = self.roster.get_mut(other) {
                participant.subscribing.forget(sid);
            }
        }
        if let (Some(participant), true) = (self.roster.get(key), track.reported) {
            let ended = RoomNotice::TrackUnpublished {
                room: Box::new(self.room.describe(self.roster)),
                participant: Box::new(describe(participant, self.tracks, self.data_tracks)),
                track: Box::new(track.info.clone()),
            };
            self.outputs.notice(ended);
        }
        Some(track)
    }

    /// Ends the backup codec of a track. Its subscribers get the main one, if they can.
    pub(super) fn end_backup_stream(
        &mut self,
        now: Now,
        key: ParticipantKey,
        mid: Mid,
        sid: &TrackSid,
    ) {
        if let Some(participant) = self.roster.get_mut(key) {
            participant.publishing.sections.remove(&mid);
        }
        let Some(track) = self.tracks.get_mut(sid) else {
            return;
        };
        let Some(index) = track.streams.iter().position(|stream| stream.mid == mid) else {
            return;
        };
        let publication = track.streams.remove(index).publication;
        let subscribers: Vec<_> = track.subscribers.iter().copied().collect();
        self.tracks.unbind_publication(publication);
        self.outputs.media(Command::Unpublish { publication });
        for subscriber in subscribers {
            let subscribing = self.roster.get(subscriber).map(|p| &p.subscribing);
            let active = subscribing
                .and_then(|s| s.interest(sid))
                .and_then(|i| i.active.as_ref());
            if active.is_some_and(|active| active.publication == publication) {
                self.subscriptions().drop_subscription(now, subscriber, sid);
                self.subscriptions().reconcile(now, subscriber, sid);
            }
        }
    }
}
