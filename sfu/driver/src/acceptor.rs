//! The thread that accepts connections for media, and finds out whom each is for.
//!
//! All shards share the listening port. What a connection speaks its first bytes say. With ICE-TCP its first
//! message must be a STUN binding request; its ufrag names the shard, and the connection moves there.

mod pending;
pub(crate) mod protocol;

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use sfu_model::ShardIndex;

use crate::limits::{ACCEPT_PAUSE, ACCEPT_TURN, TcpLimits};
use crate::mailbox::{Inbox, Letter, Mailbox};
use crate::stream::Connection;

use pending::{Pending, Progress};

/// The token of the thread's mailbox; listeners follow, then connections.
pub(crate) const MAILBOX: Token = Token(0);

/// Accepts on several addresses and routes to the shards' mailboxes.
#[derive(Debug)]
pub(crate) struct Acceptor {
    poll: Poll,
    inbox: Inbox,
    listeners: Vec<TcpListener>,
    shards: Vec<Mailbox>,
    limits: TcpLimits,
    /// In the order in which they came, which is that of their deadlines too.
    pending: BTreeMap<Token, Pending>,
    next_token: usize,
    /// When to accept again without being told that there is something.
    resume: Option<Instant>,
}

impl Acceptor {
    /// Listens on `addresses`.
    pub(crate) fn bind(
        poll: Poll,
        inbox: Inbox,
        addresses: &[SocketAddr],
        shards: Vec<Mailbox>,
        limits: TcpLimits,
    ) -> io::Result<Self> {
        let mut listeners = Vec::new();
        for (i, address) in addresses.iter().enumerate() {
            let mut listener = TcpListener::bind(*address)?;
            poll.registry()
                .register(&mut listener, Token(1 + i), Interest::READABLE)?;
            listeners.push(listener);
        }
        let next_token = 1 + listeners.len();
        Ok(Self {
            poll,
            inbox,
            listeners,
            shards,
            limits,
            pending: BTreeMap::new(),
            next_token,
            resume: None,
        })
    }

    /// Returns the bound addresses.
    pub(crate) fn addresses(&self) -> io::Result<Vec<SocketAddr>> {
        self.listeners.iter().map(TcpListener::local_addr).collect()
    }

    /// Runs until told to stop.
    pub(crate) fn run(mut self) {
        let mut events = Events::with_capacity(256);
        loop {
            if let Err(error) = self.poll.poll(&mut events, self.timeout())
                && error.kind() != io::ErrorKind::Interrupted
            {
                tracing::error!(%error, "ICE-TCP is no longer accepted");
                return;
            }
            for event in &events {
                if event.token() == MAILBOX && self.is_told_to_stop() {
                    return;
                }
                self.note_readiness(event.token());
            }
            let now = Instant::now();
            if self.resume.is_some_and(|resume| resume <= now) {
                self.resume = None;
                (0..self.listeners.len()).for_each(|listener| self.accept(listener));
            }
            self.close_late(now);
        }
    }

    fn is_told_to_stop(&self) -> bool {
        self.inbox.acknowledge_wake();
        matches!(self.inbox.take(), Some(Letter::Stop))
    }

    fn note_readiness(&mut self, token: Token) {
        let listeners = 1..=self.listeners.len();
        if listeners.contains(&token.0) {
            // It is told once; which listener it was does not matter.
            self.resume.get_or_insert_with(Instant::now);
        } else {
            self.read(token);
        }
    }

    fn timeout(&self) -> Option<Duration> {
        let first = self.pending.values().next();
        let deadlines = [first.map(|pending| pending.deadline), self.resume];
        let next = deadlines.into_iter().flatten().min()?;
        Some(next.saturating_duration_since(Instant::now()))
    }

    fn accept(&mut self, listener: usize) {
        for _ in 0..ACCEPT_TURN {
            let Some(accepted) = self.listeners.get(listener).map(TcpListener::accept) else {
                return;
            };
            match accepted {
                Ok((stream, _)) => self.admit(stream),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                // It was gone before it was accepted; there may be others behind it.
                Err(error) if is_about_connection(error.kind()) => {}
                Err(error) => {
                    tracing::warn!(%error, "ICE-TCP connections wait to be accepted");
                    self.resume = Some(Instant::now() + ACCEPT_PAUSE);
                    return;
                }
            }
        }
        self.resume.get_or_insert_with(Instant::now);
    }

    fn admit(&mut self, mut stream: TcpStream) {
        let token = Token(self.next_token);
        self.next_token += 1;
        let registry = self.poll.registry();
        if registry
            .register(&mut stream, token, Interest::READABLE)
            .is_err()
        {
            return;
        }
        if self.pending.len() >= self.limits.pending {
            self.pending.pop_first();
        }
        let pending = Pending::new(stream, Instant::now() + self.limits.step);
        self.pending.insert(token, pending);
        self.read(token);
    }

    fn read(&mut self, token: Token) {
        let Some(pending) = self.pending.get_mut(&token) else {
            return;
        };
        match pending.read() {
            Progress::Waiting => {}
            Progress::Refused => {
                self.pending.remove(&token);
            }
            Progress::Named(shard) => self.hand_over(token, shard),
        }
    }

    fn hand_over(&mut self, token: Token, shard: ShardIndex) {
        let Some(mut pending) = self.pending.remove(&token) else {
            return;
        };
        let Some(mailbox) = self.shards.get(usize::from(shard.0)) else {
            return;
        };
        if self
            .poll
            .registry()
            .deregister(&mut pending.stream)
            .is_err()
        {
            return;
        }
        if let Ok(connection) = Connection::tcp(pending.stream, pending.head) {
            mailbox.send(Letter::Connection(connection));
        }
    }

    fn close_late(&mut self, now: Instant) {
        while let Some(first) = self.pending.first_entry()
            && first.get().deadline <= now
        {
            first.remove();
        }
    }
}

fn is_about_connection(error: io::ErrorKind) -> bool {
    matches!(
        error,
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted
    )
}
