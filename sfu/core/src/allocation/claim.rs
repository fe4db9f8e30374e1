//! What a track asks of a link, and what it is granted.

use sfu_model::{Forwarding, Importance, Pausing, Step};

use super::LayerCosts;
use crate::keys::SubscriptionKey;

/// What one track asks of a subscriber's link.
#[derive(Clone, Debug)]
pub(crate) struct Claim {
    /// Who is to be told of the grant.
    pub(crate) subscription: SubscriptionKey,
    /// The highest layers that the subscriber has a use for.
    pub(crate) wanted: Step,
    /// How much it matters beside the others.
    pub(crate) importance: Importance,
    /// What each layer costs.
    pub(crate) costs: LayerCosts,
    /// Whether nothing may be sent where the least does not fit.
    pub(crate) pausing: Pausing,
    /// What it was granted last, and once the link is divided, what it is granted.
    pub(crate) grant: Grant,
}

/// What a track is granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Grant {
    /// What is wanted: there is room for everything, or what it costs is not known yet.
    Unlimited,
    /// Nothing.
    Paused,
    /// Layers up to these.
    Layers(Step),
}

impl Claim {
    /// Returns the layers that it may be sent by its grant; nothing if it is paused.
    pub(super) fn held(&self) -> Option<Step> {
        match self.grant {
            Grant::Unlimited => Some(self.wanted),
            Grant::Layers(step) => Some(step),
            Grant::Paused => None,
        }
    }

    /// Returns the order in which claims are served: by importance, then by what is wanted, for who shows a large
    /// picture looks at it; the rest by age.
    pub(super) fn precedence(&self) -> (Importance, Step, std::cmp::Reverse<SubscriptionKey>) {
        (
            self.importance,
            self.wanted,
            std::cmp::Reverse(self.subscription),
        )
    }
}

impl Grant {
    /// Returns what is forwarded of what is `wanted`.
    pub(crate) fn limit(self, wanted: Forwarding) -> Forwarding {
        match (self, wanted) {
            (_, Forwarding::Paused) | (Self::Paused, _) => Forwarding::Paused,
            (Self::Unlimited, wanted) => wanted,
            (Self::Layers(step), Forwarding::UpTo { spatial, temporal }) => Forwarding::UpTo {
                spatial: spatial.min(step.spatial),
                temporal: temporal.min(step.temporal),
            },
        }
    }
}
