//! What an answer of ours says, and what follows from it.

use std::collections::BTreeMap;

use sfu_model::{Mid, ReceiveMedia, SendMedia, SubscriptionId};

/// What to tell the client and the shard.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The text.
    pub sdp: String,
    /// The track of every section in which we send. What the client publishes is not in it: clients
    /// keep one map for both of two transports, whose identifiers overlap.
    pub mid_to_track_id: BTreeMap<String, String>,
    /// Sections in which the client publishes and whose track or `ReceiveMedia` is other than at the
    /// last answer (all of them at first). One without a decision is here too: its request may
    /// follow.
    pub receives: Vec<(Mid, ReceiveMedia)>,
    /// Subscriptions that got a section, or whose `SendMedia` is other than at the last answer. Its
    /// `forwarding` is what [`SendTrack`](super::SendTrack) said.
    pub sends: Vec<(SubscriptionId, SendMedia)>,
    /// Subscriptions of which the client accepts no codec. They are removed.
    pub unsupported: Vec<SubscriptionId>,
}
