//! Names of what a shard holds, on the ground floor: so peers, publications and subscriptions can name each
//! other without knowing each other.

use crate::slot_map::Key;

/// Marks keys of peers.
#[derive(Debug)]
pub(crate) enum OfPeer {}

/// Marks keys of publications.
#[derive(Debug)]
pub(crate) enum OfPublication {}

/// Marks keys of subscriptions.
#[derive(Debug)]
pub(crate) enum OfSubscription {}

/// Names a peer of this shard.
pub(crate) type PeerKey = Key<OfPeer>;

/// Names a publication of this shard, its own or an import.
pub(crate) type PublicationKey = Key<OfPublication>;

/// Names a subscription of this shard.
pub(crate) type SubscriptionKey = Key<OfSubscription>;
