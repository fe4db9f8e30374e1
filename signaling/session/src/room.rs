use std::collections::VecDeque;
use std::sync::Arc;

use sfu_model::{Event, Now, RoomIndex, RoomName, RoomSid};

use crate::timers::Timers;
use crate::{
    ConnectionId, Deadline, Join, JoinRefused, NodeFacts, Output, RoomError, RoomOptions,
    RoomPlace, RoomReply, RoomRequest, proto,
};

/// One room: who is in it, what they publish, and who receives it.
#[derive(Debug)]
pub struct Room {
    facts: Arc<NodeFacts>,
    place: RoomPlace,
    sid: RoomSid,
    options: RoomOptions,
    timers: Timers,
    outputs: VecDeque<Output>,
}

impl Room {
    /// Opens a room. `seed` is the source of its ids and credentials and must be unpredictable.
    pub fn new(
        now: Now,
        facts: Arc<NodeFacts>,
        place: RoomPlace,
        options: RoomOptions,
        seed: [u8; 32],
    ) -> Self {
        let _ = (now, seed);
        Self {
            facts,
            place,
            sid: RoomSid::from(""),
            options,
            timers: Timers::default(),
            outputs: VecDeque::new(),
        }
    }

    /// Returns the room's number.
    pub fn index(&self) -> RoomIndex {
        self.place.index
    }

    /// Returns the room's name.
    pub fn name(&self) -> &RoomName {
        &self.options.name
    }

    /// Returns the room's sid.
    pub fn sid(&self) -> &RoomSid {
        &self.sid
    }

    /// Returns the room as `ListRooms` and `CreateRoom` have it.
    pub fn info(&self) -> proto::Room {
        let _ = &self.facts;
        proto::Room::default()
    }

    /// Lets a client in, or takes up its session again. The outputs begin with its first message:
    /// `join`, or `reconnect`, or a `leave` that says what to do instead.
    ///
    /// # Errors
    ///
    /// Fails when the client may not come in; the room has not changed then.
    pub fn handle_join(&mut self, now: Now, join: Join) -> Result<(), JoinRefused> {
        let _ = (now, join);
        Err(JoinRefused::RoomClosed)
    }

    /// Takes a client's message. One from a connection that is not a participant's (any more) is
    /// ignored.
    pub fn handle_signal(
        &mut self,
        now: Now,
        connection: ConnectionId,
        request: proto::SignalRequest,
    ) {
        let _ = (now, connection, request);
    }

    /// Takes note that a connection has closed, whoever closed it.
    pub fn handle_signal_closed(&mut self, now: Now, connection: ConnectionId) {
        let _ = (now, connection);
    }

    /// Takes what the shard reports about this room.
    pub fn handle_media(&mut self, now: Now, event: Event) {
        let _ = (now, event);
    }

    /// Carries out a call of the RoomService.
    ///
    /// # Errors
    ///
    /// Fails as the call is documented to; nothing has changed then.
    pub fn handle_request(
        &mut self,
        now: Now,
        request: RoomRequest,
    ) -> Result<RoomReply, RoomError> {
        let _ = (now, request);
        Err(RoomError::Unimplemented)
    }

    /// Ends the room because the node stops: every client is told `SERVER_SHUTDOWN`.
    pub fn shutdown(&mut self, now: Now) {
        let _ = now;
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Now) {
        let _ = self.timers.pop_due(now.mono);
    }

    /// Returns when [`Room::handle_timeout`] is to be called, and what for.
    pub fn poll_timeout(&self) -> Option<Deadline> {
        self.timers.next()
    }

    /// Returns the next thing to do.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }
}
