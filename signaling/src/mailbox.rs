//! The mailbox of a room's task.

use std::time::Instant;

use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use crate::letter::Letter;
use crate::limits::MAILBOX;

/// The writing end. Clones write into the same mailbox.
#[derive(Clone, Debug)]
pub(crate) struct Mailbox(mpsc::Sender<Posted>);

/// The reading end.
pub(crate) type Letters = mpsc::Receiver<Posted>;

/// A letter in the mailbox.
#[derive(Debug)]
pub(crate) struct Posted {
    /// When it was put there.
    pub(crate) at: Instant,
    pub(crate) letter: Letter,
}

/// The room is over: nobody reads its letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RoomOver;

/// Creates an empty mailbox.
pub(crate) fn mailbox() -> (Mailbox, Letters) {
    let (sender, letters) = mpsc::channel(MAILBOX);
    (Mailbox(sender), letters)
}

impl Mailbox {
    /// Puts a letter in, and waits while there is no room.
    pub(crate) async fn send(&self, letter: Letter) -> Result<(), RoomOver> {
        let at = Instant::now();
        let sent = self.0.send(Posted { at, letter }).await;
        sent.map_err(|_| RoomOver)
    }

    /// Puts a letter in that must come there, without waiting.
    pub(crate) fn send_soon(&self, letter: Letter) {
        let at = Instant::now();
        if let Err(TrySendError::Full(posted)) = self.0.try_send(Posted { at, letter }) {
            let room = self.0.clone();
            tokio::spawn(async move { room.send(posted).await.ok() });
        }
    }

    /// Reports whether the room is over.
    pub(crate) fn is_closed(&self) -> bool {
        self.0.is_closed()
    }

    /// Waits until the room is over.
    pub(crate) async fn closed(&self) {
        self.0.closed().await;
    }
}
