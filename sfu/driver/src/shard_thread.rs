//! The loop of one shard.

use std::io;
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token};
use sfu_core::{Shard, Transmit};
use sfu_model::{Event, LinkProtocol, Now};

use crate::clock;
use crate::limits::TcpLimits;
use crate::links::Links;
use crate::mailbox::{Inbox, Letter};
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
    links: Links,
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
        limits: TcpLimits,
        sink: S,
    ) -> io::Result<Self> {
        for (i, port) in ports.iter_mut().enumerate() {
            poll.registry()
                .register(port.socket(), Token(1 + i), Interest::READABLE)?;
        }
        let first_link = Token(1 + ports.len());
        let links = Links::new(poll.registry().try_clone()?, first_link, limits);
        Ok(Self {
            shard,
            poll,
            inbox,
            ports,
            links,
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
        if self.ports.iter().any(UdpPort::is_readable) {
            return Some(Duration::ZERO);
        }
        let now = Instant::now();
        let shard = self.shard.poll_timeout().map(|deadline| deadline.at);
        let next = shard.into_iter().chain(self.links.deadline(now)).min()?;
        Some(next.saturating_duration_since(now))
    }

    fn note_readiness(&mut self, token: Token, writable: bool) {
        if token == MAILBOX {
            return;
        }
        match self.ports.get_mut(token.0 - 1) {
            Some(port) => port.set_readable(),
            None => self.links.note_readiness(Instant::now(), token, writable),
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
                Some(Letter::Connection(stream, head)) => self.links.add(now.mono, stream, &head),
            }
        }
        (Flow::Continue, true)
    }

    fn receive(&mut self) {
        let now = clock::now();
        for index in 0..self.ports.len() {
            self.receive_datagrams(now, index);
        }
        for token in self.links.take_unread() {
            let shard = &mut self.shard;
            let take = |path, packet: &mut [u8]| shard.handle_datagram(now, path, packet);
            self.links.receive(token, take);
            self.drain_backlog();
        }
        self.links.sweep(now.mono);
        while let Some(path) = self.links.take_closed() {
            self.shard.handle_path_closed(now, path);
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
            self.send(now.mono, &transmit, &buffer);
        }
        self.transmit = buffer;
        while let Some(event) = self.shard.poll_event() {
            (self.sink)(event);
        }
    }

    fn send(&mut self, now: Instant, transmit: &Transmit, datagrams: &[u8]) {
        let path = transmit.path;
        let segment = transmit.segment_size.unwrap_or(datagrams.len());
        match path.protocol {
            LinkProtocol::Udp => {
                let port = self.ports.iter().find(|port| port.local() == path.local);
                if let Some(port) = port {
                    port.send(path.remote, datagrams, segment);
                }
            }
            LinkProtocol::Tcp => self.links.send(now, path, datagrams, segment),
        }
    }
}
