//! Media threads: each owns the sockets of its peers, waits for them by epoll, and drives the peers.

mod clock;
mod command;
mod link;
mod socket;
mod tcp;
mod thread;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;

use loadtest_peer::{Completeness, Tally};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};
use nix::sys::eventfd::{EfdFlags, EventFd};
use tokio::sync::oneshot;

use clock::Clock;
pub(crate) use command::{Agreement, Command, Notice, PeerId, Transport};
pub(crate) use link::Link;
use thread::{MAILBOX, MediaThread};

/// All media threads.
#[derive(Debug)]
pub(crate) struct MediaThreads {
    mailboxes: Vec<Mailbox>,
    threads: Vec<JoinHandle<()>>,
}

/// The way to one thread.
#[derive(Clone, Debug)]
pub(crate) struct Mailbox {
    commands: Sender<Command>,
    wake: Arc<EventFd>,
    next_id: Arc<AtomicU64>,
}

impl Mailbox {
    /// Draws the number of a peer of this thread.
    pub(crate) fn next_id(&self) -> PeerId {
        PeerId(self.next_id.fetch_add(1, Ordering::Relaxed))
    }

    /// Tells the thread something. It ends after everybody who could.
    pub(crate) fn send(&self, command: Command) {
        if self.commands.send(command).is_ok() {
            self.wake.write(1).ok();
        }
    }
}

impl MediaThreads {
    /// Starts `count` threads.
    pub(crate) fn start(count: usize) -> io::Result<Self> {
        let clock = Clock::new();
        let mut started = Self {
            mailboxes: Vec::new(),
            threads: Vec::new(),
        };
        for index in 0..count.max(1) {
            let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
            let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
            let wake = Arc::new(EventFd::from_flags(flags)?);
            epoll.add(&*wake, EpollEvent::new(EpollFlags::EPOLLIN, MAILBOX))?;
            let (commands, received) = channel();
            let woken = Arc::clone(&wake);
            // Peers live and die on their thread: not everything in them may move to another.
            let run = move || MediaThread::new(epoll, woken, received, clock).run();
            let name = format!("media-{index}");
            let thread = std::thread::Builder::new().name(name).spawn(run)?;
            started.threads.push(thread);
            started.mailboxes.push(Mailbox {
                commands,
                wake,
                next_id: Arc::new(AtomicU64::new(0)),
            });
        }
        Ok(started)
    }

    /// Returns the thread for the `number`th participant.
    pub(crate) fn mailbox(&self, number: usize) -> Option<&Mailbox> {
        self.mailboxes.get(number % self.mailboxes.len().max(1))
    }

    /// Begins the measurement.
    pub(crate) fn begin_window(&self) {
        self.tell_all(|| Command::BeginWindow);
    }

    /// Ends the measurement.
    pub(crate) fn end_window(&self) {
        self.tell_all(|| Command::EndWindow);
    }

    fn tell_all(&self, command: impl Fn() -> Command) {
        for mailbox in &self.mailboxes {
            mailbox.send(command());
        }
    }

    /// Sums the threads' figures: so far, those of the measurement, and what of it is missing.
    pub(crate) async fn account(&self) -> (Tally, Tally, Completeness) {
        let (mut so_far, mut measured) = (Tally::default(), Tally::default());
        let mut completeness = Completeness::default();
        for mailbox in &self.mailboxes {
            let (reply, account) = oneshot::channel();
            mailbox.send(Command::Account { reply });
            let Ok(account) = account.await else {
                continue;
            };
            so_far.merge(&account.so_far);
            if let Some(window) = &account.measured {
                measured.merge(window);
            }
            completeness.merge(account.completeness);
        }
        (so_far, measured, completeness)
    }

    /// Ends the threads.
    pub(crate) fn stop(self) {
        self.tell_all(|| Command::Stop);
        for thread in self.threads {
            thread.join().ok();
        }
    }
}
