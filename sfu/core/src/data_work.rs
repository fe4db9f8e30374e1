//! Data messages on their way to their receivers: work that waits for everything else.
//!
//! A message for many is given to a few of them at a time, each room in turn. What the receivers'
//! transports have to send on account of it, and of acknowledgements, is encrypted a few datagrams at a
//! time, each transport in turn. The driver says how much of this is done before packets have their turn
//! again, see [`Shard::work`].

use std::sync::Arc;

use sfu_model::{DataChannel, DataMessage, Now, PeerId};

use crate::data_queue::DataFanOut;
use crate::isolation::AtStake;
use crate::keys::PeerKey;
use crate::limits::DATAGRAMS_OF_ONE_PEER;
use crate::{DropReason, Shard};

impl Shard {
    /// Does a small piece of the work that data messages make. Returns whether there was any.
    ///
    /// The driver calls it when it has nothing better to do, and for a while in each turn.
    pub fn work(&mut self, now: Now) -> bool {
        let sent = self.send_next_data(now);
        let given = self.give_next_data(now);
        sent || given
    }

    /// Reports whether [`Shard::work`] has something to do.
    pub fn has_work(&self) -> bool {
        let may_send = self.output.transmit.has_room_for_data();
        self.data_work.has_messages() || may_send && self.data_work.has_senders()
    }

    /// Takes a message that is to be given to `receivers`, as far as they live here.
    pub(crate) fn fan_out_data(
        &mut self,
        receivers: Arc<[PeerId]>,
        channel: DataChannel,
        message: DataMessage,
    ) {
        let Some(room) = receivers.first().map(|receiver| receiver.room) else {
            return;
        };
        let fan_out = DataFanOut {
            receivers,
            channel,
            message,
            done: 0,
        };
        self.data_work.push(room, fan_out);
    }

    fn give_next_data(&mut self, now: Now) -> bool {
        let Some(step) = self.data_work.next_step() else {
            return false;
        };
        for id in step.receivers.get(step.range).unwrap_or_default() {
            if let Some(key) = self.directory.peer(*id) {
                let (channel, message) = (step.channel, &step.message);
                self.isolated(AtStake::Peer(key), |shard| {
                    shard.give_data(now, key, channel, message);
                });
            }
        }
        true
    }

    fn give_data(&mut self, now: Now, key: PeerKey, channel: DataChannel, message: &DataMessage) {
        let Some(peer) = self.tables.peers.get_mut(key) else {
            return;
        };
        match peer.transport.send_data(now, channel, message.clone()) {
            Ok(()) => {
                self.output.counters.data_out += 1;
                self.settle(now, key);
            }
            // The channel is not open, or the message too long, or too much is sent again at once.
            Err(_) => self.output.drop(DropReason::DataRefused),
        }
    }

    /// Has the next transport send a few datagrams.
    fn send_next_data(&mut self, now: Now) -> bool {
        if !self.output.transmit.has_room_for_data() {
            return false;
        }
        let Some(key) = self.data_work.next_sender() else {
            return false;
        };
        self.isolated(AtStake::Peer(key), |shard| {
            if let Some(peer) = shard.tables.peers.get_mut(key) {
                peer.sends.awaits_data_turn = false;
                if peer.send_data(now, DATAGRAMS_OF_ONE_PEER, &mut shard.output) {
                    shard.data_work.note_sender(key, peer);
                }
            }
            shard.take_transport_events(now, key);
        });
        true
    }
}
