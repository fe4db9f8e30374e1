//! One room.

use std::sync::Arc;

use sfu_model::{Now, ParticipantIdentity, RoomIndex, RoomName, RoomSid};
use signaling_protocol::{DisconnectCause, LeaveAction, proto, room_sid};

use crate::accounts::Accounts;
use crate::allotments::Allotments;
use crate::data_history::DataHistory;
use crate::data_track::DataTracks;
use crate::floor::Floor;
use crate::ids::Ids;
use crate::outputs::Outputs;
use crate::placement::Placement;
use crate::qualities::Qualities;
use crate::reachability::Reachability;
use crate::room_facts::RoomFacts;
use crate::roster::Roster;
use crate::rpc::Rpcs;
use crate::speakers::Speakers;
use crate::timers::Timers;
use crate::tracks::Tracks;
use crate::updates::Updates;
use crate::{
    ConnectionId, Credential, Deadline, NodeFacts, Output, RoomNotice, RoomOptions, RoomPlace,
    TimerReason,
};

/// One room: who is in it, what they publish, and who receives it.
///
/// Invariant: what hangs on a participant (tracks, subscriptions, deadlines) ends with it.
///
/// Invariant: the others hear of a participant and its tracks before an offer or answer carries
/// them.
#[derive(Debug)]
pub struct Room {
    pub(crate) facts: Arc<NodeFacts>,
    pub(crate) room: RoomFacts,
    pub(crate) ids: Ids,
    pub(crate) placement: Placement,
    pub(crate) roster: Roster,
    pub(crate) tracks: Tracks,
    pub(crate) data_tracks: DataTracks,
    pub(crate) updates: Updates,
    pub(crate) data: DataHistory,
    pub(crate) rpcs: Rpcs,
    pub(crate) speakers: Speakers,
    pub(crate) floor: Floor,
    pub(crate) qualities: Qualities,
    pub(crate) accounts: Accounts,
    pub(crate) allotments: Allotments,
    pub(crate) reachability: Reachability,
    pub(crate) timers: Timers,
    pub(crate) outputs: Outputs,
}

impl Room {
    /// Opens a room. `seed` is the source of its ids and credentials and must be unpredictable.
    pub fn new(
        now: Now,
        facts: Arc<NodeFacts>,
        place: &RoomPlace,
        options: RoomOptions,
        seed: [u8; 32],
    ) -> Self {
        let mut ids = Ids::new(place.node, place.index, seed);
        let sid = room_sid(ids.random());
        let mut room = Self {
            facts,
            room: RoomFacts::new(now, sid, options, ids.random()),
            ids,
            placement: Placement::new(place),
            roster: Roster::default(),
            tracks: Tracks::default(),
            data_tracks: DataTracks::default(),
            updates: Updates::default(),
            data: DataHistory::default(),
            rpcs: Rpcs::default(),
            speakers: Speakers::default(),
            floor: Floor::default(),
            qualities: Qualities::default(),
            accounts: Accounts::default(),
            allotments: Allotments::default(),
            reachability: Reachability::default(),
            timers: Timers::default(),
            outputs: Outputs::default(),
        };
        let started = RoomNotice::RoomStarted {
            room: Box::new(room.info()),
        };
        room.outputs.notice(started);
        room.watch_idleness();
        room.limit_room(now);
        room
    }

    /// Returns the room's number.
    pub fn index(&self) -> RoomIndex {
        self.ids.room()
    }

    /// Returns the room's name.
    pub fn name(&self) -> &RoomName {
        self.room.name()
    }

    /// Returns the room's sid.
    pub fn sid(&self) -> &RoomSid {
        self.room.sid()
    }

    /// Reports whether the room is over; [`Output::Closed`] was or will be its last output.
    pub fn is_closed(&self) -> bool {
        self.room.is_closed()
    }

    /// Returns the room as clients and callers are told of it.
    pub fn info(&self) -> proto::Room {
        self.room.describe(&self.roster)
    }

    /// Walks those who are in the room, with what they came in by.
    pub fn present(&self) -> impl Iterator<Item = (&ParticipantIdentity, &Credential)> {
        let present = self.roster.iter();
        present.map(|participant| (&participant.identity, &participant.credential))
    }

    /// Ends the room because the node stops: every client is told `SERVER_SHUTDOWN`, and to come back.
    pub fn shutdown(&mut self, now: Now) {
        self.close(now, DisconnectCause::ServerStops);
    }

    /// Returns when [`Room::handle_timeout`] is to be called, and what for.
    pub fn poll_timeout(&self) -> Option<Deadline> {
        self.timers.next()
    }

    /// Returns the next thing to do.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop()
    }

    /// Takes note that a connection has closed, whoever closed it.
    pub fn handle_signal_closed(&mut self, now: Now, connection: ConnectionId) {
        let Some(key) = self.roster.by_connection(connection) else {
            return;
        };
        self.roster.connect(key, None);
        let connected = self.roster.get(key).map(|p| p.transports.connected_once());
        if connected == Some(false) {
            self.disconnect(now, key, DisconnectCause::SignalClosed, None);
        }
    }

    /// Ends the room: everybody is told why.
    pub(crate) fn close(&mut self, now: Now, cause: DisconnectCause) {
        if !self.room.close() {
            return;
        }
        // Departure: LiveKit's server has clients stay away when it stops. A node that is started again, or another behind the
        // same address, takes them up where they were.
        let action = match cause == DisconnectCause::ServerStops {
            true => LeaveAction::Reconnect,
            false => LeaveAction::Disconnect,
        };
        for key in self.roster.keys() {
            self.disconnect(now, key, cause, Some(action));
        }
        self.timers = Timers::default();
        let room = Box::new(self.info());
        let lasted = self.room.age(now);
        self.outputs.notice(RoomNotice::RoomFinished {
            room,
            cause,
            lasted,
        });
        self.outputs.push(Output::Closed);
    }

    /// Sets or cancels the deadline of an empty room.
    pub(crate) fn watch_idleness(&mut self) {
        if self.roster.iter().any(|p| !p.is_dependent()) {
            self.timers.cancel(&TimerReason::Idle);
            return;
        }
        let at = self.room.idle_until();
        self.timers.set(TimerReason::Idle, at);
    }
}
