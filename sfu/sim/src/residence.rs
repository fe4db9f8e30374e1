use std::net::SocketAddr;
use std::time::Instant;

use sfu_model::Now;
use sfu_transport::{PacketKind, classify};

use crate::client_id::ClientId;
use crate::shared_link::{SharedLink, SharedLinkId};
use crate::{Client, Fate, Link, LinkProfile, Random, Seed, Trace};

/// A client, where it lives, and its links to the shard.
#[derive(Debug)]
pub(crate) struct Residence {
    pub(crate) client: Client,
    /// The address that the server sees.
    pub(crate) address: SocketAddr,
    /// The link that it shares with others, if it does.
    pub(crate) behind: Option<SharedLinkId>,
    pub(crate) up: Link,
    pub(crate) down: Link,
}

/// Sources of randomness: the world's own come before those of clients.
const FIRST_STREAM: u64 = 10;
const STREAMS: u64 = 3;

impl Residence {
    /// Makes the residence of the client with this number.
    pub(crate) fn new(seed: Seed, now: Now, number: u16, name: &str, profile: LinkProfile) -> Self {
        let first = FIRST_STREAM + u64::from(number) * STREAMS;
        let random = |stream| Random::new(seed, first + stream);
        Self {
            client: Client::new(now, name, random(0)),
            address: ([198, 51, 100, 7], number.saturating_add(40_000)).into(),
            behind: None,
            up: Link::new(profile, random(1)),
            down: Link::new(profile, random(2)),
        }
    }

    /// Puts a datagram of the client on its way; returns when it arrives.
    pub(crate) fn carry_up(
        &mut self,
        now: Instant,
        shared: Option<&mut SharedLink>,
        datagram: &[u8],
        trace: &mut Trace,
    ) -> Vec<Instant> {
        let fate = shared.map(|link| link.up.carry(now, datagram.len()));
        let route = (self.client.name(), "shard");
        carry(now, (fate, &mut self.up), route, datagram, trace)
    }

    /// Puts a datagram for the client on its way; returns when it arrives.
    pub(crate) fn carry_down(
        &mut self,
        now: Instant,
        (id, shared): (ClientId, Option<&mut SharedLink>),
        datagram: &[u8],
        trace: &mut Trace,
    ) -> Vec<Instant> {
        let fate = shared.map(|link| link.carry_down(now, Some(id), datagram.len()));
        let route = ("shard", self.client.name());
        carry(now, (fate, &mut self.down), route, datagram, trace)
    }
}

/// Carries a datagram over a client's own link, and over a shared one before if there was one.
fn carry(
    now: Instant,
    (shared, own): (Option<Fate>, &mut Link),
    (from, to): (&str, &str),
    datagram: &[u8],
    trace: &mut Trace,
) -> Vec<Instant> {
    let (becomes, arrivals) = match shared {
        None => {
            let fate = own.carry(now, datagram.len());
            (what_becomes(fate), fate.arrivals().collect())
        }
        Some(fate) => {
            let ends = fate.arrivals();
            let arrivals = ends.flat_map(|at| own.carry(at, datagram.len()).arrivals());
            (what_becomes(fate), arrivals.collect())
        }
    };
    let kind = classify(datagram);
    let len = match kind {
        // Signatures and certificates have lengths by chance.
        PacketKind::Dtls => String::new(),
        PacketKind::Stun | PacketKind::Rtp | PacketKind::Rtcp | PacketKind::Other => {
            format!(" of {} bytes", datagram.len())
        }
    };
    trace.note(now, from, format!("sends {kind:?}{len} to {to}{becomes}"));
    arrivals
}

fn what_becomes(fate: Fate) -> &'static str {
    match fate {
        Fate::NoRoom => ", for which there is no room",
        Fate::Lost { .. } => ", which is lost",
        Fate::Arrives { copy: Some(_), .. } => ", twice",
        Fate::Arrives { copy: None, .. } => "",
    }
}
