use std::fmt;

/// A room's number in this process. It is never reused.
///
/// Every id of the media plane carries it, so that whatever a shard reports finds its room without
/// a lookup by participant. It carries its [`ShardIndex`] too, so that whatever a room asks for finds
/// its shard: a publication lives where its publisher's peer does, a subscription where its
/// receiver's does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoomIndex(pub u32);

/// A shard's number in its node: `0..shards`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShardIndex(pub u16);

/// A node's number among those that a room may span. A node that is alone is number 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeIndex(pub u16);

macro_rules! room_scoped_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name {
            /// The room that handed the id out.
            pub room: RoomIndex,
            /// Its number in that room, never reused.
            pub index: u32,
            /// The shard that it lives on, from beginning to end.
            pub shard: ShardIndex,
            /// The node that it lives on, whose rooms and shards these are.
            pub node: NodeIndex,
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}/{}", self.room.0, self.index)
            }
        }
    };
}

room_scoped_id! {
    /// The far end of one peer connection.
    PeerId
}
room_scoped_id! {
    /// A track that a peer sends to us, in one codec: all its layers and retransmissions.
    PublicationId
}
room_scoped_id! {
    /// One peer's receipt of one publication.
    SubscriptionId
}
