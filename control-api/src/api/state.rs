use signaling::{KeyRing, Rooms};

use super::once::Answers;
use crate::bans::Bans;
use crate::drain::Drain;
use crate::quotas::KeyQuotas;
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
    /// How much each key may use.
    pub quotas: KeyQuotas,
    /// All receivers of events.
    pub webhooks: Webhooks,
    /// Answers to requests that may be repeated.
    pub answers: Answers,
    /// The drain of the node.
    pub drain: Drain,
}
