//! The way of events from shards to rooms.
//!
//! Each room has a place where its events wait, into which media threads put them and out of which
//! the room's task takes them. So a room that is behind delays no other, and a media thread waits
//! for nobody: the locks here are held for as long as it takes to put one event, or to take a few.

mod waiting;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use sfu_model::{Event, RoomIndex};
use tokio::sync::Notify;

use waiting::WaitingEvents;

/// The events of all rooms of a node. Clones are handles to the same.
#[derive(Clone, Debug, Default)]
pub struct MediaEvents(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    rooms: RwLock<BTreeMap<RoomIndex, Arc<RoomEvents>>>,
    dropped: AtomicU64,
}

impl MediaEvents {
    /// Returns what a media thread calls with each event.
    pub fn sink(&self) -> impl Fn(Event) + Clone + Send + 'static {
        let events = self.clone();
        move |event| events.send(event)
    }

    /// Hands an event to its room, without waiting for it. A room that is over loses it: it is about
    /// nobody.
    pub fn send(&self, event: Event) {
        let rooms = self.0.rooms.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(room) = rooms.get(&event.room()) {
            let dropped = room.put(event);
            self.0.dropped.fetch_add(dropped, Ordering::Relaxed);
        }
    }

    /// Returns how many lossy messages were dropped because their rooms did not keep up.
    pub fn dropped(&self) -> u64 {
        self.0.dropped.load(Ordering::Relaxed)
    }

    /// Makes the place of a room.
    pub(crate) fn open(&self, room: RoomIndex) -> Arc<RoomEvents> {
        let events = Arc::<RoomEvents>::default();
        let mut rooms = self.0.rooms.write().unwrap_or_else(PoisonError::into_inner);
        rooms.insert(room, Arc::clone(&events));
        events
    }

    /// Forgets a room that is over.
    pub(crate) fn close(&self, room: RoomIndex) {
        let mut rooms = self.0.rooms.write().unwrap_or_else(PoisonError::into_inner);
        rooms.remove(&room);
    }
}

/// The events of one room.
#[derive(Debug, Default)]
pub(crate) struct RoomEvents {
    waiting: Mutex<WaitingEvents>,
    came: Notify,
}

impl RoomEvents {
    /// Waits until there is an event.
    pub(crate) async fn arrival(&self) {
        while self.lock().is_empty() {
            self.came.notified().await;
        }
    }

    /// Moves the next events to `events`, at most as many as it has room for.
    pub(crate) fn take(&self, events: &mut Vec<Event>, most: usize) {
        let mut waiting = self.lock();
        let taken = std::iter::from_fn(|| waiting.take());
        events.extend(taken.take(most));
    }

    fn put(&self, event: Event) -> u64 {
        let dropped = self.lock().put(event);
        self.came.notify_one();
        dropped
    }

    fn lock(&self) -> MutexGuard<'_, WaitingEvents> {
        // Nothing that runs under this lock leaves it half changed.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use sfu_model::{CloseReason, DataChannel, LinkProtocol, NodeIndex, PeerId, ShardIndex};

    use super::*;

    fn peer(room: u32) -> PeerId {
        PeerId {
            room: RoomIndex(room),
            index: 1,
            shard: ShardIndex(0),
            node: NodeIndex(0),
        }
    }

    #[tokio::test]
    async fn a_room_that_takes_nothing_delays_no_other() {
        let events = MediaEvents::default();
        let (stuck, other) = (events.open(RoomIndex(1)), events.open(RoomIndex(2)));
        for _ in 0..100_000 {
            events.send(Event::DataReceived {
                peer: peer(1),
                channel: DataChannel::Lossy,
                message: vec![0].into(),
            });
        }
        let reason = CloseReason::TimedOut;
        let gone = |room| Event::PeerClosed {
            peer: peer(room),
            reason,
        };
        events.send(gone(1));
        events.send(gone(2));
        other.arrival().await;
        let mut heard = Vec::new();
        other.take(&mut heard, 10);
        assert!(matches!(heard.as_slice(), [Event::PeerClosed { .. }]));
        let mut late = Vec::new();
        stuck.take(&mut late, usize::MAX);
        assert!(matches!(late.last(), Some(Event::PeerClosed { .. })));
        assert_eq!(events.dropped() + late.len() as u64 - 1, 100_000);
    }

    #[tokio::test]
    async fn what_comes_while_a_room_waits_wakes_it() {
        let events = MediaEvents::default();
        let room = events.open(RoomIndex(1));
        let arrival = tokio::spawn({
            let room = Arc::clone(&room);
            async move { room.arrival().await }
        });
        tokio::task::yield_now().await;
        let protocol = LinkProtocol::Udp;
        let peer = peer(1);
        events.send(Event::PeerConnected { peer, protocol });
        arrival.await.unwrap();
    }

    #[test]
    fn a_room_that_is_over_keeps_nothing() {
        let events = MediaEvents::default();
        let room = events.open(RoomIndex(1));
        events.close(RoomIndex(1));
        events.send(Event::PeerSilent { peer: peer(1) });
        assert!(room.lock().is_empty());
        assert_eq!(Arc::strong_count(&room), 1);
    }
}
