//! What a participant is told to do, and what is seen of it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use loadtest_peer::{DataDelivery, Tally, Track};
use sfu_model::IceCredentials;
use tokio::sync::{oneshot, watch};

use crate::media::{Mark, TrackKind};
use crate::signal::Appetite;

/// Who joins, and how.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) room: String,
    pub(crate) identity: String,
    /// Whether it gets all tracks of others without asking.
    pub(crate) subscribes: bool,
    /// What it publishes from the beginning.
    pub(crate) tracks: Vec<TrackKind>,
    pub(crate) mark: Mark,
    pub(crate) appetite: Appetite,
}

impl Plan {
    /// Somebody who publishes nothing and receives what others do.
    pub(crate) fn new(room: &str, identity: &str) -> Self {
        Self {
            room: room.to_owned(),
            identity: identity.to_owned(),
            subscribes: true,
            tracks: Vec::new(),
            mark: Mark::Offender,
            appetite: Appetite::Usual,
        }
    }

    /// Publishes these.
    pub(crate) fn publishing(self, tracks: &[TrackKind]) -> Self {
        Self {
            tracks: tracks.to_vec(),
            ..self
        }
    }

    /// Receives no track unless it asks.
    pub(crate) fn without_tracks_of_others(self) -> Self {
        Self {
            subscribes: false,
            ..self
        }
    }
}

/// What is known of a participant.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// How long it took until media could flow.
    pub(crate) joined: Option<Duration>,
    /// Whether the server has closed the transport, and may yet say why.
    pub(crate) ending: bool,
    /// Why the session is over.
    pub(crate) ended: Option<String>,
    /// Whether the server said so.
    pub(crate) told_to_leave: bool,
    /// Its sid.
    pub(crate) sid: String,
    /// Sids of its own tracks, by what it called them.
    pub(crate) own: BTreeMap<String, String>,
    /// Sids of the tracks of others, with their identities.
    pub(crate) others: BTreeMap<String, String>,
    /// Streams that the server describes at the moment.
    pub(crate) streams: usize,
    /// How its transport was described first.
    pub(crate) transport: Option<Described>,
    /// Offers that were answered.
    pub(crate) answers: u64,
    /// Messages of the server's.
    pub(crate) messages: u64,
    /// Their bytes.
    pub(crate) bytes: u64,
    /// Data messages that came.
    pub(crate) data: u64,
    /// Audio packets that came.
    pub(crate) audio: u64,
    /// Video frames that came, by whose they are.
    pub(crate) frames: [u64; 2],
}

/// A look at a participant.
#[derive(Clone, Debug)]
pub(crate) struct View(pub(super) watch::Receiver<Seen>);

impl View {
    /// Returns what is known.
    pub(crate) fn seen(&self) -> watch::Ref<'_, Seen> {
        self.0.borrow()
    }

    /// Waits until something is seen; an error says for what it was waited, or why the session is over.
    pub(crate) async fn until(
        &self,
        patience: Duration,
        what: &str,
        condition: impl Fn(&Seen) -> bool,
    ) -> Result<(), String> {
        let mut seen = self.0.clone();
        let waiting = seen.wait_for(|seen| condition(seen) || seen.ended.is_some());
        let found = match tokio::time::timeout(patience, waiting).await {
            Ok(Ok(seen)) if condition(&seen) => return Ok(()),
            Ok(Ok(seen)) => seen.ended.clone(),
            Ok(Err(_)) => None,
            Err(_) => return Err(format!("waited {patience:?} {what}")),
        };
        Err(format!("{what}: {}", found.unwrap_or_default()))
    }
}

/// What both descriptions say of a transport.
#[derive(Clone, Debug)]
pub(crate) struct Described {
    pub(crate) ours: IceCredentials,
    pub(crate) theirs: IceCredentials,
    /// Where the server takes media by TCP.
    pub(crate) by_tcp: Vec<SocketAddr>,
}

/// What a participant is told to do.
#[derive(Debug)]
pub(super) enum Order {
    Publish(Track),
    Unpublish(String),
    Data(DataDelivery, Vec<u8>, oneshot::Sender<bool>),
    HoldData,
    /// Whether messages of the server's are read.
    Read(bool),
    /// Begins to count, and returns what was counted so far.
    Count(oneshot::Sender<Tally>),
    Leave,
}
