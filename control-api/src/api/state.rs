use signaling::{KeyRing, Rooms};

use crate::bans::Bans;
use crate::drain::Drain;
use crate::webhooks::Webhooks;

/// What the API needs of the node.
#[derive(Clone, Debug)]
pub struct Api {
    /// All rooms.
    pub rooms: Rooms,
    /// Keys to sign tokens with.
    pub keys: KeyRing,
    /// All bans.
    pub bans: Bans,
    /// All receivers of events.
    pub webhooks: Webhooks,
    /// The drain of the node.
    pub drain: Drain,
}
