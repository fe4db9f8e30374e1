//! Callers in one room, the first of whom shows a picture to the others.

use std::time::Instant;

use sfu_driver::MediaPlane;
use sfu_model::{Command, NodeIndex, PeerId, PublicationId, RoomIndex, ShardIndex, SubscriptionId};

use crate::caller::Caller;
use crate::{PATIENCE, media, send};

const ROOM: RoomIndex = RoomIndex(1);

/// Callers in one room, the first of whom shows a picture to the others.
pub(crate) struct Call {
    publisher: Caller,
    receivers: Vec<Caller>,
    picture: u16,
}

/// A peer of one of two shards.
pub(crate) fn peer_id(index: u32) -> PeerId {
    PeerId {
        room: ROOM,
        index,
        shard: ShardIndex(u16::try_from(index % 2).unwrap()),
        node: NodeIndex(0),
    }
}

impl Call {
    /// Connects peers, and has all but the first subscribe to what that one publishes.
    pub(crate) fn begin(plane: &MediaPlane, indices: &[u32]) -> Self {
        let join = |index: &u32| Caller::join(plane, peer_id(*index));
        let mut callers: Vec<Caller> = indices.iter().map(join).collect();
        let patience = Instant::now() + PATIENCE;
        while !callers.iter().all(Caller::is_connected) {
            assert!(Instant::now() < patience, "not all are connected");
            callers.iter_mut().for_each(Caller::turn);
        }
        let (publisher, receivers) = indices.split_first().unwrap();
        let publisher = peer_id(*publisher);
        let publication = PublicationId {
            room: ROOM,
            index: publisher.index,
            shard: publisher.shard,
            node: NodeIndex(0),
        };
        let publish = Command::Publish {
            publication,
            peer: publisher,
            media: media::received(),
        };
        let subscribe = receivers.iter().map(|index| Command::Subscribe {
            subscription: SubscriptionId {
                room: ROOM,
                index: *index,
                shard: peer_id(*index).shard,
                node: NodeIndex(0),
            },
            publication,
            peer: peer_id(*index),
            media: media::sent(),
        });
        send(plane, [publish].into_iter().chain(subscribe));
        Self {
            publisher: callers.remove(0),
            receivers: callers,
            picture: 0,
        }
    }

    /// Has the publisher send pictures until ten more have reached each of the others.
    pub(crate) fn go_on(&mut self) {
        let patience = Instant::now() + PATIENCE;
        self.receivers.iter_mut().for_each(|it| it.pictures = 0);
        while !self.receivers.iter().all(|it| it.pictures >= 10) {
            assert!(Instant::now() < patience, "some see nothing");
            self.publisher.send(&media::picture(self.picture));
            self.picture += 1;
            self.publisher.turn();
            self.receivers.iter_mut().for_each(Caller::turn);
        }
    }
}
