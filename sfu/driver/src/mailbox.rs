//! A bounded queue into a media thread that wakes it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

use mio::Waker;
use sfu_model::{Command, DataChannel};

/// Letters that may wait. A full mailbox stops those who write to it until the thread has caught
/// up, but for lossy data and connections of strangers, which are dropped.
pub(crate) const CAPACITY: usize = 16_384;

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
        self.put(letter);
        self.wake();
    }

    /// Delivers a letter without waking the thread: [`Mailbox::wake`] must follow.
    pub(crate) fn put(&self, letter: Letter) {
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
    }

    /// Returns how many letters were dropped because the mailbox was full.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Wakes the thread, unless a wake-up is on its way already.
    pub(crate) fn wake(&self) {
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
        self.woken.swap(false, Ordering::AcqRel);
    }

    /// Reports whether letters have come since the last acknowledged wake-up.
    pub(crate) fn is_woken(&self) -> bool {
        self.woken.load(Ordering::Acquire)
    }

    /// Returns the next letter.
    pub(crate) fn take(&self) -> Option<Letter> {
        self.letters.try_recv().ok()
    }
}

fn is_lossy(letter: &Letter) -> bool {
    match letter {
        Letter::Command(Command::SendData { channel, .. }) => match channel {
            DataChannel::Lossy | DataChannel::DataTrack => true,
            DataChannel::Reliable | DataChannel::Unlabelled => false,
        },
        Letter::Connection(..) => true,
        Letter::Command(_) | Letter::Stop => false,
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use mio::{Poll, Token};
    use sfu_model::{PeerId, RoomIndex, ShardIndex};

    use super::*;

    fn message(channel: DataChannel) -> Letter {
        Letter::Command(Command::SendData {
            peers: Arc::new([]),
            channel,
            payload: Arc::new([]),
        })
    }

    fn remove(index: u32) -> Letter {
        let room = RoomIndex(0);
        let shard = ShardIndex(0);
        let peer = PeerId { room, index, shard };
        Letter::Command(Command::RemovePeer { peer })
    }

    fn full() -> (Poll, Mailbox, Inbox) {
        let poll = Poll::new().unwrap();
        let (mailbox, inbox) = mailbox(Waker::new(poll.registry(), Token(0)).unwrap());
        (0..CAPACITY).for_each(|_| mailbox.send(remove(0)));
        (poll, mailbox, inbox)
    }

    #[test]
    fn a_full_mailbox_drops_lossy_data_and_strangers() {
        let (_poll, mailbox, inbox) = full();
        mailbox.send(message(DataChannel::Lossy));
        mailbox.send(message(DataChannel::DataTrack));
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        mailbox.send(Letter::Connection(stream, Vec::new()));
        assert_eq!(mailbox.dropped(), 3);
        let left = std::iter::from_fn(|| inbox.take());
        assert_eq!(left.count(), CAPACITY);
    }

    #[test]
    fn a_full_mailbox_keeps_everything_else_until_there_is_room() {
        let (_poll, mailbox, inbox) = full();
        let letters = [
            remove(1),
            message(DataChannel::Reliable),
            message(DataChannel::Unlabelled),
        ];
        let count = letters.len();
        let writer = thread::spawn(move || letters.into_iter().for_each(|l| mailbox.send(l)));
        let mut taken = 0;
        while taken < CAPACITY + count {
            match inbox.take() {
                Some(_) => taken += 1,
                None => thread::yield_now(),
            }
        }
        writer.join().unwrap();
        assert!(inbox.take().is_none());
    }

    #[test]
    fn a_thread_that_has_ended_stops_nobody() {
        let (_poll, mailbox, inbox) = full();
        drop(inbox);
        mailbox.send(remove(1));
    }

    #[test]
    fn one_wake_up_is_enough_for_many_letters() {
        let (mut poll, mailbox, inbox) = full();
        let mut events = mio::Events::with_capacity(8);
        poll.poll(&mut events, None).unwrap();
        inbox.acknowledge_wake();
        assert!(std::iter::from_fn(|| inbox.take()).count() > 1);
        mailbox.send(remove(1));
        poll.poll(&mut events, None).unwrap();
        assert!(!events.is_empty());
    }
}
