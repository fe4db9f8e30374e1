//! How data tracks begin and end.

use sfu_model::{Now, TrackSid};
use signaling_protocol::sid;

use super::DataPublications;
use crate::limits::{MAX_DATA_TRACK_NAME_BYTES, MAX_DATA_TRACKS, MAX_ENCODING_NAME_BYTES};
use crate::participant::Participant;
use crate::participant_key::ParticipantKey;
use crate::proto;
use crate::proto::request_response::{Reason, Request};
use crate::proto::signal_response::Message;
use crate::respond::{respond, response};
use crate::updates::Told;

/// Why a data track is refused.
struct Refusal(Reason, &'static str);

impl DataPublications<'_> {
    /// Takes a client's wish to publish a data track.
    pub(crate) fn handle_publish_data_track(
        &mut self,
        now: Now,
        key: ParticipantKey,
        request: proto::PublishDataTrackRequest,
    ) {
        let random = self.ids.random();
        let Some(participant) = self.roster.get(key) else {
            return;
        };
        let checked = self.check_data_track(participant, &request);
        let info = checked.map(|source| {
            let info = proto::DataTrackInfo {
                pub_handle: request.pub_handle,
                sid: sid("DTR_", random),
                name: request.name.clone(),
                encryption: request.encryption,
                frame_encoding: request.frame_encoding.clone(),
                schema: request.schema.clone(),
            };
            (source, info)
        });
        match info {
            Ok((source, info)) if self.data_tracks.insert(key, source, info.clone()) => {
                self.announce_data_track(now, key, info);
            }
            Ok(_) => self.refuse_data_track(key, request, &TOO_MANY),
            Err(refusal) => self.refuse_data_track(key, request, &refusal),
        }
    }

    fn refuse_data_track(
        &mut self,
        key: ParticipantKey,
        request: proto::PublishDataTrackRequest,
        refusal: &Refusal,
    ) {
        let request = Request::PublishDataTrack(request);
        let response = response(refusal.0, refusal.1, request);
        respond(self.roster.get(key), response, self.outputs);
    }

    /// Returns the number that the client gives the track.
    fn check_data_track(
        &self,
        participant: &Participant,
        request: &proto::PublishDataTrackRequest,
    ) -> Result<u16, Refusal> {
        if !participant.grant().may_publish_data() {
            let text = "does not have permission to publish data";
            return Err(Refusal(Reason::NotAllowed, text));
        }
        let source = u16::try_from(request.pub_handle).unwrap_or(0);
        if source == 0 {
            let text = "handle should be > 0 AND < 65536";
            return Err(Refusal(Reason::InvalidHandle, text));
        }
        if !(1..=MAX_DATA_TRACK_NAME_BYTES).contains(&request.name.len()) {
            let text = "name should not be empty and should not exceed 256 characters";
            return Err(Refusal(Reason::InvalidName, text));
        }
        if !are_encodings_valid(request) {
            let text = "encoding identifier is empty or exceeds the maximum length";
            return Err(Refusal(Reason::InvalidRequest, text));
        }
        let published = &participant.data_interest.published;
        if published.len() >= MAX_DATA_TRACKS {
            return Err(TOO_MANY);
        }
        for other in published.iter().filter_map(|sid| self.data_tracks.get(sid)) {
            if other.info.pub_handle == request.pub_handle {
                let text = "a data track with same handle already exists";
                return Err(Refusal(Reason::DuplicateHandle, text));
            }
            if other.info.name == request.name {
                let text = "a data track with same name already exists";
                return Err(Refusal(Reason::DuplicateName, text));
            }
        }
        Ok(source)
    }

    fn announce_data_track(&mut self, now: Now, key: ParticipantKey, info: proto::DataTrackInfo) {
        let sid = TrackSid::from(info.sid.as_str());
        let Some(participant) = self.roster.get_mut(key) else {
            return;
        };
        participant.data_interest.published.push(sid.clone());
        let first = !std::mem::replace(&mut participant.is_publisher, true);
        participant.touch();
        let response = proto::PublishDataTrackResponse { info: Some(info) };
        self.outputs.signal(
            participant.connection,
            Message::PublishDataTrackResponse(response),
        );
        // Who publishes it is told before the number that stands for it.
        let told = self.telling().tell(now, key);
        for other in self.roster.keys() {
            self.reconcile_data(other, &sid);
        }
        if told == Told::AtOnce {
            self.telling().tell_numbers();
        }
        if first {
            self.telling().counts_changed(now);
        }
    }

    /// Takes a client's wish to end its data track.
    pub(crate) fn handle_unpublish_data_track(
        &mut self,
        now: Now,
        key: ParticipantKey,
        request: proto::UnpublishDataTrackRequest,
    ) {
        let source = u16::try_from(request.pub_handle).unwrap_or(0);
        let track = self.data_tracks.of_source(key, source);
        let Some((sid, info)) = track.map(|track| (track.sid.clone(), track.info.clone())) else {
            let request = Request::UnpublishDataTrack(request);
            let response = response(Reason::NotFound, "", request);
            respond(self.roster.get(key), response, self.outputs);
            return;
        };
        self.end_data_track(key, &sid);
        let connection = self.roster.get(key).and_then(|p| p.connection);
        let response = proto::UnpublishDataTrackResponse { info: Some(info) };
        self.outputs
            .signal(connection, Message::UnpublishDataTrackResponse(response));
        if self.telling().tell(now, key) == Told::AtOnce {
            self.telling().tell_numbers();
        }
    }

    /// Ends the data tracks of a participant who leaves or may not publish data any more.
    pub(crate) fn end_data_tracks(&mut self, key: ParticipantKey) {
        let published = self.roster.get(key);
        let published = published.map(|p| p.data_interest.published.clone());
        for sid in published.unwrap_or_default() {
            self.end_data_track(key, &sid);
        }
    }

    /// Takes the data tracks of a participant that goes on in another room out of this one: each with the number that
    /// its publisher gave it.
    pub(crate) fn withdraw_data_tracks(
        &mut self,
        key: ParticipantKey,
    ) -> Vec<(u16, proto::DataTrackInfo)> {
        let published = self.roster.get(key);
        let published = published.map(|p| p.data_interest.published.clone());
        let tracks = published.unwrap_or_default().into_iter();
        let withdrawn = tracks.filter_map(|sid| {
            let info = self.data_tracks.get(&sid)?.info.clone();
            self.end_data_track(key, &sid);
            let source = u16::try_from(info.pub_handle).ok()?;
            Some((source, info))
        });
        withdrawn.collect()
    }

    /// Publishes the data tracks of a participant that has come from another room. Those for which this one has no
    /// number left end.
    pub(crate) fn adopt_data_tracks(
        &mut self,
        key: ParticipantKey,
        tracks: Vec<(u16, proto::DataTrackInfo)>,
    ) {
        for (source, info) in tracks {
            let sid = TrackSid::from(info.sid.as_str());
            if self.data_tracks.insert(key, source, info)
                && let Some(participant) = self.roster.get_mut(key)
            {
                participant.data_interest.published.push(sid);
            }
        }
    }

    fn end_data_track(&mut self, key: ParticipantKey, sid: &TrackSid) {
        let Some(track) = self.data_tracks.remove(sid) else {
            return;
        };
        if let Some(participant) = self.roster.get_mut(key) {
            participant.data_interest.published.retain(|it| it != sid);
            participant.touch();
        }
        for other in self.roster.keys() {
            if let Some(participant) = self.roster.get_mut(other) {
                participant.data_interest.choices.remove(sid);
            }
        }
        for subscriber in track.subscribers {
            self.telling().renumber_soon(subscriber);
        }
    }
}

const TOO_MANY: Refusal = Refusal(Reason::LimitExceeded, "too many data tracks");

/// Checks the names of what LiveKit does not know by a number.
fn are_encodings_valid(request: &proto::PublishDataTrackRequest) -> bool {
    use proto::data_track_frame_encoding::Value as Frame;
    use proto::data_track_schema_encoding::Value as Schema;
    let short = |name: &str, limit: usize| (1..=limit).contains(&name.len());
    let frame = request.frame_encoding.as_ref();
    let frame = match frame.and_then(|encoding| encoding.value.as_ref()) {
        Some(Frame::Custom(name)) => short(name, MAX_ENCODING_NAME_BYTES),
        Some(Frame::WellKnown(_)) | None => true,
    };
    let schema = request.schema.as_ref().is_none_or(|schema| {
        let encoding = schema.encoding.as_ref();
        let encoding = match encoding.and_then(|encoding| encoding.value.as_ref()) {
            Some(Schema::Custom(name)) => short(name, MAX_ENCODING_NAME_BYTES),
            Some(Schema::WellKnown(_)) | None => true,
        };
        encoding && short(&schema.name, MAX_DATA_TRACK_NAME_BYTES)
    });
    frame && schema
}
