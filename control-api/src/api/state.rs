use signaling::Rooms;

use crate::bans::Bans;

/// What the API needs of the node.
#[derive(Clone, Debug)]
pub struct Api {
    /// All rooms.
    pub rooms: Rooms,
    /// All bans.
    pub bans: Bans,
}
