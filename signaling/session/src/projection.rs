//! A participant that is shown in another room, too (`ForwardParticipant`).
//!
//! The room where it is says what there is to show ([`Room::projection`]), again whenever that has changed; the other room
//! makes a participant of it that has no client and no transports ([`Room::project`]). Its tracks are received under the names
//! of the room where they are published: a shard knows publications of all rooms.

use std::collections::{BTreeMap, BTreeSet};

use auth::Claims;
use sfu_model::{Now, ParticipantIdentity, ParticipantSid, TrackSid};
use signaling_protocol::{Client, DisconnectCause, participant_sid};

use crate::demand::{Demand, ToldDemand};
use crate::negotiation::Answerer;
use crate::participant::{NewParticipant, Participant};
use crate::participant_key::ParticipantKey;
use crate::proto::participant_info::State;
use crate::track::{PublishedStream, Track};
use crate::transports::{PathState, Transports, Upstream};
use crate::{ConnectionId, Credential, JoinRefused, Room, RoomError, codecs, proto};

/// How LiveKit's `kindDetails` names whoever is shown in another room.
const FORWARDED: &str = "forwarded";

/// What is shown of a participant in another room.
#[derive(Clone, Debug)]
pub struct Projection {
    sid: ParticipantSid,
    claims: Claims,
    credential: Credential,
    client: Client,
    tracks: Vec<ProjectedTrack>,
}

#[derive(Clone, Debug, PartialEq)]
struct ProjectedTrack {
    info: proto::TrackInfo,
    cid: String,
    streams: Vec<PublishedStream>,
}

impl Projection {
    /// Returns whose it is.
    pub fn identity(&self) -> &ParticipantIdentity {
        &self.claims.identity
    }

    /// Reports whether it is of the same session.
    pub fn is_of(&self, other: &Self) -> bool {
        self.sid == other.sid
    }

    /// Reports whether it shows the same.
    pub fn shows(&self, other: &Self) -> bool {
        self.claims == other.claims && self.tracks == other.tracks
    }
}

impl ProjectedTrack {
    fn of(track: &Track) -> Self {
        let streams = track.streams.iter().cloned().map(|stream| PublishedStream {
            demand: Demand::default(),
            ..stream
        });
        Self {
            info: track.info.clone(),
            cid: track.cid.clone(),
            streams: streams.collect(),
        }
    }

    fn sid(&self) -> TrackSid {
        self.info.sid.as_str().into()
    }
}

impl Room {
    /// Returns what is to be shown of a participant in another room.
    ///
    /// # Errors
    ///
    /// It is not here, not connected yet, or shown here itself.
    pub fn projection(&self, identity: &ParticipantIdentity) -> Result<Projection, RoomError> {
        let key = self.find(identity.as_str())?;
        let participant = self.roster.get(key).ok_or(RoomError::ParticipantNotFound)?;
        if participant.is_projected {
            return Err(RoomError::ForwardedAlready);
        }
        if !participant.is_active() {
            return Err(RoomError::NotConnected);
        }
        let published = participant.publishing.tracks.iter();
        let tracks = published.filter_map(|sid| self.tracks.get(sid));
        let tracks = tracks.filter(|track| track.announced);
        Ok(Projection {
            sid: participant.sid.clone(),
            claims: participant.claims(),
            credential: participant.credential.clone(),
            client: participant.client.clone(),
            tracks: tracks.map(ProjectedTrack::of).collect(),
        })
    }

    /// Takes note of in how many other rooms a participant is shown: while it is, all layers of its tracks are wanted.
    pub fn note_projections(&mut self, now: Now, identity: &ParticipantIdentity, rooms: usize) {
        let Ok(key) = self.find(identity.as_str()) else {
            return;
        };
        let Some(participant) = self.roster.get_mut(key) else {
            return;
        };
        participant.projections = rooms;
        for sid in participant.publishing.tracks.clone() {
            self.subscriptions().demand_changed(now, &sid);
        }
    }

    /// Reports whether somebody of another room is shown here.
    pub fn has_projection(&self, identity: &ParticipantIdentity) -> bool {
        let key = self.roster.by_identity(identity.as_str());
        let participant = key.and_then(|key| self.roster.get(key));
        participant.is_some_and(|participant| participant.is_projected)
    }

    /// Shows somebody of another room, or what has become of whom is shown already.
    ///
    /// # Errors
    ///
    /// Fails as a join would. Whoever is here itself is not replaced.
    pub fn project(&mut self, now: Now, projection: Projection) -> Result<(), JoinRefused> {
        if self.room.is_closed() {
            return Err(JoinRefused::RoomClosed);
        }
        let there = self.roster.by_identity(projection.identity().as_str());
        let key = match there {
            Some(_) if !self.has_projection(projection.identity()) => {
                return Err(JoinRefused::IdentityTaken);
            }
            Some(key) => {
                self.follow_texts(key, &projection.claims);
                key
            }
            None => {
                self.check_place(false, None)?;
                self.admit_projection(now, &projection)
            }
        };
        self.follow_tracks(now, key, projection.tracks);
        if there.is_none() {
            self.report_join(key);
        }
        let tracks = self.roster.get(key).map(|p| p.publishing.tracks.clone());
        for sid in tracks.unwrap_or_default() {
            self.publications().report_track(key, &sid);
        }
        Ok(())
    }

