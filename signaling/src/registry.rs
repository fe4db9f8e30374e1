//! The open rooms of a node, by name.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sfu_model::{RoomIndex, RoomName};
use signaling_protocol::proto;
use tokio::sync::watch;

use crate::letter::RoomMailbox;
use crate::pulse::Pulse;

/// All of them, shared by whoever looks for one.
#[derive(Debug, Default)]
pub(crate) struct Registry(Mutex<OpenRooms>);

/// The rooms, while nobody else looks at them.
#[derive(Debug, Default)]
pub(crate) struct OpenRooms {
    by_name: BTreeMap<RoomName, OpenRoom>,
    next_index: u32,
}

/// What is known of an open room.
#[derive(Clone, Debug)]
pub(crate) struct OpenRoom {
    pub(crate) index: RoomIndex,
    pub(crate) mailbox: RoomMailbox,
    /// What it last said of itself.
    pub(crate) snapshot: watch::Receiver<proto::Room>,
    /// How far behind its task is.
    pub(crate) pulse: Arc<Pulse>,
}

impl Registry {
    /// Keeps others from opening a room of the same name meanwhile.
    pub(crate) fn lock(&self) -> MutexGuard<'_, OpenRooms> {
        // Nothing that runs under this lock leaves the map half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the rooms whose names are wanted, ordered by name; of those that are just ending too.
    pub(crate) fn rooms(&self, wanted: impl Fn(&RoomName) -> bool) -> Vec<OpenRoom> {
        let open = self.lock();
        let named = open.by_name.iter().filter(|(name, _)| wanted(name));
        named.map(|(_, room)| room.clone()).collect()
    }

    /// Returns the names of rooms whose tasks are behind by more than `time`.
    pub(crate) fn behind(&self, now: Instant, time: Duration) -> BTreeSet<RoomName> {
        let open = self.lock();
        let rooms = open.by_name.iter();
        let behind = rooms.filter(|(_, room)| room.pulse.behind(now) > time);
        behind.map(|(name, _)| name.clone()).collect()
    }

    /// Returns by how much each room's task is behind.
    pub(crate) fn lags(&self, now: Instant) -> Vec<Duration> {
        let open = self.lock();
        let rooms = open.by_name.values();
        rooms.map(|room| room.pulse.behind(now)).collect()
    }
}

impl OpenRooms {
    /// Returns a room that is not over.
    pub(crate) fn find(&self, name: &RoomName) -> Option<&OpenRoom> {
        let room = self.by_name.get(name)?;
        Some(room).filter(|room| !room.mailbox.is_closed())
    }

    /// Numbers a room.
    pub(crate) fn next_index(&mut self) -> RoomIndex {
        let index = RoomIndex(self.next_index);
        self.next_index += 1;
        index
    }

    /// Adds a room, in place of one of its name that is over.
    pub(crate) fn insert(&mut self, name: RoomName, room: OpenRoom) {
        self.by_name.insert(name, room);
    }

    /// Forgets a room that is over, unless another of its name was opened.
    pub(crate) fn remove(&mut self, name: &RoomName, index: RoomIndex) {
        let room = self.by_name.get(name);
        if room.is_some_and(|room| room.index == index) {
            self.by_name.remove(name);
        }
    }
}
