//! What of a track is wanted, and what its publisher was told of that.

use sfu_model::{Forwarding, SpatialLayer};

use crate::proto::VideoQuality;

/// How many subscriptions forward up to each layer. Paused ones count nowhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Demand {
    wanting: [u32; SpatialLayer::COUNT],
}

impl Demand {
    pub(crate) fn add(&mut self, forwarding: Forwarding) {
        if let Some(count) = self.count(forwarding) {
            *count += 1;
        }
    }

    pub(crate) fn remove(&mut self, forwarding: Forwarding) {
        if let Some(count) = self.count(forwarding) {
            *count = count.saturating_sub(1);
        }
    }

    fn count(&mut self, forwarding: Forwarding) -> Option<&mut u32> {
        match forwarding {
            Forwarding::Paused => None,
            Forwarding::UpTo { spatial, .. } => self.wanting.get_mut(usize::from(spatial.0)),
        }
    }

    pub(crate) fn highest(&self) -> Option<usize> {
        self.wanting.iter().rposition(|count| *count > 0)
    }
}

/// What a publisher was told of the demand for its track.
#[derive(Debug, Default)]
pub(crate) struct ToldDemand {
    /// The highest quality that is wanted of each stream, [`VideoQuality::Off`] for none; empty until
    /// something was told.
    pub(crate) qualities: Vec<VideoQuality>,
    /// Whether the first delay is over.
    pub(crate) settled: bool,
}
