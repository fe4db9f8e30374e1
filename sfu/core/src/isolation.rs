use std::panic::{AssertUnwindSafe, catch_unwind};

use sfu_model::{CloseReason, Event, PeerId};

use crate::Shard;
use crate::peer::PeerKey;

impl Shard {
    /// Handles a peer's input so that a fault of ours in doing so ends that peer alone.
    ///
    /// The code below does not panic by construction, and its tables are looked up, never trusted: what a
    /// fault leaves half done elsewhere is a missing entry. So the rest of the shard goes on.
    pub(crate) fn isolated(&mut self, key: PeerKey, act: impl FnOnce(&mut Self)) {
        if catch_unwind(AssertUnwindSafe(|| act(self))).is_err() {
            self.close_faulty(key);
        }
    }

    /// Does what the control plane asks about a peer, which may not be here yet, so that a fault of ours in
    /// doing so ends that peer alone.
    pub(crate) fn isolated_for(&mut self, about: Option<PeerId>, act: impl FnOnce(&mut Self)) {
        if catch_unwind(AssertUnwindSafe(|| act(self))).is_ok() {
            return;
        }
        let Some(peer) = about else {
            return;
        };
        match self.directory.peer(peer) {
            Some(key) => self.close_faulty(key),
            None => self.output.event(Event::PeerClosed {
                peer,
                reason: CloseReason::InternalFault,
            }),
        }
    }

    /// Closes a peer after a fault of ours.
    pub(crate) fn close_faulty(&mut self, key: PeerKey) {
        let Some(id) = self.peers.get(key).map(|peer| peer.id) else {
            return;
        };
        self.remove_peer(key);
        self.output.event(Event::PeerClosed {
            peer: id,
            reason: CloseReason::InternalFault,
        });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use sfu_model::{
        Command, DataChannelOpener, IceCredentials, Now, RoomIndex, ShardIndex, UnixTime,
    };
    use sfu_transport::TransportConfig;

    use super::*;
    use crate::ShardConfig;
    use crate::test_clock::start;

    #[test]
    fn a_fault_ends_the_peer_whose_input_was_handled() {
        let transport = Arc::new(TransportConfig::generate().unwrap());
        let mut shard = Shard::new(ShardIndex(0), ShardConfig::new(transport), [1; 32]);
        let now = Now {
            mono: start(),
            unix: UnixTime(Duration::from_secs(1)),
        };
        let ids = [1, 2].map(|index| PeerId {
            room: RoomIndex(1),
            index,
            shard: ShardIndex(0),
        });
        for peer in ids {
            let byte = u8::try_from(peer.index).unwrap();
            shard.handle_command(
                now,
                Command::AddPeer {
                    peer,
                    local: IceCredentials::generate(ShardIndex(0), [byte; 34]),
                    data_channels: DataChannelOpener::Peer,
                },
            );
        }
        let key = shard.directory.peer(ids[0]).unwrap();
        shard.isolated(key, |_| panic!("a fault, as this test has it"));
        assert_eq!(shard.counters().peers, 1);
        assert!(shard.directory.peer(ids[1]).is_some());
        assert_eq!(failed(&mut shard), Some(ids[0]));
    }

    /// Returns the next peer that was closed after a fault.
    fn failed(shard: &mut Shard) -> Option<PeerId> {
        match shard.poll_event() {
            Some(Event::PeerClosed {
                peer,
                reason: CloseReason::InternalFault,
            }) => Some(peer),
            _ => None,
        }
    }

    #[test]
    fn a_fault_in_doing_what_is_asked_ends_the_peer_that_it_is_about() {
        let transport = Arc::new(TransportConfig::generate().unwrap());
        let mut shard = Shard::new(ShardIndex(0), ShardConfig::new(transport), [1; 32]);
        let peer = PeerId {
            room: RoomIndex(1),
            index: 1,
            shard: ShardIndex(0),
        };
        // It was about to be added.
        shard.isolated_for(Some(peer), |_| panic!("a fault, as this test has it"));
        assert_eq!(failed(&mut shard), Some(peer));
        shard.isolated_for(None, |_| panic!("a fault that is about nobody"));
        assert!(shard.poll_event().is_none());
    }
}
