//! A node that is to end without cutting anybody off: it opens no rooms, and those that are there come to their end.

use std::sync::Arc;
use std::time::Duration;

use sfu_model::UnixTime;
use signaling::Rooms;
use tokio::sync::watch;
use tokio::time::sleep;

use crate::clock;

/// How often it is looked whether everybody has left.
const LOOK: Duration = Duration::from_millis(500);

/// The drain of a node. Clones are the same.
#[derive(Clone, Debug)]
pub struct Drain {
    rooms: Rooms,
    ends_at: Arc<watch::Sender<Option<UnixTime>>>,
}

/// How far a drain is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drained {
    /// When the node ends at the latest; nothing while it is not drained.
    pub ends_at: Option<UnixTime>,
    /// Rooms that are open.
    pub rooms: usize,
    /// Participants in them, those left out that are there for the sake of others.
    pub participants: u64,
}

impl Drain {
    /// Drains a node when it is told to.
    pub fn new(rooms: Rooms) -> Self {
        Self {
            rooms,
            ends_at: Arc::new(watch::Sender::new(None)),
        }
    }

    /// Begins to drain the node, which ends when everybody has left, and after `patience` at the latest. One that is drained
    /// already ends then instead.
    pub fn begin(&self, patience: Duration) -> Drained {
        self.rooms.drain();
        let ends_at = UnixTime(clock::now().0 + patience);
        self.ends_at.send_replace(Some(ends_at));
        self.report()
    }

    /// Takes it back: the node opens rooms again. Reports what was taken back.
    pub fn undo(&self) -> Option<UnixTime> {
        self.rooms.undo_drain();
        self.ends_at.send_replace(None)
    }

    /// Returns how far it is.
    pub fn report(&self) -> Drained {
        let rooms = self.rooms.list(&[]);
        let participants = rooms.iter().map(|room| u64::from(room.num_participants));
        Drained {
            ends_at: *self.ends_at.borrow(),
            participants: participants.sum(),
            rooms: rooms.len(),
        }
    }

    /// Returns when the node is drained, and is to end.
    pub async fn done(&self) {
        let mut changes = self.ends_at.subscribe();
        loop {
            let report = self.report();
            let ends_at = *changes.borrow_and_update();
            let is_over = ends_at.is_some_and(|at| clock::now() >= at);
            if is_over || (ends_at.is_some() && report.participants == 0) {
                return;
            }
            match ends_at {
                Some(_) => sleep(LOOK).await,
                None => drop(changes.changed().await),
            }
        }
    }
}
