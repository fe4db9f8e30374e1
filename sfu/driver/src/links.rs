//! A shard's connections: what carries packets and is no datagram.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use mio::{Interest, Registry, Token};
use sfu_model::Path;
use sfu_transport::framing::{Framed, frame_in_place};
use sfu_transport::layout::Layout;

use crate::limits::{LINK_TURN, TcpLimits, UNPROVEN_LINK_TURN};
use crate::link::{Link, LinkState};
use crate::stream::Connection;

/// All connections that were handed to a shard.
///
/// Whoever names a shard in a check gets a connection to it, so one proves nothing until the shard
/// has answered on it. It is closed when its peer takes nothing for some time, and when its path leads
/// to no peer any more: a peer has a bounded number of paths, and leaves none behind.
#[derive(Debug)]
pub(crate) struct Links {
    registry: Registry,
    limits: TcpLimits,
    links: BTreeMap<Token, Link>,
    of_path: BTreeMap<Path, Token>,
    /// Connections on which nothing was sent yet; tokens are in the order of age.
    unproven: BTreeSet<Token>,
    /// Connections that may have something to read.
    unread: BTreeSet<Token>,
    next_token: usize,
    /// When to look for connections whose deadline has passed.
    sweep: Option<Instant>,
    closed: Vec<Path>,
}

impl Links {
    /// Numbers connections from `first` on.
    pub(crate) fn new(registry: Registry, first: Token, limits: TcpLimits) -> Self {
        Self {
            registry,
            limits,
            links: BTreeMap::new(),
            of_path: BTreeMap::new(),
            unproven: BTreeSet::new(),
            unread: BTreeSet::new(),
            next_token: first.0,
            sweep: None,
            closed: Vec::new(),
        }
    }

    /// Takes over a connection.
    pub(crate) fn add(&mut self, now: Instant, connection: Connection) {
        let mut link = Link::new(connection, now + self.limits.step);
        let token = Token(self.next_token);
        self.next_token += 1;
        let interest = Interest::READABLE | Interest::WRITABLE;
        if self
            .registry
            .register(link.stream(), token, interest)
            .is_err()
        {
            return;
        }
        if let Some(former) = self.of_path.get(&link.path()) {
            self.close(*former);
        }
        if self.unproven.len() >= self.limits.unproven
            && let Some(oldest) = self.unproven.first()
        {
            self.close(*oldest);
        }
        self.of_path.insert(link.path(), token);
        self.links.insert(token, link);
        self.unproven.insert(token);
        self.unread.insert(token);
        self.sweep.get_or_insert(now + self.limits.step / 4);
    }

    /// Notes that a connection may have something to read, and perhaps takes more.
    pub(crate) fn note_readiness(&mut self, now: Instant, token: Token, writable: bool) {
        let Some(link) = self.links.get_mut(&token) else {
            return;
        };
        self.unread.insert(token);
        if writable && link.flush(now + self.limits.idle) == LinkState::Closed {
            self.close(token);
        }
    }

    /// Returns the connections whose turn it is to be read.
    pub(crate) fn take_unread(&mut self) -> BTreeSet<Token> {
        std::mem::take(&mut self.unread)
    }

    /// Hands one turn of a connection's frames to `take`.
    pub(crate) fn receive(&mut self, token: Token, take: impl FnMut(Path, Framed<'_>)) {
        let Some(link) = self.links.get_mut(&token) else {
            return;
        };
        let turn = match self.unproven.contains(&token) {
            true => UNPROVEN_LINK_TURN,
            false => LINK_TURN,
        };
        match link.receive(turn, take) {
            LinkState::Drained => {}
            LinkState::MayHaveMore => {
                self.unread.insert(token);
            }
            LinkState::Closed => self.close(token),
        }
    }

    /// Sends packets, each with room for its length before it.
    pub(crate) fn send(&mut self, now: Instant, path: Path, packets: &mut [u8], layout: Layout) {
        let Some(token) = self.of_path.get(&path).copied() else {
            return;
        };
        self.unproven.remove(&token);
        let deadline = now + self.limits.idle;
        frame_in_place(packets, layout);
        let link = self.links.get_mut(&token);
        if link.is_some_and(|link| link.send(packets, layout, deadline) == LinkState::Closed) {
            self.close(token);
        }
    }

    /// Closes the connection of a path that leads to nobody any more.
    pub(crate) fn close_path(&mut self, path: Path) {
        if let Some(token) = self.of_path.get(&path) {
            self.close(*token);
        }
    }

    /// Returns when [`Links::sweep`] or [`Links::take_unread`] has something to do.
    pub(crate) fn deadline(&self, now: Instant) -> Option<Instant> {
        match self.unread.is_empty() {
            true => self.sweep,
            false => Some(now),
        }
    }

    /// Closes connections whose peers have not taken anything in time.
    pub(crate) fn sweep(&mut self, now: Instant) {
        if self.sweep.is_none_or(|sweep| now < sweep) {
            return;
        }
        let is_late = |(_, link): &(&Token, &Link)| link.deadline <= now;
        let late = self.links.iter().filter(is_late);
        let late: Vec<Token> = late.map(|(token, _)| *token).collect();
        for token in late {
            self.close(token);
        }
        self.sweep = (!self.links.is_empty()).then(|| now + self.limits.step / 4);
    }

    /// Returns the path of a connection that was closed since the last call.
    pub(crate) fn take_closed(&mut self) -> Option<Path> {
        self.closed.pop()
    }

    fn close(&mut self, token: Token) {
        let Some(mut link) = self.links.remove(&token) else {
            return;
        };
        self.of_path.remove(&link.path());
        self.unproven.remove(&token);
        // A stream that cannot be deregistered is closed by the drop, which has the same effect.
        self.registry.deregister(link.stream()).ok();
        self.closed.push(link.path());
    }
}
