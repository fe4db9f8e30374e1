//! The thread that accepts ICE-TCP connections.
//!
//! All shards share the listening port. A connection's first message must be a STUN binding
//! request; its ufrag names the shard, and the connection moves there.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use sfu_model::{IceCredentials, ShardIndex};

use crate::framing::Deframer;
use crate::mailbox::{Inbox, Letter, Mailbox};

/// Connections that have not yet said what they want; further ones are closed at once.
const MAX_PENDING: usize = 512;

/// Time in which the first message must be complete.
const FIRST_MESSAGE: Duration = Duration::from_secs(10);

/// The token of the thread's mailbox; listeners follow, then connections.
pub(crate) const MAILBOX: Token = Token(0);

/// Accepts on several addresses and routes to the shards' mailboxes.
#[derive(Debug)]
pub(crate) struct Acceptor {
    poll: Poll,
    inbox: Inbox,
    listeners: Vec<TcpListener>,
    shards: Vec<Mailbox>,
    pending: BTreeMap<Token, Pending>,
    next_token: usize,
}

#[derive(Debug)]
struct Pending {
    stream: TcpStream,
    deframer: Deframer,
    deadline: Instant,
}

/// What became of a connection after a read.
enum Progress {
    Waiting,
    Named(ShardIndex),
    Refused,
}

impl Acceptor {
    /// Listens on `addresses`.
    pub(crate) fn bind(
        poll: Poll,
        inbox: Inbox,
        addresses: &[SocketAddr],
        shards: Vec<Mailbox>,
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
            pending: BTreeMap::new(),
            next_token,
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
                let token = event.token();
                if token == MAILBOX {
                    self.inbox.acknowledge_wake();
                    if matches!(self.inbox.take(), Some(Letter::Stop)) {
                        return;
                    }
                } else if token.0 <= self.listeners.len() {
                    self.accept(token.0 - 1);
                } else {
                    self.read(token);
                }
            }
            let now = Instant::now();
            self.pending.retain(|_, pending| pending.deadline > now);
        }
    }

    fn timeout(&self) -> Option<Duration> {
        let first = self
            .pending
            .values()
            .map(|pending| pending.deadline)
            .min()?;
        Some(first.saturating_duration_since(Instant::now()))
    }

    fn accept(&mut self, listener: usize) {
        while let Some(Ok((mut stream, _))) = self.listeners.get(listener).map(TcpListener::accept)
        {
            if self.pending.len() >= MAX_PENDING {
                continue;
            }
            let token = Token(self.next_token);
            self.next_token += 1;
            let registry = self.poll.registry();
            if registry
                .register(&mut stream, token, Interest::READABLE)
                .is_err()
            {
                continue;
            }
            let pending = Pending {
                stream,
                deframer: Deframer::default(),
                deadline: Instant::now() + FIRST_MESSAGE,
            };
            self.pending.insert(token, pending);
            self.read(token);
        }
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
        if self.poll.registry().deregister(&mut pending.stream).is_ok() {
            let head = pending.deframer.into_rest();
            mailbox.send(Letter::Connection(pending.stream.into(), head));
        }
    }
}

impl Pending {
    fn read(&mut self) -> Progress {
        let mut chunk = [0; 1024];
        loop {
            match self.deframer.peek_packet() {
                Ok(None) => {}
                Ok(Some(message)) => {
                    let shard = sfu_transport::ufrag_of(message).and_then(IceCredentials::shard_of);
                    return shard.map_or(Progress::Refused, Progress::Named);
                }
                Err(_) => return Progress::Refused,
            }
            match self.stream.read(&mut chunk) {
                Ok(0) => return Progress::Refused,
                Ok(length) => self.deframer.push(chunk.get(..length).unwrap_or_default()),
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock => return Progress::Waiting,
                    io::ErrorKind::Interrupted => {}
                    _ => return Progress::Refused,
                },
            }
        }
    }
}
