//! The loop of one shard.

use std::io;
use std::time::{Duration, Instant};

use mio::event::Event as Readiness;
use mio::{Events, Poll, Token};
use sfu_core::{Shard, Transmit};
use sfu_model::{Event, LinkProtocol, Now};
use sfu_transport::framing::Framed;

use crate::clock;
use crate::exchange::Exchange;
use crate::health::Pulse;
use crate::limits::{COMMAND_SLICE, DATA_SLICE, RECEIVE_TURN, TcpLimits};
use crate::links::Links;
use crate::mailbox::{Inbox, Letter};
use crate::report::{LatestReport, Reporter, ShardReport};
use crate::turn::TurnLengths;
use crate::udp::{Inbound, UdpPort};

/// The token of the mailbox; UDP ports follow, then connections.
pub(crate) const MAILBOX: Token = Token(0);

/// Where a shard's work comes from.
pub(crate) struct Intake {
    pub(crate) inbox: Inbox,
    pub(crate) exchange: Exchange,
    pub(crate) ports: Vec<UdpPort>,
}

/// Where a shard tells of itself.
pub(crate) struct Outlet<S> {
    /// Takes events.
    pub(crate) sink: S,
    pub(crate) report: LatestReport,
    pub(crate) pulse: Pulse,
}

/// One shard with its sockets.
pub(crate) struct ShardThread<S> {
    shard: Shard,
    poll: Poll,
    inbox: Inbox,
    exchange: Exchange,
    ports: Vec<UdpPort>,
    links: Links,
    sink: S,
    inbound: Inbound,
    transmit: Vec<u8>,
    reporter: Reporter,
    pulse: Pulse,
    turns: TurnLengths,
    flow: Flow,
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
        intake: Intake,
        limits: TcpLimits,
        outlet: Outlet<S>,
    ) -> io::Result<Self> {
        let Outlet {
            sink,
            report,
            pulse,
        } = outlet;
        let Intake {
            inbox,
            exchange,
            mut ports,
        } = intake;
        for (i, port) in ports.iter_mut().enumerate() {
            port.register(poll.registry(), Token(1 + i))?;
        }
        let first_link = Token(1 + ports.len());
        let links = Links::new(poll.registry().try_clone()?, first_link, limits);
        Ok(Self {
            shard,
            poll,
            inbox,
            exchange,
            ports,
            links,
            sink,
            inbound: Inbound::new(),
            transmit: Vec::new(),
            reporter: Reporter::new(report, Instant::now()),
            pulse,
            turns: TurnLengths::default(),
            flow: Flow::Continue,
        })
    }

    /// Runs until told to stop.
    pub(crate) fn run(mut self) {
        let mut events = Events::with_capacity(1024);
        // Letters may have come before the poll knew of them.
        let mut more_letters = true;
        while self.flow == Flow::Continue {
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
            let begin = Instant::now();
            for event in &events {
                more_letters |= event.token() == MAILBOX;
                self.note_readiness(event);
            }
            if more_letters {
                self.inbox.acknowledge_wake();
            }
            // Once a turn: what arrives meanwhile makes no room in a full socket.
            self.ports.iter_mut().for_each(UdpPort::retry);
            if self.exchange.collect(|| self.inbox.len()) || more_letters {
                more_letters = self.take_letters();
                self.take_exports();
            }
            self.receive();
            self.fire_timeout();
            self.drain();
            self.work();
            self.report(begin);
        }
    }

    fn timeout(&self) -> Option<Duration> {
        let exports = self.exchange.is_waiting() && !self.shard.is_backlogged();
        let readable = self.ports.iter().any(UdpPort::is_readable);
        if exports || readable || self.shard.has_work() {
            return Some(Duration::ZERO);
        }
        let now = Instant::now();
        let shard = self.shard.poll_timeout().map(|deadline| deadline.at);
        let own = [Some(self.reporter.due()), self.links.deadline(now)];
        let next = shard.into_iter().chain(own.into_iter().flatten()).min()?;
        Some(next.saturating_duration_since(now))
    }

    fn note_readiness(&mut self, event: &Readiness) {
        let token = event.token();
        if token == MAILBOX {
            return;
        }
        let Some(port) = self.ports.get_mut(token.0 - 1) else {
            let now = Instant::now();
            self.links.note_readiness(now, token, event.is_writable());
            return;
        };
        if event.is_readable() {
            port.set_readable();
        }
    }

    /// Carries out letters, and says whether some are left for the next turn.
    fn take_letters(&mut self) -> bool {
        let now = clock::now();
        while now.mono.elapsed() < COMMAND_SLICE {
            match self.inbox.take() {
                None => {
                    self.exchange.note_no_letters();
                    return false;
                }
                Some(Letter::Stop) => {
                    self.flow = Flow::Stop;
                    return false;
                }
                Some(Letter::Command(command, place)) => {
                    self.shard.handle_command(now, command);
                    drop(place);
                }
                #[cfg(feature = "faults")]
                Some(Letter::Fault(fault)) => (fault.0)(),
                Some(Letter::Connection(connection)) => self.links.add(now.mono, connection),
            }
            self.exchange.note_letter();
        }
        true
    }

    /// Takes what other shards have for this one.
    fn take_exports(&mut self) {
        let now = clock::now();
        while !self
            .exchange
            .handle(|from, batch| self.shard.handle_export(now, from, batch))
        {
            self.drain();
            if self.shard.is_backlogged() {
                // The kernel has no room: the rest waits, as long as there is none.
                return;
            }
        }
        self.drain_backlog();
    }

    fn receive(&mut self) {
        let now = clock::now();
        for index in 0..self.ports.len() {
            self.receive_datagrams(now, index);
        }
        for token in self.links.take_unread() {
            let shard = &mut self.shard;
            let take = |path, frame: Framed<'_>| match frame {
                Framed::Packet(packet) => shard.handle_datagram(now, path, packet),
                Framed::TooLong { len } => shard.note_too_long(len),
            };
            self.links.receive(token, take);
            self.drain_backlog();
        }
        self.links.sweep(now.mono);
        while let Some(path) = self.links.take_closed() {
            self.shard.handle_path_closed(now, path);
        }
    }

    fn receive_datagrams(&mut self, now: Now, index: usize) {
        let mut inbound = std::mem::take(&mut self.inbound);
        let mut taken = 0;
        while taken < RECEIVE_TURN
            && let Some(port) = self.ports.get_mut(index).filter(|port| port.is_readable())
        {
            port.receive(&mut inbound);
            let local = port.local();
            // A client sends its first check as soon as it is answered: the command that makes its
            // peer known may have come after this turn began, but it came before the check. So did
            // what another shard tells of the client's path before what follows the check.
            if self.inbox.is_woken() {
                self.exchange.collect(|| self.inbox.len());
                self.take_letters();
                self.take_exports();
            }
            taken += inbound.each(local, |path, datagram| {
                self.shard.handle_datagram(now, path, datagram);
                self.drain_backlog();
            });
        }
        self.inbound = inbound;
    }

    /// Sends in the midst of a turn what the shard can hold no more of.
    fn drain_backlog(&mut self) {
        if self.shard.is_backlogged() {
            self.drain();
        }
    }

    /// Has the shard work at data messages for a while, which leave behind everything else.
    fn work(&mut self) {
        let now = clock::now();
        let mut worked = false;
        while self.shard.work(now) {
            worked = true;
            if now.mono.elapsed() >= DATA_SLICE {
                break;
            }
        }
        if worked {
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

    /// Hands on what the shard has for the network and for the control plane.
    fn drain(&mut self) {
        let now = clock::now();
        // What others must know before a peer answers what leaves here.
        self.exchange.send(&mut self.shard);
        let mut buffer = std::mem::take(&mut self.transmit);
        // While the kernel has no room the shard keeps what it has, and chooses what gives way.
        while !self.ports.iter().any(UdpPort::is_blocked)
            && let Some(transmit) = self.shard.poll_transmit(now, &mut buffer)
        {
            self.send(now.mono, &transmit, &mut buffer);
        }
        self.transmit = buffer;
        // What came up when packets went out: key frames that are asked for.
        self.exchange.send(&mut self.shard);
        for (i, port) in self.ports.iter_mut().enumerate() {
            port.flush();
            let watched = port.watch_room(self.poll.registry(), Token(1 + i));
            if let Err(error) = watched {
                tracing::error!(%error, "A media socket cannot be watched");
            }
        }
        // Their last datagrams have been handed to them.
        while let Some(path) = self.shard.poll_left_path() {
            self.links.close_path(path);
        }
        while let Some(event) = self.shard.poll_event() {
            (self.sink)(event);
        }
    }

    fn report(&mut self, begin: Instant) {
        let now = Instant::now();
        self.pulse.beat(now);
        self.turns.note(now.saturating_duration_since(begin));
        let turns = self.turns;
        let (shard, ports) = (&self.shard, &self.ports);
        self.reporter.poll(now, || ShardReport {
            counters: shard.counters().clone(),
            receive_overflows: ports.iter().map(|port| u64::from(port.lost())).sum(),
            refused_sends: ports.iter().map(UdpPort::refused).sum(),
            turns,
            ..ShardReport::default()
        });
    }

    fn send(&mut self, now: Instant, transmit: &Transmit, datagrams: &mut Vec<u8>) {
        let (path, layout) = (transmit.path, transmit.layout);
        match path.protocol {
            LinkProtocol::Udp => {
                let mut ports = self.ports.iter_mut();
                if let Some(port) = ports.find(|port| port.local() == path.local) {
                    port.send(path.remote, datagrams, layout);
                }
            }
            LinkProtocol::Tcp => self.links.send(now, path, datagrams, layout),
        }
    }
}

#[cfg(test)]
mod tests;
