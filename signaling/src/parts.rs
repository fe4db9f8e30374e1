//! What all rooms of a node stand on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use auth::{Claims, TokenMark};
use sfu_driver::MediaPlane;
use sfu_model::RoomName;
use signaling_session::negotiation::TransportFacts;
use signaling_session::{NodeFacts, RoomNotice};

use crate::admission::Admission;
use crate::clock;
use crate::hits::{Limit, LimitHits};
use crate::key_ring::KeyRing;
use crate::media_events::MediaEvents;
use crate::notices::{Notice, NoticeSink};
use crate::qualities::Qualities;
use crate::seats::Seats;
use crate::settings::Settings;

/// What the rooms of a node stand on.
#[derive(Debug)]
pub struct RoomsParts {
    /// The media plane.
    pub media: MediaPlane,
    /// What it tells of each room.
    pub events: MediaEvents,
    /// Certificate and addresses of each shard, by [`ShardIndex`](sfu_model::ShardIndex).
    pub transports: Arc<[Arc<TransportFacts>]>,
    /// What is true of the node.
    pub facts: Arc<NodeFacts>,
    /// What the operator set.
    pub settings: Settings,
    /// The keys that tokens are signed with.
    pub keys: KeyRing,
    /// Who decides about those whose token is valid.
    pub admission: Arc<dyn Admission>,
    /// How many participants each API key may have.
    pub seats: Seats,
}

/// What rooms share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) parts: RoomsParts,
    pub(crate) hits: Arc<LimitHits>,
    pub(crate) notices: NoticeSink,
    pub(crate) qualities: Qualities,
    /// Rooms that ended by a fault of ours.
    failed: AtomicU64,
    /// Whether no rooms are opened.
    pub(crate) is_draining: AtomicBool,
}

impl Shared {
    pub(crate) fn new(parts: RoomsParts, notices: NoticeSink) -> Self {
        Self {
            parts,
            hits: Arc::default(),
            notices,
            qualities: Qualities::default(),
            failed: AtomicU64::new(0),
            is_draining: AtomicBool::new(false),
        }
    }

    /// Signs a token with the first key.
    pub(crate) fn sign(&self, claims: &Claims, life: Duration) -> String {
        let keys = self.parts.keys.current();
        auth::sign(claims, keys.first(), clock::now().unix, life)
    }

    /// Signs a token in place of another, with the first key.
    pub(crate) fn sign_again(
        &self,
        claims: &Claims,
        replaced: &TokenMark,
        life: Duration,
    ) -> String {
        let keys = self.parts.keys.current();
        auth::sign_again(claims, replaced, keys.first(), clock::now().unix, life)
    }

    /// Takes note of what happened in a room.
    pub(crate) fn notice(&self, room: &RoomName, what: RoomNotice) {
        let room = room.clone();
        let at = clock::now().unix;
        if self.notices.send(Notice { at, room, what }) {
            self.hits.hit(Limit::Notices);
        }
    }

    /// Returns how often each limit was met.
    pub(crate) fn limit_hits(&self) -> Vec<(Limit, u64)> {
        let dropped = (Limit::LossyMessages, self.parts.events.dropped());
        let counts = self.hits.counts().into_iter();
        let others = counts.filter(|(limit, _)| *limit != Limit::LossyMessages);
        others.chain([dropped]).collect()
    }

    /// Takes note that a room has failed.
    pub(crate) fn note_failure(&self) {
        self.failed.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns how many rooms have failed.
    pub(crate) fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }
}
