//! What arrives of a track: its codec and the SSRCs of its layers are what its packets say, whatever was announced.

use sfu_model::{Codec, Command, Now, PictureSize, PublicationId, Rid, Ssrc, TrackSid};

use super::Publications;
use crate::participant_key::ParticipantKey;

impl Publications<'_> {
    /// Takes what a publication's packets are.
    pub(crate) fn handle_codec(&mut self, now: Now, publication: PublicationId, codec: Codec) {
        let Some(sid) = self.tracks.sid_of_publication(publication) else {
            return;
        };
        let version = self.ids.version(now.unix);
        let Some(track) = self.tracks.get_mut(&sid) else {
            return;
        };
        track.hear_codec(publication, codec);
        track.info.version = Some(version);
        let publisher = track.publisher;
        self.follow_codec(now, &sid, publication);
        if let Some(participant) = self.roster.get_mut(publisher) {
            participant.touch();
            self.telling().tell_soon(now, publisher);
        }
    }

    /// Takes as what a layer comes whose SSRC no description declares. Clients have no use for it, so that it is told
    /// with whatever changes next.
    pub(crate) fn handle_encoding(
        &mut self,
        publication: PublicationId,
        rid: Option<Rid>,
        ssrc: Ssrc,
    ) {
        let sid = self.tracks.sid_of_publication(publication);
        if let Some(track) = sid.and_then(|sid| self.tracks.get_mut(&sid)) {
            track.hear_ssrc(publication, rid, ssrc);
        }
    }

    /// Takes how large the pictures of a layer are. Where nothing else says which layer is which, this does.
    pub(crate) fn handle_picture_size(
        &mut self,
        now: Now,
        publication: PublicationId,
        rid: Rid,
        size: PictureSize,
    ) {
        let Some(sid) = self.tracks.sid_of_publication(publication) else {
            return;
        };
        let version = self.ids.version(now.unix);
        let Some(track) = self.tracks.get_mut(&sid) else {
            return;
        };
        let Some(media) = track.hear_size(publication, rid, size) else {
            return;
        };
        track.info.version = Some(version);
        let publisher = track.publisher;
        if let Some(participant) = self.roster.get_mut(publisher) {
            let peer = participant.transports.up().peer;
            participant.touch();
            self.outputs.media(Command::Publish {
                publication,
                peer,
                media,
            });
            self.telling().tell_soon(now, publisher);
        }
    }

    /// Has those who receive a publication, or could not, negotiate the codec in which it comes by now.
    pub(super) fn follow_codec(&mut self, now: Now, sid: &TrackSid, publication: PublicationId) {
        let Some(track) = self.tracks.get_mut(sid) else {
            return;
        };
        let publisher = self.roster.get(track.publisher);
        let offered = publisher.map_or(&[][..], |publisher| {
            let mid = track.stream_of(publication).map(|stream| stream.mid);
            let section = mid.and_then(|mid| publisher.publishing.sections.get(&mid));
            section.map_or(&[][..], |section| section.offered.as_slice())
        });
        if !track.follow_codec(publication, offered) {
            return;
        }
        let mut streams = track.streams.iter();
        let place = streams.position(|stream| stream.publication == publication);
        for key in self.roster.keys() {
            self.take_up_again(now, key, sid, (publication, place.unwrap_or_default()));
        }
    }

    fn take_up_again(
        &mut self,
        now: Now,
        key: ParticipantKey,
        sid: &TrackSid,
        (publication, place): (PublicationId, usize),
    ) {
        let participant = self.roster.get_mut(key);
        let Some(interest) = participant.and_then(|p| p.subscribing.interest_mut(sid)) else {
            return;
        };
        match &interest.active {
            Some(active) if active.publication == publication => {
                let active = active.clone();
                self.subscriptions()
                    .negotiate_subscription(now, key, sid, &active);
            }
            None if interest.refused > place => {
                interest.refused = place;
                self.subscriptions().reconcile(now, key, sid);
            }
            Some(_) | None => {}
        }
    }
}
