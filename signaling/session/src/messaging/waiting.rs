//! Messages that wait until a participant can get them.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use sfu_model::{Command, DataChannel, PeerId};

use super::Messaging;
use crate::participant_key::ParticipantKey;
use crate::proto;

impl Messaging<'_> {
    /// Sends what came while a participant was about to become active.
    pub(crate) fn deliver_reliable_backlog(&mut self, key: ParticipantKey) {
        if let Some(participant) = self.roster.get_mut(key) {
            let peer = participant.transports.primary_peer();
            let waiting = participant.messages.reliable.take();
            self.deliver_backlog(peer, DataChannel::Reliable, waiting);
        }
    }

    /// A data channel is open: sends what came a moment before. The shard itself keeps reliable
    /// messages until then, and no lossy ones.
    pub(crate) fn handle_channel_opened(&mut self, peer: PeerId, channel: DataChannel) {
        let Some(key) = self.roster.by_peer(peer) else {
            return;
        };
        let Some(participant) = self.roster.get_mut(key) else {
            return;
        };
        if channel == DataChannel::Lossy && participant.transports.primary_peer() == peer {
            participant.messages.lossy_open = true;
            let waiting = participant.messages.lossy.take();
            self.deliver_backlog(peer, channel, waiting);
        }
    }

    fn deliver_backlog(
        &mut self,
        peer: PeerId,
        channel: DataChannel,
        waiting: VecDeque<Arc<[u8]>>,
    ) {
        let peers: Arc<[PeerId]> = Arc::from([peer]);
        for payload in waiting {
            self.outputs.media(Command::SendData {
                peers: Arc::clone(&peers),
                channel,
                message: payload.into(),
            });
        }
    }

    /// Sends again the reliable messages that came after the last one that the client saw of each
    /// sender. It drops those that it has seen.
    pub(crate) fn replay(&mut self, key: ParticipantKey, seen: &[proto::DataChannelReceiveState]) {
        let Some(participant) = self.roster.get(key) else {
            return;
        };
        let seen: BTreeMap<&str, u32> = seen
            .iter()
            .map(|state| (state.publisher_sid.as_str(), state.last_seq))
            .collect();
        let peers: Arc<[_]> = Arc::from([participant.transports.primary_peer()]);
        for payload in self.history.replay(&participant.identity, &seen) {
            self.outputs.media(Command::SendData {
                peers: Arc::clone(&peers),
                channel: DataChannel::Reliable,
                message: payload.into(),
            });
        }
    }
}
