//! The loop of one shard.

use std::collections::BTreeMap;
use std::io;
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token};
use sfu_core::{Shard, Transmit};
use sfu_model::{Event, LinkProtocol, Now, Path};

use crate::clock;
use crate::mailbox::{Inbox, Letter};
use crate::tcp::{LinkState, TcpLink};
use crate::udp::UdpPort;

/// Datagrams taken from a socket before everything else has its turn.
const RECEIVE_TURN: usize = 256;

/// Commands carried out before packets have their turn.
const COMMAND_TURN: usize = 1024;

/// Longest datagram that is taken whole; longer ones are no packet of ours.
const MAX_DATAGRAM: usize = 2048;

/// The token of the mailbox; UDP ports follow, then connections.
pub(crate) const MAILBOX: Token = Token(0);

/// One shard with its sockets.
pub(crate) struct ShardThread<S> {
    shard: Shard,
    poll: Poll,
    inbox: Inbox,
    ports: Vec<UdpPort>,
    links: BTreeMap<Token, TcpLink>,
    link_of_path: BTreeMap<Path, Token>,
    /// Connections that may have more to read than one turn took.
    unread: Vec<Token>,
    next_token: usize,
    sink: S,
    transmit: Vec<u8>,
}

/// Whether the thread goes on.
#[derive(PartialEq, Eq)]
enum Flow {
    Continue,
    Stop,
}

impl<S: FnMut(Event)> ShardThread<S> {
    pub(crate) fn new(
        shard: Shard,
        poll: Poll,
        inbox: Inbox,
        mut ports: Vec<UdpPort>,
        sink: S,
    ) -> io::Result<Self> {
        for (i, port) in ports.iter_mut().enumerate() {
            poll.registry()
                .register(port.socket(), Token(1 + i), Interest::READABLE)?;
        }
        let next_token = 1 + ports.len();
        Ok(Self {
            shard,
            poll,
            inbox,
            ports,
            links: BTreeMap::new(),
            link_of_path: BTreeMap::new(),
            unread: Vec::new(),
            next_token,
            sink,
            transmit: Vec::with_capacity(MAX_DATAGRAM),
        })
    }

    /// Runs until told to stop.
    pub(crate) fn run(mut self) {
        let mut events = Events::with_capacity(1024);
        // Letters may have come before the poll knew of them.
        let mut more_letters = true;
        loop {
            let timeout = if more_letters {
                Some(Duration::ZERO)
            } else {
                self.timeout()
            };
            if let Err(error) = self.poll.poll(&mut events, timeout)
                && error.kind() != io::ErrorKind::Interrupted
            {
                tracing::error!(%error, "A media thread cannot wait for packets and ends");
                return;
            }
            for event in &events {
                more_letters |= event.token() == MAILBOX;
                self.note_readiness(event.token(), event.is_writable());
            }
            if more_letters {
                match self.take_letters() {
                    (Flow::Stop, _) => return,
                    (Flow::Continue, more) => more_letters = more,
                }
            }
            self.receive();
            self.fire_timeout();
            self.drain();
        }
    }

    fn timeout(&self) -> Option<Duration> {
        if !self.unread.is_empty() || self.ports.iter().any(UdpPort::is_readable) {
            return Some(Duration::ZERO);
        }
        let deadline = self.shard.poll_timeout()?;
        Some(deadline.at.saturating_duration_since(Instant::now()))
    }

    fn note_readiness(&mut self, token: Token, writable: bool) {
        if token == MAILBOX {
            return;
        }
        if let Some(port) = self.ports.get_mut(token.0 - 1) {
            port.set_readable();
            return;
        }
        self.unread.push(token);
        if writable
            && let Some(link) = self.links.get_mut(&token)
            && link.flush() == LinkState::Closed
        {
            self.close_link(token);
        }
    }

