//! How a participant goes from one room to another while its connection and its transports stay.

use std::collections::BTreeMap;
use std::time::Instant;

use sfu_model::{
    Command, Event, Now, ParticipantIdentity, PeerId, PublicationId, TrackSid, Traffic,
};
use signaling_protocol::{DisconnectCause, LeaveAction, participant_sid};

use crate::former::Former;
use crate::limits::TOKEN_REFRESH;
use crate::offer_answer::ANSWER_TIMEOUT;
use crate::participant::Participant;
use crate::participant_key::ParticipantKey;
use crate::publishing::PublishingSection;
use crate::track::Track;
use crate::{ConnectionId, Credential, JoinRefused, Output, Room, RoomError, TimerReason, proto};

/// Somebody who is to be moved, as the room where it is to go needs to know beforehand.
#[derive(Clone, Debug)]
pub struct Visitor {
    /// Who it is.
    pub identity: ParticipantIdentity,
    /// By what it came in.
    pub credential: Credential,
    /// Whether it is there for the sake of others: it is not counted.
    pub is_dependent: bool,
}

/// A participant on its way from one room to another: [`Room::release`] makes it, [`Room::handle_arrival`] takes it.
#[derive(Debug)]
pub struct Traveller {
    participant: Participant,
    tracks: Vec<Track>,
    sections: Vec<(sfu_model::Mid, PublishingSection)>,
    data_tracks: Vec<(u16, proto::DataTrackInfo)>,
    /// What its peers had, which is of its session there.
    traffic: BTreeMap<PeerId, Traffic>,
    /// When its session ends, if its token limits it.
    ends_at: Option<Instant>,
    /// Whether an offer of ours is not answered yet.
    awaits_answer: bool,
}

impl Traveller {
    /// Returns who it is.
    pub fn identity(&self) -> &ParticipantIdentity {
        &self.participant.identity
    }

    /// Returns the signalling connection that goes along.
    pub fn connection(&self) -> Option<ConnectionId> {
        self.participant.connection
    }

    /// Returns what its shard calls it until it has arrived.
    pub fn peers(&self) -> impl Iterator<Item = PeerId> + use<> {
        self.participant.transports.peers()
    }

    /// Returns what its shard calls its publications until it has arrived.
    pub fn publications(&self) -> impl Iterator<Item = PublicationId> + '_ {
        let streams = self.tracks.iter().flat_map(|track| &track.streams);
        streams.map(|stream| stream.publication)
    }
}

impl Room {
    /// Describes somebody who may be moved.
    ///
    /// # Errors
    ///
    /// It is not here, or cannot be moved (at the moment).
    pub fn visitor(&self, identity: &ParticipantIdentity) -> Result<Visitor, RoomError> {
        let key = self.find(identity.as_str())?;
        let participant = self.roster.get(key).ok_or(RoomError::ParticipantNotFound)?;
        if !participant.client.protocol().takes_room_moved() {
            return Err(RoomError::ClientCannotMove);
        }
        // LiveKit's: agents are dispatched to a room, and recorders record one.
        if participant.is_agent() {
            return Err(RoomError::KindCannotMove("AGENT"));
        }
        if participant.is_recorder() {
            return Err(RoomError::KindCannotMove("EGRESS"));
        }
        if participant.connection.is_none() {
            return Err(RoomError::NotConnected);
        }
        self.identify(identity)
    }

    /// Describes somebody who is to be shown in another room.
    ///
    /// # Errors
    ///
    /// It is not here, or not connected yet.
    pub fn identify(&self, identity: &ParticipantIdentity) -> Result<Visitor, RoomError> {
        let key = self.find(identity.as_str())?;
        let participant = self.roster.get(key).ok_or(RoomError::ParticipantNotFound)?;
        if !participant.is_active() {
            return Err(RoomError::NotConnected);
        }
        Ok(Visitor {
            identity: participant.identity.clone(),
            credential: participant.credential.clone(),
            is_dependent: participant.is_dependent(),
        })
    }

    /// Reports whether somebody of another room may come here.
    ///
    /// # Errors
    ///
    /// Fails as a join would.
    pub fn check_visitor(&self, visitor: &Visitor) -> Result<(), JoinRefused> {
        if self.room.is_closed() {
            return Err(JoinRefused::RoomClosed);
        }
        let replaced = self.roster.by_identity(visitor.identity.as_str());
        self.check_identity(replaced)?;
        self.check_place(visitor.is_dependent, replaced)
    }

    /// Takes out a participant that goes on in another room. For this room it has left; its connection and what its
    /// shard has of it stay.
    ///
    /// # Errors
    ///
    /// It is not here, or cannot be moved; nothing has changed then.
    pub fn release(
        &mut self,
        now: Now,
        identity: &ParticipantIdentity,
    ) -> Result<Traveller, RoomError> {
        self.visitor(identity)?;
        let key = self.find(identity.as_str())?;
        self.apply_track_permissions(now, key);
        let sections = self.roster.get(key).map(|p| &p.publishing.sections);
        let sections = sections.cloned().unwrap_or_default().into_iter().collect();
        let tracks = self.publications().withdraw_all(now, key);
        let data_tracks = self.data_publications().withdraw_data_tracks(key);
        self.subscriptions().leave_all(now, key);
        let awaits_answer = self.timers.is_set(&TimerReason::Answer(key));
        let traffic = self.accounts.traffic(key);
        let ends_at = self.timers.at(&TimerReason::SessionIsUp(key));
        let participant = self.take_out(key).ok_or(RoomError::ParticipantNotFound)?;
        self.report_departure(now, &participant, DisconnectCause::Migrated);
        Ok(Traveller {
            participant,
            tracks,
            sections,
            data_tracks,
            traffic,
            ends_at,
            awaits_answer,
        })
    }

