//! What a room remembers of the messages that went through it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use sfu_model::limits::RELIABLE_DATA_IN_FLIGHT_BYTES;
use sfu_model::{DataBudget, ParticipantIdentity};

/// What a room remembers of the messages that went through it.
#[derive(Debug)]
pub(crate) struct DataHistory {
    recent: VecDeque<RecentMessage>,
    recent_bytes: usize,
    pub(crate) nonces: Nonces,
    /// What pays for messages that no participant sends.
    pub(crate) budget: DataBudget,
}

impl Default for DataHistory {
    fn default() -> Self {
        Self {
            recent: VecDeque::new(),
            recent_bytes: 0,
            nonces: Nonces::default(),
            budget: DataBudget::new(RELIABLE_DATA_IN_FLIGHT_BYTES),
        }
    }
}

/// A reliable message that was sent a moment ago, for those who lost their connection meanwhile.
#[derive(Debug)]
pub(crate) struct RecentMessage {
    pub(crate) at: Instant,
    pub(crate) sender_sid: String,
    pub(crate) sequence: u32,
    /// For whom; empty for everybody.
    pub(crate) destinations: Vec<String>,
    pub(crate) payload: Arc<[u8]>,
}

/// The marks of messages that callers may send twice. The oldest go first.
#[derive(Debug, Default)]
pub(crate) struct Nonces {
    order: VecDeque<Vec<u8>>,
    known: BTreeSet<Vec<u8>>,
}

impl Nonces {
    const MAX: usize = 100;
    /// Bytes of a nonce; anything else is none.
    const LENGTH: usize = 16;

    /// Reports whether a nonce was seen before, and remembers it.
    pub(crate) fn is_repeated(&mut self, nonce: &[u8]) -> bool {
        if nonce.len() != Self::LENGTH {
            return false;
        }
        if !self.known.insert(nonce.to_vec()) {
            return true;
        }
        self.order.push_back(nonce.to_vec());
        if self.order.len() > Self::MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        false
    }
}

impl DataHistory {
    /// How long a reliable message is kept: as long as a silent transport is.
    ///
    /// Departure: LiveKit keeps them for two seconds, which a resume mostly exceeds.
    const MAX_AGE: Duration = Duration::from_secs(15);
    /// Most bytes of them. The oldest go first.
    const MAX_BYTES: usize = 100 * 1024;

    pub(crate) fn remember(&mut self, message: RecentMessage) {
        let oldest = message.at.checked_sub(Self::MAX_AGE);
        self.recent_bytes += message.payload.len();
        self.recent.push_back(message);
        while let Some(first) = self.recent.front() {
            if self.recent_bytes <= Self::MAX_BYTES && oldest.is_none_or(|at| first.at >= at) {
                break;
            }
            self.recent_bytes -= first.payload.len();
            self.recent.pop_front();
        }
    }

    /// Returns what `receiver` has missed, by the last sequence number that it `seen` of each sender.
    pub(crate) fn replay(
        &self,
        receiver: &ParticipantIdentity,
        seen: &BTreeMap<&str, u32>,
    ) -> Vec<Arc<[u8]>> {
        let missed = self.recent.iter().filter(|message| {
            let last = seen.get(message.sender_sid.as_str());
            let addressed = message.destinations.is_empty()
                || message
                    .destinations
                    .iter()
                    .any(|to| to == receiver.as_str());
            addressed && last.is_some_and(|last| message.sequence > *last)
        });
        missed.map(|message| Arc::clone(&message.payload)).collect()
    }
}
