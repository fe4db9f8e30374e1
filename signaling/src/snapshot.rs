//! What a room last said of itself, so that listing rooms waits for none.

use std::time::Instant;

use signaling_protocol::proto;
use signaling_session::Room;
use tokio::sync::watch;

use crate::limits::SNAPSHOT_SPACING;

/// The writing end, which the room's task has.
#[derive(Debug)]
pub(crate) struct Snapshot {
    latest: watch::Sender<proto::Room>,
    written: Instant,
    /// Whether something may have changed since.
    stale: bool,
}

impl Snapshot {
    pub(crate) fn new(now: Instant, room: &Room) -> Self {
        Self {
            latest: watch::Sender::new(room.info()),
            written: now,
            stale: false,
        }
    }

    /// Returns an end to read from.
    pub(crate) fn reader(&self) -> watch::Receiver<proto::Room> {
        self.latest.subscribe()
    }

    /// Takes note that something may have changed, which is to be seen within [`SNAPSHOT_SPACING`].
    pub(crate) fn touch(&mut self) {
        self.stale = true;
    }

    /// Returns when it should be written.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.stale.then(|| self.written + SNAPSHOT_SPACING)
    }

    /// Writes how the room is.
    pub(crate) fn write(&mut self, now: Instant, room: &Room) {
        self.latest.send_replace(room.info());
        self.written = now;
        self.stale = false;
    }
}
