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
use std::time::Duration;

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};
use nix::sys::eventfd::{EfdFlags, EventFd};
use tokio::sync::oneshot;

use clock::Clock;
pub(crate) use command::{Account, Agreement, Command, Notice, PeerId, Transport};
pub(crate) use link::Link;
use thread::{MAILBOX, MediaThread};

/// All media threads.
#[derive(Debug)]
pub(crate) struct MediaThreads {
    clock: Clock,
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
            clock,
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
        let data_from = self.soon();
        self.tell_all(|| Command::BeginWindow { data_from });
    }

    /// Ends the measurement.
    pub(crate) fn end_window(&self) {
        let data_to = self.soon();
        self.tell_all(|| Command::EndWindow { data_to });
    }

    /// Returns a moment before which all threads have been told of it, so that they agree on what is made until then.
    fn soon(&self) -> Duration {
        const MARGIN: Duration = Duration::from_millis(200);
        self.clock.epoch().elapsed() + MARGIN
    }

    fn tell_all(&self, command: impl Fn() -> Command) {
        for mailbox in &self.mailboxes {
            mailbox.send(command());
        }
    }

    /// Sums the threads' figures.
    pub(crate) async fn account(&self) -> Account {
        let mut sum = Account::default();
        for mailbox in &self.mailboxes {
            let (reply, account) = oneshot::channel();
            mailbox.send(Command::Account { reply });
            if let Ok(account) = account.await {
                sum.merge(account);
            }
        }
        sum
    }

    /// Ends the threads.
    pub(crate) fn stop(self) {
        self.tell_all(|| Command::Stop);
        for thread in self.threads {
            thread.join().ok();
        }
    }
}