    /// Shows somebody of another room no more, if it is shown.
    pub fn end_projection(&mut self, now: Now, identity: &ParticipantIdentity) {
        if self.has_projection(identity)
            && let Ok(key) = self.find(identity.as_str())
        {
            self.disconnect(now, key, DisconnectCause::ClientLeft, None);
        }
    }

    fn admit_projection(&mut self, now: Now, projection: &Projection) -> ParticipantKey {
        let mut claims = projection.claims.clone();
        claims.kind_details.push(FORWARDED.to_owned());
        let grant = claims.video.get_or_insert_default();
        grant.can_subscribe = Some(false);
        self.room.name().as_str().clone_into(&mut grant.room);
        let key = self.ids.participant();
        let new = NewParticipant {
            key,
            sid: participant_sid(self.ids.random()),
            transports: self.no_transports(&projection.client),
            claims,
            credential: projection.credential.clone(),
            client: projection.client.clone(),
            region: self.facts.region.clone(),
            auto_subscribe: false,
            auto_subscribe_data: false,
            adaptive_stream: false,
            pausing: self.facts.pausing,
            connection: ConnectionId(0),
        };
        let mut participant = Participant::new(now.mono, now.unix, new);
        participant.connection = None;
        participant.state = State::Active;
        participant.is_projected = true;
        if !participant.is_dependent() {
            self.room.note_join();
        }
        self.placement.settle(participant.transports.shard());
        self.roster.insert(participant);
        self.accounts.open(now.mono, key, BTreeMap::new());
        self.watch_qualities(now);
        self.watch_idleness();
        self.telling().counts_changed(now);
        key
    }

    /// Makes transports that no shard is ever told of.
    fn no_transports(&mut self, client: &Client) -> Transports {
        let shard = self.placement.choose();
        let facts = self.placement.transport(shard);
        let policy = codecs::codec_policy(client, &self.room.options().codecs);
        Transports::One(Upstream {
            peer: self.ids.peer(shard),
            answerer: Answerer::new(facts, self.ids.ice(shard), policy, self.ids.random_number()),
            path: PathState::default(),
            join_offer: None,
            answered: false,
            offer_requested: false,
        })
    }

    fn follow_texts(&mut self, key: ParticipantKey, claims: &Claims) {
        let Some(participant) = self.roster.get_mut(key) else {
            return;
        };
        participant.set_name(&claims.name);
        participant.set_metadata(&claims.metadata);
        participant.set_attributes(claims.attributes.clone());
    }

    /// Has a projected participant publish these tracks and no others, and tells of it.
    fn follow_tracks(&mut self, now: Now, key: ParticipantKey, tracks: Vec<ProjectedTrack>) {
        let published = self.roster.get(key).map(|p| p.publishing.tracks.clone());
        for sid in published.unwrap_or_default() {
            if tracks.iter().all(|track| track.sid() != sid) {
                self.publications().withdraw(now, key, &sid);
            }
        }
        let shown: Vec<_> = tracks.iter().map(ProjectedTrack::sid).collect();
        for track in tracks {
            self.follow_track(now, key, track);
        }
        if let Some(participant) = self.roster.get_mut(key) {
            participant.is_publisher = !shown.is_empty();
            participant.touch();
        }
        self.telling().tell_before_media(now, key);
        for sid in shown {
            self.subscriptions().offer_to_everybody(now, &sid);
        }
    }

    fn follow_track(&mut self, now: Now, key: ParticipantKey, shown: ProjectedTrack) {
        let sid = shown.sid();
        let is_same = |track: &Track| ProjectedTrack::of(track).streams == shown.streams;
        match self
            .tracks
            .get_mut(&sid)
            .filter(|track| track.publisher == key)
        {
            Some(track) if is_same(track) => track.info = shown.info,
            Some(_) => {
                // Its subscribers begin anew with what there is.
                self.publications().withdraw(now, key, &sid);
                self.adopt_projected(key, shown);
            }
            None => self.adopt_projected(key, shown),
        }
    }

    fn adopt_projected(&mut self, key: ParticipantKey, shown: ProjectedTrack) {
        let sid = shown.sid();
        if self.tracks.get(&sid).is_some() {
            return;
        }
        self.tracks.adopt(Track {
            sid: sid.clone(),
            publisher: key,
            info: shown.info,
            cid: shown.cid,
            streams: shown.streams,
            announced: true,
            reported: false,
            ever_subscribed: true,
            subscribers: BTreeSet::default(),
            told_demand: ToldDemand::default(),
        });
        if let Some(participant) = self.roster.get_mut(key) {
            participant.publishing.tracks.push(sid);
        }
    }
}
