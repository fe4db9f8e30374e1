//! Data messages and transports that wait for their turn.

use std::collections::{BTreeMap, VecDeque};
use std::ops::{Bound, Range};
use std::sync::Arc;

use sfu_model::{DataChannel, DataMessage, PeerId, RoomIndex};

use crate::keys::PeerKey;
use crate::limits::RECEIVERS_OF_ONE_STEP;
use crate::peer::Peer;

/// A message for several receivers.
#[derive(Debug)]
pub(crate) struct DataFanOut {
    pub(crate) receivers: Arc<[PeerId]>,
    pub(crate) channel: DataChannel,
    pub(crate) message: DataMessage,
    /// How many receivers had their turn.
    pub(crate) done: usize,
}

/// A message and a few of its receivers.
pub(crate) struct DataStep {
    pub(crate) receivers: Arc<[PeerId]>,
    pub(crate) range: Range<usize>,
    pub(crate) channel: DataChannel,
    pub(crate) message: DataMessage,
}

/// What is left to do.
///
/// Not bounded here: messages are by the budgets of their senders, and transports by their number.
#[derive(Debug, Default)]
pub(crate) struct DataWork {
    rooms: BTreeMap<RoomIndex, VecDeque<DataFanOut>>,
    /// The room that had its turn last.
    latest: Option<RoomIndex>,
    /// Transports that may have datagrams, each once.
    senders: VecDeque<PeerKey>,
}

impl DataWork {
    /// Notes that a connected peer's transport may have datagrams.
    pub(crate) fn note_sender(&mut self, key: PeerKey, peer: &mut Peer) {
        if !std::mem::replace(&mut peer.sends.awaits_data_turn, true) {
            self.senders.push_back(key);
        }
    }

    /// Returns the transport whose turn it is.
    pub(crate) fn next_sender(&mut self) -> Option<PeerKey> {
        self.senders.pop_front()
    }

    pub(crate) fn has_senders(&self) -> bool {
        !self.senders.is_empty()
    }

    pub(crate) fn has_messages(&self) -> bool {
        !self.rooms.is_empty()
    }

    pub(crate) fn push(&mut self, room: RoomIndex, fan_out: DataFanOut) {
        self.rooms.entry(room).or_default().push_back(fan_out);
    }

    /// Takes the next few receivers of the next room's first message.
    pub(crate) fn next_step(&mut self) -> Option<DataStep> {
        let after = self.latest.map_or(Bound::Unbounded, Bound::Excluded);
        let mut later = self.rooms.range((after, Bound::Unbounded));
        let next = later.next().or_else(|| self.rooms.first_key_value());
        let room = *next?.0;
        self.latest = Some(room);
        let messages = self.rooms.get_mut(&room)?;
        let first = messages.front_mut()?;
        let begin = first.done;
        first.done = (begin + RECEIVERS_OF_ONE_STEP).min(first.receivers.len());
        let step = DataStep {
            receivers: Arc::clone(&first.receivers),
            range: begin..first.done,
            channel: first.channel,
            message: first.message.clone(),
        };
        if first.done == first.receivers.len() {
            messages.pop_front();
            if messages.is_empty() {
                self.rooms.remove(&room);
            }
        }
        Some(step)
    }
}
