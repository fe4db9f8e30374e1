use std::collections::VecDeque;

use sfu_model::{Codec, Now, TrackSid};
use signaling_protocol::track_sid;

use crate::codecs;
use crate::participant::ParticipantKey;
use crate::proto::request_response::{Reason, Request};
use crate::proto::signal_response::Message;
use crate::publishing::{PendingTrack, Publishing};
use crate::track::codec_of;
use crate::{Room, proto, track_request};

impl Room {
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
        let accepted = match request.r#type() {
            _ if !participant.can_publish(request.source) => Err(Reason::NotAllowed),
            proto::TrackType::Data => Err(Reason::UnsupportedType),
            _ if !request.sid.is_empty() => self.add_backup_codec(key, &request),
            proto::TrackType::Audio | proto::TrackType::Video => {
                self.add_pending_track(key, &request)
            }
        };
        match accepted {
            Ok(track) => {
                self.tell_published(key, &request.cid, track);
                self.explain_sections(now, key);
            }
            Err(reason) => {
                let message = if reason == Reason::LimitExceeded {
                    "too many pending tracks"
                } else {
                    ""
                };
                self.respond(key, 0, reason, message, Request::AddTrack(request));
            }
        }
    }

    pub(crate) fn tell_published(
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
        self.outbox
            .signal(connection, Message::TrackPublished(published));
    }

    /// Writes down in which client track a codec of a published track will come.
    fn add_backup_codec(
        &mut self,
        key: ParticipantKey,
        request: &proto::AddTrackRequest,
    ) -> Result<proto::TrackInfo, Reason> {
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
        key: ParticipantKey,
        request: &proto::AddTrackRequest,
    ) -> Result<proto::TrackInfo, Reason> {
        let random = self.entropy.bytes();
        let participant = self.roster.get_mut(key).ok_or(Reason::NotFound)?;
        let policy = codecs::codec_policy(&participant.client, &self.options.codecs);
        let publishable: Vec<Codec> = codecs::publishable_codecs(&policy, &self.options.codecs)
            .into_iter()
            .map(|enabled| enabled.codec)
            .collect();
        let publishing = &mut participant.publishing;
        let pending = publishing.pending.len();
        let published = publishing.tracks.iter();
        let published = published
            .filter_map(|sid| self.tracks.get(sid))
            .any(|track| track.cid == request.cid);
        if let Some(before) = publishing.pending_of(&request.cid) {
            // Asking again is asking for the same, which has its sid already.
            if before.infos.len() >= Publishing::MAX_QUEUED {
                return Err(Reason::LimitExceeded);
            }
            let sid = before.infos.front().map(|info| info.sid.as_str());
            let sid = TrackSid::from(sid.unwrap_or_default());
            let info = track_request::describe(&sid, request, &publishable);
            before.infos.push_back(info);
            return Err(Reason::Queued);
        }
        if pending >= Publishing::MAX_PENDING {
            return Err(Reason::LimitExceeded);
        }
        let sid = track_sid(request.r#type(), request.source(), random);
        let info = track_request::describe(&sid, request, &publishable);
        publishing.pending.push(PendingTrack {
            cid: request.cid.clone(),
            infos: VecDeque::from([info.clone()]),
            queued: published,
        });
        match published {
            true => Err(Reason::Queued),
            false => Ok(info),
        }
    }
}
