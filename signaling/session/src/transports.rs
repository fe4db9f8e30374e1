//! A participant's transports.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sfu_model::{
    Command, DataChannelOpener, DtlsRole, Fingerprint, IceCredentials, PeerId, ShardIndex,
    SubscriptionId,
};

use crate::limits::{OFFER_DELAY, OFFER_SPACING};
use crate::negotiation::{Answerer, Offerer, SendTrack, TransportFacts};
use crate::outputs::Outputs;
use crate::proto;

/// A participant's transports.
#[derive(Debug)]
pub(crate) enum Transports {
    /// One for both directions; the client offers.
    One(Upstream),
    /// One for each direction.
    Two {
        /// The publisher transport; the client offers.
        up: Upstream,
        /// The subscriber transport; we offer.
        down: Box<Downstream>,
        /// Which of them the session stands on.
        primary: Primary,
    },
}

/// The transport of two whose connection makes the participant active, and on whose data channels
/// it is sent messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Primary {
    Publisher,
    Subscriber,
}

/// A transport on which the client offers.
#[derive(Debug)]
pub(crate) struct Upstream {
    pub(crate) peer: PeerId,
    pub(crate) answerer: Answerer,
    pub(crate) path: PathState,
    /// An offer that rode in the join, while it is not answered yet.
    pub(crate) join_offer: Option<proto::SessionDescription>,
    /// Whether an offer was answered.
    pub(crate) answered: bool,
    /// Whether the client was asked to offer again and has not done so yet.
    pub(crate) offer_requested: bool,
}

/// A transport on which we offer.
#[derive(Debug)]
pub(crate) struct Downstream {
    pub(crate) peer: PeerId,
    pub(crate) offerer: Offerer,
    pub(crate) path: PathState,
    /// When the last offer was sent.
    pub(crate) offered_at: Option<Instant>,
}

/// What the shard knows and told of a transport.
#[derive(Debug, Default)]
pub(crate) struct PathState {
    /// Whether the shard has the peer.
    pub(crate) open: bool,
    /// The client's side, as last told to the shard.
    pub(crate) remote: Option<(IceCredentials, Fingerprint, DtlsRole)>,
    /// Whether media has ever been connected.
    pub(crate) connected_once: bool,
    /// When it was connected over UDP, unless that has been held against UDP.
    pub(crate) over_udp_since: Option<Instant>,
    /// Whether nothing comes from the client.
    pub(crate) silent: bool,
}

impl Transports {
    /// Returns the transport on which the client offers.
    pub(crate) fn up(&mut self) -> &mut Upstream {
        match self {
            Self::One(up) | Self::Two { up, .. } => up,
        }
    }

    /// Returns the shard that all its transports live on.
    pub(crate) fn shard(&self) -> ShardIndex {
        match self {
            Self::One(up) | Self::Two { up, .. } => up.peer.shard,
        }
    }

    /// Returns the transport on which we offer.
    pub(crate) fn down(&mut self) -> Option<&mut Downstream> {
        match self {
            Self::One(_) => None,
            Self::Two { down, .. } => Some(down),
        }
    }

    /// Returns the peer that the session stands on and that is sent messages.
    pub(crate) fn primary_peer(&self) -> PeerId {
        match self {
            Self::One(up)
            | Self::Two {
                up,
                primary: Primary::Publisher,
                ..
            } => up.peer,
            Self::Two {
                down,
                primary: Primary::Subscriber,
                ..
            } => down.peer,
        }
    }

    /// Returns the peer that media is sent to.
    pub(crate) fn send_peer(&self) -> PeerId {
        match self {
            Self::One(up) => up.peer,
            Self::Two { down, .. } => down.peer,
        }
    }

    /// Returns all peers.
    pub(crate) fn peers(&self) -> impl Iterator<Item = PeerId> + use<> {
        let (first, second) = match self {
            Self::One(up) => (up.peer, None),
            Self::Two { up, down, .. } => (up.peer, Some(down.peer)),
        };
        std::iter::once(first).chain(second)
    }

    /// Calls each peer otherwise; returns what each was and is called.
    pub(crate) fn renumber(&mut self, mut next: impl FnMut() -> PeerId) -> Vec<(PeerId, PeerId)> {
        let mut rename = |peer: &mut PeerId| {
            let before = std::mem::replace(peer, next());
            (before, *peer)
        };
        match self {
            Self::One(up) => vec![rename(&mut up.peer)],
            Self::Two { up, down, .. } => vec![rename(&mut up.peer), rename(&mut down.peer)],
        }
    }

