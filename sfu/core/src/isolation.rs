//! A fault of ours costs at most the peer, the publication or the report that it came up with.
//!
//! The code does not panic by construction, and its tables are looked up, never trusted: what a fault leaves
//! half done elsewhere is a missing entry. So the rest of the shard goes on. Where a fault follows in dropping
//! what is at fault, it is not held: the thread ends, and that is noticed.

use std::panic::{AssertUnwindSafe, catch_unwind};

use sfu_model::{CloseReason, Event, PeerId, RoomIndex};

use crate::Shard;
use crate::keys::{PeerKey, PublicationKey};
use crate::source::Source;

/// What ends when a fault of ours comes up.
#[derive(Clone, Copy, Debug)]
pub(crate) enum AtStake {
    Peer(PeerKey),
    /// A peer that the control plane asks something about, and that may not be here yet.
    Named(PeerId),
    /// The publication alone, or with the peer that sends it.
    Publication(PublicationKey),
    /// The reports of a room's levels, until somebody is heard again.
    Levels(RoomIndex),
    /// What is told of a room's streams, until another peer joins it.
    Statistics(RoomIndex),
    Nothing,
}

impl Shard {
    /// Does something so that a fault of ours in doing so ends what is at stake, and nothing else.
    pub(crate) fn isolated(&mut self, at_stake: AtStake, act: impl FnOnce(&mut Self)) {
        if catch_unwind(AssertUnwindSafe(|| act(self))).is_err() {
            self.end(at_stake);
        }
    }

    #[cold]
    fn end(&mut self, at_stake: AtStake) {
        match at_stake {
            AtStake::Peer(key) => self.close_faulty(key),
            AtStake::Named(peer) => match self.directory.peer(peer) {
                Some(key) => self.close_faulty(key),
                None => self.tell_of_fault(peer),
            },
            AtStake::Publication(key) => self.give_up_publication(key),
            AtStake::Levels(room) => self.levels.forget(room),
            AtStake::Statistics(room) => self.census.forget(room),
            AtStake::Nothing => {}
        }
    }

    fn give_up_publication(&mut self, key: PublicationKey) {
        let publication = self.tables.publications.get(key);
        match publication.map(|publication| publication.source) {
            None => {}
            Some(Source::Peer(peer)) => self.close_faulty(peer),
            Some(Source::Import(_)) => self.membership().give_import_up(key),
        }
    }

    /// Closes a peer after a fault of ours.
    fn close_faulty(&mut self, key: PeerKey) {
        let Some(id) = self.tables.peers.get(key).map(|peer| peer.id) else {
            return;
        };
        self.remove_peer(key);
        self.tell_of_fault(id);
    }

    fn tell_of_fault(&mut self, peer: PeerId) {
        self.output.event(Event::PeerClosed {
            peer,
            reason: CloseReason::InternalFault,
        });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use sfu_model::{
        Command, DataChannelOpener, IceCredentials, NodeIndex, Now, ShardIndex, UnixTime,
    };
    use sfu_transport::TransportConfig;

    use super::*;
    use crate::ShardConfig;
    use crate::test_clock::start;

    fn config() -> ShardConfig {
        ShardConfig::new(Arc::new(TransportConfig::generate().unwrap()))
    }

    fn now() -> Now {
        Now {
            mono: start(),
            unix: UnixTime(Duration::from_secs(1)),
        }
    }

    fn add(shard: &mut Shard, index: u8) -> PeerId {
        let peer = PeerId {
            room: RoomIndex(1),
            index: u32::from(index),
            shard: ShardIndex(0),
            node: NodeIndex(0),
        };
        let command = Command::AddPeer {
            peer,
            local: IceCredentials::generate(ShardIndex(0), [index; 34]),
            data_channels: DataChannelOpener::Peer,
        };
        shard.handle_command(now(), command);
        peer
    }

    #[test]
    fn a_fault_ends_the_peer_whose_input_was_handled() {
        let mut shard = Shard::new(ShardIndex(0), config(), [1; 32]);
        let ids = [1, 2].map(|index| add(&mut shard, index));
        let key = shard.directory.peer(ids[0]).unwrap();
        shard.isolated(AtStake::Peer(key), |_| {
            panic!("a fault, as this test has it")
        });
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
        let mut shard = Shard::new(ShardIndex(0), config(), [1; 32]);
        let peer = PeerId {
            room: RoomIndex(1),
            index: 1,
            shard: ShardIndex(0),
            node: NodeIndex(0),
        };
        // It was about to be added.
        shard.isolated(AtStake::Named(peer), |_| {
            panic!("a fault, as this test has it")
        });
        assert_eq!(failed(&mut shard), Some(peer));
        shard.isolated(AtStake::Nothing, |_| panic!("a fault that is about nobody"));
        assert!(shard.poll_event().is_none());
    }

    #[test]
    fn a_fault_about_a_publication_ends_it_with_its_peer_and_nobody_else() {
        let mut shard = Shard::new(ShardIndex(0), config(), [1; 32]);
        let [peer, other] = [1, 2].map(|index| add(&mut shard, index));
        let publication = sfu_model::PublicationId {
            room: RoomIndex(1),
            index: 1,
            shard: ShardIndex(0),
            node: NodeIndex(0),
        };
        let media = sfu_model::ReceiveMedia::unknown(sfu_model::MediaKind::Video);
        shard.handle_command(
            now(),
            Command::Publish {
                publication,
                peer,
                media,
            },
        );
        let key = shard.directory.publication(publication).unwrap();
        shard.isolated(AtStake::Publication(key), |_| {
            panic!("a fault, as this test has it")
        });
        assert!(shard.directory.publication(publication).is_none());
        assert!(shard.directory.peer(peer).is_none());
        assert!(shard.directory.peer(other).is_some());
    }

    #[test]
    fn a_fault_in_a_report_of_levels_ends_nobody() {
        let mut shard = Shard::new(ShardIndex(0), config(), [1; 32]);
        add(&mut shard, 1);
        shard.isolated(AtStake::Levels(RoomIndex(1)), |_| {
            panic!("a fault, as this test has it")
        });
        assert_eq!(shard.counters().peers, 1);
    }
}
