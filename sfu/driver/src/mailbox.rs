//! A bounded queue into a media thread that wakes it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

use mio::Waker;
use sfu_model::{Command, DataChannel};

/// Letters that may wait. A full mailbox stops those who write to it until the thread has caught
/// up, but for lossy data, which is dropped.
const CAPACITY: usize = 16_384;

/// What a shard's thread can be sent.
#[derive(Debug)]
pub(crate) enum Letter {
    /// A command for the shard.
    Command(Command),
    /// An ICE-TCP connection whose first message names this shard, and the bytes read so far.
    Connection(std::net::TcpStream, Vec<u8>),
    /// The thread ends.
    Stop,
}

/// The writing end.
#[derive(Clone, Debug)]
pub(crate) struct Mailbox {
    letters: SyncSender<Letter>,
    waker: Arc<Waker>,
    /// Whether a wake-up is on its way that the thread has not yet seen.
    woken: Arc<AtomicBool>,
    dropped: Arc<AtomicU64>,
}

/// The reading end.
#[derive(Debug)]
pub(crate) struct Inbox {
    letters: Receiver<Letter>,
    woken: Arc<AtomicBool>,
}

/// Creates a mailbox whose writers wake the thread by `waker`.
pub(crate) fn mailbox(waker: Waker) -> (Mailbox, Inbox) {
    let (sender, receiver) = sync_channel(CAPACITY);
    let woken = Arc::new(AtomicBool::new(false));
    let mailbox = Mailbox {
        letters: sender,
        waker: Arc::new(waker),
        woken: Arc::clone(&woken),
        dropped: Arc::default(),
    };
    let inbox = Inbox {
        letters: receiver,
        woken,
    };
    (mailbox, inbox)
}

impl Mailbox {
    /// Delivers a letter. A thread that has ended loses it.
    pub(crate) fn send(&self, letter: Letter) {
        match self.letters.try_send(letter) {
            Ok(()) | Err(TrySendError::Disconnected(_)) => {}
            Err(TrySendError::Full(letter)) if is_lossy(&letter) => {
                self.dropped.fetch_add(1, Ordering::Relaxed);
            }
            Err(TrySendError::Full(letter)) => {
                self.wake();
                self.letters.send(letter).ok();
            }
        }
        self.wake();
    }

    /// Returns how many letters were dropped because the mailbox was full.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    fn wake(&self) {
        if self.woken.swap(true, Ordering::AcqRel) {
            return;
        }
        if let Err(error) = self.waker.wake() {
            tracing::error!(%error, "A media thread cannot be woken");
        }
    }
}

impl Inbox {
    /// Tells writers that the next letter needs a wake-up. Call before the letters are taken.
    pub(crate) fn acknowledge_wake(&self) {
        self.woken.store(false, Ordering::Release);
    }

    /// Returns the next letter.
    pub(crate) fn take(&self) -> Option<Letter> {
        self.letters.try_recv().ok()
    }
}

fn is_lossy(letter: &Letter) -> bool {
    matches!(
        letter,
        Letter::Command(Command::SendData {
            channel: DataChannel::Lossy | DataChannel::DataTrack,
            ..
        })
    )
}
