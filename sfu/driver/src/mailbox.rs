//! A queue into a media thread that wakes it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};

use mio::Waker;
use sfu_model::Command;
use tokio::sync::OwnedSemaphorePermit;

use crate::limits::WAITING_CONNECTIONS;
use crate::stream::Connection;

/// What a shard's thread can be sent.
#[derive(Debug)]
pub(crate) enum Letter {
    /// A command for the shard, in a place of its room's lane.
    Command(Command, Place),
    /// A connection whose first message names this shard.
    Connection(Connection),
    /// The thread ends.
    Stop,
    /// The thread does what it never should.
    #[cfg(feature = "faults")]
    Fault(Fault),
}

/// Something that a thread does in a test.
#[cfg(feature = "faults")]
pub(crate) struct Fault(pub(crate) Box<dyn FnOnce() + Send>);

#[cfg(feature = "faults")]
impl std::fmt::Debug for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Fault")
    }
}

/// A place in a room's lane, which is free again when this is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    _held: Option<OwnedSemaphorePermit>,
}

impl Place {
    /// Makes one beyond those that the lane has.
    pub(crate) fn beyond_all() -> Self {
        Self { _held: None }
    }

    /// Makes a place of a lane that has one.
    #[cfg(test)]
    pub(crate) fn free() -> Self {
        let lane = Arc::new(tokio::sync::Semaphore::new(1));
        lane.try_acquire_owned().unwrap().into()
    }
}

impl From<OwnedSemaphorePermit> for Place {
    fn from(held: OwnedSemaphorePermit) -> Self {
        Self { _held: Some(held) }
    }
}

/// The writing end.
///
/// Commands are bounded by the lanes of rooms, which wait; connections of strangers by their number.
#[derive(Clone, Debug)]
pub(crate) struct Mailbox {
    letters: Sender<Letter>,
    waiting: Arc<Waiting>,
    waker: Arc<Waker>,
    /// Whether a wake-up is on its way that the thread has not yet seen.
    woken: Arc<AtomicBool>,
    dropped: Arc<AtomicU64>,
}

/// How much is in a mailbox.
#[derive(Debug, Default)]
struct Waiting {
    letters: AtomicUsize,
    connections: AtomicUsize,
}

/// The reading end.
#[derive(Debug)]
pub(crate) struct Inbox {
    letters: Receiver<Letter>,
    waiting: Arc<Waiting>,
    woken: Arc<AtomicBool>,
}

/// Creates a mailbox whose writers wake the thread by `waker`.
pub(crate) fn mailbox(waker: Waker) -> (Mailbox, Inbox) {
    let (sender, receiver) = channel();
    let waiting = Arc::<Waiting>::default();
    let woken = Arc::new(AtomicBool::new(false));
    let mailbox = Mailbox {
        letters: sender,
        waiting: Arc::clone(&waiting),
        waker: Arc::new(waker),
        woken: Arc::clone(&woken),
        dropped: Arc::default(),
    };
    let inbox = Inbox {
        letters: receiver,
        waiting,
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
        if let Letter::Connection(_) = letter {
            let before = self.waiting.connections.fetch_add(1, Ordering::Relaxed);
            if before >= WAITING_CONNECTIONS {
                self.waiting.connections.fetch_sub(1, Ordering::Relaxed);
                self.count_dropped();
                return;
            }
        }
        // Before it can be taken: who counts what is in the mailbox counts it too.
        self.waiting.letters.fetch_add(1, Ordering::AcqRel);
        self.letters.send(letter).ok();
    }

    /// Counts something that was not delivered because too much waits.
    pub(crate) fn count_dropped(&self) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns how much was not delivered because too much waited.
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
        let letter = self.letters.try_recv().ok()?;
        self.waiting.letters.fetch_sub(1, Ordering::AcqRel);
        if let Letter::Connection(_) = letter {
            self.waiting.connections.fetch_sub(1, Ordering::Relaxed);
        }
        Some(letter)
    }

    /// Returns how many letters wait: all that were put before what led here, and perhaps more.
    pub(crate) fn len(&self) -> usize {
        self.waiting.letters.load(Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests {
    use mio::net::{TcpListener, TcpStream};
    use mio::{Poll, Token};

    use super::*;

    fn empty() -> (Poll, Mailbox, Inbox) {
        let poll = Poll::new().unwrap();
        let (mailbox, inbox) = mailbox(Waker::new(poll.registry(), Token(0)).unwrap());
        (poll, mailbox, inbox)
    }

    #[test]
    fn connections_of_strangers_are_dropped_when_too_many_wait() {
        let (_poll, mailbox, inbox) = empty();
        let listener = TcpListener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let connect = || {
            let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            Letter::Connection(Connection::tcp(stream, Vec::new()).unwrap())
        };
        mailbox
            .waiting
            .connections
            .store(WAITING_CONNECTIONS - 1, Ordering::Relaxed);
        for _ in 0..3 {
            mailbox.send(connect());
        }
        assert_eq!((mailbox.dropped(), inbox.len()), (2, 1));
        assert!(inbox.take().is_some());
        mailbox.send(connect());
        assert_eq!((mailbox.dropped(), inbox.len()), (2, 1));
    }

    #[test]
    fn a_thread_that_has_ended_stops_nobody() {
        let (_poll, mailbox, inbox) = empty();
        drop(inbox);
        mailbox.send(Letter::Stop);
    }

    #[test]
    fn one_wake_up_is_enough_for_many_letters() {
        let (mut poll, mailbox, inbox) = empty();
        mailbox.send(Letter::Stop);
        mailbox.send(Letter::Stop);
        let mut events = mio::Events::with_capacity(8);
        poll.poll(&mut events, None).unwrap();
        inbox.acknowledge_wake();
        assert_eq!(std::iter::from_fn(|| inbox.take()).count(), 2);
        mailbox.send(Letter::Stop);
        poll.poll(&mut events, None).unwrap();
        assert!(!events.is_empty());
    }
}
