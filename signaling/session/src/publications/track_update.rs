//! What publishers change of their tracks.

use sfu_model::{Now, TrackSid};

use super::Publications;
use crate::limits::RESIZE_DELAY;
use crate::participant_key::ParticipantKey;
use crate::proto::AudioTrackFeature;
use crate::proto::request_response::{Reason, Request};
use crate::respond::{respond, response};
use crate::track_request::without_repeats;
use crate::{TimerReason, proto};

impl Publications<'_> {
    /// Takes a client's word that its own track is muted, or no longer.
    pub(crate) fn handle_mute(
        &mut self,
        now: Now,
        key: ParticipantKey,
        mute: proto::MuteTrackRequest,
    ) {
        if self.set_muted(now, key, &mute.sid, mute.muted).is_none() {
            let response = response(Reason::NotFound, "", Request::Mute(mute));
            respond(self.roster.get(key), response, self.outputs);
        }
    }

    /// Marks a track of a participant, published or requested; returns it.
    pub(crate) fn set_muted(
        &mut self,
        now: Now,
        key: ParticipantKey,
        sid: &str,
        muted: bool,
    ) -> Option<proto::TrackInfo> {
        self.change_track(now, key, sid, |track| track.muted = muted)
    }

    pub(crate) fn handle_update_audio_track(
        &mut self,
        now: Now,
        key: ParticipantKey,
        update: proto::UpdateLocalAudioTrack,
    ) {
        let features = without_repeats(&update.features);
        let has = |feature: AudioTrackFeature| features.contains(&i32::from(feature));
        let stereo = has(AudioTrackFeature::TfStereo);
        let disable_dtx = has(AudioTrackFeature::TfNoDtx);
        let change = |track: &mut proto::TrackInfo| {
            track.audio_features.clone_from(&features);
            track.stereo = stereo;
            track.disable_dtx = disable_dtx;
        };
        if self
            .change_track(now, key, &update.track_sid, change)
            .is_none()
        {
            let request = Request::UpdateAudioTrack(update);
            let response = response(Reason::NotFound, "", request);
            respond(self.roster.get(key), response, self.outputs);
        }
    }

    pub(crate) fn handle_update_video_track(
        &mut self,
        now: Now,
        key: ParticipantKey,
        update: proto::UpdateLocalVideoTrack,
    ) {
        let change = |track: &mut proto::TrackInfo| {
            track.width = update.width;
            track.height = update.height;
        };
        if self
            .change_track(now, key, &update.track_sid, change)
            .is_none()
        {
            let request = Request::UpdateVideoTrack(update);
            let response = response(Reason::NotFound, "", request);
            respond(self.roster.get(key), response, self.outputs);
        }
    }

    /// Changes a track of a participant and tells of it if it is published; a change to a requested
    /// one is told with its publication.
    fn change_track(
        &mut self,
        now: Now,
        key: ParticipantKey,
        sid: &str,
        change: impl Fn(&mut proto::TrackInfo),
    ) -> Option<proto::TrackInfo> {
        let version = self.ids.version(now.unix);
        let sid = TrackSid::from(sid);
        let participant = self.roster.get_mut(key)?;
        let mut result = None;
        for info in participant.publishing.pending.infos(sid.as_str()) {
            change(info);
            result = Some(info.clone());
        }
        let track = self.tracks.get_mut(&sid);
        let Some(track) = track.filter(|track| track.publisher == key) else {
            return result;
        };
        let before = track.info.clone();
        change(&mut track.info);
        if track.info == before {
            return Some(before);
        }
        track.info.version = Some(version);
        let info = track.info.clone();
        if (before.width, before.height) != (info.width, info.height) {
            let at = now.mono + RESIZE_DELAY;
            self.timers.set_once(TimerReason::Resize(sid.clone()), at);
        }
        self.subscriptions().demand_changed(now, &sid);
        if let Some(participant) = self.roster.get_mut(key) {
            participant.touch();
            self.telling().tell(now, key);
        }
        Some(info)
    }

    /// Has subscribers get the layers that a track's size comes to.
    pub(crate) fn handle_resize(&mut self, now: Now, sid: &TrackSid) {
        let track = self.tracks.get(sid);
        let subscribers: Vec<_> = track
            .iter()
            .flat_map(|it| &it.subscribers)
            .copied()
            .collect();
        for subscriber in subscribers {
            self.subscriptions().apply_settings(now, subscriber, sid);
        }
    }
}
