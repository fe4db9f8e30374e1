//! What still comes to a room for those who were moved to another.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use sfu_model::{Event, PeerId, PublicationId};
use signaling_session::{ConnectionId, Traveller};

use crate::letter::{Letter, RoomMailbox};

/// How long after a move something may come for who has gone: what was on its way then.
const ON_ITS_WAY: Duration = Duration::from_secs(10);

/// Where those are who were moved from a room a moment ago.
#[derive(Debug, Default)]
pub(crate) struct Moved {
    rooms: BTreeMap<Name, RoomMailbox>,
    /// When each was moved, the oldest first.
    order: VecDeque<(Instant, Vec<Name>)>,
}

/// By what something that comes late names whom it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Name {
    Connection(ConnectionId),
    Peer(PeerId),
    Publication(PublicationId),
}

impl Moved {
    /// Notes that somebody was moved.
    pub(crate) fn note(&mut self, now: Instant, traveller: &Traveller, to: &RoomMailbox) {
        self.forget_old(now);
        let connection = traveller.connection().map(Name::Connection);
        let peers = traveller.peers().map(Name::Peer);
        let publications = traveller.publications().map(Name::Publication);
        let names: Vec<_> = connection
            .into_iter()
            .chain(peers)
            .chain(publications)
            .collect();
        for name in &names {
            self.rooms.insert(*name, to.clone());
        }
        self.order.push_back((now, names));
    }

    /// Notes that a connection is here (again).
    pub(crate) fn note_arrival(&mut self, connection: ConnectionId) {
        self.rooms.remove(&Name::Connection(connection));
    }

    /// Returns the room that the participant of a connection was moved to.
    pub(crate) fn room_of(&self, connection: ConnectionId) -> Option<&RoomMailbox> {
        self.rooms.get(&Name::Connection(connection))
    }

    /// Sends an event on to the room that whoever it is about was moved to; else returns it.
    pub(crate) fn forward(&self, mut event: Event) -> Option<Event> {
        if self.rooms.is_empty() {
            return Some(event);
        }
        let peer = event.peer_mut().map(|peer| Name::Peer(*peer));
        let name = peer.or_else(|| event.publication_mut().map(|it| Name::Publication(*it)));
        match name.and_then(|name| self.rooms.get(&name)) {
            Some(room) => {
                room.send_soon(Letter::LateEvent(event));
                None
            }
            None => Some(event),
        }
    }

    fn forget_old(&mut self, now: Instant) {
        while let Some((at, _)) = self.order.front()
            && *at + ON_ITS_WAY < now
            && let Some((_, names)) = self.order.pop_front()
        {
            for name in names {
                self.rooms.remove(&name);
            }
        }
    }
}
