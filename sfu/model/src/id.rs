use std::fmt;

/// A room's number in this process. It is never reused.
///
/// Every id of the media plane carries it, so that whatever a shard reports finds its room without
/// a lookup by participant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoomIndex(pub u32);

/// A shard's number: `0..shards`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShardIndex(pub u16);

macro_rules! room_scoped_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name {
            /// The room that handed the id out.
            pub room: RoomIndex,
            /// Its number in that room, never reused.
            pub index: u32,
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
