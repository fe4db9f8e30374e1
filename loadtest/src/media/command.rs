use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use loadtest_peer::{
    Completeness, DataFlow, Demand, Identity, Inbound, Outbound, OutboundData, PeerConfig,
    PeerEvent, Tally,
};
use sfu_model::{ExtensionId, IceCredentials, Ssrc};
use tokio::sync::{mpsc, oneshot};

use super::link::Link;

/// A peer on its thread; numbers are never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PeerId(pub(crate) u64);

/// Which of a participant's peer connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    /// The only one, or the one that publishes.
    Publisher,
    /// The one that the server offers.
    Subscriber,
}

/// What happened to a peer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Notice {
    pub(crate) transport: Transport,
    pub(crate) at: Instant,
    pub(crate) event: PeerEvent,
}

/// What a session tells the thread of its peers.
pub(crate) enum Command {
    /// A peer begins.
    Open {
        id: PeerId,
        /// What the thread makes the peer of.
        config: Box<PeerConfig>,
        identity: Arc<Identity>,
        link: Link,
        /// Where its events go, with their times.
        events: mpsc::UnboundedSender<Notice>,
        transport: Transport,
        /// The room whose data goes by it.
        room: Arc<str>,
        /// Whether the participant's data comes by it, too.
        receives_data: bool,
    },
    /// A description was agreed on.
    Describe { id: PeerId, description: Agreement },
    /// The server named another address.
    AddCandidate { id: PeerId, candidate: SocketAddr },
    /// The server said which encodings are received.
    SetDemand {
        id: PeerId,
        demands: Vec<(Ssrc, Demand)>,
    },
    /// ICE begins anew with these credentials, ours first.
    RestartIce {
        id: PeerId,
        local: IceCredentials,
        remote: IceCredentials,
    },
    /// A peer is over.
    Close { id: PeerId },
    /// The measurement begins; that of data with what is made so long after the zero of stamps.
    BeginWindow { data_from: Duration },
    /// The measurement ends; that of data with what is made so long after the zero of stamps.
    EndWindow { data_to: Duration },
    /// Asks for the figures.
    Account { reply: oneshot::Sender<Account> },
    /// The thread ends.
    Stop,
}

/// What both descriptions say.
#[derive(Debug, Default)]
pub(crate) struct Agreement {
    /// All that the server sends.
    pub(crate) inbound: Vec<Inbound>,
    /// The extension that numbers packets.
    pub(crate) transport_cc: Option<ExtensionId>,
    /// Tracks that begin.
    pub(crate) publish: Vec<Outbound>,
    /// Data that begins.
    pub(crate) publish_data: Option<OutboundData>,
    /// Where the server may be reached.
    pub(crate) candidates: Vec<SocketAddr>,
}

/// The figures of a thread, or of several.
#[derive(Debug, Default)]
pub(crate) struct Account {
    /// Since the start.
    pub(crate) so_far: Tally,
    /// As it was when the measurement ended.
    pub(crate) measured: Option<Tally>,
    /// Of the measurement, with what came late.
    pub(crate) completeness: Completeness,
    /// Of the measurement, with what came late, by rooms.
    pub(crate) data: BTreeMap<Arc<str>, DataFlow>,
}

impl Account {
    /// Returns how many packets of data there were to receive, in all rooms.
    pub(crate) fn data_expected(&self) -> u64 {
        self.data.values().map(DataFlow::expected).sum()
    }

    /// Returns how many of them came.
    pub(crate) fn data_received(&self) -> u64 {
        self.data.values().map(|flow| flow.received).sum()
    }

    /// Adds another thread's.
    pub(crate) fn merge(&mut self, other: Self) {
        self.so_far.merge(&other.so_far);
        if let Some(measured) = &other.measured {
            self.measured.get_or_insert_default().merge(measured);
        }
        self.completeness.merge(other.completeness);
        for (room, flow) in other.data {
            self.data.entry(room).or_default().merge(flow);
        }
    }
}