    /// Carries out letters, and says whether some are left for the next turn.
    fn take_letters(&mut self) -> (Flow, bool) {
        self.inbox.acknowledge_wake();
        let now = clock::now();
        for _ in 0..COMMAND_TURN {
            match self.inbox.take() {
                None => return (Flow::Continue, false),
                Some(Letter::Stop) => return (Flow::Stop, false),
                Some(Letter::Command(command)) => self.shard.handle_command(now, command),
                Some(Letter::Connection(stream, head)) => self.add_link(stream, &head),
            }
        }
        (Flow::Continue, true)
    }

    fn add_link(&mut self, stream: std::net::TcpStream, head: &[u8]) {
        let Ok(mut link) = TcpLink::new(stream, head) else {
            return;
        };
        let token = Token(self.next_token);
        self.next_token += 1;
        let interest = Interest::READABLE | Interest::WRITABLE;
        if self
            .poll
            .registry()
            .register(link.stream(), token, interest)
            .is_ok()
        {
            self.link_of_path.insert(link.path(), token);
            self.links.insert(token, link);
            self.unread.push(token);
        }
    }

    fn close_link(&mut self, token: Token) {
        let Some(mut link) = self.links.remove(&token) else {
            return;
        };
        self.link_of_path.remove(&link.path());
        // A stream that cannot be deregistered is closed by the drop, which has the same effect.
        self.poll.registry().deregister(link.stream()).ok();
        self.shard.handle_path_closed(clock::now(), link.path());
    }

    fn receive(&mut self) {
        let now = clock::now();
        for index in 0..self.ports.len() {
            self.receive_datagrams(now, index);
        }
        for token in std::mem::take(&mut self.unread) {
            let Some(link) = self.links.get_mut(&token) else {
                continue;
            };
            let shard = &mut self.shard;
            match link.receive(|path, packet| shard.handle_datagram(now, path, packet)) {
                LinkState::Drained => {}
                LinkState::MayHaveMore => self.unread.push(token),
                LinkState::Closed => self.close_link(token),
            }
            self.drain_backlog();
        }
    }

    fn receive_datagrams(&mut self, now: Now, index: usize) {
        let mut buffer = [0; MAX_DATAGRAM];
        for _ in 0..RECEIVE_TURN {
            let port = self.ports.get_mut(index).filter(|port| port.is_readable());
            let Some((path, datagram)) = port.and_then(|port| port.receive(&mut buffer)) else {
                return;
            };
            self.shard.handle_datagram(now, path, datagram);
            self.drain_backlog();
        }
    }

    /// Sends in the midst of a turn what the shard can hold no more of.
    fn drain_backlog(&mut self) {
        if self.shard.is_backlogged() {
            self.drain();
        }
    }

    fn fire_timeout(&mut self) {
        let now = clock::now();
        if self
            .shard
            .poll_timeout()
            .is_some_and(|deadline| deadline.at <= now.mono)
        {
            self.shard.handle_timeout(now);
        }
    }

    fn drain(&mut self) {
        let now = clock::now();
        let mut buffer = std::mem::take(&mut self.transmit);
        while let Some(transmit) = self.shard.poll_transmit(now, &mut buffer) {
            self.send(&transmit, &buffer);
        }
        self.transmit = buffer;
        while let Some(event) = self.shard.poll_event() {
            (self.sink)(event);
        }
    }

    fn send(&mut self, transmit: &Transmit, datagrams: &[u8]) {
        let path = transmit.path;
        let segment = transmit.segment_size.unwrap_or(datagrams.len());
        match path.protocol {
            LinkProtocol::Udp => {
                let port = self
                    .ports
                    .iter_mut()
                    .find(|port| port.local() == path.local);
                if let Some(port) = port {
                    port.send(path.remote, datagrams, segment);
                }
            }
            LinkProtocol::Tcp => {
                let Some(token) = self.link_of_path.get(&path).copied() else {
                    return;
                };
                for packet in datagrams.chunks(segment.max(1)) {
                    let link = self.links.get_mut(&token);
                    if link.is_some_and(|link| link.send(packet) == LinkState::Closed) {
                        self.close_link(token);
                    }
                }
            }
        }
    }
}
