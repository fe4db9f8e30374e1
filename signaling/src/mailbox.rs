//! The mailbox of a task, for letters of any kind.

use std::time::Instant;

use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use crate::limits::MAILBOX;

/// The writing end. Clones write into the same mailbox.
#[derive(Debug)]
pub(crate) struct Mailbox<L>(mpsc::Sender<Posted<L>>);

/// The reading end.
pub(crate) type Letters<L> = mpsc::Receiver<Posted<L>>;

/// A letter in the mailbox.
#[derive(Debug)]
pub(crate) struct Posted<L> {
    /// When it was put there.
    pub(crate) at: Instant,
    pub(crate) letter: L,
}

/// The room is over: nobody reads its letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RoomOver;

/// Creates an empty mailbox.
pub(crate) fn mailbox<L>() -> (Mailbox<L>, Letters<L>) {
    let (sender, letters) = mpsc::channel(MAILBOX);
    (Mailbox(sender), letters)
}

impl<L> Clone for Mailbox<L> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<L: Send + 'static> Mailbox<L> {
    /// Puts a letter in, and waits while there is no room.
    pub(crate) async fn send(&self, letter: L) -> Result<(), RoomOver> {
        let at = Instant::now();
        let sent = self.0.send(Posted { at, letter }).await;
        sent.map_err(|_| RoomOver)
    }

    /// Puts a letter in that must come there, without waiting.
    pub(crate) fn send_soon(&self, letter: L) {
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
