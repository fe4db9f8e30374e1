//! Requests to publish: what is answered before any media comes.

use sfu_model::{Codec, Now, TrackSid};
use signaling_protocol::track_sid;

use super::Publications;
use crate::codecs;
use crate::participant_key::ParticipantKey;
use crate::pending_tracks::{TooMany, WaitsFor};
use crate::proto::request_response::{Reason, Request};
use crate::proto::signal_response::Message;
use crate::respond::{respond, response};
use crate::track::codec_of;
use crate::{TimerReason, proto, track_request};

impl Publications<'_> {
    /// Takes a client's wish to publish.
    pub(crate) fn handle_add_track(
        &mut self,
        now: Now,
        key: ParticipantKey,
        request: proto::AddTrackRequest,
    ) {
        let Some(participant) = self.roster.get(key) else {
            return;
        };
        if !track_request::has_short_texts(&request) {
            let message = "exceeds track name or id length limit";
            let request = Request::AddTrack(request);
            let response = response(Reason::LimitExceeded, message, request);
            respond(self.roster.get(key), response, self.outputs);
            return;
        }
        let accepted = match request.r#type() {
            _ if !participant.can_publish(request.source) => Err(Reason::NotAllowed.into()),
            proto::TrackType::Data => Err(Reason::UnsupportedType.into()),
            _ if !request.sid.is_empty() => self.add_backup_codec(key, &request),
            proto::TrackType::Audio | proto::TrackType::Video => {
                self.add_pending_track(now, key, &request)
            }
        };
        match accepted {
            Ok(track) => {
                self.tell_published(key, &request.cid, track);
                self.explain_sections(now, key);
            }
            Err(Refusal { reason, message }) => {
                let response = response(reason, message, Request::AddTrack(request));
                respond(self.roster.get(key), response, self.outputs);
            }
        }
    }

    pub(super) fn tell_published(
        &mut self,
        key: ParticipantKey,
        cid: &str,
        track: proto::TrackInfo,
    ) {
        let connection = self.roster.get(key).and_then(|p| p.connection);
        let published = proto::TrackPublishedResponse {
            cid: cid.to_owned(),
            track: Some(track),
        };
        self.outputs
            .signal(connection, Message::TrackPublished(published));
    }

    /// Writes down in which client track a codec of a published track will come.
    fn add_backup_codec(
        &mut self,
        key: ParticipantKey,
        request: &proto::AddTrackRequest,
    ) -> Result<proto::TrackInfo, Refusal> {
        let sid = TrackSid::from(request.sid.as_str());
        let track = self.tracks.get_mut(&sid);
        let track = track
            .filter(|track| track.publisher == key)
            .ok_or(Reason::NotFound)?;
        for asked in &request.simulcast_codecs {
            let codec = codec_of(&asked.codec);
            let mut known = track.info.codecs.iter_mut();
            let known = known.find(|known| codec_of(&known.mime_type) == codec);
            if let Some(known) = known {
                known.cid.clone_from(&asked.cid);
                if !asked.layers.is_empty() {
                    known.layers = track_request::sorted(&asked.layers);
                }
            }
        }
        Ok(track.info.clone())
    }

    /// Writes a request down until its media comes.
    fn add_pending_track(
        &mut self,
        now: Now,
        key: ParticipantKey,
        request: &proto::AddTrackRequest,
    ) -> Result<proto::TrackInfo, Refusal> {
        let random = self.ids.random();
        let participant = self.roster.get_mut(key).ok_or(Reason::NotFound)?;
        let policy = codecs::codec_policy(&participant.client, &self.room.options().codecs);
        let publishable: Vec<Codec> =
            codecs::publishable_codecs(&policy, &self.room.options().codecs)
                .into_iter()
                .map(|enabled| enabled.codec)
                .collect();
        let publishing = &mut participant.publishing;
        if let Some(sid) = publishing.pending.sid_of(&request.cid) {
            // Asking again is asking for the same, which has its sid already.
            let info = track_request::describe(&sid, request, &publishable);
            let queued = publishing.pending.queue(&request.cid, info);
            return Err(queued.map_or_else(Refusal::too_many_queued, |()| Reason::Queued.into()));
        }
        let published = publishing.tracks.iter();
        let published = published
            .filter_map(|sid| self.tracks.get(sid))
            .any(|track| track.cid == request.cid);
        let waits_for = match published {
            true => WaitsFor::Unpublishing,
            false => WaitsFor::Media,
        };
        let sid = track_sid(request.r#type(), request.source(), random);
        let info = track_request::describe(&sid, request, &publishable);
        let added = publishing
            .pending
            .add(now.mono, &request.cid, info.clone(), waits_for);
        added.map_err(Refusal::too_many_pending)?;
        self.watch_pending(key);
        match waits_for {
            WaitsFor::Unpublishing => Err(Reason::Queued.into()),
            WaitsFor::Media => Ok(info),
        }
    }

    /// Sees to it that requests are given up whose media does not come.
    pub(crate) fn watch_pending(&mut self, key: ParticipantKey) {
        let participant = self.roster.get(key);
        if let Some(at) = participant.and_then(|p| p.publishing.pending.next_expiry()) {
            self.timers.set_once(TimerReason::PendingTracks(key), at);
        }
    }

    /// Gives up requests whose media has not come, and tells the client so.
    pub(crate) fn expire_pending(&mut self, now: Now, key: ParticipantKey) {
        let Some(participant) = self.roster.get_mut(key) else {
            return;
        };
        for sid in participant.publishing.pending.expire(now.mono) {
            self.tell_unpublished(key, &sid);
        }
        self.watch_pending(key);
    }
}

/// Why a request to publish is not carried out, or not yet.
#[derive(Debug)]
struct Refusal {
    reason: Reason,
    message: String,
}

impl Refusal {
    /// In LiveKit's words.
    fn too_many_pending(waiting: TooMany) -> Self {
        let message = format!(
            "too many pending tracks, rejecting new track, numPendingTracks: {}",
            waiting.0
        );
        Self {
            reason: Reason::LimitExceeded,
            message,
        }
    }

    /// In LiveKit's words.
    fn too_many_queued(waiting: TooMany) -> Self {
        let message = format!(
            "too many pending queued tracks, rejecting new track, numPendingTracksQueued: {}",
            waiting.0
        );
        Self {
            reason: Reason::LimitExceeded,
            message,
        }
    }
}

impl From<Reason> for Refusal {
    fn from(reason: Reason) -> Self {
        Self {
            reason,
            message: String::new(),
        }
    }
}
