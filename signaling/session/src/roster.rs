//! Who is in a room.

use std::collections::BTreeMap;

use sfu_model::{ParticipantIdentity, ParticipantSid, PeerId};

use crate::ConnectionId;
use crate::participant::Participant;
use crate::participant_key::ParticipantKey;

/// Who is in the room, found by each of their names.
#[derive(Debug, Default)]
pub(crate) struct Roster {
    participants: BTreeMap<ParticipantKey, Participant>,
    by_identity: BTreeMap<ParticipantIdentity, ParticipantKey>,
    by_sid: BTreeMap<ParticipantSid, ParticipantKey>,
    by_connection: BTreeMap<ConnectionId, ParticipantKey>,
    by_peer: BTreeMap<PeerId, ParticipantKey>,
}

impl Roster {
    pub(crate) fn insert(&mut self, participant: Participant) {
        let key = participant.key;
        self.by_identity.insert(participant.identity.clone(), key);
        self.by_sid.insert(participant.sid.clone(), key);
        if let Some(connection) = participant.connection {
            self.by_connection.insert(connection, key);
        }
        for peer in participant.transports.peers() {
            self.by_peer.insert(peer, key);
        }
        self.participants.insert(key, participant);
    }

    pub(crate) fn remove(&mut self, key: ParticipantKey) -> Option<Participant> {
        let participant = self.participants.remove(&key)?;
        self.by_identity.remove(&participant.identity);
        self.by_sid.remove(&participant.sid);
        if let Some(connection) = participant.connection {
            self.by_connection.remove(&connection);
        }
        for peer in participant.transports.peers() {
            self.by_peer.remove(&peer);
        }
        Some(participant)
    }

    /// Makes `connection` the participant's; returns the one that it had.
    pub(crate) fn connect(
        &mut self,
        key: ParticipantKey,
        connection: Option<ConnectionId>,
    ) -> Option<ConnectionId> {
        let participant = self.participants.get_mut(&key)?;
        let before = std::mem::replace(&mut participant.connection, connection);
        if let Some(before) = before {
            self.by_connection.remove(&before);
        }
        if let Some(connection) = connection {
            self.by_connection.insert(connection, key);
        }
        before
    }

    pub(crate) fn get(&self, key: ParticipantKey) -> Option<&Participant> {
        self.participants.get(&key)
    }

    pub(crate) fn get_mut(&mut self, key: ParticipantKey) -> Option<&mut Participant> {
        self.participants.get_mut(&key)
    }

    pub(crate) fn by_identity(&self, identity: &str) -> Option<ParticipantKey> {
        self.by_identity.get(identity).copied()
    }

    pub(crate) fn by_sid(&self, sid: &str) -> Option<ParticipantKey> {
        self.by_sid.get(sid).copied()
    }

    pub(crate) fn by_connection(&self, connection: ConnectionId) -> Option<ParticipantKey> {
        self.by_connection.get(&connection).copied()
    }

    pub(crate) fn by_peer(&self, peer: PeerId) -> Option<ParticipantKey> {
        self.by_peer.get(&peer).copied()
    }

    /// Returns how many are there.
    pub(crate) fn len(&self) -> usize {
        self.participants.len()
    }

    /// Iterates in the order of joining.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Participant> {
        self.participants.values()
    }

    /// Returns who is there, in the order of joining.
    pub(crate) fn keys(&self) -> Vec<ParticipantKey> {
        self.participants.keys().copied().collect()
    }

    /// Returns the connections of those participants who satisfy `which`.
    pub(crate) fn connections(&self, which: impl Fn(&Participant) -> bool) -> Vec<ConnectionId> {
        let participants = self.iter().filter(|participant| which(participant));
        participants.filter_map(|p| p.connection).collect()
    }
}
