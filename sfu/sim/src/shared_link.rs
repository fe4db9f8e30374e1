//! A link that several clients are behind, as the members of a household are, and what else goes over it.

use std::time::{Duration, Instant};

use sfu_link::{Fate, Link, Script, Tcp};

use crate::client_id::ClientId;
use crate::{Random, Seed};

/// A shared link of a world, in the order that they were added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SharedLinkId(pub(crate) usize);

/// What the way down of a shared link did with a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Carried {
    /// When it came to the link.
    pub at: Instant,
    /// For whom it is; nobody of the call's if it is other traffic.
    pub client: Option<ClientId>,
    /// Its bytes.
    pub len: usize,
    /// How long it waited in the queue; `None` if there was no room for it.
    pub waited: Option<Duration>,
}

/// Both ways of a link, and the TCP senders that use it.
#[derive(Debug)]
pub(crate) struct SharedLink {
    pub(crate) up: Link,
    pub(crate) down: Link,
    carried: Vec<Carried>,
    senders: Vec<Sender>,
}

/// A TCP sender beyond the link, which begins at a time.
#[derive(Debug)]
struct Sender {
    tcp: Tcp,
    begin: Instant,
}

/// A segment or its acknowledgement at the end of its way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Segment {
    pub(crate) link: usize,
    sender: usize,
    seq: u64,
    way: Way,
}

#[derive(Clone, Copy, Debug)]
enum Way {
    Down,
    Up,
}

impl SharedLink {
    /// Sources of randomness of the first one, beyond those of all clients.
    const FIRST_STREAM: u64 = 1 << 24;

    pub(crate) fn new(seed: Seed, now: Instant, number: usize, script: &Script) -> Self {
        let first = Self::FIRST_STREAM + number as u64 * 2;
        let random = |stream| Random::new(seed, first + stream);
        Self {
            up: Link::scripted(script.up.clone(), now, random(0)),
            down: Link::scripted(script.down.clone(), now, random(1)),
            carried: Vec::new(),
            senders: Vec::new(),
        }
    }

    pub(crate) fn add_sender(&mut self, begin: Instant, tcp: Tcp) {
        self.senders.push(Sender { tcp, begin });
    }

    /// Decides what becomes of a datagram on the way down, and writes it down.
    pub(crate) fn carry_down(
        &mut self,
        now: Instant,
        client: Option<ClientId>,
        len: usize,
    ) -> Fate {
        let fate = self.down.carry(now, len);
        let waited = match fate {
            Fate::NoRoom => None,
            Fate::Lost { waited } | Fate::Arrives { waited, .. } => Some(waited),
        };
        self.carried.push(Carried {
            at: now,
            client,
            len,
            waited,
        });
        fate
    }

    /// Takes what was written down.
    pub(crate) fn take_carried(&mut self) -> Vec<Carried> {
        std::mem::take(&mut self.carried)
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let due = self.senders.iter();
        due.map(|sender| sender.tcp.poll_timeout().max(sender.begin))
            .min()
    }

    /// Has the senders do what is due. Appends what is on its way then, with when it arrives, to `sent`.
    pub(crate) fn handle_timeout(
        &mut self,
        now: Instant,
        link: usize,
        sent: &mut Vec<(Instant, Segment)>,
    ) {
        for index in 0..self.senders.len() {
            if let Some(sender) = self.senders.get_mut(index)
                && sender.begin <= now
                && sender.tcp.poll_timeout() <= now
            {
                sender.tcp.handle_timeout(now);
                self.send(now, link, index, sent);
            }
        }
    }

    /// Takes a segment or an acknowledgement that has arrived.
    pub(crate) fn handle(
        &mut self,
        now: Instant,
        segment: Segment,
        sent: &mut Vec<(Instant, Segment)>,
    ) {
        match segment.way {
            Way::Down => {
                let answer = Segment {
                    way: Way::Up,
                    ..segment
                };
                let fate = self.up.carry(now, Tcp::ACKNOWLEDGEMENT);
                sent.extend(fate.arrivals().take(1).map(|at| (at, answer)));
            }
            Way::Up => {
                if let Some(sender) = self.senders.get_mut(segment.sender) {
                    sender.tcp.handle_acknowledgement(now, segment.seq);
                    self.send(now, segment.link, segment.sender, sent);
                }
            }
        }
    }

    fn send(
        &mut self,
        now: Instant,
        link: usize,
        index: usize,
        sent: &mut Vec<(Instant, Segment)>,
    ) {
        while let Some(sender) = self.senders.get_mut(index)
            && let Some(seq) = sender.tcp.poll_transmit(now)
        {
            let segment = Segment {
                link,
                sender: index,
                seq,
                way: Way::Down,
            };
            let fate = self.carry_down(now, None, Tcp::SEGMENT);
            sent.extend(fate.arrivals().take(1).map(|at| (at, segment)));
        }
    }
}
