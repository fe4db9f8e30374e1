//! Which room a connection belongs to.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::mailbox::Mailbox;

/// The room that a connection's requests go to, which is another one when its participant is moved. Clones are handles to
/// the same.
#[derive(Debug)]
pub(crate) struct Desk<L>(Arc<Mutex<Place<L>>>);

/// A room, and how often the connection was moved until it was there.
#[derive(Debug)]
struct Place<L> {
    room: Mailbox<L>,
    moves: u64,
}

impl<L> Clone for Desk<L> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<L: Send + 'static> Desk<L> {
    pub(crate) fn new(room: Mailbox<L>) -> Self {
        Self(Arc::new(Mutex::new(Place { room, moves: 0 })))
    }

    /// Returns the room, and how often the connection was moved.
    pub(crate) fn room(&self) -> (Mailbox<L>, u64) {
        let place = self.lock();
        (place.room.clone(), place.moves)
    }

    /// Has requests go to another room from here on.
    pub(crate) fn move_to(&self, room: Mailbox<L>) {
        let mut place = self.lock();
        place.room = room;
        place.moves += 1;
    }

    /// Sends the room a letter that must come there, without waiting.
    pub(crate) fn send_soon(&self, letter: L) {
        self.lock().room.send_soon(letter);
    }

    fn lock(&self) -> MutexGuard<'_, Place<L>> {
        // Nothing that runs under this lock leaves it half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