    /// Takes in a participant that [`Room::check_visitor`] lets in, in place of one of its identity. Its client is told
    /// first of all where it is.
    pub fn handle_arrival(&mut self, now: Now, traveller: Traveller) {
        let identity = traveller.participant.identity.as_str();
        if let Some(before) = self.roster.by_identity(identity) {
            let action = Some(LeaveAction::Disconnect);
            self.disconnect(now, before, DisconnectCause::Replaced, action);
        }
        let awaits_answer = traveller.awaits_answer;
        let key = self.adopt(now, traveller);
        self.send_room_moved(key);
        self.begin_session(now, key, awaits_answer);
    }

    /// Puts a participant with what it publishes into the room, under the room's own names. Nobody is told.
    fn adopt(&mut self, now: Now, traveller: Traveller) -> ParticipantKey {
        let mut participant = traveller.participant;
        let (key, sid) = (self.ids.participant(), participant_sid(self.ids.random()));
        participant.enter((key, sid), self.room.name(), now.unix);
        let shard = participant.transports.shard();
        let peers = participant.transports.renumber(|| self.ids.peer(shard));
        let mut former = Former {
            peers,
            publications: Vec::new(),
        };
        participant.publishing.sections = traveller.sections.into_iter().collect();
        for mut track in traveller.tracks {
            let names = track.enter(key, || self.ids.publication(shard));
            former.publications.extend(names);
            participant.publishing.tracks.push(track.sid.clone());
            self.tracks.adopt(track);
        }
        self.move_peers(&mut participant, &former);
        let had =
            |(before, by_now): &(PeerId, PeerId)| Some((*by_now, *traveller.traffic.get(before)?));
        let had = former.peers.iter().filter_map(had).collect();
        self.accounts.open(now.mono, key, had);
        self.limit_session(key, traveller.ends_at);
        participant.former = former;
        if !participant.is_dependent() {
            self.room.note_join();
        }
        self.placement.settle(shard);
        self.roster.insert(participant);
        self.data_publications()
            .adopt_data_tracks(key, traveller.data_tracks);
        key
    }

    /// Has the shard call a participant's peers and publications as this room does.
    fn move_peers(&mut self, participant: &mut Participant, former: &Former) {
        for (peer, to) in &former.peers {
            let path = participant.transports.path(*to);
            if path.is_some_and(|path| path.open) {
                self.outputs.media(Command::MovePeer {
                    peer: *peer,
                    to: *to,
                    publications: former.publications.clone(),
                });
            }
        }
    }

    fn send_room_moved(&mut self, key: ParticipantKey) {
        let Some(participant) = self.roster.get(key) else {
            return;
        };
        let Some(connection) = participant.connection else {
            return;
        };
        let moved = proto::RoomMovedResponse {
            room: Some(self.info()),
            token: String::new(),
            participant: Some(self.participant_info(participant)),
            other_participants: self.visible_participants(Some(key)),
        };
        self.outputs.push(Output::RoomMoved {
            connection,
            moved: Box::new(moved),
            claims: Box::new(participant.claims()),
            replaced: Box::new(participant.credential.clone()),
        });
    }

    /// Tells of a participant that came from another room, and has it and the others receive what they want.
    fn begin_session(&mut self, now: Now, key: ParticipantKey, awaits_answer: bool) {
        let tracks = self.announced_of(key);
        self.telling().tell_before_media(now, key);
        self.report_join(key);
        for sid in &tracks {
            self.publications().report_track(key, sid);
        }
        self.subscriptions().reconcile_all(now, key);
        for sid in &tracks {
            self.subscriptions().offer_to_everybody(now, sid);
            self.subscriptions().demand_changed(now, sid);
        }
        self.offer_data(now, key);
        self.publications().watch_pending(key);
        self.negotiation().schedule(now, key);
        if awaits_answer {
            let at = now.mono + ANSWER_TIMEOUT;
            self.timers.set_once(TimerReason::Answer(key), at);
        }
        let at = now.mono + TOKEN_REFRESH;
        self.timers.set(TimerReason::RefreshToken(key), at);
        self.watch_qualities(now);
        self.watch_idleness();
        self.telling().counts_changed(now);
    }

    fn announced_of(&self, key: ParticipantKey) -> Vec<TrackSid> {
        let published = self.roster.get(key).map(|p| p.publishing.tracks.iter());
        let published = published.into_iter().flatten();
        let is_announced = |sid: &&TrackSid| self.tracks.get(sid).is_some_and(|it| it.announced);
        published.filter(is_announced).cloned().collect()
    }

    /// Has a participant receive the data tracks that it wants, and the others its own.
    fn offer_data(&mut self, now: Now, key: ParticipantKey) {
        let published = self.roster.get(key);
        let published = published.map(|p| p.data_interest.published.clone());
        for sid in published.unwrap_or_default() {
            for other in self.roster.keys() {
                self.data_publications().reconcile_data(other, &sid);
            }
        }
        // Numbers of the room that it came from mean nothing here.
        self.telling().renumber_soon(key);
        self.data_publications().reconcile_all_data(now, key);
    }

    /// Takes what a shard reported of somebody by what it was called in the room that it came from.
    pub fn handle_late_media(&mut self, now: Now, mut event: Event) {
        let translate = |participant: &Participant| participant.former.translate(&mut event);
        let is_known = self.roster.iter().any(translate);
        if is_known {
            self.handle_media(now, event);
        }
    }
}
