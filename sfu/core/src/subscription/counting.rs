//! What is counted of a subscription.

use std::time::{Duration, Instant};

use sfu_model::{Forwarding, MediaKind, SpatialLayer, Step, SubscriptionStatistics, TemporalLayer};

use crate::allocation::Grant;
use crate::publication::Publication;

use super::{Subscription, Told};

impl Subscription {
    /// Returns what was counted, if that is other than was told last.
    pub(crate) fn take_statistics(
        &mut self,
        now: Instant,
        publication: &Publication,
    ) -> Option<SubscriptionStatistics> {
        let reported = *self.stream.reported();
        let told = Told {
            packets: self.stream.stats.packets(),
            reports: reported.reports,
            grant: Some(self.grant),
        };
        if std::mem::replace(&mut self.told, told) == told {
            return None;
        }
        let codec = self.latest.map(|(_, binding)| binding.codec);
        let ticks = codec.map_or(90_000, |codec| codec.clock_rate());
        let wanted = self.wanted_step(now, publication);
        Some(SubscriptionStatistics {
            subscription: self.id,
            codec,
            packets: told.packets,
            bytes: self.stream.stats.octets(),
            reports: reported.reports,
            lost: reported.lost,
            jitter: Duration::from_secs(reported.jitter.into()) / ticks,
            round_trip: self.stream.stats.rtt(),
            forwarded: wanted.and_then(|wanted| self.forwarded_step(publication, wanted)),
            wanted,
            paused: self.grant == Grant::Paused,
        })
    }

    /// Returns the highest layers that its publisher sends of those that are wanted.
    fn wanted_step(&self, now: Instant, publication: &Publication) -> Option<Step> {
        let Forwarding::UpTo { spatial, temporal } = self.media.forwarding else {
            return None;
        };
        match publication.kind() {
            MediaKind::Audio => None,
            MediaKind::Video => publication
                .layer_costs(now)
                .best_up_to(Step { spatial, temporal }),
        }
    }

    /// Returns the layers that are forwarded, of a stream that has those that are `wanted`.
    fn forwarded_step(&self, publication: &Publication, wanted: Step) -> Option<Step> {
        let encoding = self.selector.current()?;
        let (spatial, temporal) = self.selector.layers();
        Some(Step {
            spatial: match publication.has_several_encodings() {
                true => SpatialLayer(encoding),
                false => SpatialLayer(spatial).min(wanted.spatial),
            },
            temporal: TemporalLayer(temporal).min(wanted.temporal),
        })
    }
}