    /// Returns what is known of a peer's transport.
    pub(crate) fn path(&mut self, peer: PeerId) -> Option<&mut PathState> {
        match self {
            Self::One(up) | Self::Two { up, .. } if up.peer == peer => Some(&mut up.path),
            Self::Two { down, .. } if down.peer == peer => Some(&mut down.path),
            Self::One(_) | Self::Two { .. } => None,
        }
    }

    /// Returns what is known of the transport on which the client offers, and of the other.
    pub(crate) fn paths(&mut self) -> (&mut PathState, Option<&mut PathState>) {
        match self {
            Self::One(up) => (&mut up.path, None),
            Self::Two { up, down, .. } => (&mut up.path, Some(&mut down.path)),
        }
    }

    /// Reports whether media has ever been connected on any transport.
    pub(crate) fn connected_once(&self) -> bool {
        match self {
            Self::One(up) => up.path.connected_once,
            Self::Two { up, down, .. } => up.path.connected_once || down.path.connected_once,
        }
    }

    /// Reports whether the subscriber transport is the primary one.
    pub(crate) fn subscriber_primary(&self) -> bool {
        matches!(
            self,
            Self::Two {
                primary: Primary::Subscriber,
                ..
            }
        )
    }

    /// Replaces what the next descriptions say of us.
    pub(crate) fn set_facts(&mut self, facts: &Arc<TransportFacts>) {
        self.up().answerer.set_facts(Arc::clone(facts));
        if let Some(down) = self.down() {
            down.offerer.set_facts(Arc::clone(facts));
        }
    }

    /// Queues a subscription for the next negotiation.
    pub(crate) fn add_send(&mut self, send: SendTrack) {
        match self {
            Self::One(up) => up.answerer.add_send(send),
            Self::Two { down, .. } => down.offerer.add_send(send),
        }
    }

    /// Ends a subscription at the next negotiation.
    pub(crate) fn remove_send(&mut self, subscription: SubscriptionId) {
        match self {
            Self::One(up) => up.answerer.remove_send(subscription),
            Self::Two { down, .. } => down.offerer.remove_send(subscription),
        }
    }

    /// Returns how long changes are collected before they are negotiated; `None` if there is nothing to negotiate, or
    /// what comes next is the client's.
    pub(crate) fn negotiation_delay(&self, now: Instant) -> Option<Duration> {
        let offered_at = match self {
            Self::One(up) if !up.answered || up.offer_requested || !up.answerer.needs_offer() => {
                return None;
            }
            Self::Two { down, .. } if !down.offerer.needs_offer() => return None,
            Self::One(_) => None,
            Self::Two { down, .. } => down.offered_at,
        };
        let since = offered_at.map(|at| now.saturating_duration_since(at));
        let rest = since.map(|since| OFFER_SPACING.saturating_sub(since));
        Some(rest.unwrap_or_default().max(OFFER_DELAY))
    }
}

impl Upstream {
    /// Asks the shard for the peer, once.
    pub(crate) fn open(&mut self, outputs: &mut Outputs) {
        if !std::mem::replace(&mut self.path.open, true) {
            outputs.media(Command::AddPeer {
                peer: self.peer,
                local: self.answerer.local().clone(),
                data_channels: DataChannelOpener::Peer,
            });
        }
    }
}

impl Downstream {
    /// Asks the shard for the peer, once.
    pub(crate) fn open(&mut self, outputs: &mut Outputs) {
        if !std::mem::replace(&mut self.path.open, true) {
            outputs.media(Command::AddPeer {
                peer: self.peer,
                local: self.offerer.local().clone(),
                data_channels: DataChannelOpener::Server,
            });
        }
    }
}

impl PathState {
    /// Tells the shard of the client's side of a transport, if it is other than it was.
    pub(crate) fn follow(
        &mut self,
        peer: PeerId,
        remote: (IceCredentials, Fingerprint, DtlsRole),
        outputs: &mut Outputs,
    ) {
        if self.remote.as_ref() == Some(&remote) {
            return;
        }
        self.remote = Some(remote.clone());
        outputs.media(Command::SetRemote {
            peer,
            remote: remote.0,
            fingerprint: remote.1,
            role: remote.2,
        });
    }
}
